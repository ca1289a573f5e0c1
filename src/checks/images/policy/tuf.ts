import { Readable } from 'node:stream';
import { Metadata, MetadataKind, type Root, type Targets } from '@tufjs/models';
import { GateError } from '../../../core/errors.ts';

/**
 * A TUF repository, as bytes under names. `undefined` means that it is not there; anything else that goes wrong throws.
 */
export interface TufFiles {
  metadata(name: string, maxBytes: number): Promise<Uint8Array | undefined>;
  target(path: string, maxBytes: number): Promise<Uint8Array | undefined>;
}

/** What a repository vouches for at a time. */
export interface TufTargets {
  readonly targets: ReadonlyMap<string, { readonly custom: Readonly<Record<string, unknown>> }>;
  /** The bytes of a target, checked against length and hashes. */
  read(path: string): Promise<Uint8Array>;
  /** When the first of its files expires: from then on it is refused. */
  readonly expires: Date;
  readonly versions: TufVersions;
}

/** The version of each file of a repository, by its role. */
export type TufVersions = Readonly<Record<'root' | 'timestamp' | 'snapshot' | 'targets', number>>;

const maxRootRotations = 256;
const maxRootBytes = 512 * 1024;
const maxMetadataBytes = 5 * 1024 * 1024;
const maxTargetBytes = 4 * 1024 * 1024;

/**
 * The client workflow of the TUF specification (5.3 to 5.7) over a repository of which nothing is known but its first
 * root: newer roots one by one, each signed by the one before and by itself; timestamp; snapshot; targets; each signed by
 * who may, of the version and hash that the one before names, and not expired at `now`. Delegations are not followed.
 * Throws IMAGE_TRUST_ROOT_EXPIRED and IMAGE_TRUST_ROOT_INVALID.
 */
export async function updateFrom(rootBytes: Uint8Array, files: TufFiles, now: Date): Promise<TufTargets> {
  const read = <T>(name: string, step: () => T): T => {
    try {
      return step();
    } catch (error) {
      if (error instanceof GateError) throw error;
      throw invalid(`${name} of its TUF repository does not hold: ${wordsOf(error)}`, error);
    }
  };
  const json = (name: string, bytes: Uint8Array) =>
    read(name, () => JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)));
  const wanted = async (name: string, maxBytes = maxMetadataBytes): Promise<Buffer> => {
    const bytes = await files.metadata(name, maxBytes);
    if (bytes === undefined) throw invalid(`${name} is not in its TUF repository`);
    return Buffer.from(bytes);
  };

  let root = read('root.json', () => {
    const first = Metadata.fromJSON(MetadataKind.Root, json('root.json', rootBytes));
    first.verifyDelegate(MetadataKind.Root, first);
    return first;
  });
  for (let rotations = 0; ; rotations++) {
    const version = root.signed.version + 1;
    const name = `${version}.root.json`;
    const bytes = await files.metadata(name, maxRootBytes);
    if (bytes === undefined) break;
    if (rotations >= maxRootRotations)
      throw invalid(`its TUF repository holds more than ${maxRootRotations} newer roots`);
    root = read(name, () => nextRoot(root, Metadata.fromJSON(MetadataKind.Root, json(name, bytes))));
  }
  refuseExpired('root.json', root.signed, now);

  const timestampBytes = await wanted('timestamp.json');
  const timestamp = read('timestamp.json', () => {
    const found = Metadata.fromJSON(MetadataKind.Timestamp, json('timestamp.json', timestampBytes));
    root.verifyDelegate(MetadataKind.Timestamp, found);
    return found;
  });
  refuseExpired('timestamp.json', timestamp.signed, now);

  const consistent = root.signed.consistentSnapshot;
  const { snapshotMeta } = timestamp.signed;
  const snapshotName = consistent ? `${snapshotMeta.version}.snapshot.json` : 'snapshot.json';
  const snapshotBytes = await wanted(snapshotName);
  const snapshot = read(snapshotName, () => {
    snapshotMeta.verify(snapshotBytes);
    const found = Metadata.fromJSON(MetadataKind.Snapshot, json(snapshotName, snapshotBytes));
    root.verifyDelegate(MetadataKind.Snapshot, found);
    sameVersion(found.signed.version, snapshotMeta.version);
    return found;
  });
  refuseExpired(snapshotName, snapshot.signed, now);

  const targetsMeta = snapshot.signed.meta['targets.json'];
  if (targetsMeta === undefined) throw invalid('the snapshot of its TUF repository names no targets.json');
  const targetsName = consistent ? `${targetsMeta.version}.targets.json` : 'targets.json';
  const targetsBytes = await wanted(targetsName);
  const targets = read(targetsName, () => {
    targetsMeta.verify(targetsBytes);
    const found = Metadata.fromJSON(MetadataKind.Targets, json(targetsName, targetsBytes));
    root.verifyDelegate(MetadataKind.Targets, found);
    sameVersion(found.signed.version, targetsMeta.version);
    return found;
  });
  refuseExpired(targetsName, targets.signed, now);

  const expiries = [root, timestamp, snapshot, targets].map(({ signed }) => Date.parse(signed.expires));
  return {
    targets: new Map(Object.entries(targets.signed.targets)),
    read: (path) => readTarget(targets.signed, path, consistent, files),
    expires: new Date(Math.min(...expiries)),
    versions: {
      root: root.signed.version,
      timestamp: timestamp.signed.version,
      snapshot: snapshot.signed.version,
      targets: targets.signed.version,
    },
  };
}

/**
 * The role whose file is older than it was before; undefined where none is (TUF specification, 5.4.3, 5.5.5 and 5.6.4). A
 * newer root may have taken the keys of the others away, and then those begin anew (5.3.11).
 */
export function olderRole(now: TufVersions, before: TufVersions): string | undefined {
  if (now.root !== before.root) return now.root < before.root ? 'root' : undefined;
  return (['timestamp', 'snapshot', 'targets'] as const).find((role) => now[role] < before[role]);
}

function nextRoot(trusted: Metadata<Root>, next: Metadata<Root>): Metadata<Root> {
  trusted.verifyDelegate(MetadataKind.Root, next);
  sameVersion(next.signed.version, trusted.signed.version + 1);
  next.verifyDelegate(MetadataKind.Root, next);
  return next;
}

async function readTarget(targets: Targets, path: string, consistent: boolean, files: TufFiles): Promise<Uint8Array> {
  const target = Object.hasOwn(targets.targets, path) ? targets.targets[path] : undefined;
  if (target === undefined) throw invalid(`the target ${path} is not in its TUF repository`);
  if (target.length > maxTargetBytes) throw invalid(`the target ${path} is larger than ${maxTargetBytes} bytes`);
  const hashes = Object.values(target.hashes);
  if (hashes.length === 0) throw invalid(`the target ${path} has no hash in its TUF repository`);
  const slash = path.lastIndexOf('/') + 1;
  const names = consistent ? hashes.map((hash) => `${path.slice(0, slash)}${hash}.${path.slice(slash)}`) : [path];
  for (const name of names) {
    const bytes = await files.target(name, maxTargetBytes);
    if (bytes === undefined) continue;
    try {
      await target.verify(Readable.from([Buffer.from(bytes)]));
    } catch (error) {
      throw invalid(`the target ${path} of its TUF repository does not hold: ${wordsOf(error)}`, error);
    }
    return bytes;
  }
  throw invalid(`the target ${path} is named by its TUF repository and not there`);
}

function sameVersion(found: number, wanted: number): void {
  if (found !== wanted) throw invalid(`it has version ${found} where ${wanted} is due`);
}

function refuseExpired(name: string, signed: { readonly expires: string; isExpired(now?: Date): boolean }, now: Date) {
  if (Number.isNaN(Date.parse(signed.expires))) throw invalid(`${name} of its TUF repository has no date to expire on`);
  if (!signed.isExpired(now)) return;
  throw new GateError('IMAGE_TRUST_ROOT_EXPIRED', `${name} of its TUF repository expired on ${signed.expires}`);
}

function wordsOf(error: unknown): string {
  const words = error instanceof Error ? error.message : String(error);
  return words.split('\n')[0]?.slice(0, 200) ?? '';
}

function invalid(why: string, cause?: unknown): GateError {
  return new GateError('IMAGE_TRUST_ROOT_INVALID', why, cause === undefined ? {} : { cause });
}
