/** Verdicts of the real Kyverno, kept so that a test can compare with them without it. */
import { resolve } from 'node:path';
import { fingerprint, type Mutant, mutantsOf, type PolicyCase, type Verdict } from './cases.ts';
import { digestOf } from './compare.ts';

export const recordFile = resolve(import.meta.dirname, '../../conformance/kyverno-verdicts.jsonl');

/** A rule's name, its status and the digest of a failure's message; empty where Kyverno itself says now this, now that. */
export type RecordedVerdict = readonly [rule: string, status: string, message: string];

export interface PolicyRecord {
  /** Seen from the suite's folder. */
  readonly policy: string;
  /** Of the objects. */
  readonly fingerprint: string;
  /** Of each object in turn; null where Kyverno gave now this verdict, now that. */
  readonly verdicts: readonly (readonly RecordedVerdict[] | null)[];
}

/** What is kept of a policy: two objects of its test, and six mutants. */
export function recordedMutants(policy: PolicyCase): Mutant[] {
  const count = policy.objects.length;
  return mutantsOf(policy, 0, count + 6).filter((_, i) => i < 2 || i >= count);
}

/** The record of several answers to the same question: maps have no order in Go, and some messages show it. */
export function recordOf(
  policy: PolicyCase,
  mutants: readonly Mutant[],
  [first = [], ...others]: readonly (readonly Verdict[][])[],
): PolicyRecord {
  return {
    policy: policy.file,
    fingerprint: fingerprint(mutants.map(({ object }) => object)),
    verdicts: mutants.map((_, i) => {
      const verdicts = first[i] ?? [];
      const again = others.map((answer) => answer[i] ?? []);
      if (again.some((each) => statuses(each) !== statuses(verdicts))) return null;
      return verdicts.map(({ rule, status, message }, j): RecordedVerdict => {
        const steady = again.every((each) => each[j]?.message === message);
        return [rule, status, status === 'fail' && steady ? digestOf(message) : ''];
      });
    }),
  };
}

function statuses(verdicts: readonly Verdict[]): string {
  return verdicts.map(({ rule, status }) => `${rule} ${status}`).join(', ');
}
