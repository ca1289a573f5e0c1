import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keepEndpoint } from '../../src/adapters/kube/endpoint.ts';
import { createKubeEvents } from '../../src/adapters/kube/events.ts';
import { elect } from '../../src/adapters/kube/leader.ts';
import { type OpenedKube, openKube } from '../../src/adapters/kube/open.ts';
import { type KubeObject, valueAt } from '../../src/core/kube.ts';
import { NO_METRICS, SILENT_LOG } from '../../src/core/telemetry.ts';
import { announcement } from '../support/announcement.ts';
import { waitFor } from '../support/argocd/component.ts';
import { NAMESPACES, serveWidgets, WIDGETS, withoutManagers } from '../support/kube/contract.ts';
import { type KubernetesServer, serviceAccount, startKubernetes } from '../support/kubernetes/cluster.ts';
import { readDocuments } from '../support/kubernetes/documents.ts';
import { tool } from '../support/tools/resolve.ts';

const signal = new AbortController().signal;
const account = 'system:serviceaccount:syncgate-system:syncgate';
const warnings: string[] = [];
let server: KubernetesServer;
let kube: OpenedKube;

beforeAll(async () => {
  server = await startKubernetes({ users: [serviceAccount('syncgate-system', 'syncgate')] });
  const log = { ...SILENT_LOG, warn: (_: string, fields?: object) => void warnings.push(JSON.stringify(fields)) };
  kube = await openKube({ kubeconfig: server.kubeconfigFile, log, clock: Date });
  await serveWidgets(kube);
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'apps' } };
  await kube.create(NAMESPACES, namespace, { signal });
});
afterAll(async () => {
  kube?.close();
  await server?.stop();
});

const widget = (name: string, n: number) => ({
  apiVersion: 'test.syncgate.dev/v1',
  kind: 'Widget',
  metadata: { name, namespace: 'apps' },
  spec: { n },
});

/** Follows widgets, and remembers what it was told of each. */
function follow(through: OpenedKube = kube) {
  const told = new Map<string, KubeObject | undefined>();
  const cache = through.watch(WIDGETS, {
    namespace: 'apps',
    signal,
    onChange: ({ name }, object) => void told.set(name, object),
  });
  const agrees = () =>
    waitFor('the copy to be what the server has', 60_000, async () => {
      if (!cache.isCurrent()) return undefined;
      const live = (await kube.list(WIDGETS, { namespace: 'apps', signal })).map(withoutManagers);
      const sorted = (objects: readonly KubeObject[]) =>
        [...objects].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
      const known = [...told.values()].filter((object) => object !== undefined);
      const isSame = isDeepStrictEqual(sorted(cache.list()), sorted(live));
      return isSame && isDeepStrictEqual(sorted(known), sorted(live)) ? true : undefined;
    });
  return { cache, agrees };
}

/** The way to a port of this machine, on which whoever comes may have to wait. */
async function startRoad(port: number) {
  const sockets = new Set<Socket>();
  const waiting: (() => void)[] = [];
  let isHeld = false;
  const way = createServer((from) => {
    sockets.add(from);
    from.on('error', () => {});
    const go = () => {
      const to = connect(port, '127.0.0.1');
      sockets.add(to);
      to.on('error', () => from.destroy());
      from.pipe(to).pipe(from);
    };
    if (isHeld) waiting.push(go);
    else go();
  });
  await new Promise<void>((done) => way.listen(0, '127.0.0.1', done));
  const end = () => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  return {
    url: `https://127.0.0.1:${(way.address() as { port: number }).port}`,
    hold() {
      isHeld = true;
      end();
    },
    release() {
      isHeld = false;
      for (const go of waiting.splice(0)) go();
    },
    async [Symbol.asyncDispose]() {
      end();
      await new Promise((done) => way.close(done));
    },
  };
}

describe('an API server that goes away', () => {
  it.each([
    ['as in an upgrade', 'SIGTERM'],
    ['at once', 'SIGKILL'],
  ] as const)('%s is followed again, and no change is lost', async (name, how) => {
    const { cache, agrees } = follow();
    await cache.synced;
    const prefix = name.replaceAll(' ', '-');
    for (let i = 0; i < 20; i++) await kube.apply(WIDGETS, widget(`${prefix}-${i}`, 0), { signal });
    await agrees();
    // Writes that end with the server: some are done, some are not, and nobody knows which.
    let stopWriting = false;
    const writing = (async () => {
      for (let n = 1; !stopWriting; n++) {
        const target = `${prefix}-${n % 20}`;
        await kube
          .apply(WIDGETS, widget(target, n), { signal })
          .catch(() => new Promise((next) => setTimeout(next, 20)));
        if (n % 7 === 0) await kube.delete(WIDGETS, { namespace: 'apps', name: target }, { signal }).catch(() => {});
      }
    })();
    await new Promise((next) => setTimeout(next, 300));
    await server.apiServer.stop(how);
    await waitFor('it to be noticed', 30_000, () => !cache.isCurrent() || undefined);
    const started = server.apiServer.start();
    await started;
    await new Promise((next) => setTimeout(next, 500));
    stopWriting = true;
    await writing;
    await agrees();
    cache.stop();
  });

  it('that has forgotten where a watch was (410) is listed again', async () => {
    await using road = await startRoad(Number(new URL(server.url).port));
    const file = `${server.kubeconfigFile}.road`;
    writeFileSync(file, readFileSync(server.kubeconfigFile, 'utf8').replace(server.url, road.url));
    const whys: string[] = [];
    const debug = (_: string, fields?: object) => void whys.push(JSON.stringify(fields));
    const log = { ...SILENT_LOG, with: () => ({ ...SILENT_LOG, debug }) };
    const behind = await openKube({ kubeconfig: file, log, clock: Date });
    const { cache, agrees } = follow(behind);
    await kube.apply(WIDGETS, widget('first', 1), { signal });
    await agrees();
    // The connection is cut, and the next one waits on the road until the server is another and all has changed.
    road.hold();
    await server.apiServer.stop('SIGKILL');
    await server.apiServer.start();
    const other = await openKube({ kubeconfig: server.kubeconfigFile, log: SILENT_LOG, clock: Date });
    for (let i = 0; i < 10; i++) await other.apply(WIDGETS, widget(`more-${i}`, i), { signal });
    await other.delete(WIDGETS, { namespace: 'apps', name: 'first' }, { signal });
    // A watch from before what this server has read is the only thing that can tell it apart.
    road.release();
    await agrees();
    expect(whys.join()).toContain('too old resource version');
    cache.stop();
    behind.close();
    other.close();
  });

  it('makes the leader cease, and one leads again afterwards', async () => {
    const candidates = ['one', 'two'].map((candidate) =>
      elect({
        ...{ kube, namespace: 'apps', name: 'syncgate', candidate, log: SILENT_LOG, metrics: NO_METRICS, clock: Date },
        ...{ ticks: () => performance.now(), random: Math.random },
        times: { leaseMs: 3000, renewMs: 1500, retryMs: 200 },
      }),
    );
    const leaders = () => candidates.filter((each) => each.isLeader()).length;
    await waitFor('a leader', 30_000, () => leaders() === 1 || undefined);
    await server.apiServer.stop('SIGKILL');
    await waitFor('nobody to lead', 30_000, () => leaders() === 0 || undefined);
    await server.apiServer.start();
    await waitFor('a leader again', 60_000, () => leaders() === 1 || undefined);
    for (const each of candidates) await each.stop();
  });
});

it('what is told as an event is taken by the server, and counts up', async () => {
  const dropped: string[] = [];
  const metrics = { ...NO_METRICS, count: (_: string, labels: object) => void dropped.push(JSON.stringify(labels)) };
  const events = createKubeEvents({ kube, instance: 'syncgate-0', log: SILENT_LOG, metrics, clock: Date });
  warnings.length = 0;
  const uid = '00000000-0000-0000-0000-000000000000';
  for (let i = 0; i < 3; i++) events.announce(announcement({ message: 'é'.repeat(5000) }, { uid }));
  events.announce(announcement({ severity: 'info', reason: 'Succeeded', message: 'ok' }, { uid }));
  await events.close(20_000);
  expect([dropped, warnings]).toEqual([[], []]);
  const resource = { group: '', version: 'v1', kind: 'Event', plural: 'events', namespaced: true };
  const found = await kube.list(resource, { namespace: 'apps', signal });
  const told = found
    .filter(({ metadata }) => metadata.name.startsWith('shop.'))
    .map((each) => [each['type'], each['count']]);
  expect(told.sort()).toEqual([
    ['Normal', 1],
    ['Warning', 3],
  ]);
});

it('the rights that are shipped are enough to lead, to be found and to tell', async () => {
  const folder = resolve(import.meta.dirname, '../../flux/base');
  const namespace = 'syncgate-system';
  await kube.apply(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }, { signal });
  for (const file of ['source/rbac.yaml', 'source/services.yaml']) {
    for (const object of readDocuments(readFileSync(join(folder, file), 'utf8'))) {
      await server.api.create(object as Parameters<typeof server.api.create>[0]);
    }
  }
  const told: string[] = [];
  const tell = (message: string, fields?: object) => void told.push(`${message} ${JSON.stringify(fields)}`);
  const log = { ...SILENT_LOG, warn: tell, error: tell, with: () => ({ ...SILENT_LOG, warn: tell, error: tell }) };
  const own = await openKube({ kubeconfig: server.kubeconfigFileOf(account), log, clock: Date });
  const leadership = elect({
    ...{ kube: own, namespace, name: 'syncgate', candidate: 'syncgate-0', log, metrics: NO_METRICS, clock: Date },
    ...{ ticks: () => performance.now(), random: Math.random },
  });
  const names = { namespace, name: 'syncgate-artifacts', podName: 'syncgate-0', podIp: '10.1.2.3' };
  const endpoint = keepEndpoint({ ...names, kube: own, leadership, log });
  const slices = { group: 'discovery.k8s.io', version: 'v1', kind: 'EndpointSlice', plural: 'endpointslices' };
  await waitFor(`the slice (${told})`, 30_000, async () => {
    const slice = await kube.get({ ...slices, namespaced: true }, { namespace, name: 'syncgate-artifacts' }, signal);
    return valueAt(slice, 'endpoints', 0, 'addresses', 0) === '10.1.2.3' || undefined;
  });
  const events = createKubeEvents({ kube: own, instance: 'syncgate-0', log, metrics: NO_METRICS, clock: Date });
  for (let i = 0; i < 2; i++) events.announce(announcement({ message: 'by its own account' }));
  await events.close(20_000);
  expect((await own.capabilities(signal)).version).toMatch(/^v1/);
  await endpoint.stop();
  await leadership.stop();
  own.close();
  expect(told).toEqual([]);
});

it('what the cluster can is what Helm finds', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'syncgate-capabilities-'));
  try {
    mkdirSync(join(folder, 'templates'));
    writeFileSync(join(folder, 'Chart.yaml'), 'apiVersion: v2\nname: c\nversion: 1.0.0\n');
    writeFileSync(
      join(folder, 'templates/c.yaml'),
      [
        ...['apiVersion: v1', 'kind: ConfigMap', 'metadata: { name: c, namespace: apps }', 'data:'],
        '  versions: {{ .Capabilities.APIVersions | toJson | quote }}',
        '  version: {{ .Capabilities.KubeVersion.Version | quote }}',
      ].join('\n'),
    );
    const args = ['template', 'x', folder, '--validate', '--kubeconfig', server.kubeconfigFile];
    const printed = execFileSync(await tool('helm'), args, { env: { HOME: folder }, encoding: 'utf8' });
    const { parse } = await import('yaml');
    const { data } = parse(printed) as { data: { versions: string; version: string } };
    const { version, apiVersions } = await kube.capabilities(signal);
    expect(version).toBe(data.version);
    expect(apiVersions).toEqual((JSON.parse(data.versions) as string[]).sort());
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
