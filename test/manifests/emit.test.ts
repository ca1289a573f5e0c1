import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { canonicalJson } from '../../src/core/json.ts';
import { emitManifests } from '../../src/manifests/emit.ts';
import { configMap, parse } from './read.ts';

describe('JSON', () => {
  it('is one object a line, in rendered order, keys sorted by their bytes', () => {
    const manifests = parse(`${configMap('b', 'z: 1\nA: 2\n😀: 3\n\uff5e: 4\n10: 5\n9: 6\n')}---\n${configMap('a')}`);
    expect(emitManifests(manifests, 'json')).toBe(
      '{"10":5,"9":6,"A":2,"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"b"},"z":1,"\uff5e":4,"😀":3}\n' +
        '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}}\n',
    );
  });

  it('is the same whatever order the keys were read in', () => {
    const one = parse('apiVersion: v1\nkind: A\nmetadata: {name: a, labels: {x: y, a: b}}\n');
    const other = parse('metadata: {labels: {a: b, x: y}, name: a}\nkind: A\napiVersion: v1\n');
    expect(emitManifests(one, 'json')).toBe(emitManifests(other, 'json'));
  });

  it('escapes what YAML does not read as it stands', () => {
    const written = emitManifests(parse(configMap('a', 'v: "\\x7f\\x85\\u2028\\uFEFF\\uFFFF"\n')), 'json');
    expect(written).toContain('"v":"\\u007f\\u0085\\u2028\\ufeff\\uffff"');
  });

  it('of nothing is nothing', () => {
    expect(emitManifests([], 'json')).toBe('');
    expect(emitManifests([], 'yaml')).toBe('');
  });
});

describe('YAML', () => {
  it('is what a person would write', () => {
    const source = `---
apiVersion: v1
data:
  empty: ""
  flag: "yes"
  image: reg.example:5000/a/b:1.0@sha256:abc
  literal: |-
    one
      two

    three
  octal: "0o7"
  sentence: Hello world, this is text
  time: "1:30"
kind: ConfigMap
list:
- a: 1
  b:
  - c
  - - d
    - e
- []
- {}
- null
- 1.5
- 9007199254740993
metadata:
  name: a
`;
    // What needs no quotes has none; a comma is quoted for the sake of readers inside braces.
    expect(emitManifests(parse(source), 'yaml')).toBe(
      source
        .replace('sentence: Hello world, this is text', 'sentence: "Hello world, this is text"')
        .replace('  - - d\n    - e\n', '  -\n    - d\n    - e\n'),
    );
  });

  it('is read alike by a parser of YAML 1.2', () => {
    const ambiguous = [
      'yes',
      'No',
      'on',
      'y',
      '~',
      'null',
      '0o7',
      '010',
      '1_000',
      '0b1',
      '0x1',
      '1e3',
      '.5',
      '1:30',
      '=',
      '<<',
      '2001-01-01',
      '.inf',
      '-',
      '',
      ' a',
      'a ',
      'a: b',
      'a #b',
      'a\nb',
      'a\n\n',
      '\ta',
      '---',
      '#',
      'é',
      '\x7f',
      '\u2028',
      '👩‍🚀',
    ];
    const object = {
      apiVersion: 'v1',
      kind: 'A',
      metadata: { name: 'a' },
      v: ambiguous,
      w: Object.fromEntries(ambiguous.map((each, i) => [each, i])),
    };
    const written = emitManifests(parse(JSON.stringify(object)), 'yaml');
    for (const version of ['1.1', '1.2'] as const) {
      const [document] = parseAllDocuments(written, { version });
      expect(document?.errors).toEqual([]);
      expect(document?.toJS()).toEqual(object);
    }
  });

  it('marks each document', () => {
    expect(emitManifests(parse(`${configMap('a')}---\n${configMap('b')}`), 'yaml').match(/^---$/gm)).toHaveLength(2);
  });

  it('announces a key that is longer than YAML finds by itself', () => {
    const written = emitManifests(parse(configMap('a', `data:\n  ? ${'k'.repeat(1100)}\n  : v\n`)), 'yaml');
    expect(written).toContain(`  ? ${'k'.repeat(1100)}\n  : v\n`);
    expect(canonicalJson(parse(written)[0]?.object ?? null)).toContain('"v"');
  });
});

it('writes no more than was allowed to be read', () => {
  // A bomb that stays within the limits must not become one when it is written.
  const bomb = configMap('a', `v: &v ${'x'.repeat(300_000)}\nw: [${'*v,'.repeat(100)}]\n`);
  expect(emitManifests(parse(bomb), 'json').length).toBeLessThan(33 * 1024 * 1024);
});
