import {
  addQuantities,
  compareQuantities,
  formatQuantity,
  parseQuantity,
  type Quantity,
  QuantityRangeError,
  quantityAsFloat,
  quantityAsInteger,
  quantityFromNumber,
  quantitySign,
  subtractQuantities,
} from '../../values/quantity.ts';
import type { FunctionDeclaration } from '../declaration.ts';
import { CelError, evaluationError, noSuchOverload } from '../error.ts';
import { BOOL, DOUBLE, INT, objectType, STRING } from '../types.ts';
import { CelObject, type CelValue } from '../values.ts';
import { declare, method, overload, traversing } from './overload.ts';

const QUANTITY = objectType('kubernetes.Quantity');

/** A quantity of Kubernetes as a value of the language. It can only be compared with another one. */
class CelQuantity extends CelObject {
  readonly quantity: Quantity;

  constructor(quantity: Quantity) {
    super();
    this.quantity = quantity;
  }

  override get type(): typeof QUANTITY {
    return QUANTITY;
  }

  override equals(other: CelValue): boolean {
    if (!(other instanceof CelQuantity)) throw noSuchOverload();
    return compareQuantities(this.quantity, other.quantity) === 0;
  }

  override toString(): string {
    return formatQuantity(this.quantity);
  }
}

/** Kubernetes' quantity functions. */
export const QUANTITY_FUNCTIONS: readonly FunctionDeclaration[] = [
  declare('quantity', overload('string_to_quantity', [STRING], QUANTITY, toQuantity, traversing())),
  declare(
    'isQuantity',
    overload('is_quantity_string', [STRING], BOOL, (text: string) => parseQuantity(text) !== undefined, traversing()),
  ),
  declare(
    'sign',
    overload('quantity_sign', [QUANTITY], INT, ({ quantity }: CelQuantity) => BigInt(quantitySign(quantity))),
  ),
  declare(
    'isGreaterThan',
    method('quantity_is_greater_than', [QUANTITY, QUANTITY], BOOL, (a: CelQuantity, b: CelQuantity) => order(a, b) > 0),
  ),
  declare(
    'isLessThan',
    method('quantity_is_less_than', [QUANTITY, QUANTITY], BOOL, (a: CelQuantity, b: CelQuantity) => order(a, b) < 0),
  ),
  declare(
    'compareTo',
    method('quantity_compare_to', [QUANTITY, QUANTITY], INT, (a: CelQuantity, b: CelQuantity) => BigInt(order(a, b))),
  ),
  declare(
    'asApproximateFloat',
    method('quantity_get_float', [QUANTITY], DOUBLE, ({ quantity }: CelQuantity) => quantityAsFloat(quantity)),
  ),
  declare('asInteger', method('quantity_get_int', [QUANTITY], INT, toInteger)),
  declare(
    'isInteger',
    method(
      'quantity_is_integer',
      [QUANTITY],
      BOOL,
      ({ quantity }: CelQuantity) => quantityAsInteger(quantity) !== undefined,
    ),
  ),
  declare(
    'add',
    method('quantity_add', [QUANTITY, QUANTITY], QUANTITY, (a: CelQuantity, b: CelQuantity) => sum(a, b.quantity)),
    method('quantity_add_int', [QUANTITY, INT], QUANTITY, (a: CelQuantity, b: bigint) => sum(a, whole(b))),
  ),
  declare(
    'sub',
    method('quantity_sub', [QUANTITY, QUANTITY], QUANTITY, (a: CelQuantity, b: CelQuantity) =>
      difference(a, b.quantity),
    ),
    method('quantity_sub_int', [QUANTITY, INT], QUANTITY, (a: CelQuantity, b: bigint) => difference(a, whole(b))),
  ),
];

function toQuantity(text: string): CelQuantity {
  const quantity = parseQuantity(text);
  if (quantity === undefined) throw evaluationError(whyRefused(text));
  return new CelQuantity(quantity);
}

/** Which of its two complaints Kubernetes has: about the shape of the text, or about the unit at its end. */
function whyRefused(text: string): string {
  if (/^[+-]?[0-9]*\.?[0-9]*[eEinumkKMGTP]*[-+]?[0-9]*$/.test(text) && text !== '') {
    return "unable to parse quantity's suffix";
  }
  return "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
}

function order(a: CelQuantity, b: CelQuantity): number {
  return compareQuantities(a.quantity, b.quantity);
}

function toInteger({ quantity }: CelQuantity): bigint {
  const value = quantityAsInteger(quantity);
  if (value === undefined) throw evaluationError('cannot convert value to integer');
  return value;
}

function whole(value: bigint): Quantity {
  return quantityFromNumber(value, 'DecimalExponent');
}

function sum(a: CelQuantity, b: Quantity): CelQuantity {
  return bounded(() => addQuantities(a.quantity, b));
}

function difference(a: CelQuantity, b: Quantity): CelQuantity {
  return bounded(() => subtractQuantities(a.quantity, b));
}

function bounded(calculate: () => Quantity): CelQuantity {
  try {
    return new CelQuantity(calculate());
  } catch (cause) {
    if (cause instanceof QuantityRangeError) throw new CelError('work', cause.message);
    throw cause;
  }
}
