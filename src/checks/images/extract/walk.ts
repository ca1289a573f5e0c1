import { GateError } from '../../../core/errors.ts';
import { isObject, type JsonPath, type JsonValue } from '../../../core/json.ts';

/** Steps of all paths together: 200,000 values that lie ten deep, and no API server stores as many in one object. */
const maxSteps = 2_000_000;
const mend = 'Make several objects of it.';

/** Every value below one, itself included, with its path from the top. Throws MANIFEST_TOO_MANY where there are too many. */
export function* walk(value: JsonValue, path: JsonPath = []): Generator<readonly [JsonValue, JsonPath]> {
  // A stack and not recursion: the parser bounds depth, but nobody has to rely on it here.
  const pending: [JsonValue, JsonPath][] = [[value, path]];
  let steps = 0;
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    steps += next[1].length + 1;
    if (steps > maxSteps) {
      throw new GateError('MANIFEST_TOO_MANY', 'an object has too many values to look for images in', { mend });
    }
    yield next;
    // One by one: a list may have more elements than a call may have arguments.
    for (const child of children(...next).reverse()) pending.push(child);
  }
}

/** The values at a pattern in which `*` is any element of a list or map, and `**` any depth, none included. */
export function* valuesAt(
  value: JsonValue,
  pattern: readonly string[],
  path: JsonPath = [],
): Generator<readonly [JsonValue, JsonPath]> {
  const [step, ...rest] = pattern;
  if (step === undefined) {
    yield [value, path];
  } else if (step === '**') {
    for (const [inner, at] of walk(value, path)) yield* valuesAt(inner, rest, at);
  } else if (step === '*') {
    for (const [child, at] of children(value, path)) yield* valuesAt(child, rest, at);
  } else if (isObject(value) && Object.hasOwn(value, step)) {
    yield* valuesAt(value[step] as JsonValue, rest, [...path, step]);
  }
}

function children(value: JsonValue, path: JsonPath): [JsonValue, JsonPath][] {
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map((child, i) => [child, [...path, i]]);
  if (isObject(value)) return Object.entries(value).map(([key, child]) => [child, [...path, key]]);
  return [];
}
