/** What the controller of gated sources needs of the world. Everything arrives as these; nothing of it by import. */
import type { AlarmClock } from '../../core/deadline.ts';
import type { ObjectKey } from '../../core/kube.ts';
import type { RenderRequest } from '../../render/request.ts';
import type { GatedSourceSpec } from './gated-source.ts';

/**
 * What lasts is measured by `now`, which is the process's own and never set. A process does not stay alive for what is to
 * be called later.
 */
export interface Timers extends AlarmClock {
  /** Milliseconds since the epoch: for times that others read or have written. It is set now and then, and jumps. */
  wallTime(): number;
  /** At least 0, below 1. */
  random(): number;
}

/** A gzipped tar, which equal files give equally. */
export interface Packed {
  readonly bytes: Buffer;
  readonly hex: string;
  /** `sha256:<hex>`. */
  readonly digest: string;
}

export type Pack = (files: readonly { readonly name: string; readonly bytes: Uint8Array }[]) => Promise<Packed>;

export interface StoredArtifact extends ObjectKey {
  /** As in `status.artifact.path` and in the URL: no leading slash. */
  readonly path: string;
  readonly hex: string;
  readonly digest: string;
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly storedAt: number;
}

/** Where accepted artifacts lie. Only what a gate has let out is ever given to it. */
export interface ArtifactStore {
  /** Writes it whole and durably; storing the same again is cheap and harmless. */
  put(key: ObjectKey, packed: Packed): Promise<StoredArtifact>;
  /** The same for what another replica has accepted. */
  adopt(path: string, content: { readonly file: string }): Promise<StoredArtifact>;
  /** An absolute path on the same disk, for a download. */
  temporary(): string;
  get(path: string): StoredArtifact | undefined;
  list(key?: ObjectKey): readonly StoredArtifact[];
  /** Removes what is older than `maxAgeMs`, and the oldest of what is more than `records`; never one of `keep` (hex). */
  collect(
    key: ObjectKey,
    options: { readonly keep: ReadonlySet<string>; readonly maxAgeMs: number; readonly records: number },
  ): Promise<readonly string[]>;
  /** Removes all of one key. */
  remove(key: ObjectKey): Promise<void>;
}

/** The manifests in an artifact that `Pack` made and the store holds. Throws where it is not there or not whole. */
export type ReadManifests = (path: string, signal: AbortSignal) => Promise<Uint8Array>;

export interface DownloadRequest {
  readonly url: string;
  readonly digest: string;
  /** Absolute path of the file to write; it must not exist. */
  readonly file: string;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/** Fetches an artifact and checks its digest; `absent` is a 404. Throws a GateError for what else went wrong. */
export type DownloadArtifact = (request: DownloadRequest) => Promise<{ readonly kind: 'stored' | 'absent' }>;

/** A folder that nobody else sees, until it is removed. */
export interface PrivateFolder {
  /** Absolute. */
  readonly path: string;
  remove(): Promise<void>;
}

interface UnpackRequest {
  /** Absolute path of the file. */
  readonly packed: string;
  /** Absolute; it must not exist. */
  readonly folder: string;
  /** What messages call it: `GitRepository apps/shop`. */
  readonly subject: string;
  readonly signal: AbortSignal;
}

/** Unpacks an artifact of Flux within its limits, and answers what lies at its root. Throws a GateError. */
export type Unpack = (request: UnpackRequest) => Promise<{ readonly top: readonly string[] }>;

/** A ConfigMap's or a Secret's data, as text. */
export interface ReferencedData {
  readonly kind: 'ConfigMap' | 'Secret';
  readonly name: string;
  readonly data: Readonly<Record<string, string>>;
}

export interface ClusterVersions {
  readonly version: string;
  readonly apiVersions: readonly string[];
}

export interface RequestInput {
  readonly key: ObjectKey;
  readonly spec: GatedSourceSpec;
  /** Absolute path of what was unpacked, and the folder of it that is meant. */
  readonly root: string;
  readonly path: string;
  /** What `postBuild.substituteFrom` names and what was found, in its order. */
  readonly substitutes: readonly ReferencedData[];
  /** What `helm.valuesFrom` names and what was found, in its order. */
  readonly values: readonly ValuesText[];
  /** Only where a chart is rendered. */
  readonly cluster: ClusterVersions | undefined;
}

export interface ValuesText {
  /** What messages call it. */
  readonly name: string;
  readonly text: string;
  /** Where a single value goes; undefined where the text is a whole file of values. */
  readonly targetPath: string | undefined;
}

export type BuildRequest = (input: RequestInput, signal: AbortSignal) => Promise<RenderRequest>;

/** Steps of a reconciliation, each with what is done once it is reached. */
export const STEPS = [
  'downloaded', // the source's artifact is here and has its digest
  'unpacked', // it lies in a folder of its own
  'judged', // the gate has answered
  'packed', // what it let out is one archive
  'stored', // which lies in the store
  'artifact-object', // the ExternalArtifact is there
  'artifact-status', // and names the archive
  'own-status', // the GatedSource says so
  'collected', // older archives are gone
] as const;
export type Step = (typeof STEPS)[number];

/** Empty in the product; tests end the process here. */
export type Reached = (step: Step, key: ObjectKey) => void | Promise<void>;
