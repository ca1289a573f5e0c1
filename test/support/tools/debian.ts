/**
 * Takes a program out of a Debian package and the packages it needs that are not installed. Nothing is installed: no
 * service starts, no root is needed, and removing `.tools` removes it all.
 */
import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * Unpacks `wanted.package` into `folder` and writes a launcher at `launcher`, which finds the unpacked libraries.
 * Throws an Error that says what is missing where there is no apt, no package list or no network.
 */
export async function unpackDebian(
  wanted: { readonly package: string; readonly program: string },
  folder: string,
  launcher: string,
): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), 'syncgate-debian-'));
  try {
    const options = await aptThatKnows(wanted.package, scratch);
    const missing = await missingPackages(wanted.package, options);
    const packages = join(scratch, 'packages');
    mkdirSync(packages);
    await apt([...options, 'download', ...missing], packages);
    const root = join(scratch, 'root');
    for (const file of readdirSync(packages)) await run('dpkg', ['-x', join(packages, file), root]);
    if (!existsSync(join(root, wanted.program))) throw new Error(`its package does not hold ${wanted.program}`);
    const libraries = libraryFolders(root).map((path) => join(folder, path));
    mkdirSync(dirname(folder), { recursive: true });
    mkdirSync(dirname(launcher), { recursive: true });
    rmSync(folder, { recursive: true, force: true });
    await run('cp', ['-a', root, folder]);
    const script = `#!/bin/sh\nLD_LIBRARY_PATH='${libraries.join(':')}' exec '${join(folder, wanted.program)}' "$@"\n`;
    writeFileSync(`${launcher}.new`, script);
    chmodSync(`${launcher}.new`, 0o755);
    renameSync(`${launcher}.new`, launcher);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Options under which apt knows the package: none where the machine has its lists, else lists of our own. */
async function aptThatKnows(name: string, scratch: string): Promise<readonly string[]> {
  if ((await missingPackages(name, []).catch(() => [])).length > 0) return [];
  const lists = join(scratch, 'lists');
  const cache = join(scratch, 'cache');
  mkdirSync(join(lists, 'partial'), { recursive: true });
  mkdirSync(join(cache, 'archives', 'partial'), { recursive: true });
  const options = ['-o', `Dir::State::lists=${lists}`, '-o', `Dir::Cache=${cache}`];
  await apt([...options, 'update'], scratch);
  return options;
}

/** The package and what it needs, without what the machine already has. */
async function missingPackages(name: string, options: readonly string[]): Promise<string[]> {
  const plan = await apt([...options, '--simulate', '--no-install-recommends', 'install', name], tmpdir());
  const packages = [...plan.matchAll(/^Inst (\S+) /gm)].map((match) => match[1] as string);
  if (packages.length === 0) throw new Error(`apt has nothing to unpack for ${name}`);
  return packages;
}

async function apt(args: readonly string[], cwd: string): Promise<string> {
  try {
    const { stdout } = await run('apt-get', [...args], { cwd, env: { ...process.env, LC_ALL: 'C' }, timeout: 120_000 });
    return stdout;
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string };
    const why =
      code === 'ENOENT' ? 'this machine has no apt-get' : `apt-get failed: ${(stderr ?? '').trim().slice(-500)}`;
    throw new Error(`it is not on PATH and ${why}`);
  }
}

function libraryFolders(root: string): string[] {
  const found: string[] = [];
  for (const base of ['lib', 'usr/lib']) {
    if (!existsSync(join(root, base))) continue;
    for (const entry of readdirSync(join(root, base), { withFileTypes: true })) {
      if (entry.isDirectory() && entry.name.includes('-linux-')) found.push(join(base, entry.name));
    }
  }
  return found;
}
