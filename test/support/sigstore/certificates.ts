/** X.509 certificates by our own writer: good ones, and those that an honest authority would never issue. */
import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import * as der from './der.ts';

export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export type KeyType = 'p256' | 'p384' | 'p521' | 'rsa2048' | 'rsa4096' | 'ed25519';

export function keyPair(type: KeyType = 'p256'): KeyPair {
  switch (type) {
    case 'p256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' });
    case 'p384':
      return generateKeyPairSync('ec', { namedCurve: 'P-384' });
    case 'p521':
      return generateKeyPairSync('ec', { namedCurve: 'P-521' });
    case 'rsa2048':
      return generateKeyPairSync('rsa', { modulusLength: 2048 });
    case 'rsa4096':
      return generateKeyPairSync('rsa', { modulusLength: 4096 });
    case 'ed25519':
      return generateKeyPairSync('ed25519');
    default:
      return type satisfies never;
  }
}

/** A certificate and the key it certifies. */
export interface Certified {
  readonly der: Buffer;
  readonly pem: string;
  readonly name: Buffer;
  readonly serial: Buffer;
  readonly keys: KeyPair;
}

export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

export interface Extension {
  readonly oid: string;
  readonly critical?: boolean;
  /** The DER that the extension's OCTET STRING holds. */
  readonly value: Buffer;
}

export interface CertificateRequest {
  readonly commonName: string;
  readonly keys: KeyPair;
  readonly validity: Validity;
  readonly extensions: readonly Extension[];
  /** Undefined: self-signed. */
  readonly issuer?: Certified;
  readonly serial?: number;
}

export const eku = {
  codeSigning: '1.3.6.1.5.5.7.3.3',
  timeStamping: '1.3.6.1.5.5.7.3.8',
  serverAuth: '1.3.6.1.5.5.7.3.1',
} as const;

export function spkiOf(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'spki' });
}

export function pemOf(der: Buffer, label = 'CERTIFICATE'): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** Signs as certificates and timestamps do: ECDSA with SHA-256, RSA PKCS#1 with SHA-256, or Ed25519. */
export function signatureAlgorithm(key: KeyObject): { readonly identifier: Buffer; sign(bytes: Buffer): Buffer } {
  if (key.asymmetricKeyType === 'ed25519') {
    return { identifier: der.sequence(der.oid('1.3.101.112')), sign: (bytes) => sign(undefined, bytes, key) };
  }
  const identifier =
    key.asymmetricKeyType === 'rsa'
      ? der.sequence(der.oid('1.2.840.113549.1.1.11'), der.nothing())
      : der.sequence(der.oid('1.2.840.10045.4.3.2'));
  return { identifier, sign: (bytes) => sign('sha256', bytes, key) };
}

export function issue(request: CertificateRequest): Certified {
  const { keys, validity, issuer } = request;
  const name = der.distinguishedName(request.commonName);
  const signer = signatureAlgorithm((issuer?.keys ?? keys).privateKey);
  const serial = der.integer(request.serial ?? 0x5eed);
  const tbs = der.sequence(
    der.tagged(0, der.integer(2)),
    serial,
    signer.identifier,
    issuer?.name ?? name,
    der.sequence(der.time(validity.notBefore), der.time(validity.notAfter)),
    name,
    spkiOf(keys.publicKey),
    der.tagged(
      3,
      der.sequence(
        ...[...request.extensions, ...keyIdentifiers(keys, issuer?.keys ?? keys)].map(({ oid, critical, value }) =>
          der.sequence(der.oid(oid), ...(critical === true ? [der.boolean(true)] : []), der.octets(value)),
        ),
      ),
    ),
  );
  const bytes = der.sequence(tbs, signer.identifier, der.bits(signer.sign(tbs)));
  return { der: bytes, pem: pemOf(bytes), name, serial, keys };
}

/** Subject and authority key identifiers: SHA-1 of the public key, as everybody makes them. */
function keyIdentifiers(keys: KeyPair, issuer: KeyPair): Extension[] {
  const of = ({ publicKey }: KeyPair) =>
    createHash('sha1')
      .update(spkiOf(createPublicKey(publicKey.export({ format: 'pem', type: 'spki' }))))
      .digest();
  return [
    { oid: '2.5.29.14', value: der.octets(of(keys)) },
    { oid: '2.5.29.35', value: der.sequence(der.implicit(0, of(issuer))) },
  ];
}

/** What makes a certificate an authority. */
export function authorityExtensions(): Extension[] {
  return [
    { oid: '2.5.29.19', critical: true, value: der.sequence(der.boolean(true)) },
    { oid: '2.5.29.15', critical: true, value: der.bits(Buffer.from([0b0000_0110]), 1) },
  ];
}

/** Key usage digitalSignature, and the extended key usages. */
export function leafExtensions(usages: readonly string[], critical = false): Extension[] {
  const keyUsage = { oid: '2.5.29.15', critical: true, value: der.bits(Buffer.from([0b1000_0000]), 7) };
  if (usages.length === 0) return [keyUsage];
  return [keyUsage, { oid: '2.5.29.37', critical, value: der.sequence(...usages.map((usage) => der.oid(usage))) }];
}

/** A name that a certificate is for. */
export type SubjectName =
  | { readonly email: string }
  | { readonly uri: string }
  | { readonly dns: string }
  /** Fulcio's otherName, of a UTF8String. */
  | { readonly other: string };

export function subjectNames(names: readonly SubjectName[]): Extension[] {
  if (names.length === 0) return [];
  const general = names.map((name) => {
    if ('email' in name) return der.implicit(1, Buffer.from(name.email));
    if ('dns' in name) return der.implicit(2, Buffer.from(name.dns));
    if ('uri' in name) return der.implicit(6, Buffer.from(name.uri));
    return der.tagged(0, der.oid('1.3.6.1.4.1.57264.1.7'), der.tagged(0, der.utf8(name.other)));
  });
  return [{ oid: '2.5.29.17', critical: true, value: der.sequence(...general) }];
}
