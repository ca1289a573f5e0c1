import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { GateError } from '../core/errors.ts';

/** Standard input is one rendered set; more than a set may hold is not worth reading. */
const maxStdinBytes = 64 * 1024 * 1024;

/** A file that somebody names on the command line, of at most so many bytes. Throws USAGE. */
export function readBoundedFile(path: string, most: number): Uint8Array {
  try {
    const stat = statSync(path);
    if (!stat.isFile()) throw new GateError('USAGE', `${path} is not a file`);
    if (stat.size > most) throw new GateError('USAGE', `${path} has ${stat.size} bytes, more than ${most}`);
    return readFileSync(path);
  } catch (thrown) {
    if (thrown instanceof GateError) throw thrown;
    const { code = 'unknown error' } = thrown as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'does not exist' : `could not be read (${code})`;
    throw new GateError('USAGE', `${path} ${why}`, { cause: thrown, mend: 'Correct the name of the file.' });
  }
}

export function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/** The nearest folder at or above this one that is a Git work tree; undefined where there is none. */
export function workTreeOf(folder: string): string | undefined {
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, '.git'))) return at;
    if (dirname(at) === at) return undefined;
  }
}

/** All of standard input. Throws STDIN_UNREADABLE, and what aborts the signal. */
export async function readStdin(signal: AbortSignal): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let length = 0;
  // Loaded here: most runs have no use for all of the streams.
  const { addAbortSignal } = await import('node:stream');
  try {
    for await (const chunk of addAbortSignal(signal, process.stdin)) {
      length += (chunk as Buffer).length;
      if (length > maxStdinBytes) {
        throw new GateError('STDIN_UNREADABLE', `standard input is larger than ${maxStdinBytes} bytes`);
      }
      chunks.push(chunk as Buffer);
    }
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (error instanceof GateError) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new GateError('STDIN_UNREADABLE', `standard input cannot be read (${code})`, { cause: error });
  }
  return Buffer.concat(chunks);
}
