import { describe, expect, it } from 'vitest';
import { substitute } from '../../src/render/substitute.ts';

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: they are what is replaced
describe('variables', () => {
  it.each([
    ['$A', 'one'],
    ['${A}', 'one'],
    ['x${A}y$B-z', 'xoney' + 'two-z'],
    ['$AB', ''],
    ['$NOT', ''],
    ['$$A', '$A'],
    ['$$', '$'],
    ['$', '$'],
    ['a$', 'a$'],
    ['$ x', '$ x'],
    ['${}', ''],
    ['${A', 'A'],
    ['$-x', 'x'],
    ['$1x', 'x'],
    ['${*}', ''],
    ['$toString', ''],
    ['$__proto__', ''],
    ['ü$A', 'üone'],
  ])('%j becomes %j', (text, expected) => expect(substitute(text, { A: 'one', B: 'two' })).toBe(expected));
});
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: they are what is replaced
