/** What a Kustomization or a HelmRelease may say in a gated namespace, on a real kube-apiserver with the real kinds. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { KUSTOMIZATION_FIELDS } from '../../scripts/kustomization-policy.ts';
import type { JsonValue } from '../../src/core/json.ts';
import { waitFor } from '../support/argocd/component.ts';
import { served } from '../support/flux/flux.ts';
import { freshName, helmRelease, kustomization, type Policed, refusal, startPoliced } from '../support/flux/policed.ts';
import { moduleFolder } from '../support/go-modules.ts';
import { type Answer, type Client, type Live, pathOf, Refused, type Writable } from '../support/kubernetes/client.ts';
import { findTool } from '../support/tools/resolve.ts';

const ungated = { sourceRef: { kind: 'GitRepository', name: 'app' } };
const collection = '/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/apps/kustomizations';
let policed: Policed;
let tenant: Client;
const before = {
  kustomization: kustomization({ ...ungated, patches: [{ patch: '{}' }] }, 'apps', 'before'),
  helmRelease: helmRelease({}, 'apps', 'before'),
  resourceSet: resourceSet('ResourceSet', 'apps', 'before'),
};
const claiming = kustomization({ commonMetadata: { labels: origin('kustomize', 'name') } }, 'open', 'claiming');
/** Every refusal of these tests, to look at all of them in the end. */
const refusals: Refused[] = [];

beforeAll(async () => {
  policed = await startPoliced('flux/overlays/source', async (admin) => {
    await applyFluxOperatorKinds(admin);
    for (const object of [...Object.values(before), claiming]) await admin.create(object);
  });
  tenant = policed.as('tenant');
});

afterAll(async () => policed?.[Symbol.asyncDispose]());

async function said(work: Promise<unknown>): Promise<string | undefined> {
  const refused = await refusal(work);
  if (refused !== undefined) refusals.push(refused);
  return refused?.message;
}

/** A value for every field of KustomizationSpec that Flux's own definition takes. */
const SAMPLES: Readonly<Record<string, unknown>> = {
  buildMetadata: ['originAnnotations'],
  commonMetadata: { labels: { a: 'b' } },
  components: ['a'],
  decryption: { provider: 'sops', secretRef: { name: 'keys' }, serviceAccountName: 'kms' },
  deletionPolicy: 'Orphan',
  dependsOn: [{ name: 'other', namespace: 'open', readyExpr: 'true' }],
  force: true,
  healthCheckExprs: [{ apiVersion: 'v1', kind: 'ConfigMap', current: 'true' }],
  healthChecks: [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'a', namespace: 'b' }],
  ignore: [{ paths: ['/spec/template'] }],
  ignoreMissingComponents: true,
  images: [{ name: 'a', newName: 'b' }],
  interval: '5m',
  kubeConfig: { secretRef: { name: 'kubeconfig' } },
  namePrefix: 'a',
  nameSuffix: 'a',
  patches: [{ patch: '{}' }],
  path: './',
  postBuild: { substitute: { a: 'b' } },
  prune: false,
  retryInterval: '1m',
  serviceAccountName: 'other',
  sourceRef: { apiVersion: 'source.toolkit.fluxcd.io/v1', kind: 'ExternalArtifact', name: 'app', namespace: 'apps' },
  suspend: true,
  targetNamespace: 'a',
  timeout: '1m',
  wait: true,
};
/** Allowed by the policy of the fields, and refused by one of its own. */
const elsewhere = ['kubeConfig'];

describe('every field of a Kustomization', () => {
  it('is in the table, and nothing else is', async () => {
    const properties = (await definition())['spec'].versions[0].schema.openAPIV3Schema.properties.spec.properties;
    expect(KUSTOMIZATION_FIELDS.map(({ field }) => field)).toEqual(Object.keys(properties).sort());
    expect(Object.keys(SAMPLES)).toEqual(KUSTOMIZATION_FIELDS.map(({ field }) => field));
  });

  it('is as the table has it in every version that the definition serves', async () => {
    expect((await definition())['spec'].versions.map(({ name }: { name: string }) => name)).toEqual(['v1']);
  });

  it.each(KUSTOMIZATION_FIELDS)('$field is $answer', async ({ field, answer }) => {
    const spec = { [field]: SAMPLES[field] };
    expect(await said(tenant.create(kustomization(spec, 'open')))).toBeUndefined();
    const refused = await said(tenant.create(kustomization(spec)));
    if (answer === 'refused') expect(refused).toContain(`syncgate: spec.${field} would change what was judged`);
    else if (elsewhere.includes(field)) expect(refused).toContain(`syncgate: spec.${field}`);
    else expect(refused).toBeUndefined();
  });

  it('says all that is wrong with it at once', async () => {
    const refused = await said(tenant.create(kustomization({ patches: [{ patch: '{}' }], namePrefix: 'a' })));
    expect(refused).toContain('spec.namePrefix, spec.patches would change');
  });
});

describe('what is refused', () => {
  it.each<[string, object, string]>([
    ['another kind of source', ungated, 'name the ExternalArtifact'],
    ['a bucket', { sourceRef: { kind: 'Bucket', name: 'a' } }, 'name the ExternalArtifact'],
    [
      'an artifact of another namespace',
      { sourceRef: { kind: 'ExternalArtifact', name: 'app', namespace: 'open' } },
      'spec.sourceRef.namespace is another namespace',
    ],
    [
      'another group of sources',
      { sourceRef: { apiVersion: 'example.com/v1', kind: 'ExternalArtifact', name: 'app' } },
      'spec.sourceRef.apiVersion is not known',
    ],
    ['an empty list of patches', { patches: [] }, 'spec.patches would change'],
    ['an empty list of images', { images: [] }, 'spec.images would change'],
    ['an empty substitution', { postBuild: {} }, 'spec.postBuild would change'],
    ['substitution of defaults', { postBuild: { substituteStrategy: 'Always' } }, 'spec.postBuild would change'],
    ['no labels', { commonMetadata: {} }, 'spec.commonMetadata would change'],
    ['components that may be missing', { ignoreMissingComponents: false }, 'spec.ignoreMissingComponents would'],
    ...['./a', 'a', '../', './.', './/', './ ', '．/', 'manifests.yaml'].map((path): [string, object, string] => [
      `the path ${path}`,
      { path },
      'spec.path leads into the artifact',
    ]),
    ['a remote cluster', { kubeConfig: { configMapRef: { name: 'remote' } } }, 'spec.kubeConfig applies to a cluster'],
  ])('%s', async (_, spec, text) => {
    expect(await said(tenant.create(kustomization(spec, 'open')))).toBeUndefined();
    expect(await said(tenant.create(kustomization(spec)))).toContain(text);
    expect(await said(policed.admin.create(kustomization(spec)))).toContain(text);
  });

  it.each([
    ['', {}],
    ['.', {}],
    ['./', {}],
    ['/', {}],
  ])('but not the path %j', async (path) => {
    expect(await said(tenant.create(kustomization({ path })))).toBeUndefined();
  });

  it('without a name of its own', async () => {
    const { metadata: _, ...rest } = kustomization(ungated);
    const answer = await tenant.send('POST', collection, { ...rest, metadata: { generateName: 'a-' } } as never);
    expect(answer.body.message).toContain('name the ExternalArtifact');
  });

  it.each([[null], [[]], [{}]])('whatever %j is said to be', async (nothing) => {
    for (const { field } of KUSTOMIZATION_FIELDS.filter(({ answer }) => answer === 'refused')) {
      const created = await refusal(tenant.create(kustomization({ [field]: nothing })));
      // A null is refused by Flux's definition, or is no value at all; nothing else comes through.
      if (created === undefined) {
        expect(nothing).toBeNull();
      } else expect([403, 422]).toContain(created.status);
    }
    const live = await policed.admin.list('kustomize.toolkit.fluxcd.io/v1', 'Kustomization', 'apps');
    const names = KUSTOMIZATION_FIELDS.filter(({ answer }) => answer === 'refused').map(({ field }) => field);
    for (const { metadata, spec } of live) {
      if (metadata.name !== 'before') expect(names.filter((field) => field in spec)).toEqual([]);
    }
  });
});

describe('changes', () => {
  let object: Writable;
  beforeAll(async () => {
    object = kustomization();
    await tenant.create(object);
  });

  const bad = { spec: { patches: [{ patch: '{}' }] } };
  it.each<[string, () => Promise<unknown>]>([
    ['a merge patch', () => tenant.merge(object, bad)],
    ['one that would only be tried', () => tenant.merge(object, bad, { dryRun: true })],
    [
      'a JSON patch',
      () =>
        insisted(
          tenant.send(
            'PATCH',
            pathOf(object),
            [{ op: 'add', path: '/spec/namePrefix', value: 'a' }],
            'application/json-patch+json',
          ),
        ),
    ],
    ['a replacement', async () => insisted(tenant.send('PUT', pathOf(object), (await changed()) as never))],
    [
      'a second owner of fields',
      () => tenant.apply({ ...object, ...bad } as Writable, { fieldManager: 'somebody-else' }),
    ],
    [
      'Flux itself',
      () => policed.as('kustomizeController').merge(object, bad, { fieldManager: 'kustomize-controller' }),
    ],
    ['the source', () => tenant.merge(object, { spec: ungated })],
  ])('through %s are refused', async (_, change) => {
    expect(await said(change())).toContain('syncgate: spec.');
  });

  async function changed(): Promise<object> {
    const live = await policed.admin.get(object);
    return { ...live, spec: { ...live?.['spec'], nameSuffix: 'a' } };
  }

  async function insisted(asked: ReturnType<Client['send']>): Promise<void> {
    const { status, body } = await asked;
    if (status >= 300) throw new Refused('change', { status, body });
  }

  it('through the status come to nothing', async () => {
    const status = { lastAppliedRevision: 'x' };
    const live = await policed.as('kustomizeController').merge(object, { ...bad, status }, { subresource: 'status' });
    expect(live['status']).toMatchObject(status);
    expect(live['spec']).not.toHaveProperty('patches');
  });

  it('of what is harmless are let in', async () => {
    const spec = { interval: '9m', suspend: true };
    expect((await tenant.merge(object, { spec }))['spec']).toMatchObject(spec);
  });
});

describe('what was there before the namespace was gated', () => {
  it.each([
    ['Kustomization', before.kustomization, { spec: { interval: '7m' } }],
    ['HelmRelease', before.helmRelease, { spec: { interval: '7m' } }],
  ])('%s: is kept up to date, and changes only for the better', async (_, object, change) => {
    const annotations = { 'reconcile.fluxcd.io/requestedAt': 'now' };
    await tenant.merge(object, { metadata: { annotations, finalizers: ['finalizers.fluxcd.io'] } });
    expect(await said(tenant.merge(object, change))).toContain('syncgate: ');
    expect(await said(tenant.merge(object, { spec: { suspend: true } }))).toContain('syncgate: ');
  });

  it('a Kustomization can be mended, and not go back', async () => {
    const { patches: _, ...spec } = kustomization()['spec'] as { readonly patches?: unknown };
    await tenant.merge(before.kustomization, { spec: { ...spec, patches: null } });
    expect(await said(tenant.merge(before.kustomization, { spec: ungated }))).toContain('goes around the gate');
  });

  it.each([
    ['Kustomization', before.kustomization],
    ['HelmRelease', before.helmRelease],
  ])('%s: can be deleted', async (_, object) => {
    await tenant.delete(object);
    expect((await policed.admin.get(object))?.metadata['deletionTimestamp']).toBeDefined();
    await tenant.merge(object, { metadata: { finalizers: null } });
    expect(await policed.admin.get(object)).toBeUndefined();
  });
});

describe('HelmReleases', () => {
  it.each([
    ['of the artifact of a GatedSource', {}],
    [
      'of a chart',
      { chartRef: undefined, chart: { spec: { chart: 'a', sourceRef: { kind: 'HelmRepository', name: 'b' } } } },
    ],
  ])('%s are refused', async (_, spec) => {
    expect(await said(tenant.create(helmRelease(spec, 'open')))).toBeUndefined();
    expect(await said(tenant.create(helmRelease(spec)))).toContain('render the chart with a GatedSource');
  });

  it('are refused in every version that is served', async () => {
    const { group, versions } = (await policed.admin.get(helmReleases))?.['spec'] ?? {};
    const names = versions
      .filter(({ served }: { served: boolean }) => served)
      .map(({ name }: { name: string }) => name);
    expect(names).toContain('v2');
    for (const version of names) {
      const object = { ...helmRelease(), apiVersion: `${group}/${version}` };
      expect(await said(tenant.create(object)), version).toContain('render the chart with a GatedSource');
    }
  });

  it('need an account where the component allow-helm-releases lets them in', async () => {
    await policed.admin.merge(helmBinding, { spec: { validationActions: ['Audit'] } });
    try {
      await waitFor('HelmReleases to be let in', 30_000, async () =>
        (await said(tenant.create(helmRelease()))) === undefined ? true : undefined,
      );
      const missing = 'spec.serviceAccountName is missing';
      expect(await said(tenant.create(helmRelease({ serviceAccountName: undefined })))).toContain(missing);
      // Flux's definition takes no empty name.
      expect((await refusal(tenant.create(helmRelease({ serviceAccountName: '' }))))?.status).toBe(422);
    } finally {
      await policed.admin.merge(helmBinding, { spec: { validationActions: ['Deny'] } });
      await waitFor('HelmReleases to be refused again', 30_000, async () => said(tenant.create(helmRelease())));
    }
  });
});

describe('labels with which Flux says where an object came from', () => {
  const own = 'holds a label of Flux';
  const makers = { Kustomization: kustomization, HelmRelease: helmRelease } as const;
  const labelled = (labels: object) => ({ commonMetadata: { labels: { team: 'a', ...labels } } });

  it.each<[keyof typeof makers, Parameters<typeof origin>]>([
    ['Kustomization', ['kustomize', 'namespace']],
    ['Kustomization', ['kustomize', 'name']],
    ['Kustomization', ['kustomize', 'prune']],
    ['Kustomization', ['helm', 'namespace']],
    ['HelmRelease', ['helm', 'namespace']],
    ['HelmRelease', ['kustomize', 'namespace']],
  ])('are not written by commonMetadata of a %s: %j', async (kind, [group, name]) => {
    const make = makers[kind];
    for (const value of ['flux-system', 'open']) {
      const spec = labelled(origin(group, name, value));
      expect(await said(tenant.create(make(spec, 'open')))).toContain(own);
      expect(await said(policed.admin.create(make(spec, 'syncgate-system')))).toContain(own);
      const object = make({}, 'open');
      await tenant.create(object);
      expect(await said(tenant.merge(object, { spec }))).toContain(own);
      expect(await said(policed.admin.create(make(spec, 'flux-system')))).toBeUndefined();
    }
  });

  it.each(['Kustomization', 'HelmRelease'] as const)('other metadata of a %s is anybody’s', async (kind) => {
    for (const commonMetadata of [
      { labels: { 'example.com/namespace': 'flux-system', 'kustomize.toolkit.fluxcd.io.example.com/name': 'x' } },
      { annotations: { 'kustomize.toolkit.fluxcd.io/prune': 'disabled' } },
      {},
    ]) {
      expect(await said(tenant.create(makers[kind]({ commonMetadata }, 'open')))).toBeUndefined();
    }
  });

  it('that were there before stay as they are, and can be taken out', async () => {
    await tenant.merge(claiming, { metadata: { annotations: { 'reconcile.fluxcd.io/requestedAt': 'now' } } });
    expect(await said(tenant.merge(claiming, { spec: { interval: '7m' } }))).toContain(own);
    await tenant.merge(claiming, { spec: { commonMetadata: null, interval: '7m' } });
    expect(await said(tenant.merge(claiming, { spec: labelled(origin('kustomize', 'name')) }))).toContain(own);
  });
});

describe('what flux-operator applies', () => {
  it.each(['ResourceSet', 'ResourceSetInputProvider', 'Later'] as const)('a %s is refused', async (kind) => {
    const object = resourceSet(kind, 'open');
    expect(await said(tenant.create(object))).toBeUndefined();
    expect(await said(tenant.create(resourceSet(kind)))).toContain('what flux-operator applies goes around the gate');
    expect(await said(policed.admin.create(resourceSet(kind)))).toContain('goes around the gate');
    // The namespace of Flux is nobody's to gate.
    expect(await said(policed.admin.create(resourceSet(kind, 'flux-system')))).toBeUndefined();
  });

  it('of what was there before stays as it is, and can be deleted', async () => {
    const object = before.resourceSet;
    await tenant.merge(object, { metadata: { annotations: { a: 'b' }, finalizers: ['fluxcd.controlplane.io/f'] } });
    expect(await said(tenant.merge(object, { spec: { resourcesTemplate: 'b' } }))).toContain('goes around the gate');
    await tenant.merge(object, { status: { seen: true } }, { subresource: 'status' });
    await tenant.delete(object);
    await tenant.merge(object, { metadata: { finalizers: null } });
    expect(await policed.admin.get(object)).toBeUndefined();
  });
});

const helmBinding = {
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingAdmissionPolicyBinding',
  metadata: { name: 'syncgate-helm-releases' },
} as const;

const helmReleases = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'helmreleases.helm.toolkit.fluxcd.io' },
} as const;

const accountsBinding = {
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingAdmissionPolicyBinding',
  metadata: { name: 'syncgate-accounts' },
} as const;

describe('a Kustomization without an account', () => {
  const none = [undefined, ''].map((serviceAccountName) => ({ serviceAccountName }));
  const missing = 'syncgate: spec.serviceAccountName is missing';
  let object: Writable;
  beforeAll(async () => {
    object = kustomization();
    await tenant.create(object);
  });

  it.each(none)('is refused, whoever makes it: %j', async (spec) => {
    expect(await said(tenant.create(kustomization(spec)))).toContain(missing);
    expect(await said(tenant.apply(kustomization(spec)))).toContain(missing);
    expect(await said(policed.as('kustomizeController').apply(kustomization(spec)))).toContain(missing);
    expect(await said(policed.admin.create(kustomization(spec)))).toContain(missing);
    expect(await said(tenant.create(kustomization(spec, 'open')))).toBeUndefined();
  });

  it('is refused where it says null', async () => {
    const refused = await refusal(tenant.create(kustomization({ serviceAccountName: null })));
    // By Flux's definition, or by the policy.
    expect([403, 422]).toContain(refused?.status);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['merged away', () => tenant.merge(object, { spec: { serviceAccountName: null } })],
    ['emptied', () => tenant.merge(object, { spec: { serviceAccountName: '' } })],
    ['left out of a replacement', async () => insist(await tenant.send('PUT', pathOf(object), await without()))],
    ['removed', () => jsonPatch({ op: 'remove', path: '/spec/serviceAccountName' })],
  ])('does not come of one that has it %s', async (_, change) => {
    expect(await said(change())).toContain(missing);
    expect((await policed.admin.get(object))?.['spec'].serviceAccountName).toBe('deployer');
  });

  it('changes to another account, whose rights RBAC knows', async () => {
    await tenant.merge(object, { spec: { serviceAccountName: 'other' } });
    await tenant.merge(object, { spec: { serviceAccountName: 'deployer' } });
  });

  it('is let in with a warning by the component trust-flux-account', async () => {
    await policed.admin.merge(accountsBinding, { spec: { validationActions: ['Warn', 'Audit'] } });
    try {
      const warnings = await waitFor('the component to be in force', 30_000, async () =>
        (await said(tenant.create(kustomization(none[0]), { dryRun: true }))) === undefined
          ? await warned(kustomization(none[0]))
          : undefined,
      );
      expect(warnings).toContain(missing);
      expect(await warned(kustomization())).toBe('');
    } finally {
      await policed.admin.merge(accountsBinding, { spec: { validationActions: ['Deny'] } });
      await waitFor('the refusal to be in force again', 30_000, async () =>
        said(tenant.create(kustomization(none[0]), { dryRun: true })),
      );
    }
  });

  async function without(): Promise<JsonValue> {
    const live = await policed.admin.get(object);
    const { serviceAccountName: _, ...spec } = live?.['spec'] ?? {};
    return { ...live, spec } as unknown as JsonValue;
  }

  async function jsonPatch(operation: JsonValue): Promise<void> {
    insist(await tenant.send('PATCH', pathOf(object), [operation], 'application/json-patch+json'));
  }

  function insist(answer: Answer): void {
    if (answer.status >= 300) throw new Refused('change', answer);
  }

  const path = pathOf(kustomization({}, 'apps', 'x')).replace(/\/x$/, '');

  async function warned(object: Writable): Promise<string> {
    const { request } = await import('node:https');
    const headers = {
      'content-type': 'application/json',
      authorization: `Bearer ${policed.server.tokenOf('admin')}`,
    };
    return await new Promise((done, failed) => {
      const asked = request(
        `${policed.server.url}${path}`,
        { method: 'POST', headers, ca: policed.server.authority, timeout: 10_000 },
        (response) => {
          response.resume();
          expect(response.statusCode).toBe(201);
          done(String(response.headers['warning'] ?? ''));
        },
      );
      asked.on('error', failed);
      asked.end(JSON.stringify(object));
    });
  }
});

describe('a newer Flux', () => {
  it('whose Kustomizations have a field more, or another version, changes nothing', async () => {
    const [v1] = (await definition())['spec'].versions;
    const newer = structuredClone(v1);
    newer.schema.openAPIV3Schema.properties.spec.properties.surprise = { type: 'string' };
    newer.schema.openAPIV3Schema.properties.spec.properties.sourceRef.properties.mirror = { type: 'string' };
    newer.schema.openAPIV3Schema.properties.spec.properties.decryption.properties.plugin = { type: 'string' };
    newer.schema.openAPIV3Schema.properties.spec.properties.decryption.properties.provider.enum.push('age');
    const versions = [newer, { ...newer, name: 'v2beta1', storage: false }];
    await policed.admin.merge(await definition(), { spec: { versions } });
    const later = (spec: object, place?: string) => ({
      ...kustomization(spec, place, freshName()),
      apiVersion: 'kustomize.toolkit.fluxcd.io/v2beta1',
    });
    await waitFor('the newer definition to be served', 30_000, async () => {
      const created = await tenant.create(later({ surprise: 'x' }, 'open')).catch(() => undefined);
      return created?.['spec'].surprise === 'x' ? true : undefined;
    });
    for (const make of [kustomization, later]) {
      await waitFor('the newer definition to hold for the policy', 30_000, async () =>
        (await said(tenant.create(make({ surprise: 'x' }))))?.includes('spec.surprise is not known') ? true : undefined,
      );
      const refusedSource = { sourceRef: { kind: 'ExternalArtifact', name: 'a', mirror: 'x' } };
      expect(await said(tenant.create(make(refusedSource)))).toContain('a field of spec.sourceRef is not known');
      const plugin = { decryption: { provider: 'sops', plugin: 'x' } };
      expect(await said(tenant.create(make(plugin)))).toContain('a field of spec.decryption is not known');
      const age = { decryption: { provider: 'age' } };
      expect(await said(tenant.create(make(age)))).toContain('spec.decryption.provider is not known');
      expect(await said(tenant.create(make(ungated)))).toContain('name the ExternalArtifact');
      expect(await said(tenant.create(make({ serviceAccountName: '' })))).toContain('serviceAccountName is missing');
      expect(await said(tenant.create(make({})))).toBeUndefined();
    }
  });
});

it('says no in a way that no controller takes for a reason to delete what is there', () => {
  expect(refusals.length).toBeGreaterThan(60);
  for (const { status, reason, message } of refusals) {
    expect(message).not.toMatch(/is\s?immutable|immutable\s?field/i);
    expect([status, reason === '' ? 'Forbidden' : reason]).toEqual([403, 'Forbidden']);
  }
});

async function definition(): Promise<Live> {
  const folder = await moduleFolder(
    `github.com/fluxcd/kustomize-controller@${findTool('kustomize-controller').version}`,
  );
  return parse(readFileSync(join(folder, 'config/crd/bases/kustomize.toolkit.fluxcd.io_kustomizations.yaml'), 'utf8'));
}

function origin(group: 'kustomize' | 'helm', name: string, value = 'flux-system'): Record<string, string> {
  return { [`${group}.toolkit.fluxcd.io/${name}`]: value };
}

function resourceSet(kind: string, namespace = 'apps', name = freshName()): Writable {
  const apiVersion = 'fluxcd.controlplane.io/v1';
  return { apiVersion, kind, metadata: { name, namespace }, spec: { resourcesTemplate: 'a' } };
}

/** The names of flux-operator's kinds, and one that it does not have yet; what their specs hold is nothing to the policy. */
async function applyFluxOperatorKinds(admin: Client): Promise<void> {
  const group = 'fluxcd.controlplane.io';
  const openAPIV3Schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  const subresources = { status: {} };
  for (const kind of ['ResourceSet', 'ResourceSetInputProvider', 'Later']) {
    const plural = `${kind.toLowerCase()}s`;
    const definition: Writable = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: `${plural}.${group}` },
      spec: {
        group,
        scope: 'Namespaced',
        names: { kind, plural, singular: kind.toLowerCase() },
        versions: [{ name: 'v1', served: true, storage: true, subresources, schema: { openAPIV3Schema } }],
      },
    };
    await admin.apply(definition);
    await served(admin, definition);
  }
}
