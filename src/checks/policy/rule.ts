import type { JsonPath } from '../../core/json.ts';
import type { ImageAnswers, ImageTrust } from './image-answers.ts';
import type { Cluster } from './kube/cluster.ts';
import type { GroupVersionKind, GroupVersionResource, PolicyRequest } from './kube/request.ts';
import type { Lacks } from './lacks.ts';
import type { Supplied } from './supplied.ts';

/**
 * What one rule says of one object, in the words of the policy reports. `skip`: the rule matched, and its conditions or
 * an exception took the object out. `error`: it could not be evaluated. A rule that does not match says nothing at all.
 */
export type RuleStatus = 'pass' | 'fail' | 'warn' | 'error' | 'skip';

/** What the policy wants done about a failure. */
export type RuleAction = 'deny' | 'audit' | 'warn';

export interface RuleResult {
  /** The name of the rule; for dialects whose rules have none, empty. */
  readonly rule: string;
  readonly status: RuleStatus;
  /** In the policy's own words, and for errors in ours; the engine's exact message where the dialect has one. */
  readonly message: string;
  readonly action: RuleAction;
  /**
   * Set where the policy itself says that an error lets the object through (`failurePolicy: Ignore`). Never for an error
   * that a cluster may not have met: of what is not known here, or is beyond a bound of the gate's own.
   */
  readonly ignoreErrors?: true;
  /** Where in the object it failed, if that is known. */
  readonly path?: JsonPath;
  /** The exceptions that turned a failure into a skip. */
  readonly exceptedBy?: readonly string[];
  /** Set where an error is one of missing data, which the platform can give. */
  readonly lacks?: Lacks;
}

export interface PolicyIdentity {
  readonly apiVersion: string;
  readonly kind: string;
  /** Empty for policies of the cluster. */
  readonly namespace: string;
  readonly name: string;
}

/** One rule, for the list that `syncgate policies` prints. */
export interface RuleDescription {
  readonly name: string;
  /** What it matches, in a few words: `Deployment, StatefulSet in prod-*`. */
  readonly matches: string;
  readonly action: RuleAction;
  /** Why it is not evaluated: `mutate`, `only on DELETE`. Undefined for rules that judge. */
  readonly notEvaluated?: string;
}

/** What a policy may know besides the request. Reading it costs nothing until it is read. */
export interface PolicyWorld {
  readonly cluster: Cluster;
  /** Milliseconds since the epoch: one moment for the whole verdict. */
  readonly now: number;
  /** From 0 up to 1: the gate's own port, so that a verdict can be repeated. */
  readonly random: () => number;
  /** What is known about images. Where it is absent nothing verifies them, and a policy that asks is an error. */
  readonly images?: ImageAnswers;
  /** Only in a test of policies: what it says in place of a cluster, a registry or a server. */
  readonly supplied?: Supplied;
}

/** A policy that was read whole, and compiled: nothing in it is unknown. */
export interface CompiledPolicy {
  readonly identity: PolicyIdentity;
  /** As messages print it: `policies/pods.yaml`, with the line of the document where it is known. */
  readonly source: string;
  readonly title: string | undefined;
  readonly severity: string | undefined;
  readonly category: string | undefined;
  readonly rules: readonly RuleDescription[];
  /** Whom it trusts to sign images: the image check must have read all of it before the policy judges. */
  readonly trusts?: readonly ImageTrust[];
  /**
   * Whether anything in it speaks of namespaces. Of an object whose namespace nobody knows it can say nothing then.
   */
  readonly readsNamespaces?: boolean;
  /** What is not wrong, and should be known: a policy without a binding, a deprecated field. */
  readonly warnings: readonly string[];
  /**
   * Whether any rule could match objects of this kind. It may say yes for one that none matches, and never no for one
   * that one matches. It is asked once for each kind, and answers from the policy's text alone.
   */
  concerns(kind: GroupVersionKind, resource: GroupVersionResource, subresource: string): boolean;
  /**
   * Every rule's answer about one request, in the order of the policy. It never throws for what is wrong with the
   * object: that is a result of status `error`.
   */
  judge(request: PolicyRequest, world: PolicyWorld): readonly RuleResult[];
  /**
   * The names of the rules that would change the object before it is judged in a cluster. They are not evaluated, so what
   * the other rules see here is not what they would see there.
   */
  mutates?(request: PolicyRequest, world: PolicyWorld): readonly string[];
}
