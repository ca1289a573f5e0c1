/** Which requests the API server puts to the webhook, by the configuration that is shipped. */
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gitOpsCondition } from '../../src/surfaces/admission/matching.ts';
import { waitFor } from '../support/argocd/component.ts';
import { makeCertificates } from '../support/certificates.ts';
import { fluxRbac } from '../support/flux/rbac.ts';
import { composedObjects } from '../support/flux/syncgate.ts';
import { type Client, type Live, openClient, type Writable } from '../support/kubernetes/client.ts';
import { type KubernetesServer, serviceAccount, startKubernetes } from '../support/kubernetes/cluster.ts';

const users = {
  flux: serviceAccount('flux-system', 'kustomize-controller'),
  helm: serviceAccount('flux-system', 'helm-controller'),
  /** Whom Flux impersonates for a team that administers the cluster. */
  team: serviceAccount('apps', 'deployer'),
  argo: serviceAccount('argo', 'argocd-application-controller'),
};
const certificates = makeCertificates();
const named = {
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingWebhookConfiguration',
  metadata: { name: 'syncgate' },
};
let server: KubernetesServer;
let webhook: Server;
let admin: Client;
const clients: Client[] = [];
let asked: string[] = [];
let answer = true;
let made = 0;
let port = 0;

beforeAll(async () => {
  server = await startKubernetes({ users: Object.values(users) });
  admin = as('admin');
  for (const object of fluxRbac) await admin.apply(object as Writable);
  await admin.create({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'teams' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [users.team, users.argo].map(({ name }) => ({
      apiGroup: 'rbac.authorization.k8s.io',
      kind: 'User',
      name,
    })),
  } as Writable);
  const gated = { 'syncgate.dev/gated': 'true' };
  for (const [name, labels] of Object.entries({
    apps: gated,
    open: {},
    'flux-system': gated,
    'syncgate-system': gated,
  })) {
    await admin.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } } as Writable);
  }
  webhook = createServer(certificates.server, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { request: review } = JSON.parse(Buffer.concat(chunks).toString('utf8'));
      asked.push(`${review.kind.kind} ${review.name}`);
      const said = { uid: review.uid, allowed: answer, status: { code: 403, reason: 'Forbidden', message: 'no' } };
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: said }));
    });
  });
  await new Promise<void>((done) => webhook.listen(0, '127.0.0.1', done));
  port = (webhook.address() as AddressInfo).port;
  await admin.create({ ...named, webhooks: await webhooksHere('cluster-objects') } as Writable);
  await waitFor('the webhook to be called', 30_000, async () => {
    await as(users.flux.name).apply(configMap(), { fieldManager: 'kustomize-controller' });
    return asked.length > 0 ? true : undefined;
  });
});

afterAll(async () => {
  for (const client of clients) client[Symbol.dispose]();
  webhook?.closeAllConnections();
  webhook?.close();
  await server?.stop();
});

function as(user: string): Client {
  const client = openClient(server, user);
  clients.push(client);
  return client;
}

async function configuration(...components: readonly string[]): Promise<readonly Live[]> {
  const objects = (await composedObjects('both', components)) as unknown as readonly Live[];
  return objects.filter(({ kind }) => kind === 'ValidatingWebhookConfiguration');
}

/** Its webhooks, with a process of this machine in the place of the Service. */
async function webhooksHere(...components: readonly string[]): Promise<readonly object[]> {
  const url = `https://127.0.0.1:${port}/validate`;
  const caBundle = Buffer.from(certificates.ca).toString('base64');
  const [shipped] = await configuration(...components);
  return shipped?.['webhooks'].map((each: object) => ({ ...each, clientConfig: { url, caBundle } }));
}

function configMap(namespace = 'apps', labels: object = {}): Writable {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `map-${made++}`, namespace, labels } } as Writable;
}

function clusterRole(labels: object = {}, kind = 'ClusterRole'): Writable {
  const api = kind === 'Namespace' ? 'v1' : 'rbac.authorization.k8s.io/v1';
  return { apiVersion: api, kind, metadata: { name: `role-${made++}`, labels } } as Writable;
}

function withAnnotations(object: Writable, annotations: object): Writable {
  return { ...object, metadata: { ...object.metadata, annotations } } as Writable;
}

/** Whether the webhook was asked about an object while it was written. */
async function isAsked(object: Writable, write: (object: Writable) => Promise<unknown>): Promise<boolean> {
  asked = [];
  await write(object);
  return asked.includes(`${object.kind} ${object.metadata.name}`);
}

const fromFlux = { 'kustomize.toolkit.fluxcd.io/namespace': 'flux-system', 'kustomize.toolkit.fluxcd.io/name': 'x' };
const fromHelm = { 'helm.toolkit.fluxcd.io/namespace': 'flux-system', 'helm.toolkit.fluxcd.io/name': 'x' };
const fromTeam = { ...fromFlux, 'kustomize.toolkit.fluxcd.io/namespace': 'apps' };
const byFlux = { fieldManager: 'kustomize-controller' };
const byHelm = { fieldManager: 'helm-controller' };

describe('is asked about', () => {
  it.each<[string, Writable, (object: Writable) => Promise<unknown>]>([
    ['what Flux applies', configMap(), (object) => as(users.flux.name).apply(object, byFlux)],
    ['what it only tries', configMap(), (object) => as(users.flux.name).apply(object, { ...byFlux, dryRun: true })],
    ['what it applies with the account of a team', configMap(), (object) => as(users.team.name).apply(object, byFlux)],
    ['what Helm of Flux creates', configMap(), (object) => as(users.helm.name).create(object, byHelm)],
    [
      'what Argo CD applies',
      configMap(),
      (object) => as(users.argo.name).apply(object, { fieldManager: 'argocd-controller' }),
    ],
    ['what Argo CD creates, without a field manager', configMap(), (object) => as(users.argo.name).create(object)],
    ['objects of the cluster', clusterRole(fromTeam), (object) => as(users.flux.name).apply(object, byFlux)],
    [
      'such that say nothing of where they are from',
      clusterRole(),
      (object) => as(users.flux.name).apply(object, byFlux),
    ],
    ['Namespaces', clusterRole(fromTeam, 'Namespace'), (object) => as(users.flux.name).apply(object, byFlux)],
    // A team that is impersonated can write any label.
    [
      'such that claim to be from flux-system',
      clusterRole(fromFlux),
      (object) => as(users.team.name).apply(object, byFlux),
    ],
    ['such of a release that claim it', clusterRole(fromHelm), (object) => as(users.team.name).create(object, byHelm)],
    [
      'such of a release of another namespace',
      clusterRole({ 'helm.toolkit.fluxcd.io/namespace': 'apps' }),
      (object) => as(users.helm.name).create(object, byHelm),
    ],
    // Each controller writes its own label, and lets a repository write the other's.
    [
      'such with the label of the other controller',
      clusterRole(fromHelm),
      (object) => as(users.flux.name).apply(object, byFlux),
    ],
    [
      'such of a release with the label of the other controller',
      clusterRole(fromFlux),
      (object) => as(users.helm.name).create(object, byHelm),
    ],
    // Which a HelmRelease can keep from the label: the chart says where it came from.
    [
      'hooks of a release that claim to be from flux-system',
      withAnnotations(clusterRole(fromHelm), { 'helm.sh/hook': 'pre-install' }),
      (object) => as(users.helm.name).create(object, byHelm),
    ],
  ])('%s', async (_, object, write) => expect(await isAsked(object, write)).toBe(true));

  it('every change, and each time', async () => {
    const object = configMap();
    const flux = as(users.flux.name);
    for (const data of [{ a: 'b' }, { a: 'b' }, { a: 'c' }]) {
      expect(await isAsked({ ...object, data } as Writable, (each) => flux.apply(each, byFlux))).toBe(true);
    }
  });
});

describe('is not asked about', () => {
  it.each<[string, Writable, (object: Writable) => Promise<unknown>]>([
    ['what people write', configMap(), (object) => as('admin').apply(object, { fieldManager: 'kubectl' })],
    ['namespaces that are not gated', configMap('open'), (object) => as(users.flux.name).apply(object, byFlux)],
    ['Flux, even where it is gated', configMap('flux-system'), (object) => as(users.flux.name).apply(object, byFlux)],
    ['the gate itself', configMap('syncgate-system'), (object) => as(users.flux.name).apply(object, byFlux)],
    ['what brings Flux and the gate', clusterRole(fromFlux), (object) => as(users.flux.name).apply(object, byFlux)],
    ['releases of flux-system', clusterRole(fromHelm), (object) => as(users.helm.name).create(object, byHelm)],
  ])('%s', async (_, object, write) => expect(await isAsked(object, write)).toBe(false));
});

describe('what it says', () => {
  it('is a refusal, of what is tried and of what is applied', async () => {
    answer = false;
    try {
      for (const dryRun of [true, false]) {
        const refused = as(users.flux.name).apply(configMap(), { ...byFlux, dryRun });
        await expect(refused).rejects.toMatchObject({ status: 403, reason: 'Forbidden' });
      }
    } finally {
      answer = true;
    }
  });

  it('is no permission where it says nothing', async () => {
    await new Promise<void>((done) => {
      webhook.closeAllConnections();
      webhook.close(() => done());
    });
    const object = configMap();
    await expect(as(users.flux.name).apply(object, byFlux)).rejects.toMatchObject({ status: 500 });
    expect(await admin.get(object)).toBeUndefined();
    // Nobody else waits for it.
    await as('admin').apply(configMap());
    await as(users.flux.name).apply(configMap('flux-system'), byFlux);
  });
});

/** Nobody answers any more. */
describe('without the component cluster-objects it holds up nothing of the cluster', () => {
  beforeAll(async () => {
    const flux = as(users.flux.name);
    await expect(flux.apply(clusterRole(fromTeam), byFlux)).rejects.toMatchObject({ status: 500 });
    await admin.merge(named, { webhooks: await webhooksHere() });
    await waitFor('the configuration to be in force', 30_000, () =>
      flux.apply(clusterRole(fromTeam), byFlux).catch(() => undefined),
    );
  });

  const binding = (labels: object) =>
    ({
      ...clusterRole(labels, 'ClusterRoleBinding'),
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
      subjects: [],
    }) as Writable;

  it.each<[string, Writable, (object: Writable) => Promise<unknown>]>([
    ['a ClusterRoleBinding of a release', binding(fromHelm), (object) => as(users.helm.name).create(object, byHelm)],
    ['a Namespace of a release', clusterRole({}, 'Namespace'), (object) => as(users.helm.name).create(object, byHelm)],
    ['a ClusterRole of any namespace', clusterRole(fromTeam), (object) => as(users.flux.name).apply(object, byFlux)],
    ['one of Argo CD', clusterRole(), (object) => as(users.argo.name).create(object)],
  ])('%s', async (_, object, write) => {
    await write(object);
    expect(await admin.get(object)).toBeDefined();
  });

  it('and still all that Flux applies into gated namespaces', async () => {
    await expect(as(users.flux.name).apply(configMap(), byFlux)).rejects.toMatchObject({ status: 500 });
  });
});

it.each([
  [[], 1],
  [['cluster-objects'], 2],
])('asks the question that the webhook asks itself, with %j', async (components, count) => {
  const [shipped] = await configuration(...components);
  const conditions: readonly { readonly name: string; readonly expression: string }[] = shipped?.['webhooks'].flatMap(
    (each: Live) => each['matchConditions'],
  );
  const gitOps = conditions.filter(({ name }) => name === 'gitops');
  expect(gitOps).toHaveLength(count);
  for (const { expression } of gitOps) expect(expression).toBe(gitOpsCondition);
});
