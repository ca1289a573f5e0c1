import { closeSync, constants, mkdirSync, openSync, writeSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { GateError } from '../core/errors.ts';
import type { SourceLimits } from '../core/source.ts';
import { gunzip } from './gzip.ts';
import { createTarReader, type TarEntry, type TarSink } from './tar-reader.ts';

export interface UnpackRequest {
  /** The absolute path of a file, or the bytes themselves. */
  readonly packed: string | Uint8Array;
  /** Absolute; it must not exist, and its parent must be private. It is gone again if anything throws. */
  readonly folder: string;
  /** What messages call it: `GitRepository apps/shop`. */
  readonly subject: string;
  /** `files` bounds the files, the folders and the other entries, each on its own; `bytes` what is unpacked. */
  readonly limits: SourceLimits;
  readonly signal: AbortSignal;
}

export interface Unpacked {
  readonly files: number;
  /** What the files hold. */
  readonly bytes: number;
  /** Names of symbolic links that were left out, as Flux leaves them out; at most the first 20. */
  readonly links: readonly string[];
  /** What lies at the root, sorted: of a packed chart one folder. */
  readonly top: readonly string[];
}

const MAX_NAME_BYTES = 255;
const MAX_PATH_BYTES = 1024;
const MAX_DEPTH = 64;
const SHOWN_LINKS = 20;
/** Nothing that is unpacked is ever run, so no file keeps the mode that the archive gives it. */
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;
const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * Unpacks the tar.gz of a source of Flux (GitRepository, OCIRepository, Bucket, HelmChart, ExternalArtifact) as Flux
 * does, but for what Flux takes in silence: a name that stands twice, a hard link, data after the end and a header that
 * two readers could understand differently are refused. Symbolic links are left out and named in the answer; nothing is
 * ever written through one, because none is made. Memory is bounded by the number and length of the names.
 *
 * Throws SOURCE_TARBALL_INVALID, SOURCE_OUTSIDE for names that lead elsewhere, SOURCE_SPECIAL for devices, pipes and hard
 * links, SOURCE_TOO_LARGE, ARTIFACT_TIMEOUT when the signal aborts, WORKSPACE_FULL or WORKSPACE_FAILED.
 */
export async function unpackTarball(request: UnpackRequest): Promise<Unpacked> {
  const { packed, folder, subject, signal } = request;
  try {
    signal.throwIfAborted();
    mkdirSync(folder, { mode: FOLDER_MODE });
  } catch (error) {
    throw asUnpackError(error, request);
  }
  const writer = createWriter(request);
  const reader = createTarReader(writer.sink, (what, special) => refused(subject, what, special));
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW;
  try {
    const handle = typeof packed === 'string' ? await open(packed, flags) : undefined;
    try {
      const input =
        handle === undefined ? { bytes: packed as Uint8Array } : { handle, size: (await handle.stat()).size };
      const damaged = (what: string, cause?: unknown) => refused(subject, what, false, cause);
      const bomb = (what: string) => tooLarge(subject, `${what}${writer.unpacking()}`);
      for await (const chunk of gunzip(input, damaged, bomb, signal)) {
        signal.throwIfAborted();
        reader.push(chunk);
      }
      reader.finish();
    } finally {
      await handle?.close();
    }
    return writer.unpacked();
  } catch (error) {
    writer.close();
    await rm(folder, { recursive: true, force: true }).catch(() => undefined);
    throw asUnpackError(error, request);
  }
}

type Kind = 'file' | 'folder' | 'implied' | 'link';

/** Lays entries down in the folder, each as something new: no name is ever opened that was there before. */
function createWriter({ folder, subject, limits }: UnpackRequest) {
  const taken = new Map<string, Kind>();
  const links: string[] = [];
  let [files, folders, others, bytes, unpackedBytes] = [0, 0, 0, 0, 0];
  let handle: number | undefined;
  let at: string | undefined;

  /** What is being unpacked, for the end of a sentence. */
  function unpacking(): string {
    return at === undefined ? '' : ` while ${shown(at)} is unpacked`;
  }

  function count(more: number): void {
    bytes += more;
    if (bytes > limits.bytes) throw tooLarge(subject, `it unpacks to more than ${limits.bytes} bytes`, 'sourceMiB');
  }

  function makeFolder(path: string): void {
    folders += 1;
    if (folders > limits.files) throw tooLarge(subject, `it has more than ${limits.files} folders`, 'sourceFiles');
    mkdirSync(`${folder}/${path}`, { mode: FOLDER_MODE });
  }

  function makeParents(path: string): void {
    const slash = path.lastIndexOf('/');
    if (slash < 0) return;
    const parent = path.slice(0, slash);
    const kind = taken.get(parent);
    if (kind === 'folder' || kind === 'implied') return;
    if (kind !== undefined) throw refused(subject, `${shown(path)} lies below what is a ${kind}`);
    makeParents(parent);
    taken.set(parent, 'implied');
    makeFolder(parent);
  }

  function entry({ kind, name, size }: TarEntry): void {
    const path = cleaned(name, kind, subject);
    const before = taken.get(path);
    if (before !== undefined && !(before === 'implied' && kind === 'folder')) {
      throw refused(subject, `${shown(name)} stands in it twice`);
    }
    at = path;
    if (path !== '.') makeParents(path);
    taken.set(path, kind);
    if (kind === 'folder') {
      if (before === undefined && path !== '.') makeFolder(path);
    } else if (kind === 'link') {
      other();
      if (links.length < SHOWN_LINKS) links.push(path);
    } else {
      files += 1;
      if (files > limits.files) throw tooLarge(subject, `it has more than ${limits.files} files`, 'sourceFiles');
      if (size > limits.fileBytes) {
        throw tooLarge(subject, `${shown(name)} is larger than ${limits.fileBytes} bytes`, 'fileMiB');
      }
      count(size);
      unpackedBytes += size;
      handle = openSync(`${folder}/${path}`, NEW_FILE, FILE_MODE);
    }
  }

  function other(): void {
    others += 1;
    // One for each file and each folder.
    if (others > 2 * limits.files) throw tooLarge(subject, `it has more than ${limits.files} entries`, 'sourceFiles');
  }

  function data(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) at += writeSync(handle as number, chunk, at);
  }

  function close(): void {
    if (handle !== undefined) closeSync(handle);
    handle = undefined;
  }

  function extension(more: number): void {
    other();
    count(more);
  }

  const sink: TarSink = { entry, data, end: close, extension, after: count };
  function unpacked(): Unpacked {
    const top = [...taken.keys()].filter((path) => path !== '.' && !path.includes('/') && taken.get(path) !== 'link');
    return { files, bytes: unpackedBytes, links, top: top.sort() };
  }
  return { sink, close, unpacked, unpacking };
}

/** The path of an entry below the root; `.` is the root itself. */
function cleaned(name: string, kind: TarEntry['kind'], subject: string): string {
  const outside = () => {
    const what = `${subject}: ${shown(name)} leads out of the archive`;
    return new GateError('SOURCE_OUTSIDE', what, {
      place: subject,
      mend: 'Do not use the archive; find out who made it.',
    });
  };
  if (name.startsWith('/') || name.includes('../') || name.includes('\\')) throw outside();
  let path = name;
  while (path.startsWith('./')) path = path.slice(2);
  if (kind === 'folder' && path.endsWith('/')) path = path.slice(0, -1);
  if (kind === 'folder' && (path === '' || path === '.') && name !== '') return '.';
  const steps = path.split('/');
  if (steps.includes('..')) throw outside();
  if (steps.some((step) => step === '' || step === '.')) {
    throw refused(subject, `${shown(name)} is not a plain path`);
  }
  if (/[\x00-\x1f\x7f]/.test(path)) throw refused(subject, `${shown(name)} holds control characters`);
  if (steps.length > MAX_DEPTH) throw tooLarge(subject, `${shown(name)} is deeper than ${MAX_DEPTH} folders`);
  const isLong = Buffer.byteLength(path) > MAX_PATH_BYTES;
  if (isLong || steps.some((step) => Buffer.byteLength(step) > MAX_NAME_BYTES)) {
    throw tooLarge(subject, `${shown(name)} is longer than ${isLong ? MAX_PATH_BYTES : MAX_NAME_BYTES} bytes`);
  }
  return path;
}

function shown(name: string): string {
  return JSON.stringify(name.length > 100 ? `${name.slice(0, 100)}…` : name);
}

function refused(subject: string, what: string, special = false, cause?: unknown): GateError {
  return new GateError(special ? 'SOURCE_SPECIAL' : 'SOURCE_TARBALL_INVALID', `${subject}: ${what}`, {
    place: subject,
    cause,
  });
}

function tooLarge(subject: string, what: string, setting?: string): GateError {
  const raise = setting === undefined ? '' : `, or raise spec.render.limits.${setting} of the Gate`;
  return new GateError('SOURCE_TOO_LARGE', `${subject}: ${what}`, {
    place: subject,
    mend: `Leave out of the source what is not rendered (spec.ignore, .sourceignore)${raise}.`,
  });
}

/** Errors of the file system name paths of this machine; what leaves here does not. */
function asUnpackError(error: unknown, { subject, signal }: UnpackRequest): GateError {
  if (error instanceof GateError) return error;
  if (signal.aborted) {
    return new GateError('ARTIFACT_TIMEOUT', `${subject} was not unpacked in time`, { place: subject, cause: error });
  }
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new GateError('WORKSPACE_FULL', 'the disk that holds the temporary folder is full', { cause: error });
  }
  // A file system that does not tell large letters from small ones, or two spellings of one letter.
  if (code === 'EEXIST') return refused(subject, 'two of its names are one and the same here', false, error);
  const what = `${subject} could not be unpacked (${code ?? 'unknown error'})`;
  return new GateError('WORKSPACE_FAILED', what, { place: subject, cause: error });
}
