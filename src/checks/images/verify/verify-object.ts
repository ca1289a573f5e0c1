import type { JsonObject } from '../../../core/json.ts';
import type { KeyAuthority, KeylessAuthority } from '../policy/model.ts';
import { ageProblem, provedTime } from './age.ts';
import { demandClaim, demandForm, type Wanted } from './claim.ts';
import { Malformed } from './json.ts';
import { demandBinding, type LoggedKey } from './log-entry.ts';
import type { SignedObject } from './material.ts';
import { Refusal, type Why } from './refusal.ts';
import { isSignedContent, loadEd25519ph } from './signature.ts';
import { type SignedContent, signedContentOf } from './signed-content.ts';
import type { CertificateSigner, Proven, TrustedEvidence, TrustedTime } from './sigstore.ts';

export type { Claim, Wanted } from './claim.ts';
export { REJECTIONS, type Why } from './refusal.ts';
export type { CertificateSigner, TrustedTime } from './sigstore.ts';

/** Not exported: no other module can make a verified value, whatever it found or was told. */
const verified: unique symbol = Symbol('verified');

/** What one object came to, judged by one authority. */
export type Verification = VerifiedObject | RejectedObject;

export interface VerifiedObject {
  readonly [verified]: true;
  readonly kind: 'verified';
  readonly signer: Signer;
  /** When it was signed, as far as the policy asks; empty for a key whose signatures need no time. */
  readonly times: readonly TrustedTime[];
  /** What was attested, whole; undefined for simple signing and for blobs. */
  readonly statement: JsonObject | undefined;
  /** The signed bytes; undefined for a blob that is elsewhere. */
  readonly payload: Uint8Array | undefined;
  readonly source: string;
}

export interface RejectedObject {
  readonly kind: 'rejected';
  readonly why: Why;
  /** At which of the steps of `verifyObject`. */
  readonly step: Step;
  /** A clause for people, of escaped text. */
  readonly detail: string;
  readonly source: string;
}

export type Signer = CertificateSigner | { readonly kind: 'key'; readonly fingerprint: string };

/** The tenth, what a statement must say, is judged by content policies, and the first began when the object was read. */
export type Step = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 11 | 12;

type CertainAuthority = KeyAuthority | KeylessAuthority;
type Library = typeof import('./sigstore.ts');
let library: Library | undefined;

/**
 * Loads what judging by these authorities needs, and reads their trust roots. To be awaited once before
 * `verifyObject`, which never waits. Throws IMAGE_TRUST_ROOT_INVALID for a root that cannot be used.
 */
export async function prepare(authorities: readonly { readonly kind: string }[]): Promise<void> {
  const certain = authorities.filter(isCertain);
  const sigstore = certain.filter(needsLibrary);
  if (sigstore.some(({ kind }) => kind === 'keyless') || certain.some(isOfEd25519)) await loadEd25519ph();
  if (sigstore.length === 0) return;
  library ??= await import('./sigstore.ts');
  for (const authority of sigstore) library.readTrustRoots(authority);
}

function isCertain(authority: { readonly kind: string }): authority is CertainAuthority {
  return authority.kind === 'key' || authority.kind === 'keyless';
}

function needsLibrary(authority: CertainAuthority): boolean {
  return (
    authority.kind === 'keyless' || authority.log.demand === 'required' || authority.timestamp.demand === 'required'
  );
}

function isOfEd25519(authority: CertainAuthority): boolean {
  return authority.kind === 'key' && authority.key.kind === 'ed25519';
}

/**
 * Judges one object by one authority. Pure and synchronous: no I/O, no clock but `now` (milliseconds), and no answer
 * but verified or why not. Whatever throws on the way, foreseen or not, is a rejection.
 */
export function verifyObject(
  object: SignedObject,
  authority: CertainAuthority,
  wanted: Wanted,
  now: number,
): Verification {
  let step: Step = 1;
  try {
    // 1. The shape of the object was held to its limits when it was read; here, that it is of a form that can count.
    demandForm(object, wanted.claim, authority.format);
    const content = contentOf(object, wanted);

    step = 2; // A key authority takes keys, a keyless one certificates; neither can be passed off as the other.
    demandMaterial(object, authority);

    step = 3; // Log entries and timestamps of those alone that the policy trusts.
    const evidence = needsLibrary(authority) ? loaded().keepTrusted(object, authority) : undefined;

    step = 4; // A managed key is checked here, with the hash of the policy, and not by the library.
    if (authority.kind === 'key') demandSignature(object, content, authority, evidence === undefined ? now : undefined);

    step = 5; // The library: certificate chain and its log, log entries, timestamps, the signature; any throw denies.
    const proven = evidence && loaded().prove(object, content, authority, evidence, now);

    step = 6; // Each log entry is about this signature, this content and this very key.
    for (const entry of evidence?.entries ?? []) demandBinding(entry, object, content, loggedKey(object, authority));

    step = 7; // A certificate is for signing code, and says nothing critical that nobody looked at.
    if (authority.kind === 'keyless') loaded().demandCodeSigning(leafOf(proven));

    step = 8; // Who signed: one whole pair of the policy.
    const signer = signerOf(object, authority, proven);

    step = 9; // What was signed: this type of statement, about this digest, with these annotations.
    const statement = demandClaim(object, wanted, authority);

    step = 11; // Enough different logs and timestamp authorities, each counted once.
    demandThresholds(authority, evidence, proven);

    step = 12; // Not too long ago: an old image stays signed, and a tag can be moved back to it.
    const times = proven?.times ?? [];
    const problem =
      authority.maxAgeDays === undefined ? undefined : ageProblem(provedTime(times), authority.maxAgeDays, now);
    if (problem !== undefined) throw new Refusal(problem.why, problem.detail);

    const payload = object.format === 'message' ? undefined : object.payload;
    return { [verified]: true, kind: 'verified', signer, times, statement, payload, source: object.source };
  } catch (error) {
    return { kind: 'rejected', ...reasonOf(error), step, source: object.source };
  }
}

function contentOf(object: SignedObject, { claim }: Wanted): SignedContent {
  return signedContentOf(object, claim.kind === 'artifact' ? claim.artifact : undefined);
}

function demandMaterial({ material }: SignedObject, authority: CertainAuthority): void {
  if (authority.kind === 'key' && material.kind !== 'key')
    throw new Refusal('certificate', 'it is signed with a certificate, and the policy names a key');
  if (authority.kind === 'keyless' && material.kind !== 'certificate')
    throw new Refusal('bare-key', 'it is signed with a bare key, and the policy asks for a certificate');
}

/** `now` is given where no other time will be known, and the key must count then. */
function demandSignature(
  object: SignedObject,
  content: SignedContent,
  authority: KeyAuthority,
  now: number | undefined,
): void {
  if (!isSignedContent(authority.key, content, object.signature)) {
    // The hint is unsigned: it may name a suspect, never clear one.
    const isNamed = object.material.kind === 'key' && object.material.hint === authority.key.fingerprint;
    throw isNamed
      ? new Refusal('altered', 'it names the key of the policy and does not verify with it')
      : new Refusal('other-key', 'it does not verify with the key of the policy');
  }
  const { start, end } = authority.validFor ?? {};
  if (now !== undefined && ((start ?? now) > now || (end ?? now) < now))
    throw new Refusal('time', 'the key of the policy does not count now');
}

function leafOf(proven: Proven | undefined) {
  if (proven?.leaf === undefined) throw new Refusal('bare-key', 'it has no certificate that was proven');
  return proven.leaf;
}

function signerOf({ material }: SignedObject, authority: CertainAuthority, proven: Proven | undefined): Signer {
  if (authority.kind === 'key') return { kind: 'key', fingerprint: authority.key.fingerprint };
  if (material.kind !== 'certificate') throw new Refusal('bare-key', 'it has no certificate');
  const signer = loaded().readSigner(leafOf(proven), material.leaf);
  loaded().demandIdentity(signer, authority.identities);
  return signer;
}

function loggedKey({ material }: SignedObject, authority: CertainAuthority): LoggedKey {
  if (material.kind === 'certificate') return { kind: 'certificate', der: material.leaf };
  if (authority.kind !== 'key') throw new Refusal('bare-key', 'it has no certificate');
  return { kind: 'key', spki: authority.key.key.export({ format: 'der', type: 'spki' }) };
}

function demandThresholds(
  { log, timestamp }: CertainAuthority,
  evidence: TrustedEvidence | undefined,
  proven: Proven | undefined,
): void {
  const logs = log.demand === 'required' ? (log.threshold ?? 1) : 0;
  const stamps = timestamp.demand === 'required' ? (timestamp.threshold ?? 1) : 0;
  if ((proven?.logs ?? 0) < logs)
    throw new Refusal('log', `it is in ${proven?.logs ?? 0} logs that the policy trusts, and ${logs} are asked for`);
  const stamped = evidence === undefined ? 0 : (proven?.timestampAuthorities ?? 0);
  if (stamped < stamps)
    throw new Refusal('timestamp', `${stamped} timestamp authorities vouch for it, and ${stamps} are asked for`);
}

function loaded(): Library {
  if (library === undefined) throw new Error('prepare was not awaited');
  return library;
}

/** What the library throws is told by its class and code: its messages hold text of the object. */
function reasonOf(error: unknown): Pick<RejectedObject, 'why' | 'detail'> {
  if (error instanceof Refusal) return { why: error.why, detail: error.message };
  if (error instanceof Malformed) return { why: 'malformed', detail: error.message };
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'CERTIFICATE_ERROR') return { why: 'untrusted', detail: certificateDetail(error) };
  const said = typeof code === 'string' && Object.hasOwn(libraryReasons, code) ? libraryReasons[code] : undefined;
  if (said !== undefined) return said;
  const name = error instanceof Error ? error.constructor.name : typeof error;
  return { why: 'unverifiable', detail: `verifying it failed (${name.replaceAll(/[^A-Za-z0-9]/g, '').slice(0, 40)})` };
}

/** Of its certificate errors the messages are constants, and the only thing that tells them apart. */
function certificateDetail(error: unknown): string {
  const { message, cause } = error as Error;
  if (/^(?:SCT verification failed|duplicate SCT|expected \d+ SCTs\b)/.test(message))
    return 'its certificate is in no certificate log that the policy trusts';
  if (message !== 'Failed to verify certificate chain') return 'its certificate does not hold';
  if (cause === undefined) return 'no certificate authority of the policy counted when it signed';
  const ended = cause instanceof Error && cause.message === 'certificate is not valid or expired at the specified date';
  return ended
    ? 'its certificate, or that of its authority, was not valid when it signed'
    : 'its certificate leads to no authority that the policy trusts';
}

/** The other codes of @sigstore/verify's VerificationError. */
const libraryReasons: Readonly<Record<string, Pick<RejectedObject, 'why' | 'detail'>>> = {
  TLOG_ERROR: { why: 'log', detail: 'its log entries do not hold' },
  TLOG_BODY_ERROR: { why: 'log', detail: 'its entry in the log is about another signature' },
  TLOG_INCLUSION_PROOF_ERROR: { why: 'untrusted', detail: 'the proof that it is in the log does not hold' },
  TLOG_INCLUSION_PROMISE_ERROR: { why: 'untrusted', detail: 'the promise of its entry in the log does not hold' },
  TLOG_MISSING_INCLUSION_ERROR: { why: 'log', detail: 'its log entry has neither promise nor proof' },
  PUBLIC_KEY_ERROR: { why: 'time', detail: 'the key of the policy did not count when it signed' },
  SIGNATURE_ERROR: { why: 'altered', detail: 'its signature does not hold' },
  TIMESTAMP_ERROR: { why: 'untrusted', detail: 'its timestamp does not hold' },
};
