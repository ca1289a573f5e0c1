import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

/** Why a file was not read. */
export type Unreadable = 'absent' | 'link' | 'not a file' | 'too large' | 'unreadable';

/**
 * The bytes of a regular file of at most `maxBytes`; the size is held while reading, not taken from the file system. With
 * `links: false` a symbolic link at the end of the path is refused. A FIFO or a device is never waited for.
 */
export async function readBoundedFile(
  path: string,
  maxBytes: number,
  options: { readonly links: boolean },
): Promise<Buffer | Unreadable> {
  const flags = constants.O_RDONLY | constants.O_NONBLOCK | (options.links ? 0 : constants.O_NOFOLLOW);
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path, flags);
  } catch (error) {
    return reason((error as NodeJS.ErrnoException).code);
  }
  try {
    const stat = await file.stat();
    if (!stat.isFile()) return 'not a file';
    if (stat.size > maxBytes) return 'too large';
    const buffer = Buffer.allocUnsafe(stat.size + 1);
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, length);
      if (bytesRead === 0) return buffer.subarray(0, length);
      length += bytesRead;
      // It grew since it was measured: somebody writes to it now.
      if (length > stat.size) return 'unreadable';
    }
  } catch (error) {
    return reason((error as NodeJS.ErrnoException).code);
  } finally {
    await file.close();
  }
}

function reason(code: string | undefined): Unreadable {
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'absent';
  if (code === 'ELOOP') return 'link';
  return code === 'EISDIR' ? 'not a file' : 'unreadable';
}
