import { expect, it } from 'vitest';
import { oneLine } from '../../../src/checks/policy/message.ts';

it.each([
  ['plain text stays', 'no pods', 'no pods'],
  ['a full stop goes', 'no pods.', 'no pods'],
  ['lines are joined', 'a\r\n  b\u2028c\u0085d', 'a b c d'],
  ['escape sequences lose their teeth', '\u001b]0;title\u0007red', ']0;title red'],
  ['text that turns around does not', 'user\u202Etxt.exe\u2066', 'user txt.exe'],
  ['a lone surrogate is replaced', 'a\uD800b', 'a\uFFFDb'],
  ['NUL is gone', 'a\0b', 'a b'],
])('%s', (_, text, expected) => expect(oneLine(text)).toBe(expected));

it('is cut where it helps nobody', () => {
  expect(oneLine('x'.repeat(5000))).toHaveLength(1000);
  expect(oneLine('x'.repeat(999) + '😀'.repeat(9))).toMatch(/x…$/);
});
