import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { GateError } from '../../core/errors.ts';

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
    throw invalid('its .lock cannot be locked', error);
  }
  const held = database;
  return () => {
    if (held.isOpen) held.close();
  };
}

function invalid(what: string, cause?: unknown): GateError {
  return new GateError('STORE_INVALID', `the storage folder cannot be used: ${what}`, { cause });
}
