import { constants, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { parsePublicKey } from '../../../../src/checks/images/policy/key.ts';
import { isSignedBy, loadEd25519ph } from '../../../../src/checks/images/verify/signature.ts';

beforeAll(loadEd25519ph);

const message = Buffer.from('what was signed');
const keyOf = (key: { export(options: object): string | Buffer }, hash?: 'sha256' | 'sha512') =>
  parsePublicKey(key.export({ format: 'pem', type: 'spki' }).toString(), hash);

describe('a signature', () => {
  it.each([
    ['P-256', 'sha256', true],
    ['P-256', 'sha384', false],
    ['P-384', 'sha256', true],
    ['P-384', 'sha384', true],
    ['P-384', 'sha512', false],
    ['P-521', 'sha256', true],
    ['P-521', 'sha512', true],
    ['P-521', 'sha384', false],
  ])('by %s over %s: %s', (namedCurve, hash, good) => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve });
    expect(isSignedBy(keyOf(publicKey), message, sign(hash, message, privateKey))).toBe(good);
  });

  it('by RSA is PKCS#1 v1.5 or PSS, and with the hash of the policy too', () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    expect(isSignedBy(keyOf(publicKey), message, sign('sha256', message, privateKey))).toBe(true);
    expect(isSignedBy(keyOf(publicKey), message, sign('sha512', message, privateKey))).toBe(false);
    expect(isSignedBy(keyOf(publicKey, 'sha512'), message, sign('sha512', message, privateKey))).toBe(true);
    const pss = { key: privateKey, padding: constants.RSA_PKCS1_PSS_PADDING };
    expect(isSignedBy(keyOf(publicKey), message, sign('sha256', message, pss))).toBe(true);
    expect(isSignedBy(keyOf(publicKey), message, sign('sha384', message, pss))).toBe(false);
  });

  it('by Ed25519 is over the bytes, or over their SHA-512 as RFC 8032 has it', () => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    expect(isSignedBy(keyOf(publicKey), message, sign(null, message, privateKey))).toBe(true);
    // RFC 8032, section 7.3: Ed25519ph of "abc".
    const x = Buffer.from('ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf', 'hex').toString(
      'base64url',
    );
    const published = keyOf(createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' }));
    const signature = Buffer.from(
      '98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae4131f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406',
      'hex',
    );
    expect(isSignedBy(published, Buffer.from('abc'), signature)).toBe(true);
    expect(isSignedBy(published, Buffer.from('abd'), signature)).toBe(false);
    const last = signature.length - 1;
    signature[last] = (signature[last] as number) ^ 1;
    expect(isSignedBy(published, Buffer.from('abc'), signature)).toBe(false);
  });

  it.each(['ec', 'rsa', 'ed25519'] as const)('of the wrong shape is a wrong signature: %s', (kind) => {
    const { publicKey } = generateKeyPairSync(
      kind as 'ec',
      { namedCurve: 'P-256', modulusLength: 2048 } as { namedCurve: string },
    );
    for (const length of [0, 1, 63, 64, 65, 256, 10_000]) {
      expect(isSignedBy(keyOf(publicKey), message, new Uint8Array(length))).toBe(false);
    }
  });
});
