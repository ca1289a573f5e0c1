/** What the gate stands on goes away for a while: Flux's own controller, the API server, the disk, the leader, a volume. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { freePorts, waitFor } from '../support/argocd/component.ts';
import { type Application, configMap, deployment, live, startApplication } from '../support/flux/application.ts';
import { type Flux, startFlux } from '../support/flux/flux.ts';
import { type GateFiles, startGateFiles } from '../support/flux/gates.ts';
import { type ArtifactService, startService } from '../support/flux/service.ts';
import { applyShipped, type Syncgate, type SyncgateOptions, startSyncgate } from '../support/flux/syncgate.ts';
import { digestOf } from '../support/flux/tarball.ts';
import { conditionOf } from '../support/kubernetes/client.ts';

let flux: Flux;
let gates: GateFiles;

beforeAll(async () => {
  [flux, gates] = await Promise.all([startFlux(), startGateFiles()]);
  gates.setGate('apps', { namespaces: { names: ['apps'] }, spec: { policies: [] } });
  await applyShipped(flux);
});

afterAll(async () => {
  await gates?.stop();
  await flux?.stop();
});

/** What is running in the present test, for its logs and to be ended after it. */
let running: Syncgate[] = [];
let applications: Application[] = [];

afterEach(async () => {
  for (const application of applications) {
    await Promise.all([application.consumer, application.gated].map((each) => flux.admin.delete(each)));
    await flux.admin.gone(application.gated).catch(() => {});
    await application[Symbol.asyncDispose]();
  }
  for (const each of running) await each.stop();
  running = [];
  applications = [];
});

async function start(options: SyncgateOptions = {}): Promise<Syncgate> {
  const syncgate = await startSyncgate(flux, gates, options);
  onTestFailed(
    () => void process.stderr.write(`--- ${options.podName ?? 'syncgate'}\n${syncgate.log().slice(-6000)}\n`),
  );
  running.push(syncgate);
  return syncgate;
}

async function application(name: string, files: Record<string, string>): Promise<Application & { first: string }> {
  const started = await startApplication(flux, name, files);
  applications.push(started);
  return started;
}

const good = (name: string, replicas = 1) => ({ 'web.yaml': deployment(name, gates.signed.tagged, { replicas }) });
const bad = (name: string) => ({ 'web.yaml': deployment(name, gates.unsigned.tagged) });
const replicasOf = async (name: string) => (await flux.admin.get(live('Deployment', name)))?.['spec'].replicas;

async function isServed(app: Application): Promise<void> {
  const artifact = await app.artifact();
  if (artifact === undefined) throw new Error('there is no artifact');
  const bytes = Buffer.from(await (await fetch(artifact.url, { signal: AbortSignal.timeout(5000) })).arrayBuffer());
  expect(digestOf(bytes)).toBe(artifact.digest);
}

it('source-controller goes away, and comes back with another commit', async () => {
  await start();
  const app = await application('without-sources', good('without-sources'));
  await app.applied(app.first);
  await flux.sourceController.stop();
  const commit = await app.push(good('without-sources', 2));
  // A reconciliation that is asked for finds no source to download from, and takes nothing away.
  const token = await flux.admin.reconcile(app.gated);
  await flux.admin.until(app.gated, 'to have looked', (each) => each['status'].lastHandledReconcileAt === token);
  await isServed(app);
  expect(await replicasOf('without-sources')).toBe(1);
  await flux.sourceController.start();
  await app.applied(commit);
  expect(await replicasOf('without-sources')).toBe(2);
});

it('the disk is full: what is live stays, and it says so', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'syncgate-full-'));
  try {
    // A disk of its own, which nobody outside of the process sees.
    const mount = `mount -t tmpfs -o size=256k none '${folder}' && exec "$@"`;
    await start({ storage: folder, through: ['unshare', '--mount', '--map-root-user', '/bin/sh', '-c', mount, 'sh'] });
    const app = await application('full', { ...good('full') });
    await app.applied(app.first);
    const before = await app.artifact();
    // Random text, which no compression makes smaller than the disk.
    const text = randomBytes(400 * 1024).toString('base64');
    const large = await app.push({ 'large.yaml': configMap('large', { text }), ...good('full', 2) });
    const failed = { status: 'False', reason: 'StorageOperationFailed', message: 'disk' } as const;
    const gated = await flux.admin.condition(app.gated, failed);
    expect(gated['status'].lastAcceptedRevision).not.toContain(large);
    expect(await app.artifact()).toEqual(before);
    await isServed(app);
    const small = await app.push({ 'large.yaml': null, ...good('full', 3) });
    await app.applied(small);
    expect(await replicasOf('full')).toBe(3);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

describe('two replicas', () => {
  let service: ArtifactService;
  let volumes: readonly [string, string];
  let pods: ReadonlyMap<string, number>;
  const addresses = ['10.0.9.1', '10.0.9.2'] as const;

  beforeAll(async () => {
    const ports = (await freePorts(2)) as [number, number];
    pods = new Map(addresses.map((address, i) => [address, ports[i] ?? 0]));
    const metadata = { name: 'syncgate-artifacts', namespace: 'syncgate-system' };
    const slice = { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata };
    service = await startService(flux.admin, slice, pods);
    volumes = [0, 1].map(() => mkdtempSync(join(tmpdir(), 'syncgate-volume-'))) as [string, string];
  });
  afterAll(async () => {
    await service?.stop();
    for (const volume of volumes ?? []) rmSync(volume, { recursive: true, force: true });
  });

  const replica = (ordinal: 0 | 1) =>
    start({
      elected: true,
      storage: volumes[ordinal],
      podName: `syncgate-${ordinal}`,
      podIp: addresses[ordinal],
      port: pods.get(addresses[ordinal]) ?? 0,
      advertised: service.host,
    });
  const lease = {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'syncgate', namespace: 'syncgate-system' },
  };
  const leads = (ordinal: 0 | 1, deadlineMs = 60_000) =>
    waitFor(`syncgate-${ordinal} to lead`, deadlineMs, async () =>
      (await flux.admin.get(lease))?.['spec'].holderIdentity?.startsWith(`syncgate-${ordinal}`) ? true : undefined,
    );

  it('the leader is killed, and the other goes on', async () => {
    const first = await replica(0);
    await leads(0);
    await replica(1);
    const app = await application('led', good('led'));
    await app.applied(app.first);
    await first.stop('SIGKILL');
    const commit = await app.push(good('led', 2));
    await app.applied(commit, 90_000);
    await leads(1);
    await isServed(app);
    const refused = await app.push(bad('led'));
    await app.refused(refused);
  });

  it('the leader is stopped, as in an upgrade: the other takes over at once', async () => {
    const first = await replica(0);
    await leads(0);
    const second = await replica(1);
    const app = await application('upgraded', good('upgraded'));
    await app.applied(app.first);
    await waitFor('the other to hold it', 30_000, async () => existsIn(second.storage, (await app.artifact())?.digest));
    await first.stop('SIGTERM');
    // The Lease was given back: nobody waits until it is over.
    await leads(1, 10_000);
    await waitFor('the other to serve it', 10_000, async () => {
      await isServed(app);
      return true;
    });
    await app.applied(await app.push(good('upgraded', 2)));
  });

  it('the volume of the leader is lost while the newest revision is refused', async () => {
    const first = await replica(0);
    await leads(0);
    const second = await replica(1);
    const app = await application('lost', good('lost'));
    await app.applied(app.first);
    const refused = await app.push(bad('lost'));
    await app.refused(refused);
    const artifact = await app.artifact();
    await waitFor('the other to hold it', 30_000, () => existsIn(second.storage, artifact?.digest));
    await first.stop('SIGKILL');
    rmSync(volumes[0], { recursive: true, force: true });
    await leads(1);
    // What Flux applies anew is what was let out, though no source leads to it any more.
    await waitFor('the other to serve it', 30_000, async () => {
      await isServed(app);
      return true;
    });
    expect(await app.artifact()).toMatchObject({ digest: artifact?.digest });
    await flux.admin.merge(live('Deployment', 'lost'), { spec: { replicas: 7 } });
    const token = await flux.admin.reconcile(app.consumer);
    await flux.admin.until(
      app.consumer,
      'to have applied it anew',
      (each) => each['status'].lastHandledReconcileAt === token && conditionOf(each)?.status === 'True',
    );
    expect(await replicasOf('lost')).toBe(1);
  });

  it('a holder whose clock is wrong keeps the Lease while it renews it, and loses it when it stops', async () => {
    let transitions = 100;
    const renew = (skewMs: number) => {
      const time = new Date(Date.now() + skewMs).toISOString().replace('Z', '000Z');
      const holder = { holderIdentity: 'ghost', leaseDurationSeconds: 5, acquireTime: time, renewTime: time };
      return flux.admin.merge(lease, { spec: { ...holder, leaseTransitions: transitions++ } });
    };
    // An hour behind, and by that long over; but it is alive.
    await renew(-3_600_000);
    await replica(0);
    for (let i = 0; i < 8; i++) {
      await sleep(1000);
      await renew(-3_600_000);
      expect((await flux.admin.get(lease))?.['spec'].holderIdentity).toBe('ghost');
    }
    // A day ahead, and gone.
    await renew(86_400_000);
    await leads(0);
  });
});

// The last: Flux's own controllers look again up to half a minute after their API server was killed.
it('the API server restarts, and is killed', async () => {
  await start();
  const app = await application('without-server', good('without-server'));
  await app.applied(app.first);
  const artifact = await app.artifact();
  await flux.server.apiServer.stop('SIGTERM');
  await sleep(1500);
  // Consumers that know their artifact get it meanwhile.
  expect((await fetch(artifact?.url ?? '')).status).toBe(200);
  const commit = await app.git.commit('meanwhile', good('without-server', 2));
  await flux.server.apiServer.start();
  await flux.admin.reconcile(app.source);
  await app.applied(commit, 90_000);
  expect(await replicasOf('without-server')).toBe(2);

  // Killed, and asked for something else at once: Flux's own controllers take up to half a minute to look again.
  await flux.server.apiServer.stop('SIGKILL');
  await sleep(500);
  await flux.server.apiServer.start();
  await flux.admin.merge(app.gated, { spec: { commonMetadata: { labels: { after: 'the-kill' } } } });
  await flux.admin.condition(app.gated, { status: 'True' });
  expect((await app.artifact())?.digest).not.toBe(artifact?.digest);
  await isServed(app);
});

function existsIn(storage: string, digest = ''): true | undefined {
  const names = readdirSync(storage, { recursive: true }).map(String);
  return names.some((name) => name.includes(digest.slice(7))) ? true : undefined;
}
