import { Operator } from './ast.ts';
import { type CelError, evaluationError, noSuchOverload } from './error.ts';
import { GrowingList } from './growing.ts';
import { JoinedList } from './joined.ts';
import { CelDuration, CelList, CelTimestamp, CelUint, type CelValue, toInt } from './values.ts';

/** How long a string a sum may be: a sum of sums doubles with every step. */
const MAX_LENGTH = 50_000_000;

type Test = (value: CelValue) => boolean;

/**
 * The error of an operator that cannot take its left operand, or the pair. Go names the operator only where the left
 * operand has no such operator at all (and no functions of its own).
 */
function refusal(operator: string, left: CelValue, hasOperator: Test): CelError {
  const hasFunctions = typeof left === 'string' || isTime(left);
  return noSuchOverload(hasOperator(left) || hasFunctions ? undefined : operator);
}

const isTime: Test = (value) => value instanceof CelTimestamp || value instanceof CelDuration;
const isWhole: Test = (value) => typeof value === 'bigint' || value instanceof CelUint;
const isNumber: Test = (value) => typeof value === 'number' || isWhole(value);
const isAddable: Test = (value) => isNumber(value) || value instanceof CelList || value instanceof Uint8Array;

export function add(a: CelValue, b: CelValue): CelValue {
  if (typeof a === 'bigint' && typeof b === 'bigint') return toInt(a + b);
  if (typeof a === 'string' && typeof b === 'string') {
    limitLength(a.length + b.length);
    return a + b;
  }
  if (typeof a === 'number' && typeof b === 'number') return a + b;
  if (a instanceof CelList && b instanceof CelList) return concatenate(a, b);
  if (a instanceof CelUint && b instanceof CelUint) return new CelUint(a.value + b.value);
  if (a instanceof CelDuration) {
    if (b instanceof CelDuration) return new CelDuration(a.nanoseconds + b.nanoseconds);
    if (b instanceof CelTimestamp) return new CelTimestamp(a.nanoseconds + b.nanoseconds, b.zone);
  }
  if (a instanceof CelTimestamp && b instanceof CelDuration) {
    return new CelTimestamp(a.nanoseconds + b.nanoseconds, a.zone);
  }
  if (a instanceof Uint8Array && b instanceof Uint8Array) {
    limitLength(a.length + b.length);
    return new Uint8Array(Buffer.concat([a, b]));
  }
  throw refusal(Operator.add, a, isAddable);
}

function concatenate(a: CelList, b: CelList): CelList {
  if (a instanceof GrowingList) return a.appendAll(b);
  if (b.size === 0) return a;
  if (a.size === 0) return b;
  return new JoinedList(a, b);
}

function limitLength(length: number): void {
  if (length > MAX_LENGTH) throw evaluationError('the sum is too long');
}

export function subtract(a: CelValue, b: CelValue): CelValue {
  if (typeof a === 'bigint' && typeof b === 'bigint') return toInt(a - b);
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (a instanceof CelUint && b instanceof CelUint) return new CelUint(a.value - b.value);
  if (a instanceof CelDuration && b instanceof CelDuration) return new CelDuration(a.nanoseconds - b.nanoseconds);
  if (a instanceof CelTimestamp) {
    if (b instanceof CelTimestamp) return new CelDuration(a.nanoseconds - b.nanoseconds);
    if (b instanceof CelDuration) return new CelTimestamp(a.nanoseconds - b.nanoseconds, a.zone);
  }
  throw refusal(Operator.subtract, a, isNumber);
}

export function multiply(a: CelValue, b: CelValue): CelValue {
  if (typeof a === 'bigint' && typeof b === 'bigint') return toInt(a * b);
  if (typeof a === 'number' && typeof b === 'number') return a * b;
  if (a instanceof CelUint && b instanceof CelUint) return new CelUint(a.value * b.value);
  throw refusal(Operator.multiply, a, isNumber);
}

export function divide(a: CelValue, b: CelValue): CelValue {
  if (typeof a === 'number' && typeof b === 'number') return a / b;
  if (typeof a === 'bigint' && typeof b === 'bigint') {
    if (b === 0n) throw evaluationError('division by zero');
    return toInt(a / b);
  }
  if (a instanceof CelUint && b instanceof CelUint) {
    if (b.value === 0n) throw evaluationError('division by zero');
    return new CelUint(a.value / b.value);
  }
  throw refusal(Operator.divide, a, isNumber);
}

export function modulo(a: CelValue, b: CelValue): CelValue {
  if (typeof a === 'bigint' && typeof b === 'bigint') {
    if (b === 0n) throw evaluationError('modulus by zero');
    // The least int divided by -1 overflows, and the Go implementation says so of the rest as well.
    if (b === -1n) toInt(-a);
    return a % b;
  }
  if (a instanceof CelUint && b instanceof CelUint) {
    if (b.value === 0n) throw evaluationError('modulus by zero');
    return new CelUint(a.value % b.value);
  }
  throw refusal(Operator.modulo, a, isWhole);
}

export function negate(a: CelValue): CelValue {
  if (typeof a === 'bigint') return toInt(-a);
  if (typeof a === 'number') return -a;
  throw refusal(Operator.negate, a, (value) => typeof value === 'boolean');
}
