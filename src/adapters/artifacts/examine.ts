import { createHash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

/** What a file was when its content was hashed; the change time of an inode cannot be set by anybody. */
export interface Identity {
  readonly device: bigint;
  readonly inode: bigint;
  readonly size: bigint;
  readonly changed: bigint;
}

/** Opens a file that is none of: a link, a pipe, a folder. */
export function openPlain(path: string): Promise<FileHandle> {
  // O_NONBLOCK: a pipe that stands there would hold us until somebody writes.
  return open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
}

export function identityOf(stat: BigIntStats): Identity {
  return { device: stat.dev, inode: stat.ino, size: stat.size, changed: stat.ctimeNs };
}

export function isSame(a: Identity, b: Identity): boolean {
  return a.device === b.device && a.inode === b.inode && a.size === b.size && a.changed === b.changed;
}

/** What cannot be vouched for, and why. */
export interface Doubt {
  readonly why: string;
}

/** Whether an open file is plain, has no second name that could be written through, and has the digest. */
export async function examine(handle: FileHandle, hex: string): Promise<BigIntStats | Doubt> {
  const before = await handle.stat({ bigint: true });
  if (!before.isFile()) return { why: 'it is not a plain file' };
  if (before.nlink !== 1n) return { why: 'it has more than one name' };
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(256 * 1024);
  let at = 0;
  for (;;) {
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, at);
    if (bytesRead === 0) break;
    hash.update(buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
  const after = await handle.stat({ bigint: true });
  if (!isSame(identityOf(before), identityOf(after)) || BigInt(at) !== after.size) return { why: 'it changes' };
  return hash.digest('hex') === hex ? after : { why: 'its content does not have the digest of its name' };
}
