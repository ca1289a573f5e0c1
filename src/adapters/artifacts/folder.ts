import { randomUUID } from 'node:crypto';
import { constants, realpathSync } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, opendir, readdir, rename, rm, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { GateError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports.ts';
import { type Doubt, examine, openPlain } from './examine.ts';
import { asStoreError } from './failure.ts';

/** Where goes what is not to be served. */
export const ASIDE = '.aside';
const MAX_ASIDE = 20;

/** A folder of files that somebody else may have meddled with; paths are relative to it. */
interface StoreFolder {
  /** Makes a folder that is one, and no link to one; durable when it returns. */
  ensureFolder(path: string): Promise<void>;
  /** Tells of what stands there, and moves it away. */
  setAside(path: string, why: string): Promise<void>;
  isFolder(path: string): Promise<boolean>;
  namesOf(path: string): Promise<readonly string[]>;
  /** Opens a plain file that no link leads to, or says what stands there instead. */
  openPath(path: string): Promise<FileHandle | Doubt>;
  examinePath(path: string, hex: string): ReturnType<typeof examine>;
}

/** The folder itself may be reached through links: whoever configures it may lay it out as they like. */
export async function usableFolder(folder: string): Promise<string> {
  try {
    const root = realpathSync(folder);
    if ((await lstat(root)).isDirectory()) return root;
  } catch (error) {
    throw asStoreError(error, 'STORE_INVALID');
  }
  throw new GateError('STORE_INVALID', 'what is given as the storage folder is not a folder');
}

export function createStoreFolder(
  root: string,
  clock: Clock,
  onSetAside: (path: string, why: string) => void,
): StoreFolder {
  async function ensureFolder(path: string): Promise<void> {
    const stat = await lstat(join(root, path)).catch(() => undefined);
    if (stat?.isDirectory()) return;
    if (stat !== undefined) await setAside(path, 'it is not a folder');
    await mkdir(join(root, path), { mode: 0o700 }).catch((error: unknown) => {
      // Another key of the namespace was first; that it is a folder is seen when the file is looked at.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    });
    await syncFolder(dirname(join(root, path)));
  }

  /** The first folder above a path that is none, or a link to one; undefined where all are folders. */
  async function replacedAbove(path: string): Promise<string | undefined> {
    const steps = path.split('/').slice(0, -1);
    for (const at of steps.keys()) {
      const above = steps.slice(0, at + 1).join('/');
      const stat = await lstat(join(root, above)).catch(() => undefined);
      if (stat?.isDirectory() !== true) return above;
    }
    return undefined;
  }

  async function setAside(path: string, why: string): Promise<void> {
    onSetAside(path, why);
    const place = join(root, ASIDE);
    // There is no place yet for what stands in its own: that is unlinked, and nothing behind it touched.
    if (path === ASIDE) return unlink(place);
    // Through a link in the place of a folder, somebody else's file would be moved: it is the link that goes.
    const moved = (await replacedAbove(path)) ?? path;
    await rename(join(root, moved), join(place, `${clock.now()}-${randomUUID()}`)).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    });
    const names = (await readdir(place)).sort();
    for (const name of names.slice(0, -MAX_ASIDE)) await rm(join(place, name), { recursive: true, force: true });
  }

  async function namesOf(path: string): Promise<string[]> {
    const names: string[] = [];
    for await (const { name } of await opendir(join(root, path))) names.push(name);
    return names.sort();
  }

  async function isFolder(path: string): Promise<boolean> {
    return (await lstat(join(root, path))).isDirectory();
  }

  async function openPath(path: string): Promise<FileHandle | Doubt> {
    // A folder that was exchanged for a link since it was made: what lies behind it is not ours.
    if ((await replacedAbove(path)) !== undefined) return { why: 'a folder above it is gone, or was replaced' };
    return openPlain(join(root, path)).catch((error: unknown) => doubtOf(error));
  }

  async function examinePath(path: string, hex: string): ReturnType<typeof examine> {
    const handle = await openPath(path);
    if ('why' in handle) return handle;
    try {
      return await examine(handle, hex);
    } finally {
      await handle.close();
    }
  }

  return { ensureFolder, setAside, isFolder, namesOf, openPath, examinePath };
}

/** Settles when the names in a folder are on the disk. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** What stands in the way of opening is a reason against the file; what is wrong with this process or the disk is not. */
function doubtOf(error: unknown): Doubt {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOENT':
      return { why: 'it is gone' };
    case 'ELOOP':
    case 'ENOTDIR':
    case 'ENXIO':
      return { why: 'it, or a folder above it, was replaced' };
    default:
      throw error;
  }
}
