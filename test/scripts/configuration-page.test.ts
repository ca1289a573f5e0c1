import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configurationPage, keysBelow, type Schema } from '../../scripts/configuration-page.ts';

const root = resolve(import.meta.dirname, '../..');
const gate = JSON.parse(readFileSync(join(root, 'schema/gate.schema.json'), 'utf8')) as Schema;
const spec = gate.properties?.['spec'] as Schema;
const page = readFileSync(join(root, 'docs/configuration.md'), 'utf8');

describe('every key of the Gate', () => {
  const keys = keysBelow(spec);
  it('is found', () => expect(keys.length).toBeGreaterThan(50));

  it.each(keys.map((key) => [key.path, key] as const))('%s has a meaning, and is on the page', (path, { schema }) => {
    expect(schema.description ?? '', 'a description in its settings.ts').toMatch(/\S/);
    expect(page).toContain(path.includes('.') || path.includes('[]') ? `\`${path}\`` : `## spec.${path}`);
  });
});

describe('the page', () => {
  const pageOf = (properties: Record<string, Schema>, required: string[] = []) =>
    configurationPage({ properties: { spec: { properties, required } } });

  it.each<[string, Schema, string]>([
    ['a choice', { enum: ['deny', 'warn'], description: 'D' }, '*Type:* `deny`, `warn`. *Default:* unset.'],
    ['a bound number', { type: 'integer', minimum: 1, maximum: 9, default: 4 }, '*Type:* 1 to 9. *Default:* `4`.'],
    [
      'a list with a default',
      { type: 'array', items: { type: 'string' }, default: ['a'] },
      'list of strings. *Default:* `["a"]`',
    ],
    ['a union', { anyOf: [{ const: 'all' }, { type: 'object' }] }, '*Type:* `all` or object.'],
    ['text that Markdown would eat', { type: 'string', description: 'a|b <c>' }, 'a\\|b &lt;c>'],
  ])('tells of %s', (_, schema, told) => expect(pageOf({ key: schema })).toContain(told));

  it('says what is required', () => {
    expect(pageOf({ key: { type: 'string' } }, ['key'])).toContain('*Default:* required.');
  });

  it('writes the keys of a list’s entries, of all members of a union, once', () => {
    const entry = (name: string): Schema => ({ type: 'object', properties: { shared: {}, [name]: {} } });
    const schema: Schema = { type: 'array', items: { anyOf: [entry('one'), entry('two')] } };
    expect(keysBelow(schema, 'list').map(({ path }) => path)).toEqual(['list[].shared', 'list[].one', 'list[].two']);
  });
});
