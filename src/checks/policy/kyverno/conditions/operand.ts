import type { JsonValue } from '../../../../core/json.ts';
import { formatGeneral, printGo } from '../pattern/go-number.ts';

/** One side of a condition, with its variables substituted. */
export interface Operand {
  readonly value: JsonValue;
  /**
   * Whether Kyverno holds it as a float although it has no fraction, as it does with a number that is written in the
   * policy as a key or value. It shows where numbers are compared as texts: a million is `1e+06` then.
   */
  readonly isFloat: boolean;
}

/** The text that set operators compare. */
export function operandText(operand: Operand): string {
  const { value } = operand;
  return operand.isFloat && typeof value === 'number' ? formatGeneral(value) : itemText(value);
}

/** The text of one item of a list. */
export function itemText(value: JsonValue): string {
  return printGo(value, Number.POSITIVE_INFINITY);
}
