import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addQuantities,
  compareQuantities,
  formatQuantity,
  parseQuantity,
  type Quantity,
  QuantityRangeError,
  quantityAsFloat,
  quantityAsInteger,
  quantityFromDecimal,
  quantityFromNumber,
  quantitySign,
  subtractQuantities,
} from '../../../../src/checks/policy/values/quantity.ts';

function quantity(text: string): Quantity {
  const parsed = parseQuantity(text);
  if (parsed === undefined) throw new Error(`${text} is no quantity`);
  return parsed;
}

describe('reading quantities', () => {
  // What kube-apiserver 1.36 prints for each.
  it.each([
    ['0', '0'],
    ['00', '0'],
    ['-0', '0'],
    ['Ki', '0'],
    ['-', '0'],
    ['.', '0'],
    ['1', '1'],
    ['+1', '+1'],
    ['01', '01'],
    ['1.500', '1.500'],
    ['1.5', '1500m'],
    ['0.5', '500m'],
    ['.5', '500m'],
    ['-0.5', '-500m'],
    ['1000m', '1'],
    ['1500m', '1500m'],
    ['100u', '100u'],
    ['1n', '1n'],
    ['0.1n', '1n'],
    ['-0.1n', '-1n'],
    ['1000', '1k'],
    ['12345', '12345'],
    ['1e3', '1e3'],
    ['1E3', '1E3'],
    ['1e4', '10e3'],
    ['1e-2', '10e-3'],
    ['1e+3', '1e+3'],
    ['1Ki', '1Ki'],
    ['1024Mi', '1Gi'],
    ['1025Mi', '1025Mi'],
    ['1024', '1024'],
    ['1.1Ki', '1126400m'],
    ['1.5Gi', '1536Mi'],
    ['0.5Ki', '512'],
    ['0.0001Ki', '102400u'],
    ['1Ei', '1Ei'],
    ['100Ei', '9223372036854775807'],
    ['1000000E', '1'],
    ['9223372036854775808', '9223372036854775808'],
    ['1.0000000000000000001', '1000000001n'],
    ['E', '0'],
  ])('%s prints as %s', (text, printed) => {
    expect(formatQuantity(quantity(text))).toBe(printed);
  });

  it.each([
    '',
    ' 1',
    '1 ',
    '1x',
    'abc',
    '1Kii',
    '1e',
    '1e5e',
    '1K',
    '1.2.3',
    '--1',
    '1mm',
    '0x10',
    '1_000',
    '١',
    'e-10',
    '1e99999999999999999999',
  ])('refuses %j', (text) => {
    expect(parseQuantity(text)).toBeUndefined();
  });
});

describe('comparing and calculating', () => {
  it.each([
    ['1', '1000m', 0],
    ['1Ki', '1k', 1],
    ['1Gi', '1024Mi', 0],
    ['-1', '1', -1],
    ['-2', '-1', -1],
    ['0', '-0', 0],
    ['1e3', '1k', 0],
    ['1e2000000000', '2', 1],
    ['1', '1e2000000000', -1],
    ['-1e2000000000', '1n', -1],
    ['1e2000000000', '10e1999999999', 0],
    ['1e100', '1e-9', 1],
  ])('%s against %s is %i', (a, b, order) => {
    expect(compareQuantities(quantity(a), quantity(b))).toBe(order);
    expect(compareQuantities(quantity(b), quantity(a))).toBe(order === 0 ? 0 : -order);
  });

  it.each([
    ['1', '1', '2', '0'],
    ['1Ki', '1k', '2024', '24'],
    ['1Gi', '1Mi', '1025Mi', '1023Mi'],
    ['0', '1Ki', '1Ki', '-1Ki'],
    ['500m', '500m', '1', '0'],
    ['1', '1n', '1000000001n', '999999999n'],
    ['9223372036854775807', '1', '9223372036854775808', '9223372036854775806'],
  ])('%s and %s: sum %s, difference %s', (a, b, sum, difference) => {
    expect(formatQuantity(addQuantities(quantity(a), quantity(b)))).toBe(sum);
    expect(formatQuantity(subtractQuantities(quantity(a), quantity(b)))).toBe(difference);
  });

  it('refuses a sum that would fill the memory', () => {
    expect(() => addQuantities(quantity('1e2000000000'), quantity('1'))).toThrow(QuantityRangeError);
  });

  it.each([
    ['1', 1n],
    ['1k', 1000n],
    ['2Ki', 2048n],
    ['1000m', undefined],
    ['1.0', undefined],
    ['9223372036854775807', undefined],
    ['10E', undefined],
  ])('%s as an integer is %s', (text, value) => {
    expect(quantityAsInteger(quantity(text))).toBe(value);
  });

  it.each([
    ['1500m', 1.5],
    ['1e400', Number.POSITIVE_INFINITY],
    ['-1e400', Number.NEGATIVE_INFINITY],
    ['1n', 1e-9],
    ['2.0000000001234567890123', 2.000000001],
  ])('%s as a float is %d', (text, value) => {
    expect(quantityAsFloat(quantity(text))).toBe(value);
  });

  it('makes quantities of numbers', () => {
    expect(formatQuantity(quantityFromNumber(1500, 'DecimalSI'))).toBe('1500');
    expect(formatQuantity(quantityFromNumber(2048n, 'BinarySI'))).toBe('2Ki');
    expect(formatQuantity(quantityFromNumber(12_000, 'DecimalExponent'))).toBe('12e3');
    expect(formatQuantity(quantityFromDecimal(15n, 1, 'DecimalSI'))).toBe('1500m');
    expect(quantitySign(quantity('-1m'))).toBe(-1);
  });

  it('adds and takes away again', () => {
    const text = fc.tuple(fc.integer({ min: -1e9, max: 1e9 }), fc.constantFrom('', 'm', 'k', 'Ki', 'Mi', 'u', 'e3'));
    fc.assert(
      fc.property(text, text, ([a, unit], [b, other]) => {
        const left = quantity(`${a}${unit}`);
        const right = quantity(`${b}${other}`);
        const sum = addQuantities(left, right);
        expect(compareQuantities(subtractQuantities(sum, right), left)).toBe(0);
        expect(compareQuantities(quantity(formatQuantity(sum)), sum)).toBe(0);
      }),
    );
  });

  it('reads any text without throwing', () => {
    const letters = fc.string({ unit: fc.constantFrom(...'+-.0123456789eEinumkKMGTPx '), maxLength: 40 });
    fc.assert(
      fc.property(letters, (text) => {
        const parsed = parseQuantity(text);
        if (parsed !== undefined) expect(typeof quantityAsFloat(parsed)).toBe('number');
      }),
    );
  });
});
