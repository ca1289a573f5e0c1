import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createSandbox, gateText, judgingCommands } from '../support/cli.ts';
import { expectRefusal } from '../support/refusal.ts';

const app = { 'app/config.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n' };

const gate = (spec: string) =>
  `apiVersion: syncgate.dev/v1alpha1\nkind: Gate\nmetadata: { name: test }\nspec:\n${spec}`;
const whole = '  policies: []\n  images: unchecked\n';

describe.each(judgingCommands)('syncgate %s', (command) => {
  it('needs its configuration', async () => {
    using sandbox = createSandbox(app);
    const run = await sandbox.judge(command, command === 'generate' ? [] : ['-q']);
    expect(run, run.stderr).toMatchObject({ exitCode: 0 });
    using without = createSandbox(app);
    const args = command === 'generate' ? ['generate'] : [command, 'repo/app'];
    const env = { ARGOCD_APP_NAME: 'shop' };
    expectRefusal(command, await without.run([...args, '--config', 'nowhere/gate.yaml'], { env }), without, {
      codes: ['CONFIG_MISSING'],
      says: ['nowhere/gate.yaml does not exist'],
    });
  });

  it.each<[string, string | Uint8Array, string | RegExp]>([
    [
      'an unknown key, with the nearest',
      gate(`${whole}  imagess: x\n`),
      'platform/gate.yaml:7:3: unknown key "imagess" in spec; did you mean images?',
    ],
    [
      'an unknown key deep inside',
      gate(`${whole}  render:\n    limits: { timeoutSecond: 3 }\n`),
      'platform/gate.yaml:8:15: unknown key "timeoutSecond" in spec.render.limits; did you mean timeoutSeconds?',
    ],
    [
      'a security choice that was left out',
      gate('  policies: []\n'),
      'platform/gate.yaml:5:3: spec.images is required',
    ],
    ['policies that were left out', gate('  images: unchecked\n'), 'spec.policies is required'],
    [
      'images that say nothing of unmatched ones',
      gate('  policies: []\n  images: { trust: [], pin: true }\n'),
      'spec.images.unmatched',
    ],
    ['a word that is no choice', gate('  policies: []\n  images: trusted\n'), 'platform/gate.yaml:6:11: spec.images'],
    ['a limit of nothing', gate(`${whole}  timeoutSeconds: 0\n`), 'platform/gate.yaml:7:19: spec.timeoutSeconds'],
    [
      'another kind',
      'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\nspec: {}\n',
      /gate\.yaml:\d:\d+: (?:apiVersion|kind)/,
    ],
    [
      'a version of the future',
      `apiVersion: syncgate.dev/v2\n${gate(whole).split('\n').slice(1).join('\n')}`,
      'gate.yaml:1:13: apiVersion',
    ],
    ['two documents', `${gate(whole)}---\n${gate(whole)}`, 'more than one document'],
    ['nothing', '', 'holds no Gate'],
    ['a comment', '# later\n', 'holds no Gate'],
    ['a list', '- a\n', /gate\.yaml(?::1:1)?.*/],
    ['what is not YAML', 'spec: [unclosed\n', 'platform/gate.yaml:2:1: not the YAML it should be'],
    ['a duplicate key', gate(`${whole}  images: unchecked\n`), 'platform/gate.yaml:7:3: not the YAML it should be'],
    ['a program instead of text', new Uint8Array([0x7f, 0x45, 0x4c, 0x46, 0, 0, 0, 1]), 'platform/gate.yaml'],
    ['aliases that multiply', `${gate(whole)}${bomb()}`, 'aliases multiply'],
    ['a file that no settings need', `${gate(whole)}#${'x'.repeat(5 * 1024 * 1024)}`, 'larger than'],
  ])('refuses a configuration with %s', async (_, text, says) => {
    using sandbox = createSandbox(app);
    sandbox.write({ 'platform/gate.yaml': text });
    expectRefusal(command, await sandbox.judge(command), sandbox, { codes: ['CONFIG_INVALID'], says: [says] });
  });

  it('refuses a configuration that is a folder', async () => {
    using sandbox = createSandbox(app);
    mkdirSync(join(sandbox.path, 'platform/folder'));
    const run = await sandbox.judge(command, []);
    expect(run.exitCode).toBe(0);
    const args = command === 'generate' ? ['generate'] : [command, 'repo/app'];
    const folder = await sandbox.run([...args, '--config', 'platform/folder'], { env: { ARGOCD_APP_NAME: 'shop' } });
    expectRefusal(command, folder, sandbox, { codes: ['CONFIG_MISSING'], says: ['is a folder'] });
  });

  it.each([
    ['a policy folder that is not there', { policies: [{ path: 'nowhere' }] }, 'POLICY_MISSING'],
    [
      'a trust folder that is not there',
      { images: { trust: [{ path: 'nowhere' }], unmatched: 'deny', pin: true } },
      'IMAGE_POLICY_MISSING',
    ],
  ] as const)('refuses %s', async (_, spec, code) => {
    using sandbox = createSandbox(app, spec);
    expectRefusal(command, await sandbox.judge(command), sandbox, {
      codes: [code as 'IMAGE_POLICY_MISSING'],
      says: ['nowhere'],
    });
  });
});

function bomb(): string {
  const levels = Array.from(
    { length: 9 },
    (_, i) => `  l${i + 1}: &l${i + 1} [${Array(9).fill(`*l${i}`).join(', ')}]\n`,
  );
  return `  l0: &l0 [x]\n${levels.join('')}`;
}

describe('where the configuration is', () => {
  it('is said by the flag, else by SYNCGATE_CONFIG', async () => {
    using sandbox = createSandbox(app);
    sandbox.write({ 'other/gate.yaml': 'spec: [' });
    const env = { SYNCGATE_CONFIG: 'other/gate.yaml' };
    const byEnvironment = await sandbox.run(['check', 'repo/app'], { env });
    expectRefusal('check', byEnvironment, sandbox, { codes: ['CONFIG_INVALID'], says: ['other/gate.yaml:1:'] });
    const byFlag = await sandbox.run(['check', 'repo/app', '-c', 'platform/gate.yaml'], { env });
    expect(byFlag.exitCode).toBe(0);
  });

  it('is /etc/syncgate/gate.yaml where nobody says otherwise', async () => {
    using sandbox = createSandbox(app);
    const run = await sandbox.run(['check', 'repo/app']);
    expect(run).toMatchObject({ exitCode: 3, stdout: '' });
    expect(run.stderr).toContain('CONFIG_MISSING the configuration /etc/syncgate/gate.yaml does not exist. ');
  });

  it('is nothing that the application can say: a relative SYNCGATE_CONFIG is refused in the plugin', async () => {
    using sandbox = createSandbox({ ...app, 'app/gate.yaml': gateText({}) });
    const env = { ARGOCD_APP_NAME: 'shop', SYNCGATE_CONFIG: 'gate.yaml' };
    const run = await sandbox.run(['generate'], { env, cwd: join(sandbox.path, 'repo/app') });
    expectRefusal('generate', run, sandbox, { codes: ['CONFIG_MISSING'] });
  });
});

describe('wrong use of the command', () => {
  it.each([
    [['chekc'], 'there is no command "chekc"; did you mean check?'],
    [['check', '--confg', 'x'], 'did you mean --config?'],
    [['render', 'a', 'b'], 'takes one path'],
    [['check', '--timeout', 'soon'], '--timeout takes whole seconds'],
    [['check', '--namespace', 'shop/../x'], '--namespace takes a name of lower-case letters, digits and hyphens'],
    [
      ['render', 'repo/app', '--root', 'platform', '--config', 'platform/gate.yaml'],
      'repo/app is not inside the root platform',
    ],
    [['check', 'a\u001b[2Jb', 'c\nd'], 'takes one path, and was given "c\\\\nd" too'],
  ])('%j', async (args, says) => {
    using sandbox = createSandbox(app);
    expectRefusal('check', await sandbox.run(args), sandbox, {
      codes: ['USAGE'],
      says: [says.replaceAll('\\\\', '\\')],
    });
  });

  it.each([
    [['generate'], {}, 'PLUGIN_ENVIRONMENT_INVALID', 'ARGOCD_APP_NAME is not set'],
    [['generate'], { ARGOCD_APP_NAME: 'a', ARGOCD_APP_PARAMETERS: '{' }, 'PLUGIN_ENVIRONMENT_INVALID', 'not JSON'],
    [['generate'], { ARGOCD_APP_NAME: 'a', ARGOCD_ENV_X: 'y' }, 'PLUGIN_ENV_REFUSED', 'plugin.env sets "X"'],
    [
      ['generate'],
      { ARGOCD_APP_NAME: 'a', ARGOCD_APP_PARAMETERS: '[{"name":"tol","string":"helm"}]' },
      'PARAMETER_UNKNOWN',
      'did you mean tool?',
    ],
  ] as const)('%j with %j', async (args, env, code, says) => {
    using sandbox = createSandbox(app);
    expectRefusal('generate', await sandbox.run([...args], { env }), sandbox, { codes: [code], says: [says] });
  });

  it.each([['help'], ['--help'], ['check', '--help'], ['version'], ['version', '-o', 'json']])(
    '%s %s is no wrong use',
    async (...args) => {
      using sandbox = createSandbox(app);
      const run = await sandbox.run(args);
      expect(run, run.stderr).toMatchObject({ exitCode: 0, stderr: '', leftFiles: [], leftProcesses: [] });
      expect(run.stdout).not.toBe('');
    },
  );
});
