import { createHash, X509Certificate as NodeCertificate } from 'node:crypto';
import type { ASN1Obj, X509Certificate } from '@sigstore/core';
import { Malformed } from './json.ts';
import { Refusal, shown } from './refusal.ts';

/** Who a certificate says that its holder is. */
export interface CertificateSigner {
  readonly kind: 'certificate';
  /** The one subject alternative name; where a certificate has none, its distinguished name. */
  readonly subject: string;
  /** Whether `subject` is the one subject alternative name, which is what identities are compared with. */
  readonly named: boolean;
  /** What vouched for the holder to Fulcio; undefined in certificates of other authorities. */
  readonly issuer: string | undefined;
  /** The other extensions of Fulcio, by OID. */
  readonly extensions: Readonly<Record<string, string>>;
  /** base64 of the sha256 of the certificate. */
  readonly fingerprint: string;
}

const subjectAlternativeName = '2.5.29.17';
const keyUsage = '2.5.29.15';
const extendedKeyUsage = '2.5.29.37';
const codeSigning = '1.3.6.1.5.5.7.3.3';
const fulcio = '1.3.6.1.4.1.57264.1.';
const fulcioIssuer = `${fulcio}1`;
const fulcioIssuerV2 = `${fulcio}8`;
const fulcioUserName = `${fulcio}7`;
/** .1 to .6 hold their text as it is; all later ones a DER UTF8String. */
const rawFulcio = /^1\.3\.6\.1\.4\.1\.57264\.1\.[1-6]$/;

/** What the library or this module looks at; a critical extension that nobody looks at must refuse the certificate. */
const understood = new Set([
  subjectAlternativeName,
  keyUsage,
  extendedKeyUsage,
  '2.5.29.14',
  '2.5.29.19',
  '2.5.29.35',
  '1.3.6.1.4.1.11129.2.4.2',
]);

/** Throws Refusal unless the certificate is for signing code, and nothing in it is critical that is not understood. */
export function demandCodeSigning(leaf: X509Certificate): void {
  const unknown = unknownCriticalExtension(leaf);
  if (unknown !== undefined)
    throw new Refusal('usage', `its certificate has the critical extension ${unknown}, which is not understood`);
  if (extendedUses(leaf)?.includes(codeSigning) !== true)
    throw new Refusal('usage', 'its certificate is not for signing code');
  const usage = leaf.extKeyUsage;
  if (usage !== undefined && !usage.digitalSignature)
    throw new Refusal('usage', 'its certificate is not for signatures');
}

/** The OID of an extension that is critical and not looked at, or that is there twice. */
export function unknownCriticalExtension(certificate: X509Certificate): string | undefined {
  const seen = new Set<string>();
  for (const extension of certificate.extensions) {
    const oid = oidOf(extension);
    if (seen.has(oid)) return oid;
    seen.add(oid);
    if (certificate.extension(oid)?.critical === true && !understood.has(oid)) return oid;
  }
  return undefined;
}

/** The OIDs of its extended key usage; undefined where it has none, which elsewhere means any use. */
export function extendedUses(certificate: X509Certificate): readonly string[] | undefined {
  const [sequence] = certificate.extension(extendedKeyUsage)?.valueObj.subs ?? [];
  return sequence?.subs.map((use) => use.toOID());
}

/** Reads who the certificate names. Throws Malformed for more than one name, or one that cannot be shown as it is. */
export function readSigner(leaf: X509Certificate, der: Uint8Array): CertificateSigner {
  const extensions: Record<string, string> = {};
  for (const extension of leaf.extensions) {
    const oid = oidOf(extension);
    if (!oid.startsWith(fulcio)) continue;
    const text = fulcioText(oid, leaf);
    if (text !== undefined) extensions[oid] = text;
  }
  const name = alternativeName(leaf);
  return {
    kind: 'certificate',
    subject: name ?? new NodeCertificate(der).subject.replaceAll('\n', ', '),
    named: name !== undefined,
    issuer: extensions[fulcioIssuerV2] ?? extensions[fulcioIssuer],
    extensions,
    fingerprint: createHash('sha256').update(der).digest('base64'),
  };
}

function oidOf(extension: ASN1Obj): string {
  const [oid] = extension.subs;
  if (oid === undefined) throw new Malformed('an extension of its certificate has no OID');
  return oid.toOID();
}

/** Undefined for one that holds no text, which then has no value that a policy could ask for. */
function fulcioText(oid: string, leaf: X509Certificate): string | undefined {
  const value = leaf.extension(oid)?.valueObj;
  if (value === undefined) throw new Malformed('an extension of its certificate has no value');
  if (rawFulcio.test(oid)) return utf8(value.value);
  const [text, ...more] = value.subs;
  if (text !== undefined && more.length === 0 && text.toDER()[0] === 0x0c) return utf8(text.value);
  // The older extension must not speak where the newer one cannot be read.
  if (oid === fulcioIssuerV2) throw new Malformed('the issuer in its certificate is not a text');
  return undefined;
}

/** Undefined where there is no such extension. Of two names one could be checked and the other be shown. */
function alternativeName(leaf: X509Certificate): string | undefined {
  const value = leaf.extension(subjectAlternativeName)?.valueObj;
  if (value === undefined) return undefined;
  const names = value.subs[0]?.subs ?? [];
  const [name] = names;
  if (name === undefined || names.length !== 1 || value.subs.length !== 1)
    throw new Malformed(`its certificate has ${names.length} subject alternative names, and one is read`);
  const tag = name.toDER()[0];
  switch (tag) {
    case 0x81: // rfc822Name
    case 0x82: // dNSName
    case 0x86: // uniformResourceIdentifier
      return ascii(name.value);
    case 0xa0: {
      const [oid, holder] = name.subs;
      const text = holder?.subs[0];
      if (oid?.toOID() !== fulcioUserName || text === undefined || text.toDER()[0] !== 0x0c) break;
      return utf8(text.value);
    }
    default:
  }
  throw new Malformed('its certificate has a subject alternative name of a kind that is not read');
}

function ascii(bytes: Uint8Array): string {
  // A control character, NUL first of all, ends a text for one reader and not for another.
  if (bytes.length === 0 || bytes.some((byte) => byte < 0x20 || byte > 0x7e))
    throw new Malformed('the subject alternative name of its certificate is not printable ASCII');
  return Buffer.from(bytes).toString('latin1');
}

function utf8(bytes: Uint8Array): string {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Malformed('a text of its certificate is not UTF-8');
  }
  if (/[\u0000-\u001f\u007f]/.test(text))
    throw new Malformed(`a text of its certificate has a control character: ${shown(text)}`);
  return text;
}
