import type { DecidedImage, Outcome } from '../../core/decision.ts';
import { GateError } from '../../core/errors.ts';
import type { Manifest } from '../../core/manifest.ts';
import type { Clock, Registry } from '../../core/ports.ts';
import type { Trust } from './policy/trust.ts';
import type { ImagesSettings } from './settings.ts';

/** What the check works with. The registry's answers are not trusted: bodies are only used by their digest. */
export interface ImagesDeps {
  readonly trust: Trust;
  readonly settings: ImagesSettings;
  readonly registry: Registry;
  readonly clock: Clock;
}

/** The verdict on the images of a set, and the set with every verified image pinned to its digest. */
export interface ImagesResult {
  readonly outcome: Outcome;
  readonly images: readonly DecidedImage[];
  /** Only to be emitted if no finding denies. The same manifests, in the same order, where nothing was pinned. */
  readonly pinned: readonly Manifest[];
}

export async function checkImages(
  manifests: readonly Manifest[],
  _deps: ImagesDeps,
  _signal: AbortSignal,
): Promise<ImagesResult> {
  const error = new GateError('IMAGE_UNVERIFIABLE', 'images are not verified yet');
  return { outcome: { kind: 'errored', error }, images: [], pinned: manifests };
}
