import { formatDuration } from './duration.ts';
import { evaluationError, noSuchOverload } from './error.ts';
import { formatGeneral } from './number-format.ts';
import { timestampToText, unixSeconds } from './timestamp.ts';
import { CelDuration, CelTimestamp, CelUint, type CelValue, toInt } from './values.ts';

const TWO_TO_63 = 2 ** 63;
const TWO_TO_64 = 2 ** 64;

function conversionError(from: string, to: string): Error {
  return evaluationError(`type conversion error from '${from}' to '${to}'`);
}

export function toIntValue(value: CelValue): bigint {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'string') return parseInteger(value);
  if (value instanceof CelUint) return toInt(value.value);
  if (value instanceof CelTimestamp) return unixSeconds(value);
  if (value instanceof CelDuration) return value.nanoseconds;
  if (typeof value !== 'number') throw noSuchOverload();
  // The bounds themselves are refused: a double that near has no digit to tell them from what lies beyond.
  if (!(value > -TWO_TO_63 && value < TWO_TO_63)) throw evaluationError('integer overflow');
  return BigInt(Math.trunc(value));
}

function parseInteger(text: string): bigint {
  if (!/^[+-]?[0-9]{1,100}$/.test(text)) throw conversionError('string', 'int');
  const value = BigInt(text.replace(/^\+/, ''));
  if (BigInt.asIntN(64, value) !== value) throw conversionError('string', 'int');
  return value;
}

export function toUintValue(value: CelValue): CelUint {
  if (value instanceof CelUint) return value;
  if (typeof value === 'bigint') return new CelUint(value);
  if (typeof value === 'string') {
    if (!/^[0-9]{1,100}$/.test(value) || BigInt(value) >= 2n ** 64n) throw conversionError('string', 'uint');
    return new CelUint(BigInt(value));
  }
  if (typeof value !== 'number') throw noSuchOverload();
  if (!(value >= 0 && value < TWO_TO_64)) throw evaluationError('unsigned integer overflow');
  return new CelUint(BigInt(Math.trunc(value)));
}

export function toDoubleValue(value: CelValue): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof CelUint) return Number(value.value);
  if (typeof value === 'string') return parseDouble(value);
  throw noSuchOverload();
}

/** As Go's `ParseFloat`: decimals, hexadecimals with a binary exponent, infinities; digits may have `_` between them. */
function parseDouble(written: string): number {
  const text = /^[^_]+(_[^_]+)*$/.test(written) ? written.replace(/(?<=[0-9a-fx])_(?=[0-9a-f])/gi, '') : written;
  if (/^[+-]?inf(inity)?$/i.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  if (/^nan$/i.test(text)) return Number.NaN;
  const hexadecimal = /^([+-]?)0x([0-9a-f]*)\.?([0-9a-f]*)p([+-]?[0-9]{1,5})$/i.exec(text);
  if (hexadecimal !== null) return parseHexadecimal(hexadecimal);
  if (!/^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?$/i.test(text)) throw conversionError('string', 'double');
  const value = Number(text);
  if (!Number.isFinite(value)) throw conversionError('string', 'double');
  return value;
}

function parseHexadecimal([, sign, whole = '', fraction = '', exponent]: RegExpExecArray): number {
  const digits = whole + fraction;
  if (digits === '' || digits.length > 1000) throw conversionError('string', 'double');
  const value = Number(BigInt(`0x${digits}`)) * 2 ** (Number(exponent) - 4 * fraction.length);
  if (!Number.isFinite(value)) throw conversionError('string', 'double');
  return sign === '-' ? -value : value;
}

const TRUE: ReadonlySet<string> = new Set(['1', 't', 'T', 'TRUE', 'true', 'True']);
const FALSE: ReadonlySet<string> = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False']);

export function toBoolValue(value: CelValue): boolean {
  if (typeof value === 'boolean') return value;
  if (typeof value !== 'string') throw noSuchOverload();
  if (TRUE.has(value)) return true;
  if (FALSE.has(value)) return false;
  throw conversionError('string', 'bool');
}

export function toBytesValue(value: CelValue): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value === 'string') return new TextEncoder().encode(value);
  throw noSuchOverload();
}

/** As `string(value)`: the text of a scalar. */
export function toStringValue(value: CelValue): string {
  switch (typeof value) {
    case 'string':
      return value;
    case 'bigint':
    case 'boolean':
      return String(value);
    case 'number':
      return formatGeneral(value);
    default:
      break;
  }
  if (value instanceof CelUint) return value.value.toString();
  if (value instanceof CelDuration) return formatDuration(value);
  if (value instanceof CelTimestamp) return timestampToText(value);
  if (!(value instanceof Uint8Array)) throw noSuchOverload();
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(value);
  } catch {
    throw evaluationError('invalid UTF-8 in bytes, cannot convert to string');
  }
}
