import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A local Git repository that Argo CD reads by its `file://` URL. */
export interface GitRepository extends Disposable {
  readonly url: string;
  readonly folder: string;
  /** Writes the files (`null` removes one), commits them on `main` and returns the commit. */
  commit(message: string, files: Readonly<Record<string, string | null>>): Promise<string>;
}

export async function createGitRepository(): Promise<GitRepository> {
  const folder = mkdtempSync(join(tmpdir(), 'syncgate-git-'));
  const env = { PATH: process.env['PATH'] ?? '', HOME: folder, GIT_CONFIG_NOSYSTEM: '1' };
  const git = async (...args: string[]) => (await run('git', ['-C', folder, ...args], { env })).stdout.trim();
  await git('init', '-q', '-b', 'main');
  await git('config', 'user.name', 'Test');
  await git('config', 'user.email', 'test@syncgate.example');
  return {
    url: `file://${folder}`,
    folder,
    commit: async (message, files) => {
      for (const [path, text] of Object.entries(files)) {
        const absolute = join(folder, path);
        if (text === null) {
          rmSync(absolute, { recursive: true, force: true });
        } else {
          mkdirSync(dirname(absolute), { recursive: true });
          writeFileSync(absolute, text);
        }
      }
      await git('add', '-A', '--', '.', ':!.gitconfig');
      await git('commit', '-q', '--allow-empty', '-m', message);
      return await git('rev-parse', 'HEAD');
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
