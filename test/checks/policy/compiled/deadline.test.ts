import { describe, expect, it } from 'vitest';
import { bindDeadline } from '../../../../src/core/deadline.ts';
import { GateError } from '../../../../src/core/errors.ts';
import { runCheck } from '../../../../src/decision/run-check.ts';
import { configMap, type Files, judged, withPolicies } from '../../../support/policies.ts';

/** A rule that compares every value of a ConfigMap with every other, and one in CEL that does the same. */
const quadratic: Files = {
  'policies/kyverno.yaml': `apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: unique}
spec:
  validationFailureAction: Enforce
  rules:
  - name: values
    match: {any: [{resources: {kinds: [ConfigMap]}}]}
    validate:
      message: values must differ
      foreach:
      - list: request.object.data.values(@)
        deny: {conditions: {any: [{key: "{{ request.object.data.values(@)[?@ == '{{element}}'] | length(@) }}", operator: GreaterThan, value: 1}]}}
`,
};

/** Time that passes with every look at it, so that the test does not depend on how fast the machine is. */
function aSignalOf(looks: number): AbortSignal {
  const { signal } = new AbortController();
  let looked = 0;
  bindDeadline(signal, () => ++looked > looks);
  return signal;
}

const many = configMap('many', {
  data: Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`key-${i}`, `value-${i}`])),
});

describe('the deadline of a verdict', () => {
  it('ends rules that never wait, and nothing of what they said counts', async () => {
    await withPolicies({ files: quadratic }, async (policies) => {
      const judging = runCheck('policy', (stop) => policies.judge([judged(many)], stop), aSignalOf(3));
      expect(await judging).toMatchObject({
        answer: undefined,
        outcome: { kind: 'errored', error: { code: 'CHECK_TIMEOUT' } },
      });
    });
  });

  it('is not met by rules that have time', async () => {
    await withPolicies({ files: quadratic }, async (policies) => {
      const judging = runCheck('policy', (stop) => policies.judge([judged(many)], stop), aSignalOf(1e9));
      expect(await judging).toMatchObject({ outcome: { kind: 'completed', examined: 1, findings: [] } });
    });
  });

  it('makes an answer that is late none', async () => {
    const late = async () => ({ outcome: { kind: 'completed', examined: 1, findings: [] } }) as const;
    const answered = await runCheck('policy', late, aSignalOf(1));
    expect(answered.outcome).toMatchObject({ kind: 'errored', error: expect.any(GateError) });
    expect(answered.answer).toBeUndefined();
  });
});
