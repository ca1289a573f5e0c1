import { isObject, type JsonValue } from '../../../../core/json.ts';
import { compareQuantities, parseQuantity } from '../../values/quantity.ts';
import { matchesWildcard } from '../../values/wildcard.ts';
import { isInt64, numbersEqual, parseFloat64, parseInt64 } from '../pattern/go-number.ts';
import { durationPair, seconds } from './duration.ts';
import type { Operand } from './operand.ts';

/** `Equals`. A key that is nothing equals nothing, and `NotEquals` does not hold of it either. */
export function equals(key: Operand, value: Operand): boolean {
  return key.value !== null && areEqual(key, value) === true;
}

/** `NotEquals`: what cannot be compared differs. */
export function notEquals(key: Operand, value: Operand): boolean {
  return key.value !== null && areEqual(key, value) !== true;
}

/** Undefined where the two are of kinds that are never compared. */
function areEqual(key: Operand, value: Operand): boolean | undefined {
  const own = key.value;
  const other = value.value;
  if (typeof own === 'string') return textEquals(own, other);
  if (typeof own === 'boolean') return own === other;
  if (typeof own === 'number' || typeof own === 'bigint') {
    if (typeof other === 'number' || typeof other === 'bigint') return numbersEqual(own, other);
    if (typeof other !== 'string') return undefined;
    return textIsNumber(own, key.isFloat || !isInt64(own), other);
  }
  if (Array.isArray(own) ? Array.isArray(other) : isObject(other)) return deepEquals(own, other);
  return undefined;
}

function textIsNumber(number: number | bigint, isFloat: boolean, text: string): boolean {
  const parsed = isFloat ? parseFloat64(text) : parseInt64(text);
  return parsed !== undefined && numbersEqual(parsed, number);
}

function textEquals(key: string, value: JsonValue): boolean | undefined {
  const durations = durationPair(key, value);
  if (durations) return seconds(durations[0]) === seconds(durations[1]);
  if (typeof value !== 'string') return undefined;
  const quantity = parseQuantity(key);
  if (quantity) {
    const other = parseQuantity(value);
    return other !== undefined && compareQuantities(quantity, other) === 0;
  }
  return matchesWildcard(value, key);
}

/** Whether two values are the same throughout. */
function deepEquals(a: JsonValue, b: JsonValue): boolean {
  if (typeof a === 'number' || typeof a === 'bigint') {
    return (typeof b === 'number' || typeof b === 'bigint') && numbersEqual(a, b);
  }
  if (typeof a !== 'object' || a === null) return a === b;
  if (Array.isArray(a)) {
    return (
      Array.isArray(b) && a.length === b.length && a.every((item, index) => deepEquals(item, b[index] as JsonValue))
    );
  }
  if (!isObject(a) || !isObject(b)) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && deepEquals(a[key] as JsonValue, b[key] as JsonValue))
  );
}
