/** The webhook beside a real kustomize-controller: what goes around the gate is refused, and what is live stays. */
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it, onTestFailed } from 'vitest';
import { webhookConfiguration } from '../support/admission/webhook.ts';
import { waitFor } from '../support/argocd/component.ts';
import { makeCertificates, type TestCertificates } from '../support/certificates.ts';
import { configMap, deployment, live } from '../support/flux/application.ts';
import { type Flux, startFlux } from '../support/flux/flux.ts';
import { type GateFiles, startGateFiles } from '../support/flux/gates.ts';
import { type GitServer, startGitServer } from '../support/flux/git-server.ts';
import { gitRepository, kustomization } from '../support/flux/objects.ts';
import { shippedObjects, startWebhook, type Webhook, writeCertificate } from '../support/flux/syncgate.ts';
import { conditionOf, type Live, type Writable } from '../support/kubernetes/client.ts';

let flux: Flux;
let gates: GateFiles;
let git: GitServer;
let webhook: Webhook;
let certificates: TestCertificates;
const source = () => gitRepository('direct', git.url);

beforeAll(async () => {
  [flux, gates, git] = await Promise.all([startFlux(), startGateFiles(), startGitServer()]);
  const { admin } = flux;
  // Exactly what the webhook's account may do as it is shipped.
  const rights = ['ServiceAccount', 'ClusterRole', 'ClusterRoleBinding', 'Role', 'RoleBinding'];
  for (const object of await shippedObjects('flux/overlays/admission')) {
    if (rights.includes(object.kind)) await admin.apply(object);
  }
  gates.setPolicy('frozen.yaml', frozen);
  certificates = makeCertificates();
  const folder = join(gates.folder, 'certificates');
  mkdirSync(folder);
  writeCertificate(folder, certificates.server);
  webhook = await startWebhook(flux, gates, { certificates: folder });
  const port = Number(new URL(webhook.url).port);
  await admin.apply(webhookConfiguration({ port, certificates }, { namespace: 'apps' }));
  await waitFor('the webhook to be asked', 30_000, async () => {
    const probe = { ...live('ConfigMap', 'forbidden'), data: {} } as Writable;
    const asked = admin.apply(probe, { fieldManager: 'kustomize-controller', dryRun: true });
    return await asked.then(
      () => undefined,
      () => true,
    );
  });
});
afterAll(async () => {
  await webhook?.stop();
  await git?.stop();
  await gates?.stop();
  await flux?.stop();
});
beforeEach(() => onTestFailed(() => void process.stderr.write(`${flux.logs()}\n${webhook.log()}`)));

/** A policy that says, as its author would, what Flux takes for a field that only a new object can have. */
const frozen = [
  {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: 'frozen' },
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: {
        resourceRules: [
          { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['configmaps'] },
        ],
      },
      validations: [
        {
          expression: "request.operation == 'CREATE' || object.data[?'frozen'] == oldObject.data[?'frozen']",
          message: 'data.frozen: Invalid value: field is immutable, this is an Immutable Field',
        },
      ],
    },
  },
  {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name: 'frozen' },
    spec: { policyName: 'frozen', validationActions: ['Deny'] },
  },
]
  .map((document) => JSON.stringify(document))
  .join('\n---\n');

/** A Kustomization that goes around the gate, and replaces what cannot be changed. */
async function direct(name: string, namespace = 'apps'): Promise<Writable> {
  await flux.admin.apply(source());
  const consumer = kustomization(name, source(), { path: `./${name}`, force: true, targetNamespace: namespace });
  await flux.admin.apply(consumer);
  return consumer;
}

async function push(files: Readonly<Record<string, string>>): Promise<string> {
  const commit = await git.commit('change', files);
  await flux.admin.apply(source());
  await flux.admin.reconcile(source());
  return commit;
}

/** Waits until a commit was tried and refused; the message. */
async function refused(consumer: Writable, commit: string): Promise<string> {
  const isRefused = (each: Live) =>
    each['status']?.lastAttemptedRevision?.includes(commit) === true && conditionOf(each)?.status === 'False';
  const found = await flux.admin.until(consumer, `to be refused ${commit}`, isRefused);
  return conditionOf(found)?.message ?? '';
}

it('an image that nobody signed is not applied, and the one before stays', async () => {
  const [consumer] = await Promise.all([
    direct('web'),
    push({ 'web/web.yaml': deployment('web', gates.signed.pinned) }),
  ]);
  await flux.admin.condition(consumer, { status: 'True' });
  const before = await flux.admin.get(live('Deployment', 'web'));
  const commit = await push({ 'web/web.yaml': deployment('web', gates.unsigned.pinned) });
  const message = await refused(consumer, commit);
  expect(message).toContain('Deployment/apps/web dry-run failed (Forbidden)');
  expect(message).toContain('IMAGE_UNSIGNED');
  const after = await flux.admin.get(live('Deployment', 'web'));
  expect(after?.metadata.uid).toBe(before?.metadata.uid);
  expect(after?.['spec']).toEqual(before?.['spec']);
});

it('a policy that says "field is immutable" deletes nothing, though the Kustomization forces', async () => {
  const first = push({ 'kept/kept.yaml': configMap('kept', { frozen: 'yes' }) });
  const [consumer] = await Promise.all([direct('kept'), first]);
  await flux.admin.condition(consumer, { status: 'True' });
  const before = await flux.admin.get(live('ConfigMap', 'kept'));
  const commit = await push({ 'kept/kept.yaml': configMap('kept', { frozen: 'no' }) });
  const message = await refused(consumer, commit);
  expect(message).toContain('data.frozen: Invalid value: field is unchangeable');
  expect(message).not.toMatch(/immutable/i);
  // It tries again and again.
  const tries = () => webhook.log().split('"object":"ConfigMap apps/kept"').length;
  const known = tries();
  await waitFor('two more tries', 30_000, async () => (tries() >= known + 2 ? true : undefined));
  const after = await flux.admin.get(live('ConfigMap', 'kept'));
  expect(after?.metadata.uid).toBe(before?.metadata.uid);
  expect(after?.['data']).toEqual({ frozen: 'yes' });
});

it('whereas a webhook that lets the words through has the live object deleted', async () => {
  const { admin } = flux;
  await admin.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'elsewhere' } });
  const careless = createServer(certificates.server, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { request: review } = JSON.parse(Buffer.concat(chunks).toString('utf8'));
      const status = { code: 403, reason: 'Forbidden', message: 'field is immutable' };
      const answer = { uid: review.uid, allowed: review.operation === 'CREATE', status };
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: answer }));
    });
  });
  await new Promise<void>((listening) => careless.listen(0, '127.0.0.1', listening));
  const { port } = careless.address() as AddressInfo;
  const there = live('ConfigMap', 'lost', 'elsewhere');
  const text = (value: string) => JSON.stringify({ ...there, data: { value } });
  const [consumer] = await Promise.all([direct('lost', 'elsewhere'), push({ 'lost/lost.yaml': text('a') })]);
  await admin.condition(consumer, { status: 'True' });
  const before = await admin.get(there);
  await admin.apply(webhookConfiguration({ port, certificates }, { name: 'careless', namespace: 'elsewhere' }));
  await waitFor('the careless webhook to be asked', 30_000, async () => {
    const asked = admin.apply({ ...there, data: { value: 'x' } } as Writable, {
      fieldManager: 'kustomize-controller',
      dryRun: true,
    });
    return await asked.then(
      () => undefined,
      () => true,
    );
  });
  await push({ 'lost/lost.yaml': text('b') });
  const after = await admin.until(there, 'to be another one', (each) => each.metadata.uid !== before?.metadata.uid);
  expect(after['data']).toEqual({ value: 'b' });
  await admin.delete(webhookConfiguration({ port, certificates }, { name: 'careless' }));
  careless.closeAllConnections();
  await new Promise((closed) => careless.close(closed));
});

it('nothing goes around it while it is down', async () => {
  const first = push({ 'down/down.yaml': configMap('down', { value: 'a' }) });
  const [consumer] = await Promise.all([direct('down'), first]);
  await flux.admin.condition(consumer, { status: 'True' });
  await webhook.stop('SIGKILL');
  const commit = await push({ 'down/down.yaml': configMap('down', { value: 'b' }) });
  expect(await refused(consumer, commit)).toContain('failed calling webhook');
  expect((await flux.admin.get(live('ConfigMap', 'down')))?.['data']).toEqual({ value: 'a' });
});
