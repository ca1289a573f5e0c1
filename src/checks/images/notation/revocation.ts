import { verify } from 'node:crypto';
import { Malformed } from '../verify/json.ts';
import { basicConstraintsOf, type Certificate, keyUsageOf, oids } from './certificate.ts';
import { dateOf } from './chain.ts';
import { type Element, readDer, tags } from './der.ts';
import type { RevocationList } from './model.ts';

const issuingDistributionPoint = '2.5.29.28';
const deltaIndicator = '2.5.29.27';
const removeFromList = 8n;
const reasonCode = '2.5.29.21';
const crlSign = 6;
/** The Online Certificate Status Protocol, as an access method. */
const statusProtocol = '1.3.6.1.5.5.7.48.1';
const maxEntries = 200_000;

const hashes = new Map([
  ['1.2.840.113549.1.1.11', 'sha256'],
  ['1.2.840.113549.1.1.12', 'sha384'],
  ['1.2.840.113549.1.1.13', 'sha512'],
  ['1.2.840.10045.4.3.2', 'sha256'],
  ['1.2.840.10045.4.3.3', 'sha384'],
  ['1.2.840.10045.4.3.4', 'sha512'],
]);

/**
 * A certificate revocation list (RFC 5280 §5) that holds all that its issuer has revoked, or all in a stated part. One
 * that only adds to another (a delta), that speaks for other issuers or for some reasons only, or that has an unknown
 * critical extension is refused: what it leaves out would pass for good. Throws Malformed.
 */
export function readRevocationList(der: Uint8Array, shown: string): RevocationList {
  const root = readDer(der, 'it').expect(tags.sequence);
  const body = root.child(0, tags.sequence);
  if (body.child(0).tag !== 0x02 || body.child(0).integer() !== 1n)
    throw new Malformed('it is not a list of version 2');
  const fields = body.children;
  const algorithm = root.child(1, tags.sequence);
  if (!algorithm.bytes.equals(body.child(1, tags.sequence).bytes))
    throw new Malformed('it names two signature algorithms');
  const isTime = (each: Element | undefined) => each?.tag === 0x17 || each?.tag === 0x18;
  if (!isTime(fields[4])) throw new Malformed('it does not say until when it holds (nextUpdate)');
  const list = fields[5]?.tag === tags.sequence ? fields[5].children : [];
  if (list.length > maxEntries) throw new Malformed(`it has more than ${maxEntries} entries`);
  const scope = readScope(fields.find((each) => each.tag === 0xa0));
  return {
    shown,
    issuer: body.child(2, tags.sequence).bytes,
    thisUpdate: body.child(3).time(),
    nextUpdate: body.child(4).time(),
    signed: body.bytes,
    signature: root.child(2).bitBytes(),
    signatureAlgorithm: algorithm.child(0).oid(),
    revoked: new Set(list.flatMap(revokedSerial)),
    ...scope,
  };
}

function revokedSerial(entry: Element): string[] {
  const extensions = entry.children.length > 2 ? entry.child(2, tags.sequence).children : [];
  for (const each of extensions) {
    const fields = each.children;
    const critical = fields.length === 3 && each.child(1).boolean();
    const oid = each.child(0).oid();
    if (oid !== reasonCode && critical)
      throw new Malformed(`an entry of it has the critical extension ${oid}, which is not evaluated`);
    if (oid !== reasonCode) continue;
    const reason = readDer(each.child(fields.length - 1, tags.octetString).value, 'a reason').expect(0x0a).value;
    if (BigInt(`0x0${reason.toString('hex')}`) === removeFromList) return [];
  }
  return [entry.child(0, 0x02).value.toString('hex')];
}

function readScope(wrapped: Element | undefined): Pick<RevocationList, 'covers' | 'distributionPoints'> {
  let scope: Pick<RevocationList, 'covers' | 'distributionPoints'> = { covers: 'all', distributionPoints: [] };
  const seen = new Set<string>();
  for (const each of wrapped?.child(0, tags.sequence).children ?? []) {
    const fields = each.children;
    const oid = each.child(0).oid();
    if (seen.has(oid)) throw new Malformed(`it has the extension ${oid} twice`);
    seen.add(oid);
    const value = each.child(fields.length - 1, tags.octetString).value;
    const critical = fields.length === 3 && each.child(1).boolean();
    if (oid === deltaIndicator) throw new Malformed('it is a delta, which only adds to another list');
    if (oid === issuingDistributionPoint) scope = readDistributionPoint(readDer(value, 'its distribution point'));
    else if (critical) throw new Malformed(`it has the critical extension ${oid}, which is not evaluated`);
  }
  return scope;
}

function readDistributionPoint(point: Element): Pick<RevocationList, 'covers' | 'distributionPoints'> {
  let covers: RevocationList['covers'] = 'all';
  let distributionPoints: string[] = [];
  for (const field of point.expect(tags.sequence).children) {
    // Flags have implicit tags; one that is there and false says nothing.
    const set = field.value[0] !== 0;
    if (field.tag === 0xa0) distributionPoints = addressesIn(field);
    else if (field.tag === 0x81 && set) covers = 'users';
    else if (field.tag === 0x82 && set) covers = 'authorities';
    else if (set) throw new Malformed('it speaks for other issuers, or for some reasons only');
  }
  return { covers, distributionPoints };
}

/** The addresses of a DistributionPointName. One that is given by a directory name can be compared with nothing. */
function addressesIn(name: Element): string[] {
  const full = name.child(0, 0xa0);
  const addresses = full.children.filter((each) => each.tag === 0x86).map((each) => each.value.toString('latin1'));
  if (addresses.length === 0) throw new Malformed('its distribution point has no address');
  return addresses;
}

/** What is known of certificates being revoked. `unknown` is not good: it says that nobody was asked. */
export type RevocationAnswer =
  | { readonly kind: 'good' }
  | { readonly kind: 'revoked'; readonly detail: string }
  | { readonly kind: 'unknown'; readonly detail: string; readonly mend: string };

/**
 * Whether any certificate of a chain, leaf first, was revoked by its issuer, as far as the mounted lists say; the root
 * has nobody above it that could. A certificate that names no place where it would be said is good if no list says
 * otherwise, as it is for Notation itself. Times in milliseconds since the epoch.
 */
export function revocationOf(
  chain: readonly Certificate[],
  lists: readonly RevocationList[],
  now: number,
): RevocationAnswer {
  let unknown: RevocationAnswer | undefined;
  for (const [i, certificate] of chain.slice(0, -1).entries()) {
    const issuer = chain[i + 1];
    if (issuer === undefined) break;
    const answer = revocationOfOne(certificate, issuer, lists, now);
    if (answer.kind === 'revoked') return answer;
    if (answer.kind === 'unknown') unknown ??= answer;
  }
  return unknown ?? { kind: 'good' };
}

function revocationOfOne(
  certificate: Certificate,
  issuer: Certificate,
  lists: readonly RevocationList[],
  now: number,
): RevocationAnswer {
  const places = placesOf(certificate);
  let why = 'no mounted list speaks of it';
  let known = false;
  for (const list of lists) {
    if (!issuer.subject.equals(list.issuer) || !isListOf(list, certificate, places.addresses)) continue;
    if (!isSignedBy(list, issuer)) {
      why = `${list.shown} bears the name of its issuer and is not signed by it`;
      continue;
    }
    // An outdated list can still accuse, but it can acquit nobody.
    if (list.revoked.has(certificate.serial))
      return { kind: 'revoked', detail: `${certificate.shown} was revoked (${list.shown})` };
    if (now < list.thisUpdate) why = `${list.shown} holds from ${dateOf(list.thisUpdate)} on`;
    else if (now > list.nextUpdate) why = `${list.shown} is outdated since ${dateOf(list.nextUpdate)}`;
    else known = true;
  }
  if (known || !places.any) return { kind: 'good' };
  return {
    kind: 'unknown',
    detail: `whether ${certificate.shown} was revoked is not known: ${why}`,
    mend: 'Put the current revocation list of its issuer into the folder of crls, or set the override of revocation in the trust policy to skip.',
  };
}

/** Where a certificate says that one can learn of its revocation. */
function placesOf(certificate: Certificate): { any: boolean; addresses: string[] } {
  const extension = certificate.extensions.get(oids.distributionPoints);
  const addresses: string[] = [];
  if (extension !== undefined) {
    for (const point of readDer(extension.value, 'a distribution point').expect(tags.sequence).children) {
      const name = point.children.find((each) => each.tag === 0xa0)?.children[0];
      if (name?.tag !== 0xa0) continue;
      for (const each of name.children) if (each.tag === 0x86) addresses.push(each.value.toString('latin1'));
    }
  }
  const responders = certificate.extensions.get(oids.authorityInformation);
  const online =
    responders !== undefined &&
    readDer(responders.value, 'an authority information').children.some(
      (each) => each.child(0).oid() === statusProtocol,
    );
  return { any: extension !== undefined || online || certificate.extensions.has(oids.freshestList), addresses };
}

function isListOf(list: RevocationList, certificate: Certificate, addresses: readonly string[]): boolean {
  const authority = basicConstraintsOf(certificate)?.authority === true;
  if (list.covers === 'users' && authority) return false;
  if (list.covers === 'authorities' && !authority) return false;
  return list.distributionPoints.length === 0 || list.distributionPoints.some((each) => addresses.includes(each));
}

/** Issuers come from envelopes, where level `audit` lets anybody name one. */
const maxRemembered = 100;
const checked = new WeakMap<RevocationList, Map<string, boolean>>();

/** A list of megabytes is hashed once for each issuer that it could be of, not once for each image. */
function isSignedBy(list: RevocationList, issuer: Certificate): boolean {
  const answers = checked.get(list) ?? new Map<string, boolean>();
  checked.set(list, answers);
  const key = issuer.der.toString('base64');
  const known = answers.get(key);
  if (known !== undefined) return known;
  const hash = hashes.get(list.signatureAlgorithm);
  const allowed = keyUsageOf(issuer);
  let answer = false;
  try {
    answer =
      hash !== undefined &&
      (allowed === undefined || allowed[crlSign] === 1) &&
      verify(hash, list.signed, issuer.publicKey, list.signature);
  } catch {
    // A key that does not fit the algorithm verifies nothing.
  }
  if (answers.size < maxRemembered) answers.set(key, answer);
  return answer;
}
