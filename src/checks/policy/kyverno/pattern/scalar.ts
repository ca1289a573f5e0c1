import type { JsonValue } from '../../../../core/json.ts';
import { isInt64, numbersEqual, parseFloat64, parseInt64 } from './go-number.ts';
import { compileStringPattern, type ValueTest } from './string-pattern.ts';

/**
 * How numbers of a pattern are held: those of `pattern` are integers where they have no fraction, those of
 * `anyPattern` are always floats. It shows where the value is a string: `"8.0"` equals the float 8, not the integer.
 */
export type PatternNumbers = 'int64' | 'float64';

/** A test for a pattern that is no map and no list. */
export function compileScalar(pattern: null | boolean | number | bigint | string, numbers: PatternNumbers): ValueTest {
  if (typeof pattern === 'string') return compileStringPattern(pattern);
  if (typeof pattern === 'boolean') return (value) => value === pattern;
  if (pattern === null) return isNothing;
  if (numbers === 'int64' && isInt64(pattern)) return (value) => equalsInteger(value, pattern);
  return (value) => equalsFloat(value, Number(pattern));
}

/** What an absent pattern matches: nothing, or what Go's zero values are. */
function isNothing(value: JsonValue): boolean {
  return value === null || value === false || value === '' || value === 0 || value === 0n;
}

function equalsInteger(value: JsonValue, pattern: number | bigint): boolean {
  if (typeof value === 'number' || typeof value === 'bigint') return numbersEqual(value, pattern);
  if (typeof value !== 'string') return false;
  const parsed = parseInt64(value);
  return parsed !== undefined && numbersEqual(parsed, pattern);
}

function equalsFloat(value: JsonValue, pattern: number): boolean {
  if (typeof value === 'number' || typeof value === 'bigint') return numbersEqual(value, pattern);
  return typeof value === 'string' && parseFloat64(value) === pattern;
}
