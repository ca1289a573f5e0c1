import { CelDuration, CelList, CelMap, CelOptional, CelTimestamp, CelUint, type CelValue } from './values.ts';

/** 0001-01-01T00:00:00Z, Go's zero time. */
const ZERO_TIME = -62_135_596_800n * 1_000_000_000n;

/** Whether a value is the zero, or the empty, value of its type. */
export function isZero(value: CelValue): boolean {
  if (value === null || value === false || value === 0 || value === 0n || value === '') return true;
  if (value instanceof CelList || value instanceof CelMap) return value.size === 0;
  if (value instanceof Uint8Array) return value.length === 0;
  if (value instanceof CelUint) return value.value === 0n;
  if (value instanceof CelDuration) return value.nanoseconds === 0n;
  if (value instanceof CelTimestamp) return value.nanoseconds === ZERO_TIME;
  return value instanceof CelOptional && value.value === undefined;
}
