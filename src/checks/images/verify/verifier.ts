import type { Finding } from '../../../core/decision.ts';
import { CODES, GateError } from '../../../core/errors.ts';
import type { Digest } from '../../../core/image.ts';
import { describeKey } from '../policy/key.ts';
import type { ImagePolicy, KeyAuthority } from '../policy/model.ts';
import { REJECTIONS, type Rejection, rejectionOf } from './authority.ts';
import type { Collected } from './collect.ts';

/** Not exported: no other module can make a VerifiedImage, whatever it found or was told. */
const verified: unique symbol = Symbol('verified');

/** Proof that every policy that applies to a digest was satisfied by a signature or a static pass. */
export interface VerifiedImage {
  readonly [verified]: true;
  readonly digest: Digest;
  /** `ClusterImagePolicy release, authority authority-0, key SHA256:4ad7…`, one a policy. */
  readonly by: readonly string[];
}

/** What a policy has against a digest, as far as a finding tells it; the place and object are the caller's. */
export type Objection = Pick<Finding, 'code' | 'rule' | 'message' | 'mend'> & { readonly effect: 'deny' | 'error' };

export type Verdict =
  | { readonly kind: 'verified'; readonly image: VerifiedImage }
  | { readonly kind: 'refused'; readonly objections: readonly [Objection, ...Objection[]] };

/**
 * Judges a digest by the policies that apply: all of them must be satisfied, each by any one of its authorities, and an
 * authority by any one object. `collect` is called once at most, and not at all where no policy asks for a signature.
 * No policies at all is refused: nothing vouched. Rejects only when `collect` does.
 */
export async function judge(
  digest: Digest,
  policies: readonly ImagePolicy[],
  collect: () => Promise<Collected>,
): Promise<Verdict> {
  let collected: Promise<Collected> | undefined;
  const once = () => (collected ??= collect());
  const by: string[] = [];
  const objections: Objection[] = [];
  for (const policy of policies) {
    const answer = await judgePolicy(digest, policy, once);
    if (typeof answer === 'string') by.push(answer);
    else objections.push(answer);
  }
  const [first, ...rest] = objections;
  if (first !== undefined) return { kind: 'refused', objections: [first, ...rest] };
  if (by.length === 0 || by.length !== policies.length) {
    return {
      kind: 'refused',
      objections: [
        {
          effect: 'deny',
          code: 'IMAGE_UNMATCHED',
          rule: 'images',
          message: 'no policy vouched for it',
          mend: 'Add a policy.',
        },
      ],
    };
  }
  return { kind: 'verified', image: { [verified]: true, digest, by } };
}

/** Who vouched, or the objection. */
async function judgePolicy(
  digest: Digest,
  policy: ImagePolicy,
  collect: () => Promise<Collected>,
): Promise<string | Objection> {
  const rejections: Rejection[] = [];
  for (const authority of policy.authorities) {
    if (authority.kind === 'static') {
      if (authority.action === 'pass') return `${policy.rule}, authority ${authority.name}, static pass`;
      continue;
    }
    if (authority.kind !== 'key') throw new GateError('IMAGE_POLICY_UNSUPPORTED', `${authority.kind} is not verified`);
    for (const object of (await collect()).objects) {
      const rejection = await rejectionOf(authority, object, digest);
      if (rejection === undefined) return `${policy.rule}, ${describeAuthority(authority)}`;
      rejections.push(rejection);
    }
  }
  const keys = policy.authorities.filter((authority) => authority.kind === 'key');
  if (keys.length === 0) return deniedByStatic(policy);
  return objectionOf(policy, keys.map(describeAuthority).join('; '), rejections, await collect());
}

function describeAuthority(authority: KeyAuthority): string {
  return `authority ${authority.name}, ${describeKey(authority.key)}`;
}

function deniedByStatic(policy: ImagePolicy): Objection {
  const said = policy.authorities.flatMap((each) =>
    each.kind === 'static' && each.message !== '' ? [each.message] : [],
  );
  const message = `the policy refuses this image${said.length === 0 ? '' : `: ${oneLine(said.join('; '))}`}`;
  return {
    effect: 'deny',
    code: 'IMAGE_DENIED_BY_POLICY',
    rule: policy.rule,
    message,
    mend: 'Use another image, or have the owner of the policy change it.',
  };
}

/**
 * Why no authority was satisfied. What the registry failed to answer comes first: with it, an absent signature proves
 * nothing, and the answer is "not now" and not "no".
 */
function objectionOf(
  policy: ImagePolicy,
  tried: string,
  rejections: readonly Rejection[],
  collected: Collected,
): Objection {
  const rule = policy.rule;
  const [failure] = collected.failures;
  if (failure !== undefined)
    return failureObjection(rule, failure, `its signatures could not be read (tried ${tried})`);
  const [tooMany] = collected.tooMany;
  if (tooMany !== undefined) {
    return {
      effect: 'deny',
      code: 'IMAGE_TOO_MANY_SIGNATURES',
      rule,
      message: `too much hangs on it to be read: ${tooMany}`,
      mend: 'Remove what is not needed from the registry, or raise that limit.',
    };
  }
  const worst = REJECTIONS.map((why) => rejections.find((each) => each.why === why)).find((each) => each !== undefined);
  const [malformed] = collected.malformed;
  if (worst === undefined && malformed === undefined) {
    return {
      effect: 'deny',
      code: 'IMAGE_UNSIGNED',
      rule,
      message: `it has no signature (tried ${tried})`,
      mend: 'Sign the digest with cosign and a key that the policy names.',
    };
  }
  // An unreadable object says more than one by a stranger's key, and less than what the trusted key really signed.
  const stranger = worst === undefined || worst.why === 'other-key' || worst.why === 'certificate';
  if (malformed !== undefined && stranger) return { ...texts.malformed(malformed), effect: 'deny', rule };
  const told = worst as Rejection;
  return { ...texts[told.why](`${told.source}: ${told.detail}`, tried, rejections.length), effect: 'deny', rule };
}

/** What to say of a rejection; `clause` is made of escaped text. */
const texts: Record<
  Rejection['why'],
  (clause: string, tried?: string, count?: number) => Pick<Objection, 'code' | 'message' | 'mend'>
> = {
  'other-digest': (clause) => ({
    code: 'IMAGE_SIGNATURE_OTHER_DIGEST',
    message: `the signature beside it is for another image (${clause})`,
    mend: 'Sign this digest; find out who copied the signature.',
  }),
  'not-a-signature': (clause) => ({
    code: 'IMAGE_NOT_A_SIGNATURE',
    message: `what the key signed about it is not an image signature (${clause})`,
    mend: 'Sign the digest with cosign sign; an attestation does not stand for a signature.',
  }),
  altered: (clause, tried) => ({
    code: 'IMAGE_SIGNATURE_INVALID',
    message: `its signature was altered (${clause}; tried ${tried})`,
    mend: 'Sign the digest again; find out who changed the signature.',
  }),
  malformed: (clause) => ({
    code: 'IMAGE_SIGNATURE_INVALID',
    message: `its signature cannot be read (${clause})`,
    mend: 'Sign the digest again with cosign.',
  }),
  certificate: (clause) => ({
    code: 'IMAGE_SIGNATURE_INVALID',
    message: `it is signed with a certificate only, and the policy names a key (${clause})`,
    mend: 'Sign the digest with a key that the policy names.',
  }),
  'other-key': (_, tried, count = 1) => ({
    code: 'IMAGE_SIGNATURE_OTHER_KEY',
    message: `no signature verifies with the policy's key: it was signed by another, or altered (${count} tried with ${tried})`,
    mend: 'Sign the digest with a key that the policy names.',
  }),
};

/** An error on the way to the signatures, as an objection. */
export function failureObjection(rule: string, failure: GateError, what: string): Objection {
  return {
    // Some failures are answers: content that is not what its digest says was judged, and refused.
    effect: CODES[failure.code].answer === 'denied' ? 'deny' : 'error',
    code: failure.code,
    rule,
    message: `${what}: ${oneLine(failure.message)}`,
    mend: failure.mend,
  };
}

function oneLine(text: string): string {
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').slice(0, 500);
}
