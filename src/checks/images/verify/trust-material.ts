import { type ASN1Obj, X509Certificate } from '@sigstore/core';
import { TrustedRoot } from '@sigstore/protobuf-specs';
import { type TrustMaterial, toTrustMaterial } from '@sigstore/verify';
import { GateError } from '../../../core/errors.ts';
import type { JsonValue } from '../../../core/json.ts';
import { isObject } from '../../../core/json.ts';
import type { TrustRoot } from '../policy/model.ts';
import { extendedUses, unknownCriticalExtension } from './certificate.ts';
import { demandFewExtensions, demandShortNumbers } from './der-bounds.ts';

export type RootMaterial = Omit<TrustMaterial, 'publicKey'>;
export type CertificateAuthority = TrustMaterial['certificateAuthorities'][number];
export type TransparencyLog = TrustMaterial['tlogs'][number];

const known = new WeakMap<TrustRoot, RootMaterial>();

/**
 * A trust root as the library takes it; read once. Throws IMAGE_TRUST_ROOT_INVALID for one that says something else than
 * the library would read: a validity without a start, which it takes for "always", and constraints that it ignores.
 */
export function rootMaterial(root: TrustRoot): RootMaterial {
  const found = known.get(root);
  if (found !== undefined) return found;
  const made = readRoot(root);
  known.set(root, made);
  return made;
}

function readRoot(root: TrustRoot): RootMaterial {
  const invalid = (why: string, cause?: unknown) =>
    new GateError('IMAGE_TRUST_ROOT_INVALID', `${root.name}: ${why}`, { mend: 'Correct the trust root.', cause });
  const without = validityWithoutStart(root.json);
  if (without !== undefined) throw invalid(`the validity of ${without} has no start`);
  let material: RootMaterial;
  try {
    const { publicKey: _, ...read } = toTrustMaterial(TrustedRoot.fromJSON(root.json));
    material = read;
  } catch (error) {
    throw invalid('it holds keys or certificates that cannot be read', error);
  }
  for (const authority of [...material.certificateAuthorities, ...material.timestampAuthorities]) {
    if (authority.certChain.length === 0) throw invalid('an authority of it has no certificates');
    for (const certificate of authority.certChain) {
      checkedOnce(encodedOnce(certificate));
      const unknown = unknownCriticalExtension(certificate);
      if (unknown !== undefined)
        throw invalid(`a certificate has the critical extension ${unknown}, which is not read`);
    }
  }
  return {
    ...material,
    // The library looks at no extended key usage: a certificate for anything else would do for time.
    timestampAuthorities: material.timestampAuthorities.filter(({ certChain: [leaf] }) => leaf && isForTime(leaf)),
  };
}

const timeStamping = '1.3.6.1.5.5.7.3.8';

function isForTime(leaf: X509Certificate): boolean {
  return extendedUses(leaf)?.includes(timeStamping) === true;
}

/** Undefined if every validity that is there has a start. */
function validityWithoutStart(json: JsonValue): string | undefined {
  if (!isObject(json)) return undefined;
  for (const list of ['tlogs', 'ctlogs', 'certificateAuthorities', 'timestampAuthorities']) {
    const entries = json[list];
    if (!Array.isArray(entries)) continue;
    for (const [i, entry] of (entries as readonly JsonValue[]).entries()) {
      if (!isObject(entry)) continue;
      const holder = list.endsWith('logs') ? entry['publicKey'] : entry;
      const validity = isObject(holder) ? holder['validFor'] : undefined;
      if (isObject(validity) && typeof validity['start'] !== 'string') return `${list}[${i}]`;
    }
  }
  return undefined;
}

/** A certificate that an object brings. Copied, because the library keeps views of what it is given. */
export function parseCertificate(der: Uint8Array): X509Certificate {
  const certificate = X509Certificate.parse(Buffer.from(der));
  demandShortNumbers(certificate.root, 'a certificate of it');
  demandFewExtensions(certificate);
  return encodedOnce(certificate);
}

/**
 * The library encodes a certificate anew for each comparison and each check of a signature, which is most of the work
 * of a path. Nothing changes these certificates, so their parts are encoded once; what it does change is a copy.
 */
function encodedOnce(certificate: X509Certificate): X509Certificate {
  const { root, tbsCertificate } = certificate;
  const keep = (part: ASN1Obj, der: Buffer): Buffer => {
    part.toDER = () => der;
    return der;
  };
  const parts = tbsCertificate.subs.map((part) => keep(part, encode(part)));
  const tbs = keep(tbsCertificate, framed(tbsCertificate, parts));
  const rest = root.subs.filter((part) => part !== tbsCertificate);
  keep(root, framed(root, [tbs, ...rest.map(encode)]));
  return certificate;
}

/** What the library's `toDER` gives. That makes two buffers of a kilobyte and more for each of a hundred nodes. */
function encode(node: ASN1Obj): Buffer {
  return framed(node, node.subs.length > 0 ? node.subs.map(encode) : [node.value]);
}

function framed({ tag }: ASN1Obj, contents: readonly Buffer[]): Buffer {
  const length = contents.reduce((sum, each) => sum + each.length, 0);
  const bytes: number[] = [];
  if (length < 128) bytes.push(length);
  else {
    for (let left = length; left > 0; left = Math.floor(left / 256)) bytes.unshift(left % 256);
    bytes.unshift(0x80 | bytes.length);
  }
  return Buffer.concat([Buffer.from([tag.toDER(), ...bytes]), ...contents]);
}

/** Who signed a certificate of a root is found out once for each issuer, and not again with every path through it. */
function checkedOnce(certificate: X509Certificate): void {
  const check = certificate.verify.bind(certificate);
  const answers = new WeakMap<X509Certificate, boolean>();
  certificate.verify = (issuer = certificate) => {
    const answer = answers.get(issuer) ?? check(issuer);
    answers.set(issuer, answer);
    return answer;
  };
}
