import { byUtf8 } from '../../../core/json.ts';
import { CelError, evaluationError, noSuchOverload } from './error.ts';
import {
  CelDuration,
  CelList,
  CelMap,
  CelObject,
  CelOptional,
  CelTimestamp,
  CelTypeValue,
  CelUint,
  type CelValue,
} from './values.ts';

/** How many values one comparison may look at: parts that are shared can make a small expression a huge tree. */
const MAX_COMPARED = 5_000_000;
const MAX_DEPTH = 1000;

/** Whether two values are equal. Numbers of different types compare as numbers; values of other types are not equal. */
export function equals(a: CelValue, b: CelValue): boolean {
  if (typeof a === 'string' || typeof a === 'boolean' || a === null) return a === b;
  if (isNumber(a)) return isNumber(b) && compareNumbers(a, b) === 0;
  return new Comparison().equals(a, b, 0);
}

class Comparison {
  #compared = 0;

  equals(a: CelValue, b: CelValue, depth: number): boolean {
    if (++this.#compared > MAX_COMPARED || depth > MAX_DEPTH) {
      throw new CelError('work', 'the values are too large to compare');
    }
    if (typeof a !== 'object' || a === null) return isNumber(a) ? isNumber(b) && compareNumbers(a, b) === 0 : a === b;
    if (a instanceof CelUint) return isNumber(b) && compareNumbers(a, b) === 0;
    if (a instanceof CelList) return b instanceof CelList && this.#lists(a, b, depth);
    if (a instanceof CelMap) return b instanceof CelMap && this.#maps(a, b, depth);
    if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.compare(a, b) === 0;
    if (a instanceof CelDuration) return b instanceof CelDuration && a.nanoseconds === b.nanoseconds;
    if (a instanceof CelTimestamp) return b instanceof CelTimestamp && a.nanoseconds === b.nanoseconds;
    if (a instanceof CelTypeValue) return b instanceof CelTypeValue && a.name === b.name;
    if (b === null) return false;
    if (a instanceof CelObject) return a.equals(b);
    return b instanceof CelOptional && this.#optionals(a, b, depth);
  }

  #lists(a: CelList, b: CelList, depth: number): boolean {
    const size = a.size;
    if (b.size !== size) return false;
    for (let i = 0; i < size; i++) if (!this.equals(a.at(i), b.at(i), depth + 1)) return false;
    return true;
  }

  #maps(a: CelMap, b: CelMap, depth: number): boolean {
    if (a.size !== b.size) return false;
    for (const key of a.keys()) {
      const other = b.get(key);
      if (other === undefined || !this.equals(a.get(key) as CelValue, other, depth + 1)) return false;
    }
    return true;
  }

  #optionals(a: CelOptional, b: CelOptional, depth: number): boolean {
    if (a.value === undefined || b.value === undefined) return a.value === b.value;
    return this.equals(a.value, b.value, depth + 1);
  }
}

type CelNumber = bigint | number | CelUint;

function isNumber(value: CelValue): value is CelNumber {
  return typeof value === 'bigint' || typeof value === 'number' || value instanceof CelUint;
}

/** Below, equal or above zero; NaN where one of them is not a number. */
function compareNumbers(a: CelNumber, b: CelNumber): number {
  let x = a instanceof CelUint ? a.value : a;
  let y = b instanceof CelUint ? b.value : b;
  // With a double, an integer is compared as the nearest double, as the language has it.
  if (typeof x !== typeof y) {
    x = Number(x);
    y = Number(y);
  }
  if (x < y) return -1;
  if (x > y) return 1;
  return Number.isNaN(x) || Number.isNaN(y) ? Number.NaN : 0;
}

/** Below, equal or above zero. Throws for what has no order (naming the operator that asked), and for NaN. */
export function compare(a: CelValue, b: CelValue, operator?: string): number {
  if (isNumber(a) && isNumber(b)) {
    const order = compareNumbers(a, b);
    if (Number.isNaN(order)) throw evaluationError('NaN values cannot be ordered');
    return order;
  }
  if (typeof a === 'string' && typeof b === 'string') return byUtf8(a, b);
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b);
  if (a instanceof CelTimestamp && b instanceof CelTimestamp) return compareNumbers(a.nanoseconds, b.nanoseconds);
  if (a instanceof CelDuration && b instanceof CelDuration) return compareNumbers(a.nanoseconds, b.nanoseconds);
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b);
  throw noSuchOverload(hasOrder(a) ? undefined : operator);
}

function hasOrder(value: CelValue): boolean {
  if (typeof value !== 'object') return true;
  return [CelUint, CelDuration, CelTimestamp, Uint8Array].some((type) => value instanceof type);
}
