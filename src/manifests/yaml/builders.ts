import { isObject, type JsonValue } from '../../core/json.ts';
import { TextProblem } from '../problem.ts';

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

export class MapBuilder {
  readonly map: Mutable = Object.create(null);
  readonly #all: Offsets | undefined;
  readonly #offsets: Map<string | number, number> | undefined;
  /** Once something was merged: the keys that are written out, which alone can be duplicates. */
  #written: Set<string> | undefined;

  constructor(offsets: Offsets | undefined) {
    this.#all = offsets;
    this.#offsets = note(this.map, offsets);
  }

  /** False where the key is written out already. */
  add(key: string, value: JsonValue, offset: number): boolean {
    if (this.#written === undefined ? key in this.map : this.#written.has(key)) return false;
    this.#written?.add(key);
    this.map[key] = value;
    this.#offsets?.set(key, offset);
    return true;
  }

  /**
   * Takes the entries of `sources`, each over what is there: go-yaml v2 lets a merge key win over the keys before it,
   * where YAML lets the keys win. False where there was a merge key already.
   */
  merge(sources: readonly Mutable[]): boolean {
    if (this.#written !== undefined) return false;
    this.#written = new Set(Object.keys(this.map));
    for (const source of sources) {
      const offsets = this.#all?.get(source);
      for (const key of Object.keys(source)) {
        this.map[key] = source[key] as JsonValue;
        const offset = offsets?.get(key);
        if (offset !== undefined) this.#offsets?.set(key, offset);
      }
    }
    return true;
  }
}

function note(made: object, offsets: Offsets | undefined): Map<string | number, number> | undefined {
  if (offsets === undefined) return undefined;
  const entries = new Map<string | number, number>();
  offsets.set(made, entries);
  return entries;
}
