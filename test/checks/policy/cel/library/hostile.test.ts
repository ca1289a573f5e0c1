import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  AddressError,
  formatAddress,
  parseAddress,
  parsePrefix,
} from '../../../../../src/checks/policy/cel/library/address.ts';
import { fixedText, scientificParts } from '../../../../../src/checks/policy/cel/library/decimal-text.ts';
import { formatUrl, parseUrl, UrlError } from '../../../../../src/checks/policy/cel/library/url-parts.ts';
import { kubernetes, kyverno } from '../../../../../src/checks/policy/cel/profiles.ts';
import { ask } from './ask.ts';

const server = kubernetes('1.37');

describe('results that would fill the memory are refused', () => {
  const big = 'a'.repeat(10_000);
  it.each([
    'object.t.replace("", object.t)',
    '[object.t, object.t].join(object.t.replace("", object.t))',
    'lists.range(9223372036854775807)',
    '"%.999f".format([1e300]) + "%.1001f".format([1.0])',
    '"%.99999999999999999999f".format([1.0])',
    'quantity("1e2000000000").add(quantity("1"))',
    'string(object.t.find("((a{100}){100}){100}"))',
  ])('%s', (source) => {
    expect(ask(server, source, { t: big })).toMatch(/^(?:work|evaluation|type): /);
  });

  it('whatever the keys are called', () => {
    const object = JSON.parse('{"__proto__":"a","constructor":"b","toString":"c"}');
    expect(ask(server, 'object["__proto__"] + object.constructor + object.toString', object)).toBe('abc');
    expect(ask(server, '{"__proto__": 1}.transformMap(k, v, v + 1)["__proto__"]')).toBe(2);
    expect(ask(server, 'format.named("constructor").hasValue()')).toBe(false);
    const sums = '[{"k": "__proto__"}], [{"v": 1}], "k", "v")';
    expect(ask(kyverno('1.19'), `listObjToMap(${sums}.size()`)).toBe(1);
  });

  it('a long list is gone through in time', () => {
    const object = { l: Array.from({ length: 20_000 }, (_, i) => `a${i}`), t: 'a'.repeat(2_000_000) };
    expect(ask(server, 'object.l.distinct().size() > 0 || true', object)).toMatch(/^cost: /);
    expect(ask(server, 'sets.contains(object.l, object.l) || true', object)).toMatch(/^cost: /);
    expect(ask(server, 'object.t.findAll("").size() > 0 || true', object)).toMatch(/^work: /);
    expect(ask(server, 'object.l.indexOf("none") + object.l.lastIndexOf("none")', object)).toBe(-2);
    expect(ask(server, 'object.l.isSorted()', object)).toBe(false);
  });
});

describe('readers of any text', () => {
  const address = fc.string({ unit: fc.constantFrom(...'0123456789abcdefF:./% '), maxLength: 45 });

  it('of addresses and prefixes', () => {
    fc.assert(
      fc.property(address, (text) => {
        for (const read of [parseAddress, parsePrefix]) {
          try {
            read(text);
          } catch (error) {
            expect(error).toBeInstanceOf(AddressError);
          }
        }
      }),
    );
  });

  it('of addresses as they are written', () => {
    const any = fc.oneof(fc.ipV4(), fc.ipV6());
    fc.assert(
      fc.property(any, (text) => {
        const printed = formatAddress(parseAddress(text));
        expect(formatAddress(parseAddress(printed))).toBe(printed);
      }),
    );
  });

  it('of URLs, which stay what they are when they are put together again', () => {
    const url = fc.string({ unit: fc.constantFrom(...'ahttp:/?#[]@%41 é&=;'), maxLength: 30 });
    fc.assert(
      fc.property(fc.oneof(url, fc.webUrl({ withFragments: true, withQueryParameters: true })), (text) => {
        try {
          const printed = formatUrl(parseUrl(text));
          expect(formatUrl(parseUrl(Buffer.from(printed, 'latin1').toString()))).toBe(printed);
        } catch (error) {
          expect(error).toBeInstanceOf(UrlError);
        }
      }),
    );
  });

  it('of any expression over any text', () => {
    const functions = [
      'url(object)',
      'ip(object)',
      'cidr(object)',
      'quantity(object)',
      'semver(object)',
      'object.trim()',
    ];
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 30 }), fc.constantFrom(...functions), (text, source) => {
        expect(() => ask(server, `string([${source}].size())`, text)).not.toThrow();
      }),
    );
  });
});

describe('digits', () => {
  it.each([
    [0.5, 0, '0'],
    [1.5, 0, '2'],
    [2.5, 0, '2'],
    [0.125, 2, '0.12'],
    [1.005, 2, '1.00'],
    [-0, 1, '-0.0'],
    [1e21, 1, '1000000000000000000000.0'],
    [5e-324, 3, '0.000'],
    [0.1, 20, '0.10000000000000000555'],
  ])('%d with %i decimals is %s', (value, precision, text) => {
    expect(fixedText(value, precision)).toBe(text);
  });

  it('agree with the number', () => {
    fc.assert(
      fc.property(
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.integer({ min: 0, max: 20 }),
        (value, precision) => {
          const text = fixedText(value, precision);
          expect(Math.abs(Number(text) - value)).toBeLessThanOrEqual(0.5 * 10 ** -precision + Math.abs(value) * 1e-15);
          const { mantissa, exponent } = scientificParts(value, 20);
          expect(Number(`${mantissa}e${exponent}`)).toBe(value);
        },
      ),
    );
  });
});
