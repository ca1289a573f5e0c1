import {
  type Kube,
  type KubeCache,
  type KubeObject,
  type KubeResource,
  type ObjectKey,
  valueAt,
} from '../../core/kube.ts';
import { createConsumers } from './consumers.ts';
import { GATED_SOURCE, SOURCE_KINDS, type SourceKind } from './gated-source.ts';
import { createNewest, noting } from './newest.ts';
import type { Timers } from './ports.ts';
import { REQUESTED_AT } from './reconcile.ts';
import type { ClusterView } from './run.ts';
import {
  artifactOf,
  EXTERNAL_ARTIFACT,
  KUSTOMIZATION,
  keyText,
  NAMESPACE,
  sourceIndexKey,
  sourceResource,
} from './sources.ts';

/** What a change of the cluster concerns. */
export interface ViewListener {
  /** A GatedSource is to be looked at. */
  readonly onGatedSource: (key: string) => void;
  /** An ExternalArtifact is another than before. */
  readonly onArtifact: (key: ObjectKey, object: KubeObject | undefined) => void;
}

/** A copy of all that the controller looks at, which follows the cluster. */
export interface FollowedView extends ClusterView {
  /** Settles when everything without which nothing can be decided has been read once. */
  readonly synced: Promise<void>;
  /** Settles when every kind of source, and the Kustomizations, have been read once: never, where one is not there. */
  readonly othersRead: Promise<void>;
  /** What has not been read yet; empty where all has. */
  missing(): readonly string[];
  /** Whether the copies of what artifacts rest on follow the cluster now. */
  isCurrent(): boolean;
  /** The API server, through which what is written is seen here at once. */
  readonly kube: Kube;
  gatedSources(): readonly KubeObject[];
  artifacts(): readonly KubeObject[];
}

export function followCluster(kube: Kube, listener: ViewListener, timers: Timers, signal: AbortSignal): FollowedView {
  const newest = { sources: createNewest(timers), artifacts: createNewest(timers) };
  const newestOf = ({ plural }: KubeResource) =>
    plural === GATED_SOURCE.plural
      ? newest.sources
      : plural === EXTERNAL_ARTIFACT.plural
        ? newest.artifacts
        : undefined;
  /** Which GatedSources name a source: by the source, and back. */
  const bySource = new Map<string, Set<string>>();
  const sourceFor = new Map<string, string>();
  const consumers = createConsumers();
  const read = new Set<string>();

  function index(id: string, source: string | undefined): void {
    const before = sourceFor.get(id);
    if (before === source) return;
    if (before !== undefined) {
      bySource.get(before)?.delete(id);
      if (bySource.get(before)?.size === 0) bySource.delete(before);
      sourceFor.delete(id);
    }
    if (source === undefined) return;
    sourceFor.set(id, source);
    const ids = bySource.get(source) ?? new Set();
    bySource.set(source, ids.add(id));
  }

  function onSource(kind: SourceKind) {
    return (key: ObjectKey, object: KubeObject | undefined, before: KubeObject | undefined) => {
      if (stampOf(object) === stampOf(before)) return;
      for (const id of bySource.get(sourceIndexKey(kind, key)) ?? []) listener.onGatedSource(id);
    };
  }

  const noted = (name: string, cache: KubeCache): KubeCache => {
    cache.synced.then(
      () => read.add(name),
      () => {},
    );
    return cache;
  };

  const gated = noted(
    'GatedSources',
    kube.watch(GATED_SOURCE, {
      signal,
      onChange(key, object, before) {
        const id = keyText(key);
        if (object === undefined) newest.sources.forget(key);
        index(id, object && namedSource(key, object));
        if (concerns(object, before)) listener.onGatedSource(id);
      },
    }),
  );
  const artifacts = noted(
    'ExternalArtifacts',
    kube.watch(EXTERNAL_ARTIFACT, {
      signal,
      onChange(key, object, before) {
        if (object === undefined) newest.artifacts.forget(key);
        onSource('ExternalArtifact')(key, object, before);
        listener.onArtifact(key, object);
      },
    }),
  );
  const namespaces = noted(
    'Namespaces',
    kube.watch(NAMESPACE, {
      signal,
      onChange({ name }, object, before) {
        // Which Gate governs it goes by its labels.
        if (before !== undefined && JSON.stringify(labelsOf(object)) === JSON.stringify(labelsOf(before))) return;
        for (const { metadata } of gated.list()) {
          if (metadata.namespace === name) listener.onGatedSource(keyText({ namespace: name, name: metadata.name }));
        }
      },
    }),
  );
  const kinds = new Map<SourceKind, KubeCache>([['ExternalArtifact', artifacts]]);
  for (const kind of SOURCE_KINDS) {
    if (kinds.has(kind)) continue;
    // Its definition may not be there: those who name such a source wait, and nobody else does.
    kinds.set(
      kind,
      noted(kind, kube.watch(sourceResource(kind), { signal, keep: ofSource, onChange: onSource(kind) })),
    );
  }
  const kustomizations = kube.watch(KUSTOMIZATION, {
    signal,
    keep: ofConsumer,
    onChange(key, object) {
      for (const id of consumers.changed(key, object)) listener.onGatedSource(id);
    },
  });
  const required = [gated, artifacts, namespaces];
  const optional = [...kinds.values(), kustomizations];
  for (const { synced } of optional) synced.catch(() => {});
  const othersRead = Promise.all([...kinds.values(), kustomizations].map(({ synced }) => synced)).then(() => {});
  othersRead.catch(() => {});

  const synced = Promise.all(required.map((cache) => cache.synced)).then(() => {});
  // A replica that never leads does not wait for it, and may be stopped before.
  synced.catch(() => {});
  return {
    synced,
    othersRead,
    missing: () => ['GatedSources', 'ExternalArtifacts', 'Namespaces'].filter((name) => !read.has(name)),
    isCurrent: () => required.every((cache) => cache.isCurrent()),
    kube: noting(kube, {
      wrote: (resource, object) => newestOf(resource)?.wrote(object),
      removed: (resource, key) => newestOf(resource)?.forget(key),
    }),
    gatedSources: () => gated.list(),
    artifacts: () => artifacts.list(),
    gatedSource: (key) => newest.sources.of(key, gated.get(key)),
    artifact: (key) => newest.artifacts.of(key, artifacts.get(key)),
    source(kind, key) {
      const object = kinds.get(kind)?.get(key);
      return object === undefined && !read.has(kind === 'ExternalArtifact' ? 'ExternalArtifacts' : kind)
        ? 'unknown'
        : object;
    },
    namespace(name) {
      const object = namespaces.get({ namespace: '', name });
      if (object === undefined) return undefined;
      return { name, labels: labelsOf(object), ending: object.metadata.deletionTimestamp !== undefined };
    },
    refusedConsumer: (key) => consumers.refused(key),
  };
}

/** What is looked at of a source. Teams write as many as they like, and as large: the rest is not held in memory. */
function ofSource(source: KubeObject): KubeObject {
  return { ...bare(source), status: { artifact: valueAt(source, 'status', 'artifact') } };
}

/** What is looked at of a Kustomization: what it reads, and whether it may. */
function ofConsumer(consumer: KubeObject): KubeObject {
  return {
    ...bare(consumer),
    spec: { sourceRef: valueAt(consumer, 'spec', 'sourceRef') },
    status: { conditions: valueAt(consumer, 'status', 'conditions') },
  };
}

function bare({ apiVersion, kind, metadata }: KubeObject): KubeObject {
  const { labels: _labels, annotations: _annotations, ...kept } = metadata;
  return { apiVersion, kind, metadata: kept };
}

/** What a GatedSource names, whatever else it says: it is judged for that later. */
function namedSource(key: ObjectKey, object: KubeObject): string | undefined {
  const text = (field: string) => {
    const value = valueAt(object, 'spec', 'sourceRef', field);
    return typeof value === 'string' ? value : undefined;
  };
  const [kind, name] = [text('kind'), text('name')];
  if (kind === undefined || name === undefined) return undefined;
  return sourceIndexKey(kind, { namespace: text('namespace') ?? key.namespace, name });
}

/** Whether there is anything to do: what the controller itself wrote into the status is not. */
function concerns(object: KubeObject | undefined, before: KubeObject | undefined): boolean {
  if (object === undefined || before === undefined) return true;
  const [a, b] = [object.metadata, before.metadata];
  return (
    a.generation !== b.generation ||
    a.uid !== b.uid ||
    a.deletionTimestamp !== b.deletionTimestamp ||
    a.annotations?.[REQUESTED_AT] !== b.annotations?.[REQUESTED_AT] ||
    (a.finalizers ?? []).length < (b.finalizers ?? []).length
  );
}

/** What of a source matters to those who name it. */
function stampOf(object: KubeObject | undefined): string {
  const artifact = object && artifactOf(object);
  return artifact === undefined ? String(object === undefined) : JSON.stringify(artifact);
}

function labelsOf(object: KubeObject | undefined): Readonly<Record<string, string>> {
  return object?.metadata.labels ?? {};
}
