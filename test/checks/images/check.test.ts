import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type Digest, repositoryName } from '../../../src/core/image.ts';
import type { Registry } from '../../../src/core/ports.ts';
import { checked, imageOf, MemoryRegistry, manifestOf, podsWith, trustOf } from './support.ts';

/** How verdicts combine: which policies apply, what the settings say, what is written back and what is told. */

const [one, two] = [
  generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  generateKeyPairSync('rsa', { modulusLength: 2048 }),
];
const pemOf = (key: typeof one) => key.publicKey.export({ format: 'pem', type: 'spki' }).toString();
const reference = 'registry.example/team/app:v1';

function layerBy(key: typeof one, digest: Digest) {
  const critical = {
    identity: { 'docker-reference': '' },
    image: { 'docker-manifest-digest': digest },
    type: 'cosign container image signature',
  };
  const payload = JSON.stringify({ critical, optional: {} });
  return { payload, signature: sign('sha256', Buffer.from(payload), key.privateKey).toString('base64') };
}

function signedBy(...keys: readonly (typeof one)[]) {
  const registry = new MemoryRegistry();
  const digest = registry.image('v1');
  registry.legacy(
    digest,
    keys.map((key) => layerBy(key, digest)),
  );
  return { registry, digest };
}

describe('policies combine', () => {
  const byOne = { keys: [pemOf(one)] };
  const byTwo = { keys: [pemOf(two)] };
  const either = { keys: [pemOf(one), pemOf(two)] };
  const elsewhere = { keys: [pemOf(two)], globs: ['ghcr.io/**'] };
  const pass = { authorities: [{ static: { action: 'pass' } }] };
  const fail = { authorities: [{ static: { action: 'fail', message: 'retired\nlong ago' } }] };

  it.each([
    ['any authority of a policy is enough', [either], [two], []],
    ['all policies that match must pass', [byOne, byTwo], [one, two], []],
    ['one of them does not', [byOne, byTwo], [one], ['deny IMAGE_SIGNATURE_OTHER_KEY']],
    ['a policy that does not match has no say', [byOne, elsewhere], [one], []],
    ['a lax policy beside a strict one changes nothing', [byOne, pass], [two], ['deny IMAGE_SIGNATURE_OTHER_KEY']],
    ['static pass alone passes', [pass], [], []],
    ['static fail alone denies', [fail], [one], ['deny IMAGE_DENIED_BY_POLICY']],
    ['static fail beside a good signature denies', [byOne, fail], [one], ['deny IMAGE_DENIED_BY_POLICY']],
    [
      'static fail beside a key in one policy: any is enough',
      [{ authorities: [...fail.authorities, { key: { data: pemOf(one) }, ctlog: {} }] }],
      [one],
      [],
    ],
    ['each policy that refuses is told', [byOne, byTwo], [], ['deny IMAGE_UNSIGNED', 'deny IMAGE_UNSIGNED']],
  ])('%s', async (_, policies, signers, codes) => {
    const { registry, digest } = signedBy(...signers);
    const result = await checked(podsWith(reference), { trust: await trustOf(...policies), registry });
    expect(result.codes).toEqual(codes);
    expect(imageOf(result.pinned[0])).toBe(codes.length === 0 ? `${reference}@${digest}` : reference);
    for (const { message } of result.findings) expect(message).not.toMatch(/\n/);
  });

  it('a static pass is told as one, and asks for no signature', async () => {
    const { registry } = signedBy(one);
    const { images } = await checked(podsWith(reference), { trust: await trustOf(pass), registry });
    expect(images[0]?.by).toEqual(['ClusterImagePolicy policy-0, authority authority-0, static pass']);
    expect(registry.asked).toEqual(['tag registry.example/team/app:v1']);
  });
});

describe('which policies apply', () => {
  const byOne = { keys: [pemOf(one)] };
  const ban = (digest: string) => ({ globs: [`**@${digest}`], authorities: [{ static: { action: 'fail' } }] });

  it('a ban on a digest holds for a tag that points to it', async () => {
    const { registry, digest } = signedBy(one);
    const trust = await trustOf(byOne, ban(digest));
    for (const image of [reference, `registry.example/team/app@${digest}`, `${reference}@${digest}`]) {
      expect((await checked(podsWith(image), { trust, registry })).codes).toEqual(['deny IMAGE_DENIED_BY_POLICY']);
    }
    expect(
      (await checked(podsWith(reference), { trust: await trustOf(byOne, ban(`sha256:${'0'.repeat(64)}`)), registry }))
        .codes,
    ).toEqual([]);
  });

  it('a policy for a tag has no say on a digest, whose tag is a word of its author', async () => {
    const { registry, digest } = signedBy(one);
    const trust = await trustOf({ ...byOne, globs: ['registry.example/team/app:v1'] });
    expect((await checked(podsWith(reference), { trust, registry })).codes).toEqual(['warn IMAGE_POLICY_HAZARD']);
    expect((await checked(podsWith(`${reference}@${digest}`), { trust, registry })).codes).toEqual([
      'warn IMAGE_POLICY_HAZARD',
      'deny IMAGE_UNMATCHED',
    ]);
  });

  it('two spellings of one image meet the same policy', async () => {
    const { registry, digest } = signedBy(two);
    const trust = await trustOf({ ...byOne, globs: ['registry.example/**'] });
    const spellings = ['registry.example', 'REGISTRY.example', 'registry.example.', 'registry.example:443'];
    for (const host of spellings) {
      for (const image of [`${host}/team/app:v1`, `${host}/team/app@${digest}`]) {
        const result = await checked(podsWith(image), { trust, registry, settings: { unmatched: 'allow' } });
        expect(result.codes).toEqual(['deny IMAGE_SIGNATURE_OTHER_KEY']);
      }
    }
  });

  it('the tag that is written beside a digest is not asked about', async () => {
    const { registry, digest } = signedBy(one);
    const image = `registry.example/team/app:another@${digest}`;
    const result = await checked(podsWith(image), { trust: await trustOf(byOne), registry });
    expect(result.codes).toEqual([]);
    expect(imageOf(result.pinned[0])).toBe(image);
    expect(registry.asked.filter((question) => question.startsWith('tag'))).toEqual([]);
  });
});

describe('an image that no policy matches', () => {
  it.each([
    ['deny', ['deny IMAGE_UNMATCHED'], 0],
    ['warn', ['warn IMAGE_UNMATCHED'], 1],
    ['allow', [], 1],
  ])('%s', async (unmatched, codes, told) => {
    const { registry } = signedBy(one);
    const trust = await trustOf({ keys: [pemOf(one)], globs: ['ghcr.io/**'] });
    const result = await checked(podsWith(reference), { trust, registry, settings: { unmatched } });
    expect(result.codes).toEqual(codes);
    // Let through is not verified: nobody vouched, nothing was asked and nothing is pinned.
    expect(result.images).toEqual(new Array(told).fill({ reference, digest: undefined, by: [] }));
    expect(imageOf(result.pinned[0])).toBe(reference);
    expect(registry.asked).toEqual([]);
  });

  it('is denied with no policy at all', async () => {
    const { registry } = signedBy(one);
    expect((await checked(podsWith(reference), { trust: await trustOf(), registry })).codes).toEqual([
      'deny IMAGE_UNMATCHED',
    ]);
  });
});

describe('pinning', () => {
  it('off: a verified tag is denied with the text to write, and a digest stays as it is', async () => {
    const { registry, digest } = signedBy(one);
    const trust = await trustOf({ keys: [pemOf(one)] });
    const tagged = await checked(podsWith(reference), { trust, registry, settings: { pin: false } });
    expect(tagged.codes).toEqual(['deny IMAGE_NOT_PINNED']);
    expect(tagged.findings[0]?.mend).toContain(`${reference}@${digest}`);
    expect(imageOf(tagged.pinned[0])).toBe(reference);
    const spelled = `REGISTRY.example/team/app@${digest}`;
    const pinned = await checked(podsWith(spelled), { trust, registry, settings: { pin: false } });
    expect(pinned.codes).toEqual([]);
    expect(imageOf(pinned.pinned[0])).toBe(spelled);
  });

  it('writes to every field that names the image, and to nothing else', async () => {
    const { registry, digest } = signedBy(one);
    const pinned = `${reference}@${digest}`;
    const object = {
      apiVersion: 'example.com/v1',
      kind: 'Thing',
      metadata: { name: 'x', annotations: { note: reference } },
      spec: {
        a: {
          containers: [{ name: 'a', image: reference }],
          initContainers: [{ name: 'b', image: reference }],
          volumes: [{ image: { reference } }],
        },
        other: [1, { deep: true }],
      },
    };
    const manifest = manifestOf(object, 3);
    const result = await checked([manifest], { trust: await trustOf({ keys: [pemOf(one)] }), registry });
    expect(result.codes).toEqual([]);
    expect(JSON.parse(JSON.stringify(result.pinned[0]?.object))).toEqual({
      ...object,
      spec: {
        ...object.spec,
        a: {
          containers: [{ name: 'a', image: pinned }],
          initContainers: [{ name: 'b', image: pinned }],
          volumes: [{ image: { reference: pinned } }],
        },
      },
    });
    expect(result.pinned[0]).toMatchObject({ index: 3, identity: manifest.identity, origin: manifest.origin });
    expect(result.pinned[0]?.locate(['spec', 'a'])).toEqual(manifest.locate(['spec', 'a']));
    expect(manifest.object).toEqual(object);
  });

  it('keeps the scheme of a field, and leaves the tag out where its reader takes none', async () => {
    const { registry, digest } = signedBy(one);
    const plugin = manifestOf(
      {
        apiVersion: 'extensions.istio.io/v1alpha1',
        kind: 'WasmPlugin',
        metadata: { name: 'x' },
        spec: { url: `oci://${reference}` },
      },
      0,
    );
    const volume = manifestOf(
      {
        apiVersion: 'cdi.kubevirt.io/v1beta1',
        kind: 'DataVolume',
        metadata: { name: 'x' },
        spec: { source: { registry: { url: `docker://${reference}` } } },
      },
      1,
    );
    const { pinned } = await checked([plugin, volume], { trust: await trustOf({ keys: [pemOf(one)] }), registry });
    expect(pinned[0]?.object['spec']).toEqual({ url: `oci://${reference}@${digest}` });
    expect(pinned[1]?.object['spec']).toEqual({
      source: { registry: { url: `docker://registry.example/team/app@${digest}` } },
    });
  });

  it('of what is pinned already changes no byte', async () => {
    const { registry } = signedBy(one);
    const trust = await trustOf({ keys: [pemOf(one)] });
    const first = await checked(podsWith(reference), { trust, registry });
    const second = await checked(first.pinned, { trust, registry });
    expect(JSON.stringify(second.pinned.map(({ object }) => object))).toBe(
      JSON.stringify(first.pinned.map(({ object }) => object)),
    );
  });
});

describe('findings', () => {
  const fieldCases: [string, unknown, string][] = [
    ['missing', undefined, 'deny IMAGE_FIELD_INVALID'],
    ['a number', 7, 'deny IMAGE_FIELD_INVALID'],
    ['empty', '', 'deny IMAGE_REFERENCE_EMPTY'],
    ['templated', '$(IMAGE)', 'deny IMAGE_REFERENCE_TEMPLATED'],
    ["an injector's", 'auto', 'deny IMAGE_REFERENCE_TEMPLATED'],
    ['malformed', 'Nginx:::', 'deny IMAGE_REFERENCE_INVALID'],
    ['by another algorithm', `nginx@sha512:${'a'.repeat(128)}`, 'deny IMAGE_DIGEST_INVALID'],
  ];
  it.each(fieldCases)('an image field that is %s, even where unmatched images are allowed', async (_, image, code) => {
    const { registry } = signedBy(one);
    const result = await checked(podsWith(image), {
      trust: await trustOf(),
      registry,
      settings: { unmatched: 'allow' },
    });
    expect(result.codes).toEqual([code]);
    expect(result.findings[0]).toMatchObject({
      rule: 'images',
      object: { kind: 'Pod', name: 'pod-0' },
      place: { file: 'app.yaml#spec.containers.0.image' },
    });
  });

  it('name rule, object, image, place, reason and mend', async () => {
    const { registry } = signedBy(two);
    const { findings } = await checked(podsWith(reference), { trust: await trustOf({ keys: [pemOf(one)] }), registry });
    expect(findings).toEqual([
      {
        effect: 'deny',
        code: 'IMAGE_SIGNATURE_OTHER_KEY',
        rule: 'ClusterImagePolicy policy-0',
        message: expect.stringMatching(/1 tried with authority authority-0, key SHA256:[0-9a-f]{16}/),
        mend: 'Sign the digest with a key that the policy names.',
        object: { apiVersion: 'v1', kind: 'Pod', namespace: undefined, name: 'pod-0' },
        image: reference,
        place: { file: 'app.yaml#spec.containers.0.image', line: 1, column: 1 },
      },
    ]);
  });

  it('come once for an object that runs an image in several containers, and once for each object', async () => {
    const { registry } = signedBy(two);
    const spec = { containers: [{ image: reference }, { image: reference }], initContainers: [{ image: reference }] };
    const pods = ['a', 'b'].map((name, i) =>
      manifestOf({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec }, i),
    );
    const { findings } = await checked(pods, { trust: await trustOf({ keys: [pemOf(one)] }), registry });
    expect(findings.map(({ object }) => object?.name)).toEqual(['a', 'b']);
  });

  it('come in the order of the set, whichever image is answered first', async () => {
    const { registry } = signedBy(one);
    const slow: Registry['resolveTag'] = async ({ path }, tag) => {
      for (let i = 0; i < 50 - Number(path.slice(1)); i++) await Promise.resolve();
      return registry.tags.get(tag) === undefined
        ? undefined
        : { ...(registry.tags.get(tag) as { digest: Digest; mediaType: string }), size: 1 };
    };
    registry.resolveTag = slow;
    const images = Array.from({ length: 20 }, (_, i) => `registry.example/a${i}:none`);
    const { findings } = await checked(podsWith(...images), { trust: await trustOf({ keys: [pemOf(one)] }), registry });
    expect(findings.map(({ image }) => image)).toEqual(images);
  });

  it('of the policies themselves are told beside', async () => {
    const { registry } = signedBy(one);
    const trust = await trustOf({ keys: [pemOf(one)] }, { keys: [pemOf(one)], globs: ['docker.io/**'] });
    expect((await checked(podsWith(reference), { trust, registry })).codes).toEqual(['warn IMAGE_POLICY_HAZARD']);
  });

  it('name objects that deliver others, and the setting that lets them through', async () => {
    const { registry } = signedBy(one);
    const application = manifestOf({
      apiVersion: 'argoproj.io/v1alpha1',
      kind: 'Application',
      metadata: { name: 'x' },
      spec: {},
    });
    const trust = await trustOf();
    const denied = await checked([application], { trust, registry, settings: { unmatched: 'allow' } });
    expect(denied.codes).toEqual(['deny IMAGE_DELIVERED_ELSEWHERE']);
    expect(denied.findings[0]?.mend).toContain('argoproj.io/Application');
    const settings = { delivering: { allow: ['argoproj.io/Application'] } };
    expect((await checked([application], { trust, registry, settings })).codes).toEqual([]);
  });
});

describe('what merely looks like an image', () => {
  const withEnv = (value: string) =>
    manifestOf({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'x' },
      spec: { containers: [{ image: reference, env: [{ name: 'HELPER_IMAGE', value }] }] },
    });
  const unknown = (value: string) =>
    manifestOf({ apiVersion: 'example.com/v1', kind: 'Thing', metadata: { name: 'x' }, spec: { image: value } });

  it.each([
    [{ unmatched: 'deny' }, 'deny', 'deny'],
    [{ unmatched: 'warn' }, 'warn', 'warn'],
    [{ unmatched: 'allow' }, 'warn', 'warn'],
    [{ unmatched: 'allow', argsAndEnv: 'deny', unknownKinds: 'deny' }, 'deny', 'deny'],
    [{ unmatched: 'deny', argsAndEnv: 'warn', unknownKinds: 'warn' }, 'warn', 'warn'],
    [{ unmatched: 'deny', argsAndEnv: 'allow' }, undefined, 'deny'],
  ])('%j: %s in env, %s in an unknown kind', async (settings, env, kind) => {
    const { registry } = signedBy(one);
    const trust = await trustOf({ keys: [pemOf(one)] });
    const inEnv = await checked([withEnv('other.example/x:v1')], { trust, registry, settings });
    expect(inEnv.codes).toEqual(env === undefined ? [] : [`${env} IMAGE_SUSPECTED`]);
    const inKind = await checked([unknown('other.example/x:v1')], { trust, registry, settings });
    expect(inKind.codes).toEqual([`${kind} IMAGE_SUSPECTED`]);
    expect(inKind.images).toEqual([]);
    expect(inKind.pinned[0]?.object['spec']).toEqual({ image: 'other.example/x:v1' });
  });

  it('does not hide the same image where it runs', async () => {
    const { registry, digest } = signedBy(two);
    const image = `registry.example/team/app@${digest}`;
    const pod = (image: string, arg: string) =>
      manifestOf({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'x' },
        spec: { containers: [{ image: 'static.example/ok:v1', args: [arg] }], initContainers: [{ image }] },
      });
    const trust = await trustOf(
      { keys: [pemOf(one)], globs: ['registry.example/**'] },
      { globs: ['static.example/**'], authorities: [{ static: { action: 'pass' } }] },
    );
    const settings = { argsAndEnv: 'warn', pin: true };
    const unsigned = await checked([pod(image, image)], { trust, registry, settings });
    expect(unsigned.codes).toContain('warn IMAGE_SIGNATURE_OTHER_KEY');
    expect(unsigned.codes).toContain('deny IMAGE_SIGNATURE_OTHER_KEY');
    const malformed = 'registry.example/$(X)/app';
    const templated = await checked([pod(malformed, `--x-image=${malformed}`)], { trust, registry, settings });
    expect(templated.codes).toContain('warn IMAGE_REFERENCE_TEMPLATED');
    expect(templated.codes).toContain('deny IMAGE_REFERENCE_TEMPLATED');
  });

  it('is verified like any image once it has a digest', async () => {
    const { registry, digest } = signedBy(one);
    const image = `registry.example/team/helper@${digest}`;
    const good = await trustOf({ keys: [pemOf(one)] });
    for (const manifest of [withEnv(image), unknown(image)]) {
      const result = await checked([manifest], { trust: good, registry });
      expect(result.codes).toEqual([]);
      expect(result.images.map(({ reference: name }) => name)).toContain(image);
    }
    const other = await trustOf({ keys: [pemOf(two)] });
    expect((await checked([unknown(image)], { trust: other, registry })).codes).toEqual([
      'deny IMAGE_SIGNATURE_OTHER_KEY',
    ]);
    // A warning about it never makes it a verified image.
    const warned = await checked([unknown(image)], { trust: other, registry, settings: { unknownKinds: 'warn' } });
    expect(warned.codes).toEqual(['warn IMAGE_SIGNATURE_OTHER_KEY']);
    expect(warned.images).toEqual([]);
    const unmatched = await trustOf({ keys: [pemOf(one)], globs: ['ghcr.io/**'] });
    expect((await checked([unknown(image)], { trust: unmatched, registry })).codes).toEqual(['deny IMAGE_SUSPECTED']);
  });
});

describe('work', () => {
  it('asks about each tag and digest once, however often and however spelled', async () => {
    const { registry, digest } = signedBy(one);
    const images = [
      reference,
      reference,
      'REGISTRY.example/team/app:v1',
      `registry.example/team/app@${digest}`,
      `registry.example./team/app@${digest}`,
    ];
    const { codes } = await checked(podsWith(...images), { trust: await trustOf({ keys: [pemOf(one)] }), registry });
    expect(codes).toEqual([]);
    expect(new Set(registry.asked).size).toBe(registry.asked.length);
  });

  it('is done for several images at a time, and for no more than the limit', async () => {
    const { registry } = signedBy(one);
    let running = 0;
    let most = 0;
    const resolve = registry.resolveTag.bind(registry);
    registry.resolveTag = async (repository, tag, signal) => {
      most = Math.max(most, ++running);
      await new Promise((done) => setImmediate(done));
      running -= 1;
      return await resolve(repository, tag, signal);
    };
    const images = Array.from({ length: 20 }, (_, i) => `registry.example/a${i}:v1`);
    const trust = await trustOf({ keys: [pemOf(one)] });
    const { codes } = await checked(podsWith(...images), { trust, registry, settings: { limits: { concurrency: 3 } } });
    expect(codes).toEqual([]);
    expect(most).toBe(3);
    expect(repositoryName({ registry: 'a', path: 'b' })).toBe('a/b');
  });

  it('on more images than the limit is not begun', async () => {
    const { registry } = signedBy(one);
    const images = ['a', 'b', 'c'].map((name) => `registry.example/${name}:v1`);
    const trust = await trustOf({ keys: [pemOf(one)] });
    const over = await checked(podsWith(...images), { trust, registry, settings: { limits: { images: 2 } } });
    expect(over.outcome).toMatchObject({ kind: 'errored', error: { code: 'IMAGE_TOO_MANY' } });
    expect(registry.asked).toEqual([]);
  });

  it('on no images is complete and examined nothing', async () => {
    const { registry } = signedBy(one);
    const result = await checked([], { trust: await trustOf(), registry });
    expect(result).toMatchObject({ outcome: { kind: 'completed', examined: 0, findings: [] }, images: [], pinned: [] });
  });

  it('that meets a manifest which cannot be read ends as an error, not as a pass', async () => {
    const { registry } = signedBy(one);
    const broken = {
      ...manifestOf({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' } }),
      object: undefined as never,
    };
    const result = await checked([broken], { trust: await trustOf(), registry });
    expect(result.outcome).toMatchObject({ kind: 'errored', error: { code: 'CHECK_CRASHED' } });
  });
});

describe('what the application ships for itself changes no verdict', () => {
  const exemptions = [
    {
      apiVersion: 'policy.sigstore.dev/v1beta1',
      kind: 'ClusterImagePolicy',
      spec: { images: [{ glob: '**' }], authorities: [{ static: { action: 'pass' } }] },
    },
    { apiVersion: 'policy.sigstore.dev/v1alpha1', kind: 'TrustRoot', spec: {} },
    { apiVersion: 'v1', kind: 'ConfigMap', data: { 'no-match-policy': 'allow' } },
    { apiVersion: 'v1', kind: 'Namespace', labels: { 'policy.sigstore.dev/include': 'false' } },
    { apiVersion: 'kyverno.io/v2', kind: 'PolicyException', spec: { exceptions: [] } },
    { apiVersion: 'v1', kind: 'Secret', stringData: { 'cosign.pub': pemOf(two) } },
  ];
  it.each(exemptions)('$kind', async (exemption) => {
    const { registry } = signedBy(two);
    const trust = await trustOf({ keys: [pemOf(one)] });
    const shipped = manifestOf({ ...exemption, metadata: { name: 'cosign-system' } }, 1);
    const { codes } = await checked([...podsWith(reference), shipped], { trust, registry });
    expect(codes).toEqual(['deny IMAGE_SIGNATURE_OTHER_KEY']);
  });
});
