import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Registries } from '../../../src/adapters/registry/registries.ts';
import { open } from '../../adapters/registry/support.ts';
import { type Cosign, type CosignVersion, type KeyKind, openCosign, type SigningKey } from '../../support/cosign.ts';
import { pushImage, pushIndex, type RunningRegistry, startRegistry } from '../../support/registry.ts';
import { checked, imageOf, podsWith, trustOf } from './support.ts';

/** Signatures that the real cosign wrote, read from real registries through the real client. */

let cosign: Cosign;
let withReferrers: RunningRegistry;
let withoutReferrers: RunningRegistry;
let registries: Registries;
const keys = new Map<KeyKind, SigningKey>();
const kinds: readonly KeyKind[] = ['p256', 'p384', 'p521', 'rsa', 'ed25519'];

beforeAll(async () => {
  cosign = openCosign();
  withReferrers = await startRegistry();
  withoutReferrers = await startRegistry({ referrers: false });
  registries = open([withReferrers, withoutReferrers].map(({ host }) => ({ host, plainHttp: true })));
  for (const kind of kinds) keys.set(kind, await cosign.key(kind));
});

afterAll(async () => {
  registries.close();
  cosign[Symbol.dispose]();
  await Promise.all([withReferrers.stop(), withoutReferrers.stop()]);
});

const formats = [
  ['as a legacy tag', 'legacy', true],
  ['as a bundle by the referrers API', 'bundle', true],
  ['as a bundle by the fallback tag', 'bundle', false],
] as const;
const versions: readonly CosignVersion[] = [2, 3];
const rows = versions.flatMap((version) =>
  formats.flatMap((format) => kinds.map((kind) => [version, ...format, kind] as const)),
);

describe('what cosign signed', () => {
  it.each(rows)('cosign %i, %s, %s %s %s', async (version, _, format, referrers, kind) => {
    const { host } = referrers ? withReferrers : withoutReferrers;
    const image = await pushImage(host, `team/${format}-${version}-${kind}`, 'v1');
    const key = keys.get(kind) as SigningKey;
    const trust = await trustOf({ keys: [key.publicPem] });
    const run = () => checked(podsWith(image.tagged), { trust, registry: registries.forRun() });

    expect((await run()).codes).toEqual(['deny IMAGE_UNSIGNED']);
    await cosign.sign(image.pinned, key, { cosign: version, format });
    const signed = await run();
    expect(signed.findings).toEqual([]);
    expect(imageOf(signed.pinned[0])).toBe(`${image.tagged}@${image.digest}`);
    expect(signed.images).toEqual([
      {
        reference: image.tagged,
        digest: image.digest,
        by: [expect.stringMatching(/^ClusterImagePolicy policy-0, authority authority-0, key SHA256:/)],
      },
    ]);

    const other = await trustOf({ keys: [(keys.get(kind === 'p256' ? 'rsa' : 'p256') as SigningKey).publicPem] });
    const refused = await checked(podsWith(image.tagged), { trust: other, registry: registries.forRun() });
    expect(refused.codes).toEqual(['deny IMAGE_SIGNATURE_OTHER_KEY']);
    expect(refused.images).toEqual([]);
  });

  it('finds a signature by an explicit hashAlgorithm, and still one by the default hash of the key', async () => {
    const image = await pushImage(withReferrers.host, 'team/hash', 'v1');
    const key = keys.get('p256') as SigningKey;
    await cosign.sign(image.pinned, key, { cosign: 3, format: 'legacy' });
    for (const hashAlgorithm of ['sha256', 'SHA512 ', 'sha224']) {
      const trust = await trustOf({ keys: [key.publicPem], hashAlgorithm });
      expect((await checked(podsWith(image.pinned), { trust, registry: registries.forRun() })).codes).toEqual([]);
    }
  });

  it('one good signature among several is found, in either format, whatever lies beside it', async () => {
    const image = await pushImage(withReferrers.host, 'team/several', 'v1');
    const [good, bad, worse] = [keys.get('p256'), keys.get('rsa'), keys.get('ed25519')] as [
      SigningKey,
      SigningKey,
      SigningKey,
    ];
    await cosign.sign(image.pinned, bad, { cosign: 3, format: 'legacy' });
    await cosign.sign(image.pinned, worse, { cosign: 3, format: 'bundle' });
    // An attestation bundle beside it must not hide the legacy signature, as it does from clients that pick one format.
    await cosign.attest(image.pinned, good, {
      cosign: 3,
      format: 'bundle',
      predicateType: 'https://spdx.dev/Document',
    });
    await cosign.sign(image.pinned, good, { cosign: 2, format: 'legacy' });
    const trust = await trustOf({ keys: [good.publicPem] });
    expect((await checked(podsWith(image.tagged), { trust, registry: registries.forRun() })).codes).toEqual([]);
    expect(await cosign.verifies(image.pinned, good, 3)).toBe(true);
  });

  it.each(versions)(
    'an attestation of another type by the same key is no signature, though cosign %i may say so',
    async (version) => {
      for (const { host } of [withReferrers, withoutReferrers]) {
        const image = await pushImage(host, `team/attested-${version}`, 'v1');
        const key = keys.get('p256') as SigningKey;
        await cosign.attest(image.pinned, key, {
          cosign: version,
          format: 'bundle',
          predicateType: 'https://slsa.dev/provenance/v1',
        });
        const trust = await trustOf({ keys: [key.publicPem] });
        const result = await checked(podsWith(image.tagged), { trust, registry: registries.forRun() });
        expect(result.codes).toEqual(['deny IMAGE_NOT_A_SIGNATURE']);
        expect(result.findings[0]?.message).toContain('https://slsa.dev/provenance/v1');
      }
    },
  );

  it('a legacy attestation is no signature either', async () => {
    const image = await pushImage(withReferrers.host, 'team/attested-legacy', 'v1');
    const key = keys.get('p256') as SigningKey;
    await cosign.attest(image.pinned, key, {
      cosign: 2,
      format: 'legacy',
      predicateType: 'https://slsa.dev/provenance/v1',
    });
    const trust = await trustOf({ keys: [key.publicPem] });
    expect((await checked(podsWith(image.tagged), { trust, registry: registries.forRun() })).codes).toEqual([
      'deny IMAGE_UNSIGNED',
    ]);
  });

  it('a signature for a platform does not cover the index that is emitted, and one for the index does', async () => {
    const [amd, arm] = [
      await pushImage(withReferrers.host, 'team/multi', 'amd'),
      await pushImage(withReferrers.host, 'team/multi', 'arm'),
    ];
    const index = await pushIndex(withReferrers.host, 'team/multi', 'all', [amd, arm]);
    const key = keys.get('p256') as SigningKey;
    const trust = await trustOf({ keys: [key.publicPem] });
    await cosign.sign(amd.pinned, key, { cosign: 3, format: 'legacy' });
    expect((await checked(podsWith(index.tagged), { trust, registry: registries.forRun() })).codes).toEqual([
      'deny IMAGE_UNSIGNED',
    ]);
    await cosign.sign(index.pinned, key, { cosign: 3, format: 'bundle' });
    const signed = await checked(podsWith(index.tagged), { trust, registry: registries.forRun() });
    expect(signed.codes).toEqual([]);
    expect(imageOf(signed.pinned[0])).toBe(`${index.tagged}@${index.digest}`);
  });

  it('a signature with annotations of its author counts', async () => {
    const image = await pushImage(withReferrers.host, 'team/annotated', 'v1');
    const key = keys.get('p256') as SigningKey;
    for (const format of ['legacy', 'bundle'] as const) {
      const trust = await trustOf({ keys: [key.publicPem] });
      await cosign.sign(image.pinned, key, { cosign: 3, format, flags: ['-a', 'stage=prod'] });
      expect((await checked(podsWith(image.tagged), { trust, registry: registries.forRun() })).codes).toEqual([]);
    }
  });
});
