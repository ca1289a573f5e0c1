import { isOver } from '../../core/deadline.ts';
import type { Finding } from '../../core/decision.ts';
import { asGateError, GateError } from '../../core/errors.ts';
import { canonicalName, type ImageReference, parseImageReference } from '../../core/image.ts';
import { describePath, type JsonPath } from '../../core/json.ts';
import type { Manifest } from '../../core/manifest.ts';
import { type Extraction, extractImages } from './extract/extract.ts';
import type { ImageUse } from './extract/use.ts';
import { PolicyGroups, type Subject, subjectsOf } from './match.ts';
import type { ImagesDeps } from './resolve.ts';
import { suspicion } from './settings.ts';

const longestTurnMs = 20;

/** One image at one place. */
export interface Sighting {
  readonly manifest: Manifest;
  readonly use: ImageUse;
  readonly reference: ImageReference;
  /** `allow` never gets here. */
  readonly severity: 'deny' | 'warn' | undefined;
  /** What policies with a `match` look at. */
  readonly subjects: readonly Subject[];
  /** Names the question that this asks: which image, and under which policies. */
  readonly key: string;
}

/**
 * Every image of the set, in its order, and what is wrong before any registry is asked: fields that hold no image, objects
 * that bring images from elsewhere. Rejects when the signal aborts.
 */
export async function findImages(
  manifests: readonly Manifest[],
  { settings, trust }: Pick<ImagesDeps, 'settings' | 'trust'>,
  signal: AbortSignal,
): Promise<{ readonly sightings: readonly Sighting[]; readonly findings: readonly Finding[] }> {
  const findings: Finding[] = [];
  const sightings: Sighting[] = [];
  const groups = new PolicyGroups(trust.policies);
  let since = performance.now();
  for (const manifest of manifests) {
    // Reading is synchronous work: whoever else is being judged waits for it.
    if (performance.now() - since > longestTurnMs) {
      await new Promise(setImmediate);
      since = performance.now();
    }
    signal.throwIfAborted();
    const extraction = extractImages(manifest, settings.delivering.allow, () => isOver(signal));
    findings.push(...extractionFindings(manifest, extraction));
    const subjects = extraction.uses.length === 0 ? [] : subjectsOf(manifest);
    const group = extraction.uses.length === 0 ? '' : groups.of(manifest, subjects);
    for (const use of extraction.uses) {
      const severity = use.suspected === undefined ? undefined : suspicion(settings, use.suspected);
      if (severity === 'allow') continue;
      const reference = readReference(manifest, use, severity ?? 'deny', findings);
      if (reference === undefined) continue;
      sightings.push({
        manifest,
        use,
        reference,
        severity,
        subjects,
        key: `${canonicalName(reference)} ${reference.tag ?? ''} ${group}`,
      });
    }
  }
  return { sightings, findings };
}

/** What the object itself has wrong, before any registry is asked. */
function extractionFindings(manifest: Manifest, extraction: Extraction): Finding[] {
  const findings: Finding[] = extraction.problems.map(({ path, problem }) => ({
    ...about(manifest, path),
    effect: 'deny',
    code: 'IMAGE_FIELD_INVALID',
    rule: 'images',
    message: `${showPath(path)} ${problem}`,
    mend: 'Write the image there as a string.',
  }));
  if (extraction.delivers === undefined) return findings;
  const groupKind = `${groupOf(manifest)}/${manifest.identity.kind}`;
  findings.push({
    ...about(manifest, ['kind']),
    effect: 'deny',
    code: 'IMAGE_DELIVERED_ELSEWHERE',
    rule: 'images',
    message: `it ${extraction.delivers}`,
    mend: `Take it out; or, if what it brings is judged elsewhere, have the platform add ${groupKind} to spec.images.delivering.allow.`,
  });
  return findings;
}

function readReference(
  manifest: Manifest,
  use: ImageUse,
  effect: 'deny' | 'warn',
  findings: Finding[],
): ImageReference | undefined {
  try {
    if (use.text === 'auto' && use.suspected === undefined) throw injected();
    return parseImageReference(use.text);
  } catch (thrown) {
    const error = asGateError(thrown);
    findings.push({
      ...about(manifest, use.path),
      effect,
      code: error.code,
      rule: 'images',
      message: `${showPath(use.path)}: ${error.message}`,
      mend: error.mend,
      image: oneLine(use.text),
    });
    return undefined;
  }
}

/** Istio's word for "the injector puts its own image here". By grammar it is an image of Docker Hub. */
function injected(): GateError {
  return new GateError('IMAGE_REFERENCE_TEMPLATED', '"auto" leaves the image to an injector, after the gate', {
    mend: 'Write the image that the injector would put there.',
  });
}

/** The object, and the place in it, that a finding is about. */
export function about(manifest: Manifest, path: JsonPath): Pick<Finding, 'object' | 'place'> {
  return { object: manifest.identity, place: manifest.locate(path) };
}

function groupOf({ identity }: Manifest): string {
  const slash = identity.apiVersion.indexOf('/');
  return slash < 0 ? '' : identity.apiVersion.slice(0, slash);
}

/** `spec.containers[0].image`, in one line. */
export function showPath(path: JsonPath): string {
  return oneLine(describePath(path));
}

/** Field names and values are outside text: one line, bounded. */
function oneLine(text: string): string {
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').slice(0, 300);
}
