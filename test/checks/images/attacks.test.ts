import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { readDer, tags } from '../../../src/checks/images/notation/der.ts';
import type { ImagePolicy, KeyAuthority } from '../../../src/checks/images/policy/model.ts';
import { readImageConfigs } from '../../../src/checks/images/verify/image-config.ts';
import { caseKey } from '../../../src/checks/images/verify/memory.ts';
import { parseCertificate } from '../../../src/checks/images/verify/trust-material.ts';
import { type Digest, parseImageReference } from '../../../src/core/image.ts';
import { decisionText } from '../../../src/report/text.ts';
import { issue, keyPair } from '../../support/sigstore/certificates.ts';
import * as der from '../../support/sigstore/der.ts';
import { type BlobQuestion, checked, MemoryRegistry, manifestOf, podsWith, trustOf } from './support.ts';

/** Attacks that were tried on the finished check, each named by what the attacker does. */

const key = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pem = key.publicKey.export({ format: 'pem', type: 'spki' }).toString();
const reference = 'registry.example/team/app:v1';
const ociManifest = 'application/vnd.oci.image.manifest.v1+json';
const ociIndex = 'application/vnd.oci.image.index.v1+json';
const simpleSigning = 'application/vnd.dev.cosign.simplesigning.v1+json';

function payloadOf(digest: Digest): Buffer {
  const image = { 'docker-manifest-digest': digest };
  const critical = { identity: { 'docker-reference': '' }, image, type: 'cosign container image signature' };
  return Buffer.from(JSON.stringify({ critical, optional: {} }));
}

function signatureOf(bytes: Uint8Array) {
  return { 'dev.cosignproject.cosign/signature': sign('sha256', bytes, key.privateKey).toString('base64') };
}

/** A registry that keeps to the largest body that it is asked for, as the real client does. */
class BoundedRegistry extends MemoryRegistry {
  read = 0;

  override async blob(...asked: BlobQuestion) {
    const [, , most = 0] = asked;
    const found = await super.blob(...asked);
    this.read += Math.min(found?.bytes.length ?? 0, most);
    if (found !== undefined && found.bytes.length > most) throw new Error('too large');
    return found;
  }

  /** Layers of the `.sig` tag, as somebody wrote them. */
  signatureLayers(digest: Digest, layers: readonly object[]): void {
    const manifest = this.put({ schemaVersion: 2, mediaType: ociManifest, config: {}, layers });
    this.tag(`${digest.replace(':', '-')}.sig`, manifest);
  }
}

describe('layers that lie about their size', () => {
  it.each([
    ['more than is read of any', 1024 ** 3],
    ['less than it is', 1],
    ['a little more than it is', 1000],
  ])('%s, of the payload of a good signature, which counts all the same', async (_, size) => {
    const registry = new BoundedRegistry();
    const digest = registry.image('v1');
    const payload = payloadOf(digest);
    const blob = registry.put(payload);
    const good = { mediaType: simpleSigning, digest: blob, size: payload.length, annotations: signatureOf(payload) };
    registry.signatureLayers(digest, [{ ...good, size }, good]);
    const { codes } = await checked(podsWith(reference), { trust: await trustOf({ keys: [pem] }), registry });
    expect(codes).toEqual([]);
  });

  it('are read no further than they say, so that what is counted is what is read', async () => {
    const registry = new BoundedRegistry();
    const digest = registry.image('v1');
    const layers = Array.from({ length: 50 }, (_, i) => {
      const payload = Buffer.alloc(1024 * 1024, `${i} `);
      return { mediaType: simpleSigning, digest: registry.put(payload), size: 10, annotations: signatureOf(payload) };
    });
    registry.signatureLayers(digest, layers);
    const settings = { limits: { imageBytes: 1024 } };
    const { outcome } = await checked(podsWith(reference), {
      trust: await trustOf({ keys: [pem] }),
      registry,
      settings,
    });
    expect(outcome).toMatchObject({ kind: 'completed', findings: [{ code: expect.stringMatching(/^IMAGE_/) }] });
    expect(registry.read).toBeLessThanOrEqual(1024);
  });
});

describe('an index whose platforms are not those of its configs', () => {
  const never = new AbortController().signal;
  const repository = { registry: 'registry.example', path: 'team/app' };
  const good = { os: 'linux', architecture: 'amd64', config: { User: '1000' } };
  const root = { os: 'linux', architecture: 's390x', config: { User: 'root' } };

  function indexOf(children: readonly (readonly [config: object, platform: object | undefined])[]) {
    const registry = new MemoryRegistry();
    const manifests = children.map(([config, platform]) => {
      const manifest = {
        schemaVersion: 2,
        mediaType: ociManifest,
        config: { digest: registry.put(config) },
        layers: [],
      };
      return { mediaType: ociManifest, digest: registry.put(manifest), size: 1, ...(platform && { platform }) };
    });
    return { registry, digest: registry.put({ schemaVersion: 2, mediaType: ociIndex, manifests }) };
  }

  it.each<[string, readonly (readonly [object, object | undefined])[], RegExp | undefined]>([
    ['the same', [[good, { os: 'linux', architecture: 'amd64' }]], undefined],
    ['a variant that only the index tells', [[good, { os: 'linux', architecture: 'amd64', variant: 'v2' }]], undefined],
    ['none in the index', [[good, undefined]], undefined],
    [
      'swapped, so that a policy sees the good one under the name that nodes pull the other by',
      [
        [root, { os: 'linux', architecture: 'amd64' }],
        [good, { os: 'windows', architecture: 'amd64' }],
      ],
      /calls a platform otherwise/,
    ],
    ['a list', [[good, ['linux', 'amd64']]], /platform of its index is malformed/],
  ])('%s', async (_, children, refused) => {
    const { registry, digest } = indexOf(children);
    const reading = readImageConfigs(repository, digest, registry, never);
    if (refused === undefined) expect(Object.keys(await reading)).toEqual(['linux/amd64']);
    else await expect(reading).rejects.toThrow(refused);
  });
});

describe('one image under two policies', () => {
  const workload = (kind: 'Deployment' | 'StatefulSet', index: number) =>
    manifestOf(
      {
        apiVersion: 'apps/v1',
        kind,
        metadata: { name: `app-${index}` },
        spec: { template: { metadata: {}, spec: { containers: [{ name: 'main', image: reference }] } } },
      },
      index,
    );

  it.each([[['Deployment', 'StatefulSet'] as const], [['StatefulSet', 'Deployment'] as const]])(
    'is not recorded as verified where an object runs it unverified: %j',
    async (kinds) => {
      const registry = new MemoryRegistry();
      const digest = registry.image('v1');
      const payload = payloadOf(digest);
      const signature = sign('sha256', payload, key.privateKey).toString('base64');
      registry.legacy(digest, [{ payload, signature }]);
      const match = [{ group: 'apps', version: 'v1', resource: 'deployments' }];
      const trust = await trustOf({ keys: [pem], match });
      const manifests = kinds.map(workload);
      const settings = { unmatched: 'allow' };
      const result = await checked(manifests, { trust, registry, settings });
      expect(result.codes).toEqual([]);
      expect(result.images).toEqual([{ reference, digest: undefined, by: [] }]);
      const alone = await checked([workload('Deployment', 0)], { trust, registry, settings });
      expect(alone.images).toMatchObject([{ reference, digest, by: [expect.any(String)] }]);
    },
  );
});

describe('an image that nobody signed, and that a policy lets pass', () => {
  it('is recorded as unsigned, and not counted among the verified', async () => {
    const registry = new MemoryRegistry();
    const digest = registry.image('v1');
    const trust = await trustOf({ authorities: [{ static: { action: 'pass' } }] });
    const { images, codes } = await checked(podsWith(reference), { trust, registry });
    expect(codes).toEqual([]);
    expect(images).toEqual([{ reference, digest, by: [expect.stringContaining('static pass')], unsigned: true }]);
    const decision = {
      verdict: 'allowed',
      reasons: [],
      warnings: [],
      checks: [],
      images,
      objects: 1,
      engines: {},
      notEvaluated: [],
      manifestsDigest: undefined,
    } as const;
    expect(decisionText(decision)).toContain('0 images verified, 1 let through unverified');
  });
});

describe('what was remembered under one policy', () => {
  it('is no answer under one with another annotation, whatever the others are called', async () => {
    const [policy] = (await trustOf({ keys: [pem] })).policies as [ImagePolicy];
    const [authority] = policy.authorities as [KeyAuthority];
    const image = parseImageReference(`${reference}@sha256:${'a'.repeat(64)}`);
    const keyOf = (annotations: Readonly<Record<string, string>>) => {
      const asked: ImagePolicy = { ...policy, authorities: [{ ...authority, annotations }] };
      return caseKey({ policy: asked, objects: [] }, image, image.digest as Digest);
    };
    const same = { name: 'n', digest: 'd', json: 'j' };
    expect(keyOf({ ...same, env: 'prod' })).not.toBe(keyOf({ ...same, env: 'test' }));
    expect(keyOf({ ...same, env: 'prod' })).toBe(keyOf({ ...same, env: 'prod' }));
  });
});

describe('an image that only the driver of a volume is told of', () => {
  it.each([
    ['csi', 'volumeAttributes'],
    ['flexVolume', 'options'],
  ])('%s.%s', async (driver, field) => {
    const registry = new MemoryRegistry();
    const volumes = [{ name: 'v', [driver]: { driver: 'images.example', [field]: { image: 'evil/app' } } }];
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: { containers: [], volumes } };
    const { codes } = await checked([manifestOf(pod)], { trust: await trustOf({ keys: [pem] }), registry });
    expect(codes).toEqual(['deny IMAGE_SUSPECTED']);
  });
});

describe('DER that takes a library long to read', () => {
  const long = Buffer.alloc(60_000, 0xff);
  const certificate = (extensions: Parameters<typeof issue>[0]['extensions']) =>
    issue({
      commonName: 'fat',
      keys: keyPair(),
      validity: { notBefore: new Date(0), notAfter: new Date('2040-01-01') },
      extensions,
    }).der;

  it('a number of tens of kilobytes in a certificate', () => {
    expect(() => parseCertificate(certificate([{ oid: '1.2.3', value: der.integer(long) }]))).toThrow('a number of');
    expect(() => parseCertificate(certificate([{ oid: '1.2.3', value: der.integer(7) }]))).not.toThrow();
  });

  it('thousands of extensions', () => {
    const many = Array.from({ length: 100 }, (_, i) => ({ oid: `1.2.${i}`, value: der.nothing() }));
    expect(() => parseCertificate(certificate(many))).toThrow('extensions, more than');
  });

  it('in what the Notary Project brings', () => {
    const fat = readDer(
      der.sequence(der.integer(long), Buffer.concat([Buffer.of(0x06, 0x82, 0xea, 0x60), long])),
      'it',
    );
    expect(() => fat.child(0).integer()).toThrow('not in the form');
    expect(() => fat.child(1, tags.oid).oid()).toThrow('not in the form');
    expect(readDer(der.integer(7), 'it').integer()).toBe(7n);
  });
});
