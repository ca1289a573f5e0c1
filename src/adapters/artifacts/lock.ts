import { randomUUID } from 'node:crypto';
import { closeSync, lstatSync, openSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { GateError } from '../../core/errors.ts';
import { asStoreError } from './failure.ts';

const LOCK = '.lock';
/** SQLite's word for a file that another process has locked. */
const BUSY = 5;

/**
 * Locks a folder for this process, until it calls what is returned or ends in any way. The lock is the kernel's (the
 * one that SQLite takes on an empty database), so nothing is left to clean up after SIGKILL, and it holds between
 * containers, whose process ids say nothing about one another, and over NFS. Throws STORE_BUSY or STORE_INVALID.
 */
export async function lockFolder(folder: string): Promise<() => void> {
  const path = join(folder, LOCK);
  const stat = lstatSync(path, { throwIfNoEntry: false });
  // SQLite follows links, and would make a file wherever one leads.
  if (stat !== undefined && (!stat.isFile() || stat.nlink !== 1)) throw invalid('its .lock is not a plain file');
  const { DatabaseSync } = await import('node:sqlite');
  let database: InstanceType<typeof DatabaseSync> | undefined;
  try {
    database = new DatabaseSync(path, { timeout: 0 });
    database.exec('PRAGMA journal_mode=MEMORY; PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (error) {
    database?.close();
    if ((error as { errcode?: number }).errcode === BUSY) {
      throw new GateError('STORE_BUSY', 'another process has the storage folder open', { cause: error });
    }
    // SQLite does not say why: what it could not do is tried again, in a way that says it.
    refuseUnwritable(folder, path);
    throw invalid(`its .lock cannot be locked (${(error as Error).message})`, error);
  }
  const held = database;
  return () => {
    if (held.isOpen) held.close();
  };
}

/** Nobody has locked the file, so none of this process' own locks goes with a handle that is closed here. */
function refuseUnwritable(folder: string, lock: string): void {
  const probe = join(folder, `${LOCK}-${randomUUID()}`);
  try {
    closeSync(openSync(probe, 'wx', 0o600));
    unlinkSync(probe);
    closeSync(openSync(lock, 'r+'));
  } catch (error) {
    throw asStoreError(error, 'STORE_INVALID');
  }
}

function invalid(what: string, cause?: unknown): GateError {
  return new GateError('STORE_INVALID', `the storage folder cannot be used: ${what}`, { cause });
}
