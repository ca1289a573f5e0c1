import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import type * as z from 'zod/mini';
import { ClusterImagePolicySchema } from '../../../../src/checks/images/policy/schema.ts';
import { TrustRootSchema } from '../../../../src/checks/images/policy/trust-root.ts';

const root = resolve(import.meta.dirname, '../../../..');
const page = readFileSync(join(root, 'docs/images.md'), 'utf8');
const decision = readFileSync(
  join(root, 'docs/decisions/0115-where-syncgate-is-stricter-than-policy-controller.md'),
  'utf8',
);

/** The fields that a schema has, as the page writes them; `metadata` is Kubernetes' own. */
function fieldsOf(schema: z.core.$ZodType, path = ''): string[] {
  const def = schema._zod.def as {
    readonly type: string;
    readonly innerType?: z.core.$ZodType;
    readonly element?: z.core.$ZodType;
    readonly shape?: Readonly<Record<string, z.core.$ZodType>>;
  };
  if (def.innerType !== undefined) return fieldsOf(def.innerType, path);
  if (def.element !== undefined) return fieldsOf(def.element, `${path}[]`);
  if (def.shape === undefined) return [path];
  return Object.entries(def.shape).flatMap(([key, field]) => {
    if (path === '' && key === 'metadata') return [];
    return fieldsOf(field, path === '' ? key : `${path}.${key}`);
  });
}

function rowsOf(title: string): string[][] {
  const from = page.indexOf(`### ${title}\n`);
  const until = page.indexOf('\n#', from + 4);
  const section = page.slice(from, until < 0 ? undefined : until);
  return [...section.matchAll(/^\| `([^`]+)` \| ([^|]+) \| ?([^|]*)\|$/gm)].map(
    ([, field = '', here = '', why = '']) => [field, here.trim(), why.trim()],
  );
}

describe.each([
  ['ClusterImagePolicy', ClusterImagePolicySchema],
  ['TrustRoot', TrustRootSchema],
])('the table of %s', (title, schema) => {
  const rows = rowsOf(title);

  it('has every field that is read, once, and no other', () => {
    expect(rows.map(([field]) => field).sort()).toEqual(fieldsOf(schema).sort());
  });

  it('says of each what it is here, and why where that is not the same', () => {
    for (const [field, here = '', why] of rows) {
      expect(['same', 'stricter', 'more', 'refused'], field).toContain(here);
      if (here === 'stricter' || here === 'more') expect(why, field).not.toBe('');
    }
  });
});

describe('the decision', () => {
  const named = [...decision.matchAll(/`([a-zA-Z0-9.[\]-]+)`/g)].map(([, field = '']) => field);
  it.each(
    [...rowsOf('ClusterImagePolicy'), ...rowsOf('TrustRoot')]
      .filter(([, here]) => here === 'stricter')
      .map(([f]) => [f]),
  )('says why %s is stricter', (field = '') => {
    // By its name from any level on: `ctlog.url` stands for every `….ctlog.url`.
    expect(named.some((name) => field === name || field.endsWith(`.${name}`))).toBe(true);
  });
});
