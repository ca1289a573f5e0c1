import type { JsonObject } from '../../../core/json.ts';

export interface GroupVersionKind {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

export interface GroupVersionResource {
  readonly group: string;
  readonly version: string;
  /** The plural: `deployments`. */
  readonly resource: string;
}

/** Who asks, as `request.userInfo` of an admission review. */
export interface UserInfo {
  readonly username: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
  /**
   * Names of the Roles (`namespace:name`) and ClusterRoles bound to the user, which only Kyverno asks for. Undefined
   * where nobody knows them: a rule that reads them cannot be evaluated.
   */
  readonly roles: readonly string[] | undefined;
  readonly clusterRoles: readonly string[] | undefined;
}

export type Operation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';

/** What a rule is asked about: the part of an admission request that a rule of any dialect can read. */
export interface PolicyRequest {
  readonly operation: Operation;
  readonly kind: GroupVersionKind;
  readonly resource: GroupVersionResource;
  /** Empty where the object itself is meant. */
  readonly subresource: string;
  /** `metadata.name`; empty where the server is to make one up. */
  readonly name: string;
  /**
   * Set where the cluster makes up the name, or makes several such objects: every name begins with it and goes on. `name` is
   * then empty, or that of the first.
   */
  readonly namePrefix?: string;
  /** Empty for what has no namespace; a Namespace's own name for a Namespace, as in an admission request. */
  readonly namespace: string;
  /** Whether the kind lives in namespaces. */
  readonly namespaced: boolean;
  /** Null on DELETE alone. */
  readonly object: JsonObject | null;
  /** Null unless a live object was supplied. */
  readonly oldObject: JsonObject | null;
  /** Undefined where no identity is configured: a rule that reads it cannot be evaluated. */
  readonly userInfo: UserInfo | undefined;
  /** Set where an API server told of the request. */
  readonly dryRun?: boolean;
  readonly options?: JsonObject;
}
