/** Trust policies and roots as people write them, and the certificates that they hold. */
import {
  authorityExtensions,
  eku,
  issue,
  keyPair,
  leafExtensions,
  pemOf,
  spkiOf,
} from '../../../support/sigstore/certificates.ts';

const validity = { notBefore: new Date('2026-01-01T00:00:00Z'), notAfter: new Date('2036-01-01T00:00:00Z') };

export const rootCertificate = issue({
  commonName: 'root',
  keys: keyPair('p256'),
  validity,
  extensions: authorityExtensions(),
});
export const intermediate = issue({
  commonName: 'intermediate',
  keys: keyPair('p256'),
  validity,
  extensions: authorityExtensions(),
  issuer: rootCertificate,
});
export const timestampLeaf = issue({
  commonName: 'tsa',
  keys: keyPair('p256'),
  validity,
  extensions: leafExtensions([eku.timeStamping], true),
  issuer: rootCertificate,
});

/** An authority for some names alone, as a company's often is. */
export const namesOnly = issue({
  commonName: 'names only',
  keys: keyPair('p256'),
  validity,
  extensions: [...authorityExtensions(), { oid: '2.5.29.30', critical: true, value: Buffer.from([0x30, 0x00]) }],
});

export const keyPem = (type: Parameters<typeof keyPair>[0] = 'p256') =>
  pemOf(spkiOf(keyPair(type).publicKey), 'PUBLIC KEY');
export const base64 = (text: string | Uint8Array) => Buffer.from(text).toString('base64');

/** A ClusterImagePolicy of these parts, as JSON. */
export function policyOf(spec: object, name = 'release'): string {
  return JSON.stringify({
    apiVersion: 'policy.sigstore.dev/v1beta1',
    kind: 'ClusterImagePolicy',
    metadata: { name },
    spec: { images: [{ glob: 'ghcr.io/org/**' }], ...spec },
  });
}

/** A policy of one authority. */
export function authorityOf(authority: object, spec: object = {}): string {
  return policyOf({ authorities: [authority], ...spec });
}

export const identity = {
  issuer: 'https://token.actions.githubusercontent.com',
  subject: 'https://github.com/org/app/.github/workflows/release.yml@refs/heads/main',
};

export function trustRootOf(spec: object, name = 'corp'): string {
  return JSON.stringify({ apiVersion: 'policy.sigstore.dev/v1alpha1', kind: 'TrustRoot', metadata: { name }, spec });
}

export const subject = { organization: 'corp', commonName: 'corp' };

/** The parts of `sigstoreKeys` that make a whole private Sigstore. */
export const sigstoreKeys = {
  certificateAuthorities: [
    { subject, uri: 'https://fulcio.corp.example', certChain: base64(intermediate.pem + rootCertificate.pem) },
  ],
  tLogs: [{ baseURL: 'https://rekor.corp.example', hashAlgorithm: 'sha-256', publicKey: base64(keyPem()) }],
  ctLogs: [{ baseURL: 'https://ctfe.corp.example', hashAlgorithm: 'sha-256', publicKey: base64(keyPem()) }],
  timestampAuthorities: [
    { subject, uri: 'https://tsa.corp.example', certChain: base64(timestampLeaf.pem + rootCertificate.pem) },
  ],
};
