/**
 * Objects that are nearly those of a test: a field gone, another type, a value at an edge. The same seed makes the same
 * mutant, so that what a program said of it can be kept without it.
 */
import { isObject, type JsonObject, type JsonValue, objectFrom } from '../../../src/core/json.ts';

/** A number from 0 up to 1, and the next one, and so on: the same for the same seed on every machine (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** FNV-1a, for a seed out of a name. */
export function seedOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return hash;
}

type Path = readonly (string | number)[];

/** The object with one to three changes; what names it (kind, name, namespace) stays. */
export function mutantOf(object: JsonObject, seed: number): JsonObject {
  const random = randomFrom(seed);
  let mutant: JsonValue = object;
  const changes = 1 + Math.floor(random() * random() * 3);
  for (let i = 0; i < changes; i++) {
    const paths = pathsIn(mutant).filter(isFree);
    const path = pick(paths, random);
    if (path !== undefined) mutant = changeAt(mutant, path, (value) => changed(value, mutant, random), random);
  }
  return mutant as JsonObject;
}

function isFree(path: Path): boolean {
  const [first, second] = path;
  if (path.length === 1) return first !== 'apiVersion' && first !== 'kind' && first !== 'metadata';
  return !(first === 'metadata' && (second === 'name' || second === 'namespace' || second === 'generateName'));
}

function pathsIn(value: JsonValue, path: Path = []): Path[] {
  const inside: [string | number, JsonValue][] = Array.isArray(value)
    ? value.map((item: JsonValue, i) => [i, item])
    : isObject(value)
      ? Object.entries(value)
      : [];
  return inside.flatMap(([step, item]) => [[...path, step], ...pathsIn(item, [...path, step])]);
}

/** Undefined stands for a value that is taken out. */
type Change = (value: JsonValue) => JsonValue | undefined;

function changeAt(root: JsonValue, path: Path, change: Change, random: () => number): JsonValue {
  const [step, ...rest] = path;
  if (Array.isArray(root)) {
    const items = [...(root as readonly JsonValue[])];
    const at = step as number;
    const made =
      rest.length === 0 ? change(items[at] as JsonValue) : changeAt(items[at] as JsonValue, rest, change, random);
    items.splice(at, 1, ...(made === undefined ? [] : [made]));
    return items;
  }
  const entries = Object.entries(root as JsonObject).flatMap(([key, value]): [string, JsonValue][] => {
    if (key !== step) return [[key, value]];
    if (rest.length > 0) return [[key, changeAt(value, rest, change, random)]];
    const made = change(value);
    // Sometimes the value stays, under another name.
    if (random() < 0.06)
      return [[pick(['__proto__', 'constructor', `${key}x`, key.toUpperCase()], random) ?? key, value]];
    return made === undefined ? [] : [[key, made]];
  });
  return objectFrom(entries);
}

const strings = [
  '',
  '*',
  '?',
  '0',
  '-1',
  '1',
  '10',
  '1.5',
  '1Gi',
  '500Mi',
  '100m',
  '0.1',
  '1h',
  '30s',
  '1d',
  'true',
  'false',
  'null',
  'default',
  'kube-system',
  'latest',
  'nginx',
  'nginx:latest',
  'nginx:1.21',
  'ghcr.io/team/app:v1',
  'docker.io/library/nginx',
  'Always',
  'IfNotPresent',
  'RuntimeDefault',
  'Unconfined',
  'NET_ADMIN',
  'NET_BIND_SERVICE',
  'ALL',
  'NodePort',
  'LoadBalancer',
  'v1.2.3',
  'a|b',
  '!x',
  '>1',
  '2-5',
  '{{request.object.metadata.name}}',
  '$(spec)',
  'ä€😀',
];
const numbers = [0, 1, -1, 2, 3, 65535, 2147483648, 9007199254740991, 1.5, 0.1, 1000, 10001];

function changed(value: JsonValue, root: JsonValue, random: () => number): JsonValue | undefined {
  const dice = random();
  if (dice < 0.22) return undefined;
  if (dice < 0.27) return null;
  if (dice < 0.34) return pick<JsonValue>([[], objectFrom([]), '', 0, false, true], random);
  if (dice < 0.42) return valueUnder(root, pick(pathsIn(root).filter(isFree), random) ?? []);
  if (dice < 0.5) return pick<JsonValue>([...strings, ...numbers], random);
  if (typeof value === 'string') return changedText(value, random);
  if (typeof value === 'number')
    return pick([value + 1, value - 1, value * 1000, -value, value / 2, String(value), ...numbers], random);
  if (typeof value === 'boolean') return random() < 0.7 ? !value : String(value);
  if (Array.isArray(value)) return changedList(value as readonly JsonValue[], random);
  if (isObject(value)) return changedMap(value, random);
  return pick<JsonValue>([...strings, ...numbers], random);
}

function changedText(value: string, random: () => number): JsonValue | undefined {
  const whole = Number(value);
  return pick<JsonValue>(
    [
      `${value}x`,
      `x${value}`,
      value.toUpperCase(),
      value.slice(1),
      value.slice(0, -1),
      value.replaceAll(':', '@'),
      value.split(':')[0] ?? '',
      value.split('/').at(-1) ?? '',
      ` ${value}`,
      ...(value !== '' && Number.isFinite(whole) ? [whole, String(whole + 1)] : []),
      ...strings,
    ],
    random,
  );
}

function changedList(items: readonly JsonValue[], random: () => number): JsonValue {
  const dice = random();
  const one = pick(items, random);
  if (one === undefined) return [pick<JsonValue>([...strings, ...numbers], random) ?? null];
  if (dice < 0.25) return [...items, one];
  if (dice < 0.4) return [...items].reverse();
  if (dice < 0.55) return [...items, pick<JsonValue>([...strings, null, objectFrom([])], random) ?? null];
  if (dice < 0.7) return items.slice(1);
  if (dice < 0.8) return one;
  return [...items, ...(isObject(one) ? [changedMap(one, random)] : [])];
}

function changedMap(value: JsonObject, random: () => number): JsonObject | readonly JsonValue[] {
  const entries = Object.entries(value);
  const dice = random();
  if (dice < 0.3)
    return objectFrom([...entries, [pick(['x', '__proto__', 'constructor', 'name', 'app'], random) ?? 'x', 'y']]);
  if (dice < 0.4) return [value];
  const one = pick(entries, random);
  if (one === undefined || dice < 0.6) return objectFrom(entries.slice(1));
  return objectFrom([
    ...entries.filter(([key]) => key !== one[0]),
    [one[0], pick<JsonValue>([...strings, ...numbers], random) ?? null],
  ]);
}

function valueUnder(root: JsonValue, path: Path): JsonValue {
  let at = root;
  for (const step of path) at = (at as Record<string | number, JsonValue>)[step] as JsonValue;
  return at;
}

function pick<Value>(from: readonly Value[], random: () => number): Value | undefined {
  return from[Math.floor(random() * from.length)];
}
