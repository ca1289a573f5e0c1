import { type Expression, identifier, type Macro, macroError, memberCall, variableName } from '../ast.ts';
import { sizeForCost } from '../cost.ts';
import type { FunctionDeclaration, Overload } from '../declaration.ts';
import { compare, equals } from '../equality.ts';
import { evaluationError } from '../error.ts';
import { collect, fold } from '../macros.ts';
import {
  BOOL,
  BYTES,
  type CelType,
  DOUBLE,
  DURATION,
  DYN,
  INT,
  listOf,
  runtimeTypeName,
  STRING,
  TIMESTAMP,
  typeParameter,
  UINT,
} from '../types.ts';
import { ArrayList, CelDuration, CelList, CelTimestamp, CelUint, type CelValue } from '../values.ts';
import { bind } from './bindings.ts';
import { allocating, checkComparisons, checkSize, declare, ifResolved, method, overload } from './overload.ts';

const T = typeParameter('T');
const LIST = listOf(T);
/** What has an order. */
const ORDERED: readonly CelType[] = [INT, UINT, DOUBLE, BOOL, DURATION, TIMESTAMP, STRING, BYTES];
/** The variable behind `sortBy`: no source can name it. */
const INPUT = '@__sortBy_input__';
const BY_KEYS = '@sortByAssociatedKeys';

interface ListsVersion {
  /** The longest list that `lists.range` makes. */
  readonly maxRange?: number;
}

/** The list functions, in their third version. */
export function listFunctions(version: ListsVersion): FunctionDeclaration[] {
  return [
    declare(
      'slice',
      ifResolved(method('list_slice', [LIST, INT, INT], LIST, slice, (_, made) => allocating(1, sizeForCost(made)))),
    ),
    declare(
      'flatten',
      ifResolved(
        method(
          'list_flatten',
          [listOf(LIST)],
          LIST,
          (list: CelList) => flatten(list, 1n),
          ([list]) => allocating(1, sizeForCost(list as CelValue)),
        ),
      ),
      ifResolved(
        method('list_flatten_int', [listOf(DYN), INT], listOf(DYN), flatten, ([list, depth]) =>
          allocating(Number(depth), sizeForCost(list as CelValue)),
        ),
      ),
    ),
    declare('sort', ...ORDERED.map(sortOf)),
    declare(BY_KEYS, ...ORDERED.map(sortByKeysOf)),
    declare(
      'lists.range',
      ifResolved(
        overload(
          'lists_range',
          [INT],
          listOf(INT),
          (size: bigint) => range(size, version),
          (_, made) => allocating(1, sizeForCost(made)),
        ),
      ),
    ),
    declare(
      'reverse',
      ifResolved(
        method(
          'list_reverse',
          [LIST],
          LIST,
          (list: CelList) => new ArrayList(list.toArray().reverse()),
          (_, made) => allocating(1, sizeForCost(made)),
        ),
      ),
    ),
    declare(
      'distinct',
      ifResolved(method('list_distinct', [LIST], LIST, distinct, ([list]) => comparing(list as CelList))),
    ),
  ];
}

/** `list.sortBy(x, key)`: the keys are calculated once, then the list is sorted by them. */
export const LIST_MACROS: readonly Macro[] = [
  {
    name: 'sortBy',
    member: true,
    argumentCount: 2,
    expand: ({ offset, target, arguments: args }) => {
      if (target === undefined) return undefined;
      if (target.kind === 'constant' || target.kind === 'map' || target.kind === 'struct') {
        throw macroError(
          target,
          'sortBy can only be applied to a list, identifier, comprehension, call or select expression',
        );
      }
      const input = identifier(offset, INPUT);
      return bind(offset, INPUT, target, memberCall(offset, input, BY_KEYS, mapOver(offset, input, args)));
    },
  },
];

function mapOver(offset: number, target: Expression, args: readonly Expression[]): Expression {
  const [name, key] = args as [Expression, Expression];
  const variable = variableName(name, 'argument is not an identifier');
  return fold(offset, target, variable, undefined, collect(offset, key));
}

function slice(list: CelList, start: bigint, end: bigint): CelList {
  const refused = (why: string): Error => evaluationError(`cannot slice(${start}, ${end}), ${why}`);
  if (start < 0n || end < 0n) throw refused('negative indexes not supported');
  if (start > end) throw refused('start index must be less than or equal to end index');
  if (BigInt(list.size) < end) throw refused(`list is length ${list.size}`);
  return new ArrayList(list.toArray().slice(Number(start), Number(end)));
}

function flatten(list: CelList, depth: bigint): CelList {
  if (depth < 0n) throw evaluationError('level must be non-negative');
  const made: CelValue[] = [];
  const walk = (items: CelList, left: bigint): void => {
    for (const item of items) {
      if (item instanceof CelList && left > 0n) walk(item, left - 1n);
      else made.push(item);
    }
    checkSize(made.length);
  };
  walk(list, depth);
  return new ArrayList(made);
}

function range(size: bigint, { maxRange }: ListsVersion): CelList {
  if (maxRange !== undefined && size < 0n) throw evaluationError(`lists.range: size must be non-negative, got ${size}`);
  if (maxRange !== undefined && size > BigInt(maxRange)) {
    throw evaluationError(`lists.range: size ${size} exceeds maximum allowed (${maxRange})`);
  }
  checkSize(Number(size));
  return new ArrayList(Array.from({ length: Math.max(0, Number(size)) }, (_, i) => BigInt(i)));
}

function sortOf(type: CelType): Overload {
  const list = listOf(type);
  return ifResolved(
    method(
      `list_${runtimeTypeName(type)}_sort`,
      [list],
      list,
      (items: CelList) => sortByKeys(items, items),
      ([items]) => comparing(items as CelList),
    ),
  );
}

function sortByKeysOf(type: CelType): Overload {
  return ifResolved(
    method(`list_${runtimeTypeName(type)}_sortByAssociatedKeys`, [LIST, listOf(type)], LIST, sortByKeys, ([, keys]) =>
      comparing(keys as CelList),
    ),
  );
}

function sortByKeys(list: CelList, keys: CelList): CelList {
  if (list.size !== keys.size) {
    throw evaluationError(
      `@sortByAssociatedKeys() expected a list of the same size as the associated keys list, but got ${list.size} and ${keys.size} elements respectively`,
    );
  }
  if (list.size === 0) return list;
  const known = keys.toArray();
  const kind = orderedKind(known[0] as CelValue);
  if (kind === undefined) throw evaluationError('list elements must be comparable');
  if (known.some((key) => orderedKind(key) !== kind) && known.length > 1) {
    throw evaluationError('list elements must have the same type');
  }
  const items = list.toArray();
  const order = items.map((_, i) => i).sort((i, j) => compare(known[i] as CelValue, known[j] as CelValue));
  return new ArrayList(order.map((i) => items[i] as CelValue));
}

const ORDERED_CLASSES = [CelUint, CelDuration, CelTimestamp, Uint8Array] as const;

/** Something that is the same for values of one ordered type, and undefined for what has no order. */
function orderedKind(value: CelValue): unknown {
  return typeof value === 'object' ? ORDERED_CLASSES.find((kind) => value instanceof kind) : typeof value;
}

function distinct(list: CelList): CelList {
  checkComparisons(list.size * list.size);
  const found: CelValue[] = [];
  for (const item of list) if (!found.some((other) => equals(item, other))) found.push(item);
  return new ArrayList(found);
}

/** Comparing every element with every other. */
function comparing(list: CelList): number {
  const first = list.size === 0 ? undefined : list.at(0);
  const factor = typeof first === 'string' || first instanceof Uint8Array ? 2.1 : 2;
  return allocating(factor, list.size * list.size);
}
