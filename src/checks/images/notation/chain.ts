import {
  algorithmOf,
  basicConstraintsOf,
  type Certificate,
  extendedKeyUsagesOf,
  isIssuedBy,
  isStrong,
  keyUsageOf,
  oids,
} from './certificate.ts';

const timeStamping = '1.3.6.1.5.5.7.3.8';
/** Uses that a key for signing artifacts must not have (signature-specification.md, Leaf Certificates), and OCSP's. */
const foreignUses = new Map([
  ['2.5.29.37.0', 'anyExtendedKeyUsage'],
  ['1.3.6.1.5.5.7.3.1', 'serverAuth'],
  ['1.3.6.1.5.5.7.3.2', 'clientAuth'],
  ['1.3.6.1.5.5.7.3.4', 'emailProtection'],
  [timeStamping, 'timeStamping'],
  ['1.3.6.1.5.5.7.3.9', 'OCSPSigning'],
]);
const digitalSignature = 0;
const nonRepudiation = 1;
const keyCertSign = 5;

/**
 * Why a chain, the signer's certificate first and a root last, is not one that the specification allows for this
 * purpose (Certificate Requirements); undefined if it is. Says nothing of trust, time and revocation. Throws Malformed.
 */
export function chainProblem(chain: readonly Certificate[], purpose: 'signing' | 'timestamping'): string | undefined {
  const [leaf] = chain;
  if (leaf === undefined) return 'there is no certificate';
  if (chain.length === 1 && !isIssuedBy(leaf, leaf))
    return `${leaf.shown} neither has its issuer beside it nor issued itself`;
  for (const [i, certificate] of chain.entries()) {
    const problem =
      issuanceProblem(chain, i) ??
      (i === 0 ? leafProblem(certificate, purpose) : authorityProblem(certificate, i - 1, purpose));
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** Each is issued by the next, and the last by itself: no other order, nothing beside it, no second root. */
function issuanceProblem(chain: readonly Certificate[], i: number): string | undefined {
  const certificate = chain[i];
  if (certificate === undefined || chain.length === 1) return undefined;
  const parent = chain[i + 1];
  if (parent === undefined)
    return isIssuedBy(certificate, certificate)
      ? undefined
      : `${certificate.shown} ends the chain and did not issue itself`;
  if (isIssuedBy(certificate, certificate)) return `${certificate.shown} issued itself and does not end the chain`;
  return isIssuedBy(certificate, parent) ? undefined : `${certificate.shown} was not issued by ${parent.shown}`;
}

function leafProblem(leaf: Certificate, purpose: 'signing' | 'timestamping'): string | undefined {
  if (basicConstraintsOf(leaf)?.authority === true) return `${leaf.shown} is the certificate of an authority`;
  const usage = usageProblem(leaf, purpose);
  if (usage !== undefined) return usage;
  const bits = keyUsageOf(leaf) ?? [];
  if (bits[digitalSignature] !== 1) return `${leaf.shown} is not for digital signatures`;
  if (bits.some((bit, at) => bit === 1 && at > nonRepudiation))
    return `${leaf.shown} is for more than digital signatures`;
  if (algorithmOf(leaf.publicKey) === undefined)
    return `the key of ${leaf.shown} is none of RSA 2048, 3072, 4096 and P-256, P-384, P-521`;
  const uses = extendedKeyUsagesOf(leaf);
  if (purpose === 'signing') {
    const foreign = uses.find((each) => foreignUses.has(each));
    return foreign === undefined ? undefined : `${leaf.shown} is for ${foreignUses.get(foreign)}`;
  }
  if (uses.length !== 1 || uses[0] !== timeStamping || leaf.extensions.get(oids.extendedKeyUsage)?.critical !== true) {
    return `${leaf.shown} is not for timestamps alone`;
  }
  return undefined;
}

function authorityProblem(
  authority: Certificate,
  below: number,
  purpose: 'signing' | 'timestamping',
): string | undefined {
  const constraints = basicConstraintsOf(authority);
  if (constraints === undefined || !constraints.authority)
    return `${authority.shown} is not the certificate of an authority`;
  if (!constraints.critical) return `the basic constraints of ${authority.shown} are not critical`;
  if (constraints.pathLength !== undefined && constraints.pathLength < below) {
    return `${authority.shown} may have ${constraints.pathLength} authorities below it, and has ${below}`;
  }
  const usage = usageProblem(authority, purpose);
  if (usage !== undefined) return usage;
  if (keyUsageOf(authority)?.[keyCertSign] !== 1) return `${authority.shown} is not for signing certificates`;
  return isStrong(authority.publicKey) ? undefined : `the key of ${authority.shown} is too weak`;
}

function usageProblem(certificate: Certificate, purpose: 'signing' | 'timestamping'): string | undefined {
  const extension = certificate.extensions.get(oids.keyUsage);
  if (extension === undefined) return `${certificate.shown} does not say what its key is for`;
  if (purpose === 'signing' && !extension.critical) return `the key usage of ${certificate.shown} is not critical`;
  return undefined;
}

/** Why not every certificate was valid in all of a span of time (milliseconds since the epoch); undefined if each was. */
export function validityProblem(chain: readonly Certificate[], from: number, to: number): string | undefined {
  for (const certificate of chain) {
    if (from < certificate.notBefore) return `${certificate.shown} is valid from ${dateOf(certificate.notBefore)} on`;
    if (to > certificate.notAfter) return `${certificate.shown} expired at ${dateOf(certificate.notAfter)}`;
  }
  return undefined;
}

/** For messages. */
export function dateOf(milliseconds: number): string {
  const time = new Date(milliseconds);
  return Number.isNaN(time.getTime()) ? 'a time out of range' : time.toISOString().replace('.000Z', 'Z');
}
