import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Code } from '../../src/core/errors.ts';
import { createSandbox, type Files, judgingCommands } from '../support/cli.ts';
import { expectRefusal } from '../support/refusal.ts';

const config = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n';
const applications: Readonly<Record<'kustomize' | 'helm', Files>> = {
  kustomize: { 'app/kustomization.yaml': 'kind: Kustomization\nresources: [config.yaml]\n', 'app/config.yaml': config },
  helm: { 'app/Chart.yaml': 'apiVersion: v2\nname: shop\nversion: 1.0.0\n', 'app/templates/config.yaml': config },
};
/** Answers the question for its version as the real program does, and then behaves as the test wants. */
const asked = {
  kustomize: 'case "$1" in version) echo v5.8.1; exit 0;; esac',
  helm: 'case "$1" in version) echo v3.22.0; exit 0;; esac',
};
const secret = 'pass-WORD-of-the-platform';

/** Programs that stand where a renderer should. */
const programs: readonly (readonly [string, string, Code, string | RegExp])[] = [
  ['exits 0 with nothing', 'exit 0', 'RENDER_NOTHING', 'printed nothing'],
  ['prints 500 MB', 'head -c 500000000 /dev/zero', 'RENDER_OUTPUT', '64 MiB'],
  ['prints for ever', 'exec yes', 'RENDER_OUTPUT', '64 MiB'],
  ['prints 500 MB of complaints and fails', 'head -c 500000000 /dev/zero >&2; exit 1', 'RENDER_FAILED', /./],
  ['prints what is not YAML', 'printf "a: [\\n"', 'MANIFEST_SYNTAX', /./],
  ['prints a word', 'echo done', 'MANIFEST_NOT_OBJECT', /./],
  [
    'prints half of a set and fails',
    `printf '${config.replaceAll('\n', '\\n')}'; echo gone >&2; exit 1`,
    'RENDER_FAILED',
    'gone',
  ],
  ['is killed', 'kill -SEGV $$', 'RENDER_KILLED', 'signal'],
  ['draws on the terminal', 'printf "\\033[2J\\033]0;owned\\007 bad\\r\\n" >&2; exit 1', 'RENDER_FAILED', 'bad'],
  [
    'tells a password',
    'echo "cannot fetch https://user:hunter2@example.com/x" >&2; exit 1',
    'RENDER_FAILED',
    'example.com',
  ],
];

describe.each(['kustomize', 'helm'] as const)('%s', (renderer) => {
  describe.each(judgingCommands)('syncgate %s', (command) => {
    it('refuses where it is missing, and says so', async () => {
      using sandbox = createSandbox(applications[renderer]);
      expectRefusal(command, await sandbox.judge(command), sandbox, { codes: ['RENDERER_MISSING'], says: [renderer] });
    });

    it.each(programs)('refuses where it %s', async (_, script, code, says) => {
      using sandbox = createSandbox(applications[renderer]);
      sandbox.program(renderer, `${asked[renderer]}\n${script}`);
      const run = await sandbox.judge(command, [], { env: { PLATFORM_PASSWORD: secret } });
      expectRefusal(command, run, sandbox, { codes: [code], says: [says], secrets: [secret, 'hunter2', '\u001b'] });
    });

    it('refuses where it hangs, and ends it with all that it started', async () => {
      using sandbox = createSandbox(applications[renderer]);
      sandbox.program(renderer, `${asked[renderer]}\nsleep 1000 & (trap "" TERM INT HUP; sleep 1000)`);
      const run = await sandbox.judge(command, ['--timeout', '2']);
      expectRefusal(command, run, sandbox, { codes: [timeoutOf(run.stderr)] });
    });
  });

  it('refuses where only the question for its version hangs', async () => {
    using sandbox = createSandbox(applications[renderer]);
    sandbox.program(
      renderer,
      `case "$1" in version) exec sleep 1000;; esac\nprintf '${config.replaceAll('\n', '\\n')}'`,
    );
    const run = await sandbox.judge('render', ['--timeout', '2']);
    expectRefusal('render', run, sandbox, { codes: [timeoutOf(run.stderr)] });
  });

  it('refuses where the platform allows it less time than it takes', async () => {
    using sandbox = createSandbox(applications[renderer], { render: { limits: { timeoutSeconds: 1 } } });
    sandbox.program(renderer, `${asked[renderer]}\nexec sleep 1000`);
    expectRefusal('render', await sandbox.judge('render'), sandbox, { codes: ['RENDER_TIMEOUT'], says: [renderer] });
  });

  it('is the program that the platform names, and no other', async () => {
    using sandbox = createSandbox(applications[renderer], { render: { [renderer]: { path: './nowhere' } } });
    sandbox.program(renderer, 'exit 0');
    expectRefusal('render', await sandbox.judge('render'), sandbox, { codes: ['RENDERER_MISSING'], says: [renderer] });
  });

  it('is not looked for in the repository, whatever PATH says', async () => {
    using sandbox = createSandbox(applications[renderer]);
    sandbox.program(renderer, 'exit 0');
    const env = { PATH: `.:../../bin::bin` };
    expectRefusal('render', await sandbox.judge('render', [], { env }), sandbox, { codes: ['RENDERER_MISSING'] });
  });

  it('sees nothing of the environment that it is not given', async () => {
    using sandbox = createSandbox(applications[renderer]);
    sandbox.program(renderer, `${asked[renderer]}\nenv | grep -v ^PATH= >&2; exit 1`);
    const env = { PLATFORM_PASSWORD: secret, AWS_SECRET_ACCESS_KEY: secret, HELM_PLUGINS: secret, KUBECONFIG: secret };
    const run = await sandbox.judge('render', [], { env });
    expectRefusal('render', run, sandbox, { codes: ['RENDER_FAILED'], says: ['HOME='], secrets: [secret] });
  });

  it('renders where it is the real one', async () => {
    using sandbox = createSandbox(applications[renderer]);
    await sandbox.realProgram(renderer);
    const run = await sandbox.judge('render');
    expect(run, run.stderr).toMatchObject({ exitCode: 0, leftFiles: [], leftProcesses: [] });
    expect(JSON.parse(run.stdout)).toMatchObject({ kind: 'ConfigMap', metadata: { name: 'settings' } });
  });
});

/** Rendering has a deadline of its own and so has the whole verdict; whichever comes first is told. */
function timeoutOf(stderr: string): Code {
  return stderr.includes('RENDER_TIMEOUT') ? 'RENDER_TIMEOUT' : 'CHECK_TIMEOUT';
}

it('the harness sees what is left behind', async () => {
  using sandbox = createSandbox(applications.kustomize);
  sandbox.program(
    'kustomize',
    `${asked.kustomize}\nHOME=${join(sandbox.path, 'home')} setsid sleep 5 >/dev/null 2>&1 </dev/null & sleep 0.3; exit 1`,
  );
  expect((await sandbox.judge('render')).leftProcesses.join()).toContain('sleep 5');
});
