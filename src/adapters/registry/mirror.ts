import { join } from 'node:path';
import { GateError } from '../../core/errors.ts';
import { type Digest, type ImageReference, repositoryName } from '../../core/image.ts';
import { isObject } from '../../core/json.ts';
import type { Descriptor, ReadRepository, Registry, VerifiedBytes } from '../../core/ports.ts';
import { type LayoutWriter, openLayoutWriter } from './layout-writer.ts';
import { defaultLimits, type RegistryLimits } from './limits.ts';
import { isIndexMediaType, mediaTypeOfBody, parseJsonObject, parseManifest, readDescriptors } from './manifest-body.ts';

/** What became of one image. */
export interface Mirrored {
  readonly digest: Digest;
  /** The folder of its host, below the folder that was asked for. */
  readonly host: string;
  /** Manifests and blobs that the image needs to be verified. */
  readonly objects: number;
  /** Those of them that were not there yet. */
  readonly added: number;
}

/** Layers that verification reads; whatever else hangs on an image is not copied. */
const signedLayer =
  /^application\/(?:vnd\.dev\.sigstore\.bundle[.+].*|vnd\.dev\.cosign\.simplesigning\.v1\+json|vnd\.dsse\.envelope\.v1\+json|vnd\.in-toto\+json|jose\+json|cose)$/;
/** Bytes of one signature, attestation or image configuration. */
const maxBlobBytes = 32 * 1024 * 1024;
const maxLayers = 1000;

/**
 * Copies what verifying an image needs into `<folder>/<host>/<repository path>`, one OCI image layout a repository: its
 * manifest, for an index those of its platforms, their configurations, and of each of them the tags `.sig` and `.att`
 * and the signed objects that refer to it, also from the repositories `sources`. No layers: nothing can be run from it.
 * Nothing is verified. What is there is kept and not asked for again. The folder is that of one writer at a time; those
 * who read it see each image whole or as it was before.
 *
 * Throws IMAGE_NOT_FOUND, MIRROR_FAILED, and what the registry throws.
 */
export async function mirrorImage(
  reference: ImageReference,
  sources: readonly ReadRepository[],
  folder: string,
  registry: Registry,
  signal: AbortSignal,
  limits: RegistryLimits = defaultLimits,
): Promise<Mirrored> {
  const { repository } = reference;
  const writers = new Map<string, LayoutWriter>();
  const seen = new Set<string>();
  let added = 0;

  const writerOf = async (where: ReadRepository): Promise<LayoutWriter> => {
    const name = repositoryName(where);
    const writer = writers.get(name) ?? (await openLayoutWriter(join(folder, hostFolder(where)), where.path, limits));
    writers.set(name, writer);
    return writer;
  };

  /** The body under a digest, from the layout if it is there. */
  const copy = async (where: ReadRepository, kind: 'manifest' | 'blob', digest: Digest): Promise<VerifiedBytes> => {
    const writer = await writerOf(where);
    const most = kind === 'manifest' ? limits.manifestBytes : maxBlobBytes;
    const before = await writer.read(digest, most);
    seen.add(`${repositoryName(where)}@${digest}`);
    if (before !== undefined) return { digest, mediaType: mediaTypeOfBody(before), bytes: before };
    const found =
      kind === 'manifest'
        ? await registry.manifest(where, digest, signal)
        : await registry.blob(where, digest, maxBlobBytes, signal);
    if (found === undefined) throw missing(where, digest);
    return await keep(where, found);
  };

  const keep = async (where: ReadRepository, body: VerifiedBytes): Promise<VerifiedBytes> => {
    const writer = await writerOf(where);
    const known = await writer.read(body.digest, body.bytes.length);
    seen.add(`${repositoryName(where)}@${body.digest}`);
    if (known !== undefined) return body;
    // A folder has no place for the media type that a registry gave; it must be the one that the bytes speak of.
    if (body.mediaType !== 'application/octet-stream' && mediaTypeOfBody(body.bytes) !== body.mediaType) {
      const what = `${repositoryName(where)}@${body.digest}`;
      throw new GateError('MIRROR_FAILED', `${what} is ${body.mediaType}, which its own bytes do not say`, {
        mend: 'Push it again with a current tool: a layout cannot hold it.',
      });
    }
    await writer.write(body);
    added += 1;
    return body;
  };

  /** A manifest's configuration and those of its layers that are signatures. */
  const copyContents = async (where: ReadRepository, { bytes, digest }: VerifiedBytes) => {
    const body = parseJsonObject(bytes);
    const { config, layers } = body ?? {};
    const descriptors = readDescriptors({ manifests: [config, ...(Array.isArray(layers) ? layers : [])] as never });
    if (descriptors.length > maxLayers) {
      throw new GateError('REGISTRY_TOO_LARGE', `${repositoryName(where)}@${digest} has more than ${maxLayers} layers`);
    }
    for (const [i, each] of descriptors.entries()) {
      const isConfig = i === 0 && isObject(config) && config['digest'] === each.digest;
      if (isConfig || signedLayer.test(each.mediaType)) await copy(where, 'blob', each.digest);
    }
  };

  const copySignatures = async (where: ReadRepository, digest: Digest) => {
    const writer = await writerOf(where);
    for (const suffix of ['sig', 'att']) {
      const tag = `${digest.replace(':', '-')}.${suffix}`;
      const found = await registry.manifest(where, tag, signal);
      if (found !== undefined) await copyContents(where, await keep(where, found));
      writer.tag(tag, found && descriptorOf(found));
    }
    const referrers: Descriptor[] = [];
    for (const listed of await registry.referrers(where, digest, signal)) {
      const found = await copiedReferrer(where, listed.digest, digest);
      if (found !== undefined) referrers.push(found);
    }
    await writer.refer(digest, referrers);
  };

  /** Undefined for what is no signature or attestation of this digest: a list of referrers proves nothing. */
  const copiedReferrer = async (where: ReadRepository, digest: Digest, subject: Digest) => {
    const before = await (await writerOf(where)).read(digest, limits.manifestBytes);
    const found =
      before === undefined
        ? await registry.manifest(where, digest, signal)
        : { digest, mediaType: mediaTypeOfBody(before), bytes: before };
    if (found === undefined) throw missing(where, digest);
    const body = parseJsonObject(found.bytes);
    const { subject: own, layers, artifactType, config } = body ?? {};
    if (!isObject(own) || own['digest'] !== subject || !Array.isArray(layers)) return undefined;
    if (!layers.some((layer) => isObject(layer) && signedLayer.test(String(layer['mediaType'])))) return undefined;
    await copyContents(where, await keep(where, found));
    const type = artifactType ?? (isObject(config) ? config['mediaType'] : undefined);
    return { ...descriptorOf(found), ...(typeof type === 'string' ? { artifactType: type } : {}) };
  };

  const root = await rootManifest(reference, registry, signal);
  await keep(repository, root);
  const digests = [root.digest];
  if (isIndexMediaType(root.mediaType)) {
    const index = parseManifest(root.bytes, root.mediaType, `${repositoryName(repository)}@${root.digest}`);
    for (const child of readDescriptors(index)) {
      const body = await copy(repository, 'manifest', child.digest);
      // An index inside of an index is no platform; its children are images of their own.
      if (!isIndexMediaType(body.mediaType)) await copyContents(repository, body);
      digests.push(child.digest);
    }
  } else await copyContents(repository, root);
  for (const where of [repository, ...sources]) for (const digest of digests) await copySignatures(where, digest);

  const writer = await writerOf(repository);
  if (reference.tag === undefined && reference.digest !== undefined) writer.list(descriptorOf(root));
  else writer.tag(reference.tag ?? 'latest', descriptorOf(root));
  for (const each of writers.values()) await each.commit();
  return { digest: root.digest, host: hostFolder(repository), objects: seen.size, added };
}

/** What the reference names now. Of a tag with a digest the digest counts, as it does for a node. */
async function rootManifest(reference: ImageReference, registry: Registry, signal: AbortSignal) {
  const { repository, digest, tag = 'latest' } = reference;
  const found = await registry.manifest(repository, digest ?? tag, signal);
  if (found !== undefined) return found;
  throw new GateError(
    'IMAGE_NOT_FOUND',
    `the registry has no ${repositoryName(repository)}${digest ? '@' : ':'}${digest ?? tag}`,
  );
}

function descriptorOf({ mediaType, digest, bytes }: VerifiedBytes): Descriptor {
  return { mediaType, digest, size: bytes.length };
}

/** Docker Hub by the name that everybody writes, which is also what `registries[].host` takes. */
function hostFolder({ registry }: ReadRepository): string {
  return registry === 'index.docker.io' ? 'docker.io' : registry;
}

function missing(where: ReadRepository, digest: Digest): GateError {
  return new GateError('MIRROR_FAILED', `${repositoryName(where)} names ${digest} and does not have it`, {
    mend: 'Push it again; a copy of half an image would fail where nobody can mend it.',
  });
}
