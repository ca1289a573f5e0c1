import { byUtf8, isObject, type JsonValue } from '../../../../core/json.ts';

/**
 * Numbers as a Go program holds and prints them. Kyverno reads an integer of a manifest as an int64 and any other
 * number as a float64, and what it prints or compares as text depends on which it is.
 */

const INT64_LIMIT = 2 ** 63;
/** More than this of a value is never needed to understand a message; an object may hold a megabyte in one string. */
const PRINT_LIMIT = 16_384;

/** Whether Go would hold this number as an int64. */
export function isInt64(value: number | bigint): boolean {
  if (typeof value === 'bigint') return BigInt.asIntN(64, value) === value;
  return Number.isInteger(value) && value >= -INT64_LIMIT && value < INT64_LIMIT;
}

/** Mathematical equality, which is what comparing an int64 with a float64 without a fraction comes to. */
export function numbersEqual(a: number | bigint, b: number | bigint): boolean {
  if (typeof a === typeof b) return a === b;
  const [whole, other] = typeof a === 'bigint' ? [a, b as number] : [b as bigint, a as number];
  return Number.isInteger(other) && BigInt(other) === whole;
}

/** `strconv.ParseInt(text, 10, 64)`; undefined where that fails. */
export function parseInt64(text: string): bigint | undefined {
  if (text.length > 64 || !/^[+-]?[0-9]+$/.test(text)) return undefined;
  const value = BigInt(text.startsWith('+') ? text.slice(1) : text);
  return BigInt.asIntN(64, value) === value ? value : undefined;
}

const DECIMAL =
  /^[+-]?(?:[0-9]+(?:_[0-9]+)*\.?(?:[0-9]+(?:_[0-9]+)*)?|\.[0-9]+(?:_[0-9]+)*)(?:[eE][+-]?[0-9]+(?:_[0-9]+)*)?$/;
const HEXADECIMAL = /^([+-]?)0[xX]((?:_?[0-9a-fA-F]+)*)(?:\.((?:[0-9a-fA-F]+_?)*))?[pP]([+-]?[0-9]+)$/;
const INFINITE = /^([+-]?)inf(?:inity)?$/i;

/** `strconv.ParseFloat(text, 64)`: decimal, hexadecimal, infinities and NaN; undefined where that fails. */
export function parseFloat64(text: string): number | undefined {
  if (text.length > 400) return undefined;
  if (DECIMAL.test(text)) {
    const value = Number(text.replaceAll('_', ''));
    // Go answers an error, not an infinity, for what is too large.
    return Number.isFinite(value) ? value : undefined;
  }
  const infinite = INFINITE.exec(text);
  if (infinite) return infinite[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  if (/^nan$/i.test(text)) return Number.NaN;
  return parseHexadecimal(text);
}

function parseHexadecimal(text: string): number | undefined {
  const parts = HEXADECIMAL.exec(text);
  if (!parts) return undefined;
  const whole = (parts[2] ?? '').replaceAll('_', '');
  const fraction = (parts[3] ?? '').replaceAll('_', '');
  if (whole + fraction === '') return undefined;
  const mantissa = Number.parseInt(`0${whole}${fraction}`, 16);
  const value = mantissa * 2 ** (Number(parts[4]) - 4 * fraction.length);
  if (!Number.isFinite(value)) return undefined;
  return parts[1] === '-' ? -value : value;
}

/** `%f`: six digits after the point, ties to the even digit. */
export function formatFixed(value: number): string {
  if (Math.abs(value) >= 1e21) return `${BigInt(value)}.000000`;
  const rounded = value.toFixed(6);
  const long = value.toFixed(20);
  // `toFixed` rounds an exact tie up; Go rounds it to the even digit.
  if (/50{13}$/.test(long) && Number(long) === value) {
    const kept = long.slice(0, -14);
    if (Number(kept.at(-1)) % 2 === 0) return kept;
  }
  return rounded;
}

/** `strconv.FormatFloat(value, 'E', -1, 64)`. */
export function formatExponent(value: number, letter: 'E' | 'e' = 'E'): string {
  const [mantissa = '', exponent = '+0'] = value.toExponential().split('e');
  const sign = exponent.startsWith('-') ? '-' : '+';
  return `${Object.is(value, -0) ? '-' : ''}${mantissa}${letter}${sign}${exponent.replace(/^[+-]/, '').padStart(2, '0')}`;
}

/** A float64 as `%v` prints it: an exponent from a million on, and below a ten-thousandth. */
export function formatGeneral(value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
  const exponent = Number(value.toExponential().split('e')[1]);
  return exponent < -4 || exponent >= 6 ? formatExponent(value, 'e') : String(value);
}

/** A number as `%v` prints it. */
function formatNumber(value: number | bigint): string {
  if (isInt64(value)) return value.toString();
  return formatGeneral(Number(value));
}

/** A value of a manifest as `fmt.Sprint` prints it. What is longer than the limit ends in an ellipsis. */
export function printGo(value: JsonValue, limit = PRINT_LIMIT): string {
  if (typeof value === 'string') return value;
  const parts: string[] = [];
  let left = limit;
  const add = (text: string): void => {
    if (left <= 0) return;
    parts.push(text.length > left ? `${text.slice(0, left)}…` : text);
    left -= text.length;
  };
  const walk = (part: JsonValue): void => {
    if (left <= 0) return;
    if (part === null) add('<nil>');
    else if (typeof part === 'number' || typeof part === 'bigint') add(formatNumber(part));
    else if (typeof part !== 'object') add(String(part));
    else if (isObject(part)) {
      add('map[');
      for (const [index, key] of Object.keys(part).sort(byUtf8).entries()) {
        if (left <= 0) break;
        add(`${index === 0 ? '' : ' '}${key}:`);
        walk(part[key] as JsonValue);
      }
      add(']');
    } else {
      add('[');
      for (const [index, item] of part.entries()) {
        if (left <= 0) break;
        if (index > 0) add(' ');
        walk(item);
      }
      add(']');
    }
  };
  walk(value);
  return parts.join('');
}

/** The name of the Go type that holds a value of a manifest, as `%T` prints it. */
export function goType(value: JsonValue): string {
  if (value === null) return '<nil>';
  if (typeof value === 'string') return 'string';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number' || typeof value === 'bigint') return isInt64(value) ? 'int64' : 'float64';
  return isObject(value) ? 'map[string]interface {}' : '[]interface {}';
}
