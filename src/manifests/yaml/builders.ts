import { isObject, type JsonValue } from '../../core/json.ts';
import { quote, TextProblem } from '../problem.ts';
import type { Resolved } from './resolve.ts';

/** Offsets of the values in an array or object, by index or key. */
export type Offsets = Map<object, Map<string | number, number>>;

type Mutable = Record<string, JsonValue>;

/** What a merge key takes in, in the order in which it is taken: of a sequence, the last first. */
export function mergeSources(value: JsonValue, byAlias: boolean, offset: number): readonly Mutable[] {
  const sources = Array.isArray(value) && !byAlias ? [...(value as readonly JsonValue[])].reverse() : [value];
  for (const source of sources) {
    if (!isObject(source)) {
      throw new TextProblem('MANIFEST_VALUE', offset, 'a merge key (<<) needs a mapping, or a sequence of mappings');
    }
  }
  return sources as Mutable[];
}

export class ListBuilder {
  readonly list: JsonValue[] = [];
  readonly #offsets: Map<string | number, number> | undefined;

  constructor(offsets: Offsets | undefined) {
    this.#offsets = note(this.list, offsets);
  }

  add(value: JsonValue, offset: number): void {
    this.#offsets?.set(this.list.length, offset);
    this.list.push(value);
  }
}

/** Of each mapping that has any, the keys that were not strings before they became ones, and what they were. */
export type KeyKinds = WeakMap<object, Map<string, string>>;

export class MapBuilder {
  readonly map: Mutable = Object.create(null);
  readonly #offsets: Offsets | undefined;
  readonly #kinds: KeyKinds;
  /** Once something was merged: the keys that are written out, which alone can be duplicates. */
  #written: Set<string> | undefined;

  constructor(offsets: Offsets | undefined, kinds: KeyKinds) {
    this.#offsets = offsets;
    this.#kinds = kinds;
    note(this.map, offsets);
  }

  /** Adds an entry whose key, spelt `name`, stands at `keyOffset`. Throws MANIFEST_DUPLICATE_KEY. */
  add(name: string, key: Resolved, value: JsonValue, keyOffset: number, valueOffset: number): void {
    const kind = key.type === 'string' ? undefined : `${key.type} ${key.value}`;
    const twice = this.#written === undefined ? name in this.map : this.#written.has(name);
    if (twice || this.#becomesOne(name, kind)) {
      throw new TextProblem('MANIFEST_DUPLICATE_KEY', keyOffset, `the key ${quote(name)} stands here a second time`);
    }
    this.#written?.add(name);
    this.#set(name, kind, value, valueOffset);
  }

  /**
   * Takes the entries of `sources`, each over what is there: go-yaml v2 lets a merge key win over the keys before it,
   * where YAML lets the keys win. Throws MANIFEST_DUPLICATE_KEY for a second merge key.
   */
  merge(sources: readonly Mutable[], offset: number): void {
    if (this.#written !== undefined) {
      throw new TextProblem('MANIFEST_DUPLICATE_KEY', offset, 'a second merge key (<<) in one mapping');
    }
    this.#written = new Set(Object.keys(this.map));
    for (const source of sources) {
      for (const name of Object.keys(source)) {
        const kind = this.#kinds.get(source)?.get(name);
        if (this.#becomesOne(name, kind)) {
          throw new TextProblem('MANIFEST_DUPLICATE_KEY', offset, `the merge brings a second key ${quote(name)}`);
        }
        this.#set(name, kind, source[name] as JsonValue, this.#offsets?.get(source)?.get(name) ?? offset);
      }
    }
  }

  /**
   * Whether the key makes one with another: 1 and "1" are two keys to go-yaml and one to JSON; 0.0 and -0.0 are one to
   * go-yaml, which keeps either spelling.
   */
  #becomesOne(name: string, kind: string | undefined): boolean {
    const kinds = this.#kinds.get(this.map);
    if (kind === 'float 0' && kinds?.get(name === '0' ? '-0' : '0') === kind) return true;
    return name in this.map && (kind === 'float NaN' || kinds?.get(name) !== kind);
  }

  #set(name: string, kind: string | undefined, value: JsonValue, offset: number): void {
    this.map[name] = value;
    this.#offsets?.get(this.map)?.set(name, offset);
    if (kind === undefined) return;
    let kinds = this.#kinds.get(this.map);
    if (kinds === undefined) {
      kinds = new Map();
      this.#kinds.set(this.map, kinds);
    }
    kinds.set(name, kind);
  }
}

function note(made: object, offsets: Offsets | undefined): Map<string | number, number> | undefined {
  if (offsets === undefined) return undefined;
  const entries = new Map<string | number, number>();
  offsets.set(made, entries);
  return entries;
}
