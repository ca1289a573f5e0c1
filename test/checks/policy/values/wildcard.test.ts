import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasWildcard, matchesWildcard } from '../../../../src/checks/policy/values/wildcard.ts';

describe('wildcards', () => {
  it.each([
    ['', '', true],
    ['', 'a', false],
    ['*', '', true],
    ['*', 'a/b\nc', true],
    ['?', '', false],
    ['?', 'a', true],
    ['?', '\u{1f600}', true],
    ['??', '\u{1f600}', false],
    ['*??', '\u{1f600}', false],
    ['*?', '\u{1f600}', true],
    ['?*?', '\u{1f600}x', true],
    ['a*', 'a', true],
    ['a*b', 'ab', true],
    ['a*b', 'axxb', true],
    ['a*b', 'axxbx', false],
    ['a**b', 'ab', true],
    ['*a*b*', 'xxaxxbxx', true],
    ['*a*b', 'bab', true],
    ['*ab', 'aab', true],
    ['a?c*', 'abcd', true],
    ['a?c*', 'acd', false],
    ['kube-*', 'kube-system', true],
    ['kube-*', 'Kube-system', false],
    ['*/*:latest', 'docker.io/library/nginx:latest', true],
    ['nginx:?.?', 'nginx:1.2', true],
    ['a.c', 'abc', false],
    ['[ab]', 'a', false],
    ['a\\*', 'a\\bc', true],
    ['a\\*', 'a*', false],
    ['abc', 'abc', true],
    ['abc', 'abcd', false],
  ])('%j fits %j: %s', (pattern, text, fits) => {
    expect(matchesWildcard(pattern, text)).toBe(fits);
  });

  it('knows its two characters', () => {
    expect(['a', 'a*', 'a?', '', '[a]'].map(hasWildcard)).toEqual([false, true, true, false, false]);
  });

  /** The meaning, written as plainly as can be. */
  function plainly(pattern: readonly string[], text: readonly string[]): boolean {
    const [first, ...rest] = pattern;
    if (first === undefined) return text.length === 0;
    if (first === '*') return plainly(rest, text) || (text.length > 0 && plainly(pattern, text.slice(1)));
    return text.length > 0 && (first === '?' || first === text[0]) && plainly(rest, text.slice(1));
  }

  it('means the same as the plain definition', () => {
    const letters = fc.array(fc.constantFrom('a', 'b', '*', '?', '\u{1f600}'), { maxLength: 8 });
    fc.assert(
      fc.property(letters, letters, (pattern, text) => {
        expect(matchesWildcard(pattern.join(''), text.join(''))).toBe(plainly(pattern, text));
      }),
      { numRuns: 5_000 },
    );
  });

  it('ends on texts made to take forever', () => {
    expect(matchesWildcard(`${'a*'.repeat(20)}b`, 'a'.repeat(10_000))).toBe(false);
    const long = 'a'.repeat(500_000);
    expect(() => matchesWildcard(`*${long.slice(1)}b*`, `${long}${long}`)).toThrow(/too long/);
  });
});
