import { describe, expect, it } from 'vitest';
import { compilePattern, matchAnyPattern } from '../../../../../src/checks/policy/kyverno/pattern/pattern.ts';
import { type JsonObject, type JsonValue, objectFrom } from '../../../../../src/core/json.ts';

type Expected = 'pass' | 'skip' | 'error' | `/${string}`;

/** `pass`, `skip`, `error`, or the place of the failure. */
function answer(pattern: JsonValue, resource: JsonValue): string {
  const result = compilePattern(pattern).match(resource);
  return result.kind === 'fail' ? result.at : result.kind;
}

function containers(...items: JsonObject[]): JsonObject {
  return { spec: { containers: items } };
}

describe('plain keys', () => {
  it.each<[string, JsonValue, JsonValue, Expected]>([
    ['every key is asked for', { a: '1', b: '2' }, { a: '1', b: '2', c: '3' }, 'pass'],
    ['a key is missing', { a: '1', b: '2' }, { a: '1' }, '/b/'],
    ['a star asks for a key', { a: '*' }, { b: '1' }, '/'],
    ['a star takes any value', { a: '*' }, { a: { b: 1 } }, 'pass'],
    ['a star does not take null', { a: { b: '*' } }, { a: { b: null } }, '/a/'],
    ['null asks for nothing to be there', { a: null }, {}, 'pass'],
    ['null is not there', { a: null }, { a: 'x' }, '/a/'],
    ['a map is no text', { a: { b: '1' } }, { a: 'b' }, '/a/'],
    ['a map is no list', { a: { b: '1' } }, { a: [{ b: '1' }] }, '/a/'],
    ['an empty map asks for a map', { a: {} }, { a: { b: 1 } }, 'pass'],
    ['an empty map does not take nothing', { a: {} }, {}, '/a/'],
    ['a list is no map', { a: [{ b: '1' }] }, { a: { b: '1' } }, '/a/'],
    ['an empty list takes nothing', { a: [] }, { a: [] }, '/a/'],
    ['every map of a list', containers({ image: '*:1' }), containers({ image: 'a:1' }, { image: 'b:1' }), 'pass'],
    [
      'one map of a list',
      containers({ image: '*:1' }),
      containers({ image: 'a:1' }, { image: 'b' }),
      '/spec/containers/1/image/',
    ],
    ['no map at all', containers({ image: '*:1' }), containers(), 'pass'],
    [
      'something else in a list of maps',
      containers({ image: '*:1' }),
      { spec: { containers: ['a'] } },
      '/spec/containers/0/',
    ],
    ['the second map of a pattern means nothing', { a: [{ b: '1' }, { b: '2' }] }, { a: [{ b: '1' }] }, 'pass'],
    ['lists in lists go by their index', { a: [['1'], ['2']] }, { a: [['1'], ['2'], ['3']] }, 'pass'],
    ['lists in lists differ', { a: [['1'], ['2']] }, { a: [['1'], ['3']] }, '/a/1/'],
    ['a list in a list is missing, and Kyverno cannot say where', { a: [['1'], ['2']] }, { a: [['1']] }, 'error'],
  ])('%s', (_, pattern, resource, expected) => expect(answer(pattern, resource)).toBe(expected));
});

describe('conditions', () => {
  const pattern = containers({ '(name)': 'web*', image: '*:1' });
  it.each<[string, JsonValue, JsonValue, Expected]>([
    ['one applies and holds', pattern, containers({ name: 'web', image: 'a:1' }), 'pass'],
    ['one applies and fails', pattern, containers({ name: 'web', image: 'a:2' }), '/spec/containers/0/image/'],
    ['none applies', pattern, containers({ name: 'db', image: 'a:2' }), 'skip'],
    ['one of two applies', pattern, containers({ name: 'db', image: 'x' }, { name: 'web', image: 'a:1' }), 'pass'],
    ['the key is absent', pattern, containers({ image: 'a:2' }), 'skip'],
    ['a condition over a map', { '(metadata)': { name: 'a' }, b: '1' }, { metadata: { name: 'a' }, b: '2' }, '/b/'],
    [
      'a condition over a map that is not met',
      { '(metadata)': { name: 'a' }, b: '1' },
      { metadata: {}, b: '2' },
      'skip',
    ],
    ['white space around the anchor', { ' (a) ': '1', b: '1' }, { a: '2' }, 'skip'],
    ['two conditions, of which one holds', { '(a)': '1', '(b)': '1', c: '1' }, { a: '1', b: '2', c: '2' }, 'skip'],
    ['a key with parentheses inside', { '((a))': '1', b: '1' }, { '(a)': '1', b: '2' }, '/b/'],
    ['empty parentheses are a key', { '()': '1' }, { '()': '1' }, 'pass'],
  ])('%s', (_, own, resource, expected) => expect(answer(own, resource)).toBe(expected));

  it('is an error to fail where a condition of another place was never met', () => {
    const own = { a: { '(b)': '1' }, c: '1' };
    expect(answer(own, { a: { b: '1' }, c: '2' })).toBe('/c/');
    expect(answer({ ...own, a: [{ '^(x)': [{ y: '1' }] }] }, { a: [{ z: 1 }], c: '2' })).toBe('error');
  });
});

describe('global conditions', () => {
  const pattern = { spec: { containers: [{ '<(image)': 'own/*' }], secrets: [{ name: 'pull' }] } };
  it.each<[string, JsonValue, JsonValue, Expected]>([
    ['holds', pattern, { spec: { containers: [{ image: 'own/a' }], secrets: [{ name: 'pull' }] } }, 'pass'],
    ['holds, and the rest fails', pattern, { spec: { containers: [{ image: 'own/a' }] } }, '/spec/secrets/'],
    ['does not hold', pattern, { spec: { containers: [{ image: 'a' }] } }, 'skip'],
    ['holds for one of two', pattern, { spec: { containers: [{ image: 'a' }, { image: 'own/a' }] } }, '/spec/secrets/'],
    ['is absent', pattern, { spec: { containers: [{}], secrets: [{ name: 'pull' }] } }, 'pass'],
  ])('%s', (_, own, resource, expected) => expect(answer(own, resource)).toBe(expected));
});

describe('equalities', () => {
  it.each<[string, JsonValue, JsonValue, Expected]>([
    ['present and equal', { '=(a)': { '=(b)': 'false' } }, { a: { b: false } }, 'pass'],
    ['present and different', { '=(a)': { '=(b)': 'false' } }, { a: { b: true } }, '/a/b/'],
    ['absent inside', { '=(a)': { '=(b)': 'false' } }, { a: {} }, 'pass'],
    ['absent', { '=(a)': { '=(b)': 'false' } }, {}, 'pass'],
    ['present and null', { '=(a)': { b: '1' } }, { a: null }, '/a/'],
    ['in a list', { '=(a)': [{ '=(b)': '!1' }] }, { a: [{}, { b: '1' }] }, '/a/1/b/'],
  ])('%s', (_, pattern, resource, expected) => expect(answer(pattern, resource)).toBe(expected));
});

describe('negations', () => {
  it.each<[string, JsonValue, JsonValue, Expected]>([
    ['absent', { 'X(a)': 'null', b: '1' }, { b: '1' }, 'pass'],
    ['present', { 'X(a)': 'null', b: '1' }, { a: 'x', b: '1' }, '/a/'],
    ['present and null', { 'X(a)': 'null' }, { a: null }, '/a/'],
    [
      'deep',
      { '=(spec)': { '=(volumes)': [{ 'X(hostPath)': 'null' }] } },
      { spec: { volumes: [{ hostPath: {} }] } },
      '/spec/volumes/0/hostPath/',
    ],
    ['under a condition that holds', { '(a)': '1', 'X(b)': 'null' }, { a: '1', b: 1 }, '/b/'],
    ['under a condition that does not hold', { '(a)': '1', 'X(b)': 'null' }, { a: '2', b: 1 }, 'skip'],
    ['before a condition that does not hold', { 'X(b)': 'null', '(z)': '1' }, { b: 1 }, 'skip'],
    ['its absence is no error where another key fails', { 'X(a)': 'null', b: '1' }, { b: '2' }, '/b/'],
  ])('%s', (_, pattern, resource, expected) => expect(answer(pattern, resource)).toBe(expected));
});

describe('existence', () => {
  const pattern = { '^(a)': [{ b: '1' }] };
  it.each<[string, JsonValue, JsonValue, Expected]>([
    ['one of two', pattern, { a: [{ b: '2' }, { b: '1' }] }, 'pass'],
    ['none', pattern, { a: [{ b: '2' }] }, '/a/'],
    ['an empty list', pattern, { a: [] }, '/a/'],
    ['absent', pattern, {}, 'pass'],
    ['no list', pattern, { a: { b: '1' } }, '/a/'],
    ['each item of the pattern', { '^(a)': [{ b: '1' }, { b: '2' }] }, { a: [{ b: '2' }, { b: '1' }] }, 'pass'],
    ['not each item of the pattern', { '^(a)': [{ b: '1' }, { b: '2' }] }, { a: [{ b: '1' }] }, '/a/'],
    [
      'a condition that does not hold exists nowhere',
      { '^(a)': [{ '(b)': '1', c: '1' }] },
      { a: [{ b: '2', c: '1' }] },
      '/a/',
    ],
  ])('%s', (_, own, resource, expected) => expect(answer(own, resource)).toBe(expected));
});

describe('keys of labels and annotations', () => {
  const labelled = (labels: JsonValue): JsonObject => ({ metadata: { labels } });
  it.each<[string, JsonValue, JsonValue, Expected]>([
    ['a wildcard', labelled({ 'team/*': '?*' }), labelled({ 'team/owner': 'me' }), 'pass'],
    [
      'a wildcard whose value differs',
      labelled({ 'team/*': 'me' }),
      labelled({ 'team/owner': 'you' }),
      '/metadata/labels/team/owner/',
    ],
    ['a wildcard that no key fits', labelled({ 'team/*': '?*' }), labelled({ app: 'a' }), '/metadata/labels/team/*/'],
    ['a negation', labelled({ 'X(team/*)': 'null' }), labelled({ 'team/owner': 'me' }), '/metadata/labels/team/owner/'],
    ['an equality', labelled({ '=(team/*)': 'me' }), labelled({ 'team/owner': 'you' }), '/metadata/labels/team/owner/'],
    ['a condition', labelled({ '(team/*)': 'me', app: '1' }), labelled({ 'team/owner': 'you' }), 'skip'],
    [
      'every key that a wildcard fits',
      labelled({ 'team/*': 'me' }),
      labelled({ 'team/a': 'me', 'team/b': 'you' }),
      '/metadata/labels/team/b/',
    ],
    [
      'the labels of a template',
      { spec: { template: labelled({ 'a*': '1' }) } },
      { spec: { template: labelled({ ab: '1' }) } },
      'pass',
    ],
    [
      'labels under an anchor',
      { '=(metadata)': { '=(labels)': { 'a*': '1' } } },
      labelled({ ab: '2' }),
      '/metadata/labels/ab/',
    ],
    [
      'a value that is no text is forgotten where there are labels',
      labelled({ app: 5 }),
      labelled({ app: '6' }),
      'pass',
    ],
    ['and compared where there are none', labelled({ app: 5 }), { metadata: {} }, '/metadata/labels/'],
    ['no wildcards in other maps', { data: { 'a*': '1' } }, { data: { ab: '1' } }, '/data/a*/'],
  ])('%s', (_, pattern, resource, expected) => expect(answer(pattern, resource)).toBe(expected));
});

describe('messages', () => {
  it.each<[JsonValue, JsonValue, string]>([
    [{ a: '>5' }, { a: 1 }, "resource value '1' does not match '>5' at path /a/"],
    [
      { a: 'x' },
      { a: [1, null, { b: [true] }] },
      "resource value '[1 <nil> map[b:[true]]]' does not match 'x' at path /a/",
    ],
    [{ a: 'x' }, {}, "resource value '<nil>' does not match 'x' at path /a/"],
    [
      { a: {} },
      { a: 5 },
      'pattern and resource have different structures. Path: /a/. Expected map[string]interface {}, found int64',
    ],
    [
      { a: [{}] },
      { a: 5 },
      'validation rule failed at path /a/, resource does not satisfy the expected overlay pattern',
    ],
    [{ a: { b: '*' } }, { a: {} }, '/a//b not found'],
    [{ 'X(a)': 'null' }, { a: 1 }, 'negation anchor matched in resource: /a/ is not allowed'],
    [{ '(a)': '1' }, { a: '2' }, "conditional anchor mismatch: resource value '2' does not match '1' at path /a/"],
    [{ '(a)': '1' }, {}, "conditional anchor mismatch: conditional anchor key doesn't exist in the resource"],
    [
      { '<(a)': '1' },
      { a: 1_500_000.5 },
      "global anchor mismatch: resource value '1.5000005e+06' does not match '1' at path /a/",
    ],
    [{ '^(a)': [{ b: 1 }] }, { a: [] }, 'existence anchor validation failed at path /a/'],
    [
      { a: [{ '(b)': '1' }] },
      { a: [{ b: '2' }, {}] },
      "conditional anchor mismatch: resource value '2' does not match '1' at path /a/0/b/; " +
        "conditional anchor mismatch: conditional anchor key doesn't exist in the resource",
    ],
  ])('%j and %j', (pattern, resource, expected) => {
    expect(compilePattern(pattern).match(resource)).toHaveProperty('message', expected);
  });

  it('names the place in the object', () => {
    const result = compilePattern(containers({ image: 'a' })).match(containers({ image: 'a' }, { image: 'b' }));
    expect(result).toMatchObject({ kind: 'fail', path: ['spec', 'containers', 1, 'image'] });
  });

  it('cuts what is too long to read', () => {
    const result = compilePattern({ a: 'x' }).match({ a: 'y'.repeat(1_000_000), b: 1 });
    expect(result.kind).toBe('fail');
    const listed = compilePattern({ a: 'x' }).match({ a: ['y'.repeat(1_000_000)] });
    expect(listed.kind === 'fail' && listed.message.length).toBeLessThan(20_000);
  });
});

describe('hostile objects', () => {
  it('does not print a reason for each of a hundred thousand items', () => {
    const items = Array.from({ length: 100_000 }, (_, index) => ({ a: `${index}` }));
    const result = compilePattern({ list: [{ '(a)': 'x', b: '1' }] }).match({ list: items });
    expect(result.kind).toBe('skip');
    expect(result.kind === 'skip' && result.message.length).toBeLessThan(70_000);
  });

  it('does not skip for the words of a skip in a value', () => {
    expect(answer({ a: 'x' }, { a: 'conditional anchor mismatch' })).toBe('/a/');
    expect(answer({ a: 'x' }, { a: 'global anchor mismatch' })).toBe('/a/');
    expect(answer({ '(b)': '1', a: 'x' }, { b: '1', a: 'conditional anchor mismatch' })).toBe('/a/');
  });

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])('takes %s for a key like any other', (key) => {
    const pattern = objectFrom([[key, '*']]);
    expect(answer(pattern, {})).toBe('/');
    expect(answer(pattern, objectFrom([[key, 'a']]))).toBe('pass');
    expect(answer(objectFrom([[`X(${key})`, 'null']]), {})).toBe('pass');
    expect(answer(objectFrom([[`(${key})`, 'x']]), {})).toBe('skip');
  });

  it('ends for a pattern and an object that are both deep', () => {
    let pattern: JsonValue = 'x';
    let resource: JsonValue = 'x';
    for (let i = 0; i < 2000; i++) {
      pattern = { a: pattern };
      resource = { a: resource };
    }
    expect(['pass', 'error']).toContain(answer(pattern, resource));
  });
});

describe('anyPattern', () => {
  const patterns = [{ a: '1' }, { b: '1' }];
  it('passes with the first that passes', () => {
    expect(matchAnyPattern(patterns, { a: '1' }, 'r')).toEqual({ kind: 'pass', index: 0 });
    expect(matchAnyPattern(patterns, { a: '2', b: '1' }, 'r')).toEqual({ kind: 'pass', index: 1 });
  });

  it('fails where one fails, even where another skips', () => {
    expect(matchAnyPattern([{ '(a)': '1' }, { b: '1' }], { a: '2', b: '2' }, 'r')).toEqual({
      kind: 'fail',
      path: ['b'],
      message: 'rule r[1] failed at path /b/',
    });
  });

  it('says why each failed', () => {
    expect(matchAnyPattern([{ a: '1' }, { c: [['1']] }], { c: [] }, 'r')).toMatchObject({
      message:
        'rule r[0] failed at path /a/ rule r[1] failed: ' +
        'validate Array failed, array length mismatch, resource Array len is 0 and pattern Array len is 1',
    });
  });

  it('skips where every pattern skips', () => {
    const result = matchAnyPattern([{ '(a)': '1' }, { '(b)': '1' }], {}, 'r');
    const reason = "conditional anchor mismatch: conditional anchor key doesn't exist in the resource";
    expect(result).toEqual({ kind: 'skip', message: `rule r[0] skipped: ${reason} rule r[1] skipped: ${reason}` });
  });

  it('says nothing without patterns', () => {
    expect(matchAnyPattern([], {}, 'r')).toEqual({ kind: 'empty' });
  });
});
