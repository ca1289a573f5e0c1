import type { Reporter, TestModule } from 'vitest/node';

/**
 * Closes a run with one plain line, `N passed, N failed`, that any CI can read. A file that could not load has failed.
 * What failed is named in lines of its own, which `.ci/run` repeats at its end: the cause must not scroll away.
 */
export default class TallyReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    let passed = 0;
    let failed = unhandledErrors.length;
    let skipped = 0;
    const named = unhandledErrors.map((error) => `(outside of a test): ${firstLine(error)}`);
    for (const module of modules) {
      const errors = module.state() === 'failed' ? module.errors() : [];
      failed += errors.length;
      named.push(...errors.map((error) => `${module.relativeModuleId}: ${firstLine(error)}`));
      for (const test of module.children.allTests()) {
        const { state, errors: thrown } = test.result();
        if (state === 'passed') passed++;
        else if (state === 'failed') {
          failed++;
          named.push(`${module.relativeModuleId} > ${test.fullName}: ${firstLine(thrown?.[0])}`);
        } else skipped++;
      }
    }
    for (const each of named) process.stdout.write(`failed: ${each}\n`);
    process.stdout.write(`${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}\n`);
  }
}

function firstLine(error: unknown): string {
  const message = typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : '';
  return message.split('\n', 1)[0]?.slice(0, 300) ?? '';
}
