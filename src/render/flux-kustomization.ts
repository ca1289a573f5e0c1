/**
 * The kustomization that Flux builds: the source's own, or one that lists a plain folder, with what a Kustomization of
 * Flux asks for put in (fluxcd/pkg/kustomize, kustomize_generator.go).
 */
import { posix } from 'node:path';
import { GateError } from '../core/errors.ts';
import { isObject, type JsonObject, type JsonPath, type JsonValue, objectFrom } from '../core/json.ts';
import type { SourceTree } from '../core/source.ts';
import type { Changed } from './kustomization.ts';
import { invalid } from './kustomization-fields.ts';
import { hasKustomization } from './kustomization-file.ts';
import type { Reading } from './reading.ts';
import type { CalledParts, FluxImage, FluxPatch, FluxRequest } from './request.ts';

/**
 * The kustomization of a folder that has none: every YAML file in it and below, and every folder that has one of its own,
 * without what is in that. Of a folder with nothing to list it is one that builds to nothing.
 */
export async function listFolder(tree: SourceTree, folder: string, reading: Reading): Promise<JsonObject> {
  const resources: string[] = [];
  const visit = async (at: string): Promise<void> => {
    await reading.step();
    const children = tree.list(at);
    if (at !== folder && hasKustomization(tree, at, children)) {
      resources.push(`./${posix.relative(folder, at)}`);
      return;
    }
    for (const child of children) {
      const path = posix.join(at, child.name);
      if (child.kind === 'folder') await visit(path);
      else if (isYamlName(child.name)) resources.push(`./${posix.relative(folder, path)}`);
    }
  };
  await visit(folder);
  return objectFrom([
    ['apiVersion', 'kustomize.config.k8s.io/v1beta1'],
    ['kind', 'Kustomization'],
    // As Flux does, or kustomize would call the file empty.
    resources.length === 0 ? ['namespace', '_placeholder'] : ['resources', resources],
  ]);
}

function isYamlName(name: string): boolean {
  return name.endsWith('.yaml') || name.endsWith('.yml');
}

/** What is built, as withFlux finds it. */
export interface FluxBase {
  readonly generated: boolean;
  readonly exists: (component: string) => boolean;
  readonly where: string;
  readonly called: CalledParts | undefined;
}

/** The kustomization with what is asked for put in. Throws RENDER_KUSTOMIZATION where its own fields are malformed. */
export function withFlux(value: JsonObject, asked: FluxRequest, found: FluxBase): Changed {
  const fields = new Map(Object.entries(withTexts(value)));
  const list = (field: string): readonly JsonValue[] => listOf(fields.get(field), field, found.where);
  if (!found.generated && list('resources').length === 0) {
    // So that kustomize does not call it empty; Flux forgets the metadata that the file itself asks for.
    fields.set('buildMetadata', ['originAnnotations']);
  }
  if (asked.targetNamespace !== '') fields.set('namespace', asked.targetNamespace);
  if (asked.namePrefix !== '') fields.set('namePrefix', asked.namePrefix);
  if (asked.nameSuffix !== '') fields.set('nameSuffix', asked.nameSuffix);
  if (asked.patches.length > 0) fields.set('patches', [...list('patches'), ...asked.patches.map(patchEntry)]);
  const components = asked.components.flatMap((component, index) => {
    if (!isLocal(component)) throw notLocal(component, found.called && `${found.called.components}[${index}]`);
    return asked.ignoreMissingComponents && !found.exists(component) ? [] : [{ component, index }];
  });
  const added = components.map(({ component }) => component);
  if (added.length > 0) fields.set('components', [...list('components'), ...added]);
  if (asked.images.length > 0) fields.set('images', mergeImages(list('images'), asked.images, found.where));
  const own = listOf(value['components'], 'components', found.where).length;
  const called = ([field, at]: JsonPath): string | undefined => {
    const index = field === 'components' && typeof at === 'number' ? components[at - own]?.index : undefined;
    return index === undefined ? undefined : found.called && `${found.called.components}[${index}]`;
  };
  return { value: objectFrom(fields), called };
}

function notLocal(component: string, called: string | undefined): GateError {
  const where = called === undefined ? '' : `${called}: `;
  const what = `${where}the component ${JSON.stringify(component)} is not a folder here`;
  return new GateError('RENDER_REMOTE_REFUSED', what, {
    place: called,
    mend: 'Name a folder of the source, relative to the path that is built.',
  });
}

/** `patches` of the request as entries of a kustomization. */
export function patchEntry({ patch, target }: FluxPatch): JsonObject {
  const entries: [string, JsonValue][] = [['patch', patch]];
  if (target !== undefined) {
    entries.push(['target', filled(target)]);
  }
  return objectFrom(entries);
}

/** `images` of the request as entries of a kustomization. */
export function imageEntry({ name, newName, newTag, digest }: FluxImage): JsonObject {
  return filled({ name, newName, newTag, digest });
}

function filled(texts: Readonly<Record<string, string | undefined>>): JsonObject {
  return objectFrom(Object.entries(texts).flatMap(([key, text]) => (isGiven(text) ? [[key, text] as const] : [])));
}

/** An image that the kustomization has already gets the fields that are asked for; tag and digest change together. */
function mergeImages(own: readonly JsonValue[], asked: readonly FluxImage[], where: string): JsonValue[] {
  const merged: JsonObject[] = own.map((entry) => {
    if (!isObject(entry)) throw invalid('an entry of images is not a mapping', where);
    return entry;
  });
  for (const image of asked) {
    const index = merged.findIndex((entry) => (entry['name'] ?? '') === image.name);
    const present = merged[index];
    if (present === undefined) {
      merged.push(imageEntry(image));
      continue;
    }
    const changed = new Map(Object.entries(present));
    if (isGiven(image.newName)) changed.set('newName', image.newName);
    if (isGiven(image.newTag) || isGiven(image.digest)) {
      for (const field of ['newTag', 'digest'] as const) {
        if (isGiven(image[field])) changed.set(field, image[field]);
        else changed.delete(field);
      }
    }
    merged[index] = objectFrom(changed);
  }
  return merged;
}

function isGiven(text: string | undefined): text is string {
  return text !== undefined && text !== '';
}

const REMOTE = ['git::', 'gh:', 'ssh://', 'https://', 'http://', 'git@', 'github.com:', 'github.com/'];

function isLocal(path: string): boolean {
  const lower = path.toLowerCase();
  if (REMOTE.some((prefix) => lower.length > prefix.length && lower.startsWith(prefix))) return false;
  return !path.startsWith('/') && !lower.replace(/^file:\/\//, '').startsWith('/');
}

/**
 * Flux reads the file into a struct before kustomize does, and a number or a boolean where a text belongs becomes one
 * (`newTag: 2`); kustomize alone would refuse it.
 */
function withTexts(value: JsonObject): JsonObject {
  return objectFrom(
    Object.entries(value).map(([field, content]) => {
      if (TEXT_FIELDS.has(field)) return [field, asText(content)];
      if (TEXT_MAPS.has(field)) return [field, asTexts(content)];
      if (field === 'images' && Array.isArray(content)) return [field, content.map(asTexts)];
      if (field === 'labels' && Array.isArray(content)) return [field, content.map((entry) => within(entry, 'pairs'))];
      if (field === 'generatorOptions') return [field, within(within(content, 'labels'), 'annotations')];
      return [field, content];
    }),
  );
}

const TEXT_FIELDS = new Set(['namePrefix', 'nameSuffix', 'namespace']);
const TEXT_MAPS = new Set(['commonLabels', 'commonAnnotations']);

function within(value: JsonValue, field: string): JsonValue {
  if (!isObject(value)) return value;
  return objectFrom(Object.entries(value).map(([key, each]) => [key, key === field ? asTexts(each) : each]));
}

function asTexts(value: JsonValue): JsonValue {
  if (!isObject(value)) return value;
  return objectFrom(Object.entries(value).map(([key, each]) => [key, asText(each)]));
}

function asText(value: JsonValue): JsonValue {
  if (typeof value === 'boolean' || typeof value === 'bigint') return value.toString();
  if (typeof value !== 'number') return value;
  return Number.isInteger(value) || Math.abs(value) < 1e6 ? value.toString() : value;
}

function listOf(value: JsonValue | undefined, field: string, where: string): readonly JsonValue[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  throw invalid(`${field} is not a list`, where);
}
