import { expect, it } from 'vitest';
import { functionDifference, readFunctionRecord } from '../../../support/kyverno/function-record.ts';
import { randomQuestion } from '../../../support/kyverno/random-questions.ts';

const record = readFunctionRecord();

it('answers what the functions of Kyverno 1.19.1 answer', () => {
  expect(record.map(functionDifference).filter((one) => one !== undefined)).toEqual([]);
  expect(record.length).toBeGreaterThan(1_000);
});

it.each(['pass', 'skip', 'fail', 'error', 'true', 'false', 'panic'])(
  'was recorded with answers that say %s',
  (kind) => {
    expect(record.some(([, answer]) => answer.kind === kind)).toBe(true);
  },
);

it('makes the same questions of the same seed', () => {
  for (const kind of ['pattern', 'operator', 'pod'] as const) {
    expect(randomQuestion(kind, 7)).toEqual(randomQuestion(kind, 7));
  }
});
