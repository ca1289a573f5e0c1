import type { ObjectDeclaration } from '../cel/declaration.ts';
import { BOOL, type CelType, DYN, INT, listOf, mapOf, objectType, STRING, TIMESTAMP } from '../cel/types.ts';

/** What policies know as `request` and `namespaceObject`, as the API server types them (plugin/cel, BuildRequestType). */

export const REQUEST_TYPE: CelType = objectType('kubernetes.AdmissionRequest');
export const NAMESPACE_TYPE: CelType = objectType('kubernetes.Namespace');

const kind = objectType('kubernetes.GroupVersionKind');
const resource = objectType('kubernetes.GroupVersionResource');
const strings = listOf(STRING);

/** `extra` are further fields of `request`. */
export function requestObjects(extra: Readonly<Record<string, CelType>> = {}): readonly ObjectDeclaration[] {
  return [
    { name: 'kubernetes.GroupVersionKind', fields: { group: STRING, version: STRING, kind: STRING } },
    { name: 'kubernetes.GroupVersionResource', fields: { group: STRING, version: STRING, resource: STRING } },
    {
      name: 'kubernetes.UserInfo',
      fields: { username: STRING, uid: STRING, groups: strings, extra: mapOf(STRING, strings) },
    },
    {
      name: 'kubernetes.AdmissionRequest',
      fields: {
        kind,
        resource,
        subResource: STRING,
        requestKind: kind,
        requestResource: resource,
        requestSubResource: STRING,
        name: STRING,
        namespace: STRING,
        operation: STRING,
        userInfo: objectType('kubernetes.UserInfo'),
        dryRun: BOOL,
        options: DYN,
        ...extra,
      },
    },
  ];
}

export const NAMESPACE_OBJECTS: readonly ObjectDeclaration[] = [
  { name: 'kubernetes.NamespaceSpec', fields: { finalizers: strings } },
  {
    name: 'kubernetes.NamespaceCondition',
    fields: { status: STRING, type: STRING, lastTransitionTime: TIMESTAMP, message: STRING, reason: STRING },
  },
  {
    name: 'kubernetes.NamespaceStatus',
    fields: { conditions: listOf(objectType('kubernetes.NamespaceCondition')), phase: STRING },
  },
  {
    name: 'kubernetes.NamespaceMetadata',
    fields: {
      name: STRING,
      generateName: STRING,
      namespace: STRING,
      labels: mapOf(STRING, STRING),
      annotations: mapOf(STRING, STRING),
      UID: STRING,
      creationTimestamp: TIMESTAMP,
      deletionGracePeriodSeconds: INT,
      deletionTimestamp: TIMESTAMP,
      generation: INT,
      resourceVersion: STRING,
      finalizers: strings,
    },
  },
  {
    name: 'kubernetes.Namespace',
    fields: {
      metadata: objectType('kubernetes.NamespaceMetadata'),
      spec: objectType('kubernetes.NamespaceSpec'),
      status: objectType('kubernetes.NamespaceStatus'),
    },
  },
];
