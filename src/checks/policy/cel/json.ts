import type { JsonObject, JsonValue } from '../../../core/json.ts';
import { formatDuration } from './duration.ts';
import { evaluationError } from './error.ts';
import { timestampToText } from './timestamp.ts';
import {
  CelDuration,
  type CelKey,
  CelList,
  CelMap,
  CelOptional,
  CelTimestamp,
  CelUint,
  type CelValue,
} from './values.ts';

/**
 * A JSON value as a value of the language, without copying: lists and maps are views that read the document where the
 * expression looks. Whole numbers are `int`, as Go reads them; beyond 64 bits, and with a fraction, `double`.
 */
export function fromJson(value: JsonValue): CelValue {
  switch (typeof value) {
    case 'object':
      if (value === null) return null;
      return Array.isArray(value) ? new JsonList(value) : new JsonMap(value as JsonObject);
    case 'number':
      return Number.isSafeInteger(value) ? BigInt(value) : wholeOrDouble(value);
    case 'bigint':
      return BigInt.asIntN(64, value) === value ? value : Number(value);
    default:
      return value;
  }
}

function wholeOrDouble(value: number): CelValue {
  if (!Number.isInteger(value)) return value;
  const whole = BigInt(value);
  return BigInt.asIntN(64, whole) === whole ? whole : value;
}

/** An array of a document as a list. */
class JsonList extends CelList {
  readonly json: readonly JsonValue[];

  constructor(json: readonly JsonValue[]) {
    super();
    this.json = json;
  }

  override get size(): number {
    return this.json.length;
  }

  override at(index: number): CelValue {
    return fromJson(this.json[index] as JsonValue);
  }
}

/** An object of a document as a map. Only its own keys are there: `constructor` and `__proto__` are keys like any other. */
export class JsonMap extends CelMap {
  readonly json: JsonObject;
  #size = -1;

  constructor(json: JsonObject) {
    super();
    this.json = json;
  }

  override get size(): number {
    if (this.#size < 0) this.#size = Object.keys(this.json).length;
    return this.#size;
  }

  override get(key: CelValue): CelValue | undefined {
    if (typeof key !== 'string' || !Object.hasOwn(this.json, key)) return undefined;
    return fromJson(this.json[key] as JsonValue);
  }

  override has(key: CelValue): boolean {
    return typeof key === 'string' && Object.hasOwn(this.json, key);
  }

  override *keys(): IterableIterator<CelKey> {
    yield* Object.keys(this.json);
  }
}

/** How deep a value may nest to be written as JSON. */
const MAX_DEPTH = 500;

/**
 * A value as JSON. Timestamps and durations become their text, bytes base64, an empty optional null. Throws for what
 * has no JSON: types, values of libraries, doubles that are not numbers.
 */
export function toJson(value: CelValue): JsonValue {
  return writeJson(value, 0);
}

function writeJson(value: CelValue, depth: number): JsonValue {
  if (depth > MAX_DEPTH) throw evaluationError('the value nests too deep');
  switch (typeof value) {
    case 'number':
      if (!Number.isFinite(value)) throw evaluationError(`unsupported JSON value: ${value}`);
      return value;
    case 'bigint':
      return narrow(value);
    case 'object':
      break;
    default:
      return value;
  }
  if (value === null) return null;
  if (value instanceof JsonMap || value instanceof JsonList) return value.json;
  if (value instanceof CelList) return value.toArray().map((item) => writeJson(item, depth + 1));
  if (value instanceof CelMap) return writeMap(value, depth);
  if (value instanceof CelUint) return narrow(value.value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (value instanceof CelDuration) return formatDuration(value);
  if (value instanceof CelTimestamp) return timestampToText(value);
  if (value instanceof CelOptional) return value.value === undefined ? null : writeJson(value.value, depth + 1);
  throw evaluationError('the value has no JSON');
}

function writeMap(map: CelMap, depth: number): JsonObject {
  const made: Record<string, JsonValue> = Object.create(null);
  for (const key of map.keys()) {
    const name = key instanceof CelUint ? key.value.toString() : String(key);
    made[name] = writeJson(map.get(key) as CelValue, depth + 1);
  }
  return made;
}

function narrow(value: bigint): JsonValue {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
