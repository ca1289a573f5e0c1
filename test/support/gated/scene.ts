/** The controller of gated sources in memory: a doubled API server, a gate that says what it is told, time by hand. */
import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { Finding } from '../../../src/core/decision.ts';
import { type Code, GateError } from '../../../src/core/errors.ts';
import type { Announcement } from '../../../src/core/events.ts';
import type { Digest } from '../../../src/core/image.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import type { KubeObject, ObjectKey } from '../../../src/core/kube.ts';
import { SILENT_LOG } from '../../../src/core/telemetry.ts';
import { decide, withDigest } from '../../../src/decision/decide.ts';
import type { Judged } from '../../../src/gate.ts';
import type { Gates, Governing, StandingGate } from '../../../src/gates.ts';
import type { RenderRequest } from '../../../src/render/request.ts';
import { type ControllerSettings, createController } from '../../../src/surfaces/flux/controller.ts';
import { GATED_SOURCE, type GatedSourceStatus } from '../../../src/surfaces/flux/gated-source.ts';
import type {
  ArtifactStore,
  DownloadRequest,
  Pack,
  Packed,
  Step,
  StoredArtifact,
} from '../../../src/surfaces/flux/ports.ts';
import { buildRequest } from '../../../src/surfaces/flux/request.ts';
import { EXTERNAL_ARTIFACT, NAMESPACE, sourceResource } from '../../../src/surfaces/flux/sources.ts';
import { createMemoryKube, type MemoryKube } from '../kube/memory.ts';
import { type HandTimers, handTimers, turns } from './timers.ts';

export const KEY: ObjectKey = { namespace: 'apps', name: 'shop' };
export const HOST = 'artifacts.example';

/** What a gate answers, as a test says it. */
export type Answer =
  | { readonly manifests: string; readonly warnings?: readonly string[] }
  | { readonly denied: readonly string[]; readonly code?: Code }
  | { readonly error: GateError };

export function finding(message: string, code: Code = 'POLICY_DENIED'): Finding {
  return { effect: 'deny', code, rule: 'main.deny', message, mend: 'Change it.' };
}

/** The answer as a real gate would have composed it. */
export function judged(answer: Answer): Judged {
  const warnings = 'manifests' in answer ? (answer.warnings ?? []) : [];
  const evidence = { objects: 2, images: [], engines: {}, notEvaluated: [] };
  const outcome =
    'error' in answer
      ? { kind: 'errored' as const, error: answer.error }
      : {
          kind: 'completed' as const,
          examined: 2,
          findings:
            'denied' in answer
              ? answer.denied.map((each) => finding(each, answer.code))
              : warnings.map((each) => ({ ...finding(each), effect: 'warn' as const })),
        };
  const decision = decide(['policy'], [{ check: 'policy', outcome }], evidence);
  if (decision.verdict === 'allowed' && 'manifests' in answer) {
    const digest = `sha256:${createHash('sha256').update(answer.manifests).digest('hex')}` as Digest;
    return { decision: { ...withDigest(decision, digest), verdict: 'allowed' }, manifests: answer.manifests };
  }
  const verdict = decision.verdict === 'allowed' ? 'unevaluated' : decision.verdict;
  return { decision: { ...withDigest(decision, undefined), verdict } };
}

/** A gate whose answers a test sets. */
export interface ScriptedGate extends StandingGate {
  name: string;
  rules: string;
  judge: StandingGate['judge'];
  judgeAgain: StandingGate['judgeAgain'];
  readonly asked: RenderRequest[];
  readonly askedAgain: string[];
}

function scriptedGate(answer: Answer = { manifests: 'kind: A\n' }): ScriptedGate {
  const gate: ScriptedGate = {
    name: 'production',
    rules: 'rules-1',
    asked: [],
    askedAgain: [],
    judge: async () => judged(answer),
    judgeAgain: async () => judged(answer).decision,
    judgeObject: async () => judged(answer).decision,
  };
  return gate;
}

/** An archive at once: a real one is packed by another thread, whose time no test has by hand. */
const pack: Pack = async (files) => {
  const bytes = gzipSync(Buffer.concat(files.flatMap(({ name, bytes }) => [Buffer.from(`${name}\n`), bytes])));
  const hex = createHash('sha256').update(bytes).digest('hex');
  return { bytes, hex, digest: `sha256:${hex}` };
};

/** Files in memory, under the names that the real store gives them. */
export function memoryStore(now: () => number) {
  const files = new Map<string, StoredArtifact & { readonly bytes: Uint8Array }>();
  const pathOf = ({ namespace, name }: ObjectKey, hex: string) => `externalartifact/${namespace}/${name}/${hex}.tar.gz`;
  const keep = (key: ObjectKey, hex: string, bytes: Uint8Array): StoredArtifact => {
    const path = pathOf(key, hex);
    const stored = { ...key, path, hex, digest: `sha256:${hex}`, size: bytes.length, storedAt: now(), bytes };
    if (!files.has(path)) files.set(path, stored);
    return stored;
  };
  let temporary = 0;
  /** What a download has written, by the name of its file. */
  const downloads = new Map<string, Uint8Array>();
  const store = {
    files,
    downloads,
    /** Thrown by the next writes, where it is set. */
    failure: undefined as GateError | undefined,
    async put(key: ObjectKey, packed: Packed) {
      await nextTurn();
      if (store.failure !== undefined) throw store.failure;
      return keep(key, packed.hex, packed.bytes);
    },
    async adopt(path: string, { file }: { readonly file: string }) {
      const [, namespace = '', name = ''] = path.split('/');
      const bytes = downloads.get(file) ?? Buffer.alloc(0);
      const hex = createHash('sha256').update(bytes).digest('hex');
      if (pathOf({ namespace, name }, hex) !== path) throw new GateError('ARTIFACT_DIGEST_MISMATCH', 'another digest');
      return keep({ namespace, name }, hex, bytes);
    },
    temporary: () => `/volume/${++temporary}`,
    get: (path: string) => files.get(path),
    list: (key?: ObjectKey) =>
      [...files.values()].filter(({ namespace, name }) => !key || (namespace === key.namespace && name === key.name)),
    async collect(
      key: ObjectKey,
      { keep: kept, maxAgeMs, records }: { keep: ReadonlySet<string>; maxAgeMs: number; records: number },
    ) {
      const newest = store.list(key).sort((a, b) => b.storedAt - a.storedAt);
      const gone = newest.filter(
        ({ hex, storedAt }, i) => !kept.has(hex) && (i >= records || now() - storedAt > maxAgeMs),
      );
      for (const { path } of gone) files.delete(path);
      return gone.map(({ path }) => path);
    },
    async remove(key: ObjectKey) {
      for (const { path } of store.list(key)) files.delete(path);
    },
  };
  return store satisfies ArtifactStore;
}

type MemoryStore = ReturnType<typeof memoryStore>;

export interface SceneOptions {
  readonly kube?: MemoryKube;
  readonly store?: MemoryStore;
  readonly timers?: HandTimers;
  readonly settings?: Partial<ControllerSettings>;
  readonly peers?: readonly string[];
}

/** One replica, and the cluster around it. */
export async function openScene(options: SceneOptions = {}) {
  const timers = options.timers ?? handTimers();
  const kube = options.kube ?? createMemoryKube({ now: timers.wallTime });
  const store = options.store ?? memoryStore(timers.wallTime);
  const gate = scriptedGate();
  const listeners = new Set<(names: readonly string[]) => void>();
  const told: Announcement[] = [];
  const steps: Step[] = [];
  const downloads: DownloadRequest[] = [];
  const folders = new Set<string>();
  const scene = {
    governing: undefined as Governing | undefined,
    /** Called at each step. */
    reached: (_: Step): void | Promise<void> => {},
    download: async (_: DownloadRequest): Promise<{ readonly kind: 'stored' | 'absent' }> => ({ kind: 'stored' }),
    unpack: async (): Promise<{ readonly top: readonly string[] }> => ({ top: ['deploy'] }),
    pack,
    removeFolder: async (path: string): Promise<void> => void folders.delete(path),
    readManifests: async (_: string) => Buffer.from('kind: A\n') as Uint8Array,
  };
  const gates: Gates = {
    of: ({ name }) =>
      scene.governing ?? (name === KEY.namespace ? { kind: 'one', gate: { ...gate } } : { kind: 'none' }),
    ofCluster: () => ({ kind: 'none' }),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: async () => {},
  };
  gate.judge = async (...asked) => {
    gate.asked.push(asked[0]);
    return answers.judge(...asked);
  };
  gate.judgeAgain = async (manifests, namespace, signal) => {
    gate.askedAgain.push(Buffer.from(manifests).toString());
    return answers.judgeAgain(manifests, namespace, signal);
  };
  const answers = {
    judge: async (..._: Parameters<StandingGate['judge']>): Promise<Judged> => judged({ manifests: 'kind: A\n' }),
    judgeAgain: async (..._: Parameters<StandingGate['judgeAgain']>) => judged({ manifests: 'kind: A\n' }).decision,
  };
  const controller = createController(
    {
      kube,
      gates,
      store,
      pack: (files) => scene.pack(files),
      download: async (request) => {
        downloads.push(request);
        return scene.download(request);
      },
      unpack: async () => scene.unpack(),
      newFolder: async () => {
        const path = `/private/${folders.size + 1}-${Math.floor(timers.now())}`;
        folders.add(path);
        return { path, remove: () => scene.removeFolder(path) };
      },
      readManifests: async (path) => scene.readManifests(path),
      buildRequest,
      capabilities: (signal) => kube.capabilities(signal),
      announce: (announcement) => void told.push(announcement),
      peers: options.peers ?? [],
      log: SILENT_LOG,
      metrics: { count() {}, set() {}, observe() {}, forget() {} },
      timers,
      reached: async (step) => {
        steps.push(step);
        await scene.reached(step);
      },
    },
    {
      advertisedHost: HOST,
      allowCrossNamespaceSources: false,
      withdraw: false,
      retention: { ttlMs: 60_000, records: 2 },
      maxDownloadBytes: 1000,
      concurrency: 4,
      ...options.settings,
    },
  );
  const process = new AbortController();
  const running = controller.run(process.signal);
  let reign: AbortController | undefined;
  let led: Promise<void> | undefined;

  return Object.assign(scene, {
    kube,
    store,
    gate,
    answers,
    timers,
    told,
    steps,
    downloads,
    folders,
    controller,
    /** Leads, and lets everything happen that can happen by now. */
    async lead() {
      reign = new AbortController();
      led = controller.lead(reign.signal);
      await turns(60);
    },
    /** Loses the leadership; settles when the last work has ended. */
    async depose() {
      reign?.abort();
      await led;
    },
    /** Settles as the last `lead` does. */
    reign: async () => led,
    loseAtOnce: () => reign?.abort(),
    settle: () => turns(60),
    /** Has rules change: what the gate is called now, and what its rules are. */
    async changeRules(rules: string) {
      gate.rules = rules;
      for (const listener of listeners) listener([gate.name]);
      await turns(60);
    },
    async end() {
      reign?.abort();
      process.abort();
      // What hears no signal is waited for a little.
      await timers.advance(10_000);
      await Promise.all([led, running]);
    },
    source: () => kube.at(GATED_SOURCE, KEY),
    artifact: () => kube.at(EXTERNAL_ARTIFACT, KEY),
    status: () => (kube.at(GATED_SOURCE, KEY)?.['status'] ?? {}) as GatedSourceStatus,
    /** What the ExternalArtifact leads to. */
    served: () => (kube.at(EXTERNAL_ARTIFACT, KEY)?.['status'] as { artifact?: JsonObject } | undefined)?.artifact,
  });
}

export type Scene = Awaited<ReturnType<typeof openScene>>;

export function condition(object: KubeObject | undefined, type: string) {
  const status = object?.['status'] as
    | { conditions?: { type: string; status: string; reason: string; message: string; observedGeneration?: number }[] }
    | undefined;
  return status?.conditions?.find((each) => each.type === type);
}

/** The namespace, a GitRepository that holds a commit, and a GatedSource of it. */
export async function givenShop(kube: MemoryKube, spec: JsonObject = {}): Promise<void> {
  kube.put(NAMESPACE, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: KEY.namespace } });
  await commit(kube, 'one');
  await gatedSource(kube, spec);
}

export async function gatedSource(kube: MemoryKube, spec: JsonObject = {}): Promise<void> {
  kube.put(GATED_SOURCE, {
    apiVersion: 'syncgate.dev/v1alpha1',
    kind: 'GatedSource',
    metadata: { ...KEY, ...withMetadata(kube.at(GATED_SOURCE, KEY)) },
    spec: { sourceRef: { kind: 'GitRepository', name: 'shop' }, interval: '10m', ...spec },
  });
  await turns();
}

function withMetadata(object: KubeObject | undefined): JsonObject {
  const { finalizers, annotations } = object?.metadata ?? {};
  return {
    ...(finalizers && { finalizers: [...finalizers] }),
    ...(annotations && { annotations: { ...annotations } }),
  };
}

/** A new revision of the source: by its name alone other bytes, and another digest. */
export async function commit(kube: MemoryKube, name: string): Promise<void> {
  const hex = createHash('sha256').update(name).digest('hex');
  kube.put(sourceResource('GitRepository'), {
    apiVersion: 'source.toolkit.fluxcd.io/v1',
    kind: 'GitRepository',
    metadata: { namespace: KEY.namespace, name: 'shop' },
    spec: { url: 'https://git.example/shop' },
    status: {
      artifact: {
        url: `http://source.example/gitrepository/apps/shop/${name}.tar.gz`,
        digest: `sha256:${hex}`,
        revision: `main@sha1:${name}`,
        path: `gitrepository/apps/shop/${name}.tar.gz`,
        lastUpdateTime: '2026-03-01T12:00:00Z',
      },
    },
  });
  await turns();
}

export async function annotate(kube: MemoryKube, requestedAt: string): Promise<void> {
  const source = kube.at(GATED_SOURCE, KEY);
  kube.put(GATED_SOURCE, {
    ...(source as unknown as JsonObject),
    metadata: { ...KEY, ...withMetadata(source), annotations: { 'reconcile.fluxcd.io/requestedAt': requestedAt } },
  });
  await turns();
}
