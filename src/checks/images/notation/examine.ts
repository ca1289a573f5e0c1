import type { Code } from '../../../core/errors.ts';
import { type AgeProblem, ageProblem } from '../verify/age.ts';
import { type NotationAnswer, refused, unsigned } from './answer.ts';
import type { NotationPolicy, TargetDescriptor } from './model.ts';
import { type NotationVerdict, verifyNotation } from './verify.ts';

/** All signatures of the Notary Project of one image, and what they are judged by. Plain data, for a worker thread. */
export interface NotationExamination {
  readonly signatures: readonly NotationSignature[];
  /** The manifest that they must sign. */
  readonly target: TargetDescriptor;
  readonly policy: NotationPolicy;
  /** Days for which a signature counts; undefined: for ever. */
  readonly maxAgeDays: number | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

interface NotationSignature {
  /** Where it was found, for findings. */
  readonly source: string;
  /** That of its layer. */
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

interface Rejection {
  readonly why: Extract<NotationVerdict, { kind: 'rejected' }>['why'] | AgeProblem['why'];
  /** A clause for people, with the step that it is of. */
  readonly detail: string;
  readonly mend?: string;
}

/** The most telling first: what a trusted signer did wrong says more than that somebody else signed too. */
const telling: readonly Rejection['why'][] = [
  'too-old',
  'undated',
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
  'too-old': 'IMAGE_SIGNATURE_TOO_OLD',
  undated: 'IMAGE_SIGNATURE_TOO_OLD',
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

const undatedMend =
  'Sign the digest with a timestamp (notation sign --timestamp-url), and name a tsa store in the trust policy.';

/**
 * Judges signatures by a trust policy: one good one is enough, and all are judged before none is. Synchronous work on
 * hostile bytes, all of it bounded; it runs where it can be stopped. Never throws.
 */
export function examineNotation({ signatures, target, policy, maxAgeDays, now }: NotationExamination): NotationAnswer {
  let tolerated: string | undefined;
  const rejected: { rejection: Rejection; source: string }[] = [];
  for (const { source, mediaType, bytes } of signatures) {
    const verdict = verifyNotation(bytes, mediaType, target, policy, now);
    if (verdict.kind === 'verified') {
      const { trusted } = verdict.times;
      const problem = maxAgeDays === undefined ? undefined : ageProblem(trusted, maxAgeDays, now);
      if (problem !== undefined) {
        const { why, detail } = problem;
        rejected.push({ rejection: { why, detail, ...(why === 'undated' && { mend: undatedMend }) }, source });
        continue;
      }
      const note = [
        `signed by ${verdict.signer}`,
        ...verdict.logged.map(({ step, detail }) => `${step} only logged: ${detail}`),
      ];
      return { ...unsigned, passed: true, note: note.join('; '), trustedTime: trusted };
    }
    if (verdict.kind === 'tolerated')
      tolerated ??= `${source}: ${verdict.logged.map(({ detail }) => detail).join('; ')}`;
    else rejected.push({ rejection: { ...verdict, detail: `${verdict.detail} (${verdict.step})` }, source });
  }
  if (tolerated !== undefined) return { ...refused('IMAGE_SIGNATURE_OTHER_IDENTITY', tolerated), tolerated: true };
  const [worst] = rejected.toSorted((a, b) => telling.indexOf(a.rejection.why) - telling.indexOf(b.rejection.why));
  if (worst === undefined) return unsigned;
  const { why, detail, mend } = worst.rejection;
  return refused(codes[why], `${worst.source}: ${detail}`, mend);
}
