import type { RuleResult } from '../rule.ts';

/** What a policy said of an object of the set. */
export interface Said {
  readonly results: readonly RuleResult[];
  /** What it refuses as it was written, and passes with its images pinned. */
  readonly refused: readonly RuleResult[];
}

/** The longest name that Kyverno gives a rule. */
const maxName = 63;

/**
 * Whether a result about what a workload would create says what is known already: the same rule, or the one that autogen
 * made of it, said it of the workload. A template is not the Pod, so a rule that passes one says nothing about the other;
 * but what it could say of the one is no doubt about the other, so an error counts only where the workload got no answer.
 */
export function isKnown(result: RuleResult, said: readonly RuleResult[]): boolean {
  const { rule, status, action } = result;
  const names = namesOf(rule);
  const twins = said.filter((each) => names.has(each.rule));
  if (status !== 'error') return twins.some((twin) => twin.status === status && twin.action === action);
  return twins.some((twin) => twin.status === 'pass' || twin.status === 'fail' || isSameError(twin, result));
}

function isSameError(a: RuleResult, b: RuleResult): boolean {
  return a.status === 'error' && a.message === b.message && a.ignoreErrors === b.ignoreErrors && a.lacks === b.lacks;
}

/** A Job's rule is `autogen-NAME`, and its CronJob's `autogen-cronjob-NAME`. */
function namesOf(rule: string): ReadonlySet<string> {
  const name = rule.replace(/^autogen-/, '');
  return new Set([rule, `autogen-${name}`.slice(0, maxName), `autogen-cronjob-${name}`.slice(0, maxName)]);
}
