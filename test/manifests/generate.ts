/** YAML and values for property tests: mostly well formed, made of what parsers disagree about. */
import fc from 'fast-check';
import { type JsonObject, type JsonValue, objectFrom } from '../../src/core/json.ts';

const scalars = fc.constantFrom(
  ...[
    'a',
    'foo bar',
    '1',
    '010',
    '0o10',
    '0x1F',
    '1_000',
    '1.5',
    '-0.0',
    '.5',
    '1e3',
    'y',
    'no',
    '~',
    'null',
    '',
    '"q"',
  ],
  ...[
    "'s'",
    '"a\\nb"',
    '"\\u263a"',
    '2001-01-01',
    '1:30',
    '<<',
    '=',
    '*a',
    '&a x',
    '!!str 5',
    '!!int "7"',
    '!!float 3',
  ],
  ...['!!null', '!!bool yes', '!x y', '- x', '? k', 'a:b', 'a: b', 'http://x:80/y#z', 'a #c', '[a, b]', '{a: b}'],
  ...[
    '{a, b: [c]}',
    '[a: b, {c: d}]',
    '@x',
    '"unclosed',
    "'un",
    '[',
    '}',
    ',',
    'é',
    '😀x',
    '\u0085',
    '\u2028',
    '\t',
    '0b-11',
  ],
  ...['-', '--', '---', '...', '.inf', '!!binary aGk=', '18446744073709551615', '9223372036854775808', '1e400', '08'],
  ...[
    'a\tb',
    '"\\/"',
    '" a "',
    '"a\n b"',
    "'a\n\n b'",
    'x\n y',
    '"\\\n  z"',
    '[*a, *b]',
    '{<<: *a}',
    '16777217.0',
    '.1_1',
  ],
);
const keys = fc.constantFrom(
  ...[
    'a',
    'b',
    'c',
    'd',
    'k1',
    '"q k"',
    "'s'",
    '1',
    '1.5',
    '010',
    'y',
    '~',
    '? x',
    '<<',
    '!!str 1',
    '&k kk',
    '*a',
    '[x]',
  ],
  ...['a b', 'é', '1e3', '.inf', '16777217.0', '', '"<<"', '2001-01-01', 'k#', 'x:y', ':x', '-x'],
);
const blockHeads = fc.constantFrom('|', '>', '|-', '>-', '|+', '>+', '|1', '>2', '|2-', '| #c');
const blockLines = fc.array(fc.constantFrom('text', ' a b', '  more', '# no', '- x', 'k: v', '', ' ', '\tq', '"'), {
  maxLength: 5,
});
const properties = fc.constantFrom('', '', '', ' &a', ' &b', ' !!map', ' !!seq', ' !x', ' &a !!map');

const indented = (lines: readonly string[], by: string) => lines.map((line) => by + line).join('\n');
const indent = (text: string, by: string) => indented(text.split('\n'), by);

/** A node as it stands behind `key:` or `-`, starting with a blank or a line break. */
const { node } = fc.letrec<{ node: string; flow: string }>((tie) => ({
  flow: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalars,
    fc.array(tie('flow'), { maxLength: 3 }).map((items) => `[${items.join(', ')}]`),
    fc
      .array(fc.tuple(keys, fc.constantFrom(': ', ':', '\n :'), tie('flow')), { maxLength: 3 })
      .map((entries) => `{${entries.map((entry) => entry.join('')).join(',')}}`),
  ),
  node: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalars.map((text) => ` ${text}`),
    tie('flow').map((text) => ` ${text}`),
    fc
      .tuple(blockHeads, blockLines, fc.constantFrom('  ', '   ', ' '))
      .map(([head, lines, by]) => ` ${head}\n${indented(lines, by)}`),
    fc
      .tuple(
        properties,
        fc.array(fc.tuple(keys, tie('node')), { minLength: 1, maxLength: 4 }),
        fc.constantFrom('  ', '  ', ' ', '    '),
      )
      .map(
        ([props, entries, by]) =>
          `${props}\n${entries.map(([key, value]) => indent(`${key}:${value}`, by)).join('\n')}`,
      ),
    fc
      .tuple(properties, fc.array(tie('node'), { minLength: 1, maxLength: 3 }), fc.constantFrom('', '  '))
      .map(([props, items, by]) => `${props}\n${items.map((item) => indent(`-${item}`, by)).join('\n')}`),
  ),
}));

const separators = fc.constantFrom('---\n', '---\n', '--- # c\n', '...\n', '---\r\n', '--- x\n');
const document = fc
  .array(fc.tuple(keys, node), { maxLength: 4 })
  .map((entries) => entries.map(([key, value]) => `${key}:${value}\n`).join(''));
const insertions = fc.constantFrom(
  '\n',
  ' ',
  '\t',
  ':',
  '- ',
  '#',
  '"',
  "'",
  '[',
  '}',
  ',',
  '\r',
  '\r\n',
  '\0',
  '\ufeff',
  '\u2028',
  '\\',
  '---\n',
  '{"a":1}',
);

/** Streams of documents, some of them damaged at a place. */
export const yamlStreams: fc.Arbitrary<string> = fc
  .tuple(
    fc.array(fc.tuple(separators, document), { minLength: 1, maxLength: 3 }),
    fc.boolean(),
    fc.option(fc.tuple(fc.nat(), insertions), { nil: undefined, freq: 2 }),
  )
  .map(([documents, marked, damage]) => {
    const stream = documents.map(([separator, text], i) => (i === 0 && !marked ? text : separator + text)).join('');
    if (damage === undefined) return stream;
    const at = damage[0] % (stream.length + 1);
    // A place inside a pair of surrogates leaves two halves, which no bytes decode to.
    return (stream.slice(0, at) + damage[1] + stream.slice(at)).toWellFormed();
  });

/** What a JSON value can be once it was read: no lone surrogates, integers of 64 bits, finite doubles. */
const strings = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }).filter((text) => text.isWellFormed()),
  fc.constantFrom(
    '',
    'yes',
    'no',
    '0o7',
    '1_000',
    '1:30',
    '=',
    '<<',
    '2001-01-01',
    '~',
    'null',
    '.inf',
    '1e3',
    '- a',
    'a: b',
    'a #b',
  ),
  fc.constantFrom(
    '#',
    '&a',
    '*a',
    '!x',
    '|',
    '>',
    '%',
    '@',
    '`',
    '{}',
    '[]',
    '"',
    "'",
    'a\nb',
    'a\nb\n',
    '\n',
    ' a',
    'a ',
    '\ta',
    'a\n\nb',
  ),
  fc.constantFrom(
    '---',
    '...',
    '---\na',
    'a\n---\nb',
    '\u0085',
    '\u2028',
    '\ufeff',
    '\x7f',
    '0x1',
    '08',
    'a:',
    ':a',
    '?',
    '-',
    '1.',
    'y',
    '😀',
    'a\r\nb',
  ),
  fc.constantFrom('a\n b\n', 'a\n\tb\n', 'x\n\n', `${'k'.repeat(1100)}`),
);
const numbers = fc.oneof(
  fc.maxSafeInteger(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Object.is(value, -0)),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }).filter((value) => value > 2n ** 53n || value < -(2n ** 53n)),
);
const { value: jsonValues } = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    strings,
    numbers,
    fc.constantFrom(null, true, false),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(strings, tie('value')), { maxLength: 4 }).map((entries) => objectFrom(entries)),
  ),
}));

/** Objects of any content behind a valid head. */
export const jsonObjects: fc.Arbitrary<JsonObject> = fc
  .array(
    fc.tuple(
      strings.filter((key) => key !== 'items'),
      jsonValues,
    ),
    { maxLength: 4 },
  )
  .map((entries) =>
    objectFrom([...entries, ['apiVersion', 'v1'], ['kind', 'Any'], ['metadata', objectFrom([['name', 'a']])]]),
  );
