/**
 * Quantities of Kubernetes (`500m`, `1Gi`, `1e3`), by the rules of apimachinery's resource.Quantity: what it accepts,
 * how it compares, adds and prints. Policies compare and print them, so the oddities count too: `Ki` is zero, `1.500`
 * prints as it was written, and `0.5` as `500m`.
 */
type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent';

/** `value × 10^exponent`, immutable. */
export interface Quantity {
  readonly value: bigint;
  readonly exponent: number;
  readonly format: QuantityFormat;
  /** Held as a decimal of any size, and no longer as an int64 with a scale: such a one never counts as an integer. */
  readonly big: boolean;
  /** How it was written, where that already is its canonical form. */
  readonly text?: string;
}

/** An operation whose exact result would have more digits than anything in a cluster: `1e999999999 + 1`. */
export class QuantityRangeError extends Error {
  override readonly name = 'QuantityRangeError';
}

const maxInt64 = 2n ** 63n - 1n;
const minInt64 = -(2n ** 63n);
/** Nano is the smallest unit that a quantity keeps. */
const smallestExponent = -9;
const maxInt64Digits = 18;
/** Exponents come from the text, so a short text could ask for a number that fills the memory. */
const maxDigits = 20_000;

const suffixes: ReadonlyMap<
  string,
  { readonly base: 2 | 10; readonly exponent: number; readonly format: QuantityFormat }
> = new Map([
  ['n', { base: 10, exponent: -9, format: 'DecimalSI' }],
  ['u', { base: 10, exponent: -6, format: 'DecimalSI' }],
  ['m', { base: 10, exponent: -3, format: 'DecimalSI' }],
  ['', { base: 10, exponent: 0, format: 'DecimalSI' }],
  ['k', { base: 10, exponent: 3, format: 'DecimalSI' }],
  ['M', { base: 10, exponent: 6, format: 'DecimalSI' }],
  ['G', { base: 10, exponent: 9, format: 'DecimalSI' }],
  ['T', { base: 10, exponent: 12, format: 'DecimalSI' }],
  ['P', { base: 10, exponent: 15, format: 'DecimalSI' }],
  ['E', { base: 10, exponent: 18, format: 'DecimalSI' }],
  ['Ki', { base: 2, exponent: 10, format: 'BinarySI' }],
  ['Mi', { base: 2, exponent: 20, format: 'BinarySI' }],
  ['Gi', { base: 2, exponent: 30, format: 'BinarySI' }],
  ['Ti', { base: 2, exponent: 40, format: 'BinarySI' }],
  ['Pi', { base: 2, exponent: 50, format: 'BinarySI' }],
  ['Ei', { base: 2, exponent: 60, format: 'BinarySI' }],
] as const);
const decimalUnits = new Map(
  [...suffixes].filter(([, unit]) => unit.base === 10).map(([name, unit]) => [unit.exponent, name]),
);
const binaryUnits = new Map(
  [...suffixes].filter(([, unit]) => unit.base === 2).map(([name, unit]) => [unit.exponent, name]),
);

/** Sign, whole digits, fraction, unit. Every part may be missing, but the text may not be empty. */
const shape = /^([+-]?)([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)$/;

/** Reads a quantity; undefined where Kubernetes refuses it. */
export function parseQuantity(text: string): Quantity | undefined {
  if (text === '') return undefined;
  if (text === '0') return { value: 0n, exponent: 0, format: 'DecimalSI', big: false, text };
  const parts = shape.exec(text);
  if (parts === null) return undefined;
  const [, sign = '', whole = '', fraction = '', suffix = ''] = parts;
  const unit = readSuffix(suffix);
  if (unit === undefined) return undefined;
  const significant = whole.replace(/^0+/, '') || '0';
  return parseSmall(text, sign, significant, fraction, unit) ?? parseBig(sign, whole + fraction, fraction.length, unit);
}

interface Unit {
  readonly base: 2 | 10;
  readonly exponent: number;
  readonly format: QuantityFormat;
}

function readSuffix(suffix: string): Unit | undefined {
  const known = suffixes.get(suffix);
  if (known !== undefined) return known;
  const exponent = /^[eE]([+-]?[0-9]+)$/.exec(suffix)?.[1];
  if (exponent === undefined || exponent.length > 4096) return undefined;
  const value = BigInt(exponent.replace('+', ''));
  if (value > maxInt64 || value < minInt64) return undefined;
  // The exponent is cut to 32 bits without a word.
  return { base: 10, exponent: Number(BigInt.asIntN(32, value)), format: 'DecimalExponent' };
}

/** The common case: up to eighteen digits, which fit an int64. Undefined where the value needs the other form. */
function parseSmall(text: string, sign: string, whole: string, fraction: string, unit: Unit): Quantity | undefined {
  const digits = whole.length + fraction.length;
  let multiplier = 1n;
  let exponent = 0;
  if (unit.base === 10) {
    if (digits > maxInt64Digits) return undefined;
    exponent = unit.exponent;
  } else {
    if (fraction !== '' || 15 - whole.length - Math.trunc((unit.exponent * 3) / 10) - 1 < 0) return undefined;
    multiplier = 1n << BigInt(unit.exponent);
  }
  exponent = (exponent - fraction.length) | 0;
  if (exponent < smallestExponent) return undefined;
  const shifted = whole + fraction;
  const magnitude = BigInt(shifted);
  const scaled = magnitude * multiplier;
  if (scaled > maxInt64) return undefined;
  const value = sign === '-' ? -scaled : scaled;
  const canonical =
    unit.base === 2
      ? (magnitude & 7n) !== 0n
      : exponent % 3 === 0 && !shifted.endsWith('000') && !shifted.startsWith('0');
  return { value, exponent, format: unit.format, big: false, ...(canonical ? { text } : {}) };
}

function parseBig(sign: string, digits: string, decimals: number, unit: Unit): Quantity | undefined {
  if (digits === '') return undefined;
  let value = BigInt(digits);
  let exponent = -decimals;
  let format = unit.format;
  if (unit.base === 10) exponent = (exponent + unit.exponent) | 0;
  else value <<= BigInt(unit.exponent);
  if (value !== 0n) ({ value, exponent } = atNano(value, exponent));
  if (format === 'BinarySI') {
    if (compareScaled(value, exponent, maxInt64, 0) > 0) {
      value = maxInt64;
      exponent = 0;
    }
    if (value > 0n && compareScaled(value, exponent, 1n, 0) < 0) format = 'DecimalSI';
  }
  return { value: sign === '-' ? -value : value, exponent, format, big: true };
}

/** Rounds a positive value up to nano. What is far larger stays as it is: only its speed would tell the difference. */
function atNano(value: bigint, exponent: number): { value: bigint; exponent: number } {
  const shift = exponent - smallestExponent;
  if (shift >= 0) {
    return shift > 1000 ? { value, exponent } : { value: value * 10n ** BigInt(shift), exponent: smallestExponent };
  }
  if (-shift > value.toString().length) return { value: 1n, exponent: smallestExponent };
  return { value: divideAway(value, -shift).value, exponent: smallestExponent };
}

/** Divides by a power of ten, rounding away from zero. */
function divideAway(value: bigint, power: number): { value: bigint; exact: boolean } {
  if (value === 0n) return { value, exact: true };
  if (power > value.toString().length) return { value: value < 0n ? -1n : 1n, exact: false };
  const divisor = 10n ** BigInt(power);
  const quotient = value / divisor;
  if (value % divisor === 0n) return { value: quotient, exact: true };
  return { value: quotient + (value < 0n ? -1n : 1n), exact: false };
}

export function compareQuantities(a: Quantity, b: Quantity): -1 | 0 | 1 {
  return compareScaled(a.value, a.exponent, b.value, b.exponent);
}

/** Compares without writing out the zeros of the exponents. */
function compareScaled(a: bigint, aExponent: number, b: bigint, bExponent: number): -1 | 0 | 1 {
  if (aExponent === bExponent) return order(a, b);
  if (a === 0n || b === 0n || a < 0n !== b < 0n) return order(a, b);
  if (Math.abs(aExponent - bExponent) > 40) {
    const aSize = digitsOf(a) + aExponent;
    const bSize = digitsOf(b) + bExponent;
    if (aSize !== bSize) return aSize > bSize === a > 0n ? 1 : -1;
  }
  const common = Math.min(aExponent, bExponent);
  return order(a * 10n ** BigInt(aExponent - common), b * 10n ** BigInt(bExponent - common));
}

function order(a: bigint, b: bigint): -1 | 0 | 1 {
  return a < b ? -1 : a > b ? 1 : 0;
}

function digitsOf(value: bigint): number {
  return (value < 0n ? -value : value).toString().length;
}

/** -1, 0 or 1. */
export function quantitySign(quantity: Quantity): -1 | 0 | 1 {
  return order(quantity.value, 0n);
}

/** The sum; a zero takes the other's format. Throws QuantityRangeError where it would have thousands of digits. */
export function addQuantities(a: Quantity, b: Quantity): Quantity {
  return combine(a, b, b.value);
}

/** The difference; a zero takes the other's format. Throws as `addQuantities`. */
export function subtractQuantities(a: Quantity, b: Quantity): Quantity {
  return combine(a, b, -b.value);
}

function combine(a: Quantity, b: Quantity, addend: bigint): Quantity {
  const format = a.value === 0n ? b.format : a.format;
  if (!a.big && !b.big) {
    if (addend === 0n) return { value: a.value, exponent: a.exponent, format, big: false };
    if (a.value === 0n && fitsInt64(addend)) return { value: addend, exponent: b.exponent, format, big: false };
  }
  const exponent = Math.min(a.exponent, b.exponent);
  const left = rescaled(a.value, a.exponent - exponent);
  const right = rescaled(addend, b.exponent - exponent);
  const value = left + right;
  const big = a.big || b.big || !fitsInt64(left) || !fitsInt64(right) || !fitsInt64(value);
  return { value, exponent, format, big };
}

function fitsInt64(value: bigint): boolean {
  return value >= minInt64 && value <= maxInt64;
}

function rescaled(value: bigint, power: number): bigint {
  if (value === 0n) return value;
  if (power > maxDigits) throw new QuantityRangeError('the quantity has too many digits');
  return value * 10n ** BigInt(power);
}

/** The quantity as an int64, where it is held as one without loss: `1k` is 1000, `1000m` is none. */
export function quantityAsInteger(quantity: Quantity): bigint | undefined {
  if (quantity.big || quantity.exponent < 0) return undefined;
  if (quantity.value === 0n) return 0n;
  if (quantity.exponent > 19) return undefined;
  const value = quantity.value * 10n ** BigInt(quantity.exponent);
  return fitsInt64(value) ? value : undefined;
}

/** The nearest double, in two roundings as upstream; infinite beyond its range. */
export function quantityAsFloat(quantity: Quantity): number {
  const base = Number(quantity.value);
  return quantity.exponent === 0 ? base : base * powerOfTen(quantity.exponent);
}

/** 10^n in the way of Go's math.Pow10: two factors of tables, so that both round alike. */
function powerOfTen(n: number): number {
  if (n < -323) return 0;
  if (n > 308) return Number.POSITIVE_INFINITY;
  const size = Math.abs(n);
  const rest = size % 32;
  return n >= 0 ? Number(`1e${size - rest}`) * Number(`1e${rest}`) : Number(`1e-${size - rest}`) / Number(`1e${rest}`);
}

/** A quantity of a whole number, an int64. */
export function quantityFromNumber(value: number | bigint, format: QuantityFormat): Quantity {
  return { value: BigInt(value), exponent: 0, format, big: false };
}

/** A quantity of the decimal `unscaled × 10^-scale`, of any size. */
export function quantityFromDecimal(unscaled: bigint, scale: number, format: QuantityFormat): Quantity {
  return { value: unscaled, exponent: scale === 0 ? 0 : -scale, format, big: true };
}

/** How Kubernetes prints it. Throws QuantityRangeError where a binary format would have thousands of digits. */
export function formatQuantity(quantity: Quantity): string {
  if (quantity.text !== undefined) return quantity.text;
  const { value, exponent, format } = quantity;
  if (value === 0n) return '0';
  if (format === 'BinarySI' && !isBelowOneKi(quantity)) {
    const whole = exponent >= 0 ? { value: rescaled(value, exponent), exact: true } : divideAway(value, -exponent);
    if (whole.exact) return binaryText(whole.value);
  }
  return decimalText(value, exponent, format === 'BinarySI' ? 'DecimalSI' : format);
}

function isBelowOneKi({ value, exponent }: Quantity): boolean {
  return compareScaled(value, exponent, -1024n, 0) > 0 && compareScaled(value, exponent, 1024n, 0) < 0;
}

function decimalText(value: bigint, exponent: number, format: 'DecimalSI' | 'DecimalExponent'): string {
  let digits = value.toString();
  const stripped = withoutTrailingZeros(digits);
  let power = exponent + (digits.length - stripped.length);
  digits = stripped;
  const excess = ((power % 3) + 3) % 3;
  digits += '0'.repeat(excess);
  power -= excess;
  if (format === 'DecimalExponent') return power === 0 ? digits : `${digits}e${power}`;
  // A power that has no unit is left out, as upstream does: 1000E prints as 1.
  return digits + (decimalUnits.get(power) ?? '');
}

function withoutTrailingZeros(digits: string): string {
  let end = digits.length;
  while (end > 1 && digits.charCodeAt(end - 1) === 0x30) end--;
  return digits.slice(0, end);
}

function binaryText(value: bigint): string {
  const bits = value.toString(2);
  const tens = Math.floor((bits.length - (bits.lastIndexOf('1') + 1)) / 10);
  return (value >> BigInt(tens * 10)).toString() + (tens === 0 ? '' : (binaryUnits.get(tens * 10) ?? ''));
}
