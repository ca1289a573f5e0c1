import { CODES, type Code, effectOf, type GateError } from '../../../core/errors.ts';
import type { Digest } from '../../../core/image.ts';
import type { PredicateObjection } from '../content/judgement.ts';
import { describeKey } from '../policy/key.ts';
import type { Authority, ImagePolicy } from '../policy/model.ts';
import type { AuthorityAccount, ClaimAccount, ContentAccount, Objection, PolicyAccount } from './account.ts';
import type { Proof, Refused } from './examine.ts';
import { REJECTIONS, type Why } from './verify-object.ts';

/** `authority authority-0, key SHA256:4ad7…`, as findings name what was tried. */
export function describeAuthority(authority: Authority): string {
  switch (authority.kind) {
    case 'key':
      return `authority ${authority.name}, ${describeKey(authority.key)}`;
    case 'keyless':
      return `authority ${authority.name}, certificates of ${authority.roots.name}`;
    case 'notation':
      return `authority ${authority.name}, Notary Project`;
    case 'static':
      return `authority ${authority.name}, static ${authority.action}`;
    default:
      return authority satisfies never;
  }
}

/** Who signed: `key SHA256:4ad7…`, or `dev@example.com (issuer https://accounts.example.com)`. */
export function describeSigner({ signer }: Proof, authority: Authority): string {
  if (signer.kind === 'key') return authority.kind === 'key' ? describeKey(authority.key) : 'a key';
  return oneLine(signer.issuer === undefined ? signer.subject : `${signer.subject} (issuer ${signer.issuer})`);
}

/** Who vouched, in one line: `ClusterImagePolicy release, authority authority-0, key SHA256:4ad7…`. */
export function describeVouching({ policy, authorities }: PolicyAccount): string {
  const passed = authorities.filter(({ outcome }) => outcome === 'passed');
  const told = passed.slice(0, Math.max(policy.quorum, 1)).map(({ authority, claims, note }) => {
    if (authority.kind === 'static') return `authority ${authority.name}, static pass`;
    if (authority.kind === 'notation') return `authority ${authority.name}, ${oneLine(note ?? 'Notary Project')}`;
    const [proof] = claims.flatMap(({ proofs }) => proofs);
    const attested = claims.flatMap(({ name }) => (name === undefined ? [] : [`attestation ${name}`]));
    const signer = proof === undefined ? 'nobody' : describeSigner(proof, authority);
    return [`authority ${authority.name}`, signer, ...attested].join(', ');
  });
  return `${policy.rule}, ${told.join(', and ')}`;
}

/** An error on the way to the signatures, as an objection. */
export function failureObjection(rule: string, failure: GateError, what: string): Objection {
  return {
    // Some failures are answers: content that is not what its digest says was judged, and refused.
    effect: effectOf(failure.code),
    code: failure.code,
    rule,
    message: `${what}: ${oneLine(failure.message)}`,
    mend: failure.mend,
  };
}

/**
 * Why not enough authorities were satisfied, or what the policy over them says. What the registry failed to answer comes
 * first: with it, an absent signature proves nothing, and the answer is "not now" and not "no".
 */
export function objectionTo(
  policy: ImagePolicy,
  authorities: readonly AuthorityAccount[],
  digest: Digest,
  content?: ContentAccount,
): Objection {
  if (content !== undefined) return contentObjection(policy.rule, 'its policy', content);
  const failed = authorities.filter(({ outcome, authority }) => outcome !== 'passed' && authority.kind !== 'static');
  if (failed.length === 0) return deniedByStatic(policy);
  const passed = authorities.filter(({ outcome }) => outcome === 'passed').length;
  const objection = reasonAgainst(policy, failed, digest);
  if (policy.quorum <= 1) return objection;
  const count = `${passed} of the ${policy.quorum} authorities that must agree were satisfied`;
  return { ...objection, message: `${count}; ${objection.message}` };
}

function deniedByStatic(policy: ImagePolicy): Objection {
  const said = policy.authorities.flatMap((each) =>
    each.kind === 'static' && each.action === 'fail' && each.message !== '' ? [each.message] : [],
  );
  const message = `the policy refuses this image${said.length === 0 ? '' : `: ${oneLine(said.join('; '))}`}`;
  const mend = 'Use another image, or have the owner of the policy change it.';
  return { effect: 'deny', code: 'IMAGE_DENIED_BY_POLICY', rule: policy.rule, message, mend };
}

function reasonAgainst(policy: ImagePolicy, failed: readonly AuthorityAccount[], digest: Digest): Objection {
  const { rule } = policy;
  const tried = failed.map(({ authority }) => describeAuthority(authority)).join('; ');
  const [failure] = failed.flatMap(({ failures }) => failures);
  if (failure !== undefined)
    return failureObjection(rule, failure, `its signatures could not be read (tried ${tried})`);
  const judged = failed
    .flatMap(({ claims }) => claims)
    .find(({ proofs, contents }) => proofs.length > 0 && contents.some(({ kind }) => kind === 'errored'));
  if (judged !== undefined) return claimContentObjection(rule, judged);
  const [tooMany] = failed.flatMap((each) => each.tooMany);
  if (tooMany !== undefined) {
    return {
      effect: 'deny',
      code: 'IMAGE_TOO_MANY_SIGNATURES',
      rule,
      message: `too much hangs on it to be read: ${tooMany}`,
      mend: 'Remove what is not needed from the registry, or raise that limit.',
    };
  }
  const unsaid = failed.flatMap(({ predicates = [] }) => predicates);
  if (unsaid.length > 0) return predicateObjection(rule, unsaid);
  const [notation] = failed.filter(({ authority }) => authority.kind === 'notation');
  if (notation !== undefined && failed.length === 1) return notationObjection(rule, notation, tried);
  return reasonOf(rule, failed, tried, digest);
}

/** The most telling of what was found: what a trusted signer really signed says more than that a stranger signed too. */
function reasonOf(rule: string, failed: readonly AuthorityAccount[], tried: string, digest: Digest): Objection {
  const open = failed.flatMap(({ claims }) => claims.filter((claim) => !isProven(claim)));
  const refusedByContent = open.find(({ proofs, contents }) => proofs.length > 0 && contents.length > 0);
  if (refusedByContent !== undefined) return claimContentObjection(rule, refusedByContent);
  // Signatures of other claims of an authority were looked for; only those that are missing are spoken of.
  const refused = open.flatMap((claim) => claim.refused.map((each) => ({ claim, ...each })));
  const worst = REJECTIONS.map((why) => refused.find((each) => each.why === why)).find((each) => each !== undefined);
  const [malformed] = failed.flatMap(({ obstacles }) => obstacles);
  const stranger = worst === undefined || strangers.includes(worst.why);
  if (malformed !== undefined && stranger) {
    const message = `its signature cannot be read (${oneLine(malformed)})`;
    return { effect: 'deny', code: 'IMAGE_SIGNATURE_INVALID', rule, message, mend: mends.again };
  }
  const missing = open.find(({ claim }) => claim.kind === 'attestation');
  if (missing !== undefined && (worst === undefined || notOfThisType.includes(worst.why)))
    return missingAttestation(rule, missing, tried);
  if (worst === undefined) {
    const message = `it has no signature: none hangs on ${digest} (tried ${tried})`;
    return { effect: 'deny', code: 'IMAGE_UNSIGNED', rule, message, mend: mends.sign };
  }
  const about = worst.claim.claim.kind === 'attestation' ? `attestation ${worst.claim.name ?? ''}: ` : '';
  const { code, say, mend } = texts[worst.why];
  const clause = `${worst.source}: ${worst.detail}; step ${worst.step}`;
  const others = new Set(refused.map(({ source }) => source)).size;
  return { effect: 'deny', code, rule, message: `${about}${say(clause, tried, others)}`, mend };
}

function isProven({ proofs, content, contents }: ClaimAccount): boolean {
  return proofs.length > 0 && (content === undefined || contents.some(({ kind }) => kind === 'passed'));
}

function missingAttestation(rule: string, { claim, name, refused }: ClaimAccount, tried: string): Objection {
  const type = claim.kind === 'attestation' ? claim.predicateType : '';
  const others = refused.filter(({ why }) => why === 'other-type').length;
  const besides = others === 0 ? '' : `; ${others} of other types`;
  return {
    effect: 'deny',
    code: 'IMAGE_ATTESTATION_MISSING',
    rule,
    message: oneLine(
      `it has no attestation of type ${type}, which ${name ?? 'the policy'} asks for (tried ${tried}${besides})`,
    ),
    mend: 'Attest the digest with that type (cosign attest --type), as a signer whom the policy names.',
  };
}

function claimContentObjection(rule: string, { name, contents }: ClaimAccount): Objection {
  const told = contents.find(({ kind }) => kind === 'errored') ?? contents.find(({ kind }) => kind === 'failed');
  return contentObjection(rule, `attestation ${name ?? ''}`, told ?? { kind: 'failed', message: 'no answer' });
}

function contentObjection(rule: string, what: string, content: ContentAccount): Objection {
  if (content.kind === 'errored') return failureObjection(rule, content.error, `${what} could not be judged`);
  const said = content.kind === 'failed' && content.message !== '' ? `: ${oneLine(content.message)}` : '';
  const { mend } = CODES.IMAGE_CONTENT_REFUSED;
  return { effect: 'deny', code: 'IMAGE_CONTENT_REFUSED', rule, message: `${what} refuses it${said}`, mend };
}

/** One finding for all that is amiss: they are told in their order, the worst first. */
function predicateObjection(rule: string, objections: readonly PredicateObjection[]): Objection {
  const failed = objections.filter(({ kind }) => kind === 'failed');
  const [first] = failed.length > 0 ? failed : objections;
  const told = failed.length > 0 ? failed : objections;
  const code = failed.length > 0 ? 'IMAGE_PREDICATE_REFUSED' : 'IMAGE_PREDICATE_UNREADABLE';
  const [shown, hidden] = [told.slice(0, 5), objections.length - Math.min(told.length, 5)];
  const message = shown.map((each) => each.message).join('; ');
  return {
    effect: failed.length > 0 ? 'deny' : 'error',
    code,
    rule,
    message: `${oneLine(message, 1500)}${hidden > 0 ? ` (and ${hidden} more)` : ''}`,
    mend: first?.mend ?? CODES[code].mend,
  };
}

function notationObjection(rule: string, { note, obstacles, notation }: AuthorityAccount, tried: string): Objection {
  const why = note ?? obstacles[0];
  const code =
    note !== undefined && notation !== undefined
      ? notation.code
      : why === undefined
        ? 'IMAGE_UNSIGNED'
        : 'IMAGE_SIGNATURE_INVALID';
  const message = why === undefined ? `it has no signature (tried ${tried})` : `${oneLine(why)} (tried ${tried})`;
  const mend = notation?.mend ?? 'Sign the digest with notation, as an identity of the policy.';
  // Whether a certificate was revoked may only be unknown now; that is no answer.
  return { effect: effectOf(code), code, rule, message, mend };
}

const mends = {
  sign: 'Sign the digest with cosign, as a signer whom the policy names.',
  again: 'Sign the digest again with cosign.',
  key: 'Sign the digest with a key that the policy names.',
  altered: 'Sign the digest again; find out who changed the signature.',
} as const;

/** These say nothing about the signers that the policy trusts. */
const strangers: readonly Why[] = ['other-key', 'certificate', 'bare-key', 'untrusted', 'form'];
const notOfThisType: readonly Why[] = ['other-type', 'form'];

interface Text {
  readonly code: Code;
  /** `clause` tells source, reason and step, `tried` the authorities; both are of escaped text. */
  readonly say: (clause: string, tried: string, count: number) => string;
  readonly mend: string;
}

const texts: Readonly<Record<Why, Text>> = {
  'too-old': {
    code: 'IMAGE_SIGNATURE_TOO_OLD',
    say: (clause) => `it is signed as the policy asks, and too long ago (${clause})`,
    mend: CODES.IMAGE_SIGNATURE_TOO_OLD.mend,
  },
  undated: {
    code: 'IMAGE_SIGNATURE_TOO_OLD',
    say: (clause) => `it is signed as the policy asks, and how long ago is not known (${clause})`,
    mend: 'Sign the digest with a log entry or timestamp that the policy asks for (ctlog, rfc3161timestamp); if its time is still to come, set the clocks right.',
  },
  'other-digest': {
    code: 'IMAGE_SIGNATURE_OTHER_DIGEST',
    say: (clause) => `the signature beside it is for another image (${clause})`,
    mend: 'Sign this digest; find out who copied the signature.',
  },
  'other-name': {
    code: 'IMAGE_SIGNATURE_OTHER_CLAIM',
    say: (clause) => `it was signed under another name than the policy asks for (${clause})`,
    mend: 'Sign the digest under the name by which it is used.',
  },
  annotations: {
    code: 'IMAGE_SIGNATURE_OTHER_CLAIM',
    say: (clause) => `it was signed without what the policy asks for (${clause})`,
    mend: 'Sign the digest with those annotations (cosign sign -a).',
  },
  'not-a-signature': {
    code: 'IMAGE_NOT_A_SIGNATURE',
    say: (clause) => `what the key signed about it is not an image signature (${clause})`,
    mend: 'Sign the digest with cosign sign; an attestation does not stand for a signature.',
  },
  'other-type': {
    code: 'IMAGE_ATTESTATION_MISSING',
    say: (clause, tried) => `it has no attestation of that type (${clause}; tried ${tried})`,
    mend: 'Attest the digest with that type (cosign attest --type).',
  },
  identity: {
    code: 'IMAGE_SIGNATURE_OTHER_IDENTITY',
    say: (clause, tried) => `it is signed by somebody whom the policy does not name (${clause}; tried ${tried})`,
    mend: 'Sign the digest as an identity of the policy, or have its owner name this one.',
  },
  usage: untrusted('its certificate is not one for signing code'),
  time: untrusted('nothing proves that it was signed at a time when its key counted'),
  log: untrusted('it is not in the transparency log as the policy asks'),
  timestamp: untrusted('it has not the timestamp that the policy asks for'),
  altered: {
    code: 'IMAGE_SIGNATURE_INVALID',
    say: (clause, tried) => `its signature was altered (${clause}; tried ${tried})`,
    mend: mends.altered,
  },
  malformed: {
    code: 'IMAGE_SIGNATURE_INVALID',
    say: (clause) => `its signature cannot be read (${clause})`,
    mend: mends.again,
  },
  untrusted: untrusted('its signature is not proven by what the policy trusts'),
  certificate: {
    code: 'IMAGE_SIGNATURE_INVALID',
    say: (clause) => `it is signed with a certificate only, and the policy names a key (${clause})`,
    mend: mends.key,
  },
  'bare-key': {
    code: 'IMAGE_SIGNATURE_INVALID',
    say: (clause) => `it is signed with a key only, and the policy names identities (${clause})`,
    mend: 'Sign the digest keyless, as an identity of the policy.',
  },
  'other-key': {
    code: 'IMAGE_SIGNATURE_OTHER_KEY',
    say: (clause, tried, count) =>
      `it is signed by another key than the policy's, or altered (${count} tried with ${tried}; ${clause})`,
    mend: mends.key,
  },
  form: {
    code: 'IMAGE_SIGNATURE_INVALID',
    say: (clause) => `what hangs on it is not in a form that the policy takes (${clause})`,
    mend: mends.again,
  },
  unverifiable: {
    code: 'IMAGE_SIGNATURE_INVALID',
    say: (clause) => `its signature could not be judged (${clause})`,
    mend: mends.again,
  },
};

function untrusted(what: string): Text {
  return {
    code: 'IMAGE_SIGNATURE_UNTRUSTED',
    say: (clause, tried) => `${what} (${clause}; tried ${tried})`,
    mend: 'Sign the digest again, with the authority, log and timestamp that the policy trusts.',
  };
}

/** What was refused, most telling first. */
export function byWeight(refused: readonly Refused[]): readonly Refused[] {
  return [...refused].sort((a, b) => REJECTIONS.indexOf(a.why) - REJECTIONS.indexOf(b.why));
}

function oneLine(text: string, most = 500): string {
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').slice(0, most);
}
