import { describe, expect, it } from 'vitest';
import { compilePattern } from '../../../../../src/checks/policy/kyverno/pattern/pattern.ts';
import { isRange } from '../../../../../src/checks/policy/kyverno/pattern/string-pattern.ts';
import type { JsonValue } from '../../../../../src/core/json.ts';

/** Whether a field with the value satisfies the pattern. */
function satisfies(pattern: JsonValue, value: JsonValue, numbers?: 'float64'): boolean {
  return compilePattern({ field: pattern }, numbers).match({ field: value }).kind === 'pass';
}

describe('texts', () => {
  it.each<[string, JsonValue, boolean]>([
    ['', '', true],
    ['', 'a', false],
    ['prod', 'prod', true],
    ['prod', 'production', false],
    ['prod*', 'production', true],
    ['?*', '', false],
    ['?*', 'x', true],
    ['*', '', true],
    ['*', null, false],
    ['*', {}, true],
    ['*/*', 'a/b/c', true],
    ['????', 'prod', true],
    ['true', true, true],
    ['false', true, false],
    ['t*', true, true],
    ['8*', 80, true],
    ['80', 80, true],
    ['1.5', 1.5, true],
    ['1.5E+00', 1.5, true],
    ['1234567.5', 1234567.5, true],
    ['?234567.5', 1234567.5, false],
    ['1.2345675E+*', 1234567.5, true],
    ['a', null, false],
    ['a', {}, false],
  ])('%j and %j: %s', (pattern, value, expected) => expect(satisfies(pattern, value)).toBe(expected));
});

describe('not', () => {
  it.each<[string, JsonValue, boolean]>([
    ['!latest', 'v1', true],
    ['!latest', 'latest', false],
    ['! latest', 'latest', false],
    ['!*:latest', 'nginx:latest', false],
    ['!*:latest', 'nginx:latest@sha256:0', true],
    ['!5', 5, false],
    ['!5', 6, true],
    ['!1Gi', '1024Mi', false],
    ['!60s', '1m', false],
    ['!0', null, false],
    ['!a', null, false],
    ['!a', {}, false],
    ['!', '!', true],
    ['!', 'a', false],
    ['!!a', '!a', false],
    ['!!a', 'a', true],
    ['!?*', '', true],
  ])('%j and %j: %s', (pattern, value, expected) => expect(satisfies(pattern, value)).toBe(expected));
});

describe('orders', () => {
  it.each<[string, JsonValue, boolean]>([
    ['>5', 6, true],
    ['>5', 5, false],
    ['>=5', 5, true],
    ['>= 5', '5', true],
    ['<5', 4.999, true],
    ['<=5', 5.001, false],
    ['>0', null, false],
    ['>=0', null, true],
    ['<1', null, true],
    ['<1', {}, false],
    ['<1', true, false],
    ['>10Mi', '11Mi', true],
    ['>10Mi', 11, false],
    ['<100m', '0.09', true],
    ['<=1Gi', '1073741824', true],
    ['>=1h', '3600s', true],
    ['>1h', '59m', false],
    ['>1h', '90', false],
    ['<10', 'many', false],
    ['>a', 'b', false],
    ['>', '>', true],
  ])('%j and %j: %s', (pattern, value, expected) => expect(satisfies(pattern, value)).toBe(expected));
});

describe('ranges', () => {
  it.each<[string, JsonValue, boolean]>([
    ['1-3', 0, false],
    ['1-3', 1, true],
    ['1-3', 3, true],
    ['1-3', 3.5, false],
    ['1!-3', 2, false],
    ['1!-3', 4, true],
    ['3-3', 3, true],
    ['3!-3', 3, false],
    ['-5-5', -5, true],
    ['-5--3', -4, true],
    ['-5--3', 4, false],
    ['-5!--3', -4, false],
    ['-5!--3', 4, true],
    ['+0-+2', 1, true],
    ['0.5-1.5', 1, true],
    ['0.5-1.5', 1.6, false],
    ['128Mi-1Gi', '512Mi', true],
    ['128Mi-1Gi', '2Gi', false],
    ['128Mi!-1Gi', '2Gi', true],
    ['1m-1h', '1800s', true],
    ['1m-1h', '2h', false],
    ['1-3', 'a', false],
    ['a-b', 'a-b', true],
    ['1-', '1-', true],
    ['10-a', '10-a', true],
  ])('%j and %j: %s', (pattern, value, expected) => expect(satisfies(pattern, value)).toBe(expected));

  it.each([
    ['1-10', true],
    ['1Mi-1Gi', true],
    ['-1--1', true],
    ['1!-10', false],
    ['>1-10', false],
    ['a-b', false],
    ['1-10 ', false],
    ['5', false],
  ])('%j is a range: %s', (text, expected) => expect(isRange(text)).toBe(expected));
});

describe('several conditions', () => {
  it.each<[string, JsonValue, boolean]>([
    ['a|b', 'b', true],
    ['a | b', 'b', true],
    ['a|b', 'c', false],
    ['a|b', 'a|b', true],
    ['>5 & <10', 7, true],
    ['>5 & <10', 10, false],
    ['<5 | >10', 7, false],
    ['<5 | >10 & <20', 15, true],
    ['a* & *z & !abz', 'az', true],
    ['a* & *z & !abz', 'abz', false],
    ['|', '', true],
    ['a|', '', true],
    ['&', '', true],
    ['1-3|7-9', 8, true],
    ['1h|64Mi', '65536Ki', true],
  ])('%j and %j: %s', (pattern, value, expected) => expect(satisfies(pattern, value)).toBe(expected));
});

describe('patterns that are no texts', () => {
  it.each<[JsonValue, JsonValue, boolean]>([
    [true, true, true],
    [true, 'true', false],
    [false, null, false],
    [7, 7, true],
    [7, 7.5, false],
    [7, '7', true],
    [7, '+7', true],
    [7, '7.0', false],
    [7, ' 7', false],
    [7, true, false],
    [7.5, 7.5, true],
    [7.5, '7.5', true],
    [7.5, '75e-1', true],
    [7.5, '0x1.ep2', true],
    [7.5, 7, false],
    [7.5, 'inf', false],
    [9007199254740993n, 9007199254740993n, true],
    [9007199254740993n, 9007199254740992, false],
    [9007199254740993n, '9007199254740993', true],
    [null, null, true],
    [null, '', true],
    [null, 0, true],
    [null, 0n, true],
    [null, false, true],
    [null, 'a', false],
    [null, {}, false],
  ])('%s and %s: %s', (pattern, value, expected) => expect(satisfies(pattern, value)).toBe(expected));

  it('takes numbers of anyPattern for floats', () => {
    expect(satisfies(7, '7.0', 'float64')).toBe(true);
    expect(satisfies(7, '7e0', 'float64')).toBe(true);
    expect(satisfies(7, 'seven', 'float64')).toBe(false);
  });
});

describe('lists of texts', () => {
  it.each<[JsonValue, JsonValue, boolean]>([
    ['a*', ['a1', 'a2'], true],
    ['a*', ['a1', 'b2'], false],
    ['a*', [], true],
    [['a*'], ['a1', 'a2'], true],
    [['a*'], ['a1', 'b2'], false],
    [['a*', 'b*'], ['a1', 'a2'], true],
    [['a*', 'b*'], ['a1', 'b2'], false],
    [['a*'], 'a1', false],
    [[5], [5, 5], true],
  ])('%j and %j: %s', (pattern, value, expected) => expect(satisfies(pattern, value)).toBe(expected));
});

it('makes an error of a wildcard that takes too long', () => {
  const result = compilePattern({ a: `*${'a'.repeat(10_000)}b` }).match({ a: 'a'.repeat(100_000) });
  expect(result.kind).toBe('error');
});
