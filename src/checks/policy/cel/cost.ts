import { worked } from '../values/work.ts';
import { CelError } from './error.ts';
import { CelList, CelMap, CelOptional, type CelValue, codePointCount } from './values.ts';

/**
 * What an evaluation may cost, in the units of the Go implementation: the same expression over the same values costs
 * the same on every machine. One budget may serve several evaluations.
 */
export class CostBudget {
  readonly limit: number;
  spent = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Throws CelError (`cost`) once more than the limit is spent. */
  charge(cost: number): void {
    worked(cost);
    this.spent += cost;
    if (this.spent > this.limit) {
      throw new CelError('cost', 'operation cancelled: actual cost limit exceeded');
    }
  }
}

export const LIST_COST = 10;
export const MAP_COST = 30;
export const STRUCT_COST = 40;
/** For every character of a string that is walked through. */
export const CHARACTER_COST = 0.1;
/** For every character of a pattern, for each piece of the text that it is held against. */
export const PATTERN_COST = 0.25;

/** The size by which costs go: of strings in characters, of bytes, lists and maps; anything else is 1. */
export function sizeForCost(value: CelValue): number {
  if (typeof value === 'string') return codePointCount(value);
  if (typeof value !== 'object' || value === null) return 1;
  if (value instanceof CelList || value instanceof CelMap) return value.size;
  if (value instanceof Uint8Array) return value.length;
  if (value instanceof CelOptional) return value.value === undefined ? 1 : sizeForCost(value.value);
  return 1;
}

/** Walking through a value once: a tenth of its size, rounded up. */
export function traversalCost(size: number): number {
  return Math.ceil(size * CHARACTER_COST);
}

/** Matching a text of a size with a pattern of a size. */
export function patternCost(text: number, pattern: number): number {
  return traversalCost(1 + text) * Math.ceil(pattern * PATTERN_COST);
}
