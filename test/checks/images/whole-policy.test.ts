import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { ImagePolicy, KeyAuthority } from '../../../src/checks/images/policy/model.ts';
import type { Trust } from '../../../src/checks/images/policy/trust.ts';
import type { Digest } from '../../../src/core/image.ts';
import type { JsonValue } from '../../../src/core/json.ts';
import type { ContentAnswer, ContentJudge } from '../../../src/core/ports.ts';
import { checked, imageOf, MemoryRegistry, manifestOf, podsWith, trustOf } from './support.ts';

/** Policies with everything that a policy can ask besides a signature, over objects made by hand. */

const key = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pem = key.publicKey.export({ format: 'pem', type: 'spki' }).toString();
const reference = 'registry.example/team/app:v1';
const spdx = 'https://spdx.dev/Document';
const slsa = 'https://slsa.dev/provenance/v1';
const place = { file: 'policy.yaml' };
const ociManifest = 'application/vnd.oci.image.manifest.v1+json';

const base = await trustOf({ keys: [pem] });

function trustWith(change: Partial<ImagePolicy>, authority: Partial<KeyAuthority> = {}): Trust {
  const [policy] = base.policies as readonly [ImagePolicy];
  const changed = { ...(policy.authorities[0] as KeyAuthority), ...authority };
  return { ...base, policies: [{ ...policy, authorities: [changed], ...change }] };
}

function demand(predicateType: string, withContent = false) {
  const content = { language: 'rego', text: 'package sigstore', name: predicateType, place } as const;
  return { name: predicateType, predicateType, place, ...(withContent ? { content } : {}) };
}

function envelopeOf(digest: Digest, predicateType: string, signer: KeyObject = key.privateKey, predicate: object = {}) {
  const subject = [{ digest: { sha256: digest.slice(7) } }];
  const payload = Buffer.from(
    JSON.stringify({ _type: 'https://in-toto.io/Statement/v1', subject, predicateType, predicate }),
  );
  const type = 'application/vnd.in-toto+json';
  const signed = Buffer.concat([Buffer.from(`DSSEv1 ${type.length} ${type} ${payload.length} `), payload]);
  const sig = sign('sha256', signed, signer).toString('base64');
  return { payloadType: type, payload: payload.toString('base64'), signatures: [{ sig }] };
}

function bundleOf(...args: Parameters<typeof envelopeOf>) {
  return {
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    verificationMaterial: { publicKey: { hint: '' } },
    dsseEnvelope: envelopeOf(...args),
  };
}

function signatureLayer(digest: Digest) {
  const image = { 'docker-manifest-digest': digest };
  const critical = { identity: { 'docker-reference': '' }, image, type: 'cosign container image signature' };
  const payload = JSON.stringify({ critical, optional: {} });
  return { payload, signature: sign('sha256', Buffer.from(payload), key.privateKey).toString('base64') };
}

function referringLayers(registry: MemoryRegistry, subject: Digest, layers: readonly object[]): void {
  registry.referring.push(
    registry.put({ schemaVersion: 2, mediaType: ociManifest, config: {}, layers, subject: { digest: subject } }),
  );
}

function layerOf(registry: MemoryRegistry, mediaType: string, content: object | string, annotations: object = {}) {
  const text = typeof content === 'string' ? content : JSON.stringify(content);
  return { mediaType, digest: registry.put(text), size: Buffer.byteLength(text), annotations };
}

type Arrange = (registry: MemoryRegistry, digest: Digest) => void;

function arranged(arrange: Arrange) {
  const registry = new MemoryRegistry();
  const digest = registry.image('v1');
  arrange(registry, digest);
  return { registry, digest };
}

const signed: Arrange = (registry, digest) => registry.legacy(digest, [signatureLayer(digest)]);
const attested =
  (...types: readonly string[]): Arrange =>
  (registry, digest) => {
    for (const type of types) registry.bundle(digest, bundleOf(digest, type));
  };
const dsse = 'application/vnd.dsse.envelope.v1+json';

describe('attestations that are demanded', () => {
  const rows: [string, readonly string[], Arrange, readonly string[]][] = [
    ['in a bundle', [spdx], attested(spdx), []],
    [
      'under the .att tag',
      [spdx],
      (registry, digest) => {
        const layers = [layerOf(registry, dsse, envelopeOf(digest, spdx), { predicateType: spdx })];
        registry.tag(`${digest.replace(':', '-')}.att`, registry.put({ mediaType: ociManifest, layers }));
      },
      [],
    ],
    [
      'in a bare envelope that refers to the image',
      [spdx],
      (registry, digest) => referringLayers(registry, digest, [layerOf(registry, dsse, envelopeOf(digest, spdx))]),
      [],
    ],
    ['all of several', [spdx, slsa], attested(slsa, spdx), []],
    ['not all of several', [spdx, slsa], attested(spdx), ['deny IMAGE_ATTESTATION_MISSING']],
    ['of another type', [spdx], attested(slsa), ['deny IMAGE_ATTESTATION_MISSING']],
    ['of a type that only begins alike', [spdx], attested(`${spdx}/v2.3`), ['deny IMAGE_ATTESTATION_MISSING']],
    ['none at all', [spdx], () => {}, ['deny IMAGE_ATTESTATION_MISSING']],
    ['a signature is none', [spdx], signed, ['deny IMAGE_ATTESTATION_MISSING']],
    [
      'by a stranger',
      [spdx],
      (registry, digest) => registry.bundle(digest, bundleOf(digest, spdx, stranger.privateKey)),
      ['deny IMAGE_SIGNATURE_OTHER_KEY'],
    ],
    [
      'about another image',
      [spdx],
      (registry, digest) => registry.bundle(digest, bundleOf(registry.image('v2'), spdx)),
      ['deny IMAGE_SIGNATURE_OTHER_DIGEST'],
    ],
    [
      'whose list says another type than was signed',
      [spdx],
      (registry, digest) =>
        registry.bundle(digest, bundleOf(digest, slsa), {
          annotations: { 'dev.sigstore.bundle.predicateType': spdx },
        }),
      ['deny IMAGE_ATTESTATION_MISSING'],
    ],
  ];
  it.each(rows)('%s', async (_, types, arrange, codes) => {
    const { registry } = arranged(arrange);
    const trust = trustWith({}, { attestations: types.map((type) => demand(type)) });
    expect((await checked(podsWith(reference), { trust, registry })).codes).toEqual(codes);
  });
});

describe('where signatures lie', () => {
  const oci11: Arrange = (registry, digest) => {
    const { payload, signature } = signatureLayer(digest);
    const annotations = { 'dev.cosignproject.cosign/signature': signature };
    const type = 'application/vnd.dev.cosign.simplesigning.v1+json';
    referringLayers(registry, digest, [layerOf(registry, type, payload, annotations)]);
  };
  const bundled: Arrange = attested('https://sigstore.dev/cosign/sign/v1');
  it.each([
    ['in layers that refer to the image', 'any', oci11, []],
    ['but not where only tags count', 'legacy', oci11, ['deny IMAGE_UNSIGNED']],
    ['in a bundle', 'bundle', bundled, []],
    ['not in a bundle where only tags count', 'legacy', bundled, ['deny IMAGE_UNSIGNED']],
    ['not under a tag where only bundles count', 'bundle', signed, ['deny IMAGE_UNSIGNED']],
  ] as const)('%s', async (_, format, arrange, codes) => {
    const { registry } = arranged(arrange);
    const trust = trustWith({}, { format });
    expect((await checked(podsWith(reference), { trust, registry })).codes).toEqual(codes);
  });

  it('nothing is fetched that no policy asks for', async () => {
    const { registry, digest } = arranged(signed);
    await checked(podsWith(reference), { trust: trustWith({}, { format: 'legacy' }), registry });
    const tag = `${digest.replace(':', '-')}.sig`;
    expect(registry.asked.filter((each) => !each.startsWith('blob'))).toEqual([
      'tag registry.example/team/app:v1',
      `manifest ${tag}`,
    ]);
  });

  it('in another repository, under another tag, with other credentials', async () => {
    const { registry, digest } = arranged(() => {});
    const asked: unknown[] = [];
    const elsewhere = new MemoryRegistry();
    elsewhere.legacy(digest, [signatureLayer(digest)]);
    const tag = `${digest.replace(':', '-')}.sig`;
    const { digest: manifest } = elsewhere.tags.get(tag) ?? { digest };
    elsewhere.tags.delete(tag);
    elsewhere.tag(`prod-${tag}`, manifest);
    const both = new MemoryRegistry();
    both.resolveTag = (...args) => registry.resolveTag(...args);
    both.manifest = (repository, name) => {
      asked.push(repository);
      return (repository.path === 'signatures' ? elsewhere : registry).manifest(repository, name);
    };
    both.blob = (repository, blob) => (repository.path === 'signatures' ? elsewhere : registry).blob(repository, blob);
    const source = { repository: 'store.example/signatures', tagPrefix: 'prod-', pullSecrets: ['store'] };
    const result = await checked(podsWith(reference), {
      trust: trustWith({}, { sources: [source], format: 'legacy' }),
      registry: both,
    });
    expect(result.codes).toEqual([]);
    expect(asked).toEqual([{ registry: 'store.example', path: 'signatures', pullSecrets: ['store'] }]);
  });
});

describe('a policy over content', () => {
  const passing: ContentAnswer = { kind: 'passed' };
  const judgeWith = (judge: ContentJudge['judge']): ContentJudge => ({ check: async () => {}, judge });
  const trust = trustWith({}, { attestations: [demand(spdx, true)] });

  it.each([
    ['passes', async () => passing, []],
    ['fails', async () => ({ kind: 'failed', message: 'too old' }), ['deny IMAGE_CONTENT_REFUSED']],
    ['throws', async () => Promise.reject(new Error('broken')), ['error CHECK_CRASHED']],
    ['gives nothing', async () => undefined as never, ['error CHECK_SILENT']],
    ['gives something else', async () => ({ kind: 'maybe' }) as never, ['error CHECK_SILENT']],
  ] satisfies [string, ContentJudge['judge'], string[]][])('that %s', async (_, judge, codes) => {
    const { registry } = arranged(attested(spdx));
    const result = await checked(podsWith(reference), { trust, registry, content: judgeWith(judge) });
    expect(result.codes).toEqual(codes);
    expect(imageOf(result.pinned[0]) === reference).toBe(codes.length > 0);
  });

  it('that hangs ends with the deadline', async () => {
    const { registry } = arranged(attested(spdx));
    const content = judgeWith(() => new Promise(() => {}));
    const result = await checked(podsWith(reference), { trust, registry, content }, AbortSignal.timeout(300));
    expect(result.outcome).toMatchObject({ kind: 'errored', error: { code: 'CHECK_TIMEOUT' } });
  });

  it('that nothing can judge denies', async () => {
    const { registry } = arranged(attested(spdx));
    expect((await checked(podsWith(reference), { trust, registry })).codes).toEqual(['error IMAGE_POLICY_UNSUPPORTED']);
  });

  it('is shown the statement that was verified, whole, and any that passes is enough', async () => {
    const { registry } = arranged((made, digest) => {
      for (const n of [1, 2]) made.bundle(digest, bundleOf(digest, spdx, key.privateKey, { n }));
      made.bundle(digest, bundleOf(digest, spdx, stranger.privateKey, { n: 3 }));
    });
    const inputs: JsonValue[] = [];
    const content = judgeWith(async (_, input) => {
      inputs.push(input);
      const { predicate } = input as { predicate: { n: number } };
      return predicate.n === 2 ? passing : { kind: 'failed', message: 'one' };
    });
    expect((await checked(podsWith(reference), { trust, registry, content })).codes).toEqual([]);
    expect(inputs).toMatchObject([{ predicateType: spdx, predicate: { n: 1 } }, { predicate: { n: 2 } }]);
  });

  const rule = { language: 'rego', text: 'package sigstore', name: 'release', place } as const;
  const looks = { fetchConfigFile: false, includeSpec: false, includeObjectMeta: false, includeTypeMeta: false };

  it('of the image sees who vouched, and each object that runs it where it asks to', async () => {
    const { registry } = arranged(signed);
    const inputs: JsonValue[] = [];
    const content = judgeWith(async (_, input) => {
      inputs.push(input);
      const { metadata } = input as { metadata: { name: string } };
      return metadata.name === 'pod-0' ? passing : { kind: 'failed', message: `not ${metadata.name}` };
    });
    const asks = trustWith({ content: { rule, ...looks, includeObjectMeta: true, includeTypeMeta: true } });
    const result = await checked(podsWith(reference, reference), { trust: asks, registry, content });
    expect(result.findings).toMatchObject([{ code: 'IMAGE_CONTENT_REFUSED', object: { name: 'pod-1' } }]);
    expect(inputs).toMatchObject([
      {
        authorityMatches: { 'authority-0': { signatures: [{ id: expect.stringMatching(/^[0-9a-f]{64}$/) }] } },
        metadata: { name: 'pod-0' },
        typemeta: { apiVersion: 'v1', kind: 'Pod' },
      },
      { metadata: { name: 'pod-1' } },
    ]);
  });

  const platform = (registry: MemoryRegistry, os: string, architecture: string, user: string) => {
    const config = layerOf(registry, 'application/vnd.oci.image.config.v1+json', {
      os,
      architecture,
      config: { User: user },
    });
    const digest = registry.put({ schemaVersion: 2, mediaType: ociManifest, config, layers: [] });
    return { digest, mediaType: ociManifest, size: 1, platform: { os, architecture } };
  };
  const configs: [string, (registry: MemoryRegistry) => readonly object[], string[]][] = [
    [
      'every platform',
      (made) => [platform(made, 'linux', 'amd64', 'web'), platform(made, 'linux', 'arm64', 'web')],
      [],
    ],
    [
      'one platform that fails',
      (made) => [platform(made, 'linux', 'amd64', 'web'), platform(made, 'linux', 'arm64', 'root')],
      ['deny IMAGE_CONTENT_REFUSED'],
    ],
    [
      'no attestation of a build',
      (made) => [platform(made, 'linux', 'amd64', 'web'), platform(made, 'unknown', 'unknown', 'root')],
      [],
    ],
    [
      'nothing that is missing',
      (made) => [
        { digest: `sha256:${'0'.repeat(64)}`, size: 1, mediaType: ociManifest },
        platform(made, 'linux', 'amd64', 'web'),
      ],
      ['error IMAGE_UNVERIFIABLE'],
    ],
    [
      'not two for one platform',
      (made) => [platform(made, 'linux', 'amd64', 'web'), platform(made, 'linux', 'amd64', 'root')],
      ['error IMAGE_UNVERIFIABLE'],
    ],
    [
      'not more than it reads',
      (made) => Array.from({ length: 65 }, (_, i) => platform(made, 'linux', `cpu${i}`, 'web')),
      ['error IMAGE_UNVERIFIABLE'],
    ],
    ['not no platform', () => [], ['error IMAGE_UNVERIFIABLE']],
  ];
  it.each(configs)('of the configs of the image sees %s', async (_, platforms, codes) => {
    const registry = new MemoryRegistry();
    const index = {
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: platforms(registry),
    };
    const digest = registry.put(index);
    registry.tag('v1', digest, index.mediaType);
    signed(registry, digest);
    const content = judgeWith(async (_rule, input) => {
      const all = Object.values((input as { config: Record<string, { config: { User: string } }> }).config);
      return all.every(({ config }) => config.User !== 'root') ? passing : { kind: 'failed', message: 'root' };
    });
    const asks = trustWith({ content: { rule, ...looks, fetchConfigFile: true } });
    expect((await checked(podsWith(reference), { trust: asks, registry, content })).codes).toEqual(codes);
  });
});

describe('quorum, mode and match', () => {
  const two = (quorum: number) => {
    const [policy] = base.policies as readonly [ImagePolicy];
    const own = policy.authorities[0] as KeyAuthority;
    const pass = { kind: 'static', name: 'pass', action: 'pass', message: '' } as const;
    return { ...base, policies: [{ ...policy, quorum, authorities: [own, pass] as const }] };
  };
  it.each([
    [1, () => {}, []],
    [2, signed, []],
    [2, () => {}, ['deny IMAGE_UNSIGNED']],
    [3, signed, ['deny IMAGE_DENIED_BY_POLICY']],
    [0, signed, ['deny IMAGE_UNSIGNED']],
  ] as const)('%i must agree', async (quorum, arrange, codes) => {
    const { registry } = arranged(arrange);
    expect((await checked(podsWith(reference), { trust: two(quorum), registry })).codes).toEqual(codes);
  });

  it('what only warns is told, runs, is pinned by nobody and is never called verified', async () => {
    const { registry } = arranged(() => {});
    const result = await checked(podsWith(reference), { trust: trustWith({ mode: 'warn' }), registry });
    expect(result.codes).toEqual(['warn IMAGE_UNSIGNED']);
    expect(result.images).toEqual([{ reference, digest: undefined, by: [] }]);
    expect(imageOf(result.pinned[0])).toBe(reference);
  });

  it('one image in two objects meets the policies of each', async () => {
    const { registry } = arranged(() => {});
    const spec = { containers: [{ name: 'main', image: reference }] };
    const podOf = (name: string, labels: object, i: number) =>
      manifestOf({ apiVersion: 'v1', kind: 'Pod', metadata: { name, labels }, spec }, i);
    const selector = { matchLabels: { tier: 'web' }, matchExpressions: [] };
    const strict = trustWith({ match: [{ group: '', version: 'v1', resource: 'pods', selector }] });
    const lax = await trustOf({ authorities: [{ static: { action: 'pass' } }] });
    const trust = { ...base, policies: [...strict.policies, { ...(lax.policies[0] as ImagePolicy), rule: 'lax' }] };
    const { findings } = await checked([podOf('a', { tier: 'web' }, 0), podOf('b', {}, 1)], { trust, registry });
    expect(findings.map(({ object, code }) => [object?.name, code])).toEqual([['a', 'IMAGE_UNSIGNED']]);
  });

  it('a policy that perhaps looks at an object can refuse it, and not vouch for it alone', async () => {
    const selector = { matchLabels: { tier: 'web' }, matchExpressions: [] };
    const trust = trustWith({ match: [{ group: '', version: 'v1', resource: 'pods', selector }] });
    const thing = manifestOf({
      apiVersion: 'example.com/v1',
      kind: 'Thing',
      metadata: { name: 'x' },
      spec: { containers: [{ name: 'main', image: reference }] },
    });
    expect((await checked([thing], { trust, ...arranged(() => {}) })).codes).toEqual(['deny IMAGE_UNSIGNED']);
    expect((await checked([thing], { trust, ...arranged(signed) })).codes).toEqual(['deny IMAGE_UNMATCHED']);
  });
});
