import { constants, verify } from 'node:crypto';
import { isObject } from '../../../core/json.ts';
import { asRecord, Malformed, parseStrictJson, stringAt } from '../verify/json.ts';
import { algorithmOf, type Certificate, readCertificate } from './certificate.ts';
import { chainProblem, dateOf, validityProblem } from './chain.ts';
import { readCose } from './cose.ts';
import { isPartOf, readDistinguishedName } from './distinguished-name.ts';
import { readJws } from './jws.ts';
import {
  coseMediaType,
  type Enforcement,
  type Envelope,
  jwsMediaType,
  maxEnvelopeBytes,
  type NotationPolicy,
  payloadMediaType,
  type TargetDescriptor,
} from './model.ts';
import { revocationOf } from './revocation.ts';
import { verifyTimestamp } from './timestamp.ts';

const byVerifier: unique symbol = Symbol('verified by notation');

/** What went wrong, in the order in which it is looked at. */
type NotationStep =
  | 'envelope'
  | 'certificates'
  | 'signature'
  | 'target'
  | 'plugin'
  | 'authenticity'
  | 'expiry'
  | 'authenticTimestamp'
  | 'revocation';

/** A validation that failed and that the trust policy only wants to be told of. */
interface Logged {
  readonly step: NotationStep;
  /** A clause for people. */
  readonly detail: string;
}

/** Only this module can make a verified one. */
export type NotationVerdict =
  | {
      readonly [byVerifier]: true;
      readonly kind: 'verified';
      /** `CN=builder,O=acme`, of a certificate below the trust store. */
      readonly signer: string;
      /** Milliseconds since the epoch; `trusted` where a timestamp authority or a signing authority vouches for it. */
      readonly times: { readonly claimed: number; readonly trusted: number | undefined };
      /** What the signer added to the signed descriptor (user metadata). */
      readonly annotations: Readonly<Record<string, string>>;
      readonly logged: readonly Logged[];
    }
  /** The signature fits the image, and who made it is not trusted; the trust policy (`authenticity: log`) lets it pass unverified. */
  | { readonly kind: 'tolerated'; readonly logged: readonly [Logged, ...Logged[]] }
  | {
      readonly kind: 'rejected';
      readonly why:
        | 'malformed'
        | 'altered'
        | 'other-digest'
        | 'unsupported'
        | 'other-signer'
        | 'expired'
        | 'untimely'
        | 'revoked'
        | 'not-evaluated';
      readonly step: NotationStep;
      /** A clause for people. */
      readonly detail: string;
      readonly mend?: string;
    };

type Rejection = Extract<NotationVerdict, { kind: 'rejected' }>;
type Why = Rejection['why'];

/** Thrown within this module only: the first thing that is wrong ends the verification. */
class Refusal extends Error {
  readonly rejection: Rejection;
  constructor(why: Why, step: NotationStep, detail: string, mend?: string) {
    super(detail);
    this.rejection = { kind: 'rejected', why, step, detail, ...(mend === undefined ? {} : { mend }) };
  }
}

/**
 * Whether an envelope is a signature of exactly this image by whom the trust policy trusts, at a time (milliseconds
 * since the epoch). In order: the form, the certificates, the signature over the stored bytes, what was signed, and
 * then the validations of trust-store-trust-policy.md, each enforced or logged as the policy says. Never throws.
 */
export function verifyNotation(
  bytes: Uint8Array,
  mediaType: string,
  target: TargetDescriptor,
  policy: NotationPolicy,
  now: number,
): NotationVerdict {
  try {
    const envelope = at('envelope', () => readEnvelope(bytes, mediaType));
    const chain = at('certificates', () => readChain(envelope));
    verifySignature(envelope, chain);
    const annotations = at('target', () => compareTarget(envelope, target));
    refuseUnsupported(envelope);
    const logged: Logged[] = [];
    const judge = (step: keyof Enforcement, why: Why, validate: () => void): boolean => {
      const refusal = refusalOf(() => at(step, validate, why));
      if (refusal === undefined) return true;
      if (policy.enforcement[step] === 'enforce') throw refusal;
      logged.push({ step, detail: refusal.rejection.detail });
      return false;
    };
    const authentic = judge('authenticity', 'other-signer', () => validateAuthenticity(envelope, chain, policy));
    judge('expiry', 'expired', () => validateExpiry(envelope, now));
    let trusted: number | undefined;
    judge('authenticTimestamp', 'untimely', () => {
      trusted = validateTime(envelope, chain, policy, now);
    });
    if (policy.enforcement.revocation !== 'skip') {
      judge('revocation', 'revoked', () => validateRevocation('revocation', chain, policy, now));
    }
    const [first, ...more] = logged;
    if (!authentic && first !== undefined) return { kind: 'tolerated', logged: [first, ...more] };
    const signer = chain[0]?.shown ?? '';
    const times = { claimed: envelope.signingTime, trusted };
    return { [byVerifier]: true, kind: 'verified', signer, times, annotations, logged };
  } catch (error) {
    if (error instanceof Refusal) return error.rejection;
    const detail = `it could not be judged (${error instanceof Error ? error.name : 'unknown error'})`;
    return { kind: 'rejected', why: 'not-evaluated', step: 'envelope', detail };
  }
}

function refusalOf(validate: () => void): Refusal | undefined {
  try {
    validate();
    return undefined;
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}

/** What is malformed is so in some step. */
function at<T>(step: NotationStep, read: () => T, why: Why = 'malformed'): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof Malformed ? new Refusal(why, step, error.message) : error;
  }
}

/** An envelope by its media type. Throws Malformed. */
export function readEnvelope(bytes: Uint8Array, mediaType: string): Envelope {
  if (bytes.length > maxEnvelopeBytes) throw new Malformed(`it has more than ${maxEnvelopeBytes} bytes`);
  if (mediaType === jwsMediaType) return readJws(bytes);
  if (mediaType === coseMediaType) return readCose(bytes);
  throw new Malformed(`it is of type ${JSON.stringify(mediaType.slice(0, 60))}, and only JWS and COSE are known`);
}

function readChain(envelope: Envelope): Certificate[] {
  const chain = envelope.chain.map((der, i) => readCertificate(der, `certificate ${i} in it`));
  const problem = chainProblem(chain, 'signing');
  if (problem !== undefined) throw new Malformed(problem);
  return chain;
}

/** The key decides the algorithm; what the envelope says must be the same, and chooses nothing. */
function verifySignature(envelope: Envelope, chain: readonly Certificate[]): void {
  const key = chain[0]?.publicKey;
  const algorithm = key === undefined ? undefined : algorithmOf(key);
  if (key === undefined || algorithm === undefined)
    throw new Refusal('unsupported', 'signature', 'its key is of a kind that is not supported');
  if (algorithm !== envelope.algorithm) {
    throw new Refusal('altered', 'signature', `it says ${envelope.algorithm}, and its key signs with ${algorithm}`);
  }
  const hash = `sha${algorithm.slice(2)}`;
  let good = false;
  try {
    good = algorithm.startsWith('PS')
      ? verify(
          hash,
          envelope.signed,
          { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST },
          envelope.signature,
        )
      : verify(hash, envelope.signed, { key, dsaEncoding: 'ieee-p1363' }, envelope.signature);
  } catch {
    // A signature of another length than the key's verifies nothing.
  }
  if (!good) throw new Refusal('altered', 'signature', 'it does not verify with the certificate in it');
}

/** CVE-2023-33959: a genuine signature of another artifact. All three fields of the descriptor are compared. */
function compareTarget(envelope: Envelope, target: TargetDescriptor): Record<string, string> {
  if (envelope.contentType !== payloadMediaType) {
    throw new Malformed(`its payload is ${JSON.stringify(envelope.contentType.slice(0, 80))}, not ${payloadMediaType}`);
  }
  const payload = asRecord(parseStrictJson(envelope.payload), 'the payload', ['targetArtifact']);
  const known = ['mediaType', 'digest', 'size', 'annotations', 'artifactType'];
  const signed = asRecord(payload['targetArtifact'], 'the payload.targetArtifact', known);
  const digest = stringAt(signed, 'digest', 'targetArtifact');
  const mediaType = stringAt(signed, 'mediaType', 'targetArtifact');
  if (digest !== target.digest)
    throw new Refusal('other-digest', 'target', `it signs ${JSON.stringify(digest.slice(0, 100))}`);
  if (mediaType !== target.mediaType) {
    throw new Refusal(
      'other-digest',
      'target',
      `it signs a ${JSON.stringify(mediaType.slice(0, 100))}, and the image is a ${target.mediaType}`,
    );
  }
  if (signed['size'] !== target.size)
    throw new Refusal('other-digest', 'target', `it signs another size than the ${target.size} bytes of the image`);
  if (signed['artifactType'] !== undefined) stringAt(signed, 'artifactType', 'targetArtifact');
  const annotations = signed['annotations'] ?? {};
  if (!isObject(annotations)) throw new Malformed('targetArtifact.annotations is not an object');
  const names = Object.keys(annotations);
  return Object.fromEntries(names.map((name) => [name, stringAt(annotations, name, 'targetArtifact.annotations')]));
}

function refuseUnsupported(envelope: Envelope): void {
  if (envelope.plugin !== undefined) {
    throw new Refusal(
      'unsupported',
      'plugin',
      `it is to be verified with the plugin ${JSON.stringify(envelope.plugin)}, and plugins are not supported`,
      'Sign without a plugin that takes part in verification, or verify this image by another policy.',
    );
  }
  const [unknown] = envelope.unknownCritical;
  if (unknown === undefined) return;
  throw new Refusal('unsupported', 'plugin', `its attribute ${JSON.stringify(unknown)} is critical and not known`);
}

/** A certificate of the chain is in the trust store of its scheme, and the signer's name is one that is trusted. */
function validateAuthenticity(envelope: Envelope, chain: readonly Certificate[], policy: NotationPolicy): void {
  const type = envelope.scheme === 'notary.x509' ? 'ca' : 'signingAuthority';
  const trusted = policy.stores[type] ?? [];
  if (trusted.length === 0)
    throw new Malformed(`it is of the scheme ${envelope.scheme}, and the trust policy names no store of type ${type}`);
  const [leaf] = chain;
  if (leaf === undefined || !chain.some((each) => trusted.some((der) => each.der.equals(der)))) {
    throw new Malformed(`${leaf?.shown ?? 'its certificate'} is not below a certificate of the trust stores`);
  }
  if (policy.identities === 'any') return;
  const name = readDistinguishedName(leaf.subject);
  if (!policy.identities.some((asked) => isPartOf(asked, name)))
    throw new Malformed(`${leaf.shown} is not a trusted identity`);
}

function validateExpiry(envelope: Envelope, now: number): void {
  if (envelope.expiry !== undefined && now >= envelope.expiry)
    throw new Malformed(`it expired at ${dateOf(envelope.expiry)}`);
}

/** A clock may be a little ahead of another. */
const skew = 5 * 60 * 1000;

/** That the chain was valid when the signature came to be: by a trusted time, or else now. Answers the trusted time. */
function validateTime(
  envelope: Envelope,
  chain: readonly Certificate[],
  policy: NotationPolicy,
  now: number,
): number | undefined {
  const complain = (problem: string | undefined, when: string) => {
    if (problem !== undefined) throw new Malformed(`its certificates were not valid ${when}: ${problem}`);
  };
  if (envelope.scheme === 'notary.x509.signingAuthority') {
    if (envelope.signingTime > now + skew) throw new Malformed('its authentic signing time has not come yet');
    complain(validityProblem(chain, envelope.signingTime, envelope.signingTime), 'when it was signed');
    return envelope.signingTime;
  }
  const authorities = policy.stores.tsa;
  const expired = chain.some((each) => now > each.notAfter);
  if (authorities === undefined || (policy.verifyTimestamp === 'afterCertExpiry' && !expired)) {
    complain(validityProblem(chain, now, now), 'now');
    return undefined;
  }
  if (envelope.timestamp === undefined)
    throw new Malformed('it carries no timestamp, and the trust policy demands one');
  const roots = authorities.map((der) => readCertificate(der, 'a root of the tsa trust stores'));
  const time = verifyTimestamp(envelope.timestamp, envelope.signature, roots);
  if (time.from > now + skew) throw new Malformed('its timestamp is of a time that has not come yet');
  complain(validityProblem(chain, time.from, time.to), 'when it was timestamped');
  // Of a timestamp authority whose key was stolen no time can be believed, whatever the policy says of signers.
  validateRevocation('authenticTimestamp', time.chain, policy, now);
  return time.to;
}

function validateRevocation(
  step: NotationStep,
  chain: readonly Certificate[],
  policy: NotationPolicy,
  now: number,
): void {
  const answer = revocationOf(chain, policy.revocationLists, now);
  if (answer.kind === 'good') return;
  if (answer.kind === 'revoked') throw new Refusal('revoked', step, answer.detail);
  throw new Refusal('not-evaluated', step, answer.detail, answer.mend);
}
