import type { CallCost, FunctionDeclaration, Overload } from '../declaration.ts';
import { CelError } from '../error.ts';
import type { CelType } from '../types.ts';
import { CelList, CelMap, CelOptional, type CelValue, codePointCount } from '../values.ts';

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

/** What walking one character costs. */
const PER_CHARACTER = 0.1;
/** What one character of a pattern costs, for every ten that it is matched against. */
const PER_PATTERN_CHARACTER = 0.25;

/** The size that costs go by: of a text its characters, of a list or map its entries; 1 for what has no size. */
export function sizeOf(value: CelValue | undefined): number {
  if (typeof value === 'string') return codePointCount(value);
  if (value instanceof Uint8Array) return value.length;
  if (value instanceof CelList || value instanceof CelMap) return value.size;
  return 1;
}

/** Walking the first argument `times` over. */
export function traversing(times = 1): CallCost {
  return (args) => Math.ceil(sizeOf(args[0]) * times * PER_CHARACTER);
}

/** Building a text, whose size counts twice. */
export const building: CallCost = (_args, result) => Math.ceil(sizeOf(result) * 2 * PER_CHARACTER);

/** Matching the first argument against the pattern that is the second. */
export const matching: CallCost = (args) => matchCost(sizeOf(args[0]), sizeOf(args[1]));

export function matchCost(textSize: number, patternSize: number): number {
  return Math.ceil((1 + textSize) * PER_CHARACTER) * Math.ceil(patternSize * PER_PATTERN_CHARACTER);
}

/** Searching by a pattern and building a result of its own. */
export function extracting(extra: number, round: (cost: number) => number): CallCost {
  return (args, result) => {
    const search = (sizeOf(args[0]) + 1) * PER_CHARACTER * ((sizeOf(args[1]) + 1) * PER_PATTERN_CHARACTER);
    return round(1 + search + (result instanceof CelOptional ? 1 : sizeOf(result)) + extra);
  };
}

/** Walking the whole tree of the first argument; a text counts by its bytes. */
export const walking: CallCost = (args) => treeCost(args[0] as CelValue);

function treeCost(value: CelValue): number {
  if (typeof value === 'string') return Math.trunc(Buffer.byteLength(value) * PER_CHARACTER);
  if (value instanceof Uint8Array) return Math.trunc(value.length * PER_CHARACTER);
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

/** What making a list costs, besides its elements. */
export const LIST_COST = 10;

/** Making a list: the call itself, the list and `factor` for each of `size` steps. */
export function allocating(factor: number, size: number): number {
  return Math.trunc(size * factor) + 1 + LIST_COST;
}

/** No text or list that a function makes may be larger: costs are only counted once a call is done. */
const MAX_SIZE = 10_000_000;

/** Throws, in a way that no `||` absorbs, where a result would be too large to make. */
export function checkSize(size: number): void {
  if (size > MAX_SIZE) throw new CelError('work', `a result of more than ${MAX_SIZE} characters or elements`);
}
