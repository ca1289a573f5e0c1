import type { JsonValue } from '../../../../core/json.ts';
import { nanosecondsPerSecond, parseGoDuration } from '../../values/go-duration.ts';
import { isInt64 } from '../pattern/go-number.ts';

/**
 * Key and value as durations in nanoseconds, where at least one of them is written as one (`0` alone is none); numbers
 * count as seconds. Undefined where they are not to be compared as durations.
 */
export function durationPair(key: JsonValue, value: JsonValue): readonly [bigint, bigint] | undefined {
  const own = writtenDuration(key);
  const other = writtenDuration(value);
  if (own === undefined && other === undefined) return undefined;
  const left = own ?? wholeSeconds(key);
  const right = other ?? wholeSeconds(value);
  return left === undefined || right === undefined ? undefined : [left, right];
}

function writtenDuration(value: JsonValue): bigint | undefined {
  return typeof value === 'string' && value !== '0' ? parseGoDuration(value) : undefined;
}

/** A number of seconds, of which the fraction is cut off, as nanoseconds in 64 bits. */
export function wholeSeconds(value: JsonValue): bigint | undefined {
  if (typeof value === 'bigint') return BigInt.asIntN(64, value * nanosecondsPerSecond);
  if (typeof value !== 'number' || !Number.isFinite(value)) return undefined;
  // What no int64 holds becomes its smallest value on the machines that Kyverno runs on, and that wraps to nothing.
  if (!isInt64(Math.trunc(value))) return 0n;
  return BigInt.asIntN(64, BigInt(Math.trunc(value)) * nanosecondsPerSecond);
}

/** The seconds of a duration as a double, by which Kyverno compares. */
export function seconds(duration: bigint): number {
  return Number(duration / nanosecondsPerSecond) + Number(duration % nanosecondsPerSecond) / 1e9;
}
