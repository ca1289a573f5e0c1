import type { JsonValue } from '../../core/json.ts';

/** One value that is put into the context of Kyverno's rules: `['request', 'operation']` → `UPDATE`. */
export interface SuppliedVariable {
  /** Never empty. Maps along it are merged with what is there; what is no map is replaced. */
  readonly path: readonly string[];
  readonly value: JsonValue;
}

export interface SuppliedResponse {
  readonly status: number;
  readonly body: JsonValue;
}

/**
 * What a test says in place of a cluster, a registry or a server. The gate itself never supplies anything: only a test of
 * policies has it. All of it is about one policy and one object.
 */
export interface Supplied {
  /** Set in the context after the request and before any context entry is loaded; they may change the object itself. */
  readonly variables: readonly SuppliedVariable[];
  /**
   * Set, after `variables`, in the context of one rule, which is named as its author named it or as autogen calls it
   * (`autogen-<name>`, `autogen-cronjob-<name>`). A context entry of the same name that needs a cluster, a registry or a
   * server is then not loaded; an entry that needs none (`variable`) still is, over it.
   */
  ruleVariables(rule: string): readonly SuppliedVariable[];
  /**
   * Whether the test describes a whole cluster, so that what it does not name does not exist. Without one, entries that
   * need a cluster are not loaded: the values stand in for them.
   */
  readonly hasCluster: boolean;
  /** What a registry would say of an image, by its reference as the policy spells it. */
  imageData(image: string): JsonValue | undefined;
  /**
   * The answer to a request; `url` is a whole URL or the path of a call to the API server. Undefined where the test knows
   * of no requests at all.
   */
  readonly response: ((method: 'GET' | 'POST', url: string) => SuppliedResponse | undefined) | undefined;
  /** The data of a GlobalContextEntry, with its projections as keys where it has any. */
  globalContext(name: string): JsonValue | undefined;
}
