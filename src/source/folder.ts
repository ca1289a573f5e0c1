import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  realpathSync,
} from 'node:fs';
import { join, posix } from 'node:path';
import { GateError } from '../core/errors.ts';
import type { SourceEntry, SourceLimits, SourceLink, SourceTree } from '../core/source.ts';

const GIT = '.git';
/** As many as Linux follows before it gives up with ELOOP. */
const MAX_LINKS = 40;

/**
 * Opens a folder as a source. Throws SOURCE_MISSING unless `root` is a folder (or a link to one: the caller chose it).
 * Every path is walked name by name with lstat, so that no link is followed which was not looked at; absolute links are
 * refused wherever they lead, as Argo CD does, because what they mean changes with the machine. What is called `.git`
 * is not there, whatever leads to it.
 */
export function openFolder(root: string, limits: SourceLimits): SourceTree {
  const realRoot = realFolder(root);
  let files = 0;
  let bytes = 0;

  function find(path: string): SourceEntry | undefined {
    const links: SourceLink[] = [];
    const real: string[] = [];
    let kind: 'file' | 'folder' = 'folder';
    const ahead = names(path, path);
    while (ahead.length > 0) {
      const name = ahead.shift() as string;
      if (kind === 'file') return undefined;
      // Git's own folder is no part of what was committed, and its config may hold the token of the checkout.
      if (name === GIT) return undefined;
      if (name === '..') {
        if (real.length === 0) throw outside(path);
        real.pop();
        continue;
      }
      const at = [...real, name].join('/');
      const stat = lstatSync(join(realRoot, at), { throwIfNoEntry: false });
      if (stat === undefined) return undefined;
      if (stat.isSymbolicLink()) {
        const target = readlinkSync(join(realRoot, at));
        if (target.startsWith('/')) throw outside(path, at, target);
        links.push({ path: at, target });
        if (links.length > MAX_LINKS) throw loop(path);
        ahead.unshift(...target.split('/').filter((step) => step !== '' && step !== '.'));
      } else if (stat.isDirectory()) {
        real.push(name);
      } else if (stat.isFile()) {
        real.push(name);
        kind = 'file';
      } else {
        throw special(at);
      }
    }
    return { kind, path: real.length === 0 ? '.' : real.join('/'), links };
  }

  function read(path: string): Buffer {
    files += 1;
    if (files > limits.files) throw tooLarge(`more than ${limits.files} files would be read`, 'sourceFiles');
    // O_NOFOLLOW and O_NONBLOCK: the file may have been exchanged for a link or a pipe since it was looked at.
    const handle = openSync(join(realRoot, path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const stat = fstatSync(handle);
      if (!stat.isFile()) throw special(path);
      if (stat.size > limits.fileBytes) throw tooLarge(`${path} is larger than ${limits.fileBytes} bytes`, 'fileMiB');
      const buffer = Buffer.allocUnsafe(stat.size);
      let length = 0;
      while (length < stat.size) {
        const got = readSync(handle, buffer, length, stat.size - length, null);
        if (got === 0) break;
        length += got;
      }
      bytes += length;
      if (bytes > limits.bytes) throw tooLarge(`more than ${limits.bytes} bytes would be read`, 'sourceMiB');
      return buffer.subarray(0, length);
    } finally {
      closeSync(handle);
    }
  }

  function list(path: string): { name: string; kind: 'file' | 'folder' | 'link' | 'special' }[] {
    return readdirSync(join(realRoot, path), { withFileTypes: true })
      .filter(({ name }) => name !== GIT)
      .map((entry) => ({
        name: entry.name,
        kind: entry.isFile()
          ? ('file' as const)
          : entry.isDirectory()
            ? ('folder' as const)
            : entry.isSymbolicLink()
              ? ('link' as const)
              : ('special' as const),
      }))
      .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  }

  return { find: guarded(find), read: guarded(read), list: guarded(list) };
}

/** Whether a path leads through what is called `.git`, where no source has anything. */
export function isInGit(path: string): boolean {
  return posix.normalize(path).split('/').includes(GIT);
}

function realFolder(root: string): string {
  try {
    const real = realpathSync(root);
    if (lstatSync(real).isDirectory()) return real;
  } catch (error) {
    throw new GateError('SOURCE_MISSING', 'the folder to render does not exist or cannot be read', { cause: error });
  }
  throw new GateError('SOURCE_MISSING', 'what is to be rendered is not a folder');
}

/** The names of a path after lexical cleaning; `..` can then stand only at the front, where it leaves the root. */
function names(path: string, shown: string): string[] {
  if (path.includes('\0')) throw outside(shown.replaceAll('\0', ''));
  const clean = posix.normalize(path.startsWith('/') ? path.slice(1) || '.' : path || '.');
  const steps = clean.split('/').filter((step) => step !== '' && step !== '.');
  if (steps[0] === '..') throw outside(shown);
  return steps;
}

/** Errors of the file system itself name absolute paths; what leaves here does not. */
function guarded<Args extends [string], Answer>(ask: (...args: Args) => Answer): (...args: Args) => Answer {
  return (...args) => {
    try {
      return ask(...args);
    } catch (error) {
      if (error instanceof GateError) throw error;
      const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
      throw new GateError('SOURCE_UNREADABLE', `${args[0]} cannot be read (${code})`, { place: args[0], cause: error });
    }
  };
}

function outside(path: string, link?: string, target?: string): GateError {
  // Where an absolute link leads is a path of this machine, which nobody else has to know.
  const where = target?.startsWith('/') ? 'an absolute path' : target;
  const why = link === undefined ? `${path} leaves the source` : `the link ${link} (to ${where}) leaves the source`;
  return new GateError('SOURCE_OUTSIDE', why, { place: link ?? path });
}

function loop(path: string): GateError {
  return new GateError('SOURCE_OUTSIDE', `${path} follows more than ${MAX_LINKS} links`, { place: path });
}

function special(path: string): GateError {
  return new GateError('SOURCE_SPECIAL', `${path} is neither a file nor a folder`, { place: path });
}

function tooLarge(what: string, setting: string): GateError {
  return new GateError('SOURCE_TOO_LARGE', what, {
    mend: `Make the source smaller, or raise spec.render.limits.${setting}.`,
  });
}
