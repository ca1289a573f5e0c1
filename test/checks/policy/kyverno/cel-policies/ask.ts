import { kyverno } from '../../../../../src/checks/policy/cel/profiles.ts';
import type { PolicyDocument } from '../../../../../src/checks/policy/document.ts';
import type { Cluster } from '../../../../../src/checks/policy/kube/cluster.ts';
import type { PolicyRequest } from '../../../../../src/checks/policy/kube/request.ts';
import { createResourceTable, groupVersionKind } from '../../../../../src/checks/policy/kube/resources.ts';
import { compileCelPolicy, readCelException } from '../../../../../src/checks/policy/kyverno/cel-policies/load.ts';
import type { CompiledPolicy, PolicyWorld, RuleResult } from '../../../../../src/checks/policy/rule.ts';
import { clusterOf } from '../../../../../src/checks/policy/testing/cluster.ts';
import type { JsonObject } from '../../../../../src/core/json.ts';
import { readSettings } from '../../../../../src/core/settings-file.ts';

export const resources = createResourceTable();

/** The documents of a YAML text, as `policies.yaml`. */
function documentsOf(yaml: string): PolicyDocument[] {
  return readSettings(yaml, 'policies.yaml', 'POLICY_INVALID').map(({ value, locate }, document) => ({
    value: value as JsonObject,
    file: 'policies.yaml',
    document,
    locate(path, part) {
      const { file, line, column } = locate(path, part);
      return `${file}:${line}:${column}`;
    },
  }));
}

/** The first document as a policy; the others are its exceptions. */
export function compile(yaml: string, isTest = false): CompiledPolicy {
  const [policy, ...exceptions] = documentsOf(yaml);
  if (policy === undefined) throw new Error('no policy');
  return compileCelPolicy(policy, {
    resources,
    language: (namespace) => kyverno('1.19', namespace),
    isTest,
    exceptions: exceptions.map(readCelException),
  });
}

export interface Asked {
  readonly object: JsonObject;
  readonly oldObject?: JsonObject;
  readonly cluster?: readonly JsonObject[];
  readonly request?: Partial<PolicyRequest>;
  readonly world?: Partial<PolicyWorld>;
}

export function requestOf({ object, oldObject, request }: Asked): PolicyRequest {
  const { apiVersion, kind, metadata } = object as unknown as {
    readonly apiVersion: string;
    readonly kind: string;
    readonly metadata: { readonly name?: string; readonly namespace?: string };
  };
  const { kind: gvk, resource, namespaced } = resources.ofKind(groupVersionKind(apiVersion, kind));
  return {
    operation: oldObject === undefined ? 'CREATE' : 'UPDATE',
    kind: gvk,
    resource,
    subresource: '',
    name: metadata.name ?? '',
    namespace: metadata.namespace ?? '',
    namespaced,
    object,
    oldObject: oldObject ?? null,
    userInfo: undefined,
    ...request,
  };
}

export function worldOf({ cluster = [], world }: Partial<Asked>): PolicyWorld {
  return { cluster: clusterOf(cluster), now: Date.UTC(2026, 0, 1), random: () => 0.5, ...world };
}

export function ask(policy: CompiledPolicy, asked: Asked): readonly RuleResult[] {
  return policy.judge(requestOf(asked), worldOf(asked));
}

/** A snapshot that speaks for nothing that it does not hold. */
export const knowsNothing: Cluster = { object: () => undefined, list: () => [], isComplete: () => false };

export function pod(spec: JsonObject, metadata: JsonObject = {}): JsonObject {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', namespace: 'shop', ...metadata }, spec };
}

export function deployment(spec: JsonObject, metadata: JsonObject = {}): JsonObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'd', namespace: 'shop' },
    spec: { template: { metadata, spec } },
  };
}
