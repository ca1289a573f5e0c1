import { type ChildProcess, execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { appearance, createSandbox, judgingCommands, type Sandbox } from '../support/cli.ts';
import { expectNothingTold, expectRefusal } from '../support/refusal.ts';

const config = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n';
const application = {
  'app/kustomization.yaml': 'kind: Kustomization\nresources: [config.yaml]\n',
  'app/config.yaml': config,
};

/** A sandbox whose renderer says that it has begun, and then hangs. */
function hangingSandbox(): Sandbox & { readonly begun: string } {
  const sandbox = createSandbox(application);
  const begun = join(sandbox.path, 'begun');
  sandbox.program('kustomize', `case "$1" in version) echo v5.8.1; exit 0;; esac\n: > ${begun}\nexec sleep 1000`);
  return { ...sandbox, begun };
}

describe.each(judgingCommands)('syncgate %s', (command) => {
  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('ends on %s with a reason and nothing left', async (signal) => {
    using sandbox = hangingSandbox();
    const meanwhile = async (child: ChildProcess) => {
      await appearance(sandbox.begun);
      child.kill(signal);
    };
    const run = await sandbox.judge(command, [], { meanwhile });
    expectRefusal(command, run, sandbox, { codes: ['INTERRUPTED'], says: [signal] });
  });

  it('ends on a second SIGTERM at once, with nothing on stdout', async () => {
    using sandbox = hangingSandbox();
    const meanwhile = async (child: ChildProcess) => {
      await appearance(sandbox.begun);
      child.kill('SIGTERM');
      child.kill('SIGTERM');
    };
    expect(await sandbox.judge(command, [], { meanwhile })).toMatchObject({ stdout: '', leftProcesses: [] });
  });

  it('leaves no process behind when it is killed, and the next run sweeps its folder', async () => {
    using sandbox = hangingSandbox();
    const meanwhile = async (child: ChildProcess) => {
      await appearance(sandbox.begun);
      child.kill('SIGKILL');
    };
    const killed = await sandbox.judge(command, [], { meanwhile });
    expect(killed).toMatchObject({ signal: 'SIGKILL', stdout: '', leftProcesses: [] });
    expect(killed.leftFiles, 'nobody is there to remove it').not.toEqual([]);
    sandbox.program('kustomize', `case "$1" in version) echo v5.8.1; exit 0;; esac\nexit 0`);
    const next = await sandbox.judge(command);
    expectRefusal(command, next, sandbox, { codes: ['RENDER_NOTHING'] });
  });

  it('leaves the folder of a run that is still going alone', async () => {
    using sandbox = hangingSandbox();
    const meanwhile = async (child: ChildProcess) => {
      await appearance(sandbox.begun);
      const before = readdirSync(sandbox.temporary);
      await sandbox.run(['check', 'platform', '--config', 'platform/gate.yaml']);
      expect(readdirSync(sandbox.temporary)).toEqual(before);
      child.kill('SIGTERM');
    };
    await sandbox.judge(command, [], { meanwhile });
    expect.assertions(1);
  });

  it('answers a crash of its own as could-not-evaluate, without a stack trace', async () => {
    using sandbox = hangingSandbox();
    sandbox.write({ 'crash.mjs': 'setTimeout(() => { throw new TypeError("x is not a function"); }, 300);' });
    const env = { NODE_OPTIONS: `--import=${join(sandbox.path, 'crash.mjs')}` };
    const run = await sandbox.judge(command, [], { env });
    expect(run).toMatchObject({ exitCode: 2, stdout: '', leftProcesses: [], leftFiles: [] });
    expect(run.stderr).toMatch(/^INTERNAL x is not a function\. .*\n$/);
  });
});

describe('a run that comes to no verdict', () => {
  it('because nothing is left to wait for is no success', async () => {
    using sandbox = createSandbox(application);
    // A program that never says how it ended, and timers that keep nothing alive.
    const stall = [
      "import programs from 'node:child_process';",
      "import { EventEmitter } from 'node:events';",
      'programs.spawn = () => new EventEmitter();',
      'const { setTimeout: timer } = globalThis;',
      'globalThis.setTimeout = (...args) => timer(...args).unref();',
    ];
    sandbox.program('kustomize', 'exit 0');
    sandbox.write({ 'stall.mjs': stall.join('\n') });
    const env = { NODE_OPTIONS: `--import=${join(sandbox.path, 'stall.mjs')}` };
    for (const command of judgingCommands) {
      expectRefusal('check', await sandbox.judge(command, [], { env }), sandbox, { codes: ['INTERNAL'] });
    }
  });
});

describe('whoever reads the output', () => {
  /** Manifests of several MB, far more than a pipe holds. */
  const large = Array.from(
    { length: 2000 },
    (_, i) => `${config.trimEnd()}-${i}\ndata: { a: "${'x'.repeat(2000)}" }\n`,
  ).join('---\n');

  it.each(['render', 'generate'] as const)('and stops reading %s makes it fail', async (command) => {
    using sandbox = createSandbox({ 'app/a.yaml': large });
    const meanwhile = (child: ChildProcess) => child.stdout?.once('data', () => child.stdout?.destroy());
    const run = await sandbox.judge(command, [], { meanwhile });
    expect(run, run.stderr).toMatchObject({ exitCode: 2, signal: null, leftProcesses: [], leftFiles: [] });
    expect(run.stderr).toContain('EMIT_FAILED');
    expectNothingTold(run.stderr, sandbox);
  });

  it.each(['render', 'generate'] as const)('and never reads %s makes it fail', async (command) => {
    using sandbox = createSandbox({ 'app/a.yaml': large });
    const run = await sandbox.judge(command, [], { meanwhile: (child) => child.stdout?.destroy() });
    expect(run, run.stderr).toMatchObject({ exitCode: 2, signal: null, leftProcesses: [], leftFiles: [] });
    expect(run.stderr).toContain('EMIT_FAILED');
  });

  it('and does not want to know why keeps the exit code', async () => {
    using sandbox = createSandbox({ 'app/a.yaml': `${config}kind: Secret\n` });
    const run = await sandbox.judge('check', [], { meanwhile: (child) => child.stderr?.destroy() });
    expect(run).toMatchObject({ exitCode: 2, signal: null, stdout: '', leftProcesses: [], leftFiles: [] });
  });

  it('and writes to a full disk makes it fail', async () => {
    using sandbox = createSandbox({ 'app/a.yaml': large });
    const through = ['/bin/sh', '-c', 'exec "$@" > /dev/full', 'sh'];
    const run = await sandbox.judge('render', [], { through });
    expect(run, run.stderr).toMatchObject({ exitCode: 2, leftProcesses: [], leftFiles: [] });
    expect(run.stderr).toContain('EMIT_FAILED');
  });

  it('gets all of it where it is let out', async () => {
    using sandbox = createSandbox({ 'app/a.yaml': large });
    const run = await sandbox.judge('render', ['-q']);
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    expect(run.stdout.trimEnd().split('\n')).toHaveLength(2000);
  });
});

describe('a temporary folder that cannot be used', () => {
  it.each([
    ['is not there', '/nonexistent/folder'],
    ['is a file', '/dev/null'],
    ['takes no folders', '/proc/self/fd'],
  ])('because it %s', async (_, TMPDIR) => {
    using sandbox = createSandbox(application);
    await sandbox.realProgram('kustomize');
    for (const command of judgingCommands) {
      const run = await sandbox.judge(command, [], { env: { TMPDIR } });
      expectRefusal(command, run, sandbox, { codes: ['WORKSPACE_FAILED'], says: ['TMPDIR'] });
    }
  });

  // A file system of a few pages needs a mount namespace: root has it, and others where the kernel lets them.
  const namespaces = [
    ['unshare', '--mount'],
    ['unshare', '--user', '--map-root-user', '--mount'],
  ];
  const mountsIn = (line: readonly string[]) =>
    spawnSync(line[0] as string, [...line.slice(1), 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0;
  const namespace = namespaces.find(mountsIn);

  it.each([
    ['at once', 'size=4k,nr_inodes=1'],
    ['after its first files', 'size=4k,nr_inodes=4'],
    ['in the middle of a copy', 'size=64k'],
  ])('because its disk is full %s', async (_, size) => {
    const many = Object.fromEntries(
      Array.from({ length: 40 }, (_, i) => [
        `app/c${i}.yaml`,
        `${config.trimEnd()}-${i}\ndata: { a: "${'x'.repeat(4000)}" }\n`,
      ]),
    );
    const resources = Object.keys(many).map((name) => name.slice('app/'.length));
    using sandbox = createSandbox({
      ...many,
      'app/kustomization.yaml': JSON.stringify({ kind: 'Kustomization', resources }),
    });
    await sandbox.realProgram('kustomize');
    // Where nothing may be mounted, a limit on the size of files stands for the full disk.
    const through =
      namespace === undefined
        ? ['prlimit', '--fsize=1', '--']
        : [
            ...namespace,
            '/bin/sh',
            '-c',
            `mount -t tmpfs -o ${size} tmpfs ${sandbox.temporary} && "$@"; code=$?; ls -A ${sandbox.temporary} >&2; exit $code`,
            'sh',
          ];
    for (const command of judgingCommands) {
      const run = await sandbox.judge(
        command,
        ['--kustomize-name-prefix', 'p-'].slice(0, command === 'generate' ? 0 : 2),
        {
          through,
          env: {
            PATH: `${join(sandbox.path, 'bin')}:/usr/bin:/bin`,
            ...(command === 'generate'
              ? { ARGOCD_APP_PARAMETERS: '[{"name":"kustomize-name-prefix","string":"p-"}]' }
              : {}),
          },
        },
      );
      const codes = [
        run.stderr.includes('WORKSPACE_FAILED') ? ('WORKSPACE_FAILED' as const) : ('WORKSPACE_FULL' as const),
      ];
      expectRefusal(command, run, sandbox, { codes: namespace === undefined ? codes : ['WORKSPACE_FULL'] });
    }
  });
});

it('the programs that hold a run down are on this machine', () => {
  expect(existsSync('/dev/full')).toBe(true);
  expect(execFileSync('prlimit', ['--version'], { encoding: 'utf8' })).toContain('util-linux');
});
