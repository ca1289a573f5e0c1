import { describe, expect, it } from 'vitest';
import { compileCel } from '../../../../src/checks/policy/cel/compile.ts';
import { toStringValue } from '../../../../src/checks/policy/cel/conversions.ts';
import { CostBudget } from '../../../../src/checks/policy/cel/cost.ts';
import { CelError } from '../../../../src/checks/policy/cel/error.ts';
import { fromJson } from '../../../../src/checks/policy/cel/json.ts';
import { kubernetes } from '../../../../src/checks/policy/cel/profiles.ts';
import { DYN, formatType, INT, listOf, mapOf, STRING } from '../../../../src/checks/policy/cel/types.ts';
import { typeNameOf } from '../../../../src/checks/policy/cel/value-types.ts';
import {
  CelList,
  CelMap,
  CelObject,
  CelOptional,
  CelTypeValue,
  type CelValue,
} from '../../../../src/checks/policy/cel/values.ts';
import type { JsonValue } from '../../../../src/core/json.ts';
import { expressions, VARIABLES, type Vector, vectors } from './kubernetes-vectors.ts';

const environment = {
  ...kubernetes('1.37'),
  variables: new Map([
    ['object', DYN],
    ['s', STRING],
    ['n', INT],
    ['l', listOf(STRING)],
    ['m', mapOf(STRING, INT)],
  ]),
};

/** A value in the words of the recording. */
function show(value: CelValue): JsonValue {
  if (value instanceof CelOptional)
    return value.value === undefined ? 'optional none' : { optional: show(value.value) };
  if (value instanceof CelList) return value.toArray().map(show);
  if (value instanceof CelMap) {
    const entries = [...value.keys()].map((key) => [show(key), show(value.get(key) as CelValue)] as const);
    return { map: entries.toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1)) };
  }
  if (value === null) return 'null';
  if (value instanceof CelTypeValue) return `type ${value.name}`;
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('base64')}`;
  return value instanceof CelObject ? typeNameOf(value) : `${typeNameOf(value)} ${toStringValue(value)}`;
}

function answer(expr: string): Vector {
  const budget = new CostBudget(1_000_000);
  let type: string;
  let evaluate: () => CelValue;
  try {
    const program = compileCel(expr, environment);
    type = formatType(program.resultType);
    evaluate = () => program.evaluate((name) => fromJson(VARIABLES[name] as JsonValue), budget);
  } catch (error) {
    if (!(error instanceof CelError)) throw error;
    return { expr, refused: error.message };
  }
  try {
    const value = show(evaluate());
    return { expr, type, value, cost: budget.spent };
  } catch (error) {
    if (!(error instanceof CelError)) throw error;
    return { expr, type, error: error.message, cost: budget.spent };
  }
}

/** Where we answer otherwise, and why. */
const DIFFERENCES: ReadonlyMap<string, string> = new Map([
  ["timestamp('2023-01-01T00:00:00Z').getHours('Local')", 'the zone of the machine is not for a verdict to depend on'],
  ["timestamp('1900-01-01T00:00:00Z').getMinutes('Europe/Amsterdam')", 'zones before 1970 are merged in our data'],
  ["timestamp('2023-01-01T00:00:00Z').getHours('x:y')", 'another message'],
  ['{dyn(1.5): 1}', 'a key that no map can have is an error here'],
  ['{dyn([]): 1}', 'a key that no map can have is an error here'],
]);

/** Words that are the parser's own, or name types of Go. */
const OTHER_WORDS = /^(Syntax error|invalid qualifier type|panic$|undeclared reference to 'cel')/;

describe('expressions as an API server evaluates them', () => {
  const recorded = vectors();

  it('were recorded for every expression of the list', () => {
    expect(recorded.map(({ expr }) => expr)).toEqual(expressions());
    expect(recorded.length).toBeGreaterThan(950);
  });

  it.each(recorded.filter(({ expr }) => !DIFFERENCES.has(expr)).map((vector) => [vector.expr, vector] as const))(
    '%s',
    (expr, vector) => {
      const ours = answer(expr);
      if (vector.refused !== undefined) {
        expect(ours.refused).toBeDefined();
        if (!OTHER_WORDS.test(vector.refused)) expect(ours.refused).toBe(vector.refused);
      } else if (vector.error !== undefined) {
        // What fails costs a little less here: the functions around the error are not charged.
        expect({ ...ours, cost: undefined }).toEqual({ ...vector, cost: undefined });
        expect(ours.cost).toBeLessThanOrEqual((vector.cost ?? 0) + 1);
      } else {
        // A term that failed and was absorbed is part of the cost.
        const absorbs = /\/ 0|c\.foo/.test(expr);
        expect(absorbs ? { ...ours, cost: vector.cost } : ours).toEqual(vector);
      }
    },
  );
});
