import type { GateError } from '../../../core/errors.ts';
import type { JsonObject } from '../../../core/json.ts';
import type { PolicyDocument } from '../document.ts';
import type { Cluster } from '../kube/cluster.ts';
import type { ResourceTable } from '../kube/resources.ts';
import type { CompiledPolicy, PolicyIdentity } from '../rule.ts';

/** What the policies of one test are compiled from. */
export interface CompileInput {
  readonly policies: readonly PolicyDocument[];
  readonly exceptions: readonly PolicyDocument[];
  readonly resources: ResourceTable;
  readonly cluster: Cluster;
  readonly definitions: readonly JsonObject[];
}

export interface CompiledPolicies {
  readonly policies: readonly CompiledPolicy[];
  /** Policies that can never judge, and why. */
  readonly refused: readonly { readonly identity: PolicyIdentity; readonly error: GateError }[];
  /** What lies among the policies and is none. */
  readonly warnings: readonly string[];
}

/** Compiles every document by its dialect. Throws a GateError only for what concerns no policy in particular. */
export type CompilePolicies = (input: CompileInput) => CompiledPolicies;
