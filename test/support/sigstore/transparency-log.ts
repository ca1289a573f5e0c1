/** A transparency log in memory, of Rekor's first or second version, that keeps a real Merkle tree and signs what it is told. */
import { createHash, sign } from 'node:crypto';
import { type KeyPair, keyPair, spkiOf } from './certificates.ts';

const sha256 = (...parts: readonly Uint8Array[]) => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

export interface TransparencyLog {
  readonly version: 1 | 2;
  readonly baseUrl: string;
  readonly keys: KeyPair;
  readonly logId: Buffer;
  /** Appends a canonical body and answers the entry as it stands in a bundle's `tlogEntries`. */
  append(body: object, options?: AppendOptions): LogEntry;
}

export interface AppendOptions {
  readonly at?: Date;
  /** An inclusion promise (SET); the first version's default is true, the second has none. */
  readonly promise?: boolean;
  /** An inclusion proof with its checkpoint; default true. */
  readonly proof?: boolean;
}

/** `TransparencyLogEntry` in protobuf's JSON. */
export interface LogEntry {
  logIndex: string;
  logId: { keyId: string };
  kindVersion: { kind: string; version: string };
  integratedTime: string;
  inclusionPromise?: { signedEntryTimestamp: string };
  inclusionProof?: {
    logIndex: string;
    rootHash: string;
    treeSize: string;
    hashes: string[];
    checkpoint: { envelope: string };
  };
  canonicalizedBody: string;
}

export function openLog(version: 1 | 2, host: string, keys: KeyPair = keyPair('p256')): TransparencyLog {
  // An odd tree with a past, so that proofs have hashes in them.
  const leaves: Buffer[] = [1, 2, 3].map((each) => leafHash(Buffer.from(`{"filler":${each}}`)));
  const baseUrl = `https://${host}`;
  const logId =
    keys.publicKey.asymmetricKeyType === 'ed25519'
      ? sha256(Buffer.from(`${host}\n`), Buffer.from([1]), spkiOf(keys.publicKey).subarray(-32))
      : sha256(spkiOf(keys.publicKey));
  const hash = keys.privateKey.asymmetricKeyType === 'ed25519' ? undefined : 'sha256';

  function checkpoint(): { root: Buffer; envelope: string } {
    const root = treeHash(leaves);
    const origin = version === 1 ? `${host} - 1193050959916656506` : host;
    const note = `${origin}\n${leaves.length}\n${root.toString('base64')}\n`;
    const signature = Buffer.concat([logId.subarray(0, 4), sign(hash, Buffer.from(note), keys.privateKey)]);
    return { root, envelope: `${note}\n\u2014 ${host} ${signature.toString('base64')}\n` };
  }

  return {
    version,
    baseUrl,
    keys,
    logId,
    append(body, options = {}) {
      const bytes = Buffer.from(canonical(body));
      const index = leaves.push(leafHash(bytes)) - 1;
      const integratedTime = version === 1 ? Math.floor((options.at ?? new Date()).getTime() / 1000) : 0;
      const { kind, apiVersion } = body as { kind: string; apiVersion: string };
      const entry: LogEntry = {
        logIndex: String(index),
        logId: { keyId: logId.toString('base64') },
        kindVersion: { kind, version: apiVersion },
        integratedTime: String(integratedTime),
        canonicalizedBody: bytes.toString('base64'),
      };
      if (options.promise ?? version === 1) {
        const promised = {
          body: entry.canonicalizedBody,
          integratedTime,
          logIndex: index,
          logID: logId.toString('hex'),
        };
        const signature = sign(hash, Buffer.from(canonical(promised)), keys.privateKey);
        entry.inclusionPromise = { signedEntryTimestamp: signature.toString('base64') };
      }
      if (options.proof ?? true) {
        const { root, envelope } = checkpoint();
        entry.inclusionProof = {
          logIndex: String(index),
          rootHash: root.toString('base64'),
          treeSize: String(leaves.length),
          hashes: path(index, leaves).map((each) => each.toString('base64')),
          checkpoint: { envelope },
        };
      }
      return entry;
    },
  };
}

/** JSON with sorted keys and no blanks (RFC 8785, for what stands in log entries). */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).filter(([, each]) => each !== undefined);
  fields.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([key, each]) => `${JSON.stringify(key)}:${canonical(each)}`).join(',')}}`;
}

const leafHash = (bytes: Uint8Array) => sha256(Buffer.from([0]), bytes);
const nodeHash = (left: Uint8Array, right: Uint8Array) => sha256(Buffer.from([1]), left, right);

/** The largest power of two that is smaller than `size` (RFC 6962). */
function split(size: number): number {
  let half = 1;
  while (half * 2 < size) half *= 2;
  return half;
}

function treeHash(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 1) return leaves[0] as Buffer;
  const half = split(leaves.length);
  return nodeHash(treeHash(leaves.slice(0, half)), treeHash(leaves.slice(half)));
}

function path(index: number, leaves: readonly Buffer[]): Buffer[] {
  if (leaves.length <= 1) return [];
  const half = split(leaves.length);
  return index < half
    ? [...path(index, leaves.slice(0, half)), treeHash(leaves.slice(half))]
    : [...path(index - half, leaves.slice(half)), treeHash(leaves.slice(0, half))];
}
