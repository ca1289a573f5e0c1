import { describe, expect, it } from 'vitest';
import { ourVerdicts, readRuleRecord, ruleMutants } from '../../../support/kyverno/rule-record.ts';

/** What the real Kyverno said of mutants of workloads by random rules (scripts/kyverno-rules.ts --record). */
describe.each(readRuleRecord())('random policy $seed', ({ seed, rules, verdicts }) => {
  const objects = ruleMutants(seed, rules, verdicts.length).map(({ object }) => object);
  const ours = ourVerdicts(seed, rules, objects);

  it('says of each object what Kyverno 1.19.1 says, with its messages', () => {
    for (const [at, theirs] of verdicts.entries()) {
      expect(ours[at], JSON.stringify(objects[at])).toEqual(theirs);
    }
  });

  it('was recorded with verdicts of every kind', () => {
    const said = verdicts.flat();
    expect(said.length).toBeGreaterThan(500);
    for (const status of ['pass', 'fail', 'skip', 'error']) {
      expect(said.some((each) => each.split(' ')[1] === status)).toBe(true);
    }
  });
});
