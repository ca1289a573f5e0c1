import { constants } from 'node:fs';
import { mkdir, open, readdir, rename, stat, unlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { GateError } from '../../core/errors.ts';
import type { Digest } from '../../core/image.ts';
import type { Clock, VerifiedBytes } from '../../core/ports.ts';
import { readBoundedFile } from './bounded-file.ts';
import type { RegistryLimits } from './limits.ts';
import { digestOf, manifestMediaTypes, parseManifest } from './manifest-body.ts';
import type { RegistryCache } from './settings.ts';

/** Bodies by digest in a folder, for this process and those after it. */
export interface DiskCache {
  /** A body that was stored for this repository; undefined where there is none, or none that still has its digest. */
  read(kind: Kind, repository: string, digest: Digest, maxBytes: number): Promise<VerifiedBytes | undefined>;
  /** Stores a body. Throws REGISTRY_SETTINGS_INVALID if the folder cannot be used; a full disk is no error. */
  write(kind: Kind, repository: string, body: VerifiedBytes): Promise<void>;
}

type Kind = 'manifest' | 'blob';

/** A temporary file that is older than this belongs to a process that was killed. */
const abandonedMs = 60 * 60 * 1000;
/** How much of its bound the cache is brought down to when it is over, so that this is rare. */
const lowWater = 0.9;

/**
 * A cache in `folder`. Nothing in it is trusted: every body is hashed and parsed again when it is read, so that whoever
 * can write there can at most make the gate ask the registry. Files appear whole (they are renamed into place), so that
 * several processes may share the folder.
 */
export function createDiskCache(
  { maxBytes, ...settings }: RegistryCache,
  folder: string,
  limits: RegistryLimits,
  clock: Clock,
): DiskCache {
  let written: Promise<number> | undefined;
  let used = 0;
  let temporary = 0;

  const measure = async () => {
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      return await sweep(folder, maxBytes, clock);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
      throw new GateError('REGISTRY_SETTINGS_INVALID', `the folder of registryCache cannot be used (${code})`, {
        mend: `Let syncgate write to ${settings.folder}, or take registryCache out.`,
      });
    }
  };

  return {
    async read(kind, repository, digest, most) {
      for (const [mediaType, name] of namesOf(kind, repository, digest)) {
        const path = join(folder, name);
        const bytes = await readBoundedFile(path, Math.min(most, limits.cachedBytes), { links: false });
        if (typeof bytes === 'string') continue;
        if (digestOf(bytes) === digest && isStill(kind, bytes, mediaType)) {
          // Used just now; what was used longest ago goes first.
          const now = clock.now() / 1000;
          await utimes(path, now, now).catch(() => {});
          return { digest, mediaType, bytes };
        }
        await unlink(path).catch(() => {});
      }
      return undefined;
    },

    async write(kind, repository, { digest, mediaType, bytes }) {
      if (bytes.length > Math.min(limits.cachedBytes, maxBytes)) return;
      const name = namesOf(kind, repository, digest).find(([type]) => type === mediaType)?.[1];
      if (name === undefined) return;
      if (written === undefined) {
        written = measure();
        used = await written;
      }
      await written;
      temporary += 1;
      const own = join(folder, `.${process.pid}-${temporary}-${process.hrtime.bigint()}.tmp`);
      try {
        const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
        const file = await open(own, flags, 0o600);
        try {
          await file.writeFile(bytes);
        } finally {
          await file.close();
        }
        await rename(own, join(folder, name));
        used += bytes.length;
        if (used > maxBytes) used = await sweep(folder, maxBytes * lowWater, clock);
      } catch {
        // A disk that is full, or a file that another process has just removed: the next run asks the registry.
        await unlink(own).catch(() => {});
      }
    },
  };
}

/** What a body may be called. The media type that its registry gave a manifest is part of the name. */
function namesOf(kind: Kind, repository: string, digest: Digest): readonly (readonly [string, string])[] {
  const hex = digest.slice('sha256:'.length);
  if (!/^[0-9a-f]{64}$/.test(hex)) return [];
  // The repository is a name from outside: as a hash it is always one file name.
  const where = digestOf(Buffer.from(repository, 'utf8')).slice('sha256:'.length, 'sha256:'.length + 32);
  if (kind === 'blob') return [['application/octet-stream', `${hex}-${where}-blob`]];
  return manifestMediaTypes.map((type, i) => [type, `${hex}-${where}-manifest-${i}`] as const);
}

function isStill(kind: Kind, bytes: Uint8Array, mediaType: string): boolean {
  if (kind === 'blob') return true;
  try {
    parseManifest(bytes, mediaType, 'a manifest');
    return true;
  } catch {
    return false;
  }
}

/** Removes what was used longest ago until at most `most` bytes are left; answers how many are. */
async function sweep(folder: string, most: number, clock: Clock): Promise<number> {
  const files: { path: string; size: number; used: number }[] = [];
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    if (!/^(?:[0-9a-f]{64}-[0-9a-f]{32}-(?:blob|manifest-\d)|\.[\d-]+\.tmp)$/.test(name)) continue;
    const found = await stat(path).catch(() => undefined);
    if (found === undefined || !found.isFile()) continue;
    if (!name.endsWith('.tmp')) files.push({ path, size: found.size, used: found.mtimeMs });
    else if (clock.now() - found.mtimeMs > abandonedMs) await unlink(path).catch(() => {});
  }
  let total = files.reduce((sum, { size }) => sum + size, 0);
  for (const { path, size } of files.sort((a, b) => a.used - b.used)) {
    if (total <= most) break;
    await unlink(path).catch(() => {});
    total -= size;
  }
  return total;
}
