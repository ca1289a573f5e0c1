import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { GateError } from '../core/errors.ts';

/** A private folder of one run. */
export interface Workspace {
  /** Absolute, with no link on the way; only its owner may enter it. */
  readonly path: string;
  /** Removes it with everything in it. Never throws; calling it again is harmless. */
  remove(): void;
}

const PREFIX = 'syncgate-';
/** What mkdtemp makes of the prefix. */
const OWN_NAME = /^syncgate-[A-Za-z0-9]{6}$/;
/** Says whose folder it is: the process, and when that started, because pids come round again. */
const OWNER_FILE = '.owner';
/** A folder this young may be one that is being made: its owner is not written yet. */
const GRACE_MS = 60_000;

/**
 * Makes the private folder of this run under `temporaryFolder`, and removes those that runs killed by SIGKILL left
 * there. It is also removed when the process exits by itself. Throws WORKSPACE_FULL or WORKSPACE_FAILED.
 */
export function createWorkspace(temporaryFolder: string): Workspace {
  try {
    const parent = realpathSync(temporaryFolder);
    sweep(parent);
    // mkdtemp makes it 0700 and fails where the name exists, so nobody can have laid a link there.
    const path = mkdtempSync(join(parent, PREFIX));
    const remove = (): void => {
      process.off('exit', remove);
      removeFolder(path);
    };
    process.on('exit', remove);
    try {
      writeFileSync(join(path, OWNER_FILE), `${process.pid} ${processStart(process.pid) ?? ''}`, { flag: 'wx' });
    } catch (error) {
      remove();
      throw error;
    }
    return { path, remove };
  } catch (error) {
    throw workspaceError(error);
  }
}

/** What went wrong in a workspace, with the full disk told apart from the rest. */
export function workspaceError(error: unknown): GateError {
  if (error instanceof GateError) return error;
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new GateError('WORKSPACE_FULL', 'the disk that holds the temporary folder is full', { cause: error });
  }
  return new GateError('WORKSPACE_FAILED', `the temporary folder cannot be used (${code ?? 'unknown error'})`, {
    cause: error,
  });
}

/**
 * Removes the folders of processes that are gone. Only folders (not links) of this very user, with the owner file that
 * was written here: in a shared /tmp anybody may lay out names like ours. A folder that cannot be read is left alone.
 */
export function sweep(parent: string, now: number = Date.now()): void {
  let entries: string[];
  try {
    entries = readdirSync(parent).filter((name) => OWN_NAME.test(name));
  } catch {
    return;
  }
  for (const name of entries) {
    const path = join(parent, name);
    try {
      const stat = lstatSync(path);
      if (!stat.isDirectory() || stat.uid !== process.getuid?.()) continue;
      const owner = readOwner(path);
      // Without the owner file it may be anybody's work under a name like ours: only an empty one is ours to take.
      if (owner === undefined && now - stat.mtimeMs > GRACE_MS) rmdirSync(path);
      else if (owner !== undefined && !isAlive(owner)) removeFolder(path);
    } catch {
      // Someone else is removing it, or it is not ours to look at.
    }
  }
}

interface Owner {
  readonly pid: number;
  readonly start: string;
}

function readOwner(path: string): Owner | undefined {
  try {
    const stat = lstatSync(join(path, OWNER_FILE));
    if (!stat.isFile() || stat.size > 100) return undefined;
    const [pid, start] = readFileSync(join(path, OWNER_FILE), 'utf8').split(' ');
    const number = Number(pid);
    return Number.isSafeInteger(number) && number > 0 ? { pid: number, start: start ?? '' } : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(owner: Owner): boolean {
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    // EPERM: alive, and another user's: the pid has come round, since our own folders are made by our own user.
    return owner.start !== '' && processStart(owner.pid) === owner.start;
  }
  const start = processStart(owner.pid);
  return start === undefined || owner.start === '' || start === owner.start;
}

/** When a process started, in clock ticks since boot; undefined where there is no /proc. */
function processStart(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in parentheses and may hold anything; the 22nd of all is the start.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

/**
 * Removes a folder with everything in it. A renderer may have made folders without the right to write in them (a chart's
 * file modes): those are opened first. What cannot be removed is left to whoever sweeps; never throws.
 */
export function removeFolder(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true, maxRetries: 2 });
    return;
  } catch {
    // Below.
  }
  try {
    openFolders(path);
    rmSync(path, { recursive: true, force: true, maxRetries: 2 });
  } catch {
    // The next run sweeps it.
  }
}

function openFolders(path: string): void {
  chmodSync(path, 0o700);
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) openFolders(join(path, entry.name));
  }
}

/** The folders that a run uses inside its workspace; made on first use. */
export function makeFolder(workspace: string, ...names: readonly string[]): string {
  const path = join(workspace, ...names);
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw workspaceError(error);
  }
  return path;
}
