import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { parsePublicKey } from '../../../../src/checks/images/policy/key.ts';
import { openCosign } from '../../../support/cosign.ts';
import { thrownBy } from '../../../support/thrown.ts';

const pem = (key: { export(options: object): string | Buffer }, type = 'spki') =>
  key.export({ format: 'pem', type }).toString();
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });

describe('a public key', () => {
  it.each([
    ['P-256', pem(p256.publicKey), 'ecdsa', ['sha256']],
    ['P-384', pem(generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey), 'ecdsa', ['sha256', 'sha384']],
    ['P-521', pem(generateKeyPairSync('ec', { namedCurve: 'P-521' }).publicKey), 'ecdsa', ['sha256', 'sha512']],
    ['RSA', pem(rsa.publicKey), 'rsa', ['sha256']],
    ['RSA in PKCS#1', pem(rsa.publicKey, 'pkcs1'), 'rsa', ['sha256']],
    ['Ed25519', pem(generateKeyPairSync('ed25519').publicKey), 'ed25519', []],
    ['with blanks around it', `\n\n  ${pem(p256.publicKey)}\n`, 'ecdsa', ['sha256']],
    ['with CRLF', pem(p256.publicKey).replaceAll('\n', '\r\n'), 'ecdsa', ['sha256']],
  ])('is read: %s', (_, text, kind, hashes) => expect(parsePublicKey(text)).toMatchObject({ kind, hashes }));

  it('has the hash of the policy tried first', () => {
    expect(parsePublicKey(pem(p256.publicKey), 'sha512').hashes).toEqual(['sha512', 'sha256']);
  });

  it.each([
    ['nothing', '', 'IMAGE_KEY_INVALID'],
    ['words', 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5', 'IMAGE_KEY_INVALID'],
    ['a block that does not end', pem(p256.publicKey).replace('-----END PUBLIC KEY-----', ''), 'IMAGE_KEY_INVALID'],
    ['a block that is not base64', '-----BEGIN PUBLIC KEY-----\n????\n-----END PUBLIC KEY-----', 'IMAGE_KEY_INVALID'],
    ['a block of something else', '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----', 'IMAGE_KEY_INVALID'],
    ['a certificate', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----', 'IMAGE_KEY_INVALID'],
    ['two keys', pem(p256.publicKey) + pem(rsa.publicKey), 'IMAGE_KEY_INVALID'],
    ['a curve for coins', pem(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey), 'IMAGE_KEY_INVALID'],
    ['a short RSA key', pem(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey), 'IMAGE_KEY_INVALID'],
    ['RSA for PSS alone', pem(generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).publicKey), 'IMAGE_KEY_INVALID'],
    ['a key for agreement', pem(generateKeyPairSync('x25519').publicKey), 'IMAGE_KEY_INVALID'],
    ['too long', 'a'.repeat(70_000), 'IMAGE_KEY_INVALID'],
    ['a private key', pem(p256.privateKey, 'pkcs8'), 'IMAGE_KEY_PRIVATE'],
    ['a private EC key', pem(p256.privateKey, 'sec1'), 'IMAGE_KEY_PRIVATE'],
    ['a private key after a public one', pem(p256.publicKey) + pem(p256.privateKey, 'pkcs8'), 'IMAGE_KEY_PRIVATE'],
  ])('is refused: %s', (_, text, code) => {
    const error = thrownBy(() => parsePublicKey(text));
    expect(error.code).toBe(code);
    const body = text.split('\n')[1] ?? '';
    if (body.length > 8) expect(`${error.message} ${error.mend}`).not.toContain(body);
  });

  it('is not the private key file of cosign', async () => {
    using cosign = openCosign();
    const { readFileSync } = await import('node:fs');
    const key = await cosign.key();
    expect(thrownBy(() => parsePublicKey(readFileSync(key.file, 'utf8'))).code).toBe('IMAGE_KEY_PRIVATE');
  });
});
