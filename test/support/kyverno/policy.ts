import type { PolicyDocument } from '../../../src/checks/policy/document.ts';
import type { PolicyRequest } from '../../../src/checks/policy/kube/request.ts';
import { createResourceTable, groupVersionKind } from '../../../src/checks/policy/kube/resources.ts';
import { compileKyvernoException } from '../../../src/checks/policy/kyverno/exceptions.ts';
import { compileKyvernoPolicy } from '../../../src/checks/policy/kyverno/policy.ts';
import type { CompiledPolicy, PolicyWorld, RuleResult } from '../../../src/checks/policy/rule.ts';
import { isObject, type JsonObject, type JsonValue, objectFrom } from '../../../src/core/json.ts';
import { readSettings } from '../../../src/core/settings-file.ts';

const kinds = createResourceTable();

/** The documents of a YAML text, with their places. */
function documentsOf(yaml: string): PolicyDocument[] {
  return readSettings(yaml, 'policies.yaml', 'POLICY_INVALID').map(({ value, locate }, document) => ({
    value: bare(value as JsonObject) as JsonObject,
    file: 'policies.yaml',
    document,
    locate(path, part) {
      const { file, line, column } = locate(path, part);
      return `${file}:${line}:${column}`;
    },
  }));
}

/** The same value of objects without prototypes, as everything from outside is read. */
export function bare(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map(bare);
  if (!isObject(value)) return value;
  return objectFrom(Object.keys(value).map((key) => [key, bare(value[key] as JsonValue)] as const));
}

/** The first document as a policy, the others as its exceptions. */
export function compilePolicy(yaml: string, isTest = false, resources = kinds): CompiledPolicy {
  const [policy, ...exceptions] = documentsOf(yaml);
  if (policy === undefined) throw new Error('no policy');
  const compiled = exceptions.map((each) => compileKyvernoException(each, { resources, isTest }));
  return compileKyvernoPolicy(policy, { resources, exceptions: compiled, isTest });
}

/** A ClusterPolicy of one rule about Pods; `rule` is the rest of it, `spec` goes beside the rules. */
export function onPods(rule: string, spec = ''): string {
  return onKinds('[Pod]', rule, spec);
}

export function onKinds(list: string, rule: string, spec = ''): string {
  return `{apiVersion: kyverno.io/v1, kind: ClusterPolicy, metadata: {name: p}, spec: {${spec} rules: [{name: r, match: {any: [{resources: {kinds: ${list}}}]}, ${rule}}]}}`;
}

/** The one object of a YAML text. */
export function objectOf(yaml: string): JsonObject {
  return documentsOf(yaml)[0]?.value as JsonObject;
}

/** A world of nothing but what is given. */
export function worldOf(objects: readonly JsonObject[] = [], complete: readonly string[] = []): PolicyWorld {
  const of = (object: JsonObject) => object['metadata'] as { readonly name: string; readonly namespace?: string };
  return {
    cluster: {
      object: ({ kind }, namespace, name) =>
        objects.find(
          (each) => each['kind'] === kind && of(each).name === name && (of(each).namespace ?? '') === namespace,
        ),
      list: ({ kind }, namespace) =>
        objects.filter(
          (each) => each['kind'] === kind && (namespace === undefined || of(each).namespace === namespace),
        ),
      isComplete: ({ kind }) => complete.includes(kind),
    },
    now: 0,
    random: () => 0.5,
  };
}

export function requestOf(object: JsonObject, more: Partial<PolicyRequest> = {}): PolicyRequest {
  const kind = groupVersionKind(String(object['apiVersion']), String(object['kind']));
  const { resource, namespaced } = kinds.ofKind(kind);
  const { name = '', namespace } = (object['metadata'] ?? {}) as { name?: string; namespace?: string };
  return {
    operation: 'CREATE',
    kind,
    resource,
    subresource: '',
    name,
    namespace: namespaced ? (namespace ?? 'default') : '',
    namespaced,
    object,
    oldObject: null,
    userInfo: undefined,
    ...more,
  };
}

/** What a policy says of an object, asked as a gate asks. */
export function judgeOne(
  policy: string | CompiledPolicy,
  object: string | JsonObject,
  world: PolicyWorld = worldOf(),
  more: Partial<PolicyRequest> = {},
): readonly RuleResult[] {
  const compiled = typeof policy === 'string' ? compilePolicy(policy) : policy;
  const request = requestOf(typeof object === 'string' ? objectOf(object) : object, more);
  if (!compiled.concerns(request.kind, request.resource, request.subresource)) return [];
  return compiled.judge(request, world);
}
