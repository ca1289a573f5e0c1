import { describe, expect, it } from 'vitest';
import { JmesError } from '../../../../../src/checks/policy/kyverno/jmespath/error.ts';
import { functionNames } from '../../../../../src/checks/policy/kyverno/jmespath/functions/table.ts';
import { withFloats } from '../../../../../src/checks/policy/kyverno/jmespath/numbers.ts';
import { compileQuery } from '../../../../../src/checks/policy/kyverno/jmespath/query.ts';
import * as vectors from './vectors.ts';

const ports = { now: Date.UTC(2024, 1, 3, 4, 5, 6, 789), random: () => 0.5 };

function refusal(run: () => unknown): JmesError {
  try {
    run();
  } catch (error) {
    if (error instanceof JmesError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

const tables = [
  ['keys that are missing', vectors.missingKeys],
  ['the grammar', vectors.grammar],
  ['the standard functions', vectors.standardFunctions],
  ['functions of texts and collections', vectors.textFunctions],
  ['arithmetic', vectors.arithmeticFunctions],
  ['times', vectors.timeFunctions],
  ['calls that cannot be', vectors.impossibleCalls],
] as const;

describe.each(tables)('%s', (_, table) => {
  it.each(table)('%s', (source, expected) => {
    if ('refused' in expected) {
      expect(refusal(() => compileQuery(source)).message).toMatch(expected.refused);
      return;
    }
    const query = compileQuery(source);
    if ('value' in expected) {
      expect(query.search(vectors.shop, ports)).toEqual(expected.value);
      return;
    }
    const error = refusal(() => query.search(vectors.shop, ports));
    if ('missing' in expected) {
      expect(error).toMatchObject({ kind: 'not-found', message: `Unknown key "${expected.missing}" in path` });
    } else {
      expect(error.kind).not.toBe('not-found');
      expect(error.message).toMatch(expected.fails);
    }
  });
});

it('has the 26 functions of the specification and 51 of Kyverno, of which one replaces another and one is refused', () => {
  const names = functionNames();
  // `sum` is among both, and `is_external_url` is not offered.
  expect(names.length).toBe(26 + 51 - 1 - 1);
  const documented = [
    vectors.standardFunctions,
    vectors.textFunctions,
    vectors.arithmeticFunctions,
    vectors.timeFunctions,
  ]
    .flat()
    .map(([query]) => query);
  const elsewhere = ['random', 'time_now', 'time_now_utc', 'x509_decode'];
  const untested = names.filter((name) => !documented.some((query) => query.includes(`${name}(`)));
  expect(untested.filter((name) => !elsewhere.includes(name))).toEqual([]);
});

describe('the clock and chance', () => {
  it('come from the ports', () => {
    const asked = (source: string) => compileQuery(source).search(null, ports);
    expect(asked('time_now()')).toBe('2024-02-03T04:05:06Z');
    expect(asked('time_now_utc()')).toBe('2024-02-03T04:05:06Z');
    expect(asked("time_since('', '2024-02-03T04:05:00Z', '')")).toBe('6.789s');
    expect(asked("random('[a-c]{4}-x|y')")).toBe('y');
    expect(asked("random('[0-9a-z]{6}')")).toBe('iiiiii');
  });

  it.each(['', '(', 'a**', '[b-a]', '[a', '\\d', 'a{2,1}', '(?i)a', '[[:alpha:]]', '(((a*)*)*)*'])(
    'random() refuses the pattern %j',
    (pattern) => {
      const query = compileQuery('random(@)');
      expect(['invalid', 'unsupported', 'limit']).toContain(
        refusal(() => query.search(pattern, { now: 0, random: () => 0.99 })).kind,
      );
    },
  );
});

describe('numbers beyond 2^53', () => {
  it('are floats, as in an admission request, and compare as such', () => {
    const object = { spec: { limit: 9007199254740993n, list: [1, 12345678901234567890n] }, name: 'x' };
    const floats = withFloats(object);
    expect(compileQuery('spec.limit > `1000` && spec.list[1] > spec.limit').search(floats, ports)).toBe(true);
    expect(compileQuery('spec.limit > `1000`').search(object, ports)).toBe(null);
    expect(withFloats(object)).toBe(floats);
    expect(object.spec.limit).toBe(9007199254740993n);
    const plain = { spec: { list: [1, 2] }, nothing: null };
    expect(withFloats(plain)).toBe(plain);
    expect(withFloats(null)).toBe(null);
  });
});

describe('what a query reads', () => {
  it.each<[string, string[][]]>([
    ['request.object.metadata.name', [['request', 'object', 'metadata', 'name']]],
    ['request.userInfo.groups[0]', [['request', 'userInfo', 'groups']]],
    ['a.b || c', [['a', 'b'], ['c']]],
    ['a[?b == c].d', [['a']]],
    ['a[*].b', [['a']]],
    [
      'a.[b, c.d]',
      [
        ['a', 'b'],
        ['a', 'c', 'd'],
      ],
    ],
    ['a | b.c', [['a', 'b', 'c']]],
    ['{x: a}.x', [['a']]],
    ['length(a) > `1` && b', [['a'], ['b']]],
    ['a.length(@)', [['a']]],
    ['a.time_now()', [['a']]],
    ['map(&x, a)', [['a']]],
    ['@', [[]]],
    ['to_string(@)', [[]]],
    ["'text'", []],
    ['items(a, b, `"c"`)', [['a'], ['b']]],
  ])('%s', (source, reads) => {
    expect(compileQuery(source).reads).toEqual(reads);
  });

  it('names its roots and its functions', () => {
    const query = compileQuery('request.a && length(element.b) == `1` && to_string(@) && max_by(x, &abs(y))');
    expect([...query.roots]).toEqual(['request', 'element', '@', 'x']);
    expect([...query.functions].sort()).toEqual(['abs', 'length', 'max_by', 'to_string']);
  });
});
