import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSandbox, type Sandbox } from '../support/cli.ts';

/** `syncgate test` as a user runs it: many tests, in threads of the built command. */

const policy = `apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: { name: named }
spec:
  rules:
    - name: check
      match: { any: [{ resources: { kinds: [Pod] } }] }
      validate:
        message: pods are called good
        pattern: { metadata: { name: good } }
`;
const pods = ['good', 'bad'].map((name) => `{apiVersion: v1, kind: Pod, metadata: {name: ${name}}}`).join('\n---\n');
const row = (name: string, result: string) => ({
  policy: 'named',
  rule: 'check',
  kind: 'Pod',
  resources: [name],
  result,
});
const test = (results: readonly object[]) =>
  JSON.stringify({ policies: ['policy.yaml'], resources: ['pods.yaml'], results });

let sandbox: Sandbox;
beforeAll(() => {
  sandbox = createSandbox();
  for (let i = 0; i < 40; i++) {
    sandbox.write({
      [`many/${i}/policy.yaml`]: policy,
      [`many/${i}/pods.yaml`]: pods,
      [`many/${i}/kyverno-test.yaml`]: test([row('good', 'pass'), row('bad', 'fail')]),
    });
  }
  sandbox.write({
    'wrong/policy.yaml': policy,
    'wrong/pods.yaml': pods,
    'wrong/kyverno-test.yaml': test([row('bad', 'pass')]),
    'broken/kyverno-test.yaml': 'result: []',
    'refused/policy.yaml': policy.replace('message:', 'mesage:'),
    'refused/pods.yaml': pods,
    'refused/kyverno-test.yaml': test([row('good', 'pass')]),
  });
});
afterAll(() => sandbox[Symbol.dispose]());

const run = (...args: string[]) => sandbox.run(['test', ...args], { cwd: sandbox.path });

describe('syncgate test', () => {
  it('runs many tests, prints them in their order, and leaves nothing behind', async () => {
    const { exitCode, stdout, stderr, leftFiles, leftProcesses } = await run('many');
    expect([exitCode, stderr]).toEqual([0, '']);
    const lines = stdout.trim().split('\n');
    expect(lines).toHaveLength(41);
    expect(lines.at(-1)).toBe('80 passed, 0 failed, 0 not evaluated');
    const order = lines.slice(0, 40).map((line) => /many\/(\d+)\//.exec(line)?.[1]);
    expect(order).toEqual([...order].sort());
    expect([leftFiles, leftProcesses]).toEqual([[], []]);
  });

  it('says which resource of a row gave another result, and exits with 1', async () => {
    const { exitCode, stdout } = await run('many', 'wrong');
    expect(exitCode).toBe(1);
    expect(stdout).toContain('failed named check, Pod bad: pass: expected pass, got fail (wrong/kyverno-test.yaml:1:');
    expect(stdout).toContain(
      'Pod default/bad: fail: validation error: pods are called good. rule check failed at path /metadata/name/',
    );
    expect(stdout).toMatch(/80 passed, 1 failed, 0 not evaluated\n$/);
  });

  it('exits with 3 for a test that cannot be read, and runs the others', async () => {
    const { exitCode, stdout } = await run('many', 'broken');
    expect(exitCode).toBe(3);
    expect(stdout).toContain('TEST_INVALID broken/kyverno-test.yaml:1:9: unknown key "result"');
    expect(stdout).toMatch(/80 passed, 1 failed, 0 not evaluated\n$/);
  });

  it('fails the rows of a policy that cannot be loaded, with its line', async () => {
    const { exitCode, stdout } = await run('refused');
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/the policy cannot judge: refused\/policy\.yaml:9:\d+: .*mesage/);
  });

  it.each(['many', 'wrong'])('says of %s that no row is as the filters ask, and what was meant', async (path) => {
    const { exitCode, stdout, stderr } = await run(path, '--rule', 'chekc', '-o', 'junit');
    expect([exitCode, stdout]).toEqual([3, '']);
    expect(stderr).toContain('USAGE no row matches --rule chekc; did you mean check?');
  });

  it('says of a test without results that it judges nothing', async () => {
    sandbox.write({ 'without/kyverno-test.yaml': 'resources: []' });
    const { exitCode, stdout } = await run('without');
    expect(exitCode).toBe(2);
    expect(stdout).toContain('without/kyverno-test.yaml: the test has no results, and so nothing of it is judged');
  });

  it('says that there is no test', async () => {
    sandbox.write({ 'empty/readme.md': '' });
    const { exitCode, stdout, stderr } = await run('empty');
    expect([exitCode, stdout]).toEqual([3, '']);
    expect(stderr).toContain('TEST_MISSING no kyverno-test.yaml lies in or below empty');
  });
});
