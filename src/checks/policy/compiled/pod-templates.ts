import { isObject, type JsonObject, type JsonPath, type JsonValue } from '../../../core/json.ts';

/** What a Pod is made of, somewhere in an object. */
export interface PodTemplate {
  readonly spec: JsonObject;
  /** Where its spec stands. */
  readonly specPath: JsonPath;
  /** What it says of labels and annotations, and where; undefined where it says nothing. */
  readonly metadata: { readonly value: JsonObject; readonly path: JsonPath } | undefined;
}

/** More of them, or deeper ones, are in no honest object: a Workflow of a hundred steps is one. */
export const MAX_TEMPLATES = 100;
const maxDepth = 100;

/**
 * Objects of these groups hold patterns of Pods, and not what Pods are made of: the policies of Kyverno and Gatekeeper.
 */
const patterns: ReadonlySet<string> = new Set([
  'kyverno.io',
  'policies.kyverno.io',
  'templates.gatekeeper.sh',
  'constraints.gatekeeper.sh',
  'mutations.gatekeeper.sh',
  'expansion.gatekeeper.sh',
]);

/**
 * The Pods that an object of a kind in no table could be about, in the order in which they stand: every map with
 * `containers` or `initContainers` that are a list of what has an image or a name. `tooMany` where the search was ended by
 * a limit.
 */
export function findPodTemplates(object: JsonObject, group: string): readonly PodTemplate[] | 'tooMany' {
  if (patterns.has(group)) return [];
  const found: PodTemplate[] = [];
  return visit(object, [], undefined, found) ? found : 'tooMany';
}

/** False where a limit is reached. */
function visit(value: JsonValue, path: JsonPath, parent: JsonObject | undefined, found: PodTemplate[]): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (path.length > maxDepth) return false;
  if (Array.isArray(value)) {
    const items = value as readonly JsonValue[];
    return items.every((item, index) => visit(item, [...path, index], undefined, found));
  }
  const map = value as JsonObject;
  if (holdsContainers(map, 'containers') || holdsContainers(map, 'initContainers')) {
    if (found.length >= MAX_TEMPLATES) return false;
    const metadata = parent?.['metadata'];
    found.push({
      spec: map,
      specPath: path,
      metadata: isObject(metadata) ? { value: metadata, path: [...path.slice(0, -1), 'metadata'] } : undefined,
    });
  }
  return Object.keys(map).every((key) => visit(map[key] as JsonValue, [...path, key], map, found));
}

function holdsContainers(map: JsonObject, field: string): boolean {
  const list = Object.hasOwn(map, field) ? map[field] : undefined;
  return Array.isArray(list) && (list as readonly JsonValue[]).some(isContainer);
}

function isContainer(value: JsonValue): boolean {
  return isObject(value) && (typeof value['image'] === 'string' || typeof value['name'] === 'string');
}
