import { CODES, type Code, GateError } from '../../../core/errors.ts';
import type { Digest, ImageReference } from '../../../core/image.ts';
import type { Clock, Registry } from '../../../core/ports.ts';
import type { NotationAuthority } from '../policy/model.ts';
import type { NotationPolicy } from './model.ts';
import type { NotationVerdict } from './verify.ts';

/** What came of judging all signatures of the Notary Project that hang on an image. */
export interface NotationAnswer {
  /** Whether one of them is what the trust policy asks for. */
  readonly passed: boolean;
  /** None is, and the trust policy lets the image pass all the same (`authenticity: log`). It is not verified. */
  readonly tolerated: boolean;
  /** Who signed, and what was only logged; or why none counts. A clause for people; undefined where there is none. */
  readonly note: string | undefined;
  /** Where none counts. */
  readonly code: Code;
  readonly mend: string;
}

/** A signature as it was collected: `annotations.mediaType` is that of its layer. */
interface FoundSignature {
  readonly form: string;
  readonly source: string;
  readonly annotations: Readonly<Record<string, unknown>>;
  readonly bytes: Uint8Array;
}

type Rejection = Extract<NotationVerdict, { kind: 'rejected' }>;

/** The most telling first: what a trusted signer did wrong says more than that somebody else signed too. */
const telling: readonly Rejection['why'][] = [
  'revoked',
  'not-evaluated',
  'expired',
  'untimely',
  'unsupported',
  'other-digest',
  'altered',
  'malformed',
  'other-signer',
];
const codes: Readonly<Record<Rejection['why'], Code>> = {
  revoked: 'IMAGE_SIGNATURE_UNTRUSTED',
  'not-evaluated': 'IMAGE_UNVERIFIABLE',
  expired: 'IMAGE_SIGNATURE_UNTRUSTED',
  untimely: 'IMAGE_SIGNATURE_UNTRUSTED',
  unsupported: 'IMAGE_SIGNATURE_INVALID',
  'other-digest': 'IMAGE_SIGNATURE_OTHER_DIGEST',
  altered: 'IMAGE_SIGNATURE_INVALID',
  malformed: 'IMAGE_SIGNATURE_INVALID',
  'other-signer': 'IMAGE_SIGNATURE_OTHER_IDENTITY',
};

/**
 * Judges what hangs on an image by an authority of the Notary Project: one good signature is enough. The descriptor
 * that it must sign is that of the manifest as the registry answers by digest, hashed. Throws what the registry throws.
 */
export async function judgeNotation(
  authority: NotationAuthority,
  found: readonly FoundSignature[],
  image: { readonly digest: Digest; readonly reference: Pick<ImageReference, 'repository'> },
  ports: { readonly registry: Pick<Registry, 'manifest'>; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<NotationAnswer> {
  const signatures = found.filter(({ form }) => form === 'notation');
  if (signatures.length === 0) return unsigned;
  const manifest = await ports.registry.manifest(image.reference.repository, image.digest, ports.signal);
  if (manifest === undefined || manifest.digest !== image.digest) {
    throw new GateError('IMAGE_NOT_FOUND', 'the registry does not have the manifest of that digest');
  }
  const target = { mediaType: manifest.mediaType, digest: image.digest, size: manifest.bytes.length };
  // Policies of other kinds never load any of it.
  const { verifyNotation } = await import('./verify.ts');
  let tolerated: string | undefined;
  const rejected: { rejection: Rejection; source: string }[] = [];
  for (const { source, annotations, bytes } of signatures) {
    ports.signal.throwIfAborted();
    const mediaType = String(annotations['mediaType']);
    const policy = authority.policy as NotationPolicy;
    const verdict = verifyNotation(bytes, mediaType, target, policy, ports.clock.now());
    if (verdict.kind === 'verified') {
      const note = [
        `signed by ${verdict.signer}`,
        ...verdict.logged.map(({ step, detail }) => `${step} only logged: ${detail}`),
      ];
      return { ...unsigned, passed: true, note: note.join('; ') };
    }
    if (verdict.kind === 'tolerated')
      tolerated ??= `${source}: ${verdict.logged.map(({ detail }) => detail).join('; ')}`;
    else rejected.push({ rejection: verdict, source });
    // Judging is synchronous work: a deadline is only heard in between.
    await new Promise(setImmediate);
  }
  if (tolerated !== undefined) return { ...refused('IMAGE_SIGNATURE_OTHER_IDENTITY', tolerated), tolerated: true };
  const [worst] = rejected.toSorted((a, b) => telling.indexOf(a.rejection.why) - telling.indexOf(b.rejection.why));
  if (worst === undefined) return unsigned;
  const { why, step, detail, mend } = worst.rejection;
  return refused(codes[why], `${worst.source}: ${detail} (${step})`, mend);
}

const unsigned: NotationAnswer = {
  passed: false,
  tolerated: false,
  note: undefined,
  code: 'IMAGE_UNSIGNED',
  mend: 'Sign the digest with notation, as an identity of the trust policy.',
};

function refused(code: Code, note: string, mend = CODES[code].mend): NotationAnswer {
  return { passed: false, tolerated: false, note, code, mend };
}
