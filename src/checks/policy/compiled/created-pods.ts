import { isObject, type JsonObject, type JsonPath, type JsonValue, objectFrom, valueAt } from '../../../core/json.ts';
import { madeUpUid } from '../kube/draft.ts';
import type { PolicyRequest } from '../kube/request.ts';
import { type Created, createRequest, madeUpHash, placeIn, serviceAccount } from './created.ts';
import { findPodTemplates, type PodTemplate } from './pod-templates.ts';

interface Creator {
  readonly templatePath: JsonPath;
  /** The object that owns the Pod, where it is not the workload itself. */
  readonly between: { readonly apiVersion: string; readonly kind: string } | undefined;
  /** The controller that creates it, as a ServiceAccount of kube-system. */
  readonly controller: string;
  /** What the controller, and the server for it, says of the Pod besides. */
  readonly labels: (workload: PolicyRequest) => readonly (readonly [string, string])[];
}

const template: JsonPath = ['spec', 'template'];
const jobTemplate: JsonPath = ['spec', 'jobTemplate', 'spec', 'template'];
const ownReplicaSet = { apiVersion: 'apps/v1', kind: 'ReplicaSet' };
const ownJob = { apiVersion: 'batch/v1', kind: 'Job' };
const none = () => [];

const creators: Readonly<Record<string, Creator>> = {
  '/ReplicationController': creator(template, undefined, 'replication-controller', none),
  'apps/ReplicaSet': creator(template, undefined, 'replicaset-controller', none),
  'apps/StatefulSet': creator(template, undefined, 'statefulset-controller', (workload) => [
    ['controller-revision-hash', `${workload.name}-${madeUpHash}`],
    ['statefulset.kubernetes.io/pod-name', `${workload.name}-${firstOrdinal(workload.object)}`],
    ['apps.kubernetes.io/pod-index', String(firstOrdinal(workload.object))],
  ]),
  'apps/DaemonSet': creator(template, undefined, 'daemon-set-controller', () => [
    ['controller-revision-hash', madeUpHash],
    ['pod-template-generation', '1'],
  ]),
  'batch/Job': creator(template, undefined, 'job-controller', ({ name, object }) => jobLabels(name, object, ['spec'])),
  'apps/Deployment': creator(template, ownReplicaSet, 'replicaset-controller', () => [
    ['pod-template-hash', madeUpHash],
  ]),
  'batch/CronJob': creator(jobTemplate, ownJob, 'job-controller', ({ name, object }) =>
    jobLabels(`${name}-${madeUpMinutes}`, object, ['spec', 'jobTemplate', 'spec']),
  ),
  'argoproj.io/Rollout': creator(template, ownReplicaSet, 'replicaset-controller', () => [
    ['rollouts-pod-template-hash', madeUpHash],
  ]),
};

/** The minute of its schedule, by which a CronJob names its Jobs. */
const madeUpMinutes = '00000000';

function creator(
  templatePath: JsonPath,
  between: Creator['between'],
  controller: string,
  labels: Creator['labels'],
): Creator {
  return { templatePath, between, controller, labels };
}

/**
 * The Pods that an object would create, as the admission requests for them: the template's metadata and spec, the
 * object's namespace, its owner, the labels and the identity of the controller that creates it. Empty for what creates none.
 *
 * The name that the cluster makes up cannot be known: `metadata.name` is absent, so a rule that reads it is an error and
 * not a guess; the Pods of a StatefulSet have the name of the first. The labels that only a controller can tell have
 * made-up values. What admission plugins add is not there.
 *
 * A kind that is not built in is searched for whatever could be a Pod's spec (`findPodTemplates`), and nobody knows who
 * creates it. `tooMany` where that is more than a gate judges.
 */
export function podsCreatedBy(workload: PolicyRequest, isBuiltIn: boolean): readonly Created[] | 'tooMany' {
  const { object, kind } = workload;
  if (object === null) return [];
  const key = `${kind.group}/${kind.kind}`;
  const known = Object.hasOwn(creators, key) ? creators[key] : undefined;
  const own = templateAt(object, known?.templatePath ?? template);
  const first = known === undefined ? declared(own) : own;
  const made = first === undefined ? [] : [podOf(workload, first, known)];
  if (isBuiltIn) return made;
  const found = findPodTemplates(object, kind.group);
  if (found === 'tooMany') return found;
  return [...made, ...found.filter(({ spec }) => spec !== first?.spec).map((each) => podOf(workload, each, undefined))];
}

function templateAt(object: JsonObject, path: JsonPath): PodTemplate | undefined {
  const value = valueAt(object, path);
  const spec = isObject(value) ? value['spec'] : undefined;
  if (!isObject(value) || !isObject(spec)) return undefined;
  const metadata = value['metadata'];
  return {
    spec,
    specPath: [...path, 'spec'],
    metadata: isObject(metadata) ? { value: metadata, path: [...path, 'metadata'] } : undefined,
  };
}

/** Where every workload has its template, a list of containers is enough, even an empty one. */
function declared(found: PodTemplate | undefined): PodTemplate | undefined {
  return Array.isArray(found?.spec['containers']) ? found : undefined;
}

function podOf(
  workload: PolicyRequest,
  { spec, specPath, metadata }: PodTemplate,
  known: Creator | undefined,
): Created {
  const isStateful = workload.kind.group === 'apps' && workload.kind.kind === 'StatefulSet' && known !== undefined;
  const object = objectFrom([
    ['apiVersion', 'v1'],
    ['kind', 'Pod'],
    ['metadata', podMetadata(metadata?.value ?? objectFrom([]), workload, known, isStateful)],
    ['spec', spec],
  ]);
  return {
    what: 'the Pod',
    createsPods: false,
    place: placeIn(
      { spec: specPath, ...(metadata !== undefined && { metadata: metadata.path }) },
      specPath.slice(0, -1),
    ),
    request: createRequest(object, workload, {
      kind: { group: '', version: 'v1', kind: 'Pod' },
      plural: 'pods',
      prefix: `${workload.name}-`,
      userInfo: known === undefined ? undefined : serviceAccount(known.controller),
    }),
  };
}

function podMetadata(
  metadata: JsonObject,
  workload: PolicyRequest,
  known: Creator | undefined,
  isStateful: boolean,
): JsonObject {
  // What a template says of name and namespace is not used by any controller.
  const kept = Object.entries(metadata).filter(([key]) => !['name', 'generateName', 'namespace'].includes(key));
  const apiVersion = known?.between?.apiVersion ?? String(workload.object?.['apiVersion']);
  const reference: (readonly [string, JsonValue])[] = [
    ['apiVersion', apiVersion],
    ['kind', known?.between?.kind ?? workload.kind.kind],
    ['controller', true],
    ['blockOwnerDeletion', true],
  ];
  if (known?.between === undefined && workload.name !== '') reference.push(['name', workload.name]);
  const added = known?.labels(workload) ?? [];
  const labels = isObject(metadata['labels']) ? Object.entries(metadata['labels']) : [];
  return objectFrom([
    ...kept,
    ...(added.length === 0 ? [] : [['labels', objectFrom([...labels, ...added])] as const]),
    ['generateName', `${workload.name}-`],
    ...(isStateful ? [['name', `${workload.name}-${firstOrdinal(workload.object)}`] as const] : []),
    ['namespace', workload.namespace],
    ['ownerReferences', [objectFrom(reference)]],
  ]);
}

/** The number of the first Pod of a StatefulSet. */
export function firstOrdinal(object: JsonObject | null): number | bigint {
  const start = valueAt(object ?? undefined, ['spec', 'ordinals', 'start']);
  return typeof start === 'number' || typeof start === 'bigint' ? start : 0;
}

function jobLabels(name: string, object: JsonObject | null, specPath: JsonPath): [string, string][] {
  const spec = valueAt(object ?? undefined, specPath);
  const indexed: [string, string][] =
    isObject(spec) && spec['completionMode'] === 'Indexed' ? [['batch.kubernetes.io/job-completion-index', '0']] : [];
  if (isObject(spec) && spec['manualSelector'] === true) return indexed;
  return [
    ['batch.kubernetes.io/controller-uid', madeUpUid],
    ['batch.kubernetes.io/job-name', name],
    ['controller-uid', madeUpUid],
    ['job-name', name],
    ...indexed,
  ];
}
