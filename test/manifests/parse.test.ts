import { describe, expect, it } from 'vitest';
import { describePlace } from '../../src/core/manifest.ts';
import { parseManifests } from '../../src/manifests/parse.ts';
import { defaultManifestSettings } from '../../src/manifests/settings.ts';
import { configMap, parse, refusal, textOf } from './read.ts';

describe('errors', () => {
  it.each([
    ['a duplicate key', configMap('a', 'data:\n  k: 1\n  k: 2\n'), 'MANIFEST_DUPLICATE_KEY', 'x.yaml:7:3'],
    ['a syntax error', configMap('a', 'data:\n  k: [1\n'), 'MANIFEST_SYNTAX', 'x.yaml:7:1'],
    ['a tab', configMap('a', 'data:\n\tk: 1\n'), 'MANIFEST_SYNTAX', 'x.yaml:6:1'],
    ['a custom tag', configMap('a', 'data: !x y\n'), 'MANIFEST_TAG', 'x.yaml:5:7'],
    ['an infinite number', configMap('a', 'data: {k: .inf}\n'), 'MANIFEST_VALUE', 'x.yaml:5:11'],
    ['an unknown alias', configMap('a', 'data: *b\n'), 'MANIFEST_SYNTAX', 'x.yaml:5:7'],
    ['an alias inside itself', configMap('a', 'data: &b [*b]\n'), 'MANIFEST_ALIASES', 'x.yaml:5:11'],
    [
      'an error behind CRLF',
      configMap('a', 'data: {\n  k: .inf}\n').replaceAll('\n', '\r\n'),
      'MANIFEST_VALUE',
      'x.yaml:6:6',
    ],
    [
      'an error in a later document',
      `${configMap('a')}---\n${configMap('b', 'k: .nan\n')}`,
      'MANIFEST_VALUE',
      'x.yaml:10:4',
    ],
    [
      'an error in later JSON',
      '{"apiVersion":"v1","kind":"A","metadata":{"name":"a"}}\n{"apiVersion":"v1",\n"apiVersion":"v1"}',
      'MANIFEST_DUPLICATE_KEY',
      'x.yaml:3:1',
    ],
    ['a NUL byte', configMap('a', 'k: "\0"\n'), 'MANIFEST_ENCODING', 'x.yaml:5:5'],
    [
      'bytes that are not UTF-8',
      Buffer.concat([Buffer.from(configMap('a', 'k: é\ufffd')), Buffer.from([0xff, 0x0a])]),
      'MANIFEST_ENCODING',
      'x.yaml:5:6',
    ],
    ['UTF-16, little end first', Buffer.from(`\ufeff${configMap('a')}`, 'utf16le'), 'MANIFEST_ENCODING', 'x.yaml:1:1'],
    [
      'UTF-16, big end first',
      Buffer.from(`\ufeff${configMap('a')}`, 'utf16le').swap16(),
      'MANIFEST_ENCODING',
      'x.yaml:1:1',
    ],
    ['UTF-16 without its mark', Buffer.from(configMap('a'), 'utf16le'), 'MANIFEST_ENCODING', 'x.yaml:1:2'],
    ['a document that is a list', '- a\n', 'MANIFEST_NOT_OBJECT', 'x.yaml:1:1'],
    ['a document that is a text', '\nhello\n', 'MANIFEST_NOT_OBJECT', 'x.yaml:2:1'],
    ['no kind', 'apiVersion: v1\nmetadata: {name: a}\n', 'MANIFEST_FIELD', 'x.yaml:1:1'],
    ['an empty kind', 'apiVersion: v1\nkind: ""\nmetadata: {name: a}\n', 'MANIFEST_FIELD', 'x.yaml:1:1'],
    ['a kind that is no string', 'apiVersion: v1\nkind: 5\nmetadata: {name: a}\n', 'MANIFEST_FIELD', 'x.yaml:2:7'],
    ['a kind that is no name', 'apiVersion: v1\nkind: "a\\nb"\nmetadata: {name: a}\n', 'MANIFEST_FIELD', 'x.yaml:2:7'],
    ['no apiVersion', 'kind: A\nmetadata: {name: a}\n', 'MANIFEST_FIELD', 'x.yaml:1:1'],
    [
      'an apiVersion of three parts',
      'apiVersion: a/b/c\nkind: A\nmetadata: {name: a}\n',
      'MANIFEST_FIELD',
      'x.yaml:1:13',
    ],
    ['no metadata', 'apiVersion: v1\nkind: A\n', 'MANIFEST_FIELD', 'x.yaml:1:1'],
    ['metadata that are a list', 'apiVersion: v1\nkind: A\nmetadata: []\n', 'MANIFEST_FIELD', 'x.yaml:3:11'],
    ['no name', 'apiVersion: v1\nkind: A\nmetadata: {}\n', 'MANIFEST_FIELD', 'x.yaml:3:11'],
    [
      'a name that YAML reads as a number',
      'apiVersion: v1\nkind: A\nmetadata:\n  name: 010\n',
      'MANIFEST_FIELD',
      'x.yaml:4:9',
    ],
    ['a name of two lines', 'apiVersion: v1\nkind: A\nmetadata:\n  name: "a\\nb"\n', 'MANIFEST_FIELD', 'x.yaml:4:9'],
    [
      'a name that turns the direction of the text',
      'apiVersion: v1\nkind: A\nmetadata:\n  name: "a\\u202eb"\n',
      'MANIFEST_FIELD',
      'x.yaml:4:9',
    ],
    [
      'a name that is too long',
      `apiVersion: v1\nkind: A\nmetadata:\n  name: ${'a'.repeat(254)}\n`,
      'MANIFEST_FIELD',
      'x.yaml:4:9',
    ],
    [
      'a namespace that is no string',
      'apiVersion: v1\nkind: A\nmetadata:\n  name: a\n  namespace: yes\n',
      'MANIFEST_FIELD',
      'x.yaml:5:14',
    ],
    [
      'generateName on what is no hook',
      'apiVersion: v1\nkind: A\nmetadata:\n  generateName: a-\n',
      'MANIFEST_FIELD',
      'x.yaml:4:17',
    ],
    ['an item that is no object', 'apiVersion: v1\nkind: List\nitems:\n- 5\n', 'MANIFEST_NOT_OBJECT', 'x.yaml:4:3'],
    [
      'an item without a name',
      'apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: A\n  metadata: {}\n',
      'MANIFEST_FIELD',
      'x.yaml:6:13',
    ],
    [
      'a list in a list',
      'apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: List\n  items: []\n',
      'MANIFEST_NESTED_LIST',
      'x.yaml:4:3',
    ],
    ['a list without a kind', 'apiVersion: v1\nitems: []\n', 'MANIFEST_FIELD', 'x.yaml:1:1'],
  ])('%s', (_, content, code, place) => {
    const error = refusal(() => parse(content));
    expect([error.code, error.place]).toEqual([code, place]);
    expect(error.message).toMatch(new RegExp(`^${place.replaceAll('.', '\\.')}: `));
    expect(error.message).not.toMatch(/[\0-\x1f\x7f-\x9f\u202e]/);
    expect(error.mend).not.toBe('');
  });

  it('names the document where there are several', () => {
    const error = refusal(() => parse(`${configMap('a')}---\n${configMap('b', 'k: &x [*x]\n')}`));
    expect(error.message).toContain(', in document 2');
  });

  it('cuts what it quotes', () => {
    const error = refusal(() => parse(`a: {${'k'.repeat(500)}: 1, ${'k'.repeat(500)}: 2}\n`));
    expect(error.message.length).toBeLessThan(200);
  });
});

describe('limits', () => {
  it('refuses too many bytes without reading them', () => {
    const error = refusal(() => parse(Buffer.alloc(50 * 1024 * 1024, 0xff)));
    expect(error.code).toBe('MANIFEST_TOO_LARGE');
    expect(error.message).toContain('33554432');
  });

  it('counts the bytes of all texts together', () => {
    const texts = [textOf(configMap('a')), textOf(configMap('b'))];
    const maxBytes = configMap('a').length * 2;
    expect(parseManifests(texts, { ...defaultManifestSettings, maxBytes })).toHaveLength(2);
    const limits = { ...defaultManifestSettings, maxBytes: maxBytes - 1 };
    expect(refusal(() => parseManifests(texts, limits)).code).toBe('MANIFEST_TOO_LARGE');
  });

  it.each([
    ['documents', Array.from({ length: 20_000 }, (_, i) => configMap(`a${i}`)).join('---\n')],
    [
      'items',
      `apiVersion: v1\nkind: List\nitems:\n${Array.from({ length: 20_000 }, (_, i) => `- {apiVersion: v1, kind: A, metadata: {name: a${i}}}\n`).join('')}`,
    ],
    [
      'JSON objects',
      Array.from({ length: 20_000 }, (_, i) => `{"apiVersion":"v1","kind":"A","metadata":{"name":"a${i}"}}`).join('\n'),
    ],
  ])('refuses 20,000 %s', (_, content) => {
    expect(refusal(() => parse(content)).code).toBe('MANIFEST_TOO_MANY');
  });

  it('counts the objects of all texts together, up to the limit', () => {
    const texts = [textOf(configMap('a')), textOf(configMap('b'))];
    expect(parseManifests(texts, { ...defaultManifestSettings, maxObjects: 2 })).toHaveLength(2);
    const limits = { ...defaultManifestSettings, maxObjects: 1 };
    expect(refusal(() => parseManifests(texts, limits)).code).toBe('MANIFEST_TOO_MANY');
  });

  it.each([
    ['flow sequences', (depth: number) => configMap('a', `v: ${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}\n`)],
    ['flow mappings', (depth: number) => configMap('a', `v: ${'{a: '.repeat(depth - 1)}${'}'.repeat(depth - 1)}\n`)],
    [
      'block mappings',
      (depth: number) =>
        configMap('a', `v:${Array.from({ length: depth - 1 }, (_, i) => `\n${' '.repeat(i + 1)}a:`).join('')}\n`),
    ],
    ['block sequences', (depth: number) => configMap('a', `v:\n  ${'- '.repeat(depth - 1)}x\n`)],
    [
      'JSON',
      (depth: number) =>
        `{"apiVersion":"v1","kind":"A","metadata":{"name":"a"},"v":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`,
    ],
  ])('bounds the depth of %s', (_, nested) => {
    expect(parse(nested(200))).toHaveLength(1);
    expect(refusal(() => parse(nested(201))).code).toBe('MANIFEST_DEPTH');
    expect(refusal(() => parse(nested(3_000))).code).toBe('MANIFEST_DEPTH');
  });

  it.each([
    ['empty lists', configMap('a', `v: [${'[],'.repeat(1_000_000)}]\n`)],
    ['empty entries', configMap('a', `v:\n${'-\n'.repeat(1_000_000)}`)],
    ['empty documents', '---\n'.repeat(2_000_010)],
    ['JSON values', `{"apiVersion":"v1","kind":"A","metadata":{"name":"a"},"v":[${'{},'.repeat(1_000_000)}0]}`],
    ['JSON documents', `{}${' null'.repeat(1_000_000)}`],
  ])('refuses a million %s', (_, content) => {
    expect(refusal(() => parse(content, { maxValues: 1_000_000 })).code).toBe('MANIFEST_TOO_MANY');
  });

  it('counts the values of all texts together', () => {
    const texts = [textOf(configMap('a')), textOf(configMap('b'))];
    // Each: the document, its object, and four keys with their values.
    const limits = { ...defaultManifestSettings, maxValues: 2 * 10 };
    expect(parseManifests(texts, limits)).toHaveLength(2);
    expect(refusal(() => parseManifests(texts, { ...limits, maxValues: 19 })).code).toBe('MANIFEST_TOO_MANY');
  });

  it('bounds what aliases repeat, in values and in characters', () => {
    const twenty = configMap('a', `v: &v [${'1,'.repeat(18)}]\nw: [*v]\n`);
    expect(parse(twenty, { maxAliasNodes: 19 })).toHaveLength(1);
    expect(refusal(() => parse(twenty, { maxAliasNodes: 18 })).code).toBe('MANIFEST_ALIASES');
    const long = configMap('a', `v: &v ${'x'.repeat(1_000_000)}\nw: [${'*v,'.repeat(50)}]\n`);
    expect(refusal(() => parse(long)).code).toBe('MANIFEST_ALIASES');
  });
});

describe('lists', () => {
  const list = `apiVersion: v1\nkind: List\nmetadata: {}\nitems:\n- ${configMap('a').replaceAll('\n', '\n  ')}\n- ${configMap('b').replaceAll('\n', '\n  ')}`;

  it('are expanded in place', () => {
    const manifests = parse(`${configMap('first')}---\n${list}\n---\n${configMap('last')}`);
    expect(manifests.map(({ index, identity }) => [index, identity.name])).toEqual([
      [0, 'first'],
      [1, 'a'],
      [2, 'b'],
      [3, 'last'],
    ]);
  });

  it('tell the place of each item', () => {
    const [, second] = parse(list);
    expect(describePlace(second?.origin ?? { file: '' })).toBe('x.yaml:10:3');
    expect(describePlace(second?.locate(['metadata', 'name']) ?? { file: '' })).toBe('x.yaml:13:11');
  });
});

describe('identity', () => {
  it.each([
    ['the same twice', configMap('a'), configMap('a')],
    [
      'another version of the group',
      'apiVersion: apps/v1\nkind: A\nmetadata: {name: a}\n',
      'apiVersion: apps/v2\nkind: A\nmetadata: {name: a}\n',
    ],
    [
      'an empty namespace and none',
      configMap('a'),
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: ""}\n',
    ],
  ])('refuses %s', (_, first, second) => {
    const error = refusal(() => parse(`${first}---\n${second}`));
    expect(error.code).toBe('MANIFEST_REPEATED');
    expect(error.message).toMatch(/^x\.yaml:\d+:1: .* was rendered already \(x\.yaml:1:1\)$/);
  });

  it.each([
    ['another namespace', 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: b}\n'],
    ['another group', 'apiVersion: x/v1\nkind: ConfigMap\nmetadata: {name: a}\n'],
    ['another kind', 'apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n'],
  ])('tells %s apart', (_, second) => {
    expect(parse(`${configMap('a')}---\n${second}`)).toHaveLength(2);
  });

  it.each(['argocd.argoproj.io/hook', 'helm.sh/hook'])('lets a %s be named at each sync', (annotation) => {
    const hook = `apiVersion: batch/v1\nkind: Job\nmetadata:\n  generateName: a-\n  annotations: {${annotation}: PreSync}\n`;
    expect(parse(`${hook}---\n${hook}`).map(({ identity }) => identity.name)).toEqual(['a-*', 'a-*']);
  });
});

describe('objects', () => {
  it('have no prototype, whatever their keys', () => {
    const [manifest] = parse(configMap('a', 'data:\n  __proto__: {polluted: yes}\n  constructor: x\n'));
    const data = manifest?.object['data'] as Record<string, unknown>;
    expect(Object.keys(data)).toEqual(['__proto__', 'constructor']);
    expect(Object.getPrototypeOf(data)).toBeNull();
    expect('polluted' in {}).toBe(false);
  });

  it('hold integers beyond a double exactly', () => {
    const [manifest] = parse(
      configMap('a', 'v: [9007199254740993, -9223372036854775808, 18446744073709551615, 9007199254740991]\n'),
    );
    expect(manifest?.object['v']).toEqual([9007199254740993n, -(2n ** 63n), 2n ** 64n - 1n, 9007199254740991]);
  });
});

describe('places', () => {
  it('are those of the text, to the column', () => {
    const [, manifest] = parse(
      `# c\n${configMap('a')}---\n${configMap('b', 'spec:\n  list:\n  - image: x\n    env: [{name: A}]\n')}`,
    );
    const at = (...path: (string | number)[]) => describePlace(manifest?.locate(path) ?? { file: '' });
    expect(manifest?.origin).toEqual({ file: 'x.yaml', document: 2, line: 7, column: 1 });
    expect(at()).toBe('x.yaml:7:1');
    expect(at('spec', 'list', 0, 'image')).toBe('x.yaml:13:12');
    expect(at('spec', 'list', 0, 'env', 0, 'name')).toBe('x.yaml:14:18');
    // The nearest that exists.
    expect(at('spec', 'list', 7, 'image')).toBe('x.yaml:13:3');
    expect(at('nothing')).toBe('x.yaml:7:1');
  });

  it('of aliased and merged values are where they are written', () => {
    const [manifest] = parse(configMap('a', 'v: &v\n  k: 1\nw: *v\nx:\n  <<: *v\n'));
    expect(describePlace(manifest?.locate(['w', 'k']) ?? { file: '' })).toBe('x.yaml:6:6');
    expect(describePlace(manifest?.locate(['x', 'k']) ?? { file: '' })).toBe('x.yaml:6:6');
  });

  it('survive CRLF and JSON', () => {
    const [crlf] = parse(`\r\n${configMap('a', 'v:\n  k: 1\n').replaceAll('\n', '\r\n')}`);
    expect(describePlace(crlf?.locate(['v', 'k']) ?? { file: '' })).toBe('x.yaml:7:6');
    const [, json] = parse(
      '{"apiVersion":"v1","kind":"A","metadata":{"name":"a"}}\n {"apiVersion":"v1","kind":"A",\n"metadata":{"name":"b"}}',
    );
    expect(describePlace(json?.locate(['metadata', 'name']) ?? { file: '' })).toBe('x.yaml:3:20');
  });
});
