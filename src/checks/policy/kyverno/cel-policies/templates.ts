import { isObject, type JsonObject, type JsonValue, objectFrom } from '../../../../core/json.ts';
import type { PolicyRequest } from '../../kube/request.ts';

/** A subtree of a custom resource that looks like the template of a Pod. */
export interface FoundTemplate {
  /** `spec.replicatedJobs[0].template.spec.template` */
  readonly path: string;
  readonly template: JsonObject;
}

/** Manifests nest a few dozen levels; the bound keeps a hostile one from the end of the stack. */
const maxDepth = 200;

/**
 * Every subtree below `spec` that is shaped like a PodTemplateSpec: perhaps metadata, and a spec with containers that all
 * have a name and an image. Nothing is looked for inside of one. (Kyverno's `extract`, 1.19.)
 */
export function findTemplates(object: JsonObject): readonly FoundTemplate[] {
  const found: FoundTemplate[] = [];
  const walk = (value: JsonValue | undefined, path: string, depth: number): void => {
    if (typeof value !== 'object' || value === null || depth > maxDepth) return;
    if (Array.isArray(value)) {
      for (const [i, each] of value.entries()) walk(each as JsonValue, `${path}[${i}]`, depth + 1);
    } else if (isTemplate(value as JsonObject)) found.push({ path, template: value as JsonObject });
    else for (const [key, each] of Object.entries(value as JsonObject)) walk(each, `${path}.${key}`, depth + 1);
  };
  const spec = own(object, 'spec');
  if (isObject(spec)) walk(spec, 'spec', 0);
  return found;
}

/** The request about the Pod that a template stands for. Its name is that of the object, because nobody knows a better one. */
export function requestForTemplate(
  request: PolicyRequest,
  newer: FoundTemplate | undefined,
  older: FoundTemplate | undefined,
): PolicyRequest {
  const object = newer === undefined ? null : podOf(newer, request);
  const oldObject = older === undefined ? null : podOf(older, request);
  const metadata = own(object ?? oldObject ?? objectFrom([]), 'metadata');
  const text = (key: string) => {
    const value = isObject(metadata) ? own(metadata, key) : undefined;
    return typeof value === 'string' ? value : '';
  };
  return {
    ...request,
    kind: { group: '', version: 'v1', kind: 'Pod' },
    resource: { group: '', version: 'v1', resource: 'pods' },
    name: text('name'),
    namespace: text('namespace'),
    namespaced: true,
    object,
    oldObject,
  };
}

function podOf({ template }: FoundTemplate, { name, namespace }: PolicyRequest): JsonObject {
  const given = own(template, 'metadata');
  const metadata = new Map(isObject(given) ? Object.entries(given) : []);
  if (typeof metadata.get('name') !== 'string' || metadata.get('name') === '') metadata.set('name', name);
  if (typeof metadata.get('namespace') !== 'string' || metadata.get('namespace') === '') {
    metadata.set('namespace', namespace);
  }
  return objectFrom([
    ['apiVersion', 'v1'],
    ['kind', 'Pod'],
    ['metadata', objectFrom(metadata)],
    ['spec', own(template, 'spec') ?? null],
  ]);
}

function isTemplate(value: JsonObject): boolean {
  if (Object.hasOwn(value, 'metadata') && !isObject(value['metadata'])) return false;
  const spec = own(value, 'spec');
  const containers = isObject(spec) ? own(spec, 'containers') : undefined;
  if (!Array.isArray(containers) || containers.length === 0) return false;
  return containers.every((container: JsonValue) => {
    if (!isObject(container)) return false;
    const name = own(container, 'name');
    return typeof name === 'string' && name !== '' && typeof own(container, 'image') === 'string';
  });
}

function own(object: JsonObject, key: string): JsonValue | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}
