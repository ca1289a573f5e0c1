import {
  formatGoDuration,
  maxDuration,
  minDuration,
  nanosecondsPerSecond,
  parseGoDuration,
} from '../../../values/go-duration.ts';
import {
  addQuantities,
  formatQuantity,
  parseQuantity,
  type Quantity,
  quantityAsFloat,
  quantityFromDecimal,
  quantityFromNumber,
  subtractQuantities,
} from '../../../values/quantity.ts';
import { invalidCall, type JmesError } from '../error.ts';
import type { JmesFunction } from '../function.ts';
import { goNumber, isList, isRecordList, type Value } from '../value.ts';
import { goInt } from './strings.ts';

/** What Kyverno calculates with: numbers, quantities of Kubernetes (`500Mi`) and durations of Go (`1h30m`). */
type Operand =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'quantity'; readonly value: Quantity }
  | { readonly kind: 'duration'; readonly value: bigint };

const any = [['any'], ['any']] as const;

export const arithmetic: readonly JmesFunction[] = [
  { name: 'add', parameters: any, call: ([a, b]) => add('add', a as Value, b as Value) },
  { name: 'sum', parameters: [['array']], call: ([list]) => sum(list as Value) },
  { name: 'subtract', parameters: any, call: ([a, b]) => subtract(operands('subtract', a as Value, b as Value)) },
  { name: 'multiply', parameters: any, call: ([a, b]) => multiply(operands('multiply', a as Value, b as Value)) },
  { name: 'divide', parameters: any, call: ([a, b]) => divide(operands('divide', a as Value, b as Value)) },
  { name: 'modulo', parameters: any, call: ([a, b]) => modulo(operands('modulo', a as Value, b as Value)) },
  {
    name: 'round',
    parameters: [['number'], ['number']],
    call: ([value, digits]) => round(value as number, digits as number),
  },
];

function operand(name: string, value: Value): Operand {
  if (typeof value === 'number') return { kind: 'number', value };
  if (typeof value === 'string') {
    const quantity = parseQuantity(value);
    if (quantity !== undefined) return { kind: 'quantity', value: quantity };
    const duration = parseGoDuration(value);
    if (duration !== undefined) return { kind: 'duration', value: duration };
  }
  throw invalidCall(name, 'invalid operand');
}

function operands(name: string, a: Value, b: Value): readonly [Operand, Operand] {
  return [operand(name, a), operand(name, b)];
}

function mismatch(name: string): JmesError {
  return invalidCall(name, 'Types mismatch');
}

function zeroDivisor(name: string): JmesError {
  return invalidCall(name, 'Zero divisor passed');
}

function add(name: string, left: Value, right: Value): Value {
  const [a, b] = operands(name, left, right);
  if (a.kind === 'number' && b.kind === 'number') return a.value + b.value;
  if (a.kind === 'quantity' && b.kind === 'quantity') return formatQuantity(addQuantities(a.value, b.value));
  if (a.kind === 'duration' && b.kind === 'duration') return formatGoDuration(BigInt.asIntN(64, a.value + b.value));
  throw mismatch(name);
}

/** The sum of a list that has at least one element. The sum of one element is that element, whatever it is. */
function sum(list: Value): Value {
  if (!isList(list) || isRecordList(list)) throw mismatch('sum');
  const [first, ...more] = list;
  if (first === undefined) throw invalidCall('sum', 'at least one element in the array is required');
  return more.reduce<Value>((total, one) => add('sum', total, one), first);
}

function subtract([a, b]: readonly [Operand, Operand]): Value {
  if (a.kind === 'number' && b.kind === 'number') return a.value - b.value;
  if (a.kind === 'quantity' && b.kind === 'quantity') return formatQuantity(subtractQuantities(a.value, b.value));
  if (a.kind === 'duration' && b.kind === 'duration') return formatGoDuration(BigInt.asIntN(64, a.value - b.value));
  throw mismatch('subtract');
}

function multiply([a, b]: readonly [Operand, Operand]): Value {
  if (a.kind === 'number' && b.kind === 'number') return a.value * b.value;
  const [factor, other] = a.kind === 'number' ? [a, b] : [b, a];
  if (factor.kind !== 'number') throw mismatch('multiply');
  if (other.kind === 'duration') return formatGoDuration(fromSeconds(inSeconds(other.value) * factor.value));
  if (other.kind !== 'quantity') throw mismatch('multiply');
  const by = decimal(quantityOf(factor.value));
  const { unscaled, scale } = decimal(other.value);
  return formatQuantity(quantityFromDecimal(unscaled * by.unscaled, scale + by.scale, other.value.format));
}

function divide([a, b]: readonly [Operand, Operand]): Value {
  if (a.kind === 'number' && b.kind === 'number') {
    if (b.value === 0) throw zeroDivisor('divide');
    return a.value / b.value;
  }
  if (a.kind === 'duration') {
    const divisor = b.kind === 'duration' ? inSeconds(b.value) : b.kind === 'number' ? b.value : undefined;
    if (divisor === undefined) throw mismatch('divide');
    if (divisor === 0) throw zeroDivisor('divide');
    const quotient = inSeconds(a.value) / divisor;
    return b.kind === 'duration' ? quotient : formatGoDuration(fromSeconds(quotient));
  }
  if (a.kind === 'quantity' && b.kind === 'quantity') {
    const divisor = quantityAsFloat(b.value);
    if (divisor === 0) throw zeroDivisor('divide');
    return quantityAsFloat(a.value) / divisor;
  }
  if (a.kind !== 'quantity' || b.kind !== 'number') throw mismatch('divide');
  if (b.value === 0) throw zeroDivisor('divide');
  return formatQuantity(quotient(a.value, quantityOf(b.value)));
}

/** A quotient has as many decimals as the more precise of both, and is cut, not rounded. */
function quotient(dividend: Quantity, divisor: Quantity): Quantity {
  const a = decimal(dividend);
  const b = decimal(divisor);
  if (b.unscaled === 0n) throw zeroDivisor('divide');
  const scale = Math.max(a.scale, b.scale);
  const shift = scale - a.scale + b.scale;
  const unscaled =
    shift >= 0 ? (a.unscaled * 10n ** BigInt(shift)) / b.unscaled : a.unscaled / (b.unscaled * 10n ** BigInt(-shift));
  return quantityFromDecimal(unscaled, scale, dividend.format);
}

/** Exponents come out of texts of a few letters; a power of ten beyond this is no quantity of anything. */
const maxScale = 10_000;

function decimal(quantity: Quantity): { readonly unscaled: bigint; readonly scale: number } {
  if (Math.abs(quantity.exponent) > maxScale) throw invalidCall('quantity', 'an operand has too many digits');
  return { unscaled: quantity.value, scale: quantity.exponent === 0 ? 0 : -quantity.exponent };
}

function quantityOf(value: number): Quantity {
  const quantity = parseQuantity(goNumber(value));
  if (quantity === undefined) throw invalidCall('quantity', `${goNumber(value)} is no quantity`);
  return quantity;
}

function modulo([a, b]: readonly [Operand, Operand]): Value {
  if (a.kind === 'duration' && b.kind === 'duration') {
    if (b.value === 0n) throw zeroDivisor('modulo');
    return formatGoDuration(a.value % b.value);
  }
  if (a.kind === 'number' && b.kind === 'number') return Number(remainder(a.value, b.value));
  if (a.kind !== 'quantity' || b.kind !== 'quantity') throw mismatch('modulo');
  const rest = remainder(quantityAsFloat(a.value), quantityAsFloat(b.value));
  return formatQuantity(quantityFromNumber(rest, a.value.format));
}

function remainder(a: number, b: number): bigint {
  if (a !== goInt(a) || b !== goInt(b)) throw invalidCall('modulo', 'Non-integer argument(s) passed for modulo');
  if (b === 0) throw zeroDivisor('modulo');
  return BigInt(a) % BigInt(b);
}

function round(value: number, digits: number): number {
  if (!Number.isInteger(digits) || digits !== goInt(digits)) {
    throw invalidCall('round', 'Non-integer argument(s) passed for round off');
  }
  if (digits < 0) throw invalidCall('round', 'argument is out of bounds');
  const shift = Number(`1e${Math.min(digits, 400)}`);
  return halfAwayFromZero(value * shift) / shift;
}

function halfAwayFromZero(value: number): number {
  const whole = Math.trunc(value);
  return Math.abs(value - whole) >= 0.5 ? whole + Math.sign(value) : whole;
}

/** As Go's `Duration.Seconds`: whole seconds and the rest apart. */
function inSeconds(nanoseconds: bigint): number {
  const rest = nanoseconds % nanosecondsPerSecond;
  return Number(nanoseconds / nanosecondsPerSecond) + Number(rest) / 1e9;
}

/** A float64 of seconds cut to nanoseconds; one beyond 64 bits becomes the least duration, as on Go's usual machines. */
function fromSeconds(seconds: number): bigint {
  const nanoseconds = Math.trunc(seconds * 1e9);
  if (!Number.isFinite(nanoseconds)) return minDuration;
  const value = BigInt(nanoseconds);
  return value > maxDuration || value < minDuration ? minDuration : value;
}
