import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { generatedFiles } from '../scripts/docs.ts';

const root = resolve(import.meta.dirname, '..');

it.each(Object.entries(generatedFiles()))('%s says what the code says (npm run docs)', (path, text) => {
  expect(readFileSync(join(root, path), 'utf8')).toBe(text);
});
