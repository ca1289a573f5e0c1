/** Keys and certificates that the tests of policy spellings write into policies. */
import {
  authorityExtensions,
  eku,
  issue,
  type KeyType,
  keyPair,
  leafExtensions,
} from '../../../../support/sigstore/certificates.ts';

export function publicPem(type: KeyType = 'p256'): string {
  return keyPair(type).publicKey.export({ format: 'pem', type: 'spki' }).toString();
}

export function privatePem(): string {
  return keyPair('p256').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
}

/** A root, an intermediate below it, and certificates for code and for time below that; PEM. */
export function certificateTexts() {
  const validity = { notBefore: new Date('2026-01-01T00:00:00Z'), notAfter: new Date('2036-01-01T00:00:00Z') };
  const rootKeys = keyPair('p256');
  const root = issue({ commonName: 'root', keys: rootKeys, validity, extensions: authorityExtensions() });
  const below = (commonName: string, usages: readonly string[] | undefined, issuer = root) =>
    issue({
      commonName,
      keys: keyPair('p256'),
      validity,
      extensions: usages === undefined ? authorityExtensions() : leafExtensions(usages, true),
      issuer,
    });
  const intermediate = below('intermediate', undefined);
  return {
    root: root.pem,
    intermediate: intermediate.pem,
    leaf: below('leaf', [eku.codeSigning], intermediate).pem,
    timestamp: below('tsa', [eku.timeStamping]).pem,
  };
}
