import { type JsonObject, type JsonValue, objectFrom } from '../../../core/json.ts';
import {
  DerError,
  DerReader,
  derBoolean,
  derBytes,
  derInteger,
  derOid,
  derSmallInteger,
  derTime,
  tags,
  UnknownPart,
} from './der.ts';
import { alternativeNames, type ExtensionReader, extensionReaders, noExtensions } from './x509-extensions.ts';
import { distinguishedName } from './x509-name.ts';

/** A text that is no certificate, or one that cannot be taken apart here. */
export class CertificateError extends Error {
  /** It may well be a certificate, of which others read more than is read here. */
  readonly isUnknown: boolean;

  constructor(message: string, more: { cause?: unknown; isUnknown?: boolean } = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = 'CertificateError';
    this.isUnknown = more.isUnknown ?? false;
  }
}

/** Certificates have a few kilobytes. */
const maxLength = 1_000_000;
const rsa = '1.2.840.113549.1.1.1';
const extensionRequest = '1.2.840.113549.1.9.14';

/** Signature algorithms by the numbers that Go gives them; 0 is unknown. */
const signatureAlgorithms: Readonly<Record<string, number>> = {
  '1.2.840.113549.1.1.4': 2,
  '1.2.840.113549.1.1.5': 3,
  '1.3.14.3.2.29': 3,
  '1.2.840.113549.1.1.11': 4,
  '1.2.840.113549.1.1.12': 5,
  '1.2.840.113549.1.1.13': 6,
  '1.2.840.10040.4.3': 7,
  '2.16.840.1.101.3.4.3.2': 8,
  '1.2.840.10045.4.1': 9,
  '1.2.840.10045.4.3.2': 10,
  '1.2.840.10045.4.3.3': 11,
  '1.2.840.10045.4.3.4': 12,
  '1.3.101.112': 16,
};
const rsaPss = '1.2.840.113549.1.1.10';
const pssHashes: Readonly<Record<string, number>> = {
  '2.16.840.1.101.3.4.2.1': 13,
  '2.16.840.1.101.3.4.2.2': 14,
  '2.16.840.1.101.3.4.2.3': 15,
};

/**
 * The first certificate or certificate request of a PEM text, with the fields and the names that Go's `x509` package
 * gives it when it is written as JSON, as Kyverno hands it to policies. Only keys of RSA are taken, as upstream.
 * Throws CertificateError; also for name constraints and policy mappings, whose fields are not known here.
 */
export function decodeCertificate(text: string): JsonObject {
  if (text.length > maxLength) throw new CertificateError('the text is too long for a certificate');
  const block = firstPemBlock(text);
  if (block === undefined) throw new CertificateError('failed to decode PEM block');
  try {
    if (block.type === 'CERTIFICATE') return certificate(block.bytes);
    if (block.type === 'CERTIFICATE REQUEST') return request(block.bytes);
  } catch (error) {
    if (error instanceof DerError)
      throw new CertificateError(`x509: malformed certificate: ${error.message}`, {
        cause: error,
        isUnknown: error instanceof UnknownPart,
      });
    throw error;
  }
  throw new CertificateError('PEM block neither contains a CERTIFICATE or CERTIFICATE REQUEST');
}

function firstPemBlock(text: string): { readonly type: string; readonly bytes: Uint8Array } | undefined {
  const lines = text.split('\n').map((line) => line.trimEnd());
  for (let at = 0; at < lines.length; at++) {
    const type = /^-----BEGIN (.*)-----$/.exec(lines[at] as string)?.[1];
    if (type === undefined) continue;
    const end = lines.indexOf(`-----END ${type}-----`, at + 1);
    if (end < 0) continue;
    let from = at + 1;
    while (from < end && (lines[from] as string).includes(':')) from++;
    const digits = lines
      .slice(from, end)
      .join('')
      .replace(/[ \t\r]/g, '');
    if (digits.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(digits)) continue;
    return { type, bytes: Buffer.from(digits, 'base64') };
  }
  return undefined;
}

function certificate(bytes: Uint8Array): JsonObject {
  const outer = new DerReader(bytes);
  const whole = outer.read(tags.sequence);
  outer.end();
  const parts = new DerReader(whole.content);
  const signed = parts.read(tags.sequence);
  const algorithm = parts.read(tags.sequence);
  const signature = derBytes(parts.read(tags.bitString).content);
  parts.end();

  const body = new DerReader(signed.content);
  const version = body.optional(0xa0);
  const number = version === undefined ? 0 : derSmallInteger(new DerReader(version.content).read(tags.integer).content);
  if (number < 0 || number > 2) throw new DerError('the version is unknown');
  const serial = derInteger(body.read(tags.integer).content);
  if (serial < 0n) throw new DerError('the serial number is negative');
  const inner = body.read(tags.sequence);
  if (!Buffer.from(inner.whole).equals(algorithm.whole)) throw new DerError('inner and outer algorithm differ');
  const issuer = body.read(tags.sequence);
  const validity = body.open(tags.sequence);
  const notBefore = derTime(validity.read());
  const notAfter = derTime(validity.read());
  const subject = body.read(tags.sequence);
  const key = body.read(tags.sequence);
  if (number > 0) for (const unique of [0x81, 0x82]) body.optional(unique);
  const listed = number === 2 ? body.optional(0xa3) : undefined;
  const extensions = listed === undefined ? [] : readExtensions(new DerReader(listed.content).open(tags.sequence));
  return objectFrom([
    ['Raw', base64(whole.whole)],
    ['RawTBSCertificate', base64(signed.whole)],
    ['RawSubjectPublicKeyInfo', base64(key.whole)],
    ['RawSubject', base64(subject.whole)],
    ['RawIssuer', base64(issuer.whole)],
    ['Signature', base64(signature)],
    ['SignatureAlgorithm', signatureAlgorithm(algorithm.content)],
    ['PublicKeyAlgorithm', 1],
    ['PublicKey', publicKey(key.content)],
    ['Version', number + 1],
    ['SerialNumber', Number(serial)],
    ['Issuer', distinguishedName(issuer.content)],
    ['Subject', distinguishedName(subject.content)],
    ['NotBefore', notBefore],
    ['NotAfter', notAfter],
    ['Extensions', extensions.length === 0 ? null : extensions.map(described)],
    ['ExtraExtensions', null],
    ...Object.entries(readAll(extensions)),
  ]);
}

interface Extension {
  readonly id: readonly number[];
  readonly critical: boolean;
  readonly value: Uint8Array;
}

function readExtensions(list: DerReader): Extension[] {
  const found: Extension[] = [];
  while (!list.isEmpty) {
    const parts = list.open(tags.sequence);
    const id = derOid(parts.read(tags.oid).content);
    const flag = parts.optional(tags.boolean);
    const critical = flag !== undefined && derBoolean(flag.content);
    const value = parts.read(tags.octetString).content;
    if (found.some((one) => one.id.join('.') === id.join('.'))) throw new DerError('an extension is there twice');
    found.push({ id, critical, value });
  }
  return found;
}

function described({ id, critical, value }: Extension): JsonObject {
  return objectFrom([
    ['Id', id],
    ['Critical', critical],
    ['Value', base64(value)],
  ]);
}

/** The fields that the extensions of a certificate fill, all of them. */
function readAll(extensions: readonly Extension[]): JsonObject {
  const fields: Record<string, JsonValue> = { ...noExtensions };
  const unhandled: JsonValue[] = [];
  for (const { id, critical, value } of extensions) {
    const name = id.join('.');
    const read: ExtensionReader | undefined = Object.hasOwn(extensionReaders, name)
      ? extensionReaders[name]
      : undefined;
    if (read === undefined) {
      if (critical) unhandled.push(id);
      continue;
    }
    const filled = read(new DerReader(value), critical);
    if (filled === undefined) {
      if (critical) unhandled.push(id);
    } else {
      Object.assign(fields, filled);
    }
  }
  fields['UnhandledCriticalExtensions'] = unhandled.length === 0 ? null : unhandled;
  return fields;
}

function request(bytes: Uint8Array): JsonObject {
  const outer = new DerReader(bytes);
  const whole = outer.read(tags.sequence);
  outer.end();
  const parts = new DerReader(whole.content);
  const signed = parts.read(tags.sequence);
  const algorithm = parts.read(tags.sequence);
  const signature = derBytes(parts.read(tags.bitString).content);
  const body = new DerReader(signed.content);
  const version = derSmallInteger(body.read(tags.integer).content);
  const subject = body.read(tags.sequence);
  const key = body.read(tags.sequence);
  const { attributes, extensions } = requestAttributes(new DerReader(body.read(0xa0).content));
  const names = extensions.find((one) => one.id.join('.') === '2.5.29.17');
  return objectFrom([
    ['Raw', base64(whole.whole)],
    ['RawTBSCertificateRequest', base64(signed.whole)],
    ['RawSubjectPublicKeyInfo', base64(key.whole)],
    ['RawSubject', base64(subject.whole)],
    ['Version', version],
    ['Signature', base64(signature)],
    ['SignatureAlgorithm', signatureAlgorithm(algorithm.content)],
    ['PublicKeyAlgorithm', 1],
    ['PublicKey', publicKey(key.content)],
    ['Subject', distinguishedName(subject.content)],
    ['Attributes', attributes.length === 0 ? null : attributes],
    ['Extensions', extensions.length === 0 ? null : extensions.map(described)],
    ['ExtraExtensions', null],
    ...Object.entries(alternativeNames(names === undefined ? undefined : new DerReader(names.value))),
  ]);
}

function requestAttributes(list: DerReader): { readonly attributes: JsonObject[]; readonly extensions: Extension[] } {
  const attributes: JsonObject[] = [];
  const extensions: Extension[] = [];
  while (!list.isEmpty) {
    const parts = list.open(tags.sequence);
    const id = derOid(parts.read(tags.oid).content);
    const values = parts.open(tags.set);
    // Go knows the values of attributes only where they are lists of pairs; a challenge password, for one, is left out.
    if (values.nextTag !== tags.sequence) continue;
    if (id.join('.') !== extensionRequest) throw new UnknownPart(`the attribute ${id.join('.')} is not known`);
    const requested = readExtensions(values.open(tags.sequence));
    values.end();
    extensions.push(...requested);
    attributes.push(
      objectFrom([
        ['Type', id],
        ['Value', [requested.map(pair)]],
      ]),
    );
  }
  return { attributes, extensions };
}

/** An extension taken for a pair of type and value: of one that is marked, the mark is the value. */
function pair({ id, critical, value }: Extension): JsonObject {
  return objectFrom([
    ['Type', id],
    ['Value', critical ? true : base64(value)],
  ]);
}

function publicKey(info: Uint8Array): JsonObject {
  const parts = new DerReader(info);
  const algorithm = parts.open(tags.sequence);
  if (derOid(algorithm.read(tags.oid).content).join('.') !== rsa) {
    throw new CertificateError('certificate should use rsa algorithm');
  }
  algorithm.read(tags.null);
  const key = new DerReader(derBytes(parts.read(tags.bitString).content)).open(tags.sequence);
  const modulus = derInteger(key.read(tags.integer).content);
  const exponent = derSmallInteger(key.read(tags.integer).content);
  key.end();
  if (modulus <= 0n || exponent <= 0 || exponent > 0x7fffffff) throw new DerError('the key is none of RSA');
  return objectFrom([
    ['N', modulus.toString()],
    ['E', exponent],
  ]);
}

function signatureAlgorithm(content: Uint8Array): number {
  const parts = new DerReader(content);
  const id = derOid(parts.read(tags.oid).content).join('.');
  if (id !== rsaPss) return Object.hasOwn(signatureAlgorithms, id) ? (signatureAlgorithms[id] as number) : 0;
  // Of the parameters the hash counts; what Go would not accept otherwise is unknown.
  const hash = parts.isEmpty ? undefined : parts.open(tags.sequence).optional(0xa0);
  if (hash === undefined) return 0;
  const name = derOid(new DerReader(hash.content).open(tags.sequence).read(tags.oid).content).join('.');
  return Object.hasOwn(pssHashes, name) ? (pssHashes[name] as number) : 0;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
