import type { Announce } from '../../core/events.ts';
import type { Kube, KubeObject, ObjectKey } from '../../core/kube.ts';
import type { Log, Metrics } from '../../core/telemetry.ts';
import type { Gates, NamespaceFacts } from '../../gates.ts';
import type { GatedSourceSpec, SourceKind } from './gated-source.ts';
import type { Status } from './own-status.ts';
import type {
  ArtifactStore,
  BuildRequest,
  ClusterVersions,
  DownloadArtifact,
  Pack,
  PrivateFolder,
  Reached,
  Timers,
  Unpack,
} from './ports.ts';

/** The cluster as it was last seen, without asking for it. */
export interface ClusterView {
  gatedSource(key: ObjectKey): KubeObject | undefined;
  artifact(key: ObjectKey): KubeObject | undefined;
  /** `unknown` while the list of that kind has not been read. */
  source(kind: SourceKind, key: ObjectKey): KubeObject | 'unknown' | undefined;
  namespace(name: string): (NamespaceFacts & { readonly ending: boolean }) | undefined;
  /** What a Kustomization that reads the artifact says, where it may not. */
  refusedConsumer(key: ObjectKey): string | undefined;
}

/** What judging an accepted artifact again by new rules has given. */
export interface Compliance {
  readonly digest: string;
  readonly rules: string;
  readonly gate: string;
  readonly verdict: 'allowed' | 'denied' | 'unevaluated';
  readonly findings: readonly string[];
  readonly total: number;
}

export interface Compliances {
  of(key: ObjectKey): Compliance | undefined;
  /** Has the accepted artifact judged again; the source is reconciled once more afterwards. */
  ask(key: ObjectKey): void;
  forget(key: ObjectKey): void;
}

export interface ReconcilerPorts {
  readonly kube: Kube;
  readonly gates: Gates;
  readonly view: ClusterView;
  readonly compliances: Compliances;
  readonly store: ArtifactStore;
  readonly pack: Pack;
  readonly download: DownloadArtifact;
  readonly unpack: Unpack;
  readonly newFolder: () => Promise<PrivateFolder>;
  readonly buildRequest: BuildRequest;
  readonly capabilities: (signal: AbortSignal) => Promise<ClusterVersions>;
  /** Gets a file that was let out from another replica; false where none has it. */
  readonly recover: (path: string, digest: string, signal: AbortSignal) => Promise<boolean>;
  readonly announce: Announce;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly timers: Timers;
  readonly reached: Reached;
}

export interface ReconcilerSettings {
  /** Host, and port where it is not 80, of artifact URLs. */
  readonly advertisedHost: string;
  readonly allowCrossNamespaceSources: boolean;
  /** Whether what new rules refuse is taken back. */
  readonly withdraw: boolean;
  readonly retention: { readonly ttlMs: number; readonly records: number };
  readonly maxDownloadBytes: number;
}

/** One look at one GatedSource. */
export interface Run {
  readonly key: ObjectKey;
  readonly spec: GatedSourceSpec;
  /** As it was when the run began. */
  readonly source: KubeObject;
  /** As the API server had it last: what a status is written over. */
  latest: KubeObject;
  /** The status as it stood, with what is known by now. */
  status: Status;
  /** `reconcile.fluxcd.io/requestedAt`. */
  readonly requestedAt: string | undefined;
  /** The source's revision and its digest, once they are known. */
  revision: { readonly revision: string; readonly originRevision: string; readonly digest: string } | undefined;
  /** By the process's own time. */
  readonly startedAt: number;
  readonly signal: AbortSignal;
}
