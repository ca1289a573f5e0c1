/**
 * A Kubernetes API server, as the long-lived surfaces see it. The adapter speaks to a real one; what is asked of it is
 * said in the API's own words.
 */
import { type Code, GateError } from './errors.ts';
import type { JsonObject, JsonValue } from './json.ts';

/** A resource by the path that the API serves it under. */
export interface KubeResource {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** The name in the path: `kustomizations`. */
  readonly plural: string;
  readonly namespaced: boolean;
}

interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
}

/** An object as the API server gave it: what is in `spec` and `status` is for whoever reads it to check. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly [field: string]: unknown;
}

export interface ObjectKey {
  /** Empty for objects of the cluster. */
  readonly namespace: string;
  readonly name: string;
}

/**
 * The API server answered and refused, or could not be reached (`status` 0). `reason` is the API's own word (`NotFound`,
 * `Conflict`, `Forbidden`, `Invalid`); the message holds no credential.
 */
export class KubeError extends Error {
  readonly status: number;
  readonly reason: string;

  constructor(status: number, reason: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'KubeError';
    this.status = status;
    this.reason = reason;
  }
}

interface WriteOptions {
  /** `status` or another subresource; the object itself where it is left out. */
  readonly subresource?: string;
  readonly signal: AbortSignal;
}

/** A local copy of a list that follows the server. */
export interface KubeCache {
  /** The object as it was last seen; undefined where there is none. Objects are not to be changed. */
  get(key: ObjectKey): KubeObject | undefined;
  list(): readonly KubeObject[];
  /** Settles when the first list has been read whole; rejects only where the signal ends before. */
  readonly synced: Promise<void>;
  /** Whether the copy follows the server now: false while the connection is lost. */
  isCurrent(): boolean;
  /** Ends the watch. */
  stop(): void;
}

export interface WatchOptions {
  /** All namespaces where it is left out. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  /**
   * What of an object the copy holds, for kinds of which others write many and large ones. Everything but `managedFields`
   * where it is left out. Name, namespace, uid and resourceVersion must stay.
   */
  readonly keep?: (object: KubeObject) => KubeObject;
  /** Called after the local copy has changed; `object` is undefined where it was deleted. */
  readonly onChange: (key: ObjectKey, object: KubeObject | undefined, before: KubeObject | undefined) => void;
  readonly signal: AbortSignal;
}

/** Every call has a deadline of its own besides the signal, and throws KubeError for anything but what it promises. */
export interface Kube {
  /** Undefined where there is none (404); every other refusal throws. */
  get(resource: KubeResource, key: ObjectKey, signal: AbortSignal): Promise<KubeObject | undefined>;
  list(
    resource: KubeResource,
    options: { readonly namespace?: string; readonly labelSelector?: string; readonly signal: AbortSignal },
  ): Promise<readonly KubeObject[]>;
  create(resource: KubeResource, object: JsonObject, options: WriteOptions): Promise<KubeObject>;
  /**
   * Server-side apply with force, by the field manager `syncgate`. Where `metadata.resourceVersion` is given it is a
   * lock: 409 Conflict if the object has changed since. What was deleted since is made anew all the same, unless
   * `metadata.uid` is given too: then 409 where it is gone, and 422 where another stands in its place.
   */
  apply(resource: KubeResource, object: JsonObject, options: WriteOptions): Promise<KubeObject>;
  /** JSON merge patch (RFC 7386). */
  mergePatch(resource: KubeResource, key: ObjectKey, patch: JsonObject, options: WriteOptions): Promise<KubeObject>;
  /** PUT: `metadata.resourceVersion` is a lock where it is given; custom kinds refuse (422) to go without. */
  replace(resource: KubeResource, object: JsonObject, options: WriteOptions): Promise<KubeObject>;
  /** Nothing to delete is no error. With `uid`, only that very object is deleted: 409 where another stands there. */
  delete(
    resource: KubeResource,
    key: ObjectKey,
    options: { readonly uid?: string; readonly signal: AbortSignal },
  ): Promise<void>;
  /** Lists, then watches and lists again whenever it must (410 Gone, lost connections), until the signal or `stop`. */
  watch(resource: KubeResource, options: WatchOptions): KubeCache;
  /** What charts ask of a cluster: `v1.36.3`, and every `group/version` and `group/version/Kind` that it serves. */
  capabilities(signal: AbortSignal): Promise<{ readonly version: string; readonly apiVersions: readonly string[] }>;
}

/** What the API server did not do, as an error of the gate: the code goes by what mends it. */
export function ofCluster(error: KubeError): GateError {
  const code = codeOf(error);
  const { reason, message } = error;
  const told = code === 'CLUSTER_CREDENTIALS_INVALID' ? message : `the API server: ${reason} ${message}`;
  return new GateError(code, told, { cause: error });
}

function codeOf({ status, reason }: KubeError): Code {
  if (reason === 'CredentialsInvalid') return 'CLUSTER_CREDENTIALS_INVALID';
  if (status === 401 || status === 403) return 'CLUSTER_FORBIDDEN';
  if (status === 404) return 'CLUSTER_KIND_MISSING';
  return status === 0 || status === 429 || status >= 500 ? 'CLUSTER_UNAVAILABLE' : 'INTERNAL';
}

/** The field manager of everything that is written: what admission and `kubectl get --show-managed-fields` see. */
export const FIELD_MANAGER = 'syncgate';

/** `apps/v1`, or `v1` for the core group. */
export function apiVersionOf({ group, version }: KubeResource): string {
  return group === '' ? version : `${group}/${version}`;
}

/** A value at a path of an object whose shape nobody has checked; undefined where the path leads nowhere. */
export function valueAt(object: unknown, ...path: readonly (string | number)[]): JsonValue | undefined {
  let value = object as JsonValue | undefined;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string | number, JsonValue>)[step];
  }
  return value;
}
