import { stat } from 'node:fs/promises';
import { GateError } from '../../core/errors.ts';
import { readBoundedFile } from './bounded-file.ts';

/** Text of a file that the platform mounted, at most 1 MiB. Throws REGISTRY_SETTINGS_INVALID, naming `what` and no path. */
export async function readPlatformFile(path: string, what: string): Promise<string> {
  const bytes = await readBoundedFile(path, 1024 * 1024, { links: true });
  if (typeof bytes === 'string') {
    throw new GateError('REGISTRY_SETTINGS_INVALID', `${what} cannot be used: the file is ${bytes}`);
  }
  return bytes.toString('utf8');
}

/**
 * What `read` makes of files, made again when one of them has changed: Secrets are renewed while a process runs. As long
 * as nothing changed it is the same value. A failure is not remembered.
 */
export function rereadOnChange<Value>(paths: readonly string[], read: () => Promise<Value>): () => Promise<Value> {
  let known: { readonly stamp: string; readonly value: Promise<Value> } | undefined;
  return async () => {
    // Taken before reading: what changes meanwhile has another stamp the next time.
    const stamp = (await Promise.all(paths.map(stampOf))).join(' ');
    if (known?.stamp !== stamp) {
      const value = read();
      const mine = { stamp, value };
      known = mine;
      value.catch(() => {
        if (known === mine) known = undefined;
      });
    }
    return await known.value;
  };
}

/** Kubernetes renews a mount by a link to another folder, so that the file behind the path is another one. */
async function stampOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeMs } = await stat(path);
    return `${dev}:${ino}:${size}:${mtimeMs}`;
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}
