import type { JsonPath } from '../../../core/json.ts';
import type { Lacks } from '../lacks.ts';
import type { RuleStatus } from '../rule.ts';

/** What a rule says of one object, before anybody asks what is to be done about it. */
export interface RuleOutcome {
  readonly status: RuleStatus;
  readonly message: string;
  readonly path?: JsonPath;
  readonly exceptedBy?: readonly string[];
  /** What the platform did not say, where that is the error. */
  readonly lacks?: Lacks;
  /** Kyverno may not have met the error, so `failurePolicy: Ignore` forgives nothing. */
  readonly isOurs?: true;
}

export function passed(message: string): RuleOutcome {
  return { status: 'pass', message };
}

export function failed(message: string, path?: JsonPath): RuleOutcome {
  return { status: 'fail', message, ...(path !== undefined && { path }) };
}

export function skippedBecause(message: string): RuleOutcome {
  return { status: 'skip', message };
}

/** An error that Kyverno may not have met. */
export function unable(message: string, lacks?: Lacks): RuleOutcome {
  return { ...errored(message, lacks), isOurs: true };
}

export function errored(message: string, lacks?: Lacks): RuleOutcome {
  return { status: 'error', message, ...(lacks !== undefined && { lacks }) };
}
