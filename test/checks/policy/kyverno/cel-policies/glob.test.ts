import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileGlob } from '../../../../../src/checks/policy/kyverno/cel-policies/glob.ts';

function matches(pattern: string, text: string): boolean {
  const glob = compileGlob(pattern);
  if (typeof glob !== 'function') throw new Error(glob.fault);
  return glob(text);
}

describe('a glob', () => {
  it.each([
    ['ghcr.io/*', 'ghcr.io/acme/shop:1', true],
    ['ghcr.io/*', 'docker.io/acme/shop:1', false],
    ['*', '', true],
    ['**', 'a/b', true],
    ['?at', 'cat', true],
    ['?at', 'at', false],
    ['?', '😀', true],
    ['[ab]c', 'bc', true],
    ['[!ab]c', 'bc', false],
    ['[!ab]c', 'cc', true],
    ['[a-c]', 'b', true],
    ['[a-c]', 'd', false],
    ['[!a-c]', 'd', true],
    ['{docker.io,ghcr.io}/acme/*', 'ghcr.io/acme/x', true],
    ['{docker.io,ghcr.io}/acme/*', 'quay.io/acme/x', false],
    ['{a,b{c,d}}e', 'bde', true],
    ['{a,}b', 'b', true],
    ['a,b}', 'a,b}', true],
    ['a\\*b', 'a*b', true],
    ['a\\*b', 'axb', false],
    ['', '', true],
    ['', 'a', false],
    ['A', 'a', false],
  ])('%s over %s: %s', (pattern, text, expected) => expect(matches(pattern, text)).toBe(expected));

  it.each([
    ['[', 'set'],
    ['[]', 'empty'],
    ['[a', 'set'],
    ['[c-a]', 'backwards'],
    ['[a-', 'range'],
    ['{a,b', 'alternatives'],
    ['{'.repeat(40), 'nests'],
    ['a'.repeat(5000), 'longer'],
  ])('%s is refused', (pattern, fault) => {
    expect(compileGlob(pattern)).toEqual({ fault: expect.stringContaining(fault) });
  });

  it('takes no time from stars without end', () => {
    expect(matches(`${'*a'.repeat(1000)}`, 'a'.repeat(999))).toBe(false);
  });

  it('is equal to a text that is quoted whole', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), (text) => {
        const quoted = text.replaceAll(/[\\*?[\]{},!-]/g, '\\$&');
        expect(matches(quoted, text)).toBe(true);
      }),
    );
  });
});
