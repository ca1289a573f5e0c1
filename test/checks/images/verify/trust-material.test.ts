import { X509Certificate } from '@sigstore/core';
import { describe, expect, it } from 'vitest';
import { parseCertificate } from '../../../../src/checks/images/verify/trust-material.ts';
import { issue, keyPair } from '../../../support/sigstore/certificates.ts';

const validity = { notBefore: new Date('2026-01-01T00:00:00Z'), notAfter: new Date('2027-01-01T00:00:00Z') };

function certificateWith(...values: readonly Buffer[]): Buffer {
  const extensions = values.map((value, i) => ({ oid: `1.3.6.1.4.1.57264.1.${i + 1}`, value }));
  return issue({ commonName: 'sample', keys: keyPair(), validity, extensions }).der;
}

describe('a certificate that is encoded once', () => {
  it.each<readonly [string, Uint8Array]>([
    ['without extensions', certificateWith()],
    ['of an RSA key', issue({ commonName: 'rsa', keys: keyPair('rsa2048'), validity, extensions: [] }).der],
    ['of an Ed25519 key', issue({ commonName: 'ed', keys: keyPair('ed25519'), validity, extensions: [] }).der],
    ...[0, 1, 126, 127, 128, 254, 255, 256, 65_534, 65_535, 65_536].map((size): [string, Uint8Array] => [
      `with an extension of ${size} bytes`,
      certificateWith(Buffer.alloc(size, 7)),
    ]),
    [
      'with DER, an empty list and no DER in its extensions',
      certificateWith(Buffer.from('3006020101300004', 'hex'), Buffer.from('3000', 'hex'), Buffer.from('30ff', 'hex')),
    ],
  ])('%s, is to each byte what the library makes of it, and what was read', (_, der) => {
    const ours = parseCertificate(der);
    const theirs = X509Certificate.parse(Buffer.from(der));
    expect(ours.root.toDER().equals(der)).toBe(true);
    expect(ours.root.toDER().equals(theirs.root.toDER())).toBe(true);
    expect(ours.tbsCertificate.toDER().equals(theirs.tbsCertificate.toDER())).toBe(true);
    const parts = (certificate: X509Certificate) =>
      certificate.tbsCertificate.subs.map((part) => part.toDER().toString('hex'));
    expect(parts(ours)).toEqual(parts(theirs));
    expect(ours.verify()).toBe(theirs.verify());
    expect(ours.equals(theirs)).toBe(true);
  });
});
