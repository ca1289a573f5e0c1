import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { GateError } from '../../core/errors.ts';
import type { Digest } from '../../core/image.ts';
import { isObject } from '../../core/json.ts';
import type { Descriptor, VerifiedBytes } from '../../core/ports.ts';
import { readBoundedFile } from './bounded-file.ts';
import type { Client } from './client.ts';
import type { RegistryLimits } from './limits.ts';
import {
  digestOf,
  isIndexMediaType,
  mediaTypeOfBody,
  parseJsonObject,
  parseManifest,
  printable,
  readDescriptors,
  refusedMediaType,
} from './manifest-body.ts';
import { Recent } from './recent.ts';
import { ReferrerList } from './referrer-list.ts';

const refName = 'org.opencontainers.image.ref.name';
/** Bytes of manifests that one search for referrers reads. */
const maxScanBytes = 64 * 1024 * 1024;
/** Manifests that it is remembered of what they refer to. */
const maxPointers = 10_000;

/** What a manifest refers to, and what a list would say of it. */
interface Pointer {
  readonly subject: unknown;
  readonly hints: Partial<Descriptor>;
}

/**
 * A folder that stands for a registry: `<folder>/<repository path>/` is one OCI image layout (image-spec, image-layout)
 * for that repository. In its index.json the annotation `org.opencontainers.image.ref.name` is a tag; whatever it lists is
 * searched for manifests whose `subject` is an image. A repository without a folder does not exist here.
 */
export function createLayoutClient(name: string, folder: string, limits: RegistryLimits): Client {
  const subjects = new Recent<Pointer>(maxPointers);

  const openIndex = async (path: string): Promise<readonly Descriptor[] | undefined> => {
    const what = `the layout ${name}/${path}`;
    if (!(await isRealFolder(folder, path, what))) return undefined;
    const marker = await readBoundedFile(join(folder, path, 'oci-layout'), 4096, { links: false });
    if (typeof marker === 'string')
      throw invalid(`${what} is not an OCI image layout: its file oci-layout is ${marker}`);
    if (parseJsonObject(marker)?.['imageLayoutVersion'] !== '1.0.0') {
      throw invalid(`${what} does not say imageLayoutVersion 1.0.0 in its file oci-layout`);
    }
    const bytes = await readBoundedFile(join(folder, path, 'index.json'), limits.manifestBytes, { links: false });
    if (typeof bytes === 'string') throw invalid(`the index.json of ${what} is ${bytes}`);
    const index = parseJsonObject(bytes);
    const listed = index?.['manifests'];
    if (index === undefined || !Array.isArray(listed)) throw invalid(`the index.json of ${what} is not an index`);
    if (listed.length > limits.layoutEntries) {
      throw new GateError(
        'REGISTRY_TOO_LARGE',
        `the index.json of ${what} lists ${listed.length} manifests, and at most ${limits.layoutEntries} are read`,
      );
    }
    return readDescriptors(index);
  };

  /** The file of a digest, not hashed yet. */
  const readBlob = async (path: string, digest: Digest, maxBytes: number): Promise<Buffer | undefined> => {
    // A digest is parsed before it comes here; as a file name it must not be able to be anything else.
    const hex = /^sha256:([0-9a-f]{64})$/.exec(digest)?.[1];
    const what = `the layout ${name}/${path}`;
    if (hex === undefined) throw invalid(`${what} was asked for something that is not a digest`);
    if (!(await isRealFolder(folder, `${path}/blobs/sha256`, what))) return undefined;
    const bytes = await readBoundedFile(join(folder, path, 'blobs', 'sha256', hex), maxBytes, { links: false });
    if (typeof bytes !== 'string') return bytes;
    if (bytes === 'absent') return undefined;
    if (bytes !== 'too large')
      throw invalid(`the blob ${digest} in ${what} is ${bytes === 'link' ? 'a symbolic link' : bytes}`);
    throw new GateError(
      'REGISTRY_TOO_LARGE',
      `the blob ${digest} in ${what} is larger than the ${maxBytes} bytes that are read of this`,
    );
  };

  const readVerified = async (path: string, digest: Digest, maxBytes: number): Promise<Buffer | undefined> => {
    const bytes = await readBlob(path, digest, maxBytes);
    const actual = bytes === undefined ? digest : digestOf(bytes);
    if (actual === digest) return bytes;
    throw new GateError(
      'REGISTRY_DIGEST_MISMATCH',
      `the blob ${digest} in the layout ${name}/${path} has the digest ${actual}`,
    );
  };

  const manifestByDigest = async (path: string, digest: Digest): Promise<VerifiedBytes | undefined> => {
    const bytes = await readVerified(path, digest, limits.manifestBytes);
    if (bytes === undefined) return undefined;
    const what = `${name}/${path}@${digest}`;
    const mediaType = mediaTypeOfBody(bytes);
    const refused = refusedMediaType(mediaType);
    if (refused !== undefined) throw new GateError('REGISTRY_MANIFEST_INVALID', `${what} is ${refused}`);
    parseManifest(bytes, mediaType, what);
    return { digest, mediaType, bytes };
  };

  const find = async (path: string, tag: string): Promise<Descriptor | undefined> => {
    // `crane pull --annotate-ref` writes the whole reference where the specification wants a tag.
    const names: readonly unknown[] = [tag, `${name}/${path}:${tag}`];
    const found = ((await openIndex(path)) ?? []).filter((each) => names.includes(each.annotations?.[refName]));
    const [first] = found;
    if (found.some(({ digest }) => digest !== first?.digest)) {
      throw invalid(`the index.json of the layout ${name}/${path} gives the tag ${printable(tag)} to two manifests`);
    }
    return first;
  };

  return {
    async resolveTag(path, tag) {
      const descriptor = await find(path, tag);
      const found = descriptor === undefined ? undefined : await manifestByDigest(path, descriptor.digest);
      return found === undefined
        ? undefined
        : { mediaType: found.mediaType, digest: found.digest, size: found.bytes.length };
    },

    async manifest(path, reference) {
      if (reference.startsWith('sha256:')) {
        return (await openIndex(path)) === undefined ? undefined : await manifestByDigest(path, reference as Digest);
      }
      const descriptor = await find(path, reference);
      return descriptor === undefined ? undefined : await manifestByDigest(path, descriptor.digest);
    },

    async blob(path, digest, maxBytes) {
      if ((await openIndex(path)) === undefined) return undefined;
      const bytes = await readVerified(path, digest, maxBytes);
      return bytes === undefined ? undefined : { digest, mediaType: 'application/octet-stream', bytes };
    },

    async referrers(path, digest, signal) {
      const list = new ReferrerList(`${name}/${path}@${digest}`, limits.referrers);
      let left = maxScanBytes;
      for (const descriptor of (await openIndex(path)) ?? []) {
        signal.throwIfAborted();
        const body = await subjectOf(descriptor);
        if (body === 'too large') throw tooMuch(path);
        if (body?.subject === digest) list.add({ ...descriptor, ...body.hints });
      }
      // A copy of a registry without the referrers API carries its fallback tag.
      const fallback = await find(path, digest.replace(':', '-'));
      const index = fallback === undefined ? undefined : await manifestByDigest(path, fallback.digest);
      if (index !== undefined && isIndexMediaType(index.mediaType)) {
        list.addIndex(parseManifest(index.bytes, index.mediaType, `${name}/${path}@${index.digest}`));
      }
      return list.distinct();

      /** Discovery only: what is found is hashed when it is read, so one that was tampered with is found, and refused then. */
      async function subjectOf(descriptor: Descriptor) {
        const key = `${path}@${descriptor.digest}`;
        const known = subjects.get(key);
        if (known !== undefined) return known;
        const bytes = await readBlob(path, descriptor.digest, Math.min(limits.manifestBytes, left)).catch(
          (error: unknown) => {
            if (error instanceof GateError && error.code === 'REGISTRY_TOO_LARGE' && left < limits.manifestBytes)
              return 'too large' as const;
            return undefined;
          },
        );
        if (bytes === undefined || bytes === 'too large') return bytes;
        left -= bytes.length;
        const body = parseJsonObject(bytes);
        // Damaged beyond reading: it could have been about any image, and "nothing refers to it" would be a guess.
        if (body === undefined && digestOf(bytes) !== descriptor.digest) return { subject: digest, hints: {} };
        const subject = body?.['subject'];
        const found = { subject: isObject(subject) ? subject['digest'] : undefined, hints: hintsOf(body ?? {}) };
        // What has its digest says the same for ever; a set of many images looks through one layout once.
        if (digestOf(bytes) === descriptor.digest) subjects.set(key, found);
        return found;
      }
    },
  };

  function tooMuch(path: string): GateError {
    return new GateError(
      'REGISTRY_TOO_LARGE',
      `the manifests that the layout ${name}/${path} lists are larger than ${maxScanBytes} bytes in all`,
    );
  }
}

/** What a registry's referrers API would say of the manifest. */
function hintsOf(body: Readonly<Record<string, unknown>>): Partial<Descriptor> {
  const config = body['config'];
  const artifactType = body['artifactType'] ?? (isObject(config) ? config['mediaType'] : undefined);
  return typeof artifactType === 'string' ? { artifactType } : {};
}

/**
 * Whether `<folder>/<path>` is there. No part of the path below the folder may be a symbolic link: a layout that was
 * copied from elsewhere could lead out of it.
 */
async function isRealFolder(folder: string, path: string, what: string): Promise<boolean> {
  if (!(await isFolder(folder, true))) {
    throw new GateError('REGISTRY_SETTINGS_INVALID', `the folder of ${what} does not exist`);
  }
  let at = folder;
  for (const part of path.split('/')) {
    at = join(at, part);
    const found = await isFolder(at, false);
    if (found === 'link') throw invalid(`${what} has a symbolic link in its path (${printable(part)})`);
    if (!found) return false;
  }
  return true;
}

async function isFolder(path: string, isRoot: boolean): Promise<boolean | 'link'> {
  try {
    const stat = await lstat(path);
    if (stat.isSymbolicLink()) return isRoot ? true : 'link';
    return stat.isDirectory();
  } catch {
    return false;
  }
}

function invalid(message: string): GateError {
  return new GateError('REGISTRY_LAYOUT_INVALID', message);
}
