import { constants } from 'node:fs';
import { lstat, mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { GateError } from '../../core/errors.ts';
import type { Digest } from '../../core/image.ts';
import { isObject } from '../../core/json.ts';
import type { Descriptor, VerifiedBytes } from '../../core/ports.ts';
import { readBoundedFile } from './bounded-file.ts';
import type { RegistryLimits } from './limits.ts';
import { digestOf, parseJsonObject, printable, readDescriptors } from './manifest-body.ts';

const refName = 'org.opencontainers.image.ref.name';
const marker = '{"imageLayoutVersion":"1.0.0"}\n';
const indexMediaType = 'application/vnd.oci.image.index.v1+json';
/** A temporary file that is older than this belongs to a process that was killed. */
const abandonedMs = 60 * 60 * 1000;

/** One OCI image layout that is added to. Its index is written last, so that it never names what is not there. */
export interface LayoutWriter {
  /** The bytes that are there already under a digest, if they still have it. */
  read(digest: Digest, maxBytes: number): Promise<Buffer | undefined>;
  /** Stores bytes under their digest, whole or not at all. */
  write(body: Pick<VerifiedBytes, 'digest' | 'bytes'>): Promise<void>;
  /** Lists a manifest by its digest alone. */
  list(descriptor: Descriptor): void;
  /** Gives a tag to a manifest, or takes it away from whatever has it. */
  tag(name: string, descriptor: Descriptor | undefined): void;
  /** Lists exactly these as what refers to a digest. */
  refer(subject: Digest, descriptors: readonly Descriptor[]): Promise<void>;
  /** Puts the index in place. Throws REGISTRY_TOO_LARGE if it would hold more than a gate reads. */
  commit(): Promise<void>;
}

/**
 * Opens the layout `<root>/<path>`, which is made if it is not there. Throws REGISTRY_LAYOUT_INVALID if something else is
 * there, and MIRROR_FAILED if the folder cannot be written.
 */
export async function openLayoutWriter(root: string, path: string, limits: RegistryLimits): Promise<LayoutWriter> {
  const folder = join(root, path);
  const what = `the layout ${path}`;
  const blobs = await makeFolders(root, [...path.split('/'), 'blobs', 'sha256']);
  let entries = await readEntries(folder, what, limits);
  const subjects = new Map<Digest, Promise<unknown>>();
  await removeAbandoned(folder);
  await removeAbandoned(blobs);

  const fileOf = (digest: Digest) => join(blobs, digest.slice('sha256:'.length));
  const read: LayoutWriter['read'] = async (digest, maxBytes) => {
    const bytes = await readBoundedFile(fileOf(digest), maxBytes, { links: false });
    return typeof bytes !== 'string' && digestOf(bytes) === digest ? bytes : undefined;
  };
  const subjectOf = (digest: Digest): Promise<unknown> => {
    const known = subjects.get(digest) ?? read(digest, limits.manifestBytes).then(subjectIn);
    subjects.set(digest, known);
    return known;
  };
  const tagOf = (entry: Descriptor) => entry.annotations?.[refName];

  return {
    read,
    write: async ({ digest, bytes }) => await writeWhole(fileOf(digest), bytes),
    list(descriptor) {
      if (!entries.some((each) => each.digest === descriptor.digest)) entries = [...entries, plain(descriptor)];
    },
    tag(name, descriptor) {
      entries = entries.filter((each) => tagOf(each) !== name);
      if (descriptor === undefined) return;
      // A manifest that has a tag need not be listed without one too.
      entries = entries.filter((each) => each.digest !== descriptor.digest || tagOf(each) !== undefined);
      entries = [...entries, { ...plain(descriptor), annotations: { [refName]: name } }];
    },
    async refer(subject, descriptors) {
      const kept: Descriptor[] = [];
      for (const entry of entries) {
        if (tagOf(entry) !== undefined || (await subjectOf(entry.digest)) !== subject) kept.push(entry);
      }
      entries = [...kept, ...descriptors.map(plain)];
    },
    async commit() {
      if (entries.length > limits.layoutEntries) {
        throw new GateError(
          'REGISTRY_TOO_LARGE',
          `${what} would list ${entries.length} manifests, and at most ${limits.layoutEntries} are read of one`,
          { mend: 'Mirror fewer tags of that repository into one folder.' },
        );
      }
      const manifests = [...entries].sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
      const index = { schemaVersion: 2, mediaType: indexMediaType, manifests };
      const text = `${JSON.stringify(index, undefined, 2)}\n`;
      await writeWhole(join(folder, 'oci-layout'), Buffer.from(marker));
      await writeWhole(join(folder, 'index.json'), Buffer.from(text));
    },
  };

  function sortKey(entry: Descriptor): string {
    return `${tagOf(entry) ?? ''} ${entry.digest}`;
  }
}

/** A descriptor with what a layout says, in one order of keys. */
function plain({ mediaType, digest, size, artifactType }: Descriptor): Descriptor {
  return { mediaType, digest, size, ...(artifactType === undefined ? {} : { artifactType }) };
}

function subjectIn(bytes: Buffer | undefined): unknown {
  const subject = bytes === undefined ? undefined : parseJsonObject(bytes)?.['subject'];
  return isObject(subject) ? subject['digest'] : undefined;
}

async function readEntries(folder: string, what: string, limits: RegistryLimits): Promise<readonly Descriptor[]> {
  const bytes = await readBoundedFile(join(folder, 'index.json'), limits.manifestBytes, { links: false });
  if (bytes === 'absent') return [];
  const index = typeof bytes === 'string' ? undefined : parseJsonObject(bytes);
  if (index === undefined || !Array.isArray(index['manifests'])) {
    throw new GateError('REGISTRY_LAYOUT_INVALID', `the index.json of ${what} is not an index`, {
      mend: 'Mirror into another folder, or remove what is there.',
    });
  }
  return readDescriptors(index);
}

/**
 * Makes the folders one in the other. None of them may be a link, nor the root itself: a gate would refuse to read it, and a
 * folder that came from elsewhere could have one that leads out of it.
 */
async function makeFolders(root: string, names: readonly string[]): Promise<string> {
  let at = dirname(root);
  try {
    await mkdir(at, { recursive: true });
    for (const name of [basename(root), ...names]) {
      at = join(at, name);
      await mkdir(at).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error;
      });
      if (!(await lstat(at)).isDirectory()) {
        throw new GateError('REGISTRY_LAYOUT_INVALID', `${printable(name)} is there already, and is no folder`, {
          mend: 'Mirror into another folder, or remove what is there.',
        });
      }
    }
    return at;
  } catch (error) {
    throw unwritable(error);
  }
}

let temporary = 0;

/** Writes a file so that whoever looks sees the old one or the new one, also after a crash. The same bytes are left alone. */
async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const before = await readBoundedFile(path, bytes.length, { links: false });
  if (typeof before !== 'string' && before.equals(bytes)) return;
  temporary += 1;
  const own = join(path, '..', `.mirror-${process.pid}-${temporary}.tmp`);
  try {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
    const file = await open(own, flags, 0o644);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(own, path);
  } catch (error) {
    await unlink(own).catch(() => {});
    throw unwritable(error);
  }
}

async function removeAbandoned(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!/^\.mirror-\d+-\d+\.tmp$/.test(name)) continue;
    const path = join(folder, name);
    const found = await stat(path).catch(() => undefined);
    if (found !== undefined && Date.now() - found.mtimeMs > abandonedMs) await unlink(path).catch(() => {});
  }
}

function unwritable(error: unknown): GateError {
  if (error instanceof GateError) return error;
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
  return new GateError('MIRROR_FAILED', `the folder cannot be written (${code})`, { cause: error });
}
