/**
 * The webhook's own authority against a real API server, with the shipped rights and no others: two replicas that look
 * at their own pace, certificates that live for seconds, and callers that never pause.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { KubernetesObject } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { authoritiesOf, SECRET, WEBHOOK_CONFIGURATION } from '../../src/adapters/certificates/authority.ts';
import { type Certificates, openOwnCertificates } from '../../src/adapters/certificates/certificates.ts';
import type { CertificateTimes } from '../../src/adapters/certificates/rotation.ts';
import { type RunningServer, startServer } from '../../src/adapters/http-server.ts';
import { type OpenedKube, openKube } from '../../src/adapters/kube/open.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { valueAt } from '../../src/core/kube.ts';
import { NO_METRICS, SILENT_LOG } from '../../src/core/telemetry.ts';
import { type KubernetesServer, serviceAccount, startKubernetes } from '../support/kubernetes/cluster.ts';

const account = serviceAccount('syncgate-system', 'syncgate-admission');
const secretKey = { namespace: 'syncgate-system', name: 'syncgate-admission-tls' };
const configurationKey = { namespace: '', name: 'syncgate' };
const times = { authority: 24_000, server: 12_000, settle: 2_000, keep: 3_000, backdate: 3600_000 };

let kubernetes: KubernetesServer;
let admin: OpenedKube;
let replicas: Replica[];
let spread: Server;
let configuration: JsonObject;

interface Replica {
  readonly certificates: Certificates;
  readonly server: RunningServer;
  readonly kube: OpenedKube;
  readonly complaints: string[];
  answered: number;
}

/** Says yes, and ends the connection: so each review begins with a handshake. */
function allow(replica: { answered: number }) {
  return (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      replica.answered += 1;
      const { uid } = (JSON.parse(Buffer.concat(chunks).toString()) as { request: { uid: string } }).request;
      const review = { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: { uid, allowed: true } };
      response
        .setHeader('connection', 'close')
        .setHeader('content-type', 'application/json')
        .end(JSON.stringify(review));
    });
  };
}

async function startReplica(everyMs: number, lives: CertificateTimes = times): Promise<Replica> {
  const complaints: string[] = [];
  const clock = { now: () => Date.now() };
  const kube = await openKube({ kubeconfig: kubernetes.kubeconfigFileOf(account.name), log: SILENT_LOG, clock });
  const complain = (message: string, fields?: object) => complaints.push(`${message} ${JSON.stringify(fields)}`);
  const certificates = await openOwnCertificates({
    kube,
    clock,
    log: { ...SILENT_LOG, error: complain },
    metrics: NO_METRICS,
    namespace: secretKey.namespace,
    secret: secretKey.name,
    configuration: configurationKey.name,
    names: ['syncgate-admission.syncgate-system.svc', '127.0.0.1'],
    times: lives,
    pause: (ms, signal) => delay(ms, undefined, { signal }).catch(() => undefined),
    everyMs,
  });
  const replica = { answered: 0 };
  const server = await startServer({ address: '127.0.0.1:0', tls: certificates.current, listener: allow(replica) });
  certificates.onCertificate(server.setCertificate);
  return Object.assign(replica, { certificates, server, kube, complaints });
}

/** One connection to each replica in turn, as a Service spreads them. */
function startSpread(): Promise<Server> {
  let turn = 0;
  const server = createServer((socket) => {
    turn += 1;
    const replica = replicas[turn % replicas.length];
    if (replica === undefined) return void socket.destroy();
    const onward = connect(replica.server.port, '127.0.0.1');
    socket.on('error', () => onward.destroy()).on('close', () => onward.destroy());
    onward.on('error', () => socket.destroy()).on('close', () => socket.destroy());
    socket.pipe(onward).pipe(socket);
  });
  return new Promise((done) => server.listen(0, '127.0.0.1', () => done(server)));
}

beforeAll(async () => {
  kubernetes = await startKubernetes({ users: [account] });
  admin = await openKube({ kubeconfig: kubernetes.kubeconfigFile, log: SILENT_LOG, clock: { now: () => Date.now() } });
  await kubernetes.api.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'syncgate-system' } });
  const shipped = readFileSync(join(import.meta.dirname, '../../flux/base/admission/rbac.yaml'), 'utf8');
  for (const document of parseAllDocuments(shipped)) await kubernetes.api.create(document.toJS() as KubernetesObject);
  replicas = [];
  spread = await startSpread();
  const webhook = (name: string, resource: string) => ({
    name,
    admissionReviewVersions: ['v1'],
    sideEffects: 'None',
    failurePolicy: 'Fail',
    timeoutSeconds: 10,
    clientConfig: { url: `https://127.0.0.1:${(spread.address() as AddressInfo).port}/validate` },
    rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: [resource] }],
  });
  configuration = {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name: configurationKey.name },
    webhooks: [webhook('objects.syncgate.dev', 'configmaps'), webhook('cluster-objects.syncgate.dev', 'limitranges')],
  };
  await kubernetes.api.create(configuration as unknown as KubernetesObject);
});

afterAll(async () => {
  for (const { certificates, server, kube } of replicas ?? []) {
    certificates.close();
    await server.close(0);
    kube.close();
  }
  spread?.close();
  admin?.close();
  await kubernetes?.stop();
});

const signal = new AbortController().signal;

async function trusted(): Promise<readonly (readonly string[])[]> {
  const found = await admin.get(WEBHOOK_CONFIGURATION, configurationKey, signal);
  return (valueAt(found, 'webhooks') as JsonObject[]).map((webhook) =>
    authoritiesOf(
      Buffer.from((valueAt(webhook, 'clientConfig', 'caBundle') as string | undefined) ?? '', 'base64').toString(),
    ),
  );
}

async function attempt(name: string): Promise<string | undefined> {
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' } };
  return kubernetes.api.create(object, undefined, 'All').then(
    () => undefined,
    (error: unknown) => String((error as Error).message).slice(0, 500),
  );
}

describe('certificates of an own authority', () => {
  it('are refused before they are published, and trusted after', async () => {
    expect(await attempt('early')).toMatch(/failed calling webhook/);
    replicas.push(...(await Promise.all([startReplica(300), startReplica(700)])));
    expect(replicas[0]?.certificates.current).toEqual(replicas[1]?.certificates.current);
    const authorities = await trusted();
    expect(authorities.map((each) => each.length)).toEqual([1, 1]);
    await expect.poll(() => attempt('first'), { timeout: 10_000 }).toBeUndefined();
  });

  it('rotate under load, with the Secret emptied in between, without one failed request', {
    timeout: 240_000,
  }, async () => {
    const failures: string[] = [];
    const authorities = new Set<string>();
    const servers = new Set<string>();
    let requests = 0;
    let isOver = false;
    const worker = async (id: number) => {
      while (!isOver) {
        requests += 1;
        const failure = await attempt(`load-${id}`);
        if (failure !== undefined) failures.push(`${new Date().toISOString()} ${failure}`);
      }
    };
    const workers = [0, 1, 2, 3].map(worker);
    const began = Date.now();
    let emptied = false;
    while (Date.now() - began < 55_000) {
      for (const cert of (await trusted())[0] ?? []) authorities.add(cert);
      for (const { certificates } of replicas) servers.add(certificates.current.cert);
      if (!emptied && Date.now() - began > 40_000) {
        emptied = true;
        await admin.mergePatch(SECRET, secretKey, { data: null }, { signal });
      }
      await delay(500);
    }
    isOver = true;
    await Promise.all(workers);
    expect(failures).toEqual([]);
    expect(authorities.size).toBeGreaterThanOrEqual(4);
    expect(servers.size).toBeGreaterThanOrEqual(4);
    expect(requests).toBeGreaterThan(200);
    for (const { answered, complaints } of replicas) {
      expect(answered).toBeGreaterThan(100);
      expect(complaints).toEqual([]);
    }
    process.stdout.write(`${requests} reviews, ${authorities.size} authorities, ${servers.size} certificates\n`);
  });

  it('are never another account’s to take: nothing but the Secret and the configuration may be read', async () => {
    const kube = (replicas[0] as Replica).kube;
    const others = [
      kube.get(SECRET, { ...secretKey, name: 'other' }, signal),
      kube.list(SECRET, { namespace: 'default', signal }),
      kube.create(
        SECRET,
        { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'made', namespace: 'syncgate-system' } },
        { signal },
      ),
    ];
    // All at once: one that is refused before it is waited for would count as nobody's error.
    await Promise.all(others.map((other) => expect(other).rejects.toMatchObject({ status: 403 })));
  });

  it('serve on where the Secret is deleted, and are made anew when it is applied again', {
    timeout: 60_000,
  }, async () => {
    await admin.delete(SECRET, secretKey, { signal });
    const before = replicas[0]?.certificates.current.cert as string;
    await delay(2000);
    expect(await attempt('without')).toBeUndefined();
    expect(replicas[0]?.certificates.current.cert).toBe(before);
    expect(replicas[0]?.complaints.at(-1)).toMatch(/403/);
    await admin.create(SECRET, { apiVersion: 'v1', kind: 'Secret', metadata: secretKey }, { signal });
    await expect
      .poll(() => replicas.every(({ certificates }) => certificates.current.cert !== before), { timeout: 20_000 })
      .toBe(true);
    expect(await attempt('again')).toBeUndefined();
    const { issuer } = new X509Certificate(replicas[0]?.certificates.current.cert as string);
    expect((await trusted())[0]?.some((cert) => new X509Certificate(cert).subject === issuer)).toBe(true);
  });

  it('are trusted again soon after the configuration was taken away and applied again', {
    timeout: 120_000,
  }, async () => {
    for (const { certificates } of replicas) certificates.close();
    // Its next step is far away: only looking at the configuration can tell it.
    const year = 365 * 24 * 3600_000;
    const patient = await startReplica(3600_000, { ...times, authority: year, server: year / 2 });
    const others = replicas;
    replicas = [patient];
    try {
      await admin.delete(WEBHOOK_CONFIGURATION, configurationKey, { signal });
      await delay(3000);
      await admin.create(WEBHOOK_CONFIGURATION, configuration, { signal });
      const isTrusted = async () => (await trusted()).every((bundle) => bundle.length > 0);
      await expect.poll(isTrusted, { timeout: 90_000, interval: 200 }).toBe(true);
      expect(await attempt('back')).toBeUndefined();
    } finally {
      replicas = [...others, patient];
    }
  });
});
