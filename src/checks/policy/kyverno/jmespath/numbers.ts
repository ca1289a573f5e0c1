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
    made = floatsIn(object) as JsonObject;
    known.set(object, made);
  }
  return made;
}

function floatsIn(value: JsonValue): JsonValue {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value !== 'object' || value === null) return value;
  if (isMap(value)) {
    let changed = false;
    const entries = Object.keys(value).map((key) => {
      const made = floatsIn(value[key] as JsonValue);
      changed ||= made !== value[key];
      return [key, made] as const;
    });
    return changed ? objectFrom(entries) : value;
  }
  const made = value.map(floatsIn);
  return made.some((one, at) => one !== value[at]) ? made : value;
}
