import { type KeyObject, X509Certificate } from 'node:crypto';
import { Malformed } from '../verify/json.ts';
import { type Element, readDer, tags } from './der.ts';
import { type Algorithm, maxCertificateBytes } from './model.ts';

/** An X.509 certificate that was read. Nothing in it is verified. */
export interface Certificate {
  readonly der: Buffer;
  readonly publicKey: KeyObject;
  /** DER of the names: they are the same where the bytes are. */
  readonly subject: Buffer;
  readonly issuer: Buffer;
  /** For messages: `CN=signer,O=acme`. */
  readonly shown: string;
  /** Hex, as it stands in DER. */
  readonly serial: string;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly extensions: ReadonlyMap<string, Extension>;
  readonly signatureAlgorithm: string;
  /** Whether its signature verifies with this key. */
  isSignedWith(key: KeyObject): boolean;
}

interface Extension {
  readonly critical: boolean;
  readonly value: Buffer;
}

export const oids = {
  keyUsage: '2.5.29.15',
  basicConstraints: '2.5.29.19',
  extendedKeyUsage: '2.5.29.37',
  distributionPoints: '2.5.29.31',
  freshestList: '2.5.29.46',
  authorityInformation: '1.3.6.1.5.5.7.1.1',
} as const;

/** Critical extensions that are understood, or that narrow nothing which is asked here (names, policies). */
const understood = new Set<string>([
  oids.keyUsage,
  oids.basicConstraints,
  oids.extendedKeyUsage,
  oids.distributionPoints,
  '2.5.29.14', // subjectKeyIdentifier
  '2.5.29.35', // authorityKeyIdentifier
  '2.5.29.17', // subjectAltName
  '2.5.29.32', // certificatePolicies
]);

/** Signatures over SHA-2. Whoever can make two certificates with one SHA-1 or MD5 hash has a CA sign another one. */
const safeSignatures = new Set([
  '1.2.840.113549.1.1.11', // sha256WithRSAEncryption
  '1.2.840.113549.1.1.12',
  '1.2.840.113549.1.1.13',
  '1.2.840.113549.1.1.10', // RSASSA-PSS
  '1.2.840.10045.4.3.2', // ecdsa-with-SHA256
  '1.2.840.10045.4.3.3',
  '1.2.840.10045.4.3.4',
  '1.3.101.112', // Ed25519
]);

/** Throws Malformed for what is no certificate, or one with an extension twice, or with a critical one that is unknown. */
export function readCertificate(der: Uint8Array, what: string): Certificate {
  if (der.length > maxCertificateBytes) throw new Malformed(`${what} has more than ${maxCertificateBytes} bytes`);
  const bytes = Buffer.from(der);
  const root = readDer(bytes, what).expect(tags.sequence);
  const body = root.child(0, tags.sequence);
  // A version, which is left out in certificates of version 1; those know no extensions.
  const at = body.child(0).tag === 0xa0 ? 1 : 0;
  const validity = body.child(at + 3, tags.sequence);
  const extensions = readExtensions(body.children.find((each) => each.tag === 0xa3)?.child(0, tags.sequence), what);
  for (const [oid, { critical }] of extensions) {
    if (critical && !understood.has(oid))
      throw new Malformed(`${what} has the critical extension ${oid}, which is not evaluated`);
  }
  const signatureAlgorithm = root.child(1, tags.sequence).child(0).oid();
  const { x509, publicKey } = openWithOpenssl(bytes, what);
  return {
    der: bytes,
    publicKey,
    issuer: body.child(at + 2, tags.sequence).bytes,
    subject: body.child(at + 4, tags.sequence).bytes,
    shown: shownName(x509.subject),
    serial: body.child(at, 0x02).value.toString('hex'),
    notBefore: validity.child(0).time(),
    notAfter: validity.child(1).time(),
    extensions,
    signatureAlgorithm,
    isSignedWith(key) {
      if (!safeSignatures.has(signatureAlgorithm)) return false;
      try {
        return x509.verify(key);
      } catch {
        return false;
      }
    },
  };
}

function openWithOpenssl(der: Buffer, what: string): { x509: X509Certificate; publicKey: KeyObject } {
  try {
    const x509 = new X509Certificate(der);
    return { x509, publicKey: x509.publicKey };
  } catch {
    throw new Malformed(`${what} is not an X.509 certificate with a key that can be used`);
  }
}

function readExtensions(list: Element | undefined, what: string): Map<string, Extension> {
  const extensions = new Map<string, Extension>();
  for (const each of list?.children ?? []) {
    const fields = each.expect(tags.sequence).children;
    const oid = each.child(0).oid();
    if (extensions.has(oid)) throw new Malformed(`${what} has the extension ${oid} twice`);
    extensions.set(oid, {
      critical: fields.length === 3 && each.child(1).boolean(),
      value: each.child(fields.length - 1, tags.octetString).value,
    });
  }
  return extensions;
}

/** One line, without anything that could break it. */
function shownName(subject: string | undefined): string {
  const text = (subject ?? '').replaceAll('\n', ',').replaceAll(/[^\u0020-\u007e]/g, '?');
  return text === '' ? 'without a name' : text.slice(0, 200);
}

/** Which uses the key has, by the bits of RFC 5280 §4.2.1.3; undefined where the certificate does not say. */
export function keyUsageOf(certificate: Certificate): readonly number[] | undefined {
  const extension = certificate.extensions.get(oids.keyUsage);
  return extension === undefined ? undefined : readDer(extension.value, 'a key usage').bits();
}

export function extendedKeyUsagesOf(certificate: Certificate): readonly string[] {
  const extension = certificate.extensions.get(oids.extendedKeyUsage);
  if (extension === undefined) return [];
  return readDer(extension.value, 'an extended key usage').children.map((each) => each.oid());
}

export function basicConstraintsOf(
  certificate: Certificate,
): { critical: boolean; authority: boolean; pathLength: number | undefined } | undefined {
  const extension = certificate.extensions.get(oids.basicConstraints);
  if (extension === undefined) return undefined;
  const fields = readDer(extension.value, 'a basic constraint').expect(tags.sequence).children;
  const [first, ...rest] = fields;
  const authority = first?.tag === 0x01 ? first.boolean() : false;
  const length = first?.tag === 0x01 ? rest[0] : first;
  return {
    critical: extension.critical,
    authority,
    pathLength: length === undefined ? undefined : Number(length.integer()),
  };
}

/** The one algorithm that a key may sign with (signature-specification.md, Algorithm Selection); undefined for any other key. */
export function algorithmOf(key: KeyObject): Algorithm | undefined {
  const details = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa') {
    switch (details.modulusLength) {
      case 2048:
        return 'PS256';
      case 3072:
        return 'PS384';
      case 4096:
        return 'PS512';
    }
  }
  if (key.asymmetricKeyType === 'ec') {
    switch (details.namedCurve) {
      case 'prime256v1':
        return 'ES256';
      case 'secp384r1':
        return 'ES384';
      case 'secp521r1':
        return 'ES512';
    }
  }
  return undefined;
}

/** Whether a CA's key is as strong as the specification asks: RSA of 2048 bits, an elliptic curve of 256. */
export function isStrong(key: KeyObject): boolean {
  const details = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa' || key.asymmetricKeyType === 'rsa-pss')
    return (details.modulusLength ?? 0) >= 2048;
  if (key.asymmetricKeyType === 'ec') {
    return ['prime256v1', 'secp384r1', 'secp521r1'].includes(details.namedCurve ?? '');
  }
  return key.asymmetricKeyType === 'ed25519';
}

/** Whether the issuer's name and key are those that the certificate was issued with. */
export function isIssuedBy(certificate: Certificate, issuer: Certificate): boolean {
  return certificate.issuer.equals(issuer.subject) && certificate.isSignedWith(issuer.publicKey);
}
