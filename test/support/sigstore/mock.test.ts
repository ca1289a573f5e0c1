import { createHash } from 'node:crypto';
import { bundleFromJSON, type SerializedBundle } from '@sigstore/bundle';
import { TrustedRoot } from '@sigstore/protobuf-specs';
import { toSignedEntity, toTrustMaterial, Verifier, type VerifierOptions } from '@sigstore/verify';
import { describe, expect, it } from 'vitest';
import { type Bundle, eku, openMockSigstore, signedAt, signStatement, type TrustedRootParts } from './mock.ts';

/** What the mock makes is what a client that was not written for it accepts; and what is wrong in it is what it was told. */

const sigstore = await openMockSigstore();
const stranger = await openMockSigstore();
const digest = `sha256:${'a'.repeat(64)}`;
const dev = await sigstore.certificate();
const statement = signStatement(digest);

function verified(bundle: Bundle, options: VerifierOptions = {}, parts: TrustedRootParts = {}, of = sigstore) {
  const root = toTrustMaterial(TrustedRoot.fromJSON(of.trustedRoot(parts)), () => {
    throw new Error('no key is trusted');
  });
  const entity = toSignedEntity(bundleFromJSON(bundle as unknown as SerializedBundle));
  return new Verifier(root, options).verify(entity, { extensions: { issuer: 'https://issuer.example' } });
}

describe('a library that was written elsewhere accepts', () => {
  it.each<[string, () => Promise<Bundle> | Bundle, VerifierOptions]>([
    ['an entry of the first log', () => sigstore.bundle(statement, { signer: dev }), {}],
    ['one of kind intoto', () => sigstore.bundle(statement, { signer: dev, entry: 'intoto-0.0.2' }), {}],
    [
      'a promise alone, in the oldest bundle',
      () =>
        sigstore.bundle(statement, {
          signer: dev,
          append: { proof: false },
          mediaType: 'application/vnd.dev.sigstore.bundle+json;version=0.1',
          chain: [],
        }),
      {},
    ],
    [
      'a proof alone with a timestamp',
      () => sigstore.bundle(statement, { signer: dev, append: { promise: false }, timestamp: true }),
      {},
    ],
    [
      'the second log with a timestamp',
      () => sigstore.bundle(statement, { signer: dev, log: 'v2', timestamp: true }),
      {},
    ],
    [
      'a timestamp alone',
      () => sigstore.bundle(statement, { signer: dev, log: 'none', timestamp: true }),
      { tlogThreshold: 0 },
    ],
    [
      'a certificate of the intermediate',
      async () => sigstore.bundle(statement, { signer: await sigstore.certificate({ by: 'intermediate' }) }),
      {},
    ],
    [
      'a name that is a URI',
      async () =>
        sigstore.bundle(statement, { signer: await sigstore.certificate({ names: [{ uri: 'https://a.example/x' }] }) }),
      {},
    ],
  ])('%s', async (_, make, options) => {
    const signer = verified(await make(), options);
    expect(signer.identity?.extensions?.issuer).toBe('https://issuer.example');
  });
});

describe('and refuses', () => {
  it.each<[string, () => Promise<Bundle> | Bundle, VerifierOptions, TrustedRootParts, RegExp]>([
    [
      'a log of a stranger',
      () => sigstore.bundle(statement, { signer: dev, log: stranger.rekor }),
      {},
      {},
      /inclusion/,
    ],
    [
      'a certificate of a stranger',
      async () => sigstore.bundle(statement, { signer: await stranger.certificate() }),
      {},
      {},
      /certificate chain/,
    ],
    [
      'a certificate without a timestamp of its log',
      async () => sigstore.bundle(statement, { signer: await sigstore.certificate({ sct: 'none' }) }),
      {},
      {},
      /SCT/,
    ],
    [
      "another log's timestamp in a certificate",
      async () => sigstore.bundle(statement, { signer: await sigstore.certificate({ sct: 'stranger' }) }),
      {},
      {},
      /SCT/,
    ],
    [
      "another certificate's timestamp",
      async () => sigstore.bundle(statement, { signer: await sigstore.certificate({ sct: 'other-certificate' }) }),
      {},
      {},
      /SCT/,
    ],
    [
      'a signature after the certificate',
      () => sigstore.bundle(statement, { signer: dev, at: new Date(signedAt.getTime() + 3_600_000) }),
      {},
      {},
      /certificate chain/,
    ],
    [
      'an intermediate that had expired',
      async () => sigstore.bundle(statement, { signer: await sigstore.certificate({ by: 'expired-intermediate' }) }),
      {},
      {},
      /certificate chain/,
    ],
    [
      'a forged time',
      () => sigstore.bundle(statement, { signer: dev, log: 'none', timestamp: { forgedTime: new Date(0) } }),
      { tlogThreshold: 0 },
      {},
      /timestamp/,
    ],
    [
      'an entry about another payload',
      () => sigstore.bundle(statement, { signer: dev, told: { payload: Buffer.from('other') } }),
      {},
      {},
      /mismatch/,
    ],
    [
      'no timestamp where the log gives none',
      () => sigstore.bundle(statement, { signer: dev, log: 'v2' }),
      {},
      {},
      /timestamp/,
    ],
  ])('%s', async (_, make, options, parts, says) => {
    const bundle = await make();
    expect(() => verified(bundle, options, parts)).toThrow(says);
  });
});

describe('legacy layers', () => {
  it('carry what cosign 2 writes, over the bytes that cosign 2 signs', () => {
    const layer = sigstore.legacyAttestation(statement, { signer: dev, entry: 'intoto-0.0.1' });
    const { Payload } = JSON.parse(layer.annotations['dev.sigstore.cosign/bundle'] as string);
    const body = JSON.parse(Buffer.from(Payload.body, 'base64').toString('utf8'));
    expect(body.spec.content.hash.value).toBe(createHash('sha256').update(layer.payload).digest('hex'));
  });
});

describe('openssl, too, reads', () => {
  it('the certificates and what they are for', async () => {
    const { X509Certificate } = await import('node:crypto');
    const odd = await sigstore.certificate({
      usages: [eku.serverAuth],
      names: [{ email: 'a@b.example' }, { uri: 'https://c.example' }],
    });
    const read = new X509Certificate(odd.der);
    expect(read.subjectAltName).toBe('email:a@b.example, URI:https://c.example');
    expect(read.keyUsage).toEqual([eku.serverAuth]);
    expect(read.checkIssued(new X509Certificate(sigstore.root.der))).toBe(true);
  });
});
