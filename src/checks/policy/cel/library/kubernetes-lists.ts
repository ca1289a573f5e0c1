import { add } from '../arithmetic.ts';
import type { FunctionDeclaration, Overload } from '../declaration.ts';
import { compare, equals } from '../equality.ts';
import { CelError, evaluationError } from '../error.ts';
import {
  BOOL,
  BYTES,
  type CelType,
  DOUBLE,
  DURATION,
  DYN,
  formatType,
  INT,
  listOf,
  STRING,
  TIMESTAMP,
  typeParameter,
  UINT,
} from '../types.ts';
import { CelDuration, CelList, CelTimestamp, CelUint, type CelValue } from '../values.ts';
import { declare, method, walking } from './overload.ts';

const A = typeParameter('A');
const ORDERED: readonly CelType[] = [INT, UINT, DOUBLE, BOOL, DURATION, TIMESTAMP, STRING, BYTES];
const SUMMABLE: readonly (readonly [CelType, CelValue])[] = [
  [INT, 0n],
  [UINT, new CelUint(0n)],
  [DOUBLE, 0],
  [DURATION, new CelDuration(0n)],
];

/** Kubernetes' list functions. */
export const KUBERNETES_LIST_FUNCTIONS: readonly FunctionDeclaration[] = [
  declare('isSorted', ...ORDERED.map((type) => listMethod('is_sorted_bool', type, BOOL, isSorted))),
  declare('sum', ...SUMMABLE.map(([type, zero]) => listMethod(`sum_${name(type)}`, type, type, sumFrom(zero)))),
  declare('max', ...ORDERED.map((type) => listMethod(`max_${name(type)}`, type, type, extremum('max', -1)))),
  declare('min', ...ORDERED.map((type) => listMethod(`min_${name(type)}`, type, type, extremum('min', 1)))),
  declare('indexOf', method('list_a_index_of_int', [listOf(A), A], INT, indexOf, walking)),
  declare('lastIndexOf', method('list_a_last_index_of_int', [listOf(A), A], INT, lastIndexOf, walking)),
];

/** What Kubernetes 1.37 added. */
export const KUBERNETES_LIST_FUNCTIONS_1_37: readonly FunctionDeclaration[] = [
  declare('includes', method('list_includes_dyn_dyn', [DYN, DYN], BOOL, includes, walking)),
];

function name(type: CelType): string {
  return formatType(type).replace('google.protobuf.', '').toLowerCase();
}

function listMethod(id: string, element: CelType, result: CelType, call: (list: CelList) => CelValue): Overload {
  return method(`list_${name(element)}_${id}`, [listOf(element)], result, call, walking);
}

function isSorted(list: CelList): boolean {
  let last: CelValue | undefined;
  for (const item of list) {
    if (!isOrdered(item)) throw noOverload('isSorted');
    if (last !== undefined && ordered(last, item) > 0) return false;
    last = item;
  }
  return true;
}

function noOverload(called: string): CelError {
  return evaluationError(`no such overload: ${called}(list)`);
}

/** What cannot be compared (a NaN, values of different types) is neither above nor below, and no error. */
function ordered(a: CelValue, b: CelValue): number {
  try {
    return compare(a, b);
  } catch (cause) {
    if (cause instanceof CelError && cause.kind === 'evaluation') return 0;
    throw cause;
  }
}

/** Where the type of the list is not known, its first element says which zero to start from. */
function sumFrom(zero: CelValue): (list: CelList) => CelValue {
  return (list) => {
    if (list.size === 0) return zero;
    let sum = zeroLike(list.at(0));
    for (const item of list) sum = add(sum, item);
    return sum;
  };
}

function zeroLike(value: CelValue): CelValue {
  if (typeof value === 'bigint') return 0n;
  if (typeof value === 'number') return 0;
  if (value instanceof CelUint) return new CelUint(0n);
  if (value instanceof CelDuration) return new CelDuration(0n);
  throw noOverload('sum');
}

function extremum(called: string, worse: 1 | -1): (list: CelList) => CelValue {
  return (list) => {
    let best: CelValue | undefined;
    for (const item of list) {
      if (!isOrdered(item)) throw noOverload(called);
      if (best === undefined || Math.sign(ordered(best, item)) === worse) best = item;
    }
    if (best === undefined) throw evaluationError(`${called} called on empty list`);
    return best;
  };
}

/** Whether values of this type have an order among themselves. */
function isOrdered(value: CelValue): boolean {
  if (typeof value !== 'object') return true;
  return ORDERED_CLASSES.some((kind) => value instanceof kind);
}

const ORDERED_CLASSES = [CelUint, CelDuration, CelTimestamp, Uint8Array] as const;

function indexOf(list: CelList, value: CelValue): bigint {
  for (let i = 0; i < list.size; i++) if (equals(list.at(i), value)) return BigInt(i);
  return -1n;
}

function lastIndexOf(list: CelList, value: CelValue): bigint {
  for (let i = list.size - 1; i >= 0; i--) if (equals(list.at(i), value)) return BigInt(i);
  return -1n;
}

function includes(target: CelValue, value: CelValue): boolean {
  if (target instanceof CelList) return indexOf(target, value) >= 0n;
  return equals(target, value);
}
