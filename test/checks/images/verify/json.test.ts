import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBase64, Malformed, parseStrictJson } from '../../../../src/checks/images/verify/json.ts';
import { fuzzRuns } from '../../../support/fuzz-runs.ts';

const parse = (text: string) => parseStrictJson(Buffer.from(text));
/** Objects of the parser have no prototype, and its large integers are exact. */
const plain = (value: unknown) =>
  JSON.parse(JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? Number(each) : each))) as unknown;

describe('strict JSON', () => {
  it('reads what JSON.parse reads', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(plain(parse(text))).toEqual(plain(JSON.parse(text)));
      }),
    );
  });

  it('refuses whatever JSON.parse refuses', () => {
    const text = fc.array(
      fc.constantFrom(
        '{',
        '}',
        '[',
        ']',
        ':',
        ',',
        '"a"',
        '"b"',
        '1',
        '-',
        '.',
        'e',
        '0',
        'true',
        'nul',
        ' ',
        '\\',
        '"',
        '\n',
      ),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(text, (parts) => {
        const written = parts.join('');
        let value: unknown;
        try {
          value = JSON.parse(written);
        } catch {
          expect(() => parse(written)).toThrow(Malformed);
          return;
        }
        // What both read is the same; what only JSON.parse reads has a key twice.
        try {
          expect(plain(parse(written))).toEqual(plain(value));
        } catch (error) {
          expect((error as Error).message).toMatch(/twice/);
        }
      }),
      { numRuns: fuzzRuns(2000) },
    );
  });

  it.each([
    ['a key twice', '{"a":1,"a":1}'],
    ['a key twice by escape', '{"a":1,"\\u0061":2}'],
    ['a key twice, deep', '[{"a":{"b":1,"b":2}}]'],
    ['__proto__ twice', '{"__proto__":1,"__proto__":2}'],
    ['a comma at the end', '[1,]'],
    ['two values', '{} {}'],
    ['a comment', '{}//'],
    ['single quotes', "{'a':1}"],
    ['NaN', 'NaN'],
    ['a plus', '+1'],
    ['a zero before', '01'],
    ['a control character', '"\u0001"'],
    ['a raw newline', '"\n"'],
    ['an escape that is none', '"\\x41"'],
    ['a byte order mark', '\ufeff{}'],
    ['nothing', ''],
    ['65 levels', `${'['.repeat(66)}${']'.repeat(66)}`],
  ])('refuses %s', (_, text) => expect(() => parse(text)).toThrow(Malformed));

  it('refuses bytes that are not UTF-8', () => {
    expect(() => parseStrictJson(Buffer.from([0x22, 0xff, 0x22]))).toThrow(Malformed);
    expect(() => parseStrictJson(Buffer.from([0x22, 0xc0, 0xaf, 0x22]))).toThrow(Malformed);
  });

  it.each<[string, unknown]>([
    ['9007199254740991', 9007199254740991],
    ['9007199254740993', 9007199254740993n],
    ['-9007199254740993', -9007199254740993n],
    ['1e3', 1000],
    ['1.5', 1.5],
  ])('reads the number %s as it is written', (text, value) => expect(parse(text)).toBe(value));

  it.each(['1e999', '-1e999', `1${'0'.repeat(400)}`])('refuses a number beyond all bounds', (text) => {
    expect(() => parse(text)).toThrow(Malformed);
  });

  it('keeps keys that a prototype would swallow', () => {
    const value = parse('{"__proto__":{"a":1},"constructor":2}') as Record<string, unknown>;
    expect(Object.keys(value)).toEqual(['__proto__', 'constructor']);
    expect(Object.getPrototypeOf(value)).toBeNull();
  });

  it('reads a string of ten megabytes', () => {
    expect((parse(`"${'a'.repeat(10_000_000)}"`) as string).length).toBe(10_000_000);
    expect((parse(`"${'\\n'.repeat(1_000_000)}"`) as string).length).toBe(1_000_000);
  });
});

describe('base64', () => {
  it('is read in its one spelling', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1 }), (bytes) => {
        expect(Buffer.from(decodeBase64(Buffer.from(bytes).toString('base64'), 'it'))).toEqual(Buffer.from(bytes));
      }),
    );
  });
  it.each(['', 'AAA', 'AAB=', 'AA==AA==', 'A A=', 'AAA=\n', '-_-_', 'AAAA=', '%%%%'])('is refused: %j', (text) => {
    expect(() => decodeBase64(text, 'it')).toThrow(Malformed);
  });
});
