import { byUtf8, type JsonObject, type JsonValue } from '../../../../core/json.ts';

/**
 * What a query computes with. As in Go there are two kinds of numbers that never equal each other: a `number` is a
 * float64, a `bigint` an int. Literals and JSON give float64; ints come from `compare()` and from values that the
 * caller hands in as `bigint`.
 */
export type Value = JsonValue;

/**
 * Lists that Go types as a slice of objects (the result of `items()`), and not as a slice of anything. Several functions
 * do not take them, and they equal no other list.
 */
const recordLists = new WeakSet<readonly Value[]>();

export function recordList(records: readonly JsonObject[]): Value {
  recordLists.add(records);
  return records;
}

export function isRecordList(value: Value): boolean {
  return Array.isArray(value) && recordLists.has(value);
}

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

export function isMap(value: Value): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether a value counts as false: null, false, and everything empty. Zero is true. */
export function isFalse(value: Value): boolean {
  if (value === null || value === false || value === '') return true;
  if (typeof value !== 'object') return false;
  if (Array.isArray(value)) return value.length === 0;
  for (const key in value) if (Object.hasOwn(value, key)) return false;
  return true;
}

/** Whether two values are equal all the way down, and of the same types. */
export function equals(a: Value, b: Value): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length || recordLists.has(a) !== recordLists.has(b)) return false;
    for (let at = 0; at < a.length; at++) if (!equals(a[at] as Value, b[at] as Value)) return false;
    return true;
  }
  if (Array.isArray(b)) return false;
  const left = a as JsonObject;
  const right = b as JsonObject;
  const keys = Object.keys(left);
  if (keys.length !== Object.keys(right).length) return false;
  return keys.every((key) => Object.hasOwn(right, key) && equals(left[key] as Value, right[key] as Value));
}

/** The keys of an object in the order of their bytes: Go takes them in a random one. */
export function sortedKeys(object: JsonObject): string[] {
  const keys = Object.keys(object);
  if (keys.length < 2) return keys;
  // The order of UTF-16 differs from that of bytes where there are surrogates alone.
  return keys.some((key) => /[\ud800-\udfff]/.test(key)) ? keys.sort(byUtf8) : keys.sort();
}

const escaped = /[<>&\u2028\u2029]/g;
/** What a text may hold that its JSON does not hold as it is. */
const special = /[\0-\x1f"\\<>&\u2028\u2029\ud800-\udfff]/;

/** JSON as Go's `json.Marshal` writes it: keys sorted, and `<`, `>` and `&` escaped. Undefined for what has no JSON. */
export function goJson(value: Value): string | undefined {
  switch (typeof value) {
    case 'string':
      if (!special.test(value)) return `"${value}"`;
      return JSON.stringify(value.toWellFormed()).replace(escaped, escapeCharacter);
    case 'number':
      if (!Number.isFinite(value)) return undefined;
      return Object.is(value, -0) ? '-0' : JSON.stringify(value);
    case 'bigint':
      return value.toString();
    case 'boolean':
      return value ? 'true' : 'false';
  }
  if (value === null) return 'null';
  const parts: string[] = [];
  if (Array.isArray(value)) {
    for (const one of value as readonly Value[]) {
      const part = goJson(one);
      if (part === undefined) return undefined;
      parts.push(part);
    }
    return `[${parts.join(',')}]`;
  }
  for (const key of sortedKeys(value as JsonObject)) {
    const part = goJson((value as JsonObject)[key] as Value);
    if (part === undefined) return undefined;
    parts.push(`${goJson(key)}:${part}`);
  }
  return `{${parts.join(',')}}`;
}

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** A value as Go's `%v` prints it, for messages. */
export function goPrinted(value: Value): string {
  if (value === null) return '<nil>';
  if (typeof value === 'number') return goNumber(value);
  if (typeof value !== 'object') return String(value);
  if (Array.isArray(value)) return `[${(value as readonly Value[]).map(goPrinted).join(' ')}]`;
  const object = value as JsonObject;
  return `map[${sortedKeys(object)
    .map((key) => `${key}:${goPrinted(object[key] as Value)}`)
    .join(' ')}]`;
}

/** A float64 as Go's `%v` prints it: with an exponent of two digits or more from 1e6 and below 1e-4. */
export function goNumber(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  if (Object.is(value, -0)) return '-0';
  const size = Math.abs(value);
  const text = size !== 0 && (size < 1e-4 || size >= 1e6) ? value.toExponential() : String(value);
  return text.replace(/e([+-])(\d)$/, 'e$10$2');
}
