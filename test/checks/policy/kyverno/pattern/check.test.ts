import { expect, it } from 'vitest';
import { checkPattern } from '../../../../../src/checks/policy/kyverno/pattern/check.ts';
import type { JsonValue } from '../../../../../src/core/json.ts';

it.each<[string, JsonValue]>([
  ['plain keys', { a: { b: ['x', 1, null] } }],
  ['every anchor that checks', { '(a)': 1, '<(b)': 1, '=(c)': 1, 'X(d)': 'null', '^(e)': [{ f: 1 }] }],
  ['what only looks like an anchor', { '()': 1, '-(a)': 1, '(a': 1, 'a)': 1 }],
])('takes %s', (_, pattern) => expect(checkPattern(pattern)).toEqual([]));

it.each<[string, JsonValue, readonly (string | number)[]]>([
  ['an anchor that adds', { a: [{ '+(b)': 1 }] }, ['a', 0, '+(b)']],
  ['an existence without a list', { '^(a)': { b: 1 } }, ['^(a)']],
  ['an existence over an empty list', { '^(a)': [] }, ['^(a)']],
  ['an existence over a list of texts', { '^(a)': ['x'] }, ['^(a)']],
  ['an empty list', { a: { b: [] } }, ['a', 'b']],
])('refuses %s', (_, pattern, path) => {
  expect(checkPattern(pattern).map((fault) => fault.path)).toEqual([path]);
});
