import type { JsonObject } from '../../../core/json.ts';
import type { GroupVersionKind } from './request.ts';

/**
 * What rules may know of the cluster besides the object they judge: Namespaces, parameters, ConfigMaps, definitions of
 * custom resources. It is the platform's own snapshot. Nothing in it comes out of the rendered set, or a tenant could
 * change what a rule says of him.
 */
export interface Cluster {
  /** One object; `namespace` is empty for what has none. Undefined where the snapshot does not hold it. */
  object(kind: Pick<GroupVersionKind, 'group' | 'kind'>, namespace: string, name: string): JsonObject | undefined;
  /** Every object of a kind, in one namespace or (where it is undefined) in all, in the order of their names. */
  list(kind: Pick<GroupVersionKind, 'group' | 'kind'>, namespace?: string): readonly JsonObject[];
  /**
   * Whether the snapshot speaks for every object of a kind, so that one that is not in it does not exist. Where it does
   * not, a rule that asks for it cannot be evaluated.
   */
  isComplete(kind: Pick<GroupVersionKind, 'group' | 'kind'>): boolean;
}

/** A kind as `spec.cluster.complete` names it: `ConfigMap`, `networking.k8s.io/Ingress`. */
export function settingsName({ group, kind }: Pick<GroupVersionKind, 'group' | 'kind'>): string {
  return group === '' ? kind : `${group}/${kind}`;
}

/** A Namespace of the snapshot. */
export function namespaceObject(cluster: Cluster, name: string): JsonObject | undefined {
  return cluster.object({ group: '', kind: 'Namespace' }, '', name);
}
