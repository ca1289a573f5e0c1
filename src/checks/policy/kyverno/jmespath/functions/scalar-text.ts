import type { Value } from '../value.ts';

/**
 * A scalar as Kyverno's functions turn it into text: numbers without an exponent, and through a float32, which keeps
 * seven digits or so: 16777217 becomes 16777216. Undefined for null, lists and objects.
 */
export function scalarText(value: Value): string | undefined {
  switch (typeof value) {
    case 'string':
      return value;
    case 'boolean':
    case 'bigint':
      return String(value);
    case 'number':
      return singlePrecision(value);
    default:
      return undefined;
  }
}

function singlePrecision(value: number): string {
  const single = Math.fround(value);
  if (Number.isNaN(single)) return 'NaN';
  if (!Number.isFinite(single)) return single > 0 ? '+Inf' : '-Inf';
  if (single === 0) return Object.is(single, -0) ? '-0' : '0';
  let shortest = '';
  for (let digits = 1; digits <= 9; digits++) {
    shortest = single.toExponential(digits - 1);
    if (Math.fround(Number(shortest)) === single) break;
  }
  return withoutExponent(shortest);
}

function withoutExponent(text: string): string {
  const [mantissa = '', exponent = '0'] = text.split('e');
  const sign = mantissa.startsWith('-') ? '-' : '';
  const digits = mantissa.replace(/[-.]/g, '');
  const point = Number(exponent) + 1;
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  if (point >= digits.length) return sign + digits.padEnd(point, '0');
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}
