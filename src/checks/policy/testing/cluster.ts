import { isObject, type JsonObject, objectFrom } from '../../../core/json.ts';
import type { Cluster } from '../kube/cluster.ts';
import { groupVersionKind } from '../kube/resources.ts';

/**
 * The objects of a test as a cluster. It speaks for every kind: what a test does not name does not exist, since it stands
 * in place of the cluster. The first of two objects of one name counts.
 */
export function clusterOf(objects: readonly JsonObject[]): Cluster {
  const kinds = new Map<string, Map<string, JsonObject>>();
  for (const object of objects) {
    const { apiVersion, kind } = object as { apiVersion?: unknown; kind?: unknown };
    if (typeof apiVersion !== 'string' || typeof kind !== 'string') continue;
    const key = kindKey(groupVersionKind(apiVersion, kind));
    const known = kinds.get(key) ?? new Map<string, JsonObject>();
    kinds.set(key, known);
    const metadata = Object.hasOwn(object, 'metadata') && isObject(object['metadata']) ? object['metadata'] : {};
    const name = objectKey(textIn(metadata, 'namespace'), textIn(metadata, 'name'));
    if (!known.has(name)) known.set(name, object);
  }
  return {
    object: (kind, namespace, name) => kinds.get(kindKey(kind))?.get(objectKey(namespace, name)),
    list(kind, namespace) {
      const found = [...(kinds.get(kindKey(kind))?.entries() ?? [])];
      const wanted = namespace === undefined ? found : found.filter(([key]) => key.startsWith(`${namespace}/`));
      return wanted.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
    },
    isComplete: () => true,
  };
}

/** The same cluster with every Namespace that is asked for: those that the test does not describe have no labels. */
export function withEveryNamespace(cluster: Cluster): Cluster {
  return {
    ...cluster,
    object(kind, namespace, name) {
      const found = cluster.object(kind, namespace, name);
      if (found !== undefined || kind.group !== '' || kind.kind !== 'Namespace' || name === '') return found;
      return objectFrom([
        ['apiVersion', 'v1'],
        ['kind', 'Namespace'],
        ['metadata', objectFrom([['name', name]])],
      ]);
    },
  };
}

function textIn(metadata: JsonObject, key: string): string {
  const value = Object.hasOwn(metadata, key) ? metadata[key] : undefined;
  return typeof value === 'string' ? value : '';
}

/** No namespace holds a slash. */
function objectKey(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

function kindKey({ group, kind }: { readonly group: string; readonly kind: string }): string {
  return `${group}/${kind}`;
}
