import type { X509Certificate } from '@sigstore/core';
import { extendedUses, unknownCriticalExtension } from './certificate.ts';
import { Refusal } from './refusal.ts';
import { type CertificateAuthority, parseCertificate } from './trust-material.ts';

const codeSigning = '1.3.6.1.5.5.7.3.3';

/**
 * The authority with those certificates of an object's own chain that it issued, itself or through one another. The
 * library knows only chains that are trusted as a whole, so what is added here must hang on the authority already; it
 * then judges the path with its lengths and times. A self-signed certificate is never added: it would be an anchor.
 */
export function withIntermediates(authority: CertificateAuthority, chain: readonly Uint8Array[]): CertificateAuthority {
  if (chain.length === 0) return authority;
  const open = new Set(chain.map(parseCertificate).filter((each) => isIntermediate(each) && !isOf(each, authority)));
  const subjects = new Set([...open].map((each) => each.subject.toString('hex')));
  // Certificates with one name for each other's issuer make the library walk in circles.
  if (subjects.size !== open.size) throw new Refusal('untrusted', 'two certificates of its chain have one name');
  const added: X509Certificate[] = [];
  for (let grown = true; grown; ) {
    grown = false;
    for (const each of open) {
      if (![...authority.certChain, ...added].some((issuer) => isIssuedBy(each, issuer))) continue;
      added.push(each);
      open.delete(each);
      grown = true;
    }
  }
  return { ...authority, certChain: [...added, ...authority.certChain] };
}

function isIntermediate(certificate: X509Certificate): boolean {
  return (
    certificate.isCA &&
    !certificate.subject.equals(certificate.issuer) &&
    unknownCriticalExtension(certificate) === undefined &&
    extendedUses(certificate)?.includes(codeSigning) !== false
  );
}

function isOf(certificate: X509Certificate, authority: CertificateAuthority): boolean {
  return authority.certChain.some((each) => each.subject.equals(certificate.subject));
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return issuer.isCA && certificate.issuer.equals(issuer.subject) && certificate.verify(issuer);
}
