/** An API server that has the kinds of Flux and the shipped policies, and somebody of each sort to ask it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { waitFor } from '../argocd/component.ts';
import { moduleFolder } from '../go-modules.ts';
import { type Client, openClient, Refused, type Writable } from '../kubernetes/client.ts';
import { type KubernetesServer, serviceAccount, startKubernetes } from '../kubernetes/cluster.ts';
import { applyFluxKinds, served } from './flux.ts';
import { fluxRbac } from './rbac.ts';
import { shippedObjects } from './syncgate.ts';

const PEOPLE = {
  /** Administers the namespaces `apps` and `open`, and nothing else. */
  tenant: serviceAccount('apps', 'tenant'),
  /** May write Namespaces, and do nothing that has a verb of its own. */
  operator: { name: 'operator', groups: ['system:authenticated'] },
  kustomizeController: serviceAccount('flux-system', 'kustomize-controller'),
  helmController: serviceAccount('flux-system', 'helm-controller'),
  syncgate: serviceAccount('syncgate-system', 'syncgate'),
  admission: serviceAccount('syncgate-system', 'syncgate-admission'),
  /** An account of the gate's name in a namespace of a team. */
  impostor: serviceAccount('apps', 'syncgate'),
  collector: serviceAccount('kube-system', 'generic-garbage-collector'),
  namespaceController: serviceAccount('kube-system', 'namespace-controller'),
} as const;

export interface Policed extends AsyncDisposable {
  readonly server: KubernetesServer;
  readonly admin: Client;
  as(who: keyof typeof PEOPLE): Client;
}

/** `apps` is gated and `open` is not. What `before` makes was there before the policies. */
export async function startPoliced(
  overlay: string,
  before: (admin: Client) => Promise<unknown> = async () => undefined,
): Promise<Policed> {
  const server = await startKubernetes({ users: Object.values(PEOPLE) });
  const clients: Client[] = [];
  const open = (user: string) => {
    const client = openClient(server, user);
    clients.push(client);
    return client;
  };
  const close = async () => {
    for (const client of clients) client[Symbol.dispose]();
    await server.stop();
  };
  try {
    const admin = open('admin');
    for (const name of ['flux-system', 'apps', 'open']) {
      await admin.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    }
    for (const object of [...fluxRbac, ...rbac()]) await admin.apply(object);
    await applyFluxKinds(admin);
    const helm = await moduleFolder('github.com/fluxcd/helm-controller@v1.6.3');
    const file = join(helm, 'config/crd/bases/helm.toolkit.fluxcd.io_helmreleases.yaml');
    const helmReleases = parse(readFileSync(file, 'utf8')) as Writable;
    await admin.apply(helmReleases);
    await served(admin, helmReleases);
    await before(admin);
    await admin.merge(namespace('apps'), { metadata: { labels: { 'syncgate.dev/gated': 'true' } } });
    const objects = await shippedObjects(overlay);
    for (const object of objects) await admin.apply(object, { fieldManager: 'kubectl' });
    for (const each of objects) if (each.kind === 'CustomResourceDefinition') await served(admin, each);
    await waitFor('the policies to be in force', 60_000, async () => {
      const asked = await Promise.all([
        refusal(admin.create(kustomization({ sourceRef: { kind: 'Bucket', name: 'x' } }), { dryRun: true })),
        refusal(admin.create(kustomization({ images: [] }), { dryRun: true })),
        refusal(admin.create(externalArtifact('probe'), { dryRun: true })),
      ]);
      return asked.every((each) => each?.status === 403) ? true : undefined;
    });
    await allInForce(admin);
    return { server, admin, as: (who) => open(PEOPLE[who].name), [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * Waits until every admission policy that was applied is in force. An API server reads policies and bindings in the order
 * in which they were written: when it has the last ones, it has all.
 */
async function allInForce(admin: Client): Promise<void> {
  const group = { apiVersion: 'admissionregistration.k8s.io/v1', metadata: { name: 'last' } };
  const rule = { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] };
  const policy: Writable = {
    ...group,
    kind: 'ValidatingAdmissionPolicy',
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: { resourceRules: [rule] },
      validations: [{ expression: "object.metadata.name != 'last'", reason: 'Forbidden' }],
    },
  };
  const binding: Writable = {
    ...group,
    kind: 'ValidatingAdmissionPolicyBinding',
    spec: { policyName: 'last', validationActions: ['Deny'] },
  };
  const last = [policy, binding];
  for (const each of last) await admin.apply(each);
  const probe: Writable = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'last', namespace: 'open' } };
  await waitFor('the last policy to be in force', 60_000, async () =>
    (await refusal(admin.create(probe, { dryRun: true })))?.status === 403 ? true : undefined,
  );
  for (const each of last) await admin.delete(each);
}

/** What the server said against it; undefined where it did what it was asked. */
export async function refusal(work: Promise<unknown>): Promise<Refused | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (error instanceof Refused) return error;
    throw error;
  }
}

let made = 0;
export const freshName = () => `object-${made++}`;

export function namespace(name: string): Writable {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
}

/** A Kustomization that may be: what is in `spec` is added, and what is undefined there is left out. */
export function kustomization(spec: object = {}, place = 'apps', name = freshName()): Writable {
  const least = {
    ...{ interval: '1m', prune: true, serviceAccountName: 'deployer' },
    sourceRef: { kind: 'ExternalArtifact', name: 'app' },
  };
  return {
    apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
    kind: 'Kustomization',
    metadata: { name, namespace: place },
    spec: { ...least, ...spec },
  };
}

export function externalArtifact(name = freshName(), place = 'apps'): Writable {
  const sourceRef = { apiVersion: 'syncgate.dev/v1alpha1', kind: 'GatedSource', name };
  return {
    apiVersion: 'source.toolkit.fluxcd.io/v1',
    kind: 'ExternalArtifact',
    metadata: { name, namespace: place },
    spec: { sourceRef },
  };
}

export function helmRelease(spec: object = {}, place = 'apps', name = freshName()): Writable {
  return {
    apiVersion: 'helm.toolkit.fluxcd.io/v2',
    kind: 'HelmRelease',
    metadata: { name, namespace: place },
    spec: {
      ...{ interval: '1m', serviceAccountName: 'deployer' },
      chartRef: { kind: 'ExternalArtifact', name: 'app' },
      ...spec,
    },
  };
}

function rbac() {
  const api = 'rbac.authorization.k8s.io';
  const bind = (kind: string, role: string, user: string, place?: string) => ({
    apiVersion: `${api}/v1`,
    kind,
    metadata: { name: user.replaceAll(':', '-'), ...(place !== undefined && { namespace: place }) },
    roleRef: { apiGroup: api, kind: 'ClusterRole', name: role },
    subjects: [{ apiGroup: api, kind: 'User', name: user }],
  });
  const everything = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete'];
  return [
    {
      apiVersion: `${api}/v1`,
      kind: 'ClusterRole',
      metadata: { name: 'namespace-operator' },
      rules: [
        { apiGroups: [''], resources: ['namespaces', 'namespaces/status', 'namespaces/finalize'], verbs: everything },
      ],
    },
    bind('ClusterRoleBinding', 'namespace-operator', PEOPLE.operator.name),
    ...['apps', 'open'].map((place) => bind('RoleBinding', 'cluster-admin', PEOPLE.tenant.name, place)),
    bind('RoleBinding', 'cluster-admin', PEOPLE.impostor.name, 'apps'),
    ...[PEOPLE.collector, PEOPLE.namespaceController].map(({ name }) =>
      bind('ClusterRoleBinding', 'cluster-admin', name),
    ),
  ];
}
