import { describe, expect, it } from 'vitest';
import { cutBytes, findingLines, inOneLine } from '../../../src/surfaces/flux/messages.ts';
import { finding, judged } from '../../support/gated/scene.ts';

describe('a text of so many bytes', () => {
  it.each([
    ['what fits stays', 'short', 10, 'short'],
    ['what just fits stays', 'ä'.repeat(5), 10, 'ä'.repeat(5)],
    ['what is too long ends with an ellipsis', 'a'.repeat(20), 10, `${'a'.repeat(7)}…`],
    ['no character is cut in two', `${'a'.repeat(6)}ää`, 9, `${'a'.repeat(6)}…`],
    ['nor one of three bytes', `${'a'.repeat(5)}€€€`, 10, `${'a'.repeat(5)}…`],
    ['nor one of four bytes', '😀'.repeat(5), 10, '😀…'],
  ])('%s', (_, text, most, cut) => {
    expect(cutBytes(text, most)).toBe(cut);
    expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(most);
  });
});

it('findings are lines without control characters', () => {
  const { decision } = judged({ denied: ['one\nline\u001b[31m', 'two'] });
  const lines = findingLines(decision);
  expect(lines).toHaveLength(2);
  for (const line of lines) expect(line).not.toMatch(/[\n\u001b]/);
  expect(findingLines({ ...decision, reasons: Array.from({ length: 50 }, () => finding('x')) })).toHaveLength(20);
});

it.each([
  [['a'], 1, 'a'],
  [['a', 'b', 'c', 'd'], 4, 'a | b | c | and 1 more'],
  [['a', 'b'], 50, 'a | b | and 48 more'],
])('%j of %i in one line', (lines, all, text) => expect(inOneLine(lines, all)).toBe(text));
