/** Who may write ExternalArtifacts, the status of GatedSources, and the label that gates a namespace. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  externalArtifact,
  freshName,
  namespace,
  type Policed,
  refusal,
  startPoliced,
} from '../support/flux/policed.ts';
import { type Client, pathOf, type Reference, Refused, type Writable } from '../support/kubernetes/client.ts';

let policed: Policed;
const before = externalArtifact('before');

beforeAll(async () => {
  policed = await startPoliced('flux/overlays/source', (admin) => admin.create(before));
});

afterAll(async () => policed?.[Symbol.asyncDispose]());

const artifact = (revision: string) => ({
  artifact: {
    digest: `sha256:${'a'.repeat(64)}`,
    lastUpdateTime: '2026-08-20T10:00:00Z',
    path: 'a.tar.gz',
    revision,
    url: 'http://example.com/a.tar.gz',
  },
});

async function said(work: Promise<unknown>): Promise<string | undefined> {
  const refused = await refusal(work);
  if (refused === undefined) return undefined;
  expect([refused.status, refused.reason]).toEqual([403, 'Forbidden']);
  expect(refused.message).not.toMatch(/is\s?immutable|immutable\s?field/i);
  return refused.message;
}

async function insisted(asked: ReturnType<Client['send']>): Promise<void> {
  const answer = await asked;
  if (answer.status >= 300) throw new Refused('asked', answer);
}

describe('ExternalArtifacts of a gated namespace', () => {
  const ours = externalArtifact('ours');
  beforeAll(async () => {
    const syncgate = policed.as('syncgate');
    await syncgate.apply(ours, { fieldManager: 'syncgate' });
    await syncgate.apply({ ...ours, status: artifact('a') }, { fieldManager: 'syncgate', subresource: 'status' });
  });

  const status = { status: artifact('b') };
  const attempts: readonly (readonly [string, (client: Client, object: Reference) => Promise<unknown>])[] = [
    ['made', (client) => client.create(externalArtifact())],
    ['tried', (client) => client.create(externalArtifact(), { dryRun: true })],
    ['applied', (client) => client.apply(externalArtifact())],
    ['applied over', (client, object) => client.apply(object as Writable)],
    ['labelled', (client, object) => client.merge(object, { metadata: { labels: { a: 'b' } } })],
    ['disowned', (client, object) => client.merge(object, { metadata: { ownerReferences: null } })],
    ['turned to another source', (client, object) => client.merge(object, { spec: { sourceRef: { name: 'x' } } })],
    ['given another artifact', (client, object) => client.merge(object, status, { subresource: 'status' })],
    ['given one by apply', (client, object) => client.apply({ ...object, ...status }, { subresource: 'status' })],
    [
      'replaced in the status',
      async (client, object) => {
        const live = await policed.admin.get(object);
        await insisted(client.send('PUT', pathOf(object, 'status'), { ...live, ...status } as never));
      },
    ],
    ['deleted', (client, object) => client.delete(object)],
    ['deleted with all', (client) => insisted(client.send('DELETE', pathOf(ours).replace(/\/ours$/, '')))],
  ];

  for (const who of ['tenant', 'impostor', 'kustomizeController', 'collector'] as const) {
    it.each(attempts)(`are not %s by ${who}`, async (what, attempt) => {
      const client = policed.as(who);
      for (const object of [ours, before]) {
        const message = await said(attempt(client, object));
        // The collector takes owners and finalizers off, and deletes; it makes nothing, and says nothing of artifacts.
        const mayCollect = who === 'collector' && !/made|tried|artifact|apply$|status|applied$/.test(what);
        if (mayCollect) {
          expect(message, what).toBeUndefined();
          return;
        }
        expect(message, what).toContain('only the gate writes ExternalArtifacts');
      }
      const live = await policed.admin.get(ours);
      expect(live?.['status'].artifact.revision ?? 'a').toBe('a');
    });
  }

  it('are not written by an administrator either, until the binding is deleted', async () => {
    expect(await said(policed.admin.create(externalArtifact()))).toContain('only the gate writes');
  });

  it('are written by the gate', async () => {
    const object = externalArtifact();
    const syncgate = policed.as('syncgate');
    const options = { fieldManager: 'syncgate' };
    await syncgate.apply(object, options);
    await syncgate.apply({ ...object, status: artifact('c') }, { ...options, subresource: 'status' });
    expect((await policed.admin.get(object))?.['status'].artifact.revision).toBe('c');
    await syncgate.delete(object);
    expect(await policed.admin.get(object)).toBeUndefined();
  });

  it('are anybody’s in a namespace that is not gated, such as those of source-watcher', async () => {
    const object = externalArtifact(undefined, 'open');
    const tenant = policed.as('tenant');
    await tenant.create(object);
    await tenant.merge(object, status, { subresource: 'status' });
    await tenant.delete(object);
  });
});

describe('GatedSources', () => {
  const gatedSource = (place: string): Writable => ({
    apiVersion: 'syncgate.dev/v1alpha1',
    kind: 'GatedSource',
    metadata: { name: freshName(), namespace: place },
    spec: { sourceRef: { kind: 'GitRepository', name: 'app' }, interval: '1m' },
  });
  const accepted = { status: { lastAcceptedRevision: 'mine', verdict: 'allowed' } };

  it.each(['apps', 'open'])('are written by whoever edits %s, and their status by the gate alone', async (place) => {
    const object = gatedSource(place);
    const tenant = policed.as('tenant');
    await tenant.create(object);
    await tenant.merge(object, { ...accepted, spec: { interval: '5m' } });
    expect((await policed.admin.get(object))?.['status']).toEqual({ observedGeneration: -1 });
    for (const who of ['tenant', 'kustomizeController'] as const) {
      const client = policed.as(who);
      const message = 'only the gate writes the status of a GatedSource';
      expect(await said(client.merge(object, accepted, { subresource: 'status' }))).toContain(message);
      expect(await said(client.apply({ ...object, ...accepted }, { subresource: 'status' }))).toContain(message);
    }
    const live = await policed.as('syncgate').merge(object, accepted, { subresource: 'status' });
    expect(live['status']).toMatchObject(accepted.status);
  });

  it('cannot be taken away from the gate before it has taken the artifact back', async () => {
    const object = gatedSource('apps');
    const tenant = policed.as('tenant');
    const syncgate = policed.as('syncgate');
    await tenant.create(object);
    await syncgate.merge(object, { metadata: { finalizers: ['syncgate.dev/finalizer', 'example.com/other'] } });
    await tenant.delete(object);
    const without = { metadata: { finalizers: ['example.com/other'] } };
    expect(await said(tenant.merge(object, { metadata: { finalizers: null } }))).toContain('takes its finalizer off');
    expect(await said(policed.admin.merge(object, without))).toContain('takes its finalizer off');
    // Other finalizers are others' business.
    await tenant.merge(object, { metadata: { finalizers: ['syncgate.dev/finalizer'] } });
    await syncgate.merge(object, { metadata: { finalizers: null } });
    expect(await policed.admin.get(object)).toBeUndefined();
  });
});

interface Metadata {
  readonly labels?: object;
  readonly annotations?: object;
}

const fromFluxSystem = {
  kustomize: { 'kustomize.toolkit.fluxcd.io/namespace': 'flux-system' },
  helm: { 'helm.toolkit.fluxcd.io/namespace': 'flux-system' },
};

describe('the label of a gated namespace', () => {
  const label = (value: string | null, more: object = {}) => ({
    metadata: { labels: { 'syncgate.dev/gated': value, ...more } },
  });
  const apps = namespace('apps');
  const needsVerb = 'needs the verb ungate';

  it.each([
    ['taken off', label(null)],
    ['turned', label('false')],
    ['written otherwise', label('True')],
    ['taken off with all others', { metadata: { labels: null } }],
  ])('is not %s by who may write Namespaces', async (_, change) => {
    const operator = policed.as('operator');
    expect(await said(operator.merge(apps, change))).toContain(needsVerb);
    expect(await said(operator.merge(apps, change, { subresource: 'status' }))).toContain(needsVerb);
    const live = await policed.admin.get(apps);
    const labels = { 'kubernetes.io/metadata.name': 'apps' };
    const finalized = { ...live, metadata: { ...live?.metadata, labels } };
    expect(await said(insisted(operator.send('PUT', pathOf(apps, 'finalize'), finalized as never)))).toContain(
      needsVerb,
    );
    expect(await said(insisted(operator.send('PUT', pathOf(apps), finalized as never)))).toContain(needsVerb);
  });

  it('does not hinder other changes', async () => {
    await policed.as('operator').merge(apps, { metadata: { labels: { team: 'a' }, annotations: { b: 'c' } } });
  });

  it.each([
    ['kustomizeController', 'kustomize.toolkit.fluxcd.io/namespace', 'apps'],
    ['helmController', 'helm.toolkit.fluxcd.io/namespace', 'open'],
  ] as const)('is not turned by what %s applies for a team', async (who, owner, place) => {
    const change = { ...apps, metadata: { ...apps.metadata, ...label('false', { [owner]: place }).metadata } };
    expect(await said(policed.as(who).apply(change as Writable))).toContain('only what Flux applies from flux-system');
  });

  it.each<[string, 'kustomizeController' | 'helmController' | 'admin', string, object]>([
    ['a hook of a chart, which can do without the label', 'helmController', 'helm-controller', {}],
    ['one that was Flux’s before', 'helmController', 'helm-controller', { labels: fromFluxSystem.kustomize }],
    [
      'one that says where it came from itself',
      'helmController',
      'helm-controller',
      { labels: fromFluxSystem.helm, annotations: { 'helm.sh/hook': 'pre-install' } },
    ],
    ['a hook that an account applies', 'admin', 'helm-controller', {}],
    ['what an account applies', 'admin', 'kustomize-controller', { labels: fromFluxSystem.helm }],
  ])('is not turned by %s', async (_, who, fieldManager, { labels = {}, annotations = {} }: Metadata) => {
    const made = { ...namespace(freshName()), metadata: { name: freshName(), labels: label('true').metadata.labels } };
    await policed.admin.create(made);
    const turned = { ...made.metadata, labels: { ...labels, 'syncgate.dev/gated': 'false' }, annotations };
    const client = who === 'admin' ? policed.admin : policed.as(who);
    const change = client.apply({ ...made, metadata: turned } as Writable, { fieldManager });
    expect(await said(change)).toContain('only what Flux applies from flux-system');
  });

  it('is turned by an administrator, and by what Flux applies from flux-system', async () => {
    const made = namespace(freshName());
    await policed.admin.create(made);
    await policed.as('operator').merge(made, label('true'));
    await policed.admin.merge(made, label(null));
    await policed.as('operator').merge(made, label('true'));
    const owner = { 'kustomize.toolkit.fluxcd.io/namespace': 'flux-system' };
    await policed.as('kustomizeController').merge(made, label('false', owner));
    await policed.as('operator').merge(made, label('true', { 'kustomize.toolkit.fluxcd.io/namespace': null }));
    await policed.as('helmController').merge(made, label('false', fromFluxSystem.helm));
  });
});
