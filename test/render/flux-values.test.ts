import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bindDeadline } from '../../src/core/deadline.ts';
import { GateError } from '../../src/core/errors.ts';
import { canonicalJson, type JsonObject } from '../../src/core/json.ts';
import { readJson } from '../../src/manifests/json-reader.ts';
import { mergeValues, type ValuesText } from '../../src/render/flux-values.ts';
import { json } from '../support/flux-gate.ts';
import { type FluxAnswer, Fluxbuild } from '../support/fluxbuild.ts';
import { fuzzRuns } from '../support/fuzz-runs.ts';

let flux: Fluxbuild;
beforeAll(async () => {
  flux = await Fluxbuild.start();
});
afterAll(() => flux[Symbol.asyncDispose]());

async function ours(references: readonly ValuesText[], inline?: object): Promise<FluxAnswer<string>> {
  try {
    const text = await mergeValues(references, inline, new AbortController().signal);
    return { value: text === '' ? '{}' : canonicalJson(readJson(text, 0, { maxDepth: 1000 }).value) };
  } catch (thrown) {
    if (thrown instanceof GateError && thrown.code === 'FLUX_VALUES') return { error: thrown.message };
    throw thrown;
  }
}

async function theirs(references: readonly ValuesText[], inline?: object): Promise<FluxAnswer<string>> {
  const named = references.map(({ targetPath, literal }, i) => ({
    kind: i % 2 === 0 ? ('ConfigMap' as const) : ('Secret' as const),
    name: `values-${i}`,
    ...(targetPath !== undefined && { targetPath }),
    ...(literal !== undefined && { literal }),
  }));
  const objects = Object.fromEntries(
    references.map(({ text }, i) => [`${i % 2 === 0 ? 'ConfigMap' : 'Secret'}/values-${i}`, { 'values.yaml': text }]),
  );
  const answer = await flux.values(inline === undefined ? undefined : (json(inline) as JsonObject), named, objects);
  return 'error' in answer ? answer : { value: canonicalJson(answer.value) };
}

const file = (text: string): ValuesText => ({ text, targetPath: undefined });
const at = (targetPath: string, text: string): ValuesText => ({ text, targetPath });

describe('values are put together as helm-controller does', () => {
  it.each<[string, ValuesText[], object | undefined, unknown]>([
    ['nothing', [], undefined, {}],
    ['inline values alone', [], { a: { b: 1 }, c: [1, null, 'x'] }, { a: { b: 1 }, c: [1, null, 'x'] }],
    [
      'later references over earlier ones',
      [file('a: {b: 1, c: 2}\nl: [1, 2]'), file('a: {b: 3}\nl: [3]')],
      undefined,
      { a: { b: 3, c: 2 }, l: [3] },
    ],
    ['inline values over all', [file('a: {b: 1, c: 2}')], { a: { b: 9 } }, { a: { b: 9, c: 2 } }],
    [
      'a mapping by a text, and back',
      [file('a: {b: 1}\nc: x'), file('a: text\nc: {d: 1}')],
      undefined,
      { a: 'text', c: { d: 1 } },
    ],
    ['null, which is a value', [file('a: {b: 1}'), file('a: null')], undefined, { a: null }],
    ['an empty file', [file(''), file('# nothing')], { a: 1 }, { a: 1 }],
    ['a path', [at('a.b', '5')], undefined, { a: { b: 5 } }],
    ['a path over inline values that no reference has', [at('a.b', '5')], { a: { b: 1, c: 2 } }, { a: { b: 5, c: 2 } }],
    [
      'inline values over a path below what a reference has',
      [file('a: {x: 1}'), at('a.b', '5')],
      { a: { b: 1 } },
      { a: { b: 1, x: 1 } },
    ],
    ['inline values over a path of one name', [at('a', '5')], { a: 1 }, { a: 1 }],
    [
      'types',
      [at('a', 'true'), at('b', 'NULL'), at('c', '007'), at('d', '-3'), at('e', '1.5'), at('f', '9223372036854775807')],
      undefined,
      { a: true, b: null, c: '007', d: -3, e: '1.5', f: 9223372036854775807n },
    ],
    [
      'texts between quotes',
      [at('a', '"true"'), at('b', "'5'"), at('c', '"x'), at('d', "'")],
      undefined,
      { a: 'true', b: '5', c: '"x', d: '' },
    ],
    ['a list', [at('a', '{1,x, y}')], undefined, { a: [1, 'x', ' y'] }],
    [
      'an item of a list',
      [file('l: [{p: 1}, {p: 2}]'), at('l[1].p', '5'), at('l[3]', 'z'), at('m[0][1]', 'y')],
      undefined,
      { l: [{ p: 1 }, { p: 5 }, null, 'z'], m: [[null, 'y']] },
    ],
    ['a comma, which begins another', [at('a', 'x,b=2')], undefined, { a: 'x', b: 2 }],
    ['escapes', [at('a\\.b', 'x\\,y\\\\z')], undefined, { 'a.b': 'x,y\\z' }],
    [
      'a literal',
      [{ ...at('a\\.b.c', '{x},[1]=\\y,true'), literal: true }],
      undefined,
      { 'a.b': { c: '{x},[1]=\\y,true' } },
    ],
    ['an empty value', [at('a', ''), at('b[0].c', '')], undefined, { a: '', b: [] }],
    ['a key like any other', [at('__proto__.x', '1')], undefined, { ['__proto__']: { x: 1 } }],
  ])('%s', async (_, references, inline, expected) => {
    const wanted = { value: canonicalJson(json(Object.assign(Object.create(null), expected))) };
    if (_ !== 'a key like any other') expect(await ours(references, inline)).toEqual(wanted);
    expect(await ours(references, inline)).toEqual(await theirs(references, inline));
  });

  it.each<[string, ValuesText[], RegExp]>([
    ['no mapping', [file('- a')], /it is no mapping of values/],
    ['no YAML', [file('a: [')], /entry 1 of the references to values:1/],
    [
      'a path into a text',
      [file('a: x'), at('a.b', '1')],
      /entry 2.*"a\.b": on the way there is a value already, which is no mapping/,
    ],
    ['an index into a mapping', [file('a: {}'), at('a[0]', '1')], /no list/],
    ['an index that is none', [at('a[x]', '1')], /an index is no number/],
    ['an index below nothing', [at('a[-1]', '1')], /an index is not between 0 and 65536/],
    ['an index too far away', [at('a[65537]', '1')], /an index is not between 0 and 65536/],
    ['a name too deep', [at('a.'.repeat(31), '1')], /nested more than 30/],
    ['an index too deep', [at(`a${'[0]'.repeat(5000)}`, '1')], /more than 100 indices/],
    ['an index too deep among names', [at(`a${'[0].b'.repeat(5000)}`, '1')], /more than 100 indices/],
    ['a list that does not end', [at('a', '{x')], /not closed/],
    ['a comma with nothing behind', [at('a', 'x,y')], /a key has no value/],
  ])('%s is refused', async (_, references, message) => {
    expect(await ours(references)).toEqual({ error: expect.stringMatching(message) });
    if (!_.startsWith('an index too deep')) expect(await theirs(references)).toHaveProperty('error');
  });

  it('refuses a text that asks for more than it could hold', async () => {
    const many = Array.from({ length: 1000 }, (_, i) => `k${i}[65536]=1`).join(',');
    expect(await ours([at('a', `x,${many}`)])).toEqual({ error: expect.stringContaining('lists grow too long') });
  });

  it('shows nothing of a value that it cannot read', async () => {
    expect(await ours([at('password', 'top,secret')])).toEqual({ error: expect.not.stringMatching(/top|secret/) });
  });

  it('refuses a second document, of which helm-controller would see nothing', async () => {
    expect(await ours([file('a: 1\n---\nb: 2\n')])).toEqual({
      error: expect.stringContaining('more than one document'),
    });
  });

  const count = 60_000;
  const assignments = (path: (index: number) => string) =>
    `1,${Array.from({ length: count }, (_, i) => `${path(i)}=1`).join(',')}`;
  // Copying, or asking for all that is there, once for each would take minutes.
  it.each<[string, string, (value: unknown) => number]>([
    ['items', assignments((i) => `q[${i}]`), (value) => (value as unknown[]).length],
    ['keys', assignments((i) => `q.k${i}`), (value) => Object.keys(value as object).length],
  ])('puts %s one by one where there are many', async (_, text, size) => {
    const merged = await mergeValues([at('a', text), at('b', text)], undefined, new AbortController().signal);
    expect(size(JSON.parse(merged).q)).toBe(count);
  });

  it('takes quotes from the ends of a text that holds many', async () => {
    const inside = `x${"'".repeat(900_000)}x`;
    expect(await ours([at('a', `''${inside}'`)])).toEqual({ value: canonicalJson({ a: inside }) });
  });

  it.each<[string, ValuesText[], object | undefined]>([
    ['files', Array.from({ length: 4 }, (_, i) => file(`a${i}: [${'1,'.repeat(80_000)}]`)), undefined],
    ['single values', Array.from({ length: 3 }, (_, i) => at(`a${i}`, `{${'1,'.repeat(90_000)}1}`)), undefined],
    ['items that are not given', Array.from({ length: 5 }, (_, i) => at(`a${i}[65535]`, '1')), undefined],
    ['inline values', [file(`a: [${'1,'.repeat(100_000)}]`)], { b: new Array(200_000).fill(1) }],
  ])('refuses %s that are too many together', async (_, references, inline) => {
    expect(await ours(references, inline)).toEqual({ error: expect.stringContaining('more than 250000 values') });
  });

  it('ends when the time is over, whoever looks at it', async () => {
    const { signal } = new AbortController();
    let looks = 0;
    bindDeadline(signal, () => ++looks > 5);
    const merging = mergeValues(
      Array.from({ length: 10 }, (_, i) => file(`a${i}: 1`)),
      undefined,
      signal,
    );
    await expect(merging).rejects.toMatchObject({ code: 'RENDER_TIMEOUT' });
  });

  it('lets others have a turn', async () => {
    let turned = false;
    setImmediate(() => {
      turned = true;
    });
    await ours(Array.from({ length: 4 }, (_, i) => file(`a${i}: ${'x'.repeat(100_000)}`)));
    expect(turned).toBe(true);
  });

  const key = fc.constantFrom('a', 'b', 'c');
  const tree = fc.letrec<{ node: unknown }>((tie) => ({
    node: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom<unknown>(1, 'x', null, true, '', 'y: z'),
      fc.array(tie('node'), { maxLength: 2 }),
      fc.dictionary(key, tie('node'), { maxKeys: 3 }),
    ),
  })).node;
  const mapping = fc.dictionary(key, tree, { maxKeys: 3 });
  const path = fc
    .array(fc.constantFrom('a', 'b', 'c', 'a[0]', 'b[1]', 'c[0][1]', 'd\\.e', ''), { minLength: 1, maxLength: 3 })
    .map((steps) => steps.join('.'));
  const scalar = fc.oneof(
    fc.constantFrom(
      '1',
      'x',
      'true',
      'null',
      '{a,b}',
      '"q"',
      "'s'",
      'x,a=1',
      'a\\,b',
      '',
      '{',
      '0',
      '007',
      'a=b',
      ',',
      'x,a.b=2',
      'x,a[1]=3',
    ),
    fc.string({
      unit: fc.constantFrom('a', ',', '{', '}', '[', ']', '=', '.', '\\', '"', "'", '0', '1', ' '),
      maxLength: 8,
    }),
  );
  const reference = fc.oneof(
    mapping.map((value): ValuesText => file(JSON.stringify(value))),
    fc.tuple(path, scalar).map(([where, text]): ValuesText => at(where, text)),
    fc.tuple(path, scalar).map(([where, text]): ValuesText => ({ ...at(where, text), literal: true })),
  );

  it('whatever is merged comes out as from their library', async () => {
    let merged = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(reference, { maxLength: 4 }),
        fc.option(mapping, { nil: undefined }),
        async (references, inline) => {
          const answer = await ours(references, inline);
          const other = await theirs(references, inline);
          if ('error' in answer) return;
          expect({ references, inline, answer }).toEqual({ references, inline, answer: other });
          merged++;
        },
      ),
      { numRuns: fuzzRuns(2000) },
    );
    expect(merged).toBeGreaterThan(800);
  });
});
