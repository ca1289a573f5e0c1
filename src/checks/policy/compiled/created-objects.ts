import { isObject, type JsonObject, type JsonPath, type JsonValue, objectFrom, valueAt } from '../../../core/json.ts';
import type { GroupVersionKind, PolicyRequest } from '../kube/request.ts';
import { type Created, createRequest, madeUpHash, placeIn, serviceAccount } from './created.ts';
import { firstOrdinal } from './created-pods.ts';

/** Other kinds than Pods that are certain to be created: asked for one by one, because few policies are about them. */
export const createdKinds = {
  replicaSet: { kind: { group: 'apps', version: 'v1', kind: 'ReplicaSet' }, plural: 'replicasets' },
  job: { kind: { group: 'batch', version: 'v1', kind: 'Job' }, plural: 'jobs' },
  claim: { kind: { group: '', version: 'v1', kind: 'PersistentVolumeClaim' }, plural: 'persistentvolumeclaims' },
} as const;

/** What a cluster adds to an applied object for itself, and no controller hands on. */
const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';

/** The ReplicaSet of a Deployment: its replicas, its template, and the label by which it knows its Pods. */
export function replicaSetOf(workload: PolicyRequest): Created | undefined {
  const { object, kind, name } = workload;
  if (object === null || kind.group !== 'apps' || kind.kind !== 'Deployment') return undefined;
  const spec = object['spec'];
  const template = isObject(spec) ? spec['template'] : undefined;
  if (!isObject(spec) || !isObject(template)) return undefined;
  const metadata = mapAt(template, 'metadata');
  const labels = objectFrom([...Object.entries(mapAt(metadata, 'labels')), ['pod-template-hash', madeUpHash]]);
  const annotations = Object.entries(mapAt(mapAt(object, 'metadata'), 'annotations'));
  const selector = mapAt(spec, 'selector');
  const wanted = objectFrom([...Object.entries(mapAt(selector, 'matchLabels')), ['pod-template-hash', madeUpHash]]);
  const kept = ['replicas', 'minReadySeconds'].flatMap((key): [string, JsonValue][] =>
    spec[key] === undefined ? [] : [[key, spec[key]]],
  );
  return made(createdKinds.replicaSet, workload, 'deployment-controller', {
    place: placeIn({ spec: ['spec'] }, []),
    metadata: [
      ['generateName', `${name}-`],
      ['labels', labels],
      ['annotations', objectFrom(annotations.filter(([key]) => key !== lastApplied))],
      ['ownerReferences', [ownerOf(workload)]],
    ],
    spec: objectFrom([
      ...kept,
      ['selector', withField(selector, 'matchLabels', wanted)],
      ['template', withField(template, 'metadata', withField(metadata, 'labels', labels))],
    ]),
  });
}

/** The Job of a CronJob. */
export function jobOf(workload: PolicyRequest): Created | undefined {
  const { object, kind, name } = workload;
  if (object === null || kind.group !== 'batch' || kind.kind !== 'CronJob') return undefined;
  const path: JsonPath = ['spec', 'jobTemplate'];
  const template = valueAt(object, path);
  const spec = isObject(template) ? template['spec'] : undefined;
  if (!isObject(template) || !isObject(spec)) return undefined;
  const metadata = mapAt(template, 'metadata');
  return made(createdKinds.job, workload, 'cronjob-controller', {
    place: placeIn({ spec: [...path, 'spec'], metadata: [...path, 'metadata'] }, path),
    metadata: [
      ['generateName', `${name}-`],
      ['labels', mapAt(metadata, 'labels')],
      ['annotations', mapAt(metadata, 'annotations')],
      ['ownerReferences', [ownerOf(workload)]],
    ],
    spec,
  });
}

/** The claims of a StatefulSet's first Pod. */
export function claimsOf(workload: PolicyRequest): readonly Created[] {
  const { object, kind, name } = workload;
  if (object === null || kind.group !== 'apps' || kind.kind !== 'StatefulSet') return [];
  const selected = mapAt(mapAt(mapAt(object, 'spec'), 'selector'), 'matchLabels');
  const templates = valueAt(object, ['spec', 'volumeClaimTemplates']);
  return listOf(templates).flatMap((template, index): Created[] => {
    const metadata = mapAt(template, 'metadata');
    if (!isObject(template) || !isObject(template['spec'])) return [];
    const claim = `${String(metadata['name'])}-${name}-`;
    const path: JsonPath = ['spec', 'volumeClaimTemplates', index];
    return [
      made(createdKinds.claim, workload, 'statefulset-controller', {
        place: placeIn({ spec: [...path, 'spec'], metadata: [...path, 'metadata'] }, path),
        prefix: claim,
        metadata: [
          ['name', `${claim}${firstOrdinal(object)}`],
          ['labels', objectFrom([...Object.entries(mapAt(metadata, 'labels')), ...Object.entries(selected)])],
          ['annotations', mapAt(metadata, 'annotations')],
        ],
        spec: template['spec'],
      }),
    ];
  });
}

/** The claims of the ephemeral volumes of a Pod; `at` says where in the object of the set the Pod's fields stand. */
export function ephemeralClaimsOf(pod: PolicyRequest, at: Created['place']): readonly Created[] {
  const volumes = valueAt(pod.object ?? undefined, ['spec', 'volumes']);
  return listOf(volumes).flatMap((volume, index): Created[] => {
    const template = valueAt(volume, ['ephemeral', 'volumeClaimTemplate']);
    if (!isObject(volume) || !isObject(template) || !isObject(template['spec'])) return [];
    const metadata = mapAt(template, 'metadata');
    const path = at(['spec', 'volumes', index, 'ephemeral', 'volumeClaimTemplate']);
    // A Pod that the cluster names makes claims that begin with the same.
    const name = pod.name === '' ? '' : `${pod.name}-${String(volume['name'])}`;
    return [
      made(createdKinds.claim, pod, 'ephemeral-volume-controller', {
        place: placeIn({ spec: [...path, 'spec'], metadata: [...path, 'metadata'] }, path),
        prefix: pod.namePrefix,
        metadata: [
          name === '' ? ['generateName', pod.namePrefix ?? ''] : ['name', name],
          ['labels', mapAt(metadata, 'labels')],
          ['annotations', mapAt(metadata, 'annotations')],
          ['ownerReferences', [ownerOf(pod)]],
        ],
        spec: template['spec'],
      }),
    ];
  });
}

interface Parts {
  readonly place: Created['place'];
  /** What its names begin with; undefined where it has the one that is given. */
  readonly prefix?: string | undefined;
  readonly metadata: readonly (readonly [string, JsonValue])[];
  readonly spec: JsonObject;
}

function made(
  { kind, plural }: { readonly kind: GroupVersionKind; readonly plural: string },
  by: PolicyRequest,
  controller: string,
  { place, prefix, metadata, spec }: Parts,
): Created {
  const filled = metadata.filter(([, value]) => value !== '' && (!isObject(value) || Object.keys(value).length > 0));
  const object = objectFrom([
    ['apiVersion', kind.group === '' ? kind.version : `${kind.group}/${kind.version}`],
    ['kind', kind.kind],
    ['metadata', objectFrom([...filled, ['namespace', by.namespace]])],
    ['spec', spec],
  ]);
  const isGenerated = metadata.some(([key]) => key === 'generateName');
  return {
    what: `the ${kind.kind}`,
    createsPods: kind.group !== '',
    place,
    request: createRequest(object, by, {
      kind,
      plural,
      prefix: prefix ?? (isGenerated ? `${by.name}-` : undefined),
      userInfo: serviceAccount(controller),
    }),
  };
}

function ownerOf({ object, kind, name }: PolicyRequest): JsonObject {
  return objectFrom([
    ['apiVersion', String(object?.['apiVersion'])],
    ['kind', kind.kind],
    ...(name === '' ? [] : [['name', name] as const]),
    ['controller', true],
    ['blockOwnerDeletion', true],
  ]);
}

function mapAt(value: JsonValue | undefined, field: string): JsonObject {
  const found = isObject(value) && Object.hasOwn(value, field) ? value[field] : undefined;
  return isObject(found) ? found : objectFrom([]);
}

function listOf(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? (value as readonly JsonValue[]) : [];
}

function withField(object: JsonObject, field: string, value: JsonValue): JsonObject {
  return objectFrom([...Object.entries(object).filter(([key]) => key !== field), [field, value]]);
}
