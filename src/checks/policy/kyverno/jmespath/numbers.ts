import { type JsonObject, type JsonValue, objectFrom } from '../../../../core/json.ts';
import { isMap } from './value.ts';

const known = new WeakMap<JsonObject, JsonObject>();

/**
 * An object as Kyverno puts it before a query: every number is a float64, also one that a float64 cannot hold exactly. A
 * `bigint` is an int for queries, which no comparison takes, so that a number beyond 2^53 must not reach them as one.
 * An object without such numbers is given back as it is.
 */
export function withFloats<T extends JsonObject | null>(object: T): T | JsonObject {
  if (object === null) return object;
  let made = known.get(object);
  if (made === undefined) {
    made = hasInts(object) ? (floatsIn(object) as JsonObject) : object;
    known.set(object, made);
  }
  return made;
}

/**
 * Whether there is a bigint anywhere. It needs no stack, whatever the depth of the object, and copies nothing: each object
 * that is judged is walked so.
 */
function hasInts(object: JsonObject): boolean {
  const pending: (JsonObject | readonly JsonValue[])[] = [object];
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    if (isMap(at)) {
      for (const key in at) {
        const value = at[key];
        if (typeof value === 'bigint') return true;
        if (typeof value === 'object' && value !== null) pending.push(value);
      }
    } else {
      for (const value of at) {
        if (typeof value === 'bigint') return true;
        if (typeof value === 'object' && value !== null) pending.push(value);
      }
    }
  }
  return false;
}

function floatsIn(value: JsonValue): JsonValue {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value !== 'object' || value === null) return value;
  if (!isMap(value)) return value.map(floatsIn);
  return objectFrom(Object.keys(value).map((key) => [key, floatsIn(value[key] as JsonValue)] as const));
}
