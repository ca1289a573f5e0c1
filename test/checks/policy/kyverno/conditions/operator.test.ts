import { describe, expect, it } from 'vitest';
import { ConditionError } from '../../../../../src/checks/policy/kyverno/conditions/error.ts';
import {
  conditionOperator,
  conditionOperatorNames,
  type Literals,
} from '../../../../../src/checks/policy/kyverno/conditions/operator.ts';
import { LimitError } from '../../../../../src/checks/policy/values/limit.ts';
import { type JsonValue, objectFrom } from '../../../../../src/core/json.ts';

function holds(name: string, key: JsonValue, value: JsonValue, literals?: Literals): boolean | undefined {
  return conditionOperator(name)?.holds(key, value, literals);
}

describe('Equals and NotEquals', () => {
  it.each<[JsonValue, JsonValue, boolean]>([
    ['a', 'a', true],
    ['abc', 'a*', true],
    ['a*', 'abc', false],
    ['', '', true],
    ['a', 5, false],
    ['1Gi', '1024Mi', true],
    ['1Gi', '1G', false],
    ['10', '10.0', true],
    ['10', 10, false],
    ['10', '*', false],
    ['1h', '60m', true],
    ['1h', 3600, true],
    [3600, '1h', false],
    [0, '0', true],
    ['0', '0s', false],
    [true, true, true],
    [true, 'true', false],
    [5, 5, true],
    [5, 5.5, false],
    [5, '5', true],
    [5, '5.0', false],
    [5.5, '5.5', true],
    [5, true, false],
    [[1, 'a'], [1, 'a'], true],
    [[1, 'a'], ['a', 1], false],
    [[], [], true],
    [{ a: [1] }, { a: [1] }, true],
    [{ a: 1 }, { a: 1, b: 2 }, false],
    [{ a: 1 }, [1], false],
  ])('%j and %j: %s', (key, value, expected) => {
    expect(holds('Equals', key, value)).toBe(expected);
    expect(holds('NotEquals', key, value)).toBe(!expected);
    expect(holds('Equal', key, value)).toBe(expected);
    expect(holds('NotEqual', key, value)).toBe(!expected);
  });

  it('has neither hold of a key that is nothing', () => {
    for (const value of [null, 'a', '', 0, []]) {
      expect(holds('Equals', null, value)).toBe(false);
      expect(holds('NotEquals', null, value)).toBe(false);
    }
  });

  it('takes a number written in a policy for a float', () => {
    expect(holds('Equals', 5, '5.0', { key: true })).toBe(true);
    expect(holds('Equals', 5, '5.0', { key: false })).toBe(false);
  });
});

describe('orders', () => {
  it.each<[string, JsonValue, JsonValue, boolean]>([
    ['GreaterThan', 2, 1, true],
    ['GreaterThan', 1, 1, false],
    ['GreaterThanOrEquals', 1, 1, true],
    ['LessThan', 1.5, 2, true],
    ['LessThanOrEquals', 2, 1.5, false],
    ['GreaterThan', '2', '1', true],
    ['GreaterThan', '10', '9', true],
    ['GreaterThan', 2, '1', true],
    ['GreaterThan', '2', 1, true],
    ['GreaterThan', '2Gi', '1Gi', true],
    ['GreaterThan', '1Gi', '1024Mi', false],
    ['GreaterThan', '2Gi', 1, false],
    ['LessThan', '100m', '1', true],
    ['GreaterThan', '1h', '59m', true],
    ['GreaterThan', '1h', 3599, true],
    ['LessThan', 3599, '1h', true],
    ['GreaterThan', '1h', 'a', false],
    ['GreaterThan', '1.10.0', '1.9.0', true],
    ['LessThan', '1.0.0-rc.1', '1.0.0', true],
    ['GreaterThan', '1.0.0', 'v0.9.0', false],
    ['GreaterThan', 'b', 'a', false],
    ['LessThan', 'b', 'a', false],
    ['GreaterThan', null, 1, false],
    ['LessThanOrEquals', 1, null, false],
    ['GreaterThan', true, false, false],
    ['GreaterThan', [2], [1], false],
    ['GreaterThan', '1e3', '999', true],
    ['DurationGreaterThan', '1h', '30m', true],
    ['DurationGreaterThan', '1h', 1800, true],
    ['DurationGreaterThanOrEquals', 3600, '1h', true],
    ['DurationLessThan', 1.9, '1500ms', true],
    ['DurationLessThanOrEquals', 1, 1, true],
    ['DurationGreaterThan', '5', '1s', false],
    ['DurationLessThan', '0', '1s', true],
    ['DurationLessThan', null, '1s', false],
  ])('%s of %j and %j: %s', (name, key, value, expected) => expect(holds(name, key, value)).toBe(expected));
});

describe('membership', () => {
  const names = ['AnyIn', 'AllIn', 'AnyNotIn', 'AllNotIn'] as const;
  it.each<[JsonValue, JsonValue, string]>([
    ['a', ['a', 'b'], 'AnyIn AllIn'],
    ['c', ['a', 'b'], 'AnyNotIn AllNotIn'],
    ['abc', ['a*'], 'AnyIn AllIn'],
    ['a*', ['abc'], 'AnyIn AllIn'],
    ['a', 'a', 'AnyIn AllIn'],
    ['abc', 'a*', 'AnyIn AllIn'],
    ['a*', 'abc', 'AnyNotIn AllNotIn'],
    ['a', '["a","b"]', 'AnyIn AllIn'],
    ['c', '["a","b"]', 'AnyNotIn AllNotIn'],
    ['a', '[1]', ''],
    ['a', '{}', ''],
    ['a', '5', ''],
    ['a', 5, ''],
    ['a', null, ''],
    [5, [5, 6], 'AnyIn AllIn'],
    [5, ['5'], 'AnyIn AllIn'],
    [5, '1-10', 'AnyIn AllIn'],
    [50, '1-10', 'AnyNotIn AllNotIn'],
    ['5Mi', '1Mi-1Gi', 'AnyIn AllIn'],
    [true, ['true'], 'AnyIn AllIn'],
    [null, ['a'], ''],
    [{ a: 1 }, ['a'], ''],
    [['a', 'b'], ['a', 'b', 'c'], 'AnyIn AllIn'],
    [['a', 'd'], ['a', 'b', 'c'], 'AnyIn AnyNotIn'],
    [['d', 'e'], ['a', 'b', 'c'], 'AnyNotIn AllNotIn'],
    [[], ['a'], 'AllIn AllNotIn'],
    [['a*'], ['abc'], 'AnyIn AllIn'],
    [['a'], 'a', 'AnyIn AllIn'],
    [['a', 'b'], 'a', 'AnyIn AnyNotIn'],
    [['a', 'b'], '["a","c"]', 'AnyIn AnyNotIn'],
    [['a', 'b'], '{', 'AnyNotIn AllNotIn'],
    [['a', 'b'], '{}', ''],
    [[5, 6], '1-10', 'AnyIn AllIn'],
    [[5, 60], '1-10', 'AnyIn AnyNotIn'],
    [[50, 60], '1-10', 'AnyNotIn AllNotIn'],
    [[5, 6], 5, 'AnyIn AnyNotIn'],
    [[6], 5, 'AnyNotIn'],
    [['a'], null, ''],
    [['a'], { a: 1 }, ''],
    [[{ a: 1 }], ['map[a:1]'], 'AnyIn AllIn'],
    [[null], ['<nil>'], 'AnyIn AllIn'],
  ])('%j in %j: %s', (key, value, expected) => {
    expect(names.filter((name) => holds(name, key, value)).join(' ')).toBe(expected);
  });

  it('prints a large number of the policy with an exponent, and one of the object without', () => {
    expect(holds('AnyIn', [1_000_000], 1_000_000, { value: true })).toBe(false);
    expect(holds('AnyIn', [1_000_000], 1_000_000, {})).toBe(true);
  });
});

describe('In and NotIn', () => {
  it.each<[JsonValue, JsonValue, boolean, boolean]>([
    ['a', ['a', 'b'], true, false],
    ['abc', ['a*'], true, false],
    ['c', ['a', 'b'], false, true],
    ['a', '["a"]', true, false],
    ['b', '["a"]', false, true],
    ['b', 'a', false, false],
    ['a', 'a', true, false],
    [5, [5], true, false],
    ['a', 5, false, false],
    [['a', 'b'], ['a', 'b', 'c'], true, false],
    [['a', 'd'], ['a', 'b', 'c'], false, true],
    [['a*'], ['abc'], false, true],
    [['a'], 'a', true, true],
    [['a', 'b'], '["a","b"]', true, false],
    [['a'], [1], false, false],
    [['a'], null, false, false],
  ])('%j in %j: %s, not in: %s', (key, value, isIn, isNotIn) => {
    expect(holds('In', key, value)).toBe(isIn);
    expect(holds('NotIn', key, value)).toBe(isNotIn);
  });

  it('cannot say anything of lists that hold more than texts', () => {
    expect(() => holds('In', [1], ['1'])).toThrow(ConditionError);
    expect(() => holds('NotIn', ['a', null], ['a'])).toThrow(ConditionError);
  });
});

describe('names', () => {
  it('knows each operator by its name', () => {
    for (const name of conditionOperatorNames()) expect(conditionOperator(name)?.name).toBe(name);
    expect(conditionOperatorNames()).toHaveLength(18);
  });

  it.each(['equals', 'ANYIN', 'notin'])('takes %s in any case', (name) =>
    expect(conditionOperator(name)).toBeDefined(),
  );

  it.each(['', 'Contains', 'greaterthan', 'DurationLESSThan', '__proto__', 'constructor'])(
    'does not know %j',
    (name) => {
      expect(conditionOperator(name)).toBeUndefined();
    },
  );

  it('says what replaces the deprecated ones', () => {
    expect(conditionOperator('In')?.replacedBy).toEqual(['AllIn', 'AnyIn']);
    expect(conditionOperator('DurationLessThan')?.replacedBy).toEqual(['LessThan']);
    expect(conditionOperator('AnyIn')?.replacedBy).toBeUndefined();
  });
});

describe('hostile values', () => {
  it('gives up on lists that would take minutes to compare', () => {
    const many = Array.from({ length: 100_000 }, (_, index) => `a${index}`);
    expect(() => holds('AllNotIn', many, many)).toThrow(LimitError);
  });

  it('gives up on JSON that is nested too deep', () => {
    expect([false, LimitError]).toContainEqual(deepAnswer());
  });

  it('takes __proto__ for a key like any other', () => {
    const value = objectFrom([['__proto__', 1]]);
    expect(holds('Equals', value, {})).toBe(false);
    expect(holds('Equals', value, objectFrom([['__proto__', 1]]))).toBe(true);
    expect(holds('Equals', { a: 1 }, objectFrom([['toString', 1]]))).toBe(false);
  });
});

function deepAnswer(): unknown {
  try {
    return holds('AnyIn', 'a', `${'['.repeat(500_000)}${']'.repeat(500_000)}`);
  } catch (error) {
    return (error as Error).constructor;
  }
}
