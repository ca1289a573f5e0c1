import type { Outcome, UnevaluatedRule } from '../../core/decision.ts';
import type { JudgedObject } from '../../core/rendered.ts';
import type { RuleDescription } from './rule.ts';

/** One file below a policy path. */
export interface PolicyFile {
  /** As messages print it: the last name of the policy path, then the way down; never a machine path. */
  readonly name: string;
  readonly text: string;
}

/** What a check of one set answers, and by which engines. */
interface PolicyAnswer {
  readonly outcome: Outcome;
  readonly engines: Readonly<Record<string, string>>;
  /** Rules that are loaded and give no verdict, in every decision by name: nobody shall take them for passed. */
  readonly notEvaluated: readonly UnevaluatedRule[];
}

/** One loaded policy, for the list that `syncgate policies` prints. */
export interface PolicyDescription {
  /** `Rego`, `Kyverno`, `Kubernetes`. */
  readonly dialect: string;
  /** `ClusterPolicy require-labels`; for Rego the package. */
  readonly policy: string;
  /** The file, and the line where it is known. */
  readonly source: string;
  readonly rules: readonly RuleDescription[];
  readonly warnings: readonly string[];
  /** Set where it is no policy but an exception to others: what it takes objects out of. */
  readonly excepts?: readonly string[];
  /** When the exception ends, as RFC 3339; undefined where it does not. */
  readonly until?: string;
}

/**
 * What policies are shown. Of `one object` nobody knows what else is applied with it: rules that read the whole set, or
 * are fed by it, are not evaluated then, and are named.
 */
export type Shown = 'whole set' | 'one object';

export const WHOLE_SET_UNKNOWN = 'it reads the whole set, and one object alone was to be judged';

/** Policies that were loaded and are ready to judge. */
export interface Policies {
  readonly described: readonly PolicyDescription[];
  /**
   * Judges a whole rendered set. Throws a GateError where nothing can be said of any object (no engine, a limit); an
   * object that could not be judged is a finding of effect `error`. Where nothing is said of it, the set is whole.
   */
  judge(set: readonly JudgedObject[], signal: AbortSignal, shown?: Shown): Promise<PolicyAnswer>;
  /** Ends whatever was started for them. Calling it again is harmless. */
  dispose(): Promise<void>;
}

/**
 * A language that policies are written in. Each has a folder of its own, and in it `dialect.ts` (this interface) and
 * `settings.ts` (its part of the Gate).
 */
export interface Dialect {
  /** As a reader would call it: `Rego`. */
  readonly name: string;
  /** Whether a file is written in it, judged by its name, or by the apiVersion and kind that it holds. */
  claims(file: PolicyFile): boolean;
  /** Throws a GateError for the first file that could never judge; the signal bounds the loading alone. */
  load(files: readonly PolicyFile[], signal: AbortSignal): Promise<Policies>;
}
