import type { JsonValue } from '../../../../core/json.ts';
import { parseGoDuration } from '../../values/go-duration.ts';
import { compareQuantities, parseQuantity } from '../../values/quantity.ts';
import { compareSemver, parseSemver } from '../../values/semver.ts';
import { parseFloat64 } from '../pattern/go-number.ts';
import { durationPair, seconds, wholeSeconds } from './duration.ts';

export type Order = 'GreaterThan' | 'GreaterThanOrEquals' | 'LessThan' | 'LessThanOrEquals';

/**
 * `GreaterThan` and its like: compares as durations, as quantities, as numbers and at last as versions. What is none of
 * these is in no order, so no operator holds.
 */
export function isOrdered(order: Order, key: JsonValue, value: JsonValue): boolean {
  if (typeof key === 'number' || typeof key === 'bigint') return numberOrdered(order, key, value);
  if (typeof key !== 'string') return false;
  const durations = durationPair(key, value);
  if (durations) return holds(order, seconds(durations[0]), seconds(durations[1]));
  const quantity = typeof value === 'string' ? parseQuantity(key) : undefined;
  const otherQuantity = quantity && typeof value === 'string' ? parseQuantity(value) : undefined;
  if (quantity && otherQuantity) return holds(order, compareQuantities(quantity, otherQuantity), 0);
  const number = parseFloat64(key);
  if (number !== undefined) return numberOrdered(order, number, value);
  const version = typeof value === 'string' ? parseSemver(key) : undefined;
  const otherVersion = version && typeof value === 'string' ? parseSemver(value) : undefined;
  return version !== undefined && otherVersion !== undefined && holds(order, compareSemver(version, otherVersion), 0);
}

function numberOrdered(order: Order, key: number | bigint, value: JsonValue): boolean {
  if (typeof value === 'number' || typeof value === 'bigint') return holds(order, Number(key), Number(value));
  if (typeof value !== 'string') return false;
  const durations = durationPair(key, value);
  if (durations) return holds(order, seconds(durations[0]), seconds(durations[1]));
  const number = parseFloat64(value);
  return number !== undefined && holds(order, Number(key), number);
}

/** `DurationGreaterThan` and its like: numbers are seconds, everything else has to be written as a duration. */
export function areDurationsOrdered(order: Order, key: JsonValue, value: JsonValue): boolean {
  const own = toDuration(key);
  const other = toDuration(value);
  return own !== undefined && other !== undefined && holds(order, own, other);
}

function toDuration(value: JsonValue): bigint | undefined {
  return typeof value === 'string' ? parseGoDuration(value) : wholeSeconds(value);
}

function holds(order: Order, a: number | bigint, b: number | bigint): boolean {
  switch (order) {
    case 'GreaterThan':
      return a > b;
    case 'GreaterThanOrEquals':
      return a >= b;
    case 'LessThan':
      return a < b;
    case 'LessThanOrEquals':
      return a <= b;
    default:
      return order satisfies never;
  }
}
