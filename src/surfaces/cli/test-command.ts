import { requiringEvaluated, type Tally, type TestReport, tallyOf } from '../../checks/policy/testing/report.ts';
import { CODES } from '../../core/errors.ts';
import { colourPalette, jsonText, plainPalette } from '../../report/text.ts';
import { exitCodeOf, type Printed } from './judge-command.ts';
import type { TestCommand } from './test-arguments.ts';
import { junitOf } from './test-junit.ts';
import { reportLines, tallyText } from './test-text.ts';

export interface TestWorld {
  /** Runs every test at or below the paths, in the order of their files. Throws TEST_MISSING, and USAGE where the filter takes no row. */
  readonly run: (
    paths: readonly string[],
    filter: TestCommand['filter'],
    signal: AbortSignal,
    progress: ((done: number, all: number) => void) | undefined,
  ) => Promise<readonly TestReport[]>;
  readonly terminal: boolean;
  readonly progress: ((line: string) => void) | undefined;
}

/**
 * Runs tests of policies and reports every row. It exits with 0 only if something was judged and every judged row passed:
 * with 1 where one failed, with the code of the worst where a test could not be read, with 2 where nothing was evaluated.
 */
export async function runTestCommand(command: TestCommand, world: TestWorld, signal: AbortSignal): Promise<Printed> {
  const { progress } = world;
  const show = progress && ((done: number, all: number) => progress(`${done}/${all} tests`));
  const judged = await world.run(command.paths, command.filter, signal, show);
  progress?.('');
  const reports = command.options.requireEvaluated ? requiringEvaluated(judged) : judged;
  const tally = tallyOf(reports);
  const { output, quiet, color } = command.options;
  const exitCode = exitCodeFor(reports, tally);
  const summary = tallyText(tally);
  if (output === 'json') {
    const stdout = jsonText({ schema: 'syncgate.dev/test/v1alpha1', ...tally, tests: reports });
    return { stdout, stderr: `${summary}\n`, exitCode };
  }
  if (output === 'junit') return { stdout: junitOf(reports, tally), stderr: `${summary}\n`, exitCode };
  const palette = world.terminal && color ? colourPalette : plainPalette;
  const lines = reports.flatMap((report) => reportLines(report, palette, quiet));
  return { stdout: `${[...lines, summary].join('\n')}\n`, stderr: '', exitCode };
}

function exitCodeFor(reports: readonly TestReport[], tally: Tally): number {
  const codes = reports.map(({ error }) =>
    error === undefined ? 0 : exitCodeOf(CODES[error.code as keyof typeof CODES].answer),
  );
  if (tally.failed > 0) codes.push(exitCodeOf('denied'));
  // Nothing was judged, and so nothing has passed.
  if (tally.passed + tally.failed === 0) codes.push(exitCodeOf('unevaluated'));
  return Math.max(0, ...codes);
}
