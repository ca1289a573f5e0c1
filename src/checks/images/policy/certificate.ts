import { createHash, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { GateError } from '../../../core/errors.ts';
import type { JsonValue } from '../../../core/json.ts';
import type { TrustRoot } from './model.ts';
import { asTrustRoot } from './trusted-root.ts';

const maxCertificates = 10;
/** Roots that say nothing about time hold since ever, as in policy-controller; certificates have times of their own. */
const sinceEver = { start: '1970-01-01T00:00:00Z' };
const trustedRootMediaType = 'application/vnd.dev.sigstore.trustedroot+json;version=0.1';

/** The parts of a `trusted_root.json`, as JSON. */
export interface RootParts {
  readonly tlogs: readonly JsonValue[];
  readonly ctlogs: readonly JsonValue[];
  readonly certificateAuthorities: readonly JsonValue[];
  readonly timestampAuthorities: readonly JsonValue[];
}

export function rootOfParts(name: string, parts: RootParts): TrustRoot {
  return asTrustRoot(name, { mediaType: trustedRootMediaType, ...parts });
}

/** The certificates of a PEM text, in its order. Throws IMAGE_TRUST_ROOT_INVALID; a private key among them too. */
export function readCertificates(pem: string): X509Certificate[] {
  const labels = [...pem.matchAll(/-----BEGIN ([A-Z0-9 ]{1,60})-----/g)].map((match) => match[1] ?? '');
  if (labels.some((label) => label.includes('PRIVATE KEY'))) {
    throw new GateError('IMAGE_KEY_PRIVATE', 'a private key stands where a certificate belongs');
  }
  if (labels.length === 0) throw invalid('it holds no PEM certificate');
  const [other] = labels.filter((label) => label !== 'CERTIFICATE');
  if (other !== undefined) throw invalid(`it holds a PEM block of type ${other}, and only certificates belong there`);
  if (labels.length > maxCertificates) throw invalid(`it holds more than ${maxCertificates} certificates`);
  const blocks = [...pem.matchAll(/-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----/g)];
  if (blocks.length !== labels.length) throw invalid('a PEM block of it does not end, or is not base64');
  return blocks.map(([, body = '']) => {
    try {
      return new X509Certificate(Buffer.from(body, 'base64'));
    } catch (error) {
      throw new GateError('IMAGE_TRUST_ROOT_INVALID', 'a PEM block of it does not hold a certificate', {
        cause: error,
      });
    }
  });
}

function isSelfSigned(certificate: X509Certificate): boolean {
  return certificate.subject === certificate.issuer && certificate.verify(certificate.publicKey);
}

/** The root's authorities as one chain for each self-signed certificate: intermediates first, the root last. */
export function authorityChains(certificates: readonly X509Certificate[]): X509Certificate[][] {
  if (certificates.some(({ ca }) => !ca)) throw invalid('a certificate of it is not one of an authority (CA:TRUE)');
  const roots = certificates.filter(isSelfSigned);
  if (roots.length === 0) throw invalid('it holds no self-signed certificate, and a chain ends in one');
  const others = certificates.filter((each) => !roots.includes(each));
  return roots.map((root) => [...others, root]);
}

/** A timestamp authority's chain: its own certificate, then those above it. */
export function timestampChain(certificates: readonly X509Certificate[]): X509Certificate[] {
  const leaves = certificates.filter(({ ca }) => !ca);
  if (leaves.length !== 1)
    throw invalid(`it holds ${leaves.length} certificates that sign timestamps, and needs exactly one`);
  const authorities = certificates.filter(({ ca }) => ca);
  const [chain = [], ...more] = authorityChains(authorities);
  if (more.length > 0) throw invalid('it holds more than one self-signed certificate');
  return [...leaves, ...chain];
}

/** An entry of `certificateAuthorities` or `timestampAuthorities`. */
export function authorityOf(
  chain: readonly X509Certificate[],
  uri: string,
  subject: { readonly organization: string; readonly commonName: string },
): JsonValue {
  return {
    subject: { organization: subject.organization, commonName: subject.commonName },
    uri,
    certChain: { certificates: chain.map(({ raw }) => ({ rawBytes: raw.toString('base64') })) },
    validFor: sinceEver,
  };
}

/** An entry of `tlogs` or `ctlogs`, with the id that entries of the log carry computed from its key. */
export function logOf(baseUrl: string, pem: string): JsonValue {
  const key = readPublicKey(pem);
  const spki = key.export({ format: 'der', type: 'spki' });
  return {
    baseUrl,
    hashAlgorithm: 'SHA2_256',
    publicKey: { rawBytes: spki.toString('base64'), keyDetails: keyDetailsOf(key), validFor: sinceEver },
    logId: { keyId: logIdOf(key, spki, baseUrl).toString('base64') },
  };
}

function readPublicKey(pem: string): KeyObject {
  if (pem.includes('PRIVATE KEY')) {
    throw new GateError('IMAGE_KEY_PRIVATE', 'a private key stands where a public key belongs');
  }
  const blocks = [...pem.matchAll(/-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----/g)];
  const [, body] = blocks[0] ?? [];
  if (body === undefined || blocks.length > 1) throw invalid('it is not one PEM public key');
  try {
    return createPublicKey({ key: Buffer.from(body, 'base64'), format: 'der', type: 'spki' });
  } catch (error) {
    throw new GateError('IMAGE_TRUST_ROOT_INVALID', 'its PEM block does not hold a public key', { cause: error });
  }
}

function keyDetailsOf(key: KeyObject): string {
  const details = key.asymmetricKeyDetails;
  const bits = details?.modulusLength ?? 0;
  switch (key.asymmetricKeyType) {
    case 'ed25519':
      return 'PKIX_ED25519';
    case 'ec':
      if (details?.namedCurve === 'prime256v1') return 'PKIX_ECDSA_P256_SHA_256';
      if (details?.namedCurve === 'secp384r1') return 'PKIX_ECDSA_P384_SHA_384';
      if (details?.namedCurve === 'secp521r1') return 'PKIX_ECDSA_P521_SHA_512';
      throw invalid(`its curve ${details?.namedCurve ?? 'unnamed'} is not P-256, P-384 or P-521`);
    case 'rsa':
      // policy-controller's spelling; it says which key this is, the padding of logs is the log's own.
      if (bits === 2048 || bits === 3072 || bits === 4096) return `PKIX_RSA_PSS_${bits}_SHA256`;
      throw invalid(`an RSA key of ${bits} bits is not one of 2048, 3072 or 4096`);
    default:
      throw invalid(`a key of type ${key.asymmetricKeyType ?? 'unknown'} is not ECDSA, RSA or Ed25519`);
  }
}

/**
 * RFC 6962 and Rekor v1: sha256 of the key. A log with an Ed25519 key is one of Rekor v2, whose id is that of its
 * checkpoints (C2SP signed-note): sha256 over origin, line feed, 0x01 and key; the origin is the URL without scheme.
 */
function logIdOf(key: KeyObject, spki: Buffer, baseUrl: string): Buffer {
  if (key.asymmetricKeyType !== 'ed25519') return createHash('sha256').update(spki).digest();
  const origin = baseUrl.replace(/^https?:\/\//, '').replace(/\/$/, '');
  return createHash('sha256').update(`${origin}\n\u0001`).update(spki.subarray(-32)).digest();
}

/**
 * The root that a `ca-cert` makes: its certificates say who may certify; logs and timestamp authorities are those of
 * `named`, if there is one.
 */
export function rootOfCertificates(name: string, pem: string, named: TrustRoot | undefined): TrustRoot {
  const chains = authorityChains(readCertificates(pem));
  const from = (part: keyof RootParts): readonly JsonValue[] => partOf(named, part);
  return rootOfParts(name, {
    tlogs: from('tlogs'),
    ctlogs: from('ctlogs'),
    certificateAuthorities: chains.map((chain) => authorityOf(chain, '', { organization: '', commonName: '' })),
    timestampAuthorities: from('timestampAuthorities'),
  });
}

/** One part of a root; empty where it has none. */
export function partOf(root: TrustRoot | undefined, part: keyof RootParts): readonly JsonValue[] {
  const json = root?.json;
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return [];
  const found = (json as { readonly [key: string]: JsonValue })[part];
  return Array.isArray(found) ? found : [];
}

function invalid(why: string): GateError {
  return new GateError('IMAGE_TRUST_ROOT_INVALID', why);
}
