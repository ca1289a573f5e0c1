import { asGateError, GateError } from '../../core/errors.ts';
import { type Digest, type ImageReference, parseDigest, repositoryName } from '../../core/image.ts';
import type { Clock, Registry } from '../../core/ports.ts';
import { dependsOnDigest, policiesFor, type Trust } from './policy/trust.ts';
import type { ImagesSettings } from './settings.ts';
import { type Collected, collectSignedObjects } from './verify/collect.ts';
import { failureObjection, judge, type Objection, type VerifiedImage } from './verify/verifier.ts';

/** What became of one image of the set. `unmatched`: no policy has a word on it, and the settings decide. */
export type Decided =
  | { readonly kind: 'verified'; readonly image: VerifiedImage }
  | { readonly kind: 'unmatched' }
  | { readonly kind: 'refused'; readonly objections: readonly [Objection, ...Objection[]] };

/** What the check works with. */
export interface ImagesDeps {
  readonly trust: Trust;
  readonly settings: ImagesSettings;
  readonly registry: Registry;
  readonly clock: Clock;
}

/** What a tag may point to: what a container runtime can pull. Docker's schema 1 has no digest worth the name. */
const imageMediaTypes = new Set([
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
]);

/**
 * Decides images, and asks the registry about each tag and each digest once a run: what a tag points to is settled the
 * first time, so a registry that answers differently the second time has nobody to answer to.
 */
export class ImageDecider {
  readonly #deps: ImagesDeps;
  readonly #signal: AbortSignal;
  readonly #resolved = new Map<string, Promise<Digest>>();
  readonly #collected = new Map<string, Promise<Collected>>();

  constructor(deps: ImagesDeps, signal: AbortSignal) {
    this.#deps = deps;
    this.#signal = signal;
  }

  /** Rejects only when the signal aborts. */
  async decide(reference: ImageReference): Promise<Decided> {
    const { trust } = this.#deps;
    const known = policiesFor(trust, reference, undefined);
    // An image that no policy can match, whatever it is, is nobody's business: no registry hears of it.
    if (known.length === 0 && !dependsOnDigest(trust, reference)) return { kind: 'unmatched' };
    let digest: Digest;
    try {
      digest = reference.digest ?? (await this.#resolve(reference));
    } catch (error) {
      this.#signal.throwIfAborted();
      return refusedBy(asGateError(error, 'IMAGE_UNVERIFIABLE'));
    }
    const policies = policiesFor(trust, reference, digest);
    if (policies.length === 0) return { kind: 'unmatched' };
    return await judge(digest, policies, () => this.#collect(reference, digest));
  }

  #resolve(reference: ImageReference): Promise<Digest> {
    const tag = reference.tag ?? 'latest';
    return remember(this.#resolved, `${repositoryName(reference.repository)}:${tag}`, async () => {
      const { registry } = this.#deps;
      const found = await withSignal(registry.resolveTag(reference.repository, tag, this.#signal), this.#signal);
      if (found === undefined) throw new GateError('IMAGE_NOT_FOUND', `the registry has no tag ${tag} of it`);
      if (!imageMediaTypes.has(found.mediaType)) {
        const shown = JSON.stringify(String(found.mediaType).slice(0, 80));
        throw new GateError('IMAGE_UNVERIFIABLE', `what the tag ${tag} points to is ${shown}, which is no image`);
      }
      return parseDigest(found.digest);
    });
  }

  #collect(reference: ImageReference, digest: Digest): Promise<Collected> {
    const image = { repository: reference.repository, digest };
    return remember(this.#collected, `${repositoryName(image.repository)}@${digest}`, () => {
      const { registry, settings } = this.#deps;
      return withSignal(collectSignedObjects(image, registry, settings.limits, this.#signal), this.#signal);
    });
  }
}

function refusedBy(error: GateError): Decided {
  const objection = failureObjection('images', error, 'what the image is could not be learnt');
  // A tag that is not there is an answer, not a failure to get one.
  if (error.code !== 'IMAGE_NOT_FOUND') return { kind: 'refused', objections: [objection] };
  return { kind: 'refused', objections: [{ ...objection, effect: 'deny', message: error.message }] };
}

function remember<Value>(memory: Map<string, Promise<Value>>, key: string, ask: () => Promise<Value>): Promise<Value> {
  const known = memory.get(key);
  if (known !== undefined) return known;
  // Through a promise, so that an adapter that throws before it returns one is an answer like any other.
  const asked = Promise.resolve().then(ask);
  memory.set(key, asked);
  return asked;
}

/** An adapter that ignores its signal must not hold the gate beyond the deadline. */
function withSignal<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  if (signal.aborted) {
    work.catch(() => {});
    return Promise.reject(signal.reason);
  }
  return new Promise((done, failed) => {
    const abort = () => failed(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    work.then(done, failed).finally(() => signal.removeEventListener('abort', abort));
  });
}
