import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, open, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { GateError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports.ts';
import { examine, type Identity, identityOf, isSame, openPlain } from './examine.ts';
import { asStoreError } from './failure.ts';
import { ASIDE, createStoreFolder, syncFolder, usableFolder } from './folder.ts';
import { lockFolder } from './lock.ts';
import type { PackedArtifact } from './pack.ts';
import { ARTIFACTS, type ArtifactKey, folderOf, hexOf, isName, isNamespace, parsePath } from './path.ts';

interface StoredArtifact extends ArtifactKey {
  /** `externalartifact/<namespace>/<name>/<hex>.tar.gz`, as in `status.artifact.path` and in the URL. */
  readonly path: string;
  readonly hex: string;
  readonly digest: string;
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly storedAt: number;
}

/** A file that was opened for reading and is the one that the store vouches for. Read it whole or destroy `body`. */
interface OpenArtifact {
  readonly size: number;
  readonly digest: string;
  readonly body: Readable;
}

/** The named points of a write and of a removal; a test ends the process there. */
export type StoreStep = 'created' | 'written' | 'synced' | 'renamed' | 'settled' | 'removing' | 'removed';

export interface ArtifactStore {
  /** Writes it whole and durably, or throws STORE_FULL, STORE_FAILED; storing the same again is cheap and harmless. */
  put(key: ArtifactKey, packed: PackedArtifact): Promise<StoredArtifact>;
  /** The same for what another replica has accepted: `path` is `status.artifact.path`, and content must have its digest. */
  adopt(path: string, content: Uint8Array | { readonly file: string }): Promise<StoredArtifact>;
  /** An absolute path on the same disk for a download; what is left there is removed at the next start. */
  temporary(): string;
  get(path: string): StoredArtifact | undefined;
  list(key?: ArtifactKey): readonly StoredArtifact[];
  totalBytes(): number;
  /** For the file server: undefined unless the file is still the one that was stored. */
  open(path: string): Promise<OpenArtifact | undefined>;
  /** Reads the file again and hashes it; one that is not whole is set aside. */
  check(path: string): Promise<boolean>;
  /**
   * Removes what is older than `maxAgeMs`, and the oldest of what is more than `records`; never one of `keep` (hex).
   * Gives the paths that are gone.
   */
  collect(
    key: ArtifactKey,
    options: { readonly keep: ReadonlySet<string>; readonly maxAgeMs: number; readonly records: number },
  ): Promise<readonly string[]>;
  /** Removes all of one key. */
  remove(key: ArtifactKey): Promise<void>;
  /** Lets another process open the folder; nothing may be asked of the store any more. */
  close(): void;
}

export interface StoreOptions {
  /** Absolute; it must exist. Only one process may have it open. */
  readonly folder: string;
  readonly clock: Clock;
  readonly reached?: (step: StoreStep) => void | Promise<void>;
  /** Called with what was found that must not be served, and why; at start and later. */
  readonly onSetAside?: (path: string, why: string) => void;
}

/** Where files grow before they have their name. */
const INCOMING = '.incoming';

interface Entry {
  readonly artifact: StoredArtifact;
  readonly identity: Identity;
}

/**
 * Opens the folder of artifacts. Every file in it is hashed first: what does not have the digest of its name, a link, a
 * second name of a file elsewhere, and whatever else is there is moved to `.aside` and never served. A file gets its
 * name only when it is whole and on the disk, so a process that is killed leaves the old or the new, and never a part.
 * Throws STORE_BUSY, STORE_INVALID or STORE_FULL.
 */
export async function openArtifactStore(options: StoreOptions): Promise<ArtifactStore> {
  const { clock } = options;
  const root = await usableFolder(options.folder);
  const unlock = await lockFolder(root);
  const entries = new Map<string, Entry>();
  const { ensureFolder, setAside, isFolder, namesOf, openPath, examinePath } = createStoreFolder(
    root,
    clock,
    (path, why) => {
      entries.delete(path);
      options.onSetAside?.(path, why);
    },
  );
  /** The last work on each key: two writers of one key would collect what the other has just stored. */
  const busy = new Map<string, Promise<unknown>>();
  let isOpen = true;
  const reached = async (step: StoreStep) => options.reached?.(step);

  try {
    // The place for what is set aside comes first: what stands in for the others goes there.
    for (const name of [ASIDE, ARTIFACTS, INCOMING]) await ensureFolder(name);
    for (const name of await readdir(join(root, INCOMING))) await rm(join(root, INCOMING, name), { recursive: true });
    await takeStock();
  } catch (error) {
    unlock();
    throw asStoreError(error, 'STORE_INVALID');
  }

  /** Reads all that is there, and sets aside what was not stored here. */
  async function takeStock(): Promise<void> {
    for (const namespace of await namesOf(ARTIFACTS)) {
      const ofNamespace = `${ARTIFACTS}/${namespace}`;
      if (!isNamespace(namespace) || !(await isFolder(ofNamespace))) {
        await setAside(ofNamespace, 'it is not the folder of a namespace');
        continue;
      }
      for (const name of await namesOf(ofNamespace)) {
        const ofName = `${ofNamespace}/${name}`;
        if (!isName(name) || !(await isFolder(ofName))) {
          await setAside(ofName, 'it is not the folder of an artifact');
          continue;
        }
        for (const file of await namesOf(ofName)) await vouch({ namespace, name }, `${ofName}/${file}`, hexOf(file));
        await rmdir(join(root, ofName)).catch(() => undefined);
      }
      await rmdir(join(root, ofNamespace)).catch(() => undefined);
    }
  }

  /** Hashes a file and takes it in, or sets it aside. */
  async function vouch(key: ArtifactKey, path: string, hex: string | undefined): Promise<StoredArtifact | undefined> {
    const found = hex === undefined ? { why: 'its name is not a digest' } : await examinePath(path, hex);
    if (hex === undefined || 'why' in found) {
      await setAside(path, 'why' in found ? found.why : 'its name is not a digest');
      return undefined;
    }
    const size = Number(found.size);
    const artifact = { ...key, path, hex, digest: `sha256:${hex}`, size, storedAt: Number(found.mtimeMs) };
    entries.set(path, { artifact, identity: identityOf(found) });
    return artifact;
  }

  /** Runs one after another what concerns one key, and names errors. */
  function queued<Result>(key: ArtifactKey, work: (folder: string) => Promise<Result>): Promise<Result> {
    const result = (async () => {
      const folder = folderOf(key);
      if (!isOpen) throw new GateError('STORE_FAILED', 'the storage folder was closed');
      const before = busy.get(folder);
      const own = (async () => {
        await before?.catch(() => undefined);
        return work(folder);
      })();
      busy.set(folder, own);
      try {
        return await own;
      } finally {
        if (busy.get(folder) === own) busy.delete(folder);
      }
    })();
    return result.catch((error: unknown) => {
      throw asStoreError(error, 'STORE_FAILED');
    });
  }

  /** Gives a file that is whole its name. */
  async function settle(key: ArtifactKey, folder: string, hex: string, temporary: string): Promise<StoredArtifact> {
    await ensureFolder(dirname(folder));
    await ensureFolder(folder);
    const path = `${folder}/${hex}.tar.gz`;
    const there = await lstat(join(root, path)).catch(() => undefined);
    if (there !== undefined) await setAside(path, 'it was not stored by this process');
    await rename(temporary, join(root, path));
    await reached('renamed');
    await syncFolder(join(root, folder));
    const artifact = await vouch(key, path, hex);
    if (artifact === undefined) throw new Error('what was written is not what is there');
    await reached('settled');
    return artifact;
  }

  /** The same content again: its age starts anew. */
  async function renew(path: string): Promise<StoredArtifact | undefined> {
    const known = entries.get(path);
    if (known === undefined) return undefined;
    const handle = await openPath(path);
    if (!('why' in handle)) {
      const now = new Date(clock.now());
      // By the handle: a name may mean something else by now.
      await handle.utimes(now, now).finally(() => handle.close());
    }
    return vouch(known.artifact, path, known.artifact.hex);
  }

  async function write(bytes: Uint8Array): Promise<string> {
    const temporary = store.temporary();
    await ensureFolder(INCOMING);
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const handle = await open(temporary, flags, 0o600);
    try {
      await reached('created');
      await handle.writeFile(bytes);
      await reached('written');
      const now = new Date(clock.now());
      await handle.utimes(now, now);
      await handle.sync();
      await reached('synced');
      return temporary;
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw error;
    } finally {
      await handle.close();
    }
  }

  async function cleared<Result>(temporary: string, work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw error;
    }
  }

  async function drop(path: string): Promise<void> {
    await reached('removing');
    // First here: from now on nobody is given it, whatever becomes of the file.
    entries.delete(path);
    const handle = await openPath(path);
    if ('why' in handle) await setAside(path, handle.why);
    else {
      await handle.close();
      await rm(join(root, path), { force: true });
      await syncFolder(dirname(join(root, path)));
    }
    await reached('removed');
  }

  async function openEntry(path: string, isFirst: boolean): Promise<OpenArtifact | undefined> {
    const known = entries.get(path);
    if (known === undefined || !isOpen) return undefined;
    try {
      const handle = await openPath(path);
      if ('why' in handle) {
        if (entries.get(path) === known) await setAside(path, handle.why);
        return undefined;
      }
      const stat = await handle.stat({ bigint: true }).catch(async (error: unknown) => {
        await handle.close();
        throw error;
      });
      if (!isSame(identityOf(stat), known.identity)) {
        await handle.close();
        // Somebody touched it, or replaced it: its content says which.
        return isFirst && (await store.check(path)) ? await openEntry(path, false) : undefined;
      }
      const { size, digest } = known.artifact;
      return { size, digest, body: handle.createReadStream({ start: 0, end: size - 1, highWaterMark: 256 * 1024 }) };
    } catch (error) {
      throw asStoreError(error, 'STORE_FAILED');
    }
  }

  const store: ArtifactStore = {
    put: (key, packed) =>
      queued(key, async (folder) => {
        const known = await renew(`${folder}/${packed.hex}.tar.gz`);
        if (known !== undefined) return known;
        const temporary = await write(packed.bytes);
        return cleared(temporary, () => settle(key, folder, packed.hex, temporary));
      }),

    adopt: async (path, content) => {
      const { hex, ...key } = parsePath(path);
      return queued(key, async (folder) => {
        const known = await renew(path);
        if (known !== undefined) return known;
        const temporary = 'file' in content ? content.file : await write(content);
        return cleared(temporary, async () => {
          const handle = await openPlain(temporary);
          try {
            const found = await examine(handle, hex);
            if ('why' in found) {
              throw new GateError('ARTIFACT_DIGEST_MISMATCH', `${path} was not taken over: ${found.why}`, {
                place: path,
              });
            }
            await handle.sync();
          } finally {
            await handle.close();
          }
          return settle(key, folder, hex, temporary);
        });
      });
    },

    temporary: () => join(root, INCOMING, randomUUID()),
    get: (path) => entries.get(path)?.artifact,
    list: (key) => {
      const all = [...entries.values()].map(({ artifact }) => artifact);
      return key === undefined
        ? all
        : all.filter(({ namespace, name }) => namespace === key.namespace && name === key.name);
    },
    totalBytes: () => [...entries.values()].reduce((total, { artifact }) => total + artifact.size, 0),

    open: (path) => openEntry(path, true),

    check: async (path) => {
      const known = entries.get(path)?.artifact;
      if (known === undefined) return false;
      return queued(known, async () => entries.has(path) && (await vouch(known, path, known.hex)) !== undefined);
    },

    collect: (key, { keep, maxAgeMs, records }) =>
      queued(key, async () => {
        const newestFirst = [...store.list(key)].sort((a, b) => b.storedAt - a.storedAt);
        let retained = newestFirst.filter(({ hex }) => keep.has(hex)).length;
        const gone: string[] = [];
        for (const { path, hex, storedAt } of newestFirst) {
          if (keep.has(hex)) continue;
          if (clock.now() - storedAt <= maxAgeMs && retained < records) {
            retained += 1;
            continue;
          }
          await drop(path);
          gone.push(path);
        }
        return gone;
      }),

    remove: (key) =>
      queued(key, async (folder) => {
        for (const { path } of store.list(key)) await drop(path);
        await rmdir(join(root, folder)).catch(() => undefined);
      }),

    close: () => {
      isOpen = false;
      entries.clear();
      unlock();
    },
  };
  return store;
}
