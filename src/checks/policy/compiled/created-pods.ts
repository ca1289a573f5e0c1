import { isObject, type JsonObject, type JsonPath, type JsonValue, objectFrom, valueAt } from '../../../core/json.ts';
import type { GroupVersionKind, PolicyRequest, UserInfo } from '../kube/request.ts';

/** A Pod that nobody renders: a workload in the set would create it. */
export interface CreatedPod {
  readonly request: PolicyRequest;
  /** Where its template stands in the workload. */
  readonly templatePath: JsonPath;
}

interface Creator {
  readonly templatePath: JsonPath;
  /** The object that owns the Pod: the workload itself, or one in between. */
  readonly owner: { readonly apiVersion: string; readonly kind: string; readonly isWorkload: boolean };
  /** The controller that creates it, as a ServiceAccount of kube-system. */
  readonly controller: string | undefined;
}

const creators: Readonly<Record<string, Creator>> = {
  '/ReplicationController': creator('v1', 'ReplicationController', 'replication-controller'),
  'apps/ReplicaSet': creator('apps/v1', 'ReplicaSet', 'replicaset-controller'),
  'apps/StatefulSet': creator('apps/v1', 'StatefulSet', 'statefulset-controller'),
  'apps/DaemonSet': creator('apps/v1', 'DaemonSet', 'daemon-set-controller'),
  'batch/Job': creator('batch/v1', 'Job', 'job-controller'),
  'apps/Deployment': between(['spec', 'template'], 'apps/v1', 'ReplicaSet', 'replicaset-controller'),
  'batch/CronJob': between(['spec', 'jobTemplate', 'spec', 'template'], 'batch/v1', 'Job', 'job-controller'),
  'argoproj.io/Rollout': between(['spec', 'template'], 'apps/v1', 'ReplicaSet', 'replicaset-controller'),
};

function creator(apiVersion: string, kind: string, controller: string): Creator {
  return { templatePath: ['spec', 'template'], owner: { apiVersion, kind, isWorkload: true }, controller };
}

function between(templatePath: JsonPath, apiVersion: string, kind: string, controller: string): Creator {
  return { templatePath, owner: { apiVersion, kind, isWorkload: false }, controller };
}

/**
 * The Pod that a workload would create, as the admission request for it: the template's metadata and spec, the
 * workload's namespace, its owner, and the identity of the controller that creates it. Undefined for what creates none.
 *
 * Its name is made by the cluster and cannot be known: `metadata.name` is absent, so a rule that reads it is an error and
 * not a guess. The same holds for the name and uid of an owner in between, and for whatever admission plugins add.
 *
 * A kind that is in no table counts as a workload where it has what a template has at `spec.template`: containers.
 */
export function podCreatedBy(workload: PolicyRequest): CreatedPod | undefined {
  const { object, kind } = workload;
  if (object === null) return undefined;
  const known = creators[`${kind.group}/${kind.kind}`] ?? unknownCreator(object);
  if (known === undefined) return undefined;
  const template = valueAt(object, known.templatePath);
  const spec = isObject(template) ? template['spec'] : undefined;
  if (!isObject(template) || !isObject(spec)) return undefined;

  const metadata = isObject(template['metadata']) ? template['metadata'] : objectFrom([]);
  const pod = objectFrom([
    ['apiVersion', 'v1'],
    ['kind', 'Pod'],
    ['metadata', podMetadata(metadata, workload, known)],
    ['spec', spec],
  ]);
  return {
    templatePath: known.templatePath,
    request: {
      operation: 'CREATE',
      kind: { group: '', version: 'v1', kind: 'Pod' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      subresource: '',
      name: '',
      namespace: workload.namespace,
      namespaced: true,
      object: pod,
      oldObject: null,
      userInfo: known.controller === undefined ? undefined : serviceAccount(known.controller),
    },
  };
}

/** The Pod without a name that completing it has made up: the cluster's would be another one. */
export function nameless(pod: JsonObject): JsonObject {
  const metadata = isObject(pod['metadata']) ? pod['metadata'] : objectFrom([]);
  const kept = objectFrom(Object.entries(metadata).filter(([key]) => key !== 'name'));
  return objectFrom(Object.entries(pod).map(([key, value]) => [key, key === 'metadata' ? kept : value] as const));
}

/** Whether such an object could create Pods: asked before anything is built. */
export function createsPods({ group, kind }: GroupVersionKind, object: JsonObject): boolean {
  return Object.hasOwn(creators, `${group}/${kind}`) || unknownCreator(object) !== undefined;
}

function unknownCreator(object: JsonObject): Creator | undefined {
  const containers = valueAt(object, ['spec', 'template', 'spec', 'containers']);
  if (!Array.isArray(containers)) return undefined;
  const owner = { apiVersion: '', kind: '', isWorkload: true };
  return { templatePath: ['spec', 'template'], owner, controller: undefined };
}

function podMetadata(metadata: JsonObject, workload: PolicyRequest, { owner }: Creator): JsonObject {
  // What a template says of name and namespace is not used by any controller.
  const kept = Object.entries(metadata).filter(([key]) => !['name', 'generateName', 'namespace'].includes(key));
  const apiVersion = owner.apiVersion || String(workload.object?.['apiVersion']);
  const reference: (readonly [string, JsonValue])[] = [
    ['apiVersion', apiVersion],
    ['kind', owner.kind || workload.kind.kind],
    ['controller', true],
    ['blockOwnerDeletion', true],
  ];
  if (owner.isWorkload && workload.name !== '') reference.push(['name', workload.name]);
  return objectFrom([
    ...kept,
    ['generateName', `${workload.name}-`],
    ['namespace', workload.namespace],
    ['ownerReferences', [objectFrom(reference)]],
  ]);
}

function serviceAccount(name: string): UserInfo {
  return {
    username: `system:serviceaccount:kube-system:${name}`,
    uid: '',
    groups: ['system:serviceaccounts', 'system:serviceaccounts:kube-system', 'system:authenticated'],
    extra: {},
    roles: [],
    clusterRoles: [],
  };
}
