import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonObject, JsonValue } from '../../../src/core/json.ts';
import { readDocuments } from './documents.ts';

/** One policy with its bindings, and further objects to judge by it besides the samples. */
export interface AdmissionCase {
  readonly name: string;
  readonly policy: JsonObject;
  readonly bindings: readonly JsonObject[];
  readonly objects: readonly JsonObject[];
  /** Set where the server does not take the policy: a part of what it says. */
  readonly refused: string | undefined;
}

interface Written {
  readonly name: string;
  readonly on?: readonly string[];
  readonly match?: JsonObject;
  readonly spec: JsonObject;
  readonly bindings?: readonly (JsonObject & { readonly name: string })[];
  readonly objects?: readonly JsonObject[];
  readonly refused?: string;
}

const api = { apiVersion: 'admissionregistration.k8s.io/v1' };

export function admissionCases(): readonly AdmissionCase[] {
  const text = readFileSync(join(import.meta.dirname, 'admission-cases.yaml'), 'utf8');
  return readDocuments(text).map((document) => {
    const { name, on, match, spec, bindings, objects = [], refused } = document as unknown as Written;
    return admissionCase(name, { matchConstraints: match ?? created(on ?? []), ...spec }, bindings, objects, refused);
  });
}

/** A case of a policy's specification; without bindings of its own it has one that denies. */
export function admissionCase(
  name: string,
  spec: JsonObject,
  bindings: readonly (JsonObject & { readonly name: string })[] = [{ name: 'denies', validationActions: ['Deny'] }],
  objects: readonly JsonObject[] = [],
  refused?: string,
): AdmissionCase {
  return {
    name,
    policy: { ...api, kind: 'ValidatingAdmissionPolicy', metadata: { name }, spec },
    bindings: bindings.map(({ name: binding, ...rest }) => ({
      ...api,
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: { name: `${name}-${binding}` },
      spec: { policyName: name, ...rest },
    })),
    objects,
    refused,
  };
}

function created([group = '', version = '', ...resources]: readonly string[]): JsonValue {
  return {
    resourceRules: [{ apiGroups: [group], apiVersions: [version], operations: ['CREATE', 'UPDATE'], resources }],
  };
}

/** What stands in the cluster, and in the snapshot of it. */
export const clusterObjects: readonly JsonObject[] = [
  {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'podrules.rules.example.com' },
    spec: {
      group: 'rules.example.com',
      scope: 'Cluster',
      names: { kind: 'PodRule', plural: 'podrules', singular: 'podrule', listKind: 'PodRuleList' },
      versions: ['v1', 'v1beta1'].map((name) => ({
        name,
        served: true,
        storage: name === 'v1',
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: {
                type: 'object',
                properties: { most: { type: 'integer' }, least: { type: 'integer', default: 1 } },
              },
            },
          },
        },
      })),
    },
  },
  { apiVersion: 'rules.example.com/v1', kind: 'PodRule', metadata: { name: 'strict' }, spec: { most: 1, least: 1 } },
  configMap('limits', { most: '1', name: 'least' }),
  configMap('types-a', { types: 'ClusterIP,ExternalName' }, { kind: 'types' }),
  configMap('types-b', { types: 'ClusterIP,NodePort' }, { kind: 'types' }),
];

function configMap(name: string, data: JsonObject, labels: JsonObject = {}): JsonObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default', labels }, data };
}
