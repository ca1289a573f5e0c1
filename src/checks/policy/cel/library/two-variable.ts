import {
  ACCUMULATOR,
  call,
  constant,
  type Expression,
  identifier,
  type Macro,
  type MacroCall,
  macroError,
  Operator,
  variableName,
} from '../ast.ts';
import type { FunctionDeclaration } from '../declaration.ts';
import { evaluationError } from '../error.ts';
import { all, collect, exists, existsOne, type Fold, fold } from '../macros.ts';
import { mapOf, typeParameter } from '../types.ts';
import { type CelKey, CelMap, type CelValue, isKey, mapKey } from '../values.ts';
import { declare, overload } from './overload.ts';

/** The macros that see the index and the element of a list, or the key and the value of a map. */
export const TWO_VARIABLE_MACROS: readonly Macro[] = [
  macro('all', 3, (offset, [, , predicate]) => all(offset, predicate as Expression)),
  macro('exists', 3, (offset, [, , predicate]) => exists(offset, predicate as Expression)),
  macro('existsOne', 3, (offset, [, , predicate]) => existsOne(offset, predicate as Expression)),
  macro('exists_one', 3, (offset, [, , predicate]) => existsOne(offset, predicate as Expression)),
  ...filtered('transformList', (offset, args) => collect(offset, args.value, args.filter)),
  ...filtered('transformMap', (offset, args) => insert(offset, args, [identifier(offset, args.first), args.value])),
  ...filtered('transformMapEntry', (offset, args) => insert(offset, args, [args.value])),
];

const KEY = typeParameter('K');
const VALUE = typeParameter('V');
const MAP = mapOf(KEY, VALUE);

/** What the macros that make maps stand on. */
export const TWO_VARIABLE_FUNCTIONS: readonly FunctionDeclaration[] = [
  declare(
    'cel.@mapInsert',
    overload('@mapInsert_map_key_value', [MAP, KEY, VALUE], MAP, (map: CelMap, key: CelValue, value: CelValue) =>
      GrowingMap.of(map, [[key, value]]),
    ),
    overload('@mapInsert_map_map', [MAP, MAP], MAP, (map: CelMap, more: CelMap) =>
      GrowingMap.of(
        map,
        Array.from(more.keys(), (key) => [key, more.get(key) as CelValue]),
      ),
    ),
  ),
];

type Entries = Map<string | boolean | bigint, readonly [CelKey, CelValue]>;

/**
 * A map that shares its entries with the one it grew from. A fold adds them one at a time and drops the map that it
 * had: copying would take the square of its size.
 */
class GrowingMap extends CelMap {
  readonly #entries: Entries;
  readonly size: number;

  private constructor(entries: Entries) {
    super();
    this.#entries = entries;
    this.size = entries.size;
  }

  static of(map: CelMap, added: Iterable<readonly [CelValue, CelValue]>): GrowingMap {
    const entries: Entries = new Map();
    // Only the last map of a chain may go on with its entries: an older one would see what was added since.
    const shared = map instanceof GrowingMap && map.#entries.size === map.size;
    const to = shared ? map.#entries : entries;
    if (!shared) for (const key of map.keys()) append(to, key, map.get(key) as CelValue);
    for (const [key, value] of added) append(to, key, value);
    return new GrowingMap(to);
  }

  override get(key: CelValue): CelValue | undefined {
    const at = mapKey(key);
    return at === undefined ? undefined : this.#entries.get(at)?.[1];
  }

  override has(key: CelValue): boolean {
    const at = mapKey(key);
    return at !== undefined && this.#entries.has(at);
  }

  override *keys(): IterableIterator<CelKey> {
    let left = this.size;
    for (const [key] of this.#entries.values()) {
      if (left-- === 0) return;
      yield key;
    }
  }
}

function append(entries: Entries, key: CelValue, value: CelValue): void {
  const at = mapKey(key);
  if (at === undefined || !isKey(key)) throw evaluationError('unsupported key type');
  if (entries.has(at)) throw evaluationError(`insert failed: key ${String(at)} already exists`);
  entries.set(at, [key, value]);
}

interface Parts {
  readonly first: string;
  readonly filter: Expression | undefined;
  readonly value: Expression;
}

/** A macro with a filter before its last argument, or without one. */
function filtered(name: string, make: (offset: number, parts: Parts) => Fold): Macro[] {
  const expand = (offset: number, args: readonly Expression[], first: string): Fold =>
    make(offset, { first, filter: args.length === 4 ? args[2] : undefined, value: args.at(-1) as Expression });
  return [macro(name, 3, expand), macro(name, 4, expand)];
}

function insert(offset: number, { filter }: Parts, added: readonly Expression[]): Fold {
  const so = identifier(offset, ACCUMULATOR);
  const more = call(offset, 'cel.@mapInsert', so, ...added);
  return {
    initial: { kind: 'map', offset, entries: [] },
    condition: constant(offset, true),
    step: filter === undefined ? more : call(offset, Operator.conditional, filter, more, so),
    result: so,
  };
}

function macro(
  name: string,
  argumentCount: number,
  make: (offset: number, args: readonly Expression[], first: string) => Fold,
): Macro {
  return {
    name,
    member: true,
    argumentCount,
    expand: ({ offset, target, arguments: args }: MacroCall) => {
      const [first, second] = args.map((argument, i) =>
        i < 2 ? variableName(argument, 'argument must be a simple name') : '',
      );
      if (first === undefined || second === undefined || target === undefined) return undefined;
      if (first === second) throw macroError(args[1] as Expression, `duplicate variable name: ${second}`);
      return fold(offset, target, first, second, make(offset, args, first));
    },
  };
}
