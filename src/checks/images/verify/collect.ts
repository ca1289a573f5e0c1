import { asGateError, GateError } from '../../../core/errors.ts';
import { type Digest, parseDigest, type Repository } from '../../../core/image.ts';
import type { Registry, VerifiedBytes } from '../../../core/ports.ts';
import type { ImagesLimits } from '../settings.ts';
import { Malformed } from './json.ts';
import {
  bundleMediaType,
  fromBundle,
  fromSignatureLayer,
  parseManifest,
  type SignatureLayer,
  type SignedObject,
  simpleSigningMediaType,
} from './signed-object.ts';

/** Everything that hangs on a digest and claims to be signed, of every format; and what stood in the way. */
export interface Collected {
  readonly objects: readonly SignedObject[];
  /** Objects that could not even be read as what they claim to be, each a clause. A good one beside them still counts. */
  readonly malformed: readonly string[];
  /** Over a bound: that family of objects was left unread, whole. */
  readonly tooMany: readonly string[];
  /** What the registry failed to answer: with it the absence of a signature proves nothing. */
  readonly failures: readonly GateError[];
}

interface Gathering {
  readonly objects: SignedObject[];
  readonly malformed: string[];
  readonly tooMany: string[];
  readonly failures: GateError[];
}

/**
 * Finds the signed objects of an image: the layers of the tag `sha256-<hex>.sig`, and the sigstore bundles among the
 * manifests that refer to it. Both are read always, each with a budget of its own, so that neither hides the other:
 * clients that look at bundles only, once there is one, let an unrelated attestation hide a signature. Rejects only
 * when the signal aborts.
 */
export async function collectSignedObjects(
  image: { readonly repository: Repository; readonly digest: Digest },
  registry: Registry,
  limits: ImagesLimits,
  signal: AbortSignal,
): Promise<Collected> {
  // The two families are gathered apart and joined in a fixed order, whichever answers first.
  const legacy = gathering();
  const bundles = gathering();
  await Promise.all([
    collectSimpleSigning(image, registry, limits, signal, legacy).catch((error) => fail(legacy, error)),
    collectBundles(image, registry, limits, signal, bundles).catch((error) => fail(bundles, error)),
  ]);
  signal.throwIfAborted();
  return {
    objects: [...legacy.objects, ...bundles.objects],
    malformed: [...legacy.malformed, ...bundles.malformed],
    tooMany: [...legacy.tooMany, ...bundles.tooMany],
    failures: [...legacy.failures, ...bundles.failures],
  };
}

function gathering(): Gathering {
  return { objects: [], malformed: [], tooMany: [], failures: [] };
}

function fail(into: Gathering, error: unknown): void {
  into.failures.push(asGateError(error, 'IMAGE_UNVERIFIABLE'));
}

async function collectSimpleSigning(
  { repository, digest }: { readonly repository: Repository; readonly digest: Digest },
  registry: Registry,
  limits: ImagesLimits,
  signal: AbortSignal,
  into: Gathering,
): Promise<void> {
  const tag = `${digest.replace(':', '-')}.sig`;
  const found = await registry.manifest(repository, tag, signal);
  if (found === undefined) return;
  await guarded(into, `tag ${tag}`, async () => {
    const { layers } = parseManifest(found.bytes);
    if (layers.length > limits.signatures) {
      into.tooMany.push(
        `${layers.length} signatures in tag ${tag}, and images.limits.signatures is ${limits.signatures}`,
      );
      return;
    }
    const blobs = new Map<string, Promise<VerifiedBytes | undefined>>();
    for (const [i, layer] of layers.entries()) {
      if (layer.mediaType !== simpleSigningMediaType) continue;
      await guarded(into, `layer ${i} of tag ${tag}`, async () => {
        // Signatures of one payload share a blob; it is fetched once.
        const pending = blobs.get(layer.digest) ?? blobOf(layer, repository, registry, limits, signal);
        blobs.set(layer.digest, pending);
        const blob = present(await pending, layer.digest);
        into.objects.push(fromSignatureLayer(layer.annotations, blob.bytes, `layer ${i} of tag ${tag}`));
      });
    }
  });
}

async function collectBundles(
  { repository, digest }: { readonly repository: Repository; readonly digest: Digest },
  registry: Registry,
  limits: ImagesLimits,
  signal: AbortSignal,
  into: Gathering,
): Promise<void> {
  const listed = await registry.referrers(repository, digest, signal);
  const digests = [...new Set(listed.map((descriptor) => descriptor.digest))];
  if (digests.length > limits.referrers) {
    into.tooMany.push(
      `${digests.length} manifests refer to the image, and images.limits.referrers is ${limits.referrers}`,
    );
    return;
  }
  // What the list says of type and annotations is unsigned, and missing from what cosign writes to fallback tags: every
  // manifest is looked at, and its layer tells what it is.
  for (const referrer of digests) {
    const source = `referrer ${referrer.slice(0, 19)}…`;
    await guarded(into, source, async () => {
      const found = present(await registry.manifest(repository, parseDigest(referrer), signal), referrer);
      const { subject, layers } = parseManifest(found.bytes);
      const bundles = layers.filter((layer) => layer.mediaType.startsWith('application/vnd.dev.sigstore.bundle'));
      const [layer] = bundles;
      if (layer === undefined) return;
      if (subject !== digest) throw new Malformed('it names another subject');
      if (layers.length !== 1) throw new Malformed(`a bundle has one layer, and it has ${layers.length}`);
      if (layer.mediaType !== bundleMediaType) throw new Malformed('only bundles of version 0.3 are read');
      const blob = present(await blobOf(layer, repository, registry, limits, signal), layer.digest);
      into.objects.push(fromBundle(blob.bytes, source));
    });
  }
}

/** One object's trouble stays its own: a malformed one is noted, a failure of the registry too, and the next is read. */
async function guarded(into: Gathering, source: string, read: () => Promise<void>): Promise<void> {
  try {
    await read();
  } catch (error) {
    if (error instanceof Malformed) into.malformed.push(`${source}: ${error.message}`);
    else fail(into, error);
  }
}

async function blobOf(
  layer: SignatureLayer,
  repository: Repository,
  registry: Registry,
  limits: ImagesLimits,
  signal: AbortSignal,
): Promise<VerifiedBytes | undefined> {
  if (layer.size > limits.signatureBytes) {
    throw new Malformed(`it has ${layer.size} bytes, and images.limits.signatureBytes is ${limits.signatureBytes}`);
  }
  let digest: Digest;
  try {
    digest = parseDigest(layer.digest);
  } catch {
    throw new Malformed('the digest of its layer is not a sha256 digest');
  }
  return await registry.blob(repository, digest, limits.signatureBytes, signal);
}

/** What a manifest names must be there, and be what was asked for. */
function present(found: VerifiedBytes | undefined, digest: string): VerifiedBytes {
  if (found === undefined) throw new Malformed(`what it names (${digest.slice(0, 19)}…) is not in the registry`);
  if (found.digest !== digest)
    throw new GateError('IMAGE_UNVERIFIABLE', 'the registry answered with another digest than was asked for');
  return found;
}
