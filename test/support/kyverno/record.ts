/** Verdicts of the real Kyverno, kept so that a test can compare with them without it. */
import { resolve } from 'node:path';
import { fingerprint, type Mutant, type PolicyCase, type Verdict } from './cases.ts';
import { digestOf } from './compare.ts';

export const recordFile = resolve(import.meta.dirname, '../../conformance/kyverno-verdicts.json');

/** How many mutants of each policy are kept. */
export const recordedMutants = 8;

/** A rule's name, its status and the digest of a failure's message. */
export type RecordedVerdict = readonly [rule: string, status: string, message: string];

export interface PolicyRecord {
  /** Seen from the suite's folder. */
  readonly policy: string;
  /** Of the mutants. */
  readonly fingerprint: string;
  readonly verdicts: readonly (readonly RecordedVerdict[])[];
}

export function recordOf(policy: PolicyCase, mutants: readonly Mutant[], verdicts: readonly Verdict[][]): PolicyRecord {
  const kept = mutants.slice(0, recordedMutants);
  return {
    policy: policy.file,
    fingerprint: fingerprint(kept.map(({ object }) => object)),
    verdicts: kept.map((_, i) =>
      (verdicts[i] ?? []).map(({ rule, status, message }) => [
        rule,
        status,
        status === 'fail' ? digestOf(message) : '',
      ]),
    ),
  };
}
