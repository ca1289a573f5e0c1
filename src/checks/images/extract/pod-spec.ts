import { isObject, type JsonObject, type JsonPath, type JsonValue } from '../../../core/json.ts';
import { suspectsIn, suspectsInManifestText, suspectsUnderHint } from './suspect.ts';
import type { Suspicion, Uses } from './use.ts';

const containerLists = ['containers', 'initContainers', 'ephemeralContainers'] as const;

/**
 * The images of a PodSpec: of its containers of every sort, and of its image volumes. With `complete`, a container
 * without an image is a problem, as it is to the API server; without it, the object is a part that an operator fills
 * in, and only what is there counts. Strings in args, command, env and the attributes of volumes' drivers that look like images are
 * added as suspected.
 */
export function readPodSpec(spec: JsonObject, path: JsonPath, complete: boolean, uses: Uses): void {
  for (const list of containerLists) {
    for (const [container, at] of elements(spec[list], [...path, list], complete, uses)) {
      readImageField(container, 'image', at, complete, uses);
      readContainerStrings(container, at, uses);
    }
  }
  for (const [volume, at] of elements(spec['volumes'], [...path, 'volumes'], complete, uses)) {
    readVolume(volume, at, complete, uses);
  }
}

/** The objects of a list, each with its path. What is no list, or no object in it, is a problem where it must be one. */
function elements(
  list: JsonValue | undefined,
  path: JsonPath,
  complete: boolean,
  uses: Uses,
): [JsonObject, JsonPath][] {
  // Null and absent are the same to the API server.
  if (list === undefined || list === null) return [];
  if (!Array.isArray(list)) {
    if (complete) uses.refuse(path, 'is not a list');
    return [];
  }
  return (list as readonly JsonValue[]).flatMap((element, i): [JsonObject, JsonPath][] => {
    if (isObject(element)) return [[element, [...path, i]]];
    if (complete) uses.refuse([...path, i], 'is not an object');
    return [];
  });
}

/** Reads one field that holds an image. */
export function readImageField(
  holder: JsonObject,
  field: string,
  path: JsonPath,
  complete: boolean,
  uses: Uses,
  how: { readonly scheme?: string; readonly pinAs?: 'tag-and-digest' | 'digest' } = {},
): void {
  const at = [...path, field];
  const value = Object.hasOwn(holder, field) ? holder[field] : undefined;
  if (value === undefined || value === null) {
    if (complete) uses.refuse(at, 'is missing, and what would run instead is unknown');
    return;
  }
  if (typeof value !== 'string') {
    uses.refuse(at, `is ${nameOf(value)} and not a string`);
    return;
  }
  // URL parsers read a scheme in any case.
  const named = how.scheme !== undefined && value.slice(0, how.scheme.length).toLowerCase() === how.scheme;
  const scheme = named ? (how.scheme as string) : '';
  // A field that may hold other things names an image only with its scheme.
  if (how.scheme !== undefined && scheme === '' && /^[a-z][a-z0-9+.-]*:\/\//i.test(value)) return;
  uses.add({ path: at, text: value.slice(scheme.length), scheme, pinAs: how.pinAs ?? 'tag-and-digest' });
}

function readVolume(volume: JsonObject, path: JsonPath, complete: boolean, uses: Uses): void {
  const image = volume['image'];
  if (image !== undefined && image !== null) {
    if (isObject(image)) readImageField(image, 'reference', [...path, 'image'], complete, uses);
    else if (complete) uses.refuse([...path, 'image'], `is ${nameOf(image)} and not an object`);
  }
  // Some drivers mount an image that they are told of by attribute.
  for (const [driver, field] of [
    ['csi', 'volumeAttributes'],
    ['flexVolume', 'options'],
  ] as const) {
    const holder = volume[driver];
    const attributes = isObject(holder) ? holder[field] : undefined;
    if (!isObject(attributes)) continue;
    for (const [key, value] of Object.entries(attributes)) {
      addSuspects(value, [...path, driver, field, key], key, 'argsAndEnv', uses);
    }
  }
}

/** Args, command and env of a container: where sidecar injectors and operators are told which image to run. */
export function readContainerStrings(container: JsonObject, path: JsonPath, uses: Uses): void {
  for (const field of ['command', 'args'] as const) {
    const list = container[field];
    if (!Array.isArray(list)) continue;
    for (const [i, value] of (list as readonly JsonValue[]).entries()) {
      // `--image nginx`: the flag before tells what the word is.
      const before = list[i - 1];
      const hint = typeof before === 'string' && before.startsWith('-') && !before.includes('=') ? before : '';
      addSuspects(value, [...path, field, i], hint, 'argsAndEnv', uses);
    }
  }
  const env = container['env'];
  if (!Array.isArray(env)) return;
  for (const [i, entry] of (env as readonly JsonValue[]).entries()) {
    if (!isObject(entry)) continue;
    const name = entry['name'];
    addSuspects(entry['value'], [...path, 'env', i, 'value'], typeof name === 'string' ? name : '', 'argsAndEnv', uses);
  }
}

/** Adds what looks like an image in one string. `hint` is the name the string goes by. */
export function addSuspects(
  value: JsonValue | undefined,
  path: JsonPath,
  hint: string,
  suspected: Suspicion,
  uses: Uses,
): void {
  if (typeof value !== 'string' || uses.has(path)) return;
  const found = [...suspectsUnderHint(hint, value), ...suspectsIn(value), ...suspectsInManifestText(value)];
  for (const text of new Set(found)) {
    uses.add({ path, text, suspected });
  }
}

function nameOf(value: JsonValue): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'a list' : `a ${typeof value}`;
}
