import { expect, it } from 'vitest';
import { trimSpace } from '../../../../src/checks/policy/values/go-space.ts';

it.each([
  ['', ''],
  ['  ', ''],
  [' a b ', 'a b'],
  ['\u0085a\u00a0', 'a'],
  ['\ufeffa\ufeff', '\ufeffa\ufeff'],
  ['\u2028a\u3000\u1680', 'a'],
  ['\u200ba\u200b', '\u200ba\u200b'],
])('trims %j as Go does', (text, trimmed) => {
  expect(trimSpace(text)).toBe(trimmed);
});

it('takes linear time over a text of blanks', () => {
  expect(trimSpace(`a${' '.repeat(1_000_000)}b`)).toHaveLength(1_000_002);
});
