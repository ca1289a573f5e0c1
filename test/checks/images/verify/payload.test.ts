import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { foreseenPayload } from '../../../../src/checks/images/verify/payload.ts';
import { parseImageReference } from '../../../../src/core/image.ts';
import { checked, MemoryRegistry, podsWith, trustOf } from '../support.ts';

const name = 'registry.example/team/app';
const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const trust = await trustOf({ keys: [publicKey.export({ format: 'pem', type: 'spki' }).toString()] });

function payloadOf(digest: string, named = name, optional: object | null = null): string {
  // As cosign's own package writes it (sigstore/pkg/signature/payload).
  return `{"critical":{"identity":{"docker-reference":"${named}"},"image":{"docker-manifest-digest":"${digest}"},"type":"cosign container image signature"},"optional":${JSON.stringify(optional)}}`;
}

const signatureOf = (payload: string) => sign('sha256', Buffer.from(payload), privateKey).toString('base64');

describe('the payload that cosign signs', () => {
  it('is known before it is asked for, to the byte', () => {
    const digest = `sha256:${'a'.repeat(64)}` as const;
    const { repository } = parseImageReference(`${name}:v1`);
    const foreseen = foreseenPayload(repository, digest as never);
    const payload = payloadOf(digest);
    expect(Buffer.from(foreseen.bytes).toString()).toBe(payload);
    expect(foreseen.digest).toBe(`sha256:${createHash('sha256').update(payload).digest('hex')}`);
  });

  it.each([
    ['is not asked for', name, null, 0],
    ['is asked for where it names another repository', 'mirror.example/app', null, 1],
    ['is asked for where something was added', name, { build: '7' }, 1],
  ])('%s', async (_, named, optional, blobs) => {
    const registry = new MemoryRegistry();
    const digest = registry.image('v1');
    const payload = payloadOf(digest, named, optional);
    registry.legacy(digest, [{ payload, signature: signatureOf(payload) }]);
    const { images, findings } = await checked(podsWith(`${name}:v1`), { trust, registry });
    expect(findings).toEqual([]);
    expect(images).toMatchObject([{ digest, by: [expect.stringContaining('key SHA256:')] }]);
    expect(registry.asked.filter((asked) => asked.startsWith('blob '))).toHaveLength(blobs);
  });

  it.each<[string, object, string | undefined]>([
    ['no signature of it', {}, 'something else'],
    ['a limit that is less', { limits: { signatureBytes: 100 } }, undefined],
  ])('does not verify with %s', async (_, settings, signed) => {
    const registry = new MemoryRegistry();
    const digest = registry.image('v1');
    const payload = payloadOf(digest);
    registry.legacy(digest, [{ payload, signature: signatureOf(signed ?? payload) }]);
    const { images, findings } = await checked(podsWith(`${name}:v1`), { trust, registry, settings });
    expect(images).toEqual([]);
    expect(findings).toMatchObject([{ effect: 'deny' }]);
  });

  it('is asked for where the manifest says another size', async () => {
    const registry = new MemoryRegistry();
    const digest = registry.image('v1');
    const payload = payloadOf(digest);
    const layer = {
      mediaType: 'application/vnd.dev.cosign.simplesigning.v1+json',
      digest: registry.put(payload),
      size: payload.length + 1,
      annotations: { 'dev.cosignproject.cosign/signature': signatureOf(payload) },
    };
    registry.tag(`${digest.replace(':', '-')}.sig`, registry.put({ schemaVersion: 2, layers: [layer] }));
    const { images } = await checked(podsWith(`${name}:v1`), { trust, registry });
    expect(images).toEqual([]);
  });
});
