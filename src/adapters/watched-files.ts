import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Far beyond what rules are; the bounds keep a wrong mount from holding the process up. */
const maxFiles = 20_000;
const maxDepth = 32;
const chunkBytes = 1024 * 1024;

/** One file or folder whose content decides something, and the name that it counts under. */
export interface WatchedPath {
  readonly path: string;
  /** The same on every machine that mounts the same content elsewhere. */
  readonly name: string;
}

interface Entry {
  readonly name: string;
  readonly path: string;
  /** What changes whenever the file is written or exchanged; `-` where there is nothing. */
  readonly stamp: string;
}

/**
 * A text that differs once any of the files was written, exchanged, added or removed. It looks at no content, so that it
 * can be asked often. Links are followed, which is how Kubernetes exchanges a mounted ConfigMap in one step.
 */
export function stampOf(paths: readonly WatchedPath[]): string {
  return entriesOf(paths)
    .map(({ name, stamp }) => `${name} ${stamp}`)
    .join('\n');
}

/** sha256 over names and contents of the files, equal wherever those are. A file that cannot be read counts as such. */
export function contentDigest(paths: readonly WatchedPath[]): string {
  const hash = createHash('sha256');
  for (const { name, path } of entriesOf(paths)) {
    hash.update(`${JSON.stringify(name)}\n`);
    hash.update(`${fileDigest(path)}\n`);
  }
  return `sha256:${hash.digest('hex')}`;
}

function entriesOf(paths: readonly WatchedPath[]): Entry[] {
  const entries: Entry[] = [];
  const add = (path: string, name: string, depth: number): void => {
    if (entries.length >= maxFiles) return;
    const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
    if (stat === undefined) entries.push({ name, path, stamp: '-' });
    else if (!stat.isDirectory()) {
      entries.push({ name, path, stamp: `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}` });
    } else if (depth < maxDepth) {
      for (const child of childrenOf(path)) add(join(path, child), `${name}/${child}`, depth + 1);
    }
  };
  for (const { path, name } of paths) {
    try {
      add(path, name, 0);
    } catch (error) {
      // It may become readable: that is a change too.
      entries.push({ name, path, stamp: String((error as NodeJS.ErrnoException).code) });
    }
  }
  return entries;
}

/** Names that start with `..` are Kubernetes' own versions of a mount, which its links lead to; `.git` is no content. */
function childrenOf(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => !name.startsWith('..') && name !== '.git')
    .sort();
}

function fileDigest(path: string): string {
  const hash = createHash('sha256');
  let file: number | undefined;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if (!fstatSync(file).isFile()) return 'special';
    const chunk = Buffer.allocUnsafe(chunkBytes);
    for (let read = readSync(file, chunk); read > 0; read = readSync(file, chunk)) hash.update(chunk.subarray(0, read));
    return hash.digest('hex');
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
