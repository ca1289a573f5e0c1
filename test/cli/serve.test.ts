/** What whoever starts `serve` reads when something is not there: it says so, and ends as it should. */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { builtCommand, createSandbox, type Sandbox } from '../support/cli.ts';

let sandbox: Sandbox;
beforeEach(() => {
  sandbox = createSandbox();
  sandbox.write({
    // Nobody listens there.
    'kubeconfig.yaml': `apiVersion: v1
kind: Config
clusters: [{ name: a, cluster: { server: "https://127.0.0.1:1" } }]
contexts: [{ name: a, context: { cluster: a, user: a } }]
users: [{ name: a, user: { token: not-a-secret } }]
current-context: a
`,
    'storage/.keep': '',
  });
});
afterEach(() => sandbox[Symbol.dispose]());

const flags = () => [
  'serve',
  '--flux',
  '--gates',
  join(sandbox.path, 'gates'),
  '--storage-path',
  join(sandbox.path, 'storage'),
  ...['--storage-address', '--health-address'].flatMap((name) => [name, '127.0.0.1:0']),
];
const kubeconfig = () => ({ KUBECONFIG: join(sandbox.path, 'kubeconfig.yaml') });
const lines = (stderr: string) => stderr.split('\n').filter((line) => line.startsWith('{'));

describe('syncgate serve', () => {
  it('says that there is no cluster', async () => {
    const run = await sandbox.run(flags());
    expect(run).toMatchObject({ exitCode: 2, stdout: '' });
    // Once, as a line of the log.
    expect(lines(run.stderr).map((line) => JSON.parse(line))).toMatchObject([
      {
        level: 'error',
        why: expect.stringMatching(/^CLUSTER_CREDENTIALS_INVALID there is no cluster: .*KUBECONFIG\./),
      },
    ]);
    expect(run.stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  it('says what is wrong with the storage, and how to mend it', async () => {
    const run = await sandbox.run(
      [...flags(), '--concurrent', '2'].map((each) => each.replace(/storage$/, 'nowhere')),
      {
        env: kubeconfig(),
      },
    );
    expect(run).toMatchObject({ exitCode: 2, stdout: '' });
    const why = expect.stringMatching(/^STORE_INVALID .*\. Mount a volume/);
    expect(lines(run.stderr).map((line) => JSON.parse(line))).toContainEqual(
      expect.objectContaining({ msg: 'syncgate cannot start', why }),
    );
    expect(run.stderr).not.toMatch(/^[^{]/m);
  });

  it('ends in an orderly way when it is stopped before it has seen a cluster', async () => {
    const run = await sandbox.run(flags(), {
      env: kubeconfig(),
      meanwhile: async (child) => {
        await new Promise<void>((serves) =>
          child.stderr?.on('data', (text) => String(text).includes('syncgate serves') && serves()),
        );
        child.kill('SIGTERM');
      },
    });
    expect(run).toMatchObject({ exitCode: 0, signal: null, stdout: '', leftProcesses: [], leftFiles: [] });
    const messages = lines(run.stderr).map((line) => (JSON.parse(line) as { msg: string }).msg);
    expect(messages).toContain('the Gates cannot be loaded; everything is refused');
    expect(messages.at(-1)).toBe('syncgate stops');
    expect(run.stderr).not.toMatch(/not-a-secret|INTERNAL/);
  });

  it('says which file is missing where the command lies alone', async () => {
    const alone = join(sandbox.path, 'alone.mjs');
    copyFileSync(await builtCommand(), alone);
    const run = await sandbox.run(flags(), { through: ['/bin/sh', '-c', `shift; exec "$0" ${alone} "$@"`] });
    expect(run).toMatchObject({ exitCode: 3, stdout: '' });
    expect(run.stderr).toMatch(/^SERVE_MISSING .*syncgate-serve\.cjs/);
  });
});
