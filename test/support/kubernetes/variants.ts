import {
  isObject,
  type JsonObject,
  type JsonPath,
  type JsonValue,
  objectFrom,
  withValueAt,
} from '../../../src/core/json.ts';

/** One object made of another: what was changed, for the message of a failed test. */
export interface Variant {
  readonly what: string;
  readonly object: JsonObject;
}

/** What stands in places of each type, besides nothing at all: values at the edges of what is decoded. */
const EDGES: Readonly<Record<string, readonly JsonValue[]>> = {
  boolean: [false, true],
  number: [0, 1],
  string: [''],
  list: [[]],
  map: [{}],
};
const QUANTITIES = ['1500m', '0.5', '1.5Gi', '1e3', '2048Ki', '0', '0.0000001', '1.0'];

/** The object with one value less, or with another value in one place (of `others`, where they are given): every place but its identity. */
export function variantsOf(object: JsonObject, others?: readonly JsonValue[]): Variant[] {
  return placesIn(object, []).flatMap((path) => {
    const shown = path.join('.');
    const value = path.reduce<JsonValue>(
      (at, step) => (at as Record<string | number, JsonValue>)[step] as JsonValue,
      object,
    );
    const changed = (others ?? edgesFor(path, value)).map((edge) => ({
      what: `${shown} = ${String(JSON.stringify(edge, (_, each) => (typeof each === 'bigint' ? `${each}` : each)))}`,
      object: withValueAt(object, path, edge) as JsonObject,
    }));
    return [{ what: `without ${shown}`, object: without(object, path) }, ...changed];
  });
}

function edgesFor(path: JsonPath, value: JsonValue): readonly JsonValue[] {
  const isAmount = ['limits', 'requests', 'capacity', 'hard', 'podFixed'].includes(String(path.at(-2)));
  if (isAmount) return QUANTITIES;
  const type = Array.isArray(value) ? 'list' : isObject(value) ? 'map' : typeof value;
  return [null, ...(EDGES[type] ?? [])].filter((edge) => JSON.stringify(edge) !== JSON.stringify(value));
}

function placesIn(value: JsonValue, path: JsonPath): JsonPath[] {
  if (Array.isArray(value)) return value.flatMap((item, index) => placesIn(item, [...path, index]));
  if (!isObject(value)) return [];
  return Object.keys(value).flatMap((key) => {
    const here = [...path, key];
    if (path.length === 0 && (key === 'apiVersion' || key === 'kind')) return [];
    if (path.length === 1 && path[0] === 'metadata' && (key === 'name' || key === 'generateName')) return [];
    const inside = placesIn(value[key] as JsonValue, here);
    return path.length === 0 && key === 'metadata' ? inside : [here, ...inside];
  });
}

function without(value: JsonValue, path: JsonPath): JsonObject {
  const [step, ...rest] = path;
  if (Array.isArray(value)) {
    return value.map((item, index) => (index === step ? without(item, rest) : item)) as unknown as JsonObject;
  }
  const entries = Object.entries(value as JsonObject);
  if (rest.length === 0) return objectFrom(entries.filter(([key]) => key !== step));
  return objectFrom(entries.map(([key, each]) => [key, key === step ? without(each, rest) : each]));
}
