/**
 * A team says in `commonMetadata` that what it applies came from flux-system, with the webhook alone: everything that leaves
 * alone what came from there would be open to it. A real kustomize-controller, with all rights of its own.
 */
import { afterAll, beforeAll, beforeEach, expect, it, onTestFailed } from 'vitest';
import { waitFor } from '../support/argocd/component.ts';
import { deployment, live } from '../support/flux/application.ts';
import { USERS } from '../support/flux/flux.ts';
import { type Guarded, startGuarded } from '../support/flux/guarded.ts';
import { gitRepository, kustomization } from '../support/flux/objects.ts';
import { type Client, conditionOf, type Reference, type Writable } from '../support/kubernetes/client.ts';

const forged = { commonMetadata: { labels: { 'kustomize.toolkit.fluxcd.io/namespace': 'flux-system' } } };
const role: Writable = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRole',
  metadata: { name: 'everything' },
  rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }],
};
const apps: Reference = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'apps' } };
const ungated = { ...apps, metadata: { ...apps.metadata, labels: { 'syncgate.dev/gated': 'false' } } };

let cluster: Guarded;
let admin: Client;
let tenant: Client;
let source: Writable;

beforeAll(async () => {
  cluster = await startGuarded({
    prepare(gates) {
      gates.setGate('cluster', { namespaces: { clusterObjects: true } });
      gates.setPolicy('cluster.rego', clusterPolicy);
    },
  });
  const { flux, gates } = cluster;
  ({ admin } = flux);
  await flux.git.commit('what a team would like', {
    'role/role.yaml': JSON.stringify(role),
    'namespace/namespace.yaml': JSON.stringify(ungated),
    'web/web.yaml': deployment('web', gates.unsigned.pinned),
  });
  // As where an account with rights everywhere is named: what the labels say is then all that there is.
  await admin.delete({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name: 'syncgate-accounts' },
  });
  await cluster.configure(['cluster-objects']);
  tenant = flux.as(USERS.tenant);
  source = gitRepository('team', flux.git.url);
  await tenant.create(source);
  await waitFor('the webhook and the policies to be in force', 60_000, async () => {
    const asked = [
      admin.apply({ ...role, metadata: { name: 'probe' } }, { fieldManager: 'kustomize-controller', dryRun: true }),
      tenant.create(attempt('web', forged), { dryRun: true }),
    ];
    const answers = await Promise.allSettled(asked);
    const plain = await tenant.create(attempt('web', {}), { dryRun: true }).catch(() => undefined);
    return plain !== undefined && answers.every(({ status }) => status === 'rejected') ? true : undefined;
  });
});

afterAll(async () => cluster?.stop());

beforeEach(() => onTestFailed(() => void process.stderr.write(cluster.logs())));

const clusterPolicy = `package main

import rego.v1

deny contains {"msg": "teams have no rights everywhere"} if input.kind == "ClusterRole"
`;

type Attack = 'role' | 'namespace' | 'web';

function attempt(name: Attack, spec: object = {}): Writable {
  return kustomization(name, source, { path: `./${name}`, prune: false, ...spec });
}

/** What the Kustomization says of its last attempt. */
async function outcome(name: Attack): Promise<string> {
  const ended = await admin.until(attempt(name), 'to have been tried', (each) =>
    /^Reconciliation(Failed|Succeeded)$/.test(conditionOf(each)?.reason ?? ''),
  );
  return conditionOf(ended)?.message ?? '';
}

const labelsOfApps = async () => (await admin.get(apps))?.metadata.labels;

const refusals = [
  ['role', 'teams have no rights everywhere'],
  ['namespace', 'only what Flux applies from flux-system may take the label'],
  ['web', 'IMAGE_UNSIGNED'],
] as const;

it.each(refusals)('%s is refused, and no label says otherwise', async (name, message) => {
  await tenant.create(attempt(name));
  expect(await outcome(name)).toContain(message);
  // Neither of a Kustomization that is there, nor of a new one.
  const refused = /403 Forbidden .*holds a label of Flux's own/;
  await expect(tenant.merge(attempt(name), { spec: forged })).rejects.toThrow(refused);
  await admin.delete(attempt(name));
  await admin.gone(attempt(name));
  await expect(tenant.create(attempt(name, forged))).rejects.toThrow(refused);
  expect(await admin.get(role)).toBeUndefined();
  expect(await admin.get(live('Deployment', 'web'))).toBeUndefined();
  expect(await labelsOfApps()).toMatchObject({ 'syncgate.dev/gated': 'true' });
});

it('would be let through without the policy: what it is there for', async () => {
  const binding = {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name: 'syncgate-origins' },
  };
  await admin.delete(binding);
  await waitFor('the policy to be away', 30_000, () => tenant.create(attempt('role', forged)).catch(() => undefined));
  expect(await outcome('role')).toContain('Applied revision');
  expect(await admin.get(role)).toBeDefined();
  await tenant.create(attempt('namespace', forged));
  expect(await outcome('namespace')).toContain('Applied revision');
  expect(await labelsOfApps()).toMatchObject({ 'syncgate.dev/gated': 'false' });
});
