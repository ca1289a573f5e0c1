/** The bodies of log entries of every kind that clients wrote, and what names the signer beside a signature. */
import { createHash } from 'node:crypto';
import { type Certified, type KeyPair, pemOf, spkiOf } from './certificates.ts';
import { inTotoType, preAuthEncoding } from './statements.ts';
import { canonical, type LogEntry } from './transparency-log.ts';

/** Who signs: by a certificate, or by a bare key. */
export type Signer = Certified | KeyPair;

export type EntryKind = 'hashedrekord' | 'dsse' | 'intoto-0.0.1' | 'intoto-0.0.2' | 'hashedrekord-0.0.2';

/** What is written into a log entry. */
export interface Told {
  /** Payload of the envelope, or the signed bytes. */
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
  /** PEM of the certificate or public key. */
  readonly verifier: Signer;
  /** For kinds that bind the envelope as a whole. */
  readonly envelope: Uint8Array;
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();
const base64 = (bytes: Uint8Array | string) => Buffer.from(bytes).toString('base64');

/** The body of an entry; `payloadType` is undefined for bytes that are signed as they are. */
export function entryBody(kind: EntryKind, told: Told, payloadType: string | undefined): object {
  const { payload, signature, verifier, envelope } = told;
  const signed = payloadType === undefined ? Buffer.from(payload) : preAuthEncoding(payloadType, payload);
  const hash = (bytes: Uint8Array) => ({ algorithm: 'sha256', value: sha256(bytes).toString('hex') });
  const pem = base64(verifierPem(verifier));
  switch (kind) {
    case 'hashedrekord':
      return {
        apiVersion: '0.0.1',
        kind: 'hashedrekord',
        spec: { data: { hash: hash(signed) }, signature: { content: base64(signature), publicKey: { content: pem } } },
      };
    case 'dsse':
      return {
        apiVersion: '0.0.1',
        kind: 'dsse',
        spec: {
          envelopeHash: hash(envelope),
          payloadHash: hash(payload),
          signatures: [{ signature: base64(signature), verifier: pem }],
        },
      };
    case 'intoto-0.0.1':
      return { apiVersion: '0.0.1', kind: 'intoto', spec: { content: { hash: hash(envelope) }, publicKey: pem } };
    case 'intoto-0.0.2':
      return {
        apiVersion: '0.0.2',
        kind: 'intoto',
        spec: {
          content: {
            // The signature is base64 of base64 there.
            envelope: {
              payloadType: payloadType ?? inTotoType,
              signatures: [{ publicKey: pem, sig: base64(base64(signature)) }],
            },
            hash: hash(envelope),
            payloadHash: hash(payload),
          },
        },
      };
    case 'hashedrekord-0.0.2':
      return {
        apiVersion: '0.0.2',
        kind: 'hashedrekord',
        spec: {
          hashedRekordV002: {
            data: { algorithm: 'SHA2_256', digest: base64(sha256(signed)) },
            signature: { content: base64(signature), verifier: verifierV2(verifier) },
          },
        },
      };
    default:
      return kind satisfies never;
  }
}

function verifierPem(signer: Signer): string {
  return 'pem' in signer ? signer.pem : pemOf(spkiOf(signer.publicKey), 'PUBLIC KEY');
}

function verifierV2(signer: Signer): object {
  return 'pem' in signer
    ? { keyDetails: keyDetails(signer.keys), x509Certificate: { rawBytes: base64(signer.der) } }
    : { keyDetails: keyDetails(signer), publicKey: { rawBytes: base64(spkiOf(signer.publicKey)) } };
}

function keyDetails({ publicKey }: KeyPair): string {
  if (publicKey.asymmetricKeyType === 'ed25519') return 'PKIX_ED25519';
  if (publicKey.asymmetricKeyType === 'rsa') {
    return `PKIX_RSA_PKCS1V15_${publicKey.asymmetricKeyDetails?.modulusLength ?? 2048}_SHA256`;
  }
  const curve = publicKey.asymmetricKeyDetails?.namedCurve;
  if (curve === 'secp384r1') return 'PKIX_ECDSA_P384_SHA_384';
  return curve === 'secp521r1' ? 'PKIX_ECDSA_P521_SHA_512' : 'PKIX_ECDSA_P256_SHA_256';
}

/** `verificationMaterial` as far as it tells the signer. */
export function bundleMaterial(
  signer: Signer,
  chain: readonly Certified[] | undefined,
  hint: string | undefined,
): object {
  if (!('pem' in signer)) return { publicKey: { hint: hint ?? base64(sha256(spkiOf(signer.publicKey))) } };
  if (chain === undefined) return { certificate: { rawBytes: base64(signer.der) } };
  const certificates = [signer, ...chain].map((each) => ({ rawBytes: base64(each.der) }));
  return { x509CertificateChain: { certificates } };
}

/** The annotations of a legacy layer that tell signer, log entry and timestamp. */
export function legacyMaterial(
  signer: Signer,
  chain: readonly Certified[],
  entry: LogEntry | undefined,
  stamp: Uint8Array | undefined,
): Record<string, string> {
  const annotations: Record<string, string> = {};
  if ('pem' in signer) {
    annotations['dev.sigstore.cosign/certificate'] = signer.pem;
    annotations['dev.sigstore.cosign/chain'] = chain.map(({ pem }) => pem).join('');
  }
  if (entry?.inclusionPromise !== undefined) {
    const Payload = {
      body: entry.canonicalizedBody,
      integratedTime: Number(entry.integratedTime),
      logIndex: Number(entry.logIndex),
      logID: Buffer.from(entry.logId.keyId, 'base64').toString('hex'),
    };
    const { signedEntryTimestamp } = entry.inclusionPromise;
    annotations['dev.sigstore.cosign/bundle'] = canonical({ SignedEntryTimestamp: signedEntryTimestamp, Payload });
  }
  if (stamp !== undefined) {
    annotations['dev.sigstore.cosign/rfc3161timestamp'] = JSON.stringify({ SignedRFC3161Timestamp: base64(stamp) });
  }
  return annotations;
}
