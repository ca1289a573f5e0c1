import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { isDigit, isLetter } from '../../src/manifests/go-unicode.ts';
import { tool } from '../support/tools/resolve.ts';

it('letters and digits are those of Go, of every code point that there is', async () => {
  const { stdout } = await promisify(execFile)(await tool('go-unicode'), { maxBuffer: 64 * 1024 * 1024 });
  const theirs = stdout.trimEnd().split('\n');
  const ours: string[] = [];
  for (let code = 0; code <= 0x10ffff; code++) {
    // A surrogate is no character, and no text holds one by itself.
    if (code >= 0xd800 && code <= 0xdfff) continue;
    const character = String.fromCodePoint(code);
    if (isLetter(character)) ours.push(`L ${code}`);
    if (isDigit(character)) ours.push(`D ${code}`);
  }
  expect(theirs.length).toBeGreaterThan(100_000);
  const [fromGo, fromHere] = [new Set(theirs), new Set(ours)];
  expect(ours.filter((each) => !fromGo.has(each))).toEqual([]);
  expect(theirs.filter((each) => !fromHere.has(each))).toEqual([]);
});
