/** Who judges and when: Gates and their rules, what users ask of a gated source, and who may write what. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFailed } from 'vitest';
import { waitFor } from '../support/argocd/component.ts';
import { type Application, configMap, deployment, live, startApplication } from '../support/flux/application.ts';
import { type Flux, startFlux, USERS } from '../support/flux/flux.ts';
import { type GateFiles, startGateFiles } from '../support/flux/gates.ts';
import { gatedSource, gitRepository, kustomization } from '../support/flux/objects.ts';
import { applyShipped, type Syncgate, startSyncgate } from '../support/flux/syncgate.ts';
import { conditionOf } from '../support/kubernetes/client.ts';
import { tool } from '../support/tools/resolve.ts';

let flux: Flux;
let gates: GateFiles;
let syncgate: Syncgate;
let notifications: NotificationController;
const applications: Application[] = [];

beforeAll(async () => {
  [flux, gates] = await Promise.all([startFlux(), startGateFiles()]);
  // A folder without any Gate is a mistake.
  gates.setGate('elsewhere', { namespaces: { names: ['elsewhere'], clusterObjects: true } });
  await applyShipped(flux);
  notifications = await startNotificationController();
  syncgate = await startSyncgate(flux, gates, { args: ['--events-address', notifications.url] });
});

afterAll(async () => {
  for (const each of applications) await each[Symbol.asyncDispose]();
  await syncgate?.stop();
  await notifications?.stop();
  await gates?.stop();
  await flux?.stop();
});

beforeEach(() => {
  onTestFailed(() => void process.stderr.write(`${flux.logs()}\n--- syncgate\n${syncgate.log().slice(-4000)}\n`));
});

// What one test was about is no work for the next.
afterEach(async () => {
  for (const { gated, consumer } of applications) {
    await flux.admin.delete(consumer);
    await flux.admin.delete(gated);
  }
});

async function application(...args: [name: string, files: Record<string, string>]) {
  const started = await startApplication(flux, ...args);
  applications.push(started);
  return started;
}

const good = (name: string, replicas = 1) => ({ 'web.yaml': deployment(name, gates.signed.tagged, { replicas }) });
const apps = { namespaces: { names: ['apps'] } };

const noReplicas = `package main

import rego.v1

deny contains {"msg": sprintf("%s has more than one replica", [input.metadata.name])} if {
	input.kind == "Deployment"
	input.spec.replicas > 1
}
`;

describe('rules that change', () => {
  afterEach(() => {
    gates.setPolicy('new.rego', undefined);
    gates.setGate('second', undefined);
    gates.setGate('apps', apps);
  });

  it('what was let out before is judged again, reported, and stays; what is new is refused', async () => {
    const app = await application('rejudged', good('rejudged', 2));
    await app.applied(app.first);
    const artifact = await app.artifact();
    gates.setPolicy('new.rego', noReplicas);
    const reported = await flux.admin.condition(app.gated, { type: 'Compliant', status: 'False' });
    expect(conditionOf(reported, 'Compliant')?.message).toContain('rejudged has more than one replica');
    expect(await app.artifact()).toMatchObject({ digest: artifact?.digest, url: artifact?.url });
    const refused = await app.push(good('rejudged', 3));
    await app.refused(refused);
    expect((await flux.admin.get(live('Deployment', 'rejudged')))?.['spec'].replicas).toBe(2);
    gates.setPolicy('new.rego', undefined);
    await app.applied(refused);
  });

  it('a policy that cannot be loaded judges nothing: what is live stays, and nothing new gets out', async () => {
    const app = await application('unloadable', good('unloadable'));
    await app.applied(app.first);
    gates.setPolicy('new.rego', 'package main\n\nthis is no Rego');
    await flux.admin.condition(app.gated, { status: 'False', reason: 'GateUnavailable' });
    const commit = await app.push(good('unloadable', 2));
    const { gated } = await app.refused(commit);
    expect(conditionOf(gated)?.message).toContain('new.rego:3');
    expect((await flux.admin.get(live('Deployment', 'unloadable')))?.['spec'].replicas).toBe(1);
    gates.setPolicy('new.rego', undefined);
    await app.applied(commit);
  });

  it.each([
    ['no Gate', () => gates.setGate('apps', undefined), 'NoGate'],
    ['two Gates', () => gates.setGate('second', { namespaces: { names: ['app*'] } }), 'SeveralGates'],
  ])('%s: nothing is let out', async (what, change, reason) => {
    const name = `gates-${what.length}`;
    const app = await application(name, good(name));
    await app.applied(app.first);
    change();
    const unjudged = await flux.admin.condition(app.gated, { status: 'False', reason });
    // Nobody vouches for what is served by rules that do not hold.
    expect(conditionOf(unjudged, 'Compliant')?.status).not.toBe('True');
    const commit = await app.push(good(name, 2));
    await app.refused(commit);
    expect((await flux.admin.get(live('Deployment', name)))?.['spec'].replicas).toBe(1);
    gates.setGate('second', undefined);
    gates.setGate('apps', apps);
    await app.applied(commit);
  });

  it('nothing is let out for a namespace that another Gate governs, or for the cluster where another judges', async () => {
    const app = await application('abroad', good('abroad'));
    await app.applied(app.first);
    const foreign = await app.push({ 'other.yaml': configMap('settings', { a: 'b' }, 'elsewhere') });
    const { gated } = await app.refused(foreign);
    expect(conditionOf(gated)?.message).toMatch(
      /GATE_ELSEWHERE \[namespaces\] ConfigMap elsewhere\/settings, at other\.yaml(?::1:\d+)?: namespace elsewhere is governed by Gate elsewhere, and this by apps/,
    );
    const ofCluster = await app.push({
      'other.yaml': JSON.stringify({
        apiVersion: 'scheduling.k8s.io/v1',
        kind: 'PriorityClass',
        metadata: { name: 'abroad' },
        value: 1,
      }),
    });
    const { gated: refused } = await app.refused(ofCluster);
    expect(conditionOf(refused)?.message).toContain('GATE_ELSEWHERE [namespaces] PriorityClass abroad');
    const mended = await app.push({ 'other.yaml': null });
    await app.accepted(mended);
  });

  it('a Gate by the labels of the namespace', async () => {
    gates.setGate('apps', { namespaces: { selector: { matchLabels: { 'syncgate.dev/gated': 'true' } } } });
    const app = await application('labelled', good('labelled'));
    await app.applied(app.first);
  });
});

describe('what users ask of it', () => {
  it('nothing is done while it is suspended, and all of it afterwards', async () => {
    const app = await application('suspended', good('suspended'));
    await app.applied(app.first);
    await flux.admin.merge(app.gated, { spec: { suspend: true } });
    const commit = await app.push(good('suspended', 2));
    await flux.admin.until(app.source, 'to have the commit', (each) =>
      each['status'].artifact.revision.includes(commit),
    );
    const token = await flux.admin.reconcile(app.gated);
    // Another one that is not suspended shows that the gate has been at work meanwhile.
    const other = await application('awake', good('awake'));
    await other.applied(other.first);
    const suspended = await flux.admin.get(app.gated);
    expect(suspended?.['status'].lastAttemptedRevision).not.toContain(commit);
    expect(suspended?.['status'].lastHandledReconcileAt).not.toBe(token);
    await flux.admin.merge(app.gated, { spec: { suspend: null } });
    await app.applied(commit);
  });

  it('it looks when it is asked to, and says for which request it has', async () => {
    const app = await application('asked', good('asked'));
    await app.applied(app.first);
    const token = await flux.admin.reconcile(app.gated);
    await flux.admin.until(
      app.gated,
      'to have looked',
      (each) => each['status'].lastHandledReconcileAt === token && conditionOf(each)?.status === 'True',
    );
  });

  it('kubectl waits for it, and shows it', async () => {
    const app = await application('shown', good('shown'));
    const wait = ['wait', '--for=condition=Ready', '--timeout=30s', '-n', 'apps'];
    expect(await kubectl(...wait, 'gatedsource/shown')).toContain('gatedsource.syncgate.dev/shown condition met');
    await kubectl(...wait, 'kustomization/shown');
    const [head = '', row = ''] = (await kubectl('get', 'gatedsources', 'shown', '-n', 'apps')).split('\n');
    expect(head).toMatch(/^NAME\s.*READY/);
    expect(row).toMatch(/^shown\s.*True/);
    const refused = await app.push({ 'web.yaml': deployment('shown', gates.unsigned.tagged) });
    await app.refused(refused);
    await expect(kubectl(...wait, '--timeout=1s', 'gatedsource/shown')).rejects.toThrow('timed out');
    expect(await kubectl('get', 'gatedsources', 'shown', '-n', 'apps')).toMatch(/\nshown\s.*False/);
    const events = await kubectl('get', 'events', '-n', 'apps', '--field-selector', 'involvedObject.name=shown');
    expect(events).toContain('Denied');
  });

  it('a change of its spec is served, and observed', async () => {
    const app = await application('changed', good('changed'));
    await app.applied(app.first);
    await flux.admin.merge(app.gated, { spec: { namePrefix: 'new-' } });
    const ready = await flux.admin.condition(app.gated, { status: 'True' });
    expect(ready['status'].observedGeneration).toBe(2);
    await flux.admin.until(live('Deployment', 'new-changed'), 'to be there', () => true);
    await flux.admin.gone(live('Deployment', 'changed'));
  });

  it('a path that is not there is refused, and what was let out stays', async () => {
    const app = await application('nowhere', good('nowhere'));
    await app.applied(app.first);
    await flux.admin.merge(app.gated, { spec: { path: './nowhere' } });
    await flux.admin.condition(app.gated, { status: 'False' });
    expect(await app.artifact()).toBeDefined();
  });

  it('deleting it takes the artifact and its files away, and leaves what is live', async () => {
    const app = await application('deleted', good('deleted'));
    await app.applied(app.first);
    const artifact = await app.artifact();
    const stored = join(syncgate.storage, new URL(artifact?.url ?? '').pathname);
    expect(existsSync(stored)).toBe(true);
    await flux.admin.delete(app.gated);
    await flux.admin.gone(app.gated);
    await flux.admin.gone(app.external);
    expect(existsSync(stored)).toBe(false);
    expect((await fetch(artifact?.url ?? '')).status).toBe(404);
    expect(await flux.admin.get(live('Deployment', 'deleted'))).toBeDefined();
  });

  it('it says so where Flux does not take ExternalArtifacts', async () => {
    await flux.kustomizeController.stop();
    await flux.kustomizeController.start(['--feature-gates=ExternalArtifact=false']);
    const app = await application('off', good('off'));
    const told = await flux.admin.condition(app.gated, { type: 'ConsumerReady', status: 'False' });
    expect(conditionOf(told, 'ConsumerReady')).toMatchObject({ reason: 'AccessDenied' });
    expect(conditionOf(told, 'ConsumerReady')?.message).toContain('--feature-gates=ExternalArtifact=true');
    await flux.kustomizeController.stop();
    await flux.kustomizeController.start();
    await app.applied(app.first);
    await flux.admin.until(
      app.gated,
      'to have nothing to complain of',
      (each) => conditionOf(each, 'ConsumerReady') === undefined,
    );
  });
});

it('notification-controller is told of each verdict, on an object that alerts can select', async () => {
  const app = await application('told', good('told'));
  await app.applied(app.first);
  const bad = await app.push({ 'web.yaml': deployment('told', gates.unsigned.tagged) });
  const { external } = await app.refused(bad);
  const involvedObject = {
    apiVersion: 'source.toolkit.fluxcd.io/v1',
    kind: 'ExternalArtifact',
    name: 'told',
    namespace: 'apps',
    uid: external?.metadata.uid,
  };
  const told = () => notifications.events.filter(({ involvedObject: { name } }) => name === 'told');
  await waitFor('both events', 10_000, () => (told().length >= 2 ? true : undefined));
  const [published, refused] = told();
  const group = 'source.toolkit.fluxcd.io';
  expect(published).toMatchObject({
    involvedObject,
    severity: 'info',
    reason: 'Succeeded',
    reportingController: 'syncgate',
    metadata: {
      [`${group}/revision`]: expect.stringMatching(/^main@sha256:[0-9a-f]{64}$/),
      [`${group}/originRevision`]: `main@sha1:${app.first}`,
    },
  });
  expect(refused).toMatchObject({
    involvedObject,
    severity: 'error',
    reason: 'Denied',
    message: expect.stringContaining(gates.unsigned.tagged),
    // A commit status goes by it.
    metadata: { [`${group}/originRevision`]: `main@sha1:${bad}` },
  });
});

it('with --withdraw, what new rules refuse is taken back; what is applied stays', async () => {
  await syncgate.stop();
  syncgate = await startSyncgate(flux, gates, { args: ['--withdraw'] });
  const app = await application('withdrawn', good('withdrawn', 2));
  await app.applied(app.first);
  const artifact = await app.artifact();
  gates.setPolicy('new.rego', noReplicas);
  // The source is judged anew at once, and what `Ready` says of that soon stands in the place of the withdrawal.
  const compliant = { type: 'Compliant', status: 'False', reason: 'Withdrawn' } as const;
  const withdrawn = await flux.admin.condition(app.gated, compliant);
  expect(conditionOf(withdrawn, 'Compliant')?.message).toContain('withdrawn has more than one replica');
  await flux.admin.condition(app.gated, { status: 'False', reason: 'Denied' });
  expect(await app.artifact()).toBeUndefined();
  expect((await fetch(artifact?.url ?? '')).status).toBe(404);
  expect((await flux.admin.get(live('Deployment', 'withdrawn')))?.['spec'].replicas).toBe(2);
  gates.setPolicy('new.rego', undefined);
  await flux.admin.until(app.external, 'to lead somewhere again', (each) => each['status'].artifact !== undefined);
});

describe('nobody else', () => {
  it.each([
    ['a tenant', USERS.tenant],
    ['kustomize-controller', USERS.kustomizeController],
    ['source-controller', USERS.sourceController],
    ['the administrator', { name: 'admin', groups: [] }],
  ])('%s writes where an artifact is', async (_, user) => {
    const app = await application(`written-${user.name.split(':').at(-1)}`, good('written'));
    await app.accepted(app.first);
    const artifact = { ...(await app.artifact()), url: 'http://127.0.0.1:1/other.tar.gz' };
    const other = flux.as(user);
    const refused = /403 .*(only the gate writes ExternalArtifacts|Forbidden)/;
    const status = { subresource: 'status' };
    await expect(other.merge(app.external, { status: { artifact } }, status)).rejects.toThrow(refused);
    await expect(other.apply({ ...app.external, status: { artifact } }, status)).rejects.toThrow(refused);
    await expect(other.merge(app.external, { metadata: { labels: { a: 'b' } } })).rejects.toThrow(refused);
    await expect(other.delete(app.external)).rejects.toThrow(refused);
  });

  it('a Kustomization of a gated namespace applies nothing but what was let out', async () => {
    const source = gitRepository('around', 'http://git.example/app.git');
    const tenant = flux.as(USERS.tenant);
    const account = { serviceAccountName: 'deployer' };
    await expect(tenant.apply(kustomization('around', source, account))).rejects.toThrow('goes around the gate');
    const gated = { ...source, kind: 'ExternalArtifact' };
    for (const field of [{ patches: [] }, { targetNamespace: 'other' }, { postBuild: { substitute: { a: 'b' } } }]) {
      await expect(tenant.apply(kustomization('around', gated, field))).rejects.toThrow(/would change what was judged/);
    }
    await tenant.apply(kustomization('around', gated));
    await flux.admin.delete(kustomization('around', gated));
  });

  it('reads a source of another namespace', async () => {
    const elsewhere = gitRepository('elsewhere', 'http://git.example/app.git', {}, 'flux-system');
    await flux.admin.apply(elsewhere);
    const gated = gatedSource('elsewhere', elsewhere);
    const spec = {
      ...(gated['spec'] as object),
      sourceRef: { kind: 'GitRepository', name: 'elsewhere', namespace: 'flux-system' },
    };
    await flux.admin.apply({ ...gated, spec });
    const refused = await flux.admin.condition(gated, { status: 'False', reason: 'AccessDenied' });
    expect(conditionOf(refused, 'Stalled')?.status).toBe('True');
    await flux.admin.delete(gated);
  });

  it('learns what the gate may not read', async () => {
    const app = await application('secrets', { 'a.yaml': configMap('secrets', {}) });
    const references = [{ kind: 'Secret', name: 'syncgate-admission-tls' }];
    await flux.admin.merge(app.gated, { spec: { postBuild: { substituteFrom: references } } });
    await flux.admin.condition(app.gated, { status: 'False' });
  });
});

interface FluxEvent {
  readonly involvedObject: { readonly name: string };
  readonly severity: string;
  readonly reason: string;
  readonly message: string;
  readonly metadata: Readonly<Record<string, string>>;
}

interface NotificationController {
  readonly url: string;
  readonly events: readonly FluxEvent[];
  stop(): Promise<void>;
}

/** It takes events, and answers 202. */
async function startNotificationController(): Promise<NotificationController> {
  const events: FluxEvent[] = [];
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString('utf8');
    events.push(JSON.parse(body));
    response.writeHead(202).end();
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  const stop = async () => {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  };
  return { url: `http://127.0.0.1:${port}/`, events, stop };
}

async function kubectl(...args: readonly string[]): Promise<string> {
  const env = { KUBECONFIG: flux.server.kubeconfigFile, HOME: gates.folder };
  const { stdout, stderr } = await promisify(execFile)(await tool('kubectl'), args, { env });
  return stdout + stderr;
}
