/**
 * A team says in `commonMetadata` that what it applies came from flux-system, with the webhook alone: everything that leaves
 * alone what came from there would be open to it. A real kustomize-controller, with all rights of its own.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it, onTestFailed } from 'vitest';
import { waitFor } from '../support/argocd/component.ts';
import { makeCertificates } from '../support/certificates.ts';
import { deployment, live } from '../support/flux/application.ts';
import { type Flux, startFlux, USERS } from '../support/flux/flux.ts';
import { type GateFiles, startGateFiles } from '../support/flux/gates.ts';
import { gitRepository, kustomization } from '../support/flux/objects.ts';
import {
  applyShipped,
  applyWebhook,
  composedObjects,
  startWebhook,
  type Webhook,
  writeCertificate,
} from '../support/flux/syncgate.ts';
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
const certificates = makeCertificates();

let flux: Flux;
let gates: GateFiles;
let webhook: Webhook;
let mount: string;
let tenant: Client;
let source: Writable;

beforeAll(async () => {
  mount = mkdtempSync(join(tmpdir(), 'syncgate-certificates-'));
  [flux, gates] = await Promise.all([startFlux(), startGateFiles()]);
  gates.setGate('cluster', { namespaces: { clusterObjects: true } });
  gates.setPolicy('cluster.rego', clusterPolicy);
  await flux.git.commit('what a team would like', {
    'role/role.yaml': JSON.stringify(role),
    'namespace/namespace.yaml': JSON.stringify(ungated),
    'web/web.yaml': deployment('web', gates.unsigned.pinned),
  });
  await applyShipped(flux, 'flux/overlays/admission');
  // As where an account with rights everywhere is named: what the labels say is then all that there is.
  await flux.admin.delete({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name: 'syncgate-accounts' },
  });
  writeCertificate(mount, certificates.server);
  webhook = await startWebhook(flux, gates, { certificates: mount });
  await applyWebhook(flux, await composedObjects('admission', ['cluster-objects']), webhook.url, certificates.ca);
  tenant = flux.as(USERS.tenant);
  source = gitRepository('team', flux.git.url);
  await tenant.create(source);
  await waitFor('the webhook and the policies to be in force', 60_000, async () => {
    const asked = [
      flux.admin.apply(
        { ...role, metadata: { name: 'probe' } },
        { fieldManager: 'kustomize-controller', dryRun: true },
      ),
      tenant.create(attempt('web', forged), { dryRun: true }),
    ];
    const answers = await Promise.allSettled(asked);
    const plain = await tenant.create(attempt('web', {}), { dryRun: true }).catch(() => undefined);
    return plain !== undefined && answers.every(({ status }) => status === 'rejected') ? true : undefined;
  });
});

afterAll(async () => {
  await webhook?.stop();
  await gates?.stop();
  await flux?.stop();
  rmSync(mount, { recursive: true, force: true });
});

beforeEach(() => {
  onTestFailed(() => void process.stderr.write(`${flux.logs()}\n--- webhook\n${webhook.log().slice(-6000)}\n`));
});

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
  const ended = await flux.admin.until(attempt(name), 'to have been tried', (each) =>
    /^Reconciliation(Failed|Succeeded)$/.test(conditionOf(each)?.reason ?? ''),
  );
  return conditionOf(ended)?.message ?? '';
}

const labelsOfApps = async () => (await flux.admin.get(apps))?.metadata.labels;

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
  await flux.admin.delete(attempt(name));
  await flux.admin.gone(attempt(name));
  await expect(tenant.create(attempt(name, forged))).rejects.toThrow(refused);
  expect(await flux.admin.get(role)).toBeUndefined();
  expect(await flux.admin.get(live('Deployment', 'web'))).toBeUndefined();
  expect(await labelsOfApps()).toMatchObject({ 'syncgate.dev/gated': 'true' });
});

it('would be let through without the policy: what it is there for', async () => {
  const binding = {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name: 'syncgate-origins' },
  };
  await flux.admin.delete(binding);
  await waitFor('the policy to be away', 30_000, () => tenant.create(attempt('role', forged)).catch(() => undefined));
  expect(await outcome('role')).toContain('Applied revision');
  expect(await flux.admin.get(role)).toBeDefined();
  await tenant.create(attempt('namespace', forged));
  expect(await outcome('namespace')).toContain('Applied revision');
  expect(await labelsOfApps()).toMatchObject({ 'syncgate.dev/gated': 'false' });
});
