/**
 * The values a manifest is made of. An integer that a double cannot hold exactly is a `bigint`, so that what was
 * read is what is written; every other number is one whose JSON spelling in Go and in JavaScript is the same.
 */
export type JsonValue = null | boolean | number | bigint | string | readonly JsonValue[] | JsonObject;
/** An object as parsed: it has no prototype, so a key named `__proto__` or `constructor` is a key like any other. */
export type JsonObject = { readonly [key: string]: JsonValue };
/** Where a value sits inside an object: keys and indices from the top. */
export type JsonPath = readonly (string | number)[];

/** `spec.containers[0].image`. Keys stand in it as they are: they may be anything. */
export function describePath(path: JsonPath): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    return text === '' ? step : `${text}.${step}`;
  }, '');
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value at a path, or undefined where the path leaves the tree. Only own keys count. */
export function valueAt(root: JsonValue | undefined, path: JsonPath): JsonValue | undefined {
  let at: JsonValue | undefined = root;
  for (const step of path) {
    if (typeof at !== 'object' || at === null) return undefined;
    if (!Object.hasOwn(at, step)) return undefined;
    at = (at as Record<string | number, JsonValue>)[step];
  }
  return at;
}

/** A copy in which the value at `path` is `value`; everything off the path is shared. The path must exist. */
export function withValueAt(root: JsonValue, path: JsonPath, value: JsonValue): JsonValue {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  if (Array.isArray(root)) {
    const copy = [...(root as readonly JsonValue[])];
    copy[step as number] = withValueAt(copy[step as number] as JsonValue, rest, value);
    return copy;
  }
  const copy = objectFrom(Object.entries(root as JsonObject));
  (copy as Record<string, JsonValue>)[step] = withValueAt((root as JsonObject)[step] as JsonValue, rest, value);
  return copy;
}

/** An object without a prototype, made of the entries in their order. */
export function objectFrom(entries: Iterable<readonly [string, JsonValue]>): JsonObject {
  const made: Record<string, JsonValue> = Object.create(null);
  for (const [key, value] of entries) made[key] = value;
  return made;
}

/**
 * JSON with the keys of every object sorted by their UTF-8 bytes, the order in which Go's encoding/json writes maps.
 * The same value gives the same bytes, whatever order it was read in.
 */
export function canonicalJson(value: JsonValue): string {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : JSON.stringify(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const object = value as JsonObject;
  const keys = Object.keys(object).sort(byUtf8);
  return `{${keys.map((key) => `${JSON.stringify(key)}:${canonicalJson(object[key] as JsonValue)}`).join(',')}}`;
}

/** Compares by code point, which is the order of the UTF-8 bytes; the `<` of strings compares UTF-16 units. */
export function byUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    const xSurrogate = x >= 0xd800 && x <= 0xdfff;
    const ySurrogate = y >= 0xd800 && y <= 0xdfff;
    return xSurrogate === ySurrogate ? x - y : xSurrogate ? 1 : -1;
  }
  return a.length - b.length;
}
