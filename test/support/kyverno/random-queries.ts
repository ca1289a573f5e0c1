/** Queries of every kind, most of which mean little: what they find is recorded from Kyverno itself. */

/** A source of chance that gives the same again for the same seed. */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }
}

/** What the queries are put to. `{ $int: 1 }` stands for an int. */
export const randomRoot = {
  a: { b: { c: [1, 2, { d: 'x' }], s: 'str' }, n: 5, t: true, z: null, e: {}, el: [] },
  list: [{ name: 'n1', v: 1, tags: ['p', 'q'] }, { name: 'n2', v: 3, tags: [] }, { name: 'n0', v: 2 }, { v: null }],
  nums: [3, 1, 2, 1.5, -4],
  strs: ['b', 'a', 'C', '\u00e9', '\u{1f600}'],
  one: { key: 'value' },
  nested: [[1, [2]], [3], 4, null, []],
  q: ['1Gi', '500Mi', '100m'],
  d: ['1h', '30m', '1.5s'],
  mix: [1, 'a', null, true, { x: 1 }, [1]],
  time: '2024-01-02T03:04:05Z',
  i: { $int: 3 },
  ints: [{ $int: 1 }, { $int: 2 }],
  big: 123456789012,
  html: '<a&b>',
  empty: '',
};

const fields = [
  ...Object.keys(randomRoot),
  'b',
  'c',
  'n',
  't',
  'z',
  'e',
  'el',
  'name',
  'v',
  'tags',
  's',
  'key',
  'missing',
  '"__proto__"',
  'toString',
];
const literals = [
  '`1`',
  '`0`',
  '`-1`',
  '`2.5`',
  '`null`',
  '`true`',
  '`false`',
  "'a'",
  "''",
  "'1Gi'",
  "'500Mi'",
  "'1h'",
  "'30m'",
  "'x'",
  '`[1,2]`',
  '`{}`',
  '`{"x":1}`',
  "'2024-01-02T03:04:05Z'",
  "'2023-05-06T07:08:09+02:00'",
  "'n1'",
  "'*'",
  "'a?'",
  "'[a-z]+'",
  "'1.2.3'",
  "'>=1.0.0 <2.0.0'",
  '`100`',
  '`1e10`',
  '`0.1`',
  "'-5'",
  "'TRUE'",
  "'YWJj'",
  "'/a/../b'",
  "'\u00c9\u0130\u00df'",
  "'0.5'",
  '`1e21`',
  '`[]`',
  "'  pad '",
];
const unary = [
  'abs',
  'avg',
  'ceil',
  'floor',
  'length',
  'max',
  'min',
  'reverse',
  'sort',
  'to_array',
  'to_number',
  'to_string',
  'type',
  'to_upper',
  'to_lower',
  'to_boolean',
  'base64_encode',
  'base64_decode',
  'sha256',
  'path_canonicalize',
  'parse_json',
  'sum',
  'time_utc',
  'time_to_cron',
  'not_null',
  'merge',
  'image_normalize',
];
const binary = [
  'contains',
  'starts_with',
  'ends_with',
  'join',
  'not_null',
  'merge',
  'compare',
  'equal_fold',
  'trim',
  'trim_prefix',
  'split',
  'regex_match',
  'pattern_match',
  'label_match',
  'add',
  'subtract',
  'multiply',
  'divide',
  'modulo',
  'round',
  'truncate',
  'semver_compare',
  'lookup',
  'object_from_lists',
  'time_add',
  'time_parse',
  'time_diff',
  'time_before',
  'time_after',
  'time_truncate',
];
const ternary = [
  'replace_all',
  'regex_replace_all',
  'regex_replace_all_literal',
  'items',
  'time_between',
  'merge',
  'not_null',
];

/** Queries of every shape, a tenth of them with one character wrong. */
export function randomQuery(seed: number): string {
  const chance = new Chance(seed);
  const kind = chance.below(2) === 0;
  const query = kind ? shape(chance, chance.below(5)) : sensibleCall(chance);
  if (!kind || chance.below(10) > 0) return query;
  const at = chance.below(query.length + 1);
  return query.slice(0, at) + chance.of([...'()[]{}.,:*&|!<>=@`\'"- x0?']) + query.slice(at + chance.below(2));
}

function shape(chance: Chance, depth: number): string {
  if (depth <= 0) return chance.of([chance.of(fields), chance.of(literals), '@']);
  const part = () => shape(chance, depth - 1);
  const tail = () => chance.of(['', `.${chance.of(fields)}`]);
  switch (chance.below(24)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return `${part()}.${chance.of(fields)}`;
    case 4:
      return `${part()}[${chance.below(9) - 4}]`;
    case 5:
      return `${part()}[*]${tail()}`;
    case 6:
      return `${part()}[]${tail()}`;
    case 7:
      return `${part()}[?${part()}]${tail()}`;
    case 8:
      return `${part()}[${chance.of(['', '1', '-2', '0'])}:${chance.of(['', '1', '-1', '9'])}${chance.of(['', ':', ':2', ':-1', ':-2'])}]`;
    case 9:
      return `${part()}${chance.of([' || ', ' && ', ' | '])}${part()}`;
    case 10:
      return `${part()}${chance.of([' == ', ' != ', ' < ', ' <= ', ' > ', ' >= '])}${part()}`;
    case 11:
      return `!${part()}`;
    case 12:
      return `(${part()})`;
    case 13:
      return `[${part()}, ${part()}]`;
    case 14:
      return `{x: ${part()}, "y z": ${part()}}`;
    case 15:
      return `one.*${tail()}`;
    case 16:
    case 17:
    case 18:
      return `${chance.of(unary)}(${part()})`;
    case 19:
    case 20:
      return `${chance.of(binary)}(${part()}, ${part()})`;
    case 21:
      return `${chance.of(ternary)}(${part()}, ${part()}, ${part()})`;
    case 22:
      return `${chance.of(['max_by', 'min_by', 'sort_by'])}(${part()}, &${part()})`;
    default:
      return `map(&${part()}, ${part()})`;
  }
}

const numbers = [
  0,
  1,
  2,
  3,
  7,
  10,
  -1,
  -3,
  0.5,
  0.1,
  1.5,
  -2.25,
  1e3,
  1e9,
  123456789.123,
  1e-3,
  1e-9,
  1024,
  2 ** 53,
  1e18,
  1e20,
  -1e19,
  1e-7,
  16777217,
  4.5,
  -0.5,
];
const texts = [
  '',
  'a',
  'abc',
  'ABC',
  '\u00e9\u00c9',
  '\u0130\u0131iI',
  '\u00df\u1e9e',
  '\u03a3\u03c3\u03c2',
  '\u{1f600}x\u{1f600}',
  'K\u212a',
  'aXbXc',
  '  pad  ',
  '/a//b/../c/.',
  '../x/..',
  '1.2.3',
  'v1.2.3',
  '1.2.3-alpha.1+b',
  'hello world',
  'a.b.c',
  'true',
  'False',
  'ghcr.io/kyverno/kyverno:1.2',
  'nginx',
  '127.0.0.1:5000/x/y',
  'YWJj',
  'YWI',
  '//79',
  '4pyT',
  '{"b":1,"a":[1.0,2e2,-0]}',
  '[1,',
  '\u2028<>&',
  'a: yes\nb: 0x1F',
  '- 1_000\n- ~',
  'Foo/bar',
  'a/B',
];
const times = [
  '2021-01-02T15:04:05Z',
  '2021-01-02T15:04:05-07:00',
  '2023-12-31T23:59:59+05:30',
  '0001-01-01T00:00:00Z',
  '2024-02-29T12:00:00.123456789Z',
  '1969-12-31T23:59:59.5Z',
  '2021-01-02',
  '2020-02-30T00:00:00Z',
  '1700000000',
  'Thu Feb  4 21:00:57 PST 2010',
  '04 Feb 10 21:00 GMT-3',
  '12:30AM',
  '2024-366',
];
const layouts = [
  '2006-01-02T15:04:05Z07:00',
  'Mon Jan _2 15:04:05 MST 2006',
  '02 Jan 06 15:04 MST',
  '3:04PM',
  '2006-01-02',
  '1',
  '2006-002',
  '',
];
const expressions = [
  'a',
  '(a)(b)?',
  '[a-z]+',
  '^',
  '',
  'x*',
  '(?i)abc',
  '(?P<n>.)',
  '\\bw',
  '(',
  '[',
  '\\d+',
  '(\\w+)\\.(\\w+)',
  '\\pL',
  'a**',
];
// biome-ignore lint/suspicious/noTemplateCurlyInString: templates of Go
const templates = ['', '-', '$1', '${1}x', '$1x', '$0', '$$', '${n}', '[$2]', '\\1'];
const ranges = [
  '>1.0.0',
  '>=1.0.0 <2.0.0',
  '<1.0.0 || >1.2.0',
  '!=1.2.3',
  '1.2.3',
  '1.2.x',
  '',
  '^1.2',
  '!1.2.3',
  '> 1',
];

function quantity(chance: Chance): string {
  const size = chance.of([
    '0',
    '1',
    '2',
    '10',
    '100',
    '1024',
    '1500',
    '0.5',
    '1.5',
    '0.001',
    '12.345',
    '1.0',
    '1.50',
    '999999999999999999',
    '9223372036854775808',
    '.5',
  ]);
  return (
    chance.of(['', '', '', '-']) +
    size +
    chance.of(['', '', 'm', 'k', 'M', 'G', 'E', 'Ki', 'Mi', 'Gi', 'Ti', 'n', 'u', 'e3', 'E2', 'e-2'])
  );
}

function duration(chance: Chance): string {
  const size = chance.of(['0', '1', '2', '90', '1.5', '0.25', '100', '.5']);
  return chance.of(['', '', '-']) + size + chance.of(['h', 'm', 's', 'ms', 'us', 'ns']);
}

/** Calls with arguments of the kinds that they take, at the edges of them. */
function sensibleCall(chance: Chance): string {
  const literal = (value: unknown) => `\`${JSON.stringify(value).replaceAll('`', '\\`')}\``;
  const call = (names: readonly string[], ...given: unknown[]) =>
    `${chance.of(names)}(${given.map(literal).join(', ')})`;
  const number = () => chance.of(numbers);
  const text = () => chance.of(texts);
  const amount = () => chance.of([number, () => quantity(chance), () => duration(chance), () => quantity(chance)])();
  switch (chance.below(20)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
      return call(['add', 'subtract', 'multiply', 'divide', 'modulo'], amount(), amount());
    case 5:
      return call(
        ['sum'],
        Array.from({ length: chance.below(4) }, () => quantity(chance)),
      );
    case 6:
      return call(['round'], number(), chance.of([0, 1, 2, 3, 10, -1, 0.5]));
    case 7:
      return call(['time_utc', 'time_to_cron'], chance.of(times));
    case 8:
      return call(['time_since'], chance.of(layouts), chance.of(times), chance.of(times));
    case 9:
      return call(['time_parse'], chance.of(layouts), chance.of(times));
    case 10:
      return call(['time_add', 'time_truncate'], chance.of(times), duration(chance));
    case 11:
      return call(['time_diff', 'time_before', 'time_after'], chance.of(times), chance.of(times));
    case 12:
      return call(
        [
          'to_upper',
          'to_lower',
          'path_canonicalize',
          'base64_decode',
          'base64_encode',
          'parse_json',
          'md5',
          'to_boolean',
          'reverse',
          'length',
          'image_normalize',
          'parse_yaml',
          'to_number',
          'to_string',
        ],
        text(),
      );
    case 13:
      return call(
        ['compare', 'equal_fold', 'trim', 'trim_prefix', 'split', 'contains', 'pattern_match'],
        text(),
        text(),
      );
    case 14:
      return call(
        ['regex_replace_all', 'regex_replace_all_literal'],
        chance.of(expressions),
        chance.of([text(), number()]),
        chance.of(templates),
      );
    case 15:
      return call(['regex_match'], chance.of(expressions), chance.of([text(), number()]));
    case 16:
      return call(['semver_compare'], text(), chance.of(ranges));
    case 17:
      return call(['replace'], text(), chance.of(['', 'a', 'X', '\u00e9']), text(), chance.of([-1, 0, 1, 2, 100, 1.5]));
    case 18:
      return `items(${literal(chance.of([{ b: 1, a: 2 }, [1, 'x'], {}]))}, 'k', 'v')${chance.of(['', ' | @[0]', ' | length(@)', "[?k=='a'].v", ' | type(@)', ' | reverse(@)', ' == `[]`', '[]'])}`;
    default:
      return call(
        ['truncate', 'lookup'],
        chance.of([text(), [1, 2, 3], { a: 1 }]),
        chance.of([number(), 'a', 'toString']),
      );
  }
}
