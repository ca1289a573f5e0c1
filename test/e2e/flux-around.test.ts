/** A Kustomization that goes around the gated source: a real kustomize-controller, and the webhook before the API server. */
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFailed } from 'vitest';
import { waitFor } from '../support/argocd/component.ts';
import { makeCertificates } from '../support/certificates.ts';
import { configMap, deployment, live } from '../support/flux/application.ts';
import { type Flux, USERS } from '../support/flux/flux.ts';
import type { GateFiles } from '../support/flux/gates.ts';
import type { GitServer } from '../support/flux/git-server.ts';
import { type Guarded, startGuarded } from '../support/flux/guarded.ts';
import { gitRepository, kustomization } from '../support/flux/objects.ts';
import { writeCertificate } from '../support/flux/syncgate.ts';
import { conditionOf, type Reference, type Writable } from '../support/kubernetes/client.ts';

/** The authority that the certificate is exchanged for. */
const next = makeCertificates();

let cluster: Guarded;
let flux: Flux;
let gates: GateFiles;
let git: GitServer;

beforeAll(async () => {
  cluster = await startGuarded({ prepare: (files) => files.setPolicy('refused.rego', refusedPolicy) });
  ({ flux, gates } = cluster);
  ({ git } = flux);
  await cluster.configure();
  await waitFor('the webhook to be asked', 30_000, () =>
    applyAsFlux('unpinned').then(
      () => undefined,
      () => true,
    ),
  );
});

afterAll(async () => cluster?.stop());

beforeEach(() => onTestFailed(() => void process.stderr.write(cluster.logs())));

/** It refuses in the very words that Flux deletes for. */
const refusedPolicy = `package main

import rego.v1

deny contains {"msg": "field is immutable: this field is  Immutable,\\nand an immutable\\tfield stays"} if {
	input.kind == "ConfigMap"
	input.data.refused == "true"
}
`;

/** As kustomize-controller asks before it applies. */
async function applyAsFlux(how: 'signed' | 'unpinned' | 'unsigned', name = 'probe'): Promise<void> {
  const images = { signed: gates.signed.pinned, unpinned: gates.signed.tagged, unsigned: gates.unsigned.pinned };
  const object = JSON.parse(deployment(name, images[how])) as Writable;
  await flux.admin.apply(object, { fieldManager: 'kustomize-controller', dryRun: true });
}

interface Direct {
  readonly consumer: Writable;
  push(files: Readonly<Record<string, string | null>>): Promise<string>;
}

/** A Kustomization that applies a Git repository itself. */
async function direct(name: string, files: Readonly<Record<string, string>>, spec: object = {}): Promise<Direct> {
  const source = gitRepository(name, git.url);
  const tree = (changes: Readonly<Record<string, string | null>>) =>
    Object.fromEntries(Object.entries(changes).map(([path, text]) => [`${name}/${path}`, text]));
  await git.commit(name, tree(files));
  const consumer = kustomization(name, source, { serviceAccountName: 'deployer', path: `./${name}`, ...spec });
  await flux.admin.apply(source);
  await flux.admin.apply(consumer);
  return {
    consumer,
    async push(changes) {
      const commit = await git.commit(name, tree(changes));
      await flux.admin.reconcile(source);
      return commit;
    },
  };
}

async function refusal(consumer: Reference, commit: string): Promise<string> {
  const refused = await flux.admin.until(
    consumer,
    `to have been refused ${commit}`,
    (each) => each['status'].lastAttemptedRevision?.includes(commit) === true && conditionOf(each)?.status === 'False',
  );
  expect(conditionOf(refused)).toMatchObject({ reason: 'ReconciliationFailed' });
  return conditionOf(refused)?.message ?? '';
}

const uid = async (reference: Reference) => (await flux.admin.get(reference))?.metadata.uid;

describe('what Flux applies around the gate', () => {
  it('is let through where images are signed and pinned', async () => {
    const app = await direct('pinned', { 'web.yaml': deployment('pinned', gates.signed.pinned) });
    await flux.admin.condition(app.consumer, { status: 'True' });
  });

  it.each([
    ['unsigned', 'an image that nobody signed', () => gates.unsigned.pinned],
    ['tagged', 'a tag, which can move before it is pulled', () => gates.signed.tagged],
  ])('is refused: %s, %s; and the live object stays', async (name, _, image) => {
    const app = await direct(name, { 'web.yaml': deployment(name, gates.signed.pinned) });
    await flux.admin.condition(app.consumer, { status: 'True' });
    const before = await uid(live('Deployment', name));
    const commit = await app.push({ 'web.yaml': deployment(name, image()) });
    const message = await refusal(app.consumer, commit);
    expect(message).toContain('dry-run failed (Forbidden)');
    expect(message).toContain(image());
    const after = await flux.admin.get(live('Deployment', name));
    expect(after?.['spec'].template.spec.containers[0].image).toBe(gates.signed.pinned);
    expect(after?.metadata.uid).toBe(before);
  });

  it('is not deleted, even with force and a policy that says immutable', async () => {
    const app = await direct('forced', { 'a.yaml': configMap('forced', { refused: 'no' }) }, { force: true });
    await flux.admin.condition(app.consumer, { status: 'True' });
    const before = await uid(live('ConfigMap', 'forced'));
    expect(before).toBeDefined();
    const commit = await app.push({ 'a.yaml': configMap('forced', { refused: 'true' }) });
    const message = await refusal(app.consumer, commit);
    expect(message).toContain('POLICY_DENIED');
    expect(message).not.toMatch(/is\simmutable|immutable\sfield/i);
    // It tries every second.
    await sleep(2500);
    expect(await uid(live('ConfigMap', 'forced'))).toBe(before);
    expect((await flux.admin.get(live('ConfigMap', 'forced')))?.['data']).toEqual({ refused: 'no' });
  });

  it('is no business of others', async () => {
    const object = JSON.parse(deployment('by-hand', gates.unsigned.tagged)) as Writable;
    await flux.as(USERS.tenant).apply(object, { fieldManager: 'kubectl', dryRun: true });
    await expect(applyAsFlux('unsigned')).rejects.toThrow('403 Forbidden');
  });
});

it('while the webhook is down nothing is applied, and once it is back everything is', async () => {
  const app = await direct('down', { 'a.yaml': configMap('down', { says: 'first' }) }, { force: true });
  await flux.admin.condition(app.consumer, { status: 'True' });
  const before = await uid(live('ConfigMap', 'down'));
  await cluster.webhook.stop('SIGKILL');
  const commit = await app.push({ 'a.yaml': configMap('down', { says: 'second' }) });
  await refusal(app.consumer, commit);
  expect((await flux.admin.get(live('ConfigMap', 'down')))?.['data']).toEqual({ says: 'first' });
  await cluster.restart();
  await flux.admin.until(app.consumer, 'to be applied', (each) => each['status'].lastAppliedRevision?.includes(commit));
  expect((await flux.admin.get(live('ConfigMap', 'down')))?.['data']).toEqual({ says: 'second' });
  expect(await uid(live('ConfigMap', 'down'))).toBe(before);
});

it('a mounted certificate of another authority takes its place without one failed request', async () => {
  const over = new AbortController();
  let asked = 0;
  const failures: string[] = [];
  const asking = Array.from({ length: 3 }, async () => {
    while (!over.signal.aborted) {
      await applyAsFlux('signed', `rotation-${asked}`).catch((error: unknown) => failures.push(String(error)));
      asked += 1;
    }
  });
  // Both are trusted before the certificate of the other is served.
  await cluster.configure([], cluster.ca, next.ca);
  await sleep(1000);
  writeCertificate(cluster.mount, next.server);
  await waitFor('the new certificate to be served', 60_000, async () => ((await servedBy(next.ca)) ? true : undefined));
  await sleep(500);
  await cluster.configure([], next.ca);
  await sleep(1000);
  over.abort();
  await Promise.all(asking);
  expect(failures).toEqual([]);
  expect(asked).toBeGreaterThan(20);
  // It was asked the whole time, and not left out.
  await expect(applyAsFlux('unsigned')).rejects.toThrow('403 Forbidden');
});

/** Whether what is served now is of an authority. */
function servedBy(ca: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ host: '127.0.0.1', port: cluster.port, ca }, () => {
      socket.destroy();
      done(true);
    });
    socket.on('error', () => done(false));
  });
}
