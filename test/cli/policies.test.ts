import { describe, expect, it } from 'vitest';
import type { Code } from '../../src/core/errors.ts';
import { createSandbox, type Files, judgingCommands, type Sandbox } from '../support/cli.ts';
import { expectRefusal } from '../support/refusal.ts';
import { tool } from '../support/tools/resolve.ts';

const pod = 'apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec: {}\n';
const denyAll = 'package main\n\ndeny contains "no pods today" if input.kind == "Pod"\n';
const allowAll = 'package main\n\ndeny contains "never" if input.kind == "Nothing"\n';

function policySandbox(policies: Files, rego: object = {}, repository: Files = { 'app/pod.yaml': pod }): Sandbox {
  const sandbox = createSandbox(repository, { policies: [{ path: 'policies' }], rego });
  sandbox.write(
    Object.fromEntries(Object.entries(policies).map(([name, text]) => [`platform/policies/${name}`, text])),
  );
  return sandbox;
}

async function withOpa(policies: Files, rego: object = {}, repository?: Files): Promise<Sandbox> {
  const sandbox = policySandbox(policies, rego, repository);
  await sandbox.realProgram('opa');
  return sandbox;
}

describe.each(judgingCommands)('syncgate %s', (command) => {
  it('lets out what no rule denies', async () => {
    using sandbox = await withOpa({ 'a.rego': allowAll });
    const run = await sandbox.judge(command);
    expect(run, run.stderr).toMatchObject({ exitCode: 0, leftFiles: [], leftProcesses: [] });
    expect(run.stdout.includes('"kind":"Pod"')).toBe(command !== 'check');
  });

  it.each<[string, Files, Code, readonly (string | RegExp)[]]>([
    [
      'a rule that denies',
      { 'a.rego': denyAll },
      'POLICY_DENIED',
      ['main.deny', 'Pod shop/web', 'app/pod.yaml:1', 'no pods today'],
    ],
    [
      'a rule that does not compile',
      { 'a.rego': 'package main\n\ndeny contains "x" if input.kind ==\n' },
      'REGO_INVALID',
      [/policies\/a\.rego:\d/],
    ],
    [
      'a rule of another Rego',
      { 'a.rego': 'package main\n\ndeny["x"] { input.kind == "Pod" }\n' },
      'REGO_INVALID',
      ['a.rego'],
    ],
    [
      'a rule that calls http.send',
      {
        'a.rego':
          'package main\n\ndeny contains "x" if http.send({"method": "get", "url": "http://127.0.0.1:1/"}).status_code == 200\n',
      },
      'REGO_INVALID',
      ['http.send', 'a.rego:3'],
    ],
    [
      'a rule that asks the resolver',
      { 'a.rego': 'package main\n\ndeny contains "x" if net.lookup_ip_addr("localhost")\n' },
      'REGO_INVALID',
      ['net.lookup_ip_addr'],
    ],
    [
      'a rule that reads the environment',
      { 'a.rego': 'package main\n\ndeny contains "x" if opa.runtime().env.HOME\n' },
      'REGO_INVALID',
      ['opa.runtime'],
    ],
    [
      'a rule that uses an unknown function',
      { 'a.rego': 'package main\n\ndeny contains "x" if nothing.known(input)\n' },
      'REGO_INVALID',
      ['nothing.known'],
    ],
    [
      'a rule that fails inside',
      { 'a.rego': 'package main\n\ndeny contains "x" if to_number(input.kind) == 1\n' },
      'REGO_EVALUATION_FAILED',
      ['Pod shop/web'],
    ],
    [
      'rules that contradict each other',
      { 'a.rego': 'package main\n\nkind := "a"\n\nkind := "b"\n\ndeny contains "x" if kind == "c"\n' },
      'REGO_EVALUATION_FAILED',
      [/./],
    ],
    [
      'a deny that is no set',
      { 'a.rego': 'package main\n\ndeny if input.kind == "Pod"\n' },
      'REGO_NOT_A_SET',
      ['deny'],
    ],
    ['a deny that is never true', { 'a.rego': 'package main\n\ndeny := false\n' }, 'REGO_NOT_A_SET', ['deny']],
    [
      'a result that is no message',
      { 'a.rego': 'package main\n\ndeny contains 3 if input.kind == "Pod"\n' },
      'REGO_RESULT_INVALID',
      [/./],
    ],
    [
      'a message that draws and forges',
      { 'a.rego': 'package main\n\ndeny contains "a\\u001b[2J\\nallowed" if input.kind == "Pod"\n' },
      'POLICY_DENIED',
      [/./],
    ],
    [
      'a package that is not selected',
      { 'a.rego': denyAll, 'b.rego': 'package other\n\ndeny contains "x" if input.kind == "Pod"\n' },
      'REGO_PACKAGE_UNSELECTED',
      ['other'],
    ],
    ['no package that is selected', { 'a.rego': 'package other\n\nhelp := 1\n' }, 'REGO_PACKAGE_MISSING', ['main']],
    [
      'a rule for a webhook',
      { 'a.rego': 'package main\n\ndeny contains "x" if input.request.kind.kind == "Pod"\n' },
      'REGO_INPUT_FOREIGN',
      ['input.request'],
    ],
    ['a folder without a policy', { 'README.md': '# later\n' }, 'POLICY_MISSING', ['policies']],
    [
      'a policy of another engine',
      {
        'a.rego': allowAll,
        'b.yaml': 'apiVersion: templates.gatekeeper.sh/v1\nkind: ConstraintTemplate\nmetadata: { name: a }\n',
      },
      'POLICY_UNSUPPORTED',
      ['b.yaml'],
    ],
  ])('refuses %s', async (_, policies, code, says) => {
    using sandbox = await withOpa(policies);
    expectRefusal(command, await sandbox.judge(command), sandbox, { codes: [code], says });
  });

  it('refuses a rule that loops', async () => {
    const loop =
      'package main\n\ndeny contains "x" if {\n  some i in numbers.range(1, 100000)\n  some j in numbers.range(1, 100000)\n  i * j == -1\n}\n';
    using sandbox = await withOpa({ 'a.rego': loop }, { limits: { timeoutSeconds: 2 } });
    expectRefusal(command, await sandbox.judge(command), sandbox, { codes: ['REGO_LIMIT'], says: ['rego'] });
  });

  it('refuses a rule that eats the memory', async () => {
    const eat =
      'package main\n\ndeny contains "x" if {\n  s := {x | some i in numbers.range(1, 100000); some j in numbers.range(1, 1000); x := sprintf("%d-%d", [i, j])}\n  count(s) == -1\n}\n';
    using sandbox = await withOpa({ 'a.rego': eat }, { limits: { memoryMiB: 1400, timeoutSeconds: 20 } });
    expectRefusal(command, await sandbox.judge(command), sandbox, { codes: ['REGO_LIMIT'] });
  });
});

/** Says its version and compiles the rules as the real one does, and then judges as the test wants. */
async function asked(): Promise<string> {
  return `case "$1" in eval) ;; *) exec ${await tool('opa')} "$@";; esac`;
}

describe.each(['render', 'generate'] as const)('syncgate %s with an opa that', (command) => {
  it('is missing', async () => {
    using sandbox = policySandbox({ 'a.rego': denyAll });
    expectRefusal(command, await sandbox.judge(command), sandbox, { codes: ['OPA_MISSING'], says: ['opa'] });
  });

  it('is not needed, where there are no policies, is not missed', async () => {
    using sandbox = createSandbox({ 'app/pod.yaml': pod });
    expect(await sandbox.judge(command)).toMatchObject({ exitCode: 0 });
  });

  it.each<[string, string, readonly Code[]]>([
    ['exits 0 with nothing', 'exit 0', ['OPA_FAILED']],
    ['exits 0 with what is not JSON', 'echo fine', ['OPA_FAILED']],
    ['exits 0 with no result', 'echo "{}"', ['OPA_FAILED']],
    ['exits 0 with an empty result', 'echo \'{"result":[]}\'', ['OPA_FAILED']],
    ['exits 0 with a result of its own making', 'echo \'{"result":[{"expressions":[{"value":{}}]}]}\'', ['OPA_FAILED']],
    ['exits 0 with true', 'echo \'{"result":[{"expressions":[{"value":true}]}]}\'', ['OPA_FAILED']],
    ['prints 500 MB', 'head -c 500000000 /dev/zero', ['REGO_LIMIT', 'OPA_FAILED']],
    ['prints for ever', 'exec yes', ['REGO_LIMIT', 'OPA_FAILED']],
    ['fails', 'echo "no /etc/passwd today" >&2; exit 1', ['OPA_FAILED', 'REGO_INVALID']],
    ['is killed', 'kill -SEGV $$', ['OPA_FAILED']],
  ])('%s', async (_, script, codes) => {
    using sandbox = policySandbox({ 'a.rego': denyAll });
    sandbox.program('opa', `${await asked()}\n${script}`);
    const run = await sandbox.judge(command);
    const said = codes.find((code) => run.stderr.includes(code)) ?? codes[0];
    expectRefusal(command, run, sandbox, { codes: [said as Code] });
  });

  it('hangs', async () => {
    using sandbox = policySandbox({ 'a.rego': denyAll }, { limits: { timeoutSeconds: 1 } });
    sandbox.program('opa', `${await asked()}\nsleep 1000 & sleep 1000`);
    expectRefusal(command, await sandbox.judge(command), sandbox, { codes: ['REGO_LIMIT'] });
  });

  it('hangs longer than the whole verdict may take', async () => {
    using sandbox = policySandbox({ 'a.rego': denyAll });
    sandbox.program('opa', `exec sleep 1000`);
    expectRefusal(command, await sandbox.judge(command, ['--timeout', '2']), sandbox, { codes: ['CHECK_TIMEOUT'] });
  });

  it('is named by the platform and not there', async () => {
    using sandbox = await withOpa({ 'a.rego': denyAll }, { path: 'opa-of-tomorrow' });
    expectRefusal(command, await sandbox.judge(command), sandbox, {
      codes: ['OPA_MISSING'],
      says: ['opa-of-tomorrow'],
    });
  });
});

describe('what the application ships', () => {
  it.each([
    ['a policy', { 'app/allow.rego': allowAll, 'app/policies/allow.rego': allowAll }],
    ['data', { 'app/data.json': '{"exceptions": ["web"]}' }],
    [
      'a Gate',
      {
        'app/gate.yaml':
          '{"apiVersion":"syncgate.dev/v1alpha1","kind":"Gate","metadata":{"name":"mine"},"spec":{"policies":[],"images":"unchecked"}}',
      },
    ],
  ])('as %s weakens no rule', async (_, files) => {
    using sandbox = await withOpa({ 'a.rego': denyAll }, {}, { 'app/pod.yaml': pod, ...files });
    const run = await sandbox.judge('render');
    expect(run).toMatchObject({ exitCode: 1, stdout: '' });
    expect(run.stderr).toContain('no pods today');
  });

  it('in an annotation or a label weakens no rule', async () => {
    const exempt = pod.replace(
      '  name: web\n',
      '  name: web\n  annotations: { syncgate.dev/skip: "true", policy.sigstore.dev/include: "false" }\n  deletionTimestamp: "2020-01-01T00:00:00Z"\n',
    );
    using sandbox = await withOpa({ 'a.rego': denyAll }, {}, { 'app/pod.yaml': exempt });
    expectRefusal('render', await sandbox.judge('render'), sandbox, { codes: ['POLICY_DENIED'] });
  });

  it('a hundred times is told a hundred times, and in the plugin as far as there is room', async () => {
    const many = Object.fromEntries(
      Array.from({ length: 100 }, (_, i) => [`app/p${i}.yaml`, pod.replace('web', `web-${i}`)]),
    );
    using sandbox = await withOpa({ 'a.rego': denyAll }, {}, many);
    expectRefusal('check', await sandbox.judge('check'), sandbox, { codes: Array<Code>(100).fill('POLICY_DENIED') });
    const { stderr, stdout, exitCode } = await sandbox.judge('generate');
    expect({ stdout, exitCode }).toEqual({ stdout: '', exitCode: 1 });
    expect(Buffer.byteLength(stderr)).toBeLessThanOrEqual(4097);
    expect(stderr).toMatch(/\d+ more left out/);
  });
});

describe('syncgate policies', () => {
  const brokenKey =
    'apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy\nmetadata: { name: team }\nspec:\n  images: [{ glob: "**" }]\n  authorities:\n    - key: { data: "PUT YOUR KEY HERE" }\n';

  it.each<[string, object, Code, RegExp]>([
    [
      'a key that is none',
      { images: { trust: [{ path: 'trust' }], unmatched: 'deny', pin: true } },
      'IMAGE_KEY_INVALID',
      /trust\/team\.yaml:7:\d+: /,
    ],
    [
      'policies that are not there',
      { policies: [{ path: 'trust' }, { path: 'polcies' }] },
      'POLICY_MISSING',
      /gate\.yaml:\d+:\d+: spec\.policies\[1\]\.path: polcies does not exist/,
    ],
  ])('fails as check does, before anything is installed: %s', async (_, spec, code, place) => {
    using sandbox = createSandbox({ 'app/pod.yaml': pod }, { policies: [], ...spec });
    sandbox.write({ 'platform/trust/team.yaml': brokenKey });
    const run = await sandbox.run(['policies', '--config', 'platform/gate.yaml']);
    expect(run).toMatchObject({ exitCode: 3, stdout: '' });
    expect(run.stderr).toMatch(place);
    const told = run.stderr.trimEnd();
    expect(told.startsWith(`${code} `)).toBe(true);
    const checked = await sandbox.run(['check', 'repo/app', '--config', 'platform/gate.yaml']);
    const { message, mend } = /^\S+ (?<message>.+?[.]) (?<mend>[A-Z].*)$/.exec(told)?.groups ?? {};
    expect(checked.stderr).toContain(code);
    expect(checked.stderr).toContain(message);
    expect(checked.stderr).toContain(mend);
  });
});
