import type { JsonObject, JsonValue } from '../../../core/json.ts';
import { type Cluster, settingsName } from '../kube/cluster.ts';
import type { ResourceTable, ResourceType } from '../kube/resources.ts';
import type { Lacks } from '../lacks.ts';

/** What the API server would answer, by the snapshot of the cluster. */
export type ApiAnswer =
  | { readonly kind: 'body'; readonly value: JsonValue }
  /** There is none, which the snapshot knows for certain. */
  | { readonly kind: 'absent'; readonly message: string }
  /** Nobody knows: the snapshot does not speak for all objects of the kind, or the call is one it cannot answer. */
  | { readonly kind: 'unknown'; readonly message: string; readonly lacks?: Lacks };

/**
 * The answer to a GET of a path of the API server: of one object, or of all objects of a resource in one namespace or in
 * every one. A namespaced policy (`namespace` is not empty) may ask about its own namespace alone.
 */
export function answerApiCall(
  cluster: Cluster,
  resources: ResourceTable,
  urlPath: string,
  namespace: string,
): ApiAnswer {
  const call = readPath(urlPath);
  if (call === undefined) {
    return { kind: 'unknown', message: `the snapshot of the cluster cannot answer GET ${urlPath.slice(0, 200)}` };
  }
  if (namespace !== '' && call.namespace !== namespace) {
    return {
      kind: 'unknown',
      message: `path ${urlPath} refers to namespace ${call.namespace ?? ''}, which is different from the policy namespace ${namespace}`,
    };
  }
  const type = resources.ofResource(call);
  if (type === undefined) {
    const message = `the snapshot of the cluster has no CustomResourceDefinition of ${call.resource} for ${urlPath}`;
    return { kind: 'unknown', message, lacks: 'snapshot' };
  }
  const { group, kind } = type.kind;
  const isWhole = cluster.isComplete({ group, kind });
  if (call.name !== undefined) {
    const found = cluster.object({ group, kind }, type.namespaced ? (call.namespace ?? '') : '', call.name);
    if (found !== undefined) return { kind: 'body', value: found };
    const message = `the server could not find the requested resource (${kind} ${call.name})`;
    if (isWhole) return { kind: 'absent', message };
    const name = type.namespaced ? `${call.namespace ?? ''}/${call.name}` : call.name;
    const unheld = `the snapshot of the cluster holds no ${settingsName({ group, kind })} ${name}`;
    return { kind: 'unknown', message: unheld, lacks: 'snapshot' };
  }
  // A list that may lack an object would let a rule pass that counts or compares them.
  if (!isWhole) {
    const message = `the snapshot of the cluster does not hold every ${settingsName({ group, kind })}`;
    return { kind: 'unknown', message, lacks: 'snapshot' };
  }
  return { kind: 'body', value: listOf(type, cluster.list({ group, kind }, call.namespace)) };
}

interface Call {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
}

function readPath(urlPath: string): Call | undefined {
  let path: string;
  try {
    path = decodeURIComponent(urlPath);
  } catch {
    return undefined;
  }
  if (!path.startsWith('/') || /[?#]/.test(path)) return undefined;
  const steps = path.split('/').filter((step) => step !== '' && step !== '.');
  if (steps.includes('..')) return undefined;
  const isCore = steps[0] === 'api';
  if (!isCore && steps[0] !== 'apis') return undefined;
  const [group = '', version = ''] = isCore ? ['', steps[1]] : [steps[1], steps[2]];
  const rest = steps.slice(isCore ? 2 : 3);
  if (version === '' || rest.length === 0) return undefined;
  // `/api/v1/namespaces/prod` is the Namespace itself, and anything behind it lies in it.
  const isInside = rest[0] === 'namespaces' && rest.length > 2;
  const [resource = '', name, ...more] = isInside ? rest.slice(2) : rest;
  if (more.length > 0) return undefined;
  return { group, version, resource, namespace: isInside ? rest[1] : undefined, name };
}

/** A list as the server prints it; the items of built-in kinds do not say again what they are. */
function listOf({ kind, source }: ResourceType, items: readonly JsonObject[]): JsonObject {
  const made: Record<string, JsonValue> = Object.create(null);
  made['apiVersion'] = kind.group === '' ? kind.version : `${kind.group}/${kind.version}`;
  made['kind'] = `${kind.kind}List`;
  made['metadata'] = Object.create(null);
  made['items'] = source === 'builtin' ? items.map(withoutType) : items;
  return made;
}

function withoutType(object: JsonObject): JsonObject {
  const made: Record<string, JsonValue> = Object.create(null);
  for (const key of Object.keys(object)) {
    if (key !== 'apiVersion' && key !== 'kind') made[key] = object[key] as JsonValue;
  }
  return made;
}
