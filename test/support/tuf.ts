/** TUF repositories by the library's own models: whole ones, and those that no honest mirror would hold. */
import { createHash, type KeyObject, sign } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { Metadata, MetadataKind, Signature } from '@tufjs/models';
import { type KeyPair, keyPair, pemOf, spkiOf } from './sigstore/certificates.ts';

type Role = 'root' | 'timestamp' | 'snapshot' | 'targets';

export interface TufOptions {
  readonly consistent?: boolean;
  /** When each role expires. */
  readonly expires?: Partial<Record<Role, string>>;
  readonly versions?: Partial<Record<Role, number>>;
  /** Whose key signs a role, instead of the one that the root names. */
  readonly signers?: Partial<Record<Role, KeyPair>>;
  /** Changes the files after everything was signed. */
  readonly tamper?: (files: Map<string, Buffer>) => void;
  /** Newer roots, each a change of the options of the one before. */
  readonly custom?: Readonly<Record<string, object>>;
}

export interface TufRepository {
  /** The root that trust begins with. */
  readonly root: Buffer;
  readonly files: Map<string, Buffer>;
  /** As policy-controller packs it: gzipped tar, everything below `repository/`. */
  archive(): Buffer;
}

const keys = { root: keyPair(), timestamp: keyPair(), snapshot: keyPair(), targets: keyPair() };
const later = '2030-01-01T00:00:00Z';

function keyId(key: KeyObject): string {
  return createHash('sha256').update(spkiOf(key)).digest('hex');
}

function signed(kind: Role, content: object, signers: readonly KeyPair[]): Buffer {
  const type = {
    root: MetadataKind.Root,
    timestamp: MetadataKind.Timestamp,
    snapshot: MetadataKind.Snapshot,
    targets: MetadataKind.Targets,
  };
  const fromJson = Metadata.fromJSON as (kind: MetadataKind, data: object) => Metadata<never>;
  const metadata = fromJson(type[kind], {
    signed: { _type: kind, spec_version: '1.0.31', ...content },
    signatures: [],
  });
  for (const { publicKey, privateKey } of signers) {
    metadata.sign(
      (bytes) => new Signature({ keyID: keyId(publicKey), sig: sign('sha256', bytes, privateKey).toString('hex') }),
    );
  }
  return Buffer.from(JSON.stringify(metadata.toJSON()));
}

function rootContent(version: number, expires: string, consistent: boolean, rootKeys: readonly KeyPair[]): object {
  const named = [...rootKeys, keys.timestamp, keys.snapshot, keys.targets];
  return {
    version,
    expires,
    consistent_snapshot: consistent,
    keys: Object.fromEntries(
      named.map(({ publicKey }) => [
        keyId(publicKey),
        { keytype: 'ecdsa', scheme: 'ecdsa-sha2-nistp256', keyval: { public: pemOf(spkiOf(publicKey), 'PUBLIC KEY') } },
      ]),
    ),
    roles: {
      root: { keyids: rootKeys.map(({ publicKey }) => keyId(publicKey)), threshold: rootKeys.length },
      timestamp: { keyids: [keyId(keys.timestamp.publicKey)], threshold: 1 },
      snapshot: { keyids: [keyId(keys.snapshot.publicKey)], threshold: 1 },
      targets: { keyids: [keyId(keys.targets.publicKey)], threshold: 1 },
    },
  };
}

/** A root that follows one of `tufRepository`: of another key, signed by whoever is named. */
export function nextRoot(version: number, rootKey: KeyPair, signers: readonly (KeyPair | 'first')[]): Buffer {
  const by = signers.map((signer) => (signer === 'first' ? keys.root : signer));
  return signed('root', rootContent(version, later, true, [rootKey]), by);
}

export function tufRepository(targets: Readonly<Record<string, string>>, options: TufOptions = {}): TufRepository {
  const { consistent = true, versions = {}, expires = {}, signers = {} } = options;
  const by = (role: Role) => [signers[role] ?? keys[role]];
  const versionOf = (role: Role) => versions[role] ?? 1;
  const expiryOf = (role: Role) => expires[role] ?? later;
  const files = new Map<string, Buffer>();
  const hash = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest('hex');
  const described = Object.entries(targets).map(([path, content]) => {
    files.set(`targets/${consistent ? `${hash(content)}.` : ''}${path}`, Buffer.from(content));
    const custom = options.custom?.[path];
    const target = { length: Buffer.byteLength(content), hashes: { sha256: hash(content) } };
    return [path, custom === undefined ? target : { ...target, custom: { sigstore: custom } }];
  });
  const targetsBytes = signed(
    'targets',
    { version: versionOf('targets'), expires: expiryOf('targets'), targets: Object.fromEntries(described) },
    by('targets'),
  );
  const meta = (bytes: Buffer) => ({ version: 1, length: bytes.length, hashes: { sha256: hash(bytes) } });
  const snapshotBytes = signed(
    'snapshot',
    {
      version: versionOf('snapshot'),
      expires: expiryOf('snapshot'),
      meta: { 'targets.json': meta(targetsBytes) },
    },
    by('snapshot'),
  );
  const timestampBytes = signed(
    'timestamp',
    {
      version: versionOf('timestamp'),
      expires: expiryOf('timestamp'),
      meta: { 'snapshot.json': meta(snapshotBytes) },
    },
    by('timestamp'),
  );
  const root = signed('root', rootContent(versionOf('root'), expiryOf('root'), consistent, [keys.root]), by('root'));
  files.set(consistent ? '1.targets.json' : 'targets.json', targetsBytes);
  files.set(consistent ? '1.snapshot.json' : 'snapshot.json', snapshotBytes);
  files.set('timestamp.json', timestampBytes);
  files.set('1.root.json', root);
  options.tamper?.(files);
  return {
    root,
    files,
    archive: () => tarOf([...files].map(([name, content]) => ({ name: `repository/${name}`, content }))),
  };
}

export interface TarEntry {
  readonly name: string;
  readonly content?: Uint8Array;
  /** `0` a file, `5` a folder, `2` a link, `x` and `L` a longer name. */
  readonly type?: string;
  readonly checksum?: number;
  readonly size?: string;
}

/** A gzipped tar archive, as it is told. */
export function tarOf(entries: readonly TarEntry[]): Buffer {
  const blocks = entries.flatMap(({ name, content = new Uint8Array(), type = '0', checksum, size }) => {
    const header = Buffer.alloc(512);
    const long = name.length > 100 ? name.lastIndexOf('/', 155) : -1;
    header.write(long < 0 ? name : name.slice(long + 1), 0, 100);
    header.write('0000644\0', 100);
    header.write(size ?? `${content.length.toString(8).padStart(11, '0')}\0`, 124);
    header.write(type, 156);
    header.write('ustar\u000000', 257);
    if (long >= 0) header.write(name.slice(0, long), 345, 155);
    header.fill(0x20, 148, 156);
    const sum = checksum ?? header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    return [header, content, Buffer.alloc((512 - (content.length % 512)) % 512)];
  });
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]));
}
