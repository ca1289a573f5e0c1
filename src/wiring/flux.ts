import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createAnnouncer } from '../adapters/announcer.ts';
import { downloadArtifact } from '../adapters/artifacts/download.ts';
import { packArtifact } from '../adapters/artifacts/pack.ts';
import { type ArtifactStore, openArtifactStore, type StoreOptions } from '../adapters/artifacts/store.ts';
import { type RunningServer, startServer } from '../adapters/http-server.ts';
import { keepEndpoint } from '../adapters/kube/endpoint.ts';
import { elect, type Leadership } from '../adapters/kube/leader.ts';
import { createWorkspace, makeFolder, type Workspace } from '../adapters/workspace.ts';
import { monotonicClock } from '../core/deadline.ts';
import { GateError } from '../core/errors.ts';
import { type Kube, KubeError } from '../core/kube.ts';
import type { SourceLimits } from '../core/source.ts';
import { unpackTarball } from '../source/tarball.ts';
import { createController } from '../surfaces/flux/controller.ts';
import type { PrivateFolder, Reached, Timers } from '../surfaces/flux/ports.ts';
import { buildRequest } from '../surfaces/flux/request.ts';
import { createArtifactApp } from '../surfaces/http/artifacts.ts';
import { leadUntil } from './lead.ts';
import type { Service, ServiceParts } from './service.ts';
import { systemClock } from './world.ts';

const MIB = 1024 * 1024;
/** What a source may hold packed, and unpacked. What is rendered of it has narrower limits in the Gate. */
const maxDownloadBytes = 128 * MIB;
const unpackLimits: SourceLimits = { files: 50_000, bytes: 512 * MIB, fileBytes: 64 * MIB };
/** What a cluster serves changes seldom, and reading it takes dozens of requests. */
const capabilitiesMs = 60_000;
const serverGraceMs = 5_000;
const eventsGraceMs = 5_000;
/** More replicas than anybody runs of a controller of which one works. */
const mostReplicas = 3;

/** The Lease, and the EndpointSlice of the Service that artifacts are asked for at. */
const leaseName = 'syncgate';
const endpointSliceName = 'syncgate-artifacts';

export interface FluxHooks {
  /** Called at each step of a reconciliation; tests end the process there. */
  readonly reached?: Reached;
  /** The same for each step of a write into the store. */
  readonly stored?: StoreOptions['reached'];
}

/**
 * Opens the gated sources of Flux: the store is whole and its files are served when this settles. Rejects where the
 * storage or the address cannot be used.
 */
export async function openFlux(parts: ServiceParts, { reached = () => {}, stored }: FluxHooks = {}): Promise<Service> {
  const { options, kube, gates, log, metrics, world } = parts;
  const workspace = createWorkspace(world.temporaryFolder);
  const store = await openArtifactStore({
    folder: options.storagePath,
    clock: systemClock,
    ...(stored !== undefined && { reached: stored }),
    onSetAside: (path, why) => log.warn('a file of the storage is not served', { path, why }),
  });
  const server = await startServer({
    address: options.storageAddress,
    listener: createArtifactApp({ open: (path) => store.open(path) }),
  });
  log.info('artifacts are served', { address: `${server.host}:${server.port}` });
  const leadership = options.leaderElect ? electLeader(parts) : alwaysLeader(parts);
  const endpoint = keepEndpoint({
    kube,
    leadership,
    namespace: options.namespace,
    name: endpointSliceName,
    podName: options.podName,
    podIp: options.podIp,
    log,
  });
  const events = createAnnouncer({
    kube,
    address: options.eventsAddress,
    instance: options.podName,
    log,
    metrics,
    clock: systemClock,
  });
  const newFolder = folders(workspace);
  const controller = createController(
    {
      kube: writesAsLeader(kube, leadership),
      gates,
      store,
      pack: packArtifact,
      download: downloadArtifact,
      unpack: (request) => unpackTarball({ ...request, limits: unpackLimits }),
      newFolder,
      readManifests: (path, signal) => readManifests(store, newFolder, path, signal),
      buildRequest,
      capabilities: remembered((signal) => kube.capabilities(signal)),
      announce: events.announce,
      peers: peersOf(options.podName, options.namespace, server.port),
      log,
      metrics,
      timers: systemTimers,
      reached,
    },
    {
      advertisedHost: options.storageAdvertisedHost,
      allowCrossNamespaceSources: options.allowCrossNamespaceSources,
      withdraw: options.withdraw,
      retention: { ttlMs: options.retentionTtlMs, records: options.retentionRecords },
      maxDownloadBytes,
      concurrency: options.concurrent,
    },
  );
  return {
    name: 'flux',
    unready: () => controller.unready(),
    async run(signal) {
      const over = new AbortController();
      const following = controller.run(over.signal);
      try {
        await leadUntil(signal, leadership, controller.lead);
      } finally {
        over.abort();
        await endpoint.stop();
        // Only now may another begin: what this one had begun has ended, or is let write nothing any more.
        await leadership.stop();
        await following;
        await events.close(eventsGraceMs);
        await close(server, store, workspace);
      }
    },
  };
}

function electLeader({ options, kube, log, metrics }: ServiceParts): Leadership {
  metrics.set('syncgate_leader', {}, 0);
  return elect({
    kube,
    namespace: options.namespace,
    name: leaseName,
    candidate: options.podName,
    log,
    metrics,
    clock: systemClock,
    ticks: () => monotonicClock.now(),
    random: Math.random,
  });
}

/** Where there is one replica nobody is asked. */
function alwaysLeader({ metrics }: ServiceParts): Leadership {
  metrics.set('syncgate_leader', {}, 1);
  return { isLeader: () => true, onChange: () => () => {}, stop: async () => {} };
}

/** Writes nothing once the Lease could not be renewed in time, though nobody has been told of it yet. */
function writesAsLeader(kube: Kube, leadership: Leadership): Kube {
  const held = <Arguments extends readonly unknown[], Answer>(write: (...args: Arguments) => Promise<Answer>) => {
    return async (...args: Arguments) => {
      if (!leadership.isLeader()) throw new KubeError(0, 'NotLeader', 'another replica leads');
      return write(...args);
    };
  };
  return {
    get: (...args) => kube.get(...args),
    list: (...args) => kube.list(...args),
    watch: (...args) => kube.watch(...args),
    capabilities: (...args) => kube.capabilities(...args),
    create: held((...args: Parameters<Kube['create']>) => kube.create(...args)),
    apply: held((...args: Parameters<Kube['apply']>) => kube.apply(...args)),
    mergePatch: held((...args: Parameters<Kube['mergePatch']>) => kube.mergePatch(...args)),
    replace: held((...args: Parameters<Kube['replace']>) => kube.replace(...args)),
    delete: held((...args: Parameters<Kube['delete']>) => kube.delete(...args)),
  };
}

/** A folder of its own for each run, below the private one. */
function folders(workspace: Workspace): () => Promise<PrivateFolder> {
  let made = 0;
  return async () => {
    const path = makeFolder(workspace.path, `source-${++made}`);
    return { path, remove: () => rm(path, { recursive: true, force: true }) };
  };
}

async function readManifests(
  store: ArtifactStore,
  newFolder: () => Promise<PrivateFolder>,
  path: string,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const opened = await store.open(path);
  if (opened === undefined) throw new GateError('FLUX_ARTIFACT_LOST', 'the file of the artifact is gone');
  const folder = await newFolder();
  try {
    const packed = Buffer.concat(await opened.body.toArray({ signal }));
    const source = join(folder.path, 'source');
    await unpackTarball({ packed, folder: source, subject: 'the artifact', limits: unpackLimits, signal });
    return await readFile(join(source, 'manifests.yaml'), { signal });
  } finally {
    opened.body.destroy();
    await folder.remove();
  }
}

/** The other Pods of the StatefulSet, by the names that its headless Service gives them. */
function peersOf(podName: string, namespace: string, port: number): readonly string[] {
  const [, set, own] = /^(.+)-(\d+)$/.exec(podName) ?? [];
  if (set === undefined) return [];
  return Array.from({ length: mostReplicas }, (_, index) => index)
    .filter((index) => String(index) !== own)
    .map((index) => `${set}-${index}.${set}.${namespace}.svc:${port}`);
}

function remembered<Value>(read: (signal: AbortSignal) => Promise<Value>): (signal: AbortSignal) => Promise<Value> {
  let last: { readonly at: number; readonly value: Value } | undefined;
  return async (signal) => {
    if (last !== undefined && monotonicClock.now() - last.at < capabilitiesMs) return last.value;
    const value = await read(signal);
    last = { at: monotonicClock.now(), value };
    return value;
  };
}

const systemTimers: Timers = {
  now: () => monotonicClock.now(),
  wallTime: () => systemClock.now(),
  after(delay, call) {
    // Longer than a timer can wait is as good as this long: whoever is called looks again.
    const timer = setTimeout(call, Math.min(delay, 2 ** 31 - 1));
    timer.unref();
    return () => clearTimeout(timer);
  },
  random: Math.random,
};

async function close(server: RunningServer, store: ArtifactStore, workspace: Workspace): Promise<void> {
  await server.close(serverGraceMs);
  store.close();
  workspace.remove();
}
