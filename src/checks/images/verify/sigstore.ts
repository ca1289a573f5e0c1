import { type KeyObject, verify } from 'node:crypto';
import { type ASN1Obj, EXTENSION_OID_SCT, RFC3161Timestamp, X509Certificate } from '@sigstore/core';
import { type SignedEntity, Verifier } from '@sigstore/verify';
import { GateError } from '../../../core/errors.ts';
import { asPolicyKey } from '../policy/key.ts';
import type { KeyAuthority, KeylessAuthority } from '../policy/model.ts';
import { type CertificateSigner, demandCodeSigning, readSigner } from './certificate.ts';
import { demandShortNumbers } from './der-bounds.ts';
import { demandIdentity } from './identity.ts';
import { withIntermediates } from './intermediates.ts';
import { Malformed } from './json.ts';
import { hasOwnTime, isKnownToLibrary } from './log-entry.ts';
import type { LogEntry, Material, SignedObject } from './material.ts';
import { Refusal } from './refusal.ts';
import { isSignedContent } from './signature.ts';
import { isDigestOf, type SignedContent, sameBytes } from './signed-content.ts';
import { parseCertificate, type RootMaterial, rootMaterial, type TransparencyLog } from './trust-material.ts';

/**
 * The part of verification that needs the libraries of Sigstore: certificates, logs and timestamps. Loaded by
 * `prepare` alone, because a managed key without a log needs none of it and loading it takes longer than checking.
 */

export type { CertificateSigner };
export { demandCodeSigning, demandIdentity, readSigner };

/** The evidence of an object that trusted logs and authorities could have made; the rest says nothing. */
export interface TrustedEvidence {
  readonly entries: readonly LogEntry[];
  readonly timestamps: readonly Stamp[];
  readonly roots: EvidenceRoots;
}

interface Stamp {
  readonly parsed: RFC3161Timestamp;
  readonly authority: string;
}

interface EvidenceRoots {
  readonly logs: readonly TransparencyLog[];
  readonly timestampAuthorities: RootMaterial['timestampAuthorities'];
}

/** A moment that somebody trusted vouches for, in milliseconds. `clock` is now, where nothing else is asked for. */
export interface TrustedTime {
  readonly at: number;
  readonly by: 'log' | 'timestamp-authority' | 'clock';
}

/** What the proofs came to. */
export interface Proven {
  readonly times: readonly TrustedTime[];
  readonly logs: number;
  readonly timestampAuthorities: number;
  /** The certificate that signed; undefined for a bare key. */
  readonly leaf: X509Certificate | undefined;
}

/** Reads a root so that one which cannot be used is known before anything is judged by it. Throws IMAGE_TRUST_ROOT_INVALID. */
export function readTrustRoots(authority: KeyAuthority | KeylessAuthority): void {
  evidenceRoots(authority);
  if (authority.kind === 'keyless') rootMaterial(authority.roots);
}

/**
 * Timestamps of the roots that the policy asks for them, or, where a log is asked for, of the log's and the
 * certificate's roots: entries of Rekor v2 have no time of their own.
 */
function evidenceRoots(authority: KeyAuthority | KeylessAuthority): EvidenceRoots {
  const { log, timestamp } = authority;
  const logRoot = log.demand === 'required' ? rootMaterial(log.roots) : undefined;
  const stampRoots =
    timestamp.demand === 'required'
      ? [rootMaterial(timestamp.roots)]
      : logRoot === undefined
        ? []
        : [...new Set([logRoot, ...(authority.kind === 'keyless' ? [rootMaterial(authority.roots)] : [])])];
  return {
    logs: logRoot?.tlogs ?? [],
    timestampAuthorities: stampRoots.flatMap((root) => root.timestampAuthorities),
  };
}

/**
 * Drops the entries of logs and the timestamps of authorities that are not trusted: the library would refuse the whole
 * object for one of them. What claims to be of a trusted one stays, and must hold.
 */
export function keepTrusted(object: SignedObject, authority: KeyAuthority | KeylessAuthority): TrustedEvidence {
  const roots = evidenceRoots(authority);
  const entries = object.entries.filter(({ logId }) => roots.logs.some((log) => sameBytes(log.logID, logId)));
  const stamps = new Map<string, Stamp>();
  if (roots.timestampAuthorities.length > 0) {
    for (const der of object.timestamps) {
      const parsed = parseTimestamp(der);
      const { signerSerialNumber: serial, signerIssuer: issuer } = parsed;
      const trusted = roots.timestampAuthorities.some(
        ({ certChain: [leaf] }) => leaf && sameBytes(leaf.serialNumber, serial) && sameBytes(leaf.issuer, issuer),
      );
      if (!trusted) continue;
      const name = `${serial.toString('hex')} ${issuer.toString('hex')}`;
      // Two of one authority and one moment are one.
      stamps.set(`${name} ${parsed.signingTime.getTime()}`, { parsed, authority: name });
    }
  }
  return { entries, timestamps: [...stamps.values()], roots };
}

function parseTimestamp(der: Uint8Array): RFC3161Timestamp {
  try {
    const parsed = RFC3161Timestamp.parse(Buffer.from(der));
    demandShortNumbers(parsed.root, 'its timestamp');
    if (parsed.status !== 0n && parsed.status !== 1n) throw new Malformed('its timestamp was not granted');
    if (Number.isNaN(parsed.signingTime.getTime())) throw new Malformed('its timestamp has no time');
    return parsed;
  } catch (error) {
    if (error instanceof Malformed) throw error;
    throw new Malformed('its timestamp cannot be read');
  }
}

/**
 * Proves certificate, log entries and timestamps, and the signature with them. Returns the times that the certificate
 * or key was judged at, each of which it must have been valid at. Throws Refusal for evidence that is asked for and
 * missing, and whatever the library throws.
 */
export function prove(
  object: SignedObject,
  content: SignedContent,
  authority: KeyAuthority | KeylessAuthority,
  evidence: TrustedEvidence,
  now: number,
): Proven {
  const { log, timestamp } = authority;
  if (log.demand === 'required' && evidence.entries.length === 0)
    throw new Refusal('log', 'it has no entry of a transparency log that the policy trusts');
  if (timestamp.demand === 'required' && evidence.timestamps.length === 0)
    throw new Refusal('timestamp', 'it has no timestamp of an authority that the policy trusts');
  const times: TrustedTime[] = [
    ...evidence.entries.filter(hasOwnTime).map((entry) => ({ at: entry.integratedTime * 1000, by: 'log' as const })),
    ...evidence.timestamps.map(({ parsed }) => ({
      at: parsed.signingTime.getTime(),
      by: 'timestamp-authority' as const,
    })),
  ];
  const isAsked = log.demand === 'required' || timestamp.demand === 'required';
  if (times.length === 0 && isAsked && authority.kind === 'keyless')
    throw new Refusal('time', 'nothing that the policy trusts says when it was signed');
  if (times.length === 0) times.push({ at: now, by: 'clock' });

  const known = evidence.entries.filter(isKnownToLibrary);
  for (const entry of evidence.entries) if (!known.includes(entry)) demandPromise(entry, evidence.roots.logs);
  for (const entry of evidence.entries) demandLogValidity(entry, evidence.roots.logs, times);
  demandNoRoot(object);
  const leaf = leafOf(object.material, authority);
  const entity: SignedEntity = {
    // The hint is whatever the object says; the key is that of the policy.
    key: leaf === undefined ? { $case: 'public-key', hint: '' } : { $case: 'certificate', certificate: leaf },
    signature: signatureContent(object, content, authority.kind === 'key' ? authority.key : undefined),
    tlogEntries: known.map(asLibraryEntry),
    timestamps: [
      ...evidence.timestamps.map(({ parsed }) => ({ $case: 'timestamp-authority' as const, timestamp: parsed })),
      ...uniqueClaims(evidence.entries.filter(hasOwnTime)),
      ...(times[0]?.by === 'clock' ? [clockClaim(now)] : []),
    ],
  };
  const verifier = new Verifier(
    {
      tlogs: [...evidence.roots.logs],
      timestampAuthorities: evidence.roots.timestampAuthorities,
      ctlogs: authority.kind === 'keyless' ? rootMaterial(authority.roots).ctlogs : [],
      certificateAuthorities: certificateAuthorities(object.material, authority),
      publicKey: () => managedKey(authority),
    },
    {
      tlogThreshold: known.length,
      timestampThreshold: 1,
      ctlogThreshold: authority.kind === 'keyless' && authority.sct === 'required' ? 1 : 0,
    },
  );
  verifier.verify(entity);
  return {
    times,
    logs: new Set(evidence.entries.map(({ logId }) => Buffer.from(logId).toString('hex'))).size,
    timestampAuthorities: new Set(evidence.timestamps.map(({ authority: name }) => name)).size,
    leaf,
  };
}

/** Bundles may bring intermediates and never a root, which nobody may trust for having been brought. */
function demandNoRoot({ family, material }: SignedObject): void {
  if (family !== 'bundle' || material.kind !== 'certificate') return;
  if (material.chain.map(parseCertificate).some(({ subject, issuer }) => subject.equals(issuer)))
    throw new Refusal('untrusted', 'its chain brings a root certificate');
}

function leafOf(material: Material, authority: KeyAuthority | KeylessAuthority): X509Certificate | undefined {
  if (material.kind === 'key') return undefined;
  const certificate = parseCertificate(material.leaf);
  const isLogIgnored = authority.kind === 'keyless' && authority.sct === 'ignored';
  return isLogIgnored ? new WithoutLogTimestamps(certificate.root) : certificate;
}

/**
 * A certificate whose SCTs are not looked at, because the policy says so: the library refuses one of a log that it does
 * not know even where none is asked for. It looks for them in a copy, and in nothing else.
 */
class WithoutLogTimestamps extends X509Certificate {
  override clone(): X509Certificate {
    const copy = super.clone();
    const at = copy.extensions.findIndex(({ subs: [oid] }: ASN1Obj) => oid?.toOID() === EXTENSION_OID_SCT);
    if (at >= 0) copy.extensions.splice(at, 1);
    return copy;
  }
}

function certificateAuthorities(material: Material, authority: KeyAuthority | KeylessAuthority) {
  if (authority.kind === 'key' || material.kind === 'key') return [];
  return rootMaterial(authority.roots).certificateAuthorities.map((each) => withIntermediates(each, material.chain));
}

function managedKey(authority: KeyAuthority | KeylessAuthority) {
  if (authority.kind !== 'key')
    throw new Refusal('bare-key', 'it is signed with a key, and the policy asks for identities');
  return { publicKey: authority.key.key, validFor: (date: Date) => isKeyValid(authority, date.getTime()) };
}

/** Whether the policy lets its key count at that time. */
export function isKeyValid({ validFor }: KeyAuthority, at: number): boolean {
  return (validFor?.start ?? Number.NEGATIVE_INFINITY) <= at && at <= (validFor?.end ?? Number.POSITIVE_INFINITY);
}

/** The content for the library to compare with. Timestamps of a legacy attestation are over the envelope as stored. */
function signatureContent(
  object: SignedObject,
  content: SignedContent,
  key: KeyAuthority['key'] | undefined,
): SignedEntity['signature'] {
  const stamped = object.format === 'dsse' && object.envelope !== undefined ? object.envelope : object.signature;
  const compared: SignedContent = object.format === 'dsse' ? { kind: 'bytes', bytes: object.payload } : content;
  return {
    signature: Buffer.from(stamped),
    compareSignature: (signature) => sameBytes(signature, object.signature),
    compareDigest: (digest) => isDigestOf(compared, digest),
    compareSignedDigest: (digest) => isDigestOf(content, digest),
    verifySignature: (signer: KeyObject) => isSignedContent(key ?? certifiedKey(signer), content, object.signature),
  };
}

/** The key of a certificate, of the kinds and sizes that a managed key may have. */
function certifiedKey(signer: KeyObject): KeyAuthority['key'] {
  try {
    return asPolicyKey(signer);
  } catch (error) {
    if (error instanceof GateError) throw new Refusal('usage', `its certificate cannot be used: ${error.message}`);
    throw error;
  }
}

type LibraryEntry = SignedEntity['tlogEntries'][number];

function asLibraryEntry(entry: LogEntry): LibraryEntry {
  const { promise, proof } = entry;
  return {
    logIndex: String(entry.logIndex),
    logId: { keyId: Buffer.from(entry.logId) },
    kindVersion: { kind: entry.kind, version: entry.version },
    integratedTime: String(entry.integratedTime),
    inclusionPromise: promise === undefined ? undefined : { signedEntryTimestamp: Buffer.from(promise) },
    inclusionProof:
      proof === undefined
        ? undefined
        : {
            logIndex: String(proof.logIndex),
            rootHash: Buffer.from(proof.rootHash),
            treeSize: String(proof.treeSize),
            hashes: proof.hashes.map((hash) => Buffer.from(hash)),
            checkpoint: { envelope: proof.checkpoint },
          },
    canonicalizedBody: Buffer.from(entry.body),
  };
}

type TimeClaim = SignedEntity['timestamps'][number];

/** The library takes the time of an entry as given, and proves the entry apart: for it, or here by `demandPromise`. */
function uniqueClaims(entries: readonly LogEntry[]): TimeClaim[] {
  const seen = new Map<string, LogEntry>();
  for (const entry of entries) seen.set(`${Buffer.from(entry.logId).toString('hex')} ${entry.integratedTime}`, entry);
  return [...seen.values()].map((entry) => ({ $case: 'transparency-log', tlogEntry: asLibraryEntry(entry) }));
}

function clockClaim(now: number): TimeClaim {
  const none = new Uint8Array();
  const integratedTime = Math.floor(now / 1000);
  const entry = {
    kind: 'clock',
    version: '',
    logId: none,
    logIndex: 0,
    integratedTime,
    promise: none,
    proof: undefined,
  };
  return { $case: 'transparency-log', tlogEntry: asLibraryEntry({ ...entry, body: none }) };
}

/** The signed entry timestamp of Rekor v1, for the kinds that the library does not read. */
function demandPromise(entry: LogEntry, logs: readonly TransparencyLog[]): void {
  const { promise } = entry;
  if (promise === undefined)
    throw new Refusal('log', `its entry in the log is of kind ${entry.kind} ${entry.version}, and has no promise`);
  const signed = JSON.stringify({
    body: Buffer.from(entry.body).toString('base64'),
    integratedTime: entry.integratedTime,
    logID: Buffer.from(entry.logId).toString('hex'),
    logIndex: entry.logIndex,
  });
  const holds = logs.some(
    (log) =>
      sameBytes(log.logID, entry.logId) &&
      isWithin(log, entry.integratedTime * 1000) &&
      verify(
        log.publicKey.asymmetricKeyType === 'ed25519' ? null : 'sha256',
        Buffer.from(signed),
        log.publicKey,
        promise,
      ),
  );
  if (!holds) throw new Refusal('untrusted', 'the promise of its entry in the log does not hold');
}

/** The library compares the validity of a log's key with promises only; an entry with a proof alone has other times. */
function demandLogValidity(entry: LogEntry, logs: readonly TransparencyLog[], times: readonly TrustedTime[]): void {
  if (hasOwnTime(entry)) return;
  const own = logs.filter((log) => sameBytes(log.logID, entry.logId));
  if (!times.every(({ at }) => own.some((log) => isWithin(log, at))))
    throw new Refusal('log', 'the key of its log did not count at the time of the signature');
}

function isWithin({ validFor }: TransparencyLog, at: number): boolean {
  return validFor.start.getTime() <= at && at <= validFor.end.getTime();
}
