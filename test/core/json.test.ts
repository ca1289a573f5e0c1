import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, type JsonValue, objectFrom, valueAt, withValueAt } from '../../src/core/json.ts';

describe('canonical JSON', () => {
  it.each<[string, JsonValue, string]>([
    [
      'keys by their UTF-8 bytes',
      objectFrom([
        ['b', 1],
        ['a', 2],
        ['B', 3],
      ]),
      '{"B":3,"a":2,"b":1}',
    ],
    [
      'a key beyond the basic plane after every other, as in UTF-8',
      objectFrom([
        ['\u{1f600}', 1],
        ['\uffee', 2],
      ]),
      '{"\uffee":2,"\u{1f600}":1}',
    ],
    [
      'a prefix before what it begins',
      objectFrom([
        ['ab', 1],
        ['a', 2],
      ]),
      '{"a":2,"ab":1}',
    ],
    [
      'numbers as keys in the order of their texts',
      objectFrom([
        ['10', 1],
        ['9', 2],
      ]),
      '{"10":1,"9":2}',
    ],
    ['an integer beyond doubles to its last digit', 9007199254740993n, '9007199254740993'],
    ['minus zero', -0, '-0'],
    ['text with quotes and controls', 'a"\n\u0001', '"a\\"\\n\\u0001"'],
    ['a list in its order', [3, null, true, 'x', []], '[3,null,true,"x",[]]'],
    ['an empty object', objectFrom([]), '{}'],
    [
      'a key that every object has',
      objectFrom([
        ['__proto__', 1],
        ['constructor', 2],
      ]),
      '{"__proto__":1,"constructor":2}',
    ],
  ])('writes %s', (_, value, text) => expect(canonicalJson(value)).toBe(text));

  it('is read back as the same value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        // Not by way of JSON.stringify, which forgets the sign of zero.
        expect(JSON.parse(canonicalJson(value as JsonValue))).toEqual(value);
      }),
    );
  });

  it('does not depend on the order in which keys were written', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.integer()), (entries) => {
        const there = Object.entries(entries);
        expect(canonicalJson(objectFrom(there))).toBe(canonicalJson(objectFrom(there.reverse())));
      }),
    );
  });

  it('sorts keys as Go sorts strings, by bytes', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string({ unit: 'grapheme' }), { minLength: 2 }), (keys) => {
        const object = objectFrom(keys.map((key) => [key, 0]));
        const written = [...canonicalJson(object).matchAll(/"((?:[^"\\]|\\.)*)":0/gs)].map((match) =>
          JSON.parse(`"${match[1]}"`),
        );
        expect(written).toEqual([...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
      }),
    );
  });
});

const tree = objectFrom([
  ['spec', objectFrom([['containers', [objectFrom([['image', 'a']]), objectFrom([['image', 'b']])]]])],
  ['__proto__', 'mine'],
]);

describe('the value at a path', () => {
  it.each<[string, readonly (string | number)[], JsonValue | undefined]>([
    ['the tree itself', [], tree],
    ['a value in a list', ['spec', 'containers', 1, 'image'], 'b'],
    ['a key that JavaScript knows otherwise', ['__proto__'], 'mine'],
    ['nothing where a key is missing', ['spec', 'volumes'], undefined],
    ['nothing beyond a list', ['spec', 'containers', 2], undefined],
    ['nothing below a text', ['spec', 'containers', 0, 'image', 'length'], undefined],
    ['nothing that is inherited', ['toString'], undefined],
  ])('is %s', (_, path, value) => expect(valueAt(tree, path)).toBe(value));
});

describe('a tree with one value replaced', () => {
  const path = ['spec', 'containers', 1, 'image'];
  const changed = withValueAt(tree, path, 'B');

  it('has the new value, and the old tree does not', () => {
    expect(valueAt(changed, path)).toBe('B');
    expect(valueAt(tree, path)).toBe('b');
  });

  it('shares what is off the path', () => {
    expect(valueAt(changed, ['spec', 'containers', 0])).toBe(valueAt(tree, ['spec', 'containers', 0]));
  });

  it('keeps keys that JavaScript knows otherwise', () => expect(valueAt(changed, ['__proto__'])).toBe('mine'));
});
