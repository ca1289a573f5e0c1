import type { Code, GateError } from './errors.ts';
import type { Digest } from './image.ts';
import type { ObjectIdentity, Place } from './manifest.ts';

/**
 * One thing that a check has to say. `deny`: judged and refused. `error`: this one could not be judged, which denies
 * too, and says so. `warn`: told, and nothing else.
 */
export interface Finding {
  readonly effect: 'deny' | 'error' | 'warn';
  readonly code: Code;
  /** The rule as its author would look it up: `main.deny`, `ClusterImagePolicy release-keys`, `images`. */
  readonly rule: string;
  /** What is wrong, in one sentence without a full stop; no newline, no secret, no machine path. */
  readonly message: string;
  /** What to do about it. */
  readonly mend: string;
  readonly object?: ObjectIdentity;
  readonly image?: string;
  readonly place?: Place;
  /** The field of the object that it is about: `spec.containers[0].image`. */
  readonly field?: string;
  /** What the policy's author calls it, how bad it is, and what it belongs to, where the policy says so. */
  readonly title?: string;
  readonly severity?: string;
  readonly category?: string;
}

/**
 * What a check answers. `errored` is an answer of its own, because a check that could not finish has not passed; and a
 * finding of effect `error` says the same of one object or image.
 */
export type Outcome =
  | { readonly kind: 'completed'; readonly examined: number; readonly findings: readonly Finding[] }
  | { readonly kind: 'errored'; readonly error: GateError };

/** What became of one check, as the decision records it. */
export interface CheckResult {
  readonly check: string;
  readonly status: 'passed' | 'failed' | 'errored';
  /** How many things it looked at (images, objects times rules: the check says). */
  readonly examined: number;
}

/** An image that was verified (or let through by a named setting), and the digest that is emitted for it. */
export interface DecidedImage {
  readonly reference: string;
  readonly digest: Digest | undefined;
  /** The policies and authorities that vouched for it; empty where the configuration let it through unverified. */
  readonly by: readonly string[];
  /** Set where those who vouched asked for no signature (`static` pass, level `skip`): nothing of it was verified. */
  readonly unsigned?: true;
}

/** A rule that is loaded and gives no verdict in a gate, and why: what it does not say is never taken for a pass. */
export interface UnevaluatedRule {
  /** `ClusterPolicy add-labels` */
  readonly policy: string;
  /** Empty where the whole policy is meant. */
  readonly rule: string;
  readonly why: string;
}

/** The verdict over one rendered set. Only `allowed` lets manifests out. */
export interface Decision {
  readonly verdict: 'allowed' | 'denied' | 'unevaluated' | 'usage';
  /** Those that deny, most important first. */
  readonly reasons: readonly Finding[];
  readonly warnings: readonly Finding[];
  readonly checks: readonly CheckResult[];
  readonly images: readonly DecidedImage[];
  readonly notEvaluated: readonly UnevaluatedRule[];
  /** How many objects were rendered; undefined if it did not come so far. */
  readonly objects: number | undefined;
  /** Names and versions of what took part: `kustomize`, `helm`, `opa`. */
  readonly engines: Readonly<Record<string, string>>;
  /** sha256 of the bytes that `render` emits; undefined unless allowed. */
  readonly manifestsDigest: Digest | undefined;
}
