import { sizeForCost } from '../cost.ts';
import type { CallCost, FunctionDeclaration } from '../declaration.ts';
import { equals } from '../equality.ts';
import { BOOL, listOf, typeParameter } from '../types.ts';
import type { CelList, CelValue } from '../values.ts';
import { checkComparisons, declare, ifResolved, overload } from './overload.ts';

const LIST = listOf(typeParameter('T'));

/** Lists looked at as sets. */
export const SET_FUNCTIONS: readonly FunctionDeclaration[] = [
  setFunction('contains', contains, 1),
  setFunction('equivalent', (a, b) => contains(a, b) && contains(b, a), 2),
  setFunction('intersects', intersects, 1),
];

function setFunction(name: string, test: (a: CelList, b: CelList) => boolean, factor: number): FunctionDeclaration {
  const cost: CallCost = ([a, b]) => 1 + sizeForCost(a as CelValue) * sizeForCost(b as CelValue) * factor;
  const bounded = (a: CelList, b: CelList): boolean => {
    checkComparisons(a.size * b.size);
    return test(a, b);
  };
  return declare(`sets.${name}`, ifResolved(overload(`list_sets_${name}_list`, [LIST, LIST], BOOL, bounded, cost)));
}

function has(list: CelList, value: CelValue): boolean {
  for (const item of list) if (equals(item, value)) return true;
  return false;
}

function contains(list: CelList, part: CelList): boolean {
  for (const value of part) if (!has(list, value)) return false;
  return true;
}

function intersects(a: CelList, b: CelList): boolean {
  for (const value of a) if (has(b, value)) return true;
  return false;
}
