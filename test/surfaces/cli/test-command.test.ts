import { describe, expect, it } from 'vitest';
import type { RowReport, TestReport } from '../../../src/checks/policy/testing/report.ts';
import { parseCommand } from '../../../src/surfaces/cli/arguments.ts';
import type { TestCommand } from '../../../src/surfaces/cli/test-arguments.ts';
import { runTestCommand } from '../../../src/surfaces/cli/test-command.ts';
import { thrownBy } from '../../support/thrown.ts';

const row: RowReport = {
  place: 'p/kyverno-test.yaml:9:3',
  policy: 'limits',
  rule: 'check',
  kind: 'Pod',
  resources: ['web'],
  expected: 'pass',
  operation: '',
  outcome: 'passed',
  reason: '',
  differences: [],
};
const failed: RowReport = {
  ...row,
  outcome: 'failed',
  reason: 'expected pass, got fail',
  differences: [
    { object: 'Pod shop/web', rule: 'autogen-check', got: 'fail', message: 'no <limits> & "more"\u001b[31m' },
  ],
};
const left: RowReport = { ...row, outcome: 'not evaluated', reason: 'it mutates' };
const report = (rows: readonly RowReport[], more: Partial<TestReport> = {}): TestReport => ({
  file: 'p/kyverno-test.yaml',
  name: 'limits',
  rows,
  warnings: [],
  error: undefined,
  ...more,
});
const unread = report([], { error: { code: 'TEST_INVALID', message: 'p:1:2: unknown key', mend: 'Correct it.' } });

async function print(reports: readonly TestReport[], flags = '', terminal = false) {
  const command = parseCommand(['test', 'p', ...flags.split(' ').filter((flag) => flag !== '')]) as TestCommand;
  const world = { run: async () => reports, terminal, progress: undefined };
  return await runTestCommand(command, world, new AbortController().signal);
}

describe('the command line of tests', () => {
  it('takes paths, filters and forms', () => {
    expect(parseCommand('test a b --policy p* --rule r --resource x -o junit -q --timeout 9'.split(' '))).toEqual({
      name: 'test',
      paths: ['a', 'b'],
      filter: { policy: 'p*', rule: 'r', resource: 'x' },
      options: { output: 'junit', quiet: true, color: true, requireEvaluated: false, timeoutSeconds: 9 },
    });
    expect(parseCommand(['test', '--help'])).toEqual({ name: 'help', topic: 'test' });
  });
  it.each([
    ['test', 'takes one path or more'],
    ['test p -o yaml', 'takes text, json or junit'],
    ['test p --timeout never', 'whole seconds'],
    ['test p --polic x', 'did you mean --policy?'],
    ['test p --rule=', 'was given none'],
    ['test p --config gate.yaml', 'knows no flag --config'],
  ])('%s is refused', (line, message) => {
    const error = thrownBy(() => parseCommand(line.split(' ')));
    expect([error.code, error.message]).toEqual(['USAGE', expect.stringContaining(message)]);
  });
});

describe('what a run of tests exits with', () => {
  it.each<[string, readonly TestReport[], string, number]>([
    ['every row passed', [report([row, row])], '', 0],
    ['some rows were not evaluated', [report([row, left])], '', 0],
    ['they had to be', [report([row, left])], '--require-evaluated', 1],
    ['none was, and all had to be', [report([left])], '--require-evaluated', 1],
    ['a row failed', [report([row, failed])], '', 1],
    ['nothing was evaluated', [report([left])], '', 2],
    ['nothing was left by the filters', [], '--policy x', 2],
    ['a test could not be read', [report([row]), unread], '', 3],
    [
      'a thread ended',
      [report([failed], { error: { code: 'TEST_CRASHED', message: 'gone', mend: 'Run it.' } })],
      '',
      2,
    ],
  ])('%s', async (_, reports, flags, exitCode) => {
    for (const output of ['text', 'json', 'junit']) {
      expect((await print(reports, `${flags} -o ${output}`)).exitCode).toBe(exitCode);
    }
  });
});

describe('what a run of tests prints', () => {
  const reports = [report([row, failed, left], { warnings: ['a thing twice'] }), unread];

  it('is a line a test, what did not pass, and a last line', async () => {
    const { stdout } = await print(reports);
    expect(stdout.split('\n')).toEqual([
      'FAILED p/kyverno-test.yaml (limits): 1 of 3 rows passed',
      '  warning a thing twice',
      '  failed limits check, Pod web: pass: expected pass, got fail (p/kyverno-test.yaml:9:3)',
      '    Pod shop/web: fail by autogen-check: no <limits> & "more"\\u001b[31m',
      '  not evaluated limits check, Pod web: pass: it mutates',
      'ERROR p/kyverno-test.yaml (limits)',
      '  TEST_INVALID p:1:2: unknown key. Correct it.',
      '1 passed, 2 failed, 1 not evaluated',
      '',
    ]);
  });

  it('is with --quiet only what did not pass', async () => {
    expect((await print([report([row], { warnings: ['a thing twice'] })], '-q')).stdout).toBe(
      '1 passed, 0 failed, 0 not evaluated\n',
    );
    expect((await print([report([row]), report([left])], '-q')).stdout.split('\n')).toEqual([
      'not evaluated p/kyverno-test.yaml (limits): 0 of 1 row passed',
      '  not evaluated limits check, Pod web: pass: it mutates',
      '1 passed, 0 failed, 1 not evaluated',
      '',
    ]);
    expect((await print([report([row, left])], '-q')).stdout).toContain('not evaluated limits check');
    expect((await print([report([], { warnings: ['it has no results'] })], '-q')).stdout).toContain('no results');
    expect((await print([report([failed])], '-q')).stdout).toContain('FAILED');
  });

  it('is in every form that a row failed which was not evaluated and had to be', async () => {
    const flags = '--require-evaluated';
    const last = '1 passed, 1 failed, 0 not evaluated\n';
    const reports = [report([row, left])];
    const asText = await print(reports, flags);
    expect(asText.stdout).toContain('failed limits check, Pod web: pass: not evaluated: it mutates (p/kyverno-test');
    expect(asText.stdout.endsWith(last)).toBe(true);
    const asJson = await print(reports, `${flags} -o json`);
    expect(JSON.parse(asJson.stdout)).toMatchObject({
      passed: 1,
      failed: 1,
      notEvaluated: 0,
      tests: [{ rows: [{ outcome: 'passed' }, { outcome: 'failed', reason: 'not evaluated: it mutates' }] }],
    });
    const asJunit = await print(reports, `${flags} -o junit`);
    expect(asJunit.stdout).toContain('tests="2" failures="1" errors="0" skipped="0"');
    expect(asJunit.stdout).toContain('<failure message="not evaluated: it mutates">');
    expect(asJunit.stdout).not.toContain('<skipped');
    expect([asJson.stderr, asJunit.stderr]).toEqual([last, last]);
  });

  it('says once that there was an error', async () => {
    const differences = ['', 'autogen-check'].map((by) => ({
      object: 'Pod shop/web',
      rule: by,
      got: 'error',
      message: 'error: no such key: spec',
    }));
    const { stdout } = await print([report([{ ...failed, differences }])]);
    expect(stdout).toContain('Pod shop/web: error: no such key: spec\n');
    expect(stdout).toContain('Pod shop/web: error by autogen-check: no such key: spec\n');
  });

  it('has colours on a terminal alone', async () => {
    expect((await print(reports)).stdout).not.toContain('\u001b');
    expect((await print(reports, '', true)).stdout).toContain('\u001b[31mFAILED');
    expect((await print(reports, '--no-color', true)).stdout).not.toContain('\u001b');
  });

  it('is one document of JSON, the last line beside it', async () => {
    const { stdout, stderr } = await print(reports, '-o json');
    expect(JSON.parse(stdout)).toMatchObject({
      schema: 'syncgate.dev/test/v1alpha1',
      passed: 1,
      failed: 2,
      notEvaluated: 1,
    });
    expect(JSON.parse(stdout).tests[0].rows[1].differences[0].got).toBe('fail');
    expect(stderr).toBe('1 passed, 2 failed, 1 not evaluated\n');
  });

  it('is JUnit XML that holds no character XML has no spelling for', async () => {
    const { stdout, stderr } = await print(reports, '-o junit');
    expect(stdout).toContain('<testsuites name="syncgate test" tests="4" failures="1" errors="1" skipped="1">');
    expect(stdout).toContain(
      '<testsuite name="limits" file="p/kyverno-test.yaml" tests="3" failures="1" errors="0" skipped="1">',
    );
    const counted = (name: string) =>
      [...stdout.matchAll(new RegExp(`<testsuite .* ${name}="(\\d+)"`, 'g'))].reduce(
        (sum, [, n]) => sum + Number(n),
        0,
      );
    expect(['tests', 'failures', 'errors', 'skipped'].map(counted)).toEqual([4, 1, 1, 1]);
    expect(stdout).toContain('<system-err>a thing twice</system-err>');
    expect(stdout).toContain('<failure message="expected pass, got fail">');
    expect(stdout).toContain('no &lt;limits&gt; &amp; "more"\\u001b[31m');
    expect(stdout).toContain('<skipped message="it mutates"/>');
    expect(stdout).toContain('<error message="TEST_INVALID p:1:2: unknown key">');
    expect(stderr).toBe('1 passed, 2 failed, 1 not evaluated\n');
  });
});
