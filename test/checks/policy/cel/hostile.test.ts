import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileCel } from '../../../../src/checks/policy/cel/compile.ts';
import { CostBudget } from '../../../../src/checks/policy/cel/cost.ts';
import { CelError, type CelErrorKind } from '../../../../src/checks/policy/cel/error.ts';
import { fromJson, toJson } from '../../../../src/checks/policy/cel/json.ts';
import { celSpec, kubernetes } from '../../../../src/checks/policy/cel/profiles.ts';
import { DYN } from '../../../../src/checks/policy/cel/types.ts';
import type { CelValue } from '../../../../src/checks/policy/cel/values.ts';
import type { JsonValue } from '../../../../src/core/json.ts';

const variables = new Map([['object', DYN]]);
const strict = { ...kubernetes('1.37'), variables };
const lenient = { ...celSpec(), variables };
const unchecked = { ...celSpec(), variables, typeChecked: false };

const OBJECT: JsonValue = JSON.parse(
  '{"__proto__": {"polluted": 1}, "constructor": {"name": "x"}, "a": [1, 2.5, "x", null, {"b": [true]}], "s": "éa😀"}',
);

/** What an expression gives, or the kind of its error. Anything that is thrown and no CelError fails the test. */
function outcome(source: string, environment = strict, limit = 100_000): { kind: CelErrorKind } | { value: CelValue } {
  try {
    const program = compileCel(source, environment);
    return { value: program.evaluate(() => fromJson(OBJECT), new CostBudget(limit)) };
  } catch (error) {
    if (error instanceof CelError) return { kind: error.kind };
    throw error;
  }
}

/** Expressions of the grammar, most of them without sense. */
const expression = fc.letrec<{ e: string }>((tie) => ({
  e: fc.oneof(
    { maxDepth: 5, depthIdentifier: 'cel' },
    fc.constantFrom('object', 'object.a', 'object.s', 'object.__proto__', 'object.constructor', 'x', 'null', 'true'),
    fc.constantFrom('1', '-1', '2u', '1.5', "'a'", "b'a'", '[]', '{}', '9223372036854775807', "duration('1s')", 'int'),
    fc
      .tuple(tie('e'), fc.constantFrom('+', '-', '*', '/', '%', '==', '!=', '<', '>=', '&&', '||', 'in'), tie('e'))
      .map(([a, operator, b]) => `(${a} ${operator} ${b})`),
    fc.tuple(fc.constantFrom('!', '-'), tie('e')).map(([operator, a]) => `${operator}(${a})`),
    fc.tuple(tie('e'), tie('e'), tie('e')).map(([a, b, c]) => `(${a} ? ${b} : ${c})`),
    fc
      .tuple(tie('e'), fc.constantFrom('.a', '.?a', '.b', '.constructor', '[0]', '[?0]', "['a']"))
      .map(([a, b]) => a + b),
    fc.tuple(tie('e'), tie('e')).map(([a, b]) => `${a}[${b}]`),
    fc
      .tuple(tie('e'), fc.constantFrom('all', 'exists', 'exists_one', 'map', 'filter'), tie('e'))
      .map(([a, macro, b]) => `${a}.${macro}(x, ${b})`),
    fc
      .tuple(tie('e'), fc.constantFrom('all', 'exists', 'transformList', 'transformMap'), tie('e'))
      .map(([a, macro, b]) => `${a}.${macro}(i, x, ${b})`),
    fc
      .tuple(fc.constantFrom('size', 'string', 'int', 'uint', 'double', 'type', 'dyn', 'bytes', 'timestamp'), tie('e'))
      .map(([name, a]) => `${name}(${a})`),
    fc
      .tuple(
        tie('e'),
        fc.constantFrom('contains', 'matches', 'startsWith', 'orValue', 'join', 'split', 'indexOf'),
        tie('e'),
      )
      .map(([a, name, b]) => `${a}.${name}(${b})`),
    fc.tuple(tie('e'), tie('e')).map(([a, b]) => `[${a}, ${b}]`),
    fc.tuple(tie('e'), tie('e')).map(([a, b]) => `{${a}: ${b}}`),
    fc.tuple(tie('e')).map(([a]) => `has(${a}.a)`),
  ),
}));

const RUNS = Number(process.env['SYNCGATE_FUZZ_RUNS'] ?? 3000);

describe('an expression', () => {
  it('that is any text throws nothing but CelError', () => {
    const text = fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary' }),
      fc.stringMatching(/^[a-c0-9.()[\]{}?:+'"`\\/&|<>=! ,-]*$/),
    );
    fc.assert(
      fc.property(text, (source) => {
        outcome(source, lenient);
      }),
      { numRuns: RUNS },
    );
  });

  it('of the grammar throws nothing but CelError, however its types are', () => {
    fc.assert(
      fc.property(expression.e, (source) => {
        for (const environment of [strict, lenient, unchecked]) outcome(source, environment, 10_000);
      }),
      { numRuns: RUNS },
    );
  });

  it('gives the same value and cost every time, and its result can be written or is an error', () => {
    fc.assert(
      fc.property(expression.e, (source) => {
        let program: ReturnType<typeof compileCel>;
        try {
          program = compileCel(source, lenient);
        } catch {
          return;
        }
        const run = (): readonly unknown[] => {
          const budget = new CostBudget(10_000);
          try {
            return [toJson(program.evaluate(() => fromJson(OBJECT), budget)), budget.spent];
          } catch (error) {
            return [(error as Error).message, budget.spent];
          }
        };
        expect(run()).toEqual(run());
      }),
      { numRuns: RUNS / 10 },
    );
  });
});

describe('a hostile expression', () => {
  const nested = (depth: number): string => `${'[1,2,3,4,5,6,7,8,9,10].map(x, '.repeat(depth)}1${')'.repeat(depth)}`;
  const doubled = (times: number, start: string): string => {
    const names = Array.from({ length: times }, (_, i) => `v${i + 1}`);
    const inner = names.reduceRight((body, name, i) => `cel.bind(${name}, v${i} + v${i}, ${body})`, `size(v${times})`);
    return `cel.bind(v0, ${start}, ${inner})`;
  };
  const shared = (times: number): string => {
    const names = Array.from({ length: times }, (_, i) => `v${i + 1}`);
    const body = `v${times} == v${times}`;
    return `cel.bind(v0, [object.s], ${names.reduceRight((rest, name, i) => `cel.bind(${name}, [v${i}, v${i}], ${rest})`, body)})`;
  };

  it.each<[string, string, CelErrorKind]>([
    ['brackets that nest too deep', `${'('.repeat(5000)}1${')'.repeat(5000)}`, 'limit'],
    ['lists that nest too deep', `${'['.repeat(5000)}${']'.repeat(5000)}`, 'limit'],
    ['a chain of sums', `1${'+1'.repeat(20_000)}`, 'limit'],
    ['a chain of selections', `object${'.a'.repeat(20_000)}`, 'limit'],
    ['a chain of conditions', `${'true?1:'.repeat(10_000)}1`, 'limit'],
    ['a chain of relations', `1${'==1'.repeat(20_000)}`, 'limit'],
    ['a source that is too long', `'${'a'.repeat(200_000)}'`, 'limit'],
    ['an integer of many digits', '9'.repeat(90_000), 'syntax'],
    ['a loop in loops', nested(12), 'cost'],
    ['a string that doubles', doubled(60, "'aaaaaaaaaa'"), 'cost'],
    ['a list that doubles', doubled(60, '[1, 2, 3, 4]').replace('size(v60)', 'v60[1] == 2'), 'work'],
    ['a value with shared parts', shared(60), 'work'],
    ['a pattern that is no pattern', "object.s.matches('(' + '')", 'evaluation'],
    ['a pattern that is too large', "object.s.matches('((a{100}){100}){100}' + '')", 'evaluation'],
  ])('ends with an error: %s', (_, source, kind) => {
    expect(outcome(source, lenient, 1_000_000)).toEqual({ kind });
  });

  it('may add a list to itself as often as it likes, and ask for its size', () => {
    expect(outcome(doubled(20, '[1, 2, 3, 4]'), lenient)).toEqual({ value: 4n * 2n ** 20n });
    expect(outcome(doubled(10, '[1, 2]').replace('size(v10)', 'v10.filter(x, x == 2).size()'), lenient)).toEqual({
      value: 1024n,
    });
  });

  it('with thousands of terms is no problem: the tree does not grow higher', () => {
    expect(outcome(`true${' && true'.repeat(9000)}`)).toEqual({ value: true });
    expect(outcome(`false${' || false'.repeat(9000)}`)).toEqual({ value: false });
  });

  it('cannot absorb a budget that is spent, nor a bound of the engine', () => {
    expect(outcome(`${nested(12)}.size() > 0 || true`, lenient, 1000)).toEqual({ kind: 'cost' });
    expect(outcome(`[1].exists(x, ${nested(12)}.size() > x) || true`, lenient, 1000)).toEqual({ kind: 'cost' });
    expect(outcome(`(${shared(60)}) || true`, lenient, 1_000_000)).toEqual({ kind: 'work' });
  });

  it('compiles in a time that does not grow with the square of its types', () => {
    const source = `[${Array.from({ length: 8000 }, () => '[]').join(',')}] == []`;
    expect(outcome(source, lenient)).toEqual({ value: false });
  });
});

describe('an object with hostile keys', () => {
  it.each<[string, unknown]>([
    ['has(object.polluted)', false],
    ['has(object.toString)', false],
    ['has(object.hasOwnProperty)', false],
    ["'toString' in object", false],
    ['object.__proto__.polluted == 1', true],
    ["object['__proto__'].polluted == 1", true],
    ['object.constructor.name', 'x'],
    ['object.constructor.constructor', 'no such key: constructor'],
    ['object.a[4].b[0]', true],
    ['object.?valueOf.hasValue()', false],
    ["{'__proto__': 1}.__proto__ == 1", true],
    ["{'a': 1}.constructor", 'no such key: constructor'],
    ['object.s.size() == 3', true],
  ])('%s', (source, wanted) => {
    const program = compileCel(source, strict);
    const run = (): JsonValue => toJson(program.evaluate(() => fromJson(OBJECT), new CostBudget(1000)));
    if (typeof wanted === 'string' && wanted.startsWith('no such')) expect(run).toThrow(wanted);
    else expect(run()).toBe(wanted);
  });

  it('is left as it was, and not copied', () => {
    const before = JSON.stringify(OBJECT);
    outcome('object.a.map(x, [x]) + object.a', lenient);
    expect(JSON.stringify(OBJECT)).toBe(before);
    const value = compileCel('object.a', lenient).evaluate(() => fromJson(OBJECT), new CostBudget(100));
    expect(toJson(value)).toBe((OBJECT as { readonly a: JsonValue }).a);
  });
});
