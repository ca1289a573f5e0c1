import { createHash, verify } from 'node:crypto';
import { Malformed } from '../verify/json.ts';
import { type Certificate, isIssuedBy, readCertificate } from './certificate.ts';
import { chainProblem, validityProblem } from './chain.ts';
import { type Element, readDer, tags } from './der.ts';
import { maxCertificates } from './model.ts';

const ids = {
  signedData: '1.2.840.113549.1.7.2',
  timestampInfo: '1.2.840.113549.1.9.16.1.4',
  contentType: '1.2.840.113549.1.9.3',
  messageDigest: '1.2.840.113549.1.9.4',
  signingCertificate: '1.2.840.113549.1.9.16.2.47',
  /** ETSI EN 319 421: a policy under which a time without an accuracy is good to a second. */
  baselinePolicy: '0.4.0.2023.1.1',
} as const;
const hashNames = new Map([
  ['2.16.840.1.101.3.4.2.1', 'sha256'],
  ['2.16.840.1.101.3.4.2.2', 'sha384'],
  ['2.16.840.1.101.3.4.2.3', 'sha512'],
]);
/** Signature algorithms; where the name holds no hash, that of the signer info is meant. */
const signatureHashes = new Map<string, string | undefined>([
  ['1.2.840.113549.1.1.1', undefined], // rsaEncryption
  ['1.2.840.10045.2.1', undefined], // ecPublicKey
  ['1.2.840.113549.1.1.11', 'sha256'],
  ['1.2.840.113549.1.1.12', 'sha384'],
  ['1.2.840.113549.1.1.13', 'sha512'],
  ['1.2.840.10045.4.3.2', 'sha256'],
  ['1.2.840.10045.4.3.3', 'sha384'],
  ['1.2.840.10045.4.3.4', 'sha512'],
]);

/** A span of time in which something was seen to exist (milliseconds since the epoch), and who saw it. */
export interface TrustedTime {
  readonly from: number;
  readonly to: number;
  readonly chain: readonly Certificate[];
}

/**
 * What an RFC 3161 token proves of these bytes: that they were there at a time, by the word of an authority below one
 * of the roots. Throws Malformed for a token that proves nothing, with why. Revocation is not looked at.
 */
export function verifyTimestamp(token: Uint8Array, stamped: Uint8Array, roots: readonly Certificate[]): TrustedTime {
  const wrapped = readDer(token, 'its timestamp').expect(tags.sequence);
  if (wrapped.child(0).oid() !== ids.signedData) throw new Malformed('its timestamp is not signed data');
  const data = wrapped.child(1, 0xa0).child(0, tags.sequence);
  const content = data.child(2, tags.sequence);
  if (content.child(0).oid() !== ids.timestampInfo)
    throw new Malformed('its timestamp holds something else than a time');
  const info = content.child(1, 0xa0).child(0, tags.octetString).value;
  const signers = data.children.at(-1)?.expect(tags.set).children ?? [];
  const [signer] = signers;
  if (signer === undefined || signers.length !== 1) throw new Malformed('its timestamp has not exactly one signer');
  const certificates = (data.children.find((each) => each.tag === 0xa0)?.children ?? []).map((each) => each.bytes);
  if (certificates.length > maxCertificates)
    throw new Malformed(`its timestamp carries more than ${maxCertificates} certificates`);
  const carried = certificates.map((der) => readCertificate(der, 'a certificate of its timestamp'));
  const leaf = verifySigner(signer, info, carried);
  const { from, to, at } = readInfo(readDer(info, 'its timestamp'), stamped);
  const chain = chainTo(roots, leaf, carried);
  const problem = chainProblem(chain, 'timestamping') ?? validityProblem(chain, at, at);
  if (problem !== undefined) throw new Malformed(`its timestamp is not by an authority as it must be: ${problem}`);
  return { from, to, chain };
}

/** CMS (RFC 5652 §5.4): the attributes are signed, they hold the hash of the content, and they name the signer's certificate. */
function verifySigner(signer: Element, info: Uint8Array, carried: readonly Certificate[]): Certificate {
  const hash = hashNames.get(signer.child(2, tags.sequence).child(0).oid());
  const signedAttributes = signer.child(3, 0xa0);
  const algorithm = signer.child(4, tags.sequence).child(0).oid();
  if (hash === undefined || !signatureHashes.has(algorithm))
    throw new Malformed('its timestamp is signed with an algorithm that is not supported');
  const attributes = new Map<string, Element>();
  for (const each of signedAttributes.children) {
    const oid = each.child(0).oid();
    if (attributes.has(oid)) throw new Malformed('its timestamp has a signed attribute twice');
    attributes.set(oid, each.child(1, tags.set).child(0));
  }
  if (attributes.get(ids.contentType)?.oid() !== ids.timestampInfo)
    throw new Malformed('its timestamp does not sign what it holds');
  const digest = createHash(hash).update(info).digest();
  if (attributes.get(ids.messageDigest)?.expect(tags.octetString).value.equals(digest) !== true) {
    throw new Malformed('its timestamp was signed over another content');
  }
  const named = attributes.get(ids.signingCertificate);
  if (named === undefined) throw new Malformed('its timestamp does not sign which certificate it is by');
  const leaf = carried.find((each) => isNamed(each, named));
  if (leaf === undefined) throw new Malformed('its timestamp does not carry the certificate that it is by');
  // Signed is the set of attributes, which stands in the message under another tag (RFC 5652 §5.4).
  const signed = Buffer.from(signedAttributes.bytes);
  signed[0] = tags.set;
  const signature = signer.child(5, tags.octetString).value;
  let good = false;
  try {
    good = verify(signatureHashes.get(algorithm) ?? hash, signed, leaf.publicKey, signature);
  } catch {
    // A key that does not fit the algorithm verifies nothing.
  }
  if (!good) throw new Malformed('the signature of its timestamp does not verify');
  return leaf;
}

/** ESSCertIDv2 (RFC 5816): a hash of the certificate, SHA-256 where it names none. */
function isNamed(certificate: Certificate, signingCertificate: Element): boolean {
  const [first, second] = signingCertificate
    .expect(tags.sequence)
    .child(0, tags.sequence)
    .child(0, tags.sequence).children;
  const stated = first?.tag === tags.sequence ? first : undefined;
  const hash = stated === undefined ? 'sha256' : hashNames.get(stated.child(0).oid());
  const digest = stated === undefined ? first : second;
  if (hash === undefined || digest?.tag !== tags.octetString)
    throw new Malformed('its timestamp names its certificate in a way that is not supported');
  return createHash(hash).update(certificate.der).digest().equals(digest.value);
}

/** TSTInfo (RFC 3161 §2.4.2). */
function readInfo(info: Element, stamped: Uint8Array): { from: number; to: number; at: number } {
  if (info.child(0).integer() !== 1n) throw new Malformed('its timestamp is of an unknown version');
  const policy = info.child(1).oid();
  const imprint = info.child(2, tags.sequence);
  const hash = hashNames.get(imprint.child(0, tags.sequence).child(0).oid());
  if (hash === undefined) throw new Malformed('its timestamp was made over a hash that is not supported');
  if (!createHash(hash).update(stamped).digest().equals(imprint.child(1, tags.octetString).value)) {
    throw new Malformed('its timestamp is of another signature');
  }
  const at = info.child(4, tags.generalizedTime).time();
  for (const each of info.children.find((field) => field.tag === 0xa1)?.children ?? []) {
    if (each.children.length === 3 && each.child(1).boolean())
      throw new Malformed('its timestamp has a critical extension');
  }
  const accuracy = accuracyOf(info.children.slice(5).find((each) => each.tag === tags.sequence));
  const around = accuracy === 0 && policy === ids.baselinePolicy ? 1000 : accuracy;
  return { at, from: at - around, to: at + around };
}

/** Milliseconds. */
function accuracyOf(accuracy: Element | undefined): number {
  let milliseconds = 0;
  for (const each of accuracy?.children ?? []) {
    if (each.value.length === 0 || each.value.length > 6 || (each.value[0] ?? 0) > 0x7f)
      throw new Malformed('its timestamp has no usable accuracy');
    const value = Number.parseInt(each.value.toString('hex'), 16);
    if (each.tag === 0x02) milliseconds += value * 1000;
    else if (each.tag === 0x80) milliseconds += value;
    else if (each.tag === 0x81) milliseconds += value / 1000;
    else throw new Malformed('its timestamp has no usable accuracy');
  }
  return milliseconds;
}

/** From the leaf through carried certificates to a root of the trust store; what the token carries as a root counts for nothing. */
function chainTo(roots: readonly Certificate[], leaf: Certificate, carried: readonly Certificate[]): Certificate[] {
  const chain = [leaf];
  while (chain.length < maxCertificates) {
    const last = chain.at(-1) ?? leaf;
    const trusted = roots.find((root) => root.der.equals(last.der)) ?? roots.find((root) => isIssuedBy(last, root));
    if (trusted !== undefined) return trusted.der.equals(last.der) ? chain : [...chain, trusted];
    const next = carried.find((each) => !chain.includes(each) && isIssuedBy(last, each));
    if (next === undefined) break;
    chain.push(next);
  }
  throw new Malformed(`its timestamp is by ${leaf.shown}, which no root of the tsa trust stores stands behind`);
}
