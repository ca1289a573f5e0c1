import { describe, expect, it } from 'vitest';
import { compileSelector, SelectorError } from '../../../../src/checks/policy/values/label-selector.ts';
import type { JsonObject } from '../../../../src/core/json.ts';

const labels = { app: 'web', tier: 'front', 'example.com/team': 'shop', empty: '' };

function expression(key: string, operator: string, values?: string[]): JsonObject {
  return { matchExpressions: [values === undefined ? { key, operator } : { key, operator, values }] };
}

describe('label selectors', () => {
  it.each<[JsonObject, boolean]>([
    [{}, true],
    [{ matchLabels: {} }, true],
    [{ matchLabels: null, matchExpressions: null }, true],
    [{ matchLabels: { app: 'web' } }, true],
    [{ matchLabels: { app: 'web', tier: 'back' } }, false],
    [{ matchLabels: { empty: '' } }, true],
    [{ matchLabels: { missing: '' } }, false],
    [{ matchLabels: { toString: 'web' } }, false],
    [expression('app', 'In', ['api', 'web']), true],
    [expression('app', 'In', ['api']), false],
    [expression('missing', 'In', ['api']), false],
    [expression('app', 'NotIn', ['web']), false],
    [expression('app', 'NotIn', ['api']), true],
    [expression('missing', 'NotIn', ['api']), true],
    [expression('example.com/team', 'Exists'), true],
    [expression('missing', 'Exists'), false],
    [expression('constructor', 'Exists'), false],
    [expression('missing', 'DoesNotExist', []), true],
    [expression('app', 'DoesNotExist'), false],
    [{ matchLabels: { app: 'web' }, ...expression('tier', 'In', ['back']) }, false],
  ])('%j: %s', (selector, matches) => {
    expect(compileSelector(selector)(labels)).toBe(matches);
  });

  it.each<[JsonObject, boolean]>([
    [{ matchLabels: { app: 'w*' } }, true],
    [{ matchLabels: { 'example.com/*': 'sh?p' } }, true],
    [{ matchLabels: { '*': 'front' } }, true],
    [{ matchLabels: { 'a*': 'front' } }, false],
    [{ matchLabels: { app: 'web', tier: '?' } }, false],
    [{ matchLabels: { 'missing*': '*' } }, false],
  ])('with wildcards, %j: %s', (selector, matches) => {
    expect(compileSelector(selector, { wildcards: true })(labels)).toBe(matches);
  });

  it.each<[string, JsonObject]>([
    ['an unknown field', { matchLabel: {} }],
    ['labels that are no object', { matchLabels: ['a'] }],
    ['a value that is no string', { matchLabels: { app: true } }],
    ['a key that is none', { matchLabels: { 'a b': 'c' } }],
    ['an empty key', { matchLabels: { '': 'c' } }],
    ['two slashes', { matchLabels: { 'a/b/c': 'd' } }],
    ['a prefix with capitals', { matchLabels: { 'Example.com/a': 'd' } }],
    ['a value that is none', { matchLabels: { app: '-a' } }],
    ['a value that is too long', { matchLabels: { app: 'a'.repeat(64) } }],
    ['a wildcard where none is read', { matchLabels: { app: 'w*' } }],
    ['expressions that are no list', { matchExpressions: {} }],
    ['an unknown operator', expression('app', 'in', ['a'])],
    ['an unknown field of a requirement', { matchExpressions: [{ key: 'a', operator: 'Exists', value: 'b' }] }],
    ['In without values', expression('app', 'In', [])],
    ['NotIn without values', expression('app', 'NotIn')],
    ['Exists with values', expression('app', 'Exists', ['a'])],
    ['values that are no strings', { matchExpressions: [{ key: 'a', operator: 'In', values: [1] }] }],
    ['no key', { matchExpressions: [{ operator: 'Exists' }] }],
    ['a requirement that is no object', { matchExpressions: ['a'] }],
  ])('refuses %s', (_, selector) => {
    expect(() => compileSelector(selector)).toThrow(SelectorError);
  });
});
