import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AdmissionCase, admissionCases, clusterObjects } from '../support/kubernetes/admission-cases.ts';
import { type Comparison, startComparison } from '../support/kubernetes/comparison.ts';
import { isError, nameOf } from '../support/kubernetes/judged.ts';
import { sampleObjects } from '../support/kubernetes/server.ts';

let comparison: Comparison;
beforeAll(async () => {
  comparison = await startComparison(clusterObjects, ['Namespace', 'ConfigMap', 'rules.example.com/PodRule']);
});
afterAll(async () => {
  await comparison[Symbol.asyncDispose]();
});

const named = (each: AdmissionCase) => [each.name, each] as const;
const cases = admissionCases();
const tally = { pairs: 0, denied: 0, errors: 0, policies: 0 };

describe('the gate answers as the API server, word for word', () => {
  it.each(cases.filter(({ refused }) => refused === undefined).map(named))('%s', async (_, admission) => {
    const policy = comparison.compile(admission);
    tally.policies += 1;
    const pairs = await comparison.judge(admission, policy, [...sampleObjects(), ...admission.objects]);
    for (const { object, ours, theirs, concerned } of pairs) {
      expect(ours, nameOf(object)).toEqual(theirs);
      if (!concerned) continue;
      tally.pairs += 1;
      if (theirs.kind === 'denied') tally.denied += 1;
      if (theirs.kind === 'denied' && isError(theirs.message)) tally.errors += 1;
    }
  });

  it('over enough policies, denials and errors', () => {
    expect(tally.policies).toBeGreaterThanOrEqual(40);
    expect(tally.pairs).toBeGreaterThanOrEqual(300);
    expect(tally.denied / tally.pairs).toBeGreaterThanOrEqual(0.3);
    expect(tally.errors / tally.pairs).toBeGreaterThanOrEqual(0.1);
  });
});

describe('a policy that the API server refuses is refused when it is loaded', () => {
  it.each(cases.filter(({ refused }) => refused !== undefined).map(named))('%s', async (_, admission) => {
    const { status, body } = await comparison.server.create(admission.policy, { dryRun: true });
    expect(status).toBe(422);
    expect(body['message']).toContain(admission.refused);
    expect(() => comparison.compile(admission)).toThrow();
  });
});
