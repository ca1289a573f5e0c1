import { GateError } from '../../../core/errors.ts';
import type { Digest, ImageReference } from '../../../core/image.ts';
import type { Clock, Registry } from '../../../core/ports.ts';
import type { NotationAuthority } from '../policy/model.ts';
import { type NotationAnswer, unsigned } from './answer.ts';
import type { NotationExamination } from './examine.ts';
import type { NotationPolicy } from './model.ts';

/** A signature as it was collected: `annotations.mediaType` is that of its layer. */
interface FoundSignature {
  readonly form: string;
  readonly source: string;
  readonly annotations: Readonly<Record<string, unknown>>;
  readonly bytes: Uint8Array;
}

/** What judging works with. */
export interface NotationPorts {
  readonly registry: Pick<Registry, 'manifest'>;
  /** Judges where it can be stopped. */
  readonly examineNotation: (examination: NotationExamination, signal: AbortSignal) => Promise<NotationAnswer>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * Judges what hangs on an image by an authority of the Notary Project: one good signature is enough. The descriptor
 * that it must sign is that of the manifest as the registry answers by digest, hashed. Throws what the registry and the
 * examiner throw.
 */
export async function judgeNotation(
  authority: NotationAuthority,
  found: readonly FoundSignature[],
  image: { readonly digest: Digest; readonly reference: Pick<ImageReference, 'repository'> },
  { registry, examineNotation, clock, signal }: NotationPorts,
): Promise<NotationAnswer> {
  const signatures = found
    .filter(({ form }) => form === 'notation')
    .map(({ source, annotations, bytes }) => ({ source, mediaType: String(annotations['mediaType']), bytes }));
  if (signatures.length === 0) return unsigned;
  const manifest = await registry.manifest(image.reference.repository, image.digest, signal);
  if (manifest === undefined || manifest.digest !== image.digest) {
    throw new GateError('IMAGE_NOT_FOUND', 'the registry does not have the manifest of that digest');
  }
  const target = { mediaType: manifest.mediaType, digest: image.digest, size: manifest.bytes.length };
  const policy = authority.policy as NotationPolicy;
  const { maxAgeDays } = authority;
  return await examineNotation({ signatures, target, policy, maxAgeDays, now: clock.now() }, signal);
}
