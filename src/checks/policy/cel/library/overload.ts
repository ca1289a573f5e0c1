import { CHARACTER_COST, LIST_COST, PATTERN_COST, patternCost, sizeForCost, traversalCost } from '../cost.ts';
import type { CallCost, FunctionDeclaration, Overload } from '../declaration.ts';
import { CelError } from '../error.ts';
import type { CelType } from '../types.ts';
import { CelList, CelMap, CelOptional, type CelValue } from '../values.ts';

/** A function with all of its overloads. */
export function declare(name: string, ...overloads: readonly Overload[]): FunctionDeclaration {
  return { name, overloads };
}

/** The arguments have the run-time types that the overload declares, so an implementation names them directly. */
type Implementation = (...args: never[]) => CelValue;

/** An overload of a function called as `name(…)`. */
export function overload(
  id: string,
  parameters: readonly CelType[],
  result: CelType,
  call: Implementation,
  cost?: CallCost,
): Overload {
  return { id, parameters, result, call: call as Overload['call'], ...(cost && { cost }) };
}

/** An overload of a function called as `receiver.name(…)`; the receiver is the first parameter. */
export function method(
  id: string,
  parameters: readonly CelType[],
  result: CelType,
  call: Implementation,
  cost?: CallCost,
): Overload {
  return { ...overload(id, parameters, result, call, cost), member: true };
}

/** Walking the first argument `times` over. */
export function traversing(times = 1): CallCost {
  return (args) => traversalCost(sizeForCost(args[0] as CelValue) * times);
}

/** Building a text, whose size counts twice. */
export const building: CallCost = (_args, result) => traversalCost(sizeForCost(result) * 2);

/** Matching the first argument against the pattern that is the second. */
export const matching: CallCost = (args) =>
  patternCost(sizeForCost(args[0] as CelValue), sizeForCost(args[1] as CelValue));

/** Searching by a pattern and building a result of its own. */
export function extracting(extra: number, round: (cost: number) => number): CallCost {
  return (args, result) => {
    const search =
      (sizeForCost(args[0] as CelValue) + 1) * CHARACTER_COST * ((sizeForCost(args[1] as CelValue) + 1) * PATTERN_COST);
    return round(1 + search + (result instanceof CelOptional ? 1 : sizeForCost(result)) + extra);
  };
}

/** Walking the whole tree of the first argument; a text counts by its bytes. */
export const walking: CallCost = (args) => treeCost(args[0] as CelValue);

function treeCost(value: CelValue): number {
  if (typeof value === 'string') return Math.trunc(Buffer.byteLength(value) * CHARACTER_COST);
  if (value instanceof Uint8Array) return Math.trunc(value.length * CHARACTER_COST);
  let cost = 0;
  if (value instanceof CelList) {
    for (const element of value) cost += treeCost(element);
    return cost;
  }
  if (value instanceof CelMap) {
    for (const key of value.keys()) cost += treeCost(key) + treeCost(value.get(key) as CelValue);
    return cost;
  }
  return 1;
}

/** Making a list: the call itself, the list and `factor` for each of `size` steps. */
export function allocating(factor: number, size: number): number {
  return Math.trunc(size * factor) + 1 + LIST_COST;
}

/** An overload whose cost counts only where the checker left it alone: so it is for the extensions of the language. */
export function ifResolved(declared: Overload): Overload {
  return { ...declared, costIfResolved: true };
}

/** No text or list that a function makes may be larger: costs are only counted once a call is done. */
const MAX_SIZE = 10_000_000;

/** Throws, in a way that no `||` absorbs, where a result would be too large to make. */
export function checkSize(size: number): void {
  if (size > MAX_SIZE) throw new CelError('work', `a result of more than ${MAX_SIZE} characters or elements`);
}

/** Beyond this many comparisons every budget is spent: they cost one each or more, and are counted once they are made. */
const MAX_COMPARISONS = 20_000_000;

/** Throws, as the end of a budget does, before so many comparisons are made that they would spend any. */
export function checkComparisons(count: number): void {
  if (count > MAX_COMPARISONS) throw new CelError('cost', 'operation cancelled: actual cost limit exceeded');
}
