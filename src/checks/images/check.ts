import type { DecidedImage, Finding, Outcome } from '../../core/decision.ts';
import { asGateError, GateError } from '../../core/errors.ts';
import { canonicalName, type ImageReference, pinnedReference } from '../../core/image.ts';
import type { JsonPath } from '../../core/json.ts';
import type { Manifest } from '../../core/manifest.ts';
import { pinManifest, pinOf } from './pinning.ts';
import { type Decided, ImageDecider, type ImagesDeps } from './resolve.ts';
import type { ImagesSettings } from './settings.ts';
import { about, findImages, type Sighting, showPath } from './sighting.ts';
import type { Objection } from './verify/account.ts';

export type { ImagesDeps } from './resolve.ts';

/** The verdict on the images of a set, and the set with every verified image pinned to its digest. */
export interface ImagesResult {
  readonly outcome: Outcome;
  /** Each image once, in the order in which the set first names it. */
  readonly images: readonly DecidedImage[];
  /** Only to be emitted if no finding denies. The same manifests in the same order, where nothing was pinned. */
  readonly pinned: readonly Manifest[];
}

/**
 * Verifies every image of the set and pins it. Each different image is decided once, several at a time; findings come
 * in the order of the set, so the same set gives the same findings. Never rejects: what goes wrong is a finding of
 * effect `error`, or an errored outcome (CHECK_TIMEOUT when the signal aborts).
 */
export async function checkImages(
  manifests: readonly Manifest[],
  deps: ImagesDeps,
  signal: AbortSignal,
): Promise<ImagesResult> {
  try {
    return await check(manifests, deps, signal);
  } catch (error) {
    const reason = signal.aborted
      ? new GateError('CHECK_TIMEOUT', 'the images were not verified before the deadline', { cause: error })
      : asGateError(error, 'CHECK_CRASHED');
    return { outcome: { kind: 'errored', error: reason }, images: [], pinned: manifests };
  }
}

async function check(manifests: readonly Manifest[], deps: ImagesDeps, signal: AbortSignal): Promise<ImagesResult> {
  signal.throwIfAborted();
  const { settings, trust } = deps;
  const { sightings, findings: amiss } = await findImages(manifests, deps, signal);
  const findings = [...trust.warnings, ...amiss];
  const decided = await decideAll(sightings, deps, signal);
  const images = new Map<string, DecidedImage>();
  const pins = new Map<Manifest, [JsonPath, string][]>();
  for (const sighting of sightings) {
    const answer = decided.get(sighting.key);
    findings.push(...judgeSighting(sighting, answer, deps));
    if (answer === undefined) continue;
    const image = imageOf(sighting, answer, settings);
    if (image !== undefined) images.set(image.reference, weaker(images.get(image.reference), image));
    const text = answer.kind === 'verified' && settings.pin ? pinOf(sighting, answer.image.digest) : undefined;
    if (text === undefined) continue;
    const ofManifest = pins.get(sighting.manifest) ?? [];
    ofManifest.push([sighting.use.path, text]);
    pins.set(sighting.manifest, ofManifest);
  }
  return {
    outcome: { kind: 'completed', examined: sightings.length, findings: once(findings) },
    images: [...images.values()],
    pinned: manifests.map((manifest) => pinManifest(manifest, pins.get(manifest) ?? [])),
  };
}

/**
 * Decides each different image once, `limits.concurrency` at a time. A suspected image that has no digest is not asked
 * about: its field cannot be pinned, so whatever the answer, another image could run.
 */
async function decideAll(
  sightings: readonly Sighting[],
  deps: ImagesDeps,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Decided>> {
  const { images: most, concurrency } = deps.settings.limits;
  const wanted = new Map<string, Sighting>();
  const names = new Set<string>();
  for (const sighting of sightings) {
    if (!isDecidable(sighting)) continue;
    wanted.set(sighting.key, sighting);
    names.add(canonicalName(sighting.reference));
  }
  if (names.size > most) {
    throw new GateError('IMAGE_TOO_MANY', `the set holds ${names.size} images, and images.limits.images is ${most}`);
  }
  const decider = new ImageDecider(deps, signal);
  const decided = new Map<string, Decided>();
  const waiting = [...wanted];
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      decided.set(next[0], await decider.decide(next[1].reference, next[1].subjects));
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, waiting.length) }, work));
  return decided;
}

function isDecidable({ use, reference }: Sighting): boolean {
  return use.suspected === undefined || reference.digest !== undefined;
}

/** The findings on one image at one place; none if it may run. An image that was not decided is never let through. */
function judgeSighting(
  sighting: Sighting,
  answer: Decided | undefined,
  { settings, asStored }: Pick<ImagesDeps, 'settings' | 'asStored'>,
): Finding[] {
  const { manifest, use, reference, severity } = sighting;
  const common = { ...about(manifest, use.path), image: reference.text };
  if (answer === undefined) {
    if (severity === undefined) throw new GateError('CHECK_CRASHED', `the image ${reference.text} was not decided`);
    return [suspected(common, sighting, severity)];
  }
  switch (answer.kind) {
    case 'verified':
      if (settings.pin || reference.digest !== undefined) return warned(common, answer.warnings);
      return [
        ...warned(common, answer.warnings),
        {
          ...common,
          effect: 'deny',
          code: 'IMAGE_NOT_PINNED',
          rule: 'images',
          message: `it was verified as ${answer.image.digest}, and its tag may point elsewhere when a node pulls it`,
          mend: `Write ${pinnedReference(reference, answer.image.digest)}, or ${asStored === true ? 'render it with a GatedSource, which pins it; spec.admission.unpinned: verify of the Gate lets tags through' : 'set images.pin to true'}.`,
        },
      ];
    case 'tolerated':
      if (severity !== undefined) return [...warned(common, answer.warnings), suspected(common, sighting, severity)];
      return warned(common, answer.warnings);
    case 'unmatched':
      if (severity !== undefined) return [suspected(common, sighting, severity)];
      return settings.unmatched === 'allow' ? [] : [unmatched(common, reference, settings.unmatched)];
    case 'refused':
      return answer.objections.map((objection) => ({
        ...common,
        ...objection,
        effect: severity === 'warn' ? 'warn' : objection.effect,
      }));
    default:
      return answer satisfies never;
  }
}

type Common = Pick<Finding, 'object' | 'place' | 'image'>;

/** What a policy in mode `warn` would have denied. */
function warned(common: Common, warnings: readonly Objection[]): Finding[] {
  return warnings.map((warning) => ({
    ...common,
    ...warning,
    effect: 'warn',
    message: `${warning.message}; its policy only warns, so it is not verified by it and may run`,
  }));
}

function unmatched(common: Common, reference: ImageReference, effect: 'deny' | 'warn'): Finding {
  return {
    ...common,
    effect,
    code: 'IMAGE_UNMATCHED',
    rule: 'images',
    message: `no trust policy matches ${canonicalName(reference)}, so nothing says who may sign it`,
    mend: 'Add a policy whose glob matches that name, or use an image that one matches.',
  };
}

function suspected(common: Common, { use, reference }: Sighting, effect: 'deny' | 'warn'): Finding {
  const verifiable = reference.digest !== undefined;
  return {
    ...common,
    effect,
    code: 'IMAGE_SUSPECTED',
    rule: 'images',
    message: `${showPath(use.path)} names what looks like an image, and nothing verifies it`,
    mend: verifiable
      ? 'Add a policy whose glob matches it.'
      : `Write it with the digest of a signed image, which is then verified; or have the platform set images.${use.suspected}.`,
  };
}

/** How the decision records an image that may run; undefined for one that may not. Only a verified one has a `by`. */
function imageOf({ reference, use }: Sighting, answer: Decided, settings: ImagesSettings): DecidedImage | undefined {
  switch (answer.kind) {
    case 'verified':
      return {
        reference: reference.text,
        digest: answer.image.digest,
        by: answer.image.by,
        ...(answer.image.signed ? {} : { unsigned: true as const }),
      };
    // Told, let through, and by nobody's word: without a digest, which would look like a verified one.
    case 'tolerated':
      return use.suspected === undefined ? { reference: reference.text, digest: reference.digest, by: [] } : undefined;
    case 'unmatched': {
      const letThrough = use.suspected === undefined && settings.unmatched !== 'deny';
      return letThrough ? { reference: reference.text, digest: reference.digest, by: [] } : undefined;
    }
    case 'refused':
      return undefined;
    default:
      return answer satisfies never;
  }
}

/**
 * Under different policies one image may be verified at one place and only let through at another, where it is not even
 * pinned. It is recorded once, and then not as verified.
 */
function weaker(known: DecidedImage | undefined, image: DecidedImage): DecidedImage {
  const rank = ({ by, unsigned }: DecidedImage) => (by.length === 0 ? 0 : unsigned === true ? 1 : 2);
  return known === undefined || rank(image) < rank(known) ? image : known;
}

/**
 * An image that a pod runs in three containers is one finding on that object. The effect tells findings apart: an image
 * that is only warned about in an argument must not hide that a container runs it.
 */
function once(findings: readonly Finding[]): Finding[] {
  const seen = new Set<string>();
  return findings.filter(({ effect, code, rule, image, message, object, place }) => {
    const of = image === undefined || code === 'IMAGE_SUSPECTED' ? [place, message] : image;
    const key = JSON.stringify([effect, code, rule, of, object]);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
