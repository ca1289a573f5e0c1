/**
 * YAML and JSON that parsers read differently, and what Kubernetes reads in it. `expected` holds the objects as JSON
 * text (text, because JSON.parse would round integers), or `refused`. A row with `stricter` is refused here although
 * Kubernetes reads it, for the reason given; every other row is held against Kubernetes' own decoder.
 */
export interface NastyRow {
  readonly name: string;
  readonly yaml: string;
  readonly expected: readonly string[] | 'refused';
  readonly stricter?: string;
}

const head = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: nasty\n';
const headJson = '"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"nasty"}';

/** An object with `text` behind its head, which adds `members` to what is read. */
function reads(name: string, text: string, members: string): NastyRow {
  return { name, yaml: head + text, expected: [`{${headJson},${members}}`] };
}

/** An object whose key `v` holds the scalar. */
function scalar(text: string, json: string, name = `the scalar ${text}`): NastyRow {
  return reads(name, `v: ${text}\n`, `"v":${json}`);
}

/** An object with a key written as `text`. */
function key(text: string, json: string): NastyRow {
  return reads(`the key ${text}`, `v:\n  ${text}: 1\n`, `"v":{${json}:1}`);
}

function refused(name: string, text: string, stricter?: string): NastyRow {
  return { name, yaml: head + text, expected: 'refused', ...(stricter === undefined ? {} : { stricter }) };
}

/** A whole stream, as it is. */
function stream(name: string, yaml: string, expected: NastyRow['expected'], stricter?: string): NastyRow {
  return { name, yaml, expected, ...(stricter === undefined ? {} : { stricter }) };
}

const one = (name: string) => `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"${name}"}}`;
const text = (name: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n`;
const undefinedChoice = 'which of two equal keys Kubernetes takes is not defined';
const unseen = 'Kubernetes drops what stands there without a word';

const booleans: NastyRow[] = [
  ...['y', 'Y', 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON'].map((each) => scalar(each, 'true')),
  ...['n', 'N', 'no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF'].map((each) => scalar(each, 'false')),
  ...['yEs', 'tRUE', 'oN', 'nO', 'yess'].map((each) => scalar(each, `"${each}"`)),
];

const nulls: NastyRow[] = [
  ...['', '~', 'null', 'Null', 'NULL'].map((each) => scalar(each, 'null')),
  ...['nULL', 'nil', 'None', '~~'].map((each) => scalar(each, `"${each}"`)),
];

const numbers: NastyRow[] = [
  scalar('0', '0'),
  scalar('-0', '0'),
  scalar('+1', '1'),
  scalar('007', '7'),
  scalar('010', '8'),
  scalar('-010', '-8'),
  scalar('0o10', '8'),
  scalar('0O17', '15'),
  scalar('08', '8', 'a leading zero and a digit that is not octal: a float'),
  scalar('0o8', '"0o8"'),
  scalar('0x1F', '31'),
  scalar('-0XfF', '-255'),
  scalar('0x', '"0x"'),
  scalar('0x_1', '1'),
  scalar('0b101', '5'),
  scalar('-0b11', '-3'),
  scalar('0b-11', '-3', 'binary digits with a sign of their own'),
  scalar('0b+11', '3'),
  scalar('-0b-11', '"-0b-11"'),
  scalar('0b2', '"0b2"'),
  scalar('1_000', '1000'),
  scalar('1__0_', '10'),
  scalar('_1', '"_1"'),
  scalar('+_1', '1'),
  scalar('1.0', '1'),
  scalar('1.', '1'),
  scalar('.5', '0.5'),
  scalar('.5_0', '0.5', 'an underscore between the digits behind a leading dot'),
  scalar('._5', '"._5"'),
  scalar('1_0.5', '10.5'),
  scalar('1e3', '1000'),
  scalar('1E+3', '1000'),
  scalar('1.5e-3', '0.0015'),
  scalar('1e', '"1e"'),
  scalar('1e400', '"1e400"', 'a float beyond a double is a string'),
  scalar('1e-400', '0'),
  scalar('1e21', '1e+21'),
  scalar('1e-7', '1e-7'),
  scalar('123456789012345680000', '123456789012345680000'),
  scalar('9007199254740993', '9007199254740993', '2^53 + 1'),
  scalar('9223372036854775807', '9223372036854775807', 'the largest int64'),
  scalar('-9223372036854775808', '-9223372036854775808', 'the smallest int64'),
  scalar('0777777777777777777777777', '7.777777777777778e+23', 'an octal beyond 64 bits is read as a decimal float'),
  scalar('0x1FFFFFFFFFFFFFFFF', '"0x1FFFFFFFFFFFFFFFF"'),
  scalar('1:30', '"1:30"', 'a base-60 number is a string'),
  scalar('190:20:30.15', '"190:20:30.15"'),
  scalar('2001-01-01', '"2001-01-01"', 'a date is a string'),
  scalar('2001-12-14t21:59:43.10-05:00', '"2001-12-14t21:59:43.10-05:00"'),
  ...['-', '+', '.', '..', '--', '=', '<<', '0.0.0', '1.2.3', '1,000', '1 000', '12e03x'].flatMap((each) =>
    each === '-' ? [] : [scalar(each, `"${each}"`)],
  ),
  ...['.inf', '-.INF', '+.Inf', '.nan'].map((each) => refused(`the value ${each}`, `v: ${each}\n`)),
  ...['.iNF', '+.nan', '-inf', 'inf', 'NaN'].map((each) => scalar(each, `"${each}"`)),
];

const tags: NastyRow[] = [
  scalar('!!str 5', '"5"'),
  scalar('!!str', '""'),
  scalar('!!str null', '"null"'),
  scalar('!!str yes', '"yes"'),
  scalar('!<tag:yaml.org,2002:str> 7', '"7"'),
  scalar('!!int "7"', '7'),
  scalar("!!int '0x10'", '16'),
  scalar('!!float 3', '3'),
  scalar('!!float "1e3"', '1000'),
  scalar('!!bool "yes"', 'true'),
  scalar('!!null ""', 'null'),
  scalar('!!null', 'null'),
  scalar('!!binary aGVsbG8=', '"hello"'),
  reads('base64 over several lines', 'v: !!binary |\n  aGVs\n  bG8=\n', '"v":"hello"'),
  reads('tags of collections', 'v: !!map {a: !!seq [1]}\n', '"v":{"a":[1]}'),
  refused('!!int of a float', 'v: !!int 1.0\n'),
  refused('!!int of nothing', 'v: !!int\n'),
  refused('!!bool of a number', 'v: !!bool 1\n'),
  refused('!!null of a text', 'v: !!null x\n'),
  refused('!!float of a uint64', 'v: !!float 18446744073709551615\n'),
  refused('!!binary that is not base64', 'v: !!binary "%%"\n'),
  refused('!!binary that is not text', 'v: !!binary /w==\n', 'Kubernetes puts replacement characters'),
  refused('a custom tag', 'v: !secret x\n', 'Kubernetes reads it as a string'),
  refused('a custom tag on a mapping', 'v: !Sub {a: 1}\n', 'Kubernetes drops the tag'),
  refused('a set', 'v: !!set {a, b}\n', 'Kubernetes drops the tag'),
  refused('the tag of another kind of collection', 'v: !!seq {a: 1}\n', 'Kubernetes drops the tag'),
  refused('a tag of a namespace that is not declared', 'v: !e!x 1\n'),
  refused('a timestamp', 'v: !!timestamp 2001-01-01\n', 'Kubernetes reads it as a string'),
];

const strings: NastyRow[] = [
  scalar("'it''s'", `"it's"`),
  scalar("'a\\nb'", '"a\\\\nb"', 'no escapes in single quotes'),
  scalar('"\\x41\\u00e9\\U0001F600"', '"Aé😀"'),
  scalar('"\\0\\a\\b\\t\\n\\v\\f\\r\\e"', '"\\u0000\\u0007\\b\\t\\n\\u000b\\f\\r\\u001b"'),
  scalar('"\\N\\_\\L\\P"', '"\u0085\u00a0\u2028\u2029"'),
  scalar('"\\\'"', `"'"`, 'an escaped single quote'),
  refused('a JSON escape that YAML 1.1 lacks', 'v: "\\/"\n'),
  refused('an unknown escape', 'v: "\\q"\n'),
  refused('a surrogate escape', 'v: "\\ud83d\\ude00"\n'),
  refused('an escape beyond Unicode', 'v: "\\U00110000"\n'),
  refused('an escape with too few digits', 'v: "\\u12"\n'),
  reads('a double-quoted text over lines', 'v: "a\n\n  b \\\n  c"\n', '"v":"a\\nb c"'),
  reads('a single-quoted text over lines', "v: 'a\n  b\n\n\n  c'\n", '"v":"a b\\n\\nc"'),
  reads('a plain text over lines', 'v: a\n  b\n\n  c\n', '"v":"a b\\nc"'),
  reads('a number over lines is a text', 'v: 1\n  2\n', '"v":"1 2"'),
  reads('a hash inside a plain text', 'v: a#b #c\n', '"v":"a#b"'),
  reads('a colon inside a plain text', 'v: http://x:80/?a=b:c\n', '"v":"http://x:80/?a=b:c"'),
  refused('a second mapping on one line', 'v: a: b\n'),
  refused('an unclosed quote', 'v: "a\n'),
  refused('text behind a quote', 'v: "a" b\n'),
  reads('a comment right behind a quote', 'v: "a"#b\n', '"v":"a"'),
  ...['@x', '`x', '%x', '!'].map((each) =>
    each === '!'
      ? refused('the tag ! alone', 'v: ! 5\n', 'Kubernetes reads it as a string')
      : refused(`a text that starts with ${each[0]}`, `v: ${each}\n`),
  ),
  ...['-x', '?x', ':x', '-1x', '--- x'].slice(0, 4).map((each) => scalar(each, `"${each}"`)),
  reads(
    'an image with a digest',
    `v: reg.example:5000/a/b:1.0@sha256:${'0'.repeat(64)}\n`,
    `"v":"reg.example:5000/a/b:1.0@sha256:${'0'.repeat(64)}"`,
  ),
];

const blocks: NastyRow[] = [
  reads('a literal', 'v: |\n  a\n   b\n\n  c\n', '"v":"a\\n b\\n\\nc\\n"'),
  reads('a literal, stripped', 'v: |-\n  a\n\n', '"v":"a"'),
  reads('a literal, kept', 'v: |+\n  a\n\n\n', '"v":"a\\n\\n\\n"'),
  reads('a literal with its indentation told', 'v: |1\n   a\n', '"v":"  a\\n"'),
  reads('both indicators in either order', 'v: |-1\n  a\nw: |1-\n  b\n', '"v":" a","w":" b"'),
  reads('a literal with a comment behind the bar', 'v: | # c\n  # no comment\n', '"v":"# no comment\\n"'),
  reads('an empty literal', 'v: |\nw: 1\n', '"v":"","w":1'),
  reads('a literal at the end without a line break', 'v: |\n  a', '"v":"a\\n"'),
  reads('a folded text', 'v: >\n  a\n  b\n\n  c\n   d\n  e\n', '"v":"a b\\nc\\n d\\ne\\n"'),
  reads('a folded text, kept', 'v: >+\n  a\n\n', '"v":"a\\n\\n"'),
  reads('a literal that looks like documents', 'v: |\n  ---\n  a: b\n  ...\n', '"v":"---\\na: b\\n...\\n"'),
  refused('a literal indented by 0', 'v: |0\n  a\n'),
  refused('a literal with a tab as indentation', 'v: |\n\ta\n'),
  reads('a tab that starts a line of a literal', 'v: |2\n  \ta\n', '"v":"\\ta\\n"'),
  refused('a tab that starts a literal whose indentation is not told', 'v: |\n  \ta\n'),
  refused('a literal with text behind the bar', 'v: | a\n  b\n'),
  refused('a literal between braces', 'v: {a: |\n  b\n}\n'),
  refused('a literal whose first line is indented more', 'v: |\n    a\n  b\n'),
];

const structure: NastyRow[] = [
  reads('a sequence at its key', 'v:\n- a\n- b\n', '"v":["a","b"]'),
  reads('a sequence of sequences', 'v:\n- - a\n  - b\n-\n  - c\n', '"v":[["a","b"],["c"]]'),
  reads('empty entries', 'v:\n-\n- a:\n-\n', '"v":[null,{"a":null},null]'),
  reads(
    'flow collections',
    'v: {a: [1, {b: c}, ], d, "e":f, g: }\n',
    '"v":{"a":[1,{"b":"c"}],"d":null,"e":"f","g":null}',
  ),
  reads('a pair inside brackets', 'v: [a: 1, b]\n', '"v":[{"a":1},"b"]'),
  reads('a colon without a blank between braces', 'v: {a:b}\n', '"v":{"a:b":null}'),
  reads('a quoted key without a blank between braces', 'v: {"a":1}\n', '"v":{"a":1}'),
  reads('flow over lines that are not indented', 'v: {\na: 1,\nb: 2\n}\n', '"v":{"a":1,"b":2}'),
  reads('tabs between braces', 'v: {\ta:\t1\t}\n', '"v":{"a":1}'),
  reads('a tab before a value', 'v:\t1\n', '"v":1'),
  refused('a tab as indentation', 'v:\n\ta: 1\n'),
  refused('a tab behind a dash', 'v:\n-\ta: 1\n'),
  refused('a comma too many', 'v: [a,,b]\n'),
  refused('a bracket that is not closed', 'v: [a\n'),
  refused('a brace that closes a bracket', 'v: [a}\n'),
  refused('a key that is less indented than its mapping', 'v:\n    a: 1\n  b: 2\n'),
  refused('a line that is no entry', 'v:\n  a: 1\n  b\n'),
  reads('an explicit key', 'v:\n  ? a\n  : 1\n', '"v":{"a":1}'),
  reads('an explicit key of several lines', 'v:\n  ? a\n    b\n  : 1\n', '"v":{"a b":1}'),
  reads('a key of 1024 characters', `v:\n  ${'k'.repeat(1024)}: 1\n`, `"v":{"${'k'.repeat(1024)}":1}`),
  refused('a key of 1025 characters', `v:\n  ${'k'.repeat(1025)}: 1\n`),
  reads('a key of 1024 characters beyond 16 bits', `v:\n  ${'😀'.repeat(1024)}: 1\n`, `"v":{"${'😀'.repeat(1024)}":1}`),
  reads('a long key that is announced', `v:\n  ? ${'k'.repeat(2000)}\n  : 1\n`, `"v":{"${'k'.repeat(2000)}":1}`),
  refused('a key over two lines', 'v:\n  "a\n  b": 1\n'),
  refused('a collection as a key', 'v:\n  [a]: 1\n'),
  refused('a null key', 'v:\n  ~: 1\n'),
  refused('an empty key', 'v:\n  : 1\n'),
  key('y', '"true"'),
  key('off', '"false"'),
  key('010', '"8"'),
  key('-0', '"0"'),
  key('1.50', '"1.5"'),
  key('1e3', '"1000"'),
  key('1000000.0', '"1e+06"'),
  key('16777217.0', '"1.6777216e+07"'),
  key('0.00001', '"1e-05"'),
  key('3.4028235e38', '"3.4028235e+38"'),
  key('1e39', '".inf"'),
  key('.nan', '".nan"'),
  key('2001-01-01', '"2001-01-01"'),
  key('"1"', '"1"'),
  key('!!str 010', '"010"'),
  key('"<<"', '"<<"'),
  key('__proto__', '"__proto__"'),
  key('constructor', '"constructor"'),
  refused('a key beyond int64', 'v:\n  9223372036854775808: 1\n'),
  refused('a key twice', 'v: {a: 1, a: 1}\n', undefinedChoice),
  refused('two keys that become one', 'v:\n  1: a\n  "1": b\n', undefinedChoice),
  refused('two booleans that become one key', 'v:\n  yes: a\n  "true": b\n', undefinedChoice),
  refused('two numbers that become one key', 'v:\n  8: a\n  010: b\n', undefinedChoice),
  refused('two zeros that differ in sign', 'v:\n  -0.0: a\n  0.0: b\n', undefinedChoice),
  refused('a key twice at the top', 'kind: Secret\n', undefinedChoice),
  refused('__proto__ twice', 'v: {__proto__: 1, __proto__: 2}\n', undefinedChoice),
];

const aliases: NastyRow[] = [
  reads('an alias', 'v: &a {k: 1}\nw: *a\n', '"v":{"k":1},"w":{"k":1}'),
  reads('an alias as a key', 'v: &a k\nw: {*a : 1}\n', '"v":"k","w":{"k":1}'),
  reads('an anchor of a key', 'v: {&a k: 1}\nw: *a\n', '"v":{"k":1},"w":"k"'),
  reads('an anchor of nothing', 'v: &a\nw: *a\n', '"v":null,"w":null'),
  reads('an anchor that is given again', 'v: &a 1\nw: &a 2\nx: *a\n', '"v":1,"w":2,"x":2'),
  reads('an anchor in front of a tag', 'v: &a !!str 1\nw: !!str &b 2\n', '"v":"1","w":"2"'),
  refused('an alias without an anchor', 'v: *a\n'),
  refused('an alias in front of its anchor', 'v: *a\nw: &a 1\n'),
  refused('an alias inside its own value', 'v: &a [*a]\n'),
  refused('a tag on an alias', 'v: &a 1\nw: !!str *a\n'),
  stream('an anchor of another document', `${text('a')}v: &a 1\n---\n${text('b')}v: *a\n`, 'refused'),
  reads('a merge key', 'v: &a {k: 1, l: 1}\nw:\n  <<: *a\n  k: 2\n', '"v":{"k":1,"l":1},"w":{"k":2,"l":1}'),
  reads('a merge key behind what it overrides', 'v: &a {k: 1}\nw:\n  k: 2\n  <<: *a\n', '"v":{"k":1},"w":{"k":1}'),
  reads(
    'a merge of several',
    'v: [&a {k: 1}, &b {k: 2, l: 2}]\nw: {<<: [*a, *b]}\n',
    '"v":[{"k":1},{"k":2,"l":2}],"w":{"k":1,"l":2}',
  ),
  reads('a merge of what is written there', 'v: {<<: {k: 1}, l: 2}\n', '"v":{"k":1,"l":2}'),
  reads(
    'a merge of a merge',
    'v: &a {k: 1}\nw: &b {<<: *a, l: 2}\nx: {<<: *b}\n',
    '"v":{"k":1},"w":{"k":1,"l":2},"x":{"k":1,"l":2}',
  ),
  reads('a quoted merge key is a key', 'v: {"<<": 1}\n', '"v":{"<<":1}'),
  refused('a merge that makes two keys one', 'v: {<<: {1: a}, "1": b}\n', undefinedChoice),
  refused('a merge behind the key that it makes one with', 'v: {"1": b, <<: {1: a}}\n', undefinedChoice),
  reads('a merge of a number over the same number', 'v: {<<: {1: a}, 1: b}\n', '"v":{"1":"b"}'),
  refused('a merge of a number', 'v: {<<: 1}\n'),
  refused('a merge of nothing', 'v: {<<: }\n'),
  refused('a merge of an alias to a sequence', 'v: &a [{k: 1}]\nw: {<<: *a}\n'),
  refused('a merge of a sequence in a sequence', 'v: {<<: [[{k: 1}]]}\n'),
  refused('a merge key twice', 'v: {<<: {k: 1}, <<: {l: 2}}\n', undefinedChoice),
  refused(
    'an alias bomb',
    `a: &a [${'x,'.repeat(10)}]\n${['b', 'c', 'd', 'e', 'f', 'g', 'h'].map((each, i) => `${each}: &${each} [${`*${'abcdefg'[i]},`.repeat(10)}]\n`).join('')}`,
  ),
  refused(
    'a bomb of merge keys',
    `a: &a {${Array.from({ length: 10 }, (_, i) => `k${i}: 1`).join(', ')}}\n${['b', 'c', 'd', 'e', 'f', 'g', 'h'].map((each, i) => `${each}: &${each} {${Array.from({ length: 10 }, (_, n) => `k${n}: {<<: *${'abcdefg'[i]}}`).join(', ')}}\n`).join('')}`,
  ),
];

const documents: NastyRow[] = [
  stream('two documents', `${text('a')}---\n${text('b')}`, [one('a'), one('b')]),
  stream('markers in front and behind', `---\n---\n${text('a')}---\n---\n`, [one('a')]),
  stream('empty and null documents', `# c\n---\n~\n---\nnull\n---\n${text('a')}---\n# c\n`, [one('a')]),
  stream('a comment behind the marker', `--- # c\n${text('a')}--- #\n${text('b')}`, [one('a'), one('b')]),
  stream('blanks behind the marker', `--- \t\n${text('a')}---\u00a0\n${text('b')}`, [one('a'), one('b')]),
  stream('a value behind the marker', `--- {}\n${text('a')}`, 'refused'),
  stream('a line that only starts like a marker', `${text('a')}----\n`, 'refused'),
  stream('a marker inside a quoted value', `${text('a')}v: "x\n---\ny"\n`, 'refused'),
  stream('a marker that is indented', `${text('a')}v: x\n  ---\n`, [
    '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"v":"x ---"}',
  ]),
  stream('an end marker', `${text('a')}...\n`, [one('a')]),
  stream('an object hidden behind an end marker', `${text('a')}...\n${text('b')}`, 'refused', unseen),
  stream('a root scalar and what stands behind it', `"a" "b"\n`, 'refused', unseen),
  stream('an end marker with nothing before it', `...\n${text('a')}`, 'refused'),
  stream('a directive', `%YAML 1.1\n---\n${text('a')}`, 'refused'),
  stream('a directive of tags', `%TAG ! tag:x,2000:\n---\n${text('a')}`, 'refused'),
  stream('CRLF', text('a').replaceAll('\n', '\r\n'), [one('a')]),
  stream('CRLF between documents', `${text('a')}---\n${text('b')}`.replaceAll('\n', '\r\n'), [one('a'), one('b')]),
  stream('CR alone', text('a').replaceAll('\n', '\r'), [one('a')]),
  stream('CRLF inside a literal', `${text('a')}v: |\r\n  x\r\n  y\r\n`, [
    '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"v":"x\\ny\\n"}',
  ]),
  stream('NEL as a line break', text('a').replaceAll('\n', '\u0085'), [one('a')]),
  stream('a line separator hides no key', `${text('a')}v: x # c\u2028w: z\n`, [
    '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"v":"x","w":"z"}',
  ]),
  stream('a byte order mark', `\ufeff${text('a')}`, [one('a')]),
  stream('a byte order mark at the second document', `${text('a')}---\n\ufeff${text('b')}`, [one('a'), one('b')]),
  stream('a byte order mark in front of a marker', `\ufeff---\n${text('a')}`, [one('a')]),
  stream(
    'a byte order mark on a line of its own',
    `${text('a')}\ufeffv: 1\n`,
    'refused',
    'go-yaml sometimes drops the next character',
  ),
  stream('a NUL byte', `${text('a')}v: "\0"\n`, 'refused'),
  stream('a NUL byte behind everything', `${text('a')}\0`, 'refused'),
  stream('a NUL byte that would hide a key', `${text('a')}v: 1\0\nw: 2\n`, 'refused'),
  stream('a control character', `${text('a')}v: \u0007\n`, 'refused'),
  stream('DEL', `${text('a')}v: \u007f\n`, 'refused'),
  stream('a C1 control character', `${text('a')}v: \u009b\n`, 'refused'),
  stream('an escape of DEL', `${text('a')}v: "\\x7f"\n`, [
    '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"v":"\u007f"}',
  ]),
  stream('nothing at all', '', []),
  stream('only blanks', ' \n\n  \n', []),
  stream('a tab alone', '\t\n', 'refused'),
  stream('only a comment', '# nothing\n', []),
];

const json: NastyRow[] = [
  stream('a JSON object', one('a'), [one('a')]),
  stream('JSON objects one after the other', `${one('a')}${one('b')}\n ${one('c')}`, [one('a'), one('b'), one('c')]),
  stream('JSON objects between markers', `${one('a')}\n---\n${one('b')}\n---\n${one('c')}\n`, [
    one('a'),
    one('b'),
    one('c'),
  ]),
  stream('a marker behind two JSON objects', `${one('a')}\n${one('b')}\n---\n${one('c')}\n`, 'refused'),
  stream('JSON null among objects', `${one('a')} null ${one('b')}`, [one('a'), one('b')]),
  stream('YAML behind JSON', `${one('a')}\n${text('b')}`, [one('a'), one('b')]),
  stream('YAML between braces', '{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n', [one('a')]),
  stream(
    'a tab inside a JSON string makes it YAML',
    `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"v":"x\ty"}`,
    ['{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"v":"x\\ty"}'],
  ),
  stream(
    'a surrogate pair in JSON',
    `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"v":"\\ud83d\\ude00"}`,
    ['{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"v":"😀"}'],
  ),
  stream(
    'half a surrogate pair in JSON',
    `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"v":"\\ud83d"}`,
    'refused',
    'Kubernetes puts a replacement character',
  ),
  stream(
    'numbers in JSON',
    `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"v":[1.0,1e2,-0,9007199254740993,0.1]}`,
    ['{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"v":[1,100,0,9007199254740993,0.1]}'],
  ),
  stream(
    'a number beyond a double in JSON',
    `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"v":1e400}`,
    'refused',
    'Kubernetes falls back to YAML, where it is a string',
  ),
  stream(
    'a JSON key twice',
    `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"v":1,"v":2}`,
    'refused',
    undefinedChoice,
  ),
  stream(
    'a JSON key twice, spelt in two ways',
    `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"v":1,"\\u0076":2}`,
    'refused',
    undefinedChoice,
  ),
  stream(
    'keys that differ in case are two',
    `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"Kind":"X"}`,
    ['{"Kind":"X","apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}}'],
  ),
  stream('JSON that is not closed', one('a').slice(0, -1), 'refused'),
  stream('a comma at the end of JSON', `${one('a').slice(0, -1)},}`, [one('a')]),
  stream('a comma behind JSON', `${one('a')},`, 'refused'),
  stream(
    'a blank that JSON does not know in front',
    `\u00a0${one('a')}`,
    'refused',
    'Kubernetes falls back to YAML and drops what follows',
  ),
];

const objects: NastyRow[] = [
  stream('a list', 'apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: a}\n', [
    one('a'),
  ]),
  stream(
    'a kind of list that no one knows',
    'apiVersion: x/v1\nkind: Whatever\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: a}\n',
    [one('a')],
  ),
  stream('a list without items', 'apiVersion: v1\nkind: List\nitems: []\n', []),
  stream('items that are null', 'apiVersion: v1\nkind: ConfigMapList\nitems: null\n', []),
  stream('items that are null beside a spec', 'apiVersion: x/v1\nkind: X\nmetadata: {name: a}\nspec: {}\nitems:\n', [
    '{"apiVersion":"x/v1","items":null,"kind":"X","metadata":{"name":"a"},"spec":{}}',
  ]),
  stream('items that are a mapping', 'apiVersion: x/v1\nkind: X\nmetadata: {name: a}\nitems: {}\n', [
    '{"apiVersion":"x/v1","items":{},"kind":"X","metadata":{"name":"a"}}',
  ]),
  stream('a document that is a list', '- a\n', 'refused'),
  stream('a document that is a text', 'hello\n', 'refused'),
  stream('a document without a kind', 'apiVersion: v1\nmetadata: {name: a}\n', 'refused'),
  stream('an empty object', '{}\n', 'refused'),
];

export const nasty: readonly NastyRow[] = [
  ...booleans,
  ...nulls,
  ...numbers,
  ...tags,
  ...strings,
  ...blocks,
  ...structure,
  ...aliases,
  ...documents,
  ...json,
  ...objects,
];
