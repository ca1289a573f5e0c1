import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Digest } from '../../../src/core/image.ts';
import { checked, imageOf, MemoryRegistry, podsWith, trustOf } from './support.ts';

/** Many objects beside one good one: none may hide it, and too many deny with count and limit. */

const [key, stranger] = [
  generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  generateKeyPairSync('ec', { namedCurve: 'P-256' }),
];
const pem = key.publicKey.export({ format: 'pem', type: 'spki' }).toString();
const reference = 'registry.example/team/app:v1';

function bundleBy(signer: typeof key, digest: Digest, n: number) {
  const type = 'application/vnd.in-toto+json';
  const subject = [{ digest: { sha256: digest.slice(7) } }];
  const predicateType = 'https://sigstore.dev/cosign/sign/v1';
  const statement = { _type: 'https://in-toto.io/Statement/v1', subject, predicateType, predicate: { n } };
  const payload = Buffer.from(JSON.stringify(statement));
  const signed = Buffer.concat([Buffer.from(`DSSEv1 ${type.length} ${type} ${payload.length} `), payload]);
  const sig = sign('sha256', signed, signer.privateKey).toString('base64');
  return {
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    verificationMaterial: { publicKey: { hint: '' } },
    dsseEnvelope: { payloadType: type, payload: payload.toString('base64'), signatures: [{ sig }] },
  };
}

function layerBy(signer: typeof key, digest: Digest, n: number) {
  const image = { 'docker-manifest-digest': digest };
  const critical = { identity: { 'docker-reference': '' }, image, type: 'cosign container image signature' };
  const payload = JSON.stringify({ critical, optional: { n } });
  return { payload, signature: sign('sha256', Buffer.from(payload), signer.privateKey).toString('base64') };
}

const counts = Array.from({ length: 99 }, (_, n) => n);
const trust = await trustOf({ keys: [pem] });

describe('a flood', () => {
  it.each([
    ['of bundles before a good one', 99, 0, []],
    ['of layers before a good one', 0, 99, []],
    ['over the limit of one family hides no good one of the other', 101, 0, []],
    ['over the limit, and nothing good elsewhere', 101, -1, ['deny IMAGE_TOO_MANY_SIGNATURES']],
  ] as const)('%s', async (_, bundles, layers, codes) => {
    const registry = new MemoryRegistry();
    const digest = registry.image('v1');
    for (let n = 0; n < bundles; n++) registry.bundle(digest, bundleBy(stranger, digest, n));
    registry.bundle(digest, bundleBy(key, digest, 0));
    const strangers = counts.slice(0, Math.max(layers, 0)).map((n) => layerBy(stranger, digest, n));
    if (layers >= 0) registry.legacy(digest, [...strangers, layerBy(key, digest, 0)]);
    const { codes: found, findings, pinned } = await checked(podsWith(reference), { trust, registry });
    expect(found).toEqual(codes);
    if (codes.length === 0) expect(imageOf(pinned[0])).toBe(`${reference}@${digest}`);
    else expect(findings[0]?.message).toMatch(/102 manifests refer to the image, and images\.limits\.referrers is 100/);
  });

  it('of bytes is denied with the limit', async () => {
    const registry = new MemoryRegistry();
    const digest = registry.image('v1');
    for (const n of counts.slice(0, 20)) registry.bundle(digest, bundleBy(stranger, digest, n));
    const settings = { limits: { imageBytes: 1000, signatures: 100, referrers: 100, signatureBytes: 10_000 } };
    const { codes, findings } = await checked(podsWith(reference), { trust, registry, settings });
    expect(codes).toEqual(['deny IMAGE_TOO_MANY_SIGNATURES']);
    expect(findings[0]?.message).toContain('images.limits.imageBytes, 1000');
  });
});
