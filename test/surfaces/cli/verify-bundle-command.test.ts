import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { GateError } from '../../../src/core/errors.ts';
import { parseCommand } from '../../../src/surfaces/cli/arguments.ts';
import { verifyBundle } from '../../../src/surfaces/cli/verify-bundle-command.ts';
import { keyPair, openMockSigstore, statement } from '../../support/sigstore/mock.ts';
import { thrownBy } from '../../support/thrown.ts';

const now = Date.parse('2026-06-01T00:00:00Z');
const artifact = Buffer.from('what was built');
const digest = `sha256:${createHash('sha256').update(artifact).digest('hex')}`;
const identity = ['--certificate-identity', 'dev@example.com', '--certificate-oidc-issuer', 'https://issuer.example'];
const root = ['--trusted-root', 'root.json'];
const files: Record<string, Uint8Array> = { 'app.tar': artifact, 'other.tar': Buffer.from('something else') };

async function run(...args: string[]) {
  const command = parseCommand(['verify-bundle', ...args]);
  if (command.name !== 'verify-bundle') throw new Error('it is another command');
  const readFile = (path: string) => {
    const file = files[path];
    if (file === undefined) throw new GateError('USAGE', `${path} could not be read (ENOENT)`);
    return file;
  };
  return await verifyBundle(command, { readFile, now: () => now });
}

beforeAll(async () => {
  const sigstore = await openMockSigstore();
  const signer = await sigstore.certificate();
  const keys = { p256: keyPair(), p384: keyPair('p384'), rsa: keyPair('rsa2048'), ed: keyPair('ed25519') };
  const put = (name: string, value: unknown) => {
    files[name] = Buffer.from(JSON.stringify(value));
  };
  put('root.json', sigstore.trustedRoot());
  put('blob.json', sigstore.blobBundle(artifact, { signer }));
  put('statement.json', sigstore.bundle(statement(digest, 'https://slsa.dev/provenance/v1'), { signer }));
  for (const [name, key] of Object.entries(keys)) {
    put(`${name}.json`, sigstore.blobBundle(artifact, { signer: key }));
    files[`${name}.pub`] = Buffer.from(key.publicKey.export({ format: 'pem', type: 'spki' }));
  }
});

describe('syncgate verify-bundle', () => {
  it.each([
    ['a blob', 'blob.json', 'app.tar'],
    ['a blob by its digest', 'blob.json', digest],
    ['a statement', 'statement.json', 'app.tar'],
    ['a statement by the digest of its subject', 'statement.json', digest],
  ])('verifies %s', async (_, bundle, what) => {
    const printed = await run('--bundle', bundle, ...identity, ...root, what);
    expect(printed).toEqual({
      exitCode: 0,
      stderr: '',
      stdout:
        'verified: signed by "dev@example.com", as "https://issuer.example" says, 2026-01-15T12:01:00.000Z (log)\n',
    });
  });

  it.each([
    ['p256', 'app.tar', 0],
    ['p384', 'app.tar', 0],
    ['rsa', 'app.tar', 0],
    ['ed', 'app.tar', 0],
    ['p256', digest, 0],
    ['p384', digest, 0],
    ['rsa', digest, 0],
    // It signs the bytes and not a digest of them.
    ['ed', digest, 1],
    ['p256', `sha256:${'0'.repeat(64)}`, 1],
  ])('verifies by a key: %s, %s', async (name, what, exitCode) => {
    expect(await run('--bundle', `${name}.json`, '--key', `${name}.pub`, ...root, what)).toMatchObject({ exitCode });
  });

  it.each([
    ['another artifact', ['--bundle', 'blob.json', ...identity, 'other.tar'], 'other-digest'],
    ['another subject', ['--bundle', 'statement.json', ...identity, 'other.tar'], 'other-digest'],
    ['another key', ['--bundle', 'p256.json', '--key', 'p384.pub', 'app.tar'], 'other-key'],
    ['a key where an identity is asked for', ['--bundle', 'p256.json', ...identity, 'app.tar'], 'bare-key'],
    [
      'a certificate where a key is asked for',
      ['--bundle', 'blob.json', '--key', 'p256.pub', 'app.tar'],
      'certificate',
    ],
    [
      'another identity',
      ['--bundle', 'blob.json', ...identity.with(1, 'eve@example.com'), 'app.tar'],
      'identity): it was signed as "dev@example.com"',
    ],
    ['what is no bundle', ['--bundle', 'app.tar', ...identity, 'app.tar'], 'malformed'],
  ])('refuses %s', async (_, args, why) => {
    const { exitCode, stdout, stderr } = await run(...args, ...root);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr).toMatch(/^syncgate: the bundle is refused \(step \d+, [^\n]+\n$/);
    expect(stderr).toContain(why);
  });

  it('knows no bundle of another Sigstore by the shipped root', async () => {
    expect(await run('--bundle', 'blob.json', ...identity, 'app.tar')).toMatchObject({ exitCode: 1 });
  });

  it('answers in JSON', async () => {
    const good = await run('--bundle', 'statement.json', ...identity, ...root, '-o', 'json', 'app.tar');
    expect(JSON.parse(good.stdout)).toMatchObject({
      verified: true,
      signer: { subject: 'dev@example.com' },
      predicateType: 'https://slsa.dev/provenance/v1',
    });
    const bad = await run('--bundle', 'statement.json', ...identity, ...root, '-o', 'json', 'other.tar');
    expect(JSON.parse(bad.stdout)).toMatchObject({ verified: false, why: 'other-digest', step: 9 });
    expect(bad.exitCode).toBe(1);
  });

  it.each([
    [['app.tar'], 'needs --bundle'],
    [['--bundle', 'blob.json', 'app.tar'], 'or --key'],
    [['--bundle', 'blob.json', '--certificate-identity', 'x', 'app.tar'], 'or --key'],
    [['--bundle', 'blob.json', ...identity, '--key', 'p256.pub', 'app.tar'], 'not both'],
    [['--bundle', 'blob.json', ...identity], 'takes the artifact'],
    [['--bundle', 'blob.json', ...identity, 'app.tar', 'other.tar'], 'takes one artifact'],
    [['--bundle', 'blob.json', ...identity, '--staging', 'app.tar'], 'is not shipped'],
    [['--bundle', 'blob.json', ...identity, '-o', 'yaml', 'app.tar'], 'takes text or json'],
    [['--bundel', 'blob.json'], 'did you mean --bundle?'],
  ])('tells what is wrong with %j', (args, message) => {
    expect(String(thrownBy(() => parseCommand(['verify-bundle', ...args])))).toContain(message);
  });

  it.each([
    ['a digest that is none', 'sha256:123', 'IMAGE_DIGEST_INVALID'],
    ['a file that is not there', 'nothing.tar', 'USAGE'],
  ])('refuses %s as a mistake of the asker', async (_, what, code) => {
    await expect(run('--bundle', 'blob.json', ...identity, ...root, what)).rejects.toMatchObject({ code });
  });

  it('takes --staging with its root', async () => {
    const args = ['--bundle', 'blob.json', ...identity, '--staging', ...root, 'app.tar'];
    expect(await run(...args)).toMatchObject({ exitCode: 0 });
  });
});
