import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { GateError } from '../core/errors.ts';
import type { SourceEntry, SourceTree } from '../core/source.ts';
import type { Reading } from './reading.ts';

/** Where trees that were fetched are put inside the copy; the user's own tree may not have anything there. */
export const FETCHED = '.syncgate-fetched';

/**
 * The private copy that renderers read and edit. It holds only what was reached by looking: a file that no rule
 * foresaw is not there, so a renderer that goes for it finds nothing instead of reading what was not checked.
 */
export interface PrivateCopy {
  /** Absolute path of its root. */
  readonly root: string;
  /** Writes a file that was looked at and made anew. What is written so is never replaced by the bare bytes. */
  writeChecked(path: string, content: string | Uint8Array): void;
  /** Writes bytes as they are, unless a checked file stands there. */
  writeRaw(path: string, bytes: Uint8Array): void;
  /** Whether anything was written to this path. */
  has(path: string): boolean;
  /** Whether this very text is the checked content of the path. */
  isChecked(path: string, text: string): boolean;
  makeFolder(path: string): void;
  /** Makes the links on the way to an entry again; `prefix` is where its tree stands in the copy. */
  link(prefix: string, entry: SourceEntry): void;
}

export function createCopy(root: string): PrivateCopy {
  const written = new Map<string, 'raw' | 'checked'>();
  const checked = new Map<string, string | Uint8Array>();
  const folders = new Set<string>();

  const makeFolder = (path: string): void => {
    if (folders.has(path)) return;
    guarded(() => mkdirSync(join(root, path), { recursive: true, mode: 0o700 }));
    folders.add(path);
  };
  const write = (path: string, content: string | Uint8Array, how: 'raw' | 'checked'): void => {
    const before = written.get(path);
    if (before === 'checked' || before === how) return;
    makeFolder(dirname(path));
    guarded(() => {
      // What stands there may be a link that was made again, and would be written through.
      if (before !== undefined) rmSync(join(root, path), { force: true });
      writeFileSync(join(root, path), content, { mode: 0o600 });
    });
    written.set(path, how);
  };
  makeFolder('.');
  return {
    root,
    makeFolder,
    has: (path) => written.has(path),
    isChecked: (path, text) => checked.get(path) === text,
    writeChecked: (path, content) => {
      write(path, content, 'checked');
      if (!checked.has(path)) checked.set(path, content);
    },
    writeRaw: (path, bytes) => write(path, bytes, 'raw'),
    link: (prefix, entry) => {
      for (const link of entry.links) {
        const path = posix.join(prefix, link.path);
        if (written.has(path)) continue;
        makeFolder(dirname(path));
        guarded(() => symlinkSync(link.target, join(root, path)));
        written.set(path, 'raw');
      }
    },
  };
}

/** Copies one file of a tree to the same place in the copy, unless it is there; answers how many bytes were copied. */
export function copyFile(copy: PrivateCopy, tree: SourceTree, entry: SourceEntry, prefix = '.'): number {
  copy.link(prefix, entry);
  const path = posix.join(prefix, entry.path);
  if (copy.has(path)) return 0;
  const bytes = withContent(tree.read(entry.path), entry.path);
  copy.writeRaw(path, bytes);
  return bytes.length;
}

/**
 * Copies a folder with everything in it. Links inside are followed into the tree, and what they lead to is copied too:
 * helm follows them. `look` sees every file under every name
 * that it goes by: to helm a link called values.schema.json is a schema, whatever the file behind it is called.
 */
export async function copyFolder(
  copy: PrivateCopy,
  tree: SourceTree,
  entry: SourceEntry,
  prefix: string,
  reading: Reading,
  look: (path: string, bytes: Buffer) => void | Promise<void> = () => {},
): Promise<void> {
  const done = new Set<string>();
  const visit = async (at: SourceEntry): Promise<void> => {
    await reading.step();
    copy.link(prefix, at);
    if (done.has(at.path)) return;
    done.add(at.path);
    if (at.kind === 'file') {
      const path = posix.join(prefix, at.path);
      const bytes = withContent(tree.read(at.path), at.path);
      await look(at.path, bytes);
      copy.writeRaw(path, bytes);
      await reading.step(bytes.length);
      return;
    }
    copy.makeFolder(posix.join(prefix, at.path));
    for (const child of tree.list(at.path)) {
      const path = posix.join(at.path, child.name);
      if (child.kind === 'file' || child.kind === 'folder') await visit({ kind: child.kind, path, links: [] });
      else if (child.kind === 'special')
        throw new GateError('SOURCE_SPECIAL', `${path} is neither a file nor a folder`, { place: path });
      else {
        const target = tree.find(path);
        if (target === undefined)
          throw new GateError('SOURCE_UNREADABLE', `the link ${path} leads nowhere`, { place: path });
        if (target.kind === 'file') await look(path, withContent(tree.read(target.path), path));
        await visit(target);
      }
    }
  };
  await visit(entry);
}

const LFS_POINTER = Buffer.from('version https://git-lfs.github.com/spec/');

/** The bytes, unless they only stand for a file that was not fetched. */
export function withContent(bytes: Buffer, path: string): Buffer {
  if (bytes.length < 1024 && bytes.subarray(0, LFS_POINTER.length).equals(LFS_POINTER)) {
    throw new GateError('SOURCE_LFS_POINTER', `${path} is a Git LFS pointer, not the file it stands for`, {
      place: path,
    });
  }
  return bytes;
}

function guarded(act: () => void): void {
  try {
    act();
  } catch (error) {
    throw writeError(error);
  }
}

/** Makes a folder of the workspace, and those above it. Throws WORKSPACE_FULL or WORKSPACE_FAILED. */
export function makeFolder(path: string): string {
  guarded(() => mkdirSync(path, { recursive: true, mode: 0o700 }));
  return path;
}

/** Writes a file of the workspace; only its owner reads it. */
export function writePrivate(path: string, content: string | Uint8Array, mode = 0o600): void {
  makeFolder(dirname(path));
  guarded(() => writeFileSync(path, content, { mode }));
}

/** What went wrong while writing to the workspace, with the full disk told apart from the rest. */
export function writeError(error: unknown): GateError {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
  return code === 'ENOSPC' || code === 'EDQUOT'
    ? new GateError('WORKSPACE_FULL', 'the disk that holds the temporary folder is full', { cause: error })
    : new GateError('WORKSPACE_FAILED', `the temporary folder cannot be written (${code})`, { cause: error });
}
