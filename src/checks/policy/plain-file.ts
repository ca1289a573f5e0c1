import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import type { GateError } from '../../core/errors.ts';

export interface PlainFile {
  readonly path: string;
  readonly maxBytes: number;
  /** Whether a link at the end of the path is followed. */
  readonly links: boolean;
  /** The error of a reason, which goes on from the name of the file: `is not a plain file`. */
  readonly refused: (why: string) => GateError;
  /** Asked before it is read: throws where so many bytes are too many. */
  readonly charge?: (bytes: number) => void;
}

/** The bytes of a plain file; a pipe or a device is never waited for. Throws what `refused` makes. */
export function readPlainFile({ path, maxBytes, links, refused, charge }: PlainFile): Buffer {
  let handle: number;
  try {
    // O_NONBLOCK: it may have been exchanged for a pipe since it was looked at.
    handle = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | (links ? 0 : constants.O_NOFOLLOW));
  } catch (error) {
    throw refused(`cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`);
  }
  try {
    const stat = fstatSync(handle);
    if (!stat.isFile()) throw refused('is not a plain file');
    if (stat.size > maxBytes) throw refused(`is larger than ${maxBytes} bytes`);
    charge?.(stat.size);
    const buffer = Buffer.allocUnsafe(stat.size);
    let length = 0;
    while (length < stat.size) {
      const got = readSync(handle, buffer, length, stat.size - length, null);
      if (got === 0) break;
      length += got;
    }
    return buffer.subarray(0, length);
  } finally {
    closeSync(handle);
  }
}
