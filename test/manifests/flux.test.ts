import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GateError } from '../../src/core/errors.ts';
import { type JsonObject, objectFrom } from '../../src/core/json.ts';
import type { Manifest } from '../../src/core/manifest.ts';
import { emitManifests } from '../../src/manifests/emit.ts';
import { type FluxFinish, finishForFlux } from '../../src/manifests/flux.ts';
import { parseManifests } from '../../src/manifests/parse.ts';
import { defaultManifestSettings } from '../../src/manifests/settings.ts';
import { asTexts, consumed, json } from '../support/flux-gate.ts';
import { Fluxbuild } from '../support/fluxbuild.ts';
import { fuzzRuns } from '../support/fuzz-runs.ts';
import { jsonObjects } from './generate.ts';

let flux: Fluxbuild;
beforeAll(async () => {
  flux = await Fluxbuild.start();
});
afterAll(() => flux[Symbol.asyncDispose]());

const plain: FluxFinish = {
  substitution: undefined,
  commonMetadata: { labels: {}, annotations: {} },
  releaseNamespace: undefined,
};

/** As objects that a renderer printed; read from JSON, so that nothing is lost. */
function read(objects: readonly JsonObject[]): Manifest[] {
  const manifests = objects.map((object, index) => ({ index, object }) as unknown as Manifest);
  const bytes = Buffer.from(emitManifests(manifests, 'json'));
  return parseManifests([{ file: 'app.yaml', bytes, marks: 'none' }], defaultManifestSettings, 'flux');
}

function finished(objects: readonly unknown[], finish: Partial<FluxFinish> = {}): Manifest[] | GateError {
  try {
    const manifests = read(objects.map((each) => json(each) as JsonObject));
    return finishForFlux(manifests, { ...plain, ...finish }, defaultManifestSettings);
  } catch (thrown) {
    if (thrown instanceof GateError) return thrown;
    throw thrown;
  }
}

const configMap = (metadata: object = {}, more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'a', ...metadata },
  ...more,
});
const secret = (more: object, apiVersion = 'v1') => ({ apiVersion, kind: 'Secret', metadata: { name: 's' }, ...more });

async function leaves(objects: Manifest[] | GateError, expected: readonly unknown[]): Promise<void> {
  if (objects instanceof GateError) throw objects;
  const wanted = asTexts(expected.map((each) => json(each) as JsonObject));
  expect(asTexts(objects.map(({ object }) => object))).toEqual(wanted);
  const applied = await consumed(flux, objects);
  if ('error' in applied) throw new Error(applied.error);
  expect(asTexts(applied.value)).toEqual(wanted);
}

describe('what Flux would change behind the gate', () => {
  it.each<[string, unknown, RegExp]>([
    [
      'an object for kustomize alone',
      configMap({ annotations: { 'config.kubernetes.io/local-config': 'true' } }),
      /drops every object/,
    ],
    [
      'an index',
      configMap({ annotations: { 'config.kubernetes.io/index': '0' } }),
      /keeps the annotation "config.kubernetes.io\/index" for itself/,
    ],
    ['a path', configMap({ annotations: { 'config.kubernetes.io/path': 'x' } }), /keeps the annotation/],
    ['an id', configMap({ annotations: { 'config.k8s.io/id': '1' } }), /keeps the annotation/],
    [
      'a hash that it asks for',
      configMap({ annotations: { 'internal.config.kubernetes.io/needsHashSuffix': 'enabled' } }),
      /keeps the annotation/,
    ],
    [
      'a name that it had',
      configMap({ annotations: { 'internal.config.kubernetes.io/previousNames': 'b' } }),
      /keeps the annotation/,
    ],
    [
      'an annotation that a later kustomize may know',
      configMap({ annotations: { 'internal.config.kubernetes.io/later': 'x' } }),
      /keeps the annotation/,
    ],
    ['a number for an annotation', configMap({ annotations: { a: 5 } }), /the annotation "a" is not a text/],
    ['nothing for an annotation', configMap({ annotations: { a: null } }), /the annotation "a" is not a text/],
    ['an annotation without a name', configMap({ annotations: { '': 'x' } }), /an annotation has no name/],
    ['a number for a label', configMap({ labels: { a: 5 } }), /the label "a" is not a text/],
    ['annotations that are none', configMap({ annotations: 'a' }), /its annotations are no mapping/],
    ['labels that are a list', configMap({ labels: [] }), /its labels are no mapping/],
    [
      'an object without a name',
      { ...configMap(), metadata: { generateName: 'a-', annotations: { 'helm.sh/hook': 'x' } } },
      /no metadata.name/,
    ],
    [
      'a list of nothing',
      { apiVersion: 'x.io/v1', kind: 'AllowList', metadata: { name: 'a' }, items: null, spec: {} },
      /take it for a list/,
    ],
    [
      'a list that is none',
      { apiVersion: 'x.io/v1', kind: 'AllowList', metadata: { name: 'a' }, items: {} },
      /take it for a list/,
    ],
    ['a key that is a merge', configMap({}, { data: { '<<': 'x' } }), /drops the key "<<"/],
    ['a next line character', configMap({}, { data: { a: 'x\x85y' } }), /control character/],
    ['a delete character', configMap({}, { data: { a: '\x7f' } }), /control character/],
    ['no character', configMap({}, { data: { a: '\ufffe' } }), /control character/],
    ['such a character in a key', configMap({}, { data: { 'a\x85': 'x' } }), /cannot read the key/],
    ['a key that is too long', configMap({}, { data: { ['k'.repeat(1001)]: 'x' } }), /cannot read the key/],
    [
      'a number that is too large',
      configMap({}, { spec: [18446744073709551615n] }),
      /18446744073709551615 is a number that Flux cannot hold/,
    ],
  ])('%s is refused', (_, object, message) => {
    expect(finished([object])).toMatchObject({ code: 'FLUX_REWRITTEN', message: expect.stringMatching(message) });
  });

  it('says where, by the place of the value', () => {
    const refused = finished([configMap({ namespace: 'n', annotations: { a: 5 } })]);
    expect((refused as GateError).message).toMatch(
      /^app\.yaml:1:\d+: ConfigMap n\/a: the annotation "a" is not a text$/,
    );
  });

  it.each<[string, unknown[], unknown[]]>([
    ['an object', [configMap()], [configMap()]],
    [
      'an object that says it is not for kustomize alone',
      [configMap({ annotations: { 'config.kubernetes.io/local-config': 'false' } })],
      [configMap({ annotations: { 'config.kubernetes.io/local-config': 'false' } })],
    ],
    ['empty annotations, which go', [configMap({ annotations: {} })], [configMap()]],
    ['annotations that are null, which go', [configMap({ annotations: null })], [configMap()]],
    ['empty labels', [configMap({ labels: {} })], [configMap({ labels: {} })]],
    [
      'notes of kustomize, which go',
      [
        configMap({
          annotations: { 'config.kubernetes.io/origin': 'path: x', 'alpha.config.kubernetes.io/transformations': 'x' },
        }),
      ],
      [configMap()],
    ],
    [
      'notes among others',
      [configMap({ annotations: { 'config.kubernetes.io/origin': 'path: x', keep: 'y' } })],
      [configMap({ annotations: { keep: 'y' } })],
    ],
    [
      'a file of kustomize, which Flux passes over',
      [configMap(), { apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization', metadata: { name: 'x' } }],
      [configMap()],
    ],
    [
      'a Kustomization of Flux',
      [
        {
          apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
          kind: 'Kustomization',
          metadata: { name: 'x' },
          spec: { path: './' },
        },
      ],
      [
        {
          apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
          kind: 'Kustomization',
          metadata: { name: 'x' },
          spec: { path: './' },
        },
      ],
    ],
    [
      'a kind that only sounds like a list',
      [{ apiVersion: 'x.io/v1', kind: 'AllowList', metadata: { name: 'a' }, spec: {} }],
      [{ apiVersion: 'x.io/v1', kind: 'AllowList', metadata: { name: 'a' }, spec: {} }],
    ],
    [
      'items that are no list',
      [{ apiVersion: 'x.io/v1', kind: 'Allowed', metadata: { name: 'a' }, items: { x: 1 } }],
      [{ apiVersion: 'x.io/v1', kind: 'Allowed', metadata: { name: 'a' }, items: { x: 1 } }],
    ],
    [
      'words that YAML has a meaning for',
      [
        configMap(
          {},
          {
            data: {
              a: 'yes',
              b: '012',
              c: '<<',
              d: '2001-01-01',
              e: '~',
              f: '1:30',
              y: 'n',
              '012': '0x1',
              '~': 'null',
            },
          },
        ),
      ],
      [
        configMap(
          {},
          {
            data: {
              a: 'yes',
              b: '012',
              c: '<<',
              d: '2001-01-01',
              e: '~',
              f: '1:30',
              y: 'n',
              '012': '0x1',
              '~': 'null',
            },
          },
        ),
      ],
    ],
    [
      'numbers',
      [configMap({}, { spec: [9007199254740993n, -9223372036854775808n, 9223372036854775807n, 1.5, 1e-7, 1e21] })],
      [configMap({}, { spec: [9007199254740993n, -9223372036854775808n, 9223372036854775807n, 1.5, 1e-7, 1e21] })],
    ],
  ])('%s leaves as it was judged', (_, objects, expected) => leaves(finished(objects), expected));

  it.each<[string, unknown[]]>([
    ['the same object twice', [configMap(), { ...configMap(), apiVersion: 'v1' }]],
    ['an object in no namespace and in the namespace default', [configMap(), configMap({ namespace: 'default' })]],
    [
      'an object of the cluster, in a namespace and in none',
      [
        { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'n' } },
        { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'n', namespace: 'x' } },
      ],
    ],
  ])('%s is refused', (_, objects) => {
    expect(finished(objects)).toMatchObject({ code: 'MANIFEST_REPEATED' });
  });

  const annotationKeys = fc.constantFrom(
    ...['a', 'example.com/x', 'config.kubernetes.io/index', 'config.kubernetes.io/path', 'config.kubernetes.io/origin'],
    ...[
      'config.kubernetes.io/local-config',
      'config.k8s.io/id',
      'config.kubernetes.io/function',
      'config.k8s.io/function',
    ],
    ...[
      'internal.config.kubernetes.io/previousNames',
      'internal.config.kubernetes.io/needsHashSuffix',
      'config.kubernetes.io/merge-source',
    ],
    ...[
      'kustomize.config.k8s.io/needs-hash',
      'kustomize.config.k8s.io/behavior',
      'helm.sh/hook',
      'config.kubernetes.io/depends-on',
    ],
    ...['internal.config.kubernetes.io/generatorBehavior', 'alpha.config.kubernetes.io/transformations', '<<', '', 'y'],
  );
  const texts = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.dictionary(annotationKeys, fc.constantFrom('true', 'false', 'merge', 'enabled', 'a,b', ''), {
        maxKeys: 3,
      }),
    },
    fc.constantFrom<unknown>(null, {}, [], 'x', { a: 1 }, { a: null }, { a: {} }),
  );
  const kinds = fc.constantFrom(
    ['v1', 'ConfigMap'],
    ['v1', 'Secret'],
    ['v1', 'Namespace'],
    ['v1', 'Service'],
    ['v1', 'List'],
    ['v1', 'ConfigMapList'],
    ['apps/v1', 'Deployment'],
    ['apps/v1', 'StatefulSet'],
    ['batch/v1', 'CronJob'],
    ['rbac.authorization.k8s.io/v1', 'ClusterRoleBinding'],
    ['kustomize.config.k8s.io/v1beta1', 'Kustomization'],
    ['kustomize.config.k8s.io/v1alpha1', 'Component'],
    ['kustomize.toolkit.fluxcd.io/v1', 'Kustomization'],
    ['config.kubernetes.io/v1', 'ResourceList'],
    ['builtin', 'PrefixTransformer'],
    ['apiextensions.k8s.io/v1', 'CustomResourceDefinition'],
    ['example.com/v1', 'AllowList'],
    ['example.com/v1', 'Thing'],
    ['admissionregistration.k8s.io/v1', 'ValidatingWebhookConfiguration'],
    ['gateway.networking.k8s.io/v1', 'HTTPRoute'],
  );
  const objects = fc
    .tuple(kinds, texts, texts, jsonObjects, fc.option(fc.constantFrom('n', 'default'), { nil: undefined }))
    .map(([[apiVersion = '', kind = ''], labels, annotations, content, namespace]) => {
      const metadata = json({ name: 'a', namespace, labels, annotations });
      return objectFrom([
        ...Object.entries(content),
        ['apiVersion', apiVersion],
        ['kind', kind],
        ['metadata', metadata],
      ]);
    });

  function renamed(object: JsonObject, name: string): JsonObject {
    const metadata = objectFrom([...Object.entries(object['metadata'] as JsonObject), ['name', name]]);
    return objectFrom([...Object.entries(object), ['metadata', metadata]]);
  }

  it('whatever leaves is what Flux applies, object by object', async () => {
    let left = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(objects, { minLength: 25, maxLength: 25 }), async (made) => {
        const all: Manifest[] = [];
        for (const [i, object] of made.entries()) {
          let manifests: Manifest[];
          try {
            manifests = read([renamed(object, `object-${i}`)]);
          } catch (thrown) {
            if (thrown instanceof GateError) continue;
            throw thrown;
          }
          try {
            all.push(...finishForFlux(manifests, plain, defaultManifestSettings));
          } catch (thrown) {
            if (!(thrown instanceof GateError)) throw thrown;
          }
        }
        left += all.length;
        const applied = await consumed(flux, all);
        const judged = asTexts(all.map(({ object }) => object));
        expect({ judged, applied: 'error' in applied ? applied.error : asTexts(applied.value) }).toEqual({
          judged,
          applied: judged,
        });
      }),
      { numRuns: fuzzRuns(20) },
    );
    expect(left).toBeGreaterThan(50);
  });
});

describe('what is encrypted', () => {
  const sops = { mac: 'ENC[x]', version: '3.9.0' };
  it.each<[string, unknown]>([
    ['a Secret', secret({ data: { a: 'ENC[AES256_GCM,data:x]' }, sops })],
    ['a Secret with nothing encrypted', secret({ data: { a: 'eA==' } })],
    ['a Secret of an encrypted file', secret({ data: { 'x.yaml': Buffer.from('{"sops": {}}').toString('base64') } })],
    ['an object with a null for it', configMap({}, { sops: null })],
    ['a text that only looks so', configMap({}, { data: { a: 'ENC[x]' } })],
  ])('%s stays as it is', (_, object) => {
    const objects = finished([object]);
    if (objects instanceof GateError) throw objects;
    expect(asTexts(objects.map((each) => each.object))).toEqual(asTexts([json(object) as JsonObject]));
  });

  it.each<[string, unknown, RegExp]>([
    ['a ConfigMap', configMap({}, { data: {}, sops }), /is encrypted with SOPS, and is no Secret/],
    ['a Secret of another group', secret({ data: {}, sops }, 'example.com/v1'), /is no Secret/],
    ['an empty mark', configMap({}, { sops: {} }), /is no Secret/],
    [
      'a label of a Secret',
      secret({ metadata: { name: 's', labels: { a: 'ENC[AES256_GCM,data:x]' } }, data: {}, sops }),
      /metadata\.labels\.a is encrypted/,
    ],
    ['the type of a Secret', secret({ type: 'ENC[AES256_GCM,data:x]', data: {}, sops }), /type is encrypted/],
    ['the data of a Secret as a whole', secret({ data: 'ENC[AES256_GCM,data:x]', sops }), /data is no mapping/],
    ['an unknown field of a Secret', secret({ spec: [{ a: 'ENC[x' }], sops }), /spec\.0\.a is encrypted/],
    [
      'variables of an encrypted file',
      secret({ data: { A: 'RU5DW3g=', sops_version: 'My45' } }),
      /generated from an encrypted file/,
    ],
    [
      'variables of an encrypted file in a ConfigMap',
      configMap({}, { data: { A: 'ENC[x', sops_mac: 'ENC[' } }),
      /generated from an encrypted file/,
    ],
    [
      'a file in a Secret of another group',
      secret({ data: { a: Buffer.from('{"sops": {}}').toString('base64') } }, 'example.com/v1'),
      /holds a file that is encrypted/,
    ],
  ])('%s is refused', (_, object, message) => {
    expect(finished([object])).toMatchObject({ code: 'FLUX_ENCRYPTED', message: expect.stringMatching(message) });
  });
});

describe('common metadata', () => {
  const commonMetadata = { labels: { a: 'new', b: 'new' }, annotations: { c: 'new' } };
  it('goes over what is there', () =>
    leaves(
      finished([configMap({ labels: { a: 'own', x: 'own' }, annotations: null }), secret({})], { commonMetadata }),
      [
        configMap({ labels: { a: 'new', b: 'new', x: 'own' }, annotations: { c: 'new' } }),
        { ...secret({}), metadata: { name: 's', labels: { a: 'new', b: 'new' }, annotations: { c: 'new' } } },
      ],
    ));

  it('may not hold what kustomize acts on', () => {
    const annotations = { 'config.kubernetes.io/local-config': 'true' };
    expect(finished([configMap()], { commonMetadata: { labels: {}, annotations } })).toMatchObject({
      code: 'FLUX_REWRITTEN',
    });
  });
});

describe('a release', () => {
  const definition = (scope: string) => ({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'things.example.com' },
    spec: { group: 'example.com', scope, names: { kind: 'Thing', plural: 'things' } },
  });
  const thing = (namespace?: string) => ({
    apiVersion: 'example.com/v1',
    kind: 'Thing',
    metadata: { name: 't', ...(namespace !== undefined && { namespace }) },
  });

  it('gives its namespace to what has none and may have one', () =>
    leaves(
      finished(
        [
          configMap(),
          secret({ metadata: { name: 's', namespace: 'other' } }),
          { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'n' } },
          thing(),
          definition('Namespaced'),
        ],
        { releaseNamespace: 'apps' },
      ),
      [
        configMap({ namespace: 'apps' }),
        secret({ metadata: { name: 's', namespace: 'other' } }),
        { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'n' } },
        thing('apps'),
        definition('Namespaced'),
      ],
    ));

  it('believes what the chart itself defines', () =>
    leaves(finished([thing(), definition('Cluster')], { releaseNamespace: 'apps' }), [thing(), definition('Cluster')]));

  it.each(['pre-install', 'post-upgrade,test', 'test-success', ''])('refuses the hook %j', (events) => {
    const job = {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'j', annotations: { 'helm.sh/hook': events } },
    };
    expect(finished([job], { releaseNamespace: 'apps' })).toMatchObject({
      code: 'FLUX_HOOK',
      message: expect.stringContaining('Job j: it is a hook of its chart'),
    });
    // Where no chart is rendered, the annotation says nothing to anybody.
    expect(finished([job])).toHaveLength(1);
  });
});
