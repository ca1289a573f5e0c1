import { GateError } from '../../../core/errors.ts';
import { type Digest, parseDigest, repositoryName } from '../../../core/image.ts';
import type { ReadRepository, Registry, VerifiedBytes } from '../../../core/ports.ts';
import type { ImagesLimits } from '../settings.ts';
import { Malformed } from './json.ts';
import { type ForeseenPayload, foreseenPayload } from './payload.ts';
import { type Collected, type Found, inTurn, Reading, TooMuch } from './reading.ts';
import {
  envelopeMediaType,
  isBundleMediaType,
  parseManifest,
  type SignatureLayer,
  type SignatureManifest,
  simpleSigningMediaType,
} from './signed-object.ts';

/** All of them. */
export const families = [
  'signature-tag',
  'attestation-tag',
  'bundles',
  'signature-referrers',
  'envelope-referrers',
  'notation',
] as const satisfies readonly Family[];

/**
 * The kinds of places where signed objects lie. Each is read apart, with a budget of its own, so that a flood in one
 * starves no other: clients that look at bundles only, once there is one, let an unrelated attestation hide a signature.
 */
export type Family =
  /** Layers of the tag `sha256-<hex>.sig`. */
  | 'signature-tag'
  /** Layers of the tag `sha256-<hex>.att`. */
  | 'attestation-tag'
  /** Sigstore bundles that refer to the image. */
  | 'bundles'
  /** The same layers as under the `.sig` tag, in manifests that refer to the image (cosign's OCI 1.1 experiment). */
  | 'signature-referrers'
  /** DSSE envelopes in manifests that refer to the image. */
  | 'envelope-referrers'
  /** Signatures of the Notary Project. */
  | 'notation';

/** Where an authority has its signatures looked for. */
export interface Place {
  readonly repository: ReadRepository;
  /** Before `sha256-<hex>.sig`. */
  readonly tagPrefix: string;
}

export { type Collected, type Found, joined } from './reading.ts';

interface Referrer {
  readonly digest: string;
  readonly manifest: SignatureManifest;
  readonly bytes: Uint8Array;
}

const bundlePrefix = 'application/vnd.dev.sigstore.bundle';
const notationType = 'application/vnd.cncf.notary.signature';
const predicateAnnotations = ['dev.sigstore.bundle.predicateType', 'predicateType'];

/** Reads the signed objects of the images of one run, each family of each place once. */
export class Collector {
  readonly #registry: Registry;
  readonly #limits: ImagesLimits;
  readonly #signal: AbortSignal;
  readonly #known = new Map<string, Promise<unknown>>();
  readonly #bytesLeft = new Map<string, number>();

  constructor(registry: Registry, limits: ImagesLimits, signal: AbortSignal) {
    this.#registry = registry;
    this.#limits = limits;
    this.#signal = signal;
  }

  /** What is found of one family. Rejects only when the signal aborts. */
  collect(place: Place, digest: Digest, family: Family): Promise<Collected> {
    return this.#once(family, place, digest, async () => {
      const reading = new Reading((bytes) => this.#spend(place, digest, bytes));
      try {
        await this.#read(family, place, digest, reading);
      } catch (error) {
        reading.fail(error);
      }
      this.#signal.throwIfAborted();
      return reading.collected();
    });
  }

  #read(family: Family, place: Place, digest: Digest, reading: Reading): Promise<void> {
    switch (family) {
      case 'signature-tag':
        return this.#readTag(place, digest, 'signature-layer', reading);
      case 'attestation-tag':
        return this.#readTag(place, digest, 'attestation-layer', reading);
      case 'bundles':
        return this.#readBundles(place, digest, reading);
      case 'signature-referrers':
        return this.#readReferringLayers(place, digest, 'signature-layer', reading);
      case 'envelope-referrers':
        return this.#readReferringLayers(place, digest, 'attestation-layer', reading);
      case 'notation':
        return this.#readNotation(place, digest, reading);
      default:
        return family satisfies never;
    }
  }

  async #readTag(place: Place, digest: Digest, form: LayerForm, reading: Reading): Promise<void> {
    const tag = `${place.tagPrefix}${digest.replace(':', '-')}${tagEndings[form]}`;
    const found = await this.#registry.manifest(place.repository, tag, this.#signal);
    if (found === undefined) return;
    await reading.guarded(`tag ${tag}`, async () => {
      const { layers } = parseManifest(found.bytes);
      await this.#readLayers(place, digest, layers, form, (i) => `layer ${i} of tag ${tag}`, `in tag ${tag}`, reading);
    });
  }

  async #readReferringLayers(place: Place, digest: Digest, form: LayerForm, reading: Reading): Promise<void> {
    const { referrers } = await this.#referrers(place, digest, reading);
    const perReferrer = await Promise.all(
      referrers.map((referrer) =>
        reading.guarded(sourceOf(referrer.digest), async () => {
          const wanted = referrer.manifest.layers.filter(({ mediaType }) => mediaType === mediaTypes[form]);
          if (wanted.length > 0) demandSubject(referrer, digest);
          return wanted.map((layer) => ({ layer, referrer }));
        }),
      ),
    );
    const layers = perReferrer.flatMap((each) => each ?? []);
    await this.#readLayers(
      place,
      digest,
      layers.map(({ layer }) => layer),
      form,
      (i) => sourceOf(layers[i]?.referrer.digest ?? ''),
      'in manifests that refer to the image',
      reading,
    );
  }

  async #readLayers(
    place: Place,
    digest: Digest,
    all: readonly SignatureLayer[],
    form: LayerForm,
    sourceAt: (index: number) => string,
    where: string,
    reading: Reading,
  ): Promise<void> {
    const { signatures } = this.#limits;
    if (all.length > signatures) {
      reading.tooMany(`${all.length} signatures ${where}, and images.limits.signatures is ${signatures}`);
      return;
    }
    const layers = all.map((layer, i) => ({ layer, i })).filter(({ layer }) => layer.mediaType === mediaTypes[form]);
    // Signatures of one payload share a blob; it is fetched once.
    const blobs = new Map<string, Promise<Pick<VerifiedBytes, 'bytes'>>>();
    const foreseen =
      form === 'signature-layer' && layers.length > 0 ? foreseenPayload(place.repository, digest) : undefined;
    const read = await inTurn(layers, ({ layer, i }) =>
      reading.guarded(sourceAt(i), async (): Promise<Found> => {
        // With its size: a layer that lies about the payload's must not take another one down with it.
        const key = `${layer.digest} ${layer.size}`;
        const pending = blobs.get(key) ?? this.#blob(place, layer, reading, foreseen);
        blobs.set(key, pending);
        const { bytes } = await pending;
        return { form, source: sourceAt(i), annotations: layer.annotations, bytes, hint: hintOf(layer.annotations) };
      }),
    );
    reading.add(read);
  }

  async #readBundles(place: Place, digest: Digest, reading: Reading): Promise<void> {
    const { referrers, hints } = await this.#referrers(place, digest, reading);
    const wanted = referrers.filter(({ manifest }) =>
      manifest.layers.some((layer) => layer.mediaType.startsWith(bundlePrefix)),
    );
    const read = await inTurn(wanted, (referrer) =>
      reading.guarded(sourceOf(referrer.digest), async (): Promise<Found> => {
        demandSubject(referrer, digest);
        const layer = onlyLayer(referrer, 'a bundle');
        if (!isBundleMediaType(layer.mediaType)) throw new Malformed('only bundles of versions 0.1 to 0.3 are read');
        const { bytes } = await this.#blob(place, layer, reading);
        const source = sourceOf(referrer.digest);
        return { form: 'bundle', source, annotations: {}, bytes, hint: hints.get(referrer.digest) };
      }),
    );
    reading.add(read);
  }

  async #readNotation(place: Place, digest: Digest, reading: Reading): Promise<void> {
    const { referrers } = await this.#referrers(place, digest, reading);
    const read = await inTurn(
      referrers.filter(({ manifest }) => manifest.artifactType === notationType),
      (referrer) =>
        reading.guarded(sourceOf(referrer.digest), async (): Promise<Found> => {
          demandSubject(referrer, digest);
          const layer = onlyLayer(referrer, 'a Notation signature');
          const { bytes } = await this.#blob(place, layer, reading);
          const source = sourceOf(referrer.digest);
          return { form: 'notation', source, annotations: { mediaType: layer.mediaType }, bytes, hint: undefined };
        }),
    );
    reading.add(read);
  }

  /** Every manifest that refers to the digest, and what the list promises of each. Trouble with one stays its own. */
  async #referrers(place: Place, digest: Digest, reading: Reading) {
    const listed = await this.#once('list', place, digest, async () => {
      const own = new Reading(() => {});
      const descriptors = await this.#registry.referrers(place.repository, digest, this.#signal);
      const digests = [...new Set(descriptors.map((descriptor) => descriptor.digest))];
      const hints = new Map(descriptors.map((each) => [each.digest as string, hintOf(each.annotations ?? {})]));
      const { referrers: most } = this.#limits;
      if (digests.length > most) {
        own.tooMany(`${digests.length} manifests refer to the image, and images.limits.referrers is ${most}`);
        return { referrers: [], hints, collected: own.collected() };
      }
      // What the list says of type and annotations is unsigned, and missing from what cosign writes to fallback tags:
      // every manifest is looked at, and its layers tell what it is.
      const referrers = await inTurn(digests, (referrer) =>
        own.guarded(sourceOf(referrer), async (): Promise<Referrer> => {
          const found = await this.#registry.manifest(place.repository, parseDigest(referrer), this.#signal);
          const { bytes } = present(found, referrer);
          return { digest: referrer, bytes, manifest: parseManifest(bytes) };
        }),
      );
      return { referrers: referrers.filter((each) => each !== undefined), hints, collected: own.collected() };
    });
    reading.join(listed.collected);
    return listed;
  }

  async #blob(
    place: Place,
    layer: SignatureLayer,
    reading: Reading,
    foreseen?: ForeseenPayload,
  ): Promise<Pick<VerifiedBytes, 'bytes'>> {
    const { signatureBytes } = this.#limits;
    if (layer.size > signatureBytes) {
      throw new Malformed(`it has ${layer.size} bytes, and images.limits.signatureBytes is ${signatureBytes}`);
    }
    let digest: Digest;
    try {
      digest = parseDigest(layer.digest);
    } catch {
      throw new Malformed('the digest of its layer is not a sha256 digest');
    }
    reading.spend(layer.size);
    // What has the digest is the blob, wherever it comes from.
    if (digest === foreseen?.digest && layer.size === foreseen.bytes.length) return foreseen;
    const found = await this.#registry.blob(place.repository, digest, layer.size, this.#signal);
    const blob = present(found, layer.digest);
    if (blob.bytes.length !== layer.size)
      throw new Malformed(`it has ${blob.bytes.length} bytes, and its manifest says ${layer.size}`);
    return blob;
  }

  /** Counts what the objects of one image say they hold; bodies that hold more are not read. */
  #spend(place: Place, digest: Digest, bytes: number): void {
    const key = `${repositoryName(place.repository)}@${digest}`;
    const left = (this.#bytesLeft.get(key) ?? this.#limits.imageBytes) - bytes;
    this.#bytesLeft.set(key, left);
    if (left >= 0) return;
    const { imageBytes } = this.#limits;
    throw new TooMuch(`its signed objects hold more bytes than images.limits.imageBytes, ${imageBytes}`);
  }

  #once<Value>(what: string, place: Place, digest: Digest, read: () => Promise<Value>): Promise<Value> {
    const { repository, tagPrefix } = place;
    const key = JSON.stringify([what, repositoryName(repository), repository.pullSecrets ?? [], tagPrefix, digest]);
    const known = this.#known.get(key) as Promise<Value> | undefined;
    if (known !== undefined) return known;
    const reading = Promise.resolve().then(read);
    this.#known.set(key, reading);
    return reading;
  }
}

type LayerForm = 'signature-layer' | 'attestation-layer';
const tagEndings: Readonly<Record<LayerForm, string>> = { 'signature-layer': '.sig', 'attestation-layer': '.att' };
const mediaTypes: Readonly<Record<LayerForm, string>> = {
  'signature-layer': simpleSigningMediaType,
  'attestation-layer': envelopeMediaType,
};

function onlyLayer({ manifest }: Referrer, what: string): SignatureLayer {
  const [layer] = manifest.layers;
  if (layer === undefined || manifest.layers.length !== 1)
    throw new Malformed(`${what} has one layer, and it has ${manifest.layers.length}`);
  return layer;
}

function demandSubject({ manifest }: Referrer, digest: Digest): void {
  if (manifest.subject !== digest) throw new Malformed('it names another subject');
}

function hintOf(annotations: Readonly<Record<string, unknown>>): string | undefined {
  const hint = predicateAnnotations.map((name) => annotations[name]).find((each) => typeof each === 'string');
  return typeof hint === 'string' ? hint.slice(0, 200) : undefined;
}

function sourceOf(referrer: string): string {
  return `referrer ${referrer.slice(0, 19)}…`;
}

/** What a manifest names must be there, and be what was asked for. */
function present(found: VerifiedBytes | undefined, digest: string): VerifiedBytes {
  if (found === undefined) throw new Malformed(`what it names (${digest.slice(0, 19)}…) is not in the registry`);
  if (found.digest !== digest)
    throw new GateError('IMAGE_UNVERIFIABLE', 'the registry answered with another digest than was asked for');
  return found;
}
