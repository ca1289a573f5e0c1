import { toStringValue } from './conversions.ts';
import { type CelError, evaluationError, noSuchOverload } from './error.ts';
import { CelList, CelMap, CelObject, CelOptional, CelUint, type CelValue } from './values.ts';

/** `operand.field` of a map, an object or an optional that holds one. */
export function readField(operand: CelValue, field: string): CelValue {
  if (operand instanceof CelMap) {
    const value = operand.get(field);
    if (value === undefined) throw noSuchKey(field);
    return value;
  }
  if (operand instanceof CelOptional) return optionalField(operand, field);
  if (operand instanceof CelObject) {
    const value = operand.field(field);
    if (value !== undefined) return value;
  }
  if (operand instanceof CelList) throw unsupportedIndex(field);
  throw noSuchKey(field);
}

/** `operand.?field`, and what follows it in the same chain: nothing where the field is not there. */
export function optionalField(operand: CelValue, field: string): CelOptional {
  const inner = operand instanceof CelOptional ? operand.value : operand;
  if (inner === undefined) return CelOptional.none;
  const value =
    inner instanceof CelMap ? inner.get(field) : inner instanceof CelObject ? inner.field(field) : undefined;
  if (inner instanceof CelList) throw unsupportedIndex(field);
  return value === undefined ? CelOptional.none : CelOptional.of(value);
}

/** `has(operand.field)`. A value that has no fields has not this one. */
export function hasField(operand: CelValue, field: string): boolean {
  if (operand instanceof CelMap) return operand.has(field);
  if (operand instanceof CelOptional) return operand.value !== undefined && hasField(operand.value, field);
  if (operand instanceof CelList) throw unsupportedIndex(field);
  return operand instanceof CelObject && operand.field(field) !== undefined;
}

/** `operand[index]`. */
export function readElement(operand: CelValue, index: CelValue): CelValue {
  if (operand instanceof CelList) {
    const at = listIndex(index);
    if (at < 0 || at >= operand.size) throw evaluationError(`index out of bounds: ${show(index)}`);
    return operand.at(at);
  }
  if (operand instanceof CelMap) {
    const value = operand.get(index);
    if (value === undefined) throw noSuchKey(index);
    return value;
  }
  if (operand instanceof CelOptional) return optionalElement(operand, index);
  if (operand instanceof CelObject && typeof index === 'string') return readField(operand, index);
  throw noSuchKey(index);
}

/** `operand[?index]`. */
export function optionalElement(operand: CelValue, index: CelValue): CelOptional {
  const inner = operand instanceof CelOptional ? operand.value : operand;
  if (inner instanceof CelList) {
    const at = listIndex(index);
    return at < 0 || at >= inner.size ? CelOptional.none : CelOptional.of(inner.at(at));
  }
  const value = inner instanceof CelMap ? inner.get(index) : undefined;
  return value === undefined ? CelOptional.none : CelOptional.of(value);
}

/** An index as a number; one that is no whole number is an error, one that is too large is out of bounds. */
function listIndex(index: CelValue): number {
  if (typeof index === 'bigint') return Number(index);
  if (index instanceof CelUint && index.value < 2n ** 63n) return Number(index.value);
  if (index instanceof CelUint) throw evaluationError(`unsupported index value ${show(index)} in list`);
  if (typeof index === 'number' && Number.isInteger(index)) return index;
  if (typeof index === 'number') throw evaluationError(`unsupported index value ${show(index)} in list`);
  throw unsupportedIndex(index);
}

function unsupportedIndex(index: CelValue): CelError {
  const type = typeof index === 'string' ? 'string' : typeof index === 'boolean' ? 'bool' : undefined;
  return type === undefined ? noSuchOverload() : evaluationError(`unsupported index type '${type}' in list`);
}

function noSuchKey(key: CelValue): CelError {
  return evaluationError(`no such key: ${show(key)}`);
}

function show(value: CelValue): string {
  return typeof value === 'object' && !(value instanceof CelUint) ? 'null' : toStringValue(value);
}
