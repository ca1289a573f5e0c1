import { describe, expect, it } from 'vitest';
import { nameGlob, pathGlob } from '../../src/render/glob.ts';

describe('globs over paths', () => {
  it.each([
    ['*.yaml', 'a.yaml', true],
    ['*.yaml', 'deep/a.yaml', true],
    ['deep/*', 'deep/er/a.yaml', true],
    ['**/a.yaml', 'x/a.yaml', true],
    ['**/a.yaml', 'a.yaml', false],
    ['?.yaml', 'a.yaml', true],
    ['?.yaml', 'ab.yaml', false],
    ['[ab].yaml', 'b.yaml', true],
    ['[!ab].yaml', 'b.yaml', false],
    ['[a-c].yaml', 'b.yaml', true],
    ['{a,b}.yaml', 'b.yaml', true],
    ['{a,b*}.yaml', 'bcd.yaml', true],
    ['{a,b}.yaml', 'c.yaml', false],
    ['a.yaml', 'a-yaml', false],
    ['a+(b)|c$^', 'a+(b)|c$^', true],
    ['\\*.yaml', '*.yaml', true],
    ['\\*.yaml', 'a.yaml', false],
    ['a,b', 'a,b', true],
    ['*', 'line\nbreak', true],
  ])('%j over %j: %s', (pattern, text, expected) => expect(pathGlob(pattern)(text)).toBe(expected));

  it('take no longer for a hostile pattern', () => {
    expect(pathGlob(`${'*a'.repeat(50)}b`)('a'.repeat(5000))).toBe(false);
  });

  it.each(['[a', '{a', '[', '[!'])('refuse %j', (pattern) => {
    expect(() => pathGlob(pattern)).toThrow(expect.objectContaining({ code: 'PARAMETER_INVALID' }));
  });
});

describe('globs over names', () => {
  it.each([
    ['*.yaml', 'a.yaml', true],
    ['*', 'a/b', false],
    ['?', '/', false],
    ['[^a].yaml', 'b.yaml', true],
  ])('%j over %j: %s', (pattern, text, expected) => expect(nameGlob(pattern)(text)).toBe(expected));
});
