/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: those are the variables of Flux */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canonicalJson, type JsonObject, objectFrom } from '../../../src/core/json.ts';
import { printYaml } from '../../../src/manifests/yaml/printer.ts';
import { type FluxAnswer, Fluxbuild } from '../../support/fluxbuild.ts';
import { fuzzRuns } from '../../support/fuzz-runs.ts';
import { jsonObjects } from '../generate.ts';

let flux: Fluxbuild;
beforeAll(async () => {
  flux = await Fluxbuild.start();
});
afterAll(() => flux[Symbol.asyncDispose]());

/** Words, blanks and signs, often longer than a line. */
const sentences = fc
  .array(
    fc.constantFrom(
      ...['word', 'longer-word', ' ', ' ', ' ', '  ', '${VAR}', '${A:-b c}', ': ', ' #', "'", '"', '\\', '\n', '\n\n'],
      ...[
        '\t',
        'é',
        '😀',
        '\u2028',
        '\u0085',
        '\r',
        '-',
        '- ',
        '? ',
        '{',
        '}',
        ',',
        '%',
        '@',
        '\ufeff',
        '1',
        'y',
        '2001-01-01',
      ],
    ),
    { maxLength: 60 },
  )
  .map((words) => words.join(''));
const spoken: fc.Arbitrary<JsonObject> = fc
  .array(
    fc.tuple(
      fc.oneof(sentences, fc.constantFrom('a', 'a1', 'a10', 'a2', 'a02', 'B', '_', 'aé', 'a-b', '10', '9', '09', '0')),
      fc.oneof(
        sentences,
        fc.array(sentences, { maxLength: 3 }),
        fc.array(fc.array(sentences, { maxLength: 2 }), { maxLength: 2 }),
        fc.array(fc.tuple(sentences, sentences), { maxLength: 3 }).map((entries) => objectFrom(entries)),
        fc
          .array(fc.tuple(sentences, sentences), { maxLength: 2 })
          .map((entries) => [objectFrom(entries), [objectFrom(entries)]]),
      ),
    ),
    { maxLength: 6 },
  )
  .map((entries) => objectFrom(entries));

async function expectSame(object: JsonObject): Promise<void> {
  // The printer reads JSON as YAML, to which such characters are breaks or nothing at all.
  const json = canonicalJson(object).replace(
    /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  const theirs = await flux.print(json);
  // A key of more than 1024 characters is one that it cannot read.
  if ('error' in theirs && /"k{1025,}":/.test(json)) return;
  const printed = { value: printYaml(object) };
  if (sortedLines(printed) === sortedLines(theirs)) return;
  expect({ json, printed }).toEqual({ json, printed: theirs });
}

/** Of generated keys their order is not compared: where theirs is none (`10`, `1a`, `2`), it differs from run to run. */
function sortedLines(answer: FluxAnswer<string>): string | undefined {
  return 'error' in answer ? undefined : answer.value.split('\n').sort().join('\n');
}

describe('an object is printed as sigs.k8s.io/yaml prints it', () => {
  it.each([
    ['nothing', {}],
    ['numbers', { a: 1.5, b: 1e21, c: 1e-7, d: 1000000.5, e: 123456.5, f: 0.0001, g: -0, h: 2 ** 53, i: 1e20 }],
    ['large integers', { a: 18446744073709551615n, b: -9223372036854775808n }],
    ['words that are not text', { a: 'true', b: 'y', c: '~', d: '<<', e: '=', f: '012', g: '08', h: '1_0', i: '.5' }],
    ['times', { a: '2001-01-01', b: '2001-1-1', c: '2001-02-30', d: '2001-01-01T00:00:00Z', e: '2001-01-01 1:2:3.5' }],
    [
      'more times',
      {
        a: '2004-02-29',
        b: '2001-01-01T24:00:00Z',
        c: '2001-01-01T1:2:3+01:00',
        d: '2001-00-10',
        e: '2001-01-01t01:02:03,5Z',
      },
    ],
    ['base 60', { a: '1:30', b: '1:90', c: '-1:30.5', d: '+12:30:45' }],
    ['keys in their order', { a10: 1, a2: 1, B: 1, _x: 1, 'a-b': 1, 1: 1, 10: 1, 2: 1, a: 1, é: 1, '01': 1, x1a: 1 }],
    ['long keys', { ['k'.repeat(128)]: 1, ['k'.repeat(129)]: { a: 1 }, ['l'.repeat(130)]: [1, 2] }],
    [
      'folded text',
      { a: `${'word '.repeat(40)}end`, b: `x: ${'word '.repeat(40)}end`, c: `\t${'word  '.repeat(40)}end` },
    ],
    ['blocks', { a: 'x\ny', b: 'x\n', c: 'x\n\n', d: '\nx', e: ' x\ny', f: 'x \ny', g: '\n' }],
    ['lists in lists', { a: [[1, [2]], [], {}, { b: [1] }, null, ''] }],
  ] as const)('%s', async (_, object) => {
    const entries = objectFrom(Object.entries(object));
    await expectSame(entries);
    expect({ value: printYaml(entries) }).toEqual(await flux.print(canonicalJson(entries)));
  });

  it('whatever it holds', async () => {
    await fc.assert(fc.asyncProperty(jsonObjects, expectSame), { numRuns: fuzzRuns(500) });
  });

  it('whatever is written in it', async () => {
    await fc.assert(fc.asyncProperty(spoken, expectSame), { numRuns: fuzzRuns(1000) });
  });
});
