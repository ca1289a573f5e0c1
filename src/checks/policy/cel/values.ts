import { evaluationError } from './error.ts';
import type { CelType } from './types.ts';

/**
 * Values of the language. `int` is a `bigint` (always within 64 bits with a sign), `double` a `number`, and `uint` a
 * class of its own, so that the three never mix by accident. Lists and maps are classes, because most of them are views
 * of a JSON document which is read only where the expression looks.
 */
export type CelValue =
  | null
  | boolean
  | bigint
  | number
  | string
  | Uint8Array
  | CelUint
  | CelDuration
  | CelTimestamp
  | CelList
  | CelMap
  | CelOptional
  | CelTypeValue
  | CelObject;

const INT_MIN = -(2n ** 63n);
const INT_MAX = 2n ** 63n - 1n;
const UINT_MAX = 2n ** 64n - 1n;

/** The value as an `int`. Throws `integer overflow` outside of 64 bits with a sign. */
export function toInt(value: bigint): bigint {
  if (value < INT_MIN || value > INT_MAX) throw evaluationError('integer overflow');
  return value;
}

export class CelUint {
  /** From 0 to 2^64 - 1. */
  readonly value: bigint;

  /** Throws `unsigned integer overflow` outside of 64 bits. */
  constructor(value: bigint) {
    if (value < 0n || value > UINT_MAX) throw evaluationError('unsigned integer overflow');
    this.value = value;
  }
}

export class CelDuration {
  /** Within 64 bits with a sign, as Go's time.Duration. */
  readonly nanoseconds: bigint;

  /** Throws `integer overflow`, as Go says of a time.Duration outside of 64 bits. */
  constructor(nanoseconds: bigint) {
    this.nanoseconds = toInt(nanoseconds);
  }
}

const NANOSECONDS = 1_000_000_000n;
/** 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999999999Z, in seconds since 1970. */
const TIMESTAMP_MIN = -62_135_596_800n * NANOSECONDS;
const TIMESTAMP_MAX = 253_402_300_799n * NANOSECONDS + 999_999_999n;

export class CelTimestamp {
  /** Since 1970-01-01T00:00:00Z. */
  readonly nanoseconds: bigint;
  /** The zone it was written in, in seconds east of Greenwich: only its text shows it. */
  readonly zone: number;

  /** Throws `timestamp overflow` outside of the years 1 to 9999. */
  constructor(nanoseconds: bigint, zone = 0) {
    if (nanoseconds < TIMESTAMP_MIN || nanoseconds > TIMESTAMP_MAX) throw evaluationError('timestamp overflow');
    this.nanoseconds = nanoseconds;
    this.zone = zone;
  }
}

/** A list that cannot change. */
export abstract class CelList {
  abstract readonly size: number;
  /** The element at an index from 0 up to the size, which the caller has checked. */
  abstract at(index: number): CelValue;

  /** The elements in an array of the caller's own. */
  toArray(): CelValue[] {
    const made: CelValue[] = [];
    for (let i = 0; i < this.size; i++) made.push(this.at(i));
    return made;
  }

  *[Symbol.iterator](): IterableIterator<CelValue> {
    for (let i = 0; i < this.size; i++) yield this.at(i);
  }
}

/** A list over an array that nobody changes any more. */
export class ArrayList extends CelList {
  readonly items: readonly CelValue[];

  constructor(items: readonly CelValue[]) {
    super();
    this.items = items;
  }

  override get size(): number {
    return this.items.length;
  }

  override at(index: number): CelValue {
    return this.items[index] as CelValue;
  }
}

/** What a map can be keyed by. */
export type CelKey = string | boolean | bigint | CelUint;

/** A map that cannot change. Numeric keys of different types meet: `{1: 'a'}[1u]` is `'a'`. */
export abstract class CelMap {
  abstract readonly size: number;
  /** The value under a key, or undefined. A value that is no key of any map is simply absent. */
  abstract get(key: CelValue): CelValue | undefined;
  abstract has(key: CelValue): boolean;
  abstract keys(): IterableIterator<CelKey>;
}

/** A map made by an expression. Its keys keep the order in which they were set. */
export class EntryMap extends CelMap {
  readonly #entries: ReadonlyMap<string | boolean | bigint, readonly [CelKey, CelValue]>;

  /** Throws where two keys are equal, unless the last one of them is to count. */
  constructor(entries: Iterable<readonly [CelKey, CelValue]>, repeated?: 'last') {
    super();
    const made = new Map<string | boolean | bigint, readonly [CelKey, CelValue]>();
    for (const entry of entries) {
      const key = mapKey(entry[0]);
      if (key === undefined) throw evaluationError('unsupported key type');
      if (repeated === undefined && made.has(key)) throw evaluationError(`Failed with repeated key: ${String(key)}`);
      made.set(key, entry);
    }
    this.#entries = made;
  }

  override get size(): number {
    return this.#entries.size;
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
    for (const [key] of this.#entries.values()) yield key;
  }
}

/** What stands for a key inside a JavaScript Map; equal keys of different numeric types share it. */
export function mapKey(key: CelValue): string | boolean | bigint | undefined {
  switch (typeof key) {
    case 'string':
    case 'boolean':
    case 'bigint':
      return key;
    case 'number':
      return Number.isInteger(key) ? BigInt(key) : undefined;
    default:
      return key instanceof CelUint ? key.value : undefined;
  }
}

/** Whether a value can be a key of a map that an expression makes; a double cannot. */
export function isKey(value: CelValue): value is CelKey {
  return typeof value === 'object' ? value instanceof CelUint : typeof value !== 'number';
}

export class CelOptional {
  static readonly none = new CelOptional(undefined);
  /** Undefined where it holds nothing. */
  readonly value: CelValue | undefined;

  private constructor(value: CelValue | undefined) {
    this.value = value;
  }

  static of(value: CelValue): CelOptional {
    return new CelOptional(value);
  }
}

/** A type as a value: what `type(1)` gives and `int` names. Known by its name. */
export class CelTypeValue {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** A value of a type that a library brings: a quantity, an address. */
export abstract class CelObject {
  /** Its type at run time. */
  abstract readonly type: CelType;
  /** Whether another value of any type is the same. */
  abstract equals(other: CelValue): boolean;

  /** The field of a type that has fields; undefined where it is not set. */
  field(_name: string): CelValue | undefined {
    return undefined;
  }
}

/** How many characters (code points) a string has: the length that the language speaks of. */
export function codePointCount(text: string): number {
  let count = text.length;
  for (let i = 0; i + 1 < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0xd800 || unit > 0xdbff) continue;
    const next = text.charCodeAt(i + 1);
    if (next < 0xdc00 || next > 0xdfff) continue;
    count--;
    i++;
  }
  return count;
}
