import type { JsonPath, JsonValue } from '../../../core/json.ts';
import { isObject } from '../../../core/json.ts';
import { type PolicyDocument, policyError, validateDocument } from '../document.ts';
import type { GroupVersionKind, PolicyRequest } from '../kube/request.ts';
import type { ResourceTable } from '../kube/resources.ts';
import type { CompiledPolicy, PolicyWorld, RuleResult } from '../rule.ts';
import { withoutNulls } from './absent.ts';
import { autogenKinds, isCarriedOver, rulesFor } from './autogen.ts';
import { compileWebhookConditions, type WebhookConditions } from './cel-rule.ts';
import { describeRule } from './describe.ts';
import type { CompiledException } from './exceptions.ts';
import { operationWarnings } from './operation-warnings.ts';
import { inOtherVersion } from './other-version.ts';
import { type RequestView, viewOf } from './request-view.ts';
import { type CompiledRule, compileGenerated, compileRule, type RuleContext } from './rule.ts';
import { KyvernoPolicy } from './schema.ts';
import { warningsOf } from './warnings.ts';

/** What a policy is compiled with. */
export interface KyvernoContext {
  /** Exceptions of kyverno.io that the platform grants. */
  readonly exceptions: readonly CompiledException[];
  readonly resources: ResourceTable;
  /** In a test of policies values may stand in for what a cluster, a registry or a server would say. */
  readonly isTest?: boolean;
}

/** So many kinds are remembered: objects name them as they like. */
const maxKinds = 1_000;

/**
 * Compiles a ClusterPolicy or Policy of kyverno.io/v1. Nothing in it is ignored: an unknown field, operator, function,
 * variable or anchor is a GateError with POLICY_INVALID and its place, and what Kyverno can and a gate cannot do is one
 * with POLICY_UNSUPPORTED.
 */
export function compileKyvernoPolicy(document: PolicyDocument, context: KyvernoContext): CompiledPolicy {
  refuseStrangeKeys(document);
  const policy = validateDocument(KyvernoPolicy, withoutNulls(document));
  const { metadata, spec } = policy;
  if (policy.kind === 'ClusterPolicy' && (metadata.namespace ?? '') !== '') {
    throw policyError(document, ['metadata', 'namespace'], 'a ClusterPolicy lies in no namespace');
  }
  const namespace = policy.kind === 'Policy' ? metadata.namespace || 'default' : '';
  const kinds = autogenKinds(policy);
  const ruleContext: RuleContext = {
    policy,
    document,
    namespace,
    key: namespace === '' ? metadata.name : `${namespace}/${metadata.name}`,
    resources: context.resources,
    exceptions: context.exceptions,
    isTest: context.isTest === true,
  };
  refuseRepeatedNames(policy, document);
  // Every rule as it is written is compiled now, so that what is wrong with it is known when the policy is loaded.
  const written = spec.rules.map((rule, index) => compileRule({ rule, index, isGenerated: false }, ruleContext));
  const byKind = new Map<string, readonly CompiledRule[]>();
  const conditions = spec.webhookConfiguration?.matchConditions ?? [];
  const isLetThrough =
    conditions.length === 0
      ? undefined
      : compileWebhookConditions(conditions, ruleContext, ['spec', 'webhookConfiguration', 'matchConditions']);

  // Objects of one kind mostly come one after the other.
  let last:
    | { readonly kind: GroupVersionKind; readonly subresource: string; readonly found: readonly CompiledRule[] }
    | undefined;

  function rulesOfKind({ kind, subresource }: Pick<PolicyRequest, 'kind' | 'subresource'>): readonly CompiledRule[] {
    if (last !== undefined && last.subresource === subresource && isSameKind(last.kind, kind)) return last.found;
    const found = lookUp(kind, subresource);
    last = { kind, subresource, found };
    return found;
  }

  function lookUp(kind: GroupVersionKind, subresource: string): readonly CompiledRule[] {
    const key = `${kind.group}/${kind.version}/${kind.kind}/${subresource}`;
    let found = byKind.get(key);
    if (found === undefined) {
      found = rulesFor(policy, kinds, kind.kind).flatMap((applied) => {
        const rule = applied.isGenerated
          ? compileGenerated(applied, ruleContext)
          : (written[applied.index] as CompiledRule);
        if (rule.matcher.concerns(kind, subresource)) return [rule];
        if (context.isTest === true) return [];
        return inOtherVersion(rule, kind, subresource, context.resources) ?? [];
      });
      if (byKind.size >= maxKinds) byKind.clear();
      byKind.set(key, found);
    }
    return found;
  }

  function mutates(request: PolicyRequest, world: PolicyWorld): readonly string[] {
    const view = viewOf(request, world);
    if (!isInNamespace(view, namespace)) return [];
    return rulesOfKind(request)
      .filter(({ rule }) => rule.mutate !== undefined)
      .filter((rule) => rule.touches(view))
      .map(({ rule }) => rule.name);
  }

  return {
    identity: { apiVersion: policy.apiVersion, kind: policy.kind, namespace, name: metadata.name },
    source: document.locate([]),
    title: metadata.annotations?.['policies.kyverno.io/title'],
    severity: metadata.annotations?.['policies.kyverno.io/severity'],
    category: metadata.annotations?.['policies.kyverno.io/category'],
    rules: written.map(({ rule, actions }) =>
      describeRule(
        rule,
        actions.usual,
        kinds.filter((kind) => isCarriedOver(rule, kinds, kind)),
      ),
    ),
    trusts: written.flatMap(({ trusts }) => trusts),
    warnings: [...warningsOf(policy, document, context), ...operationWarnings(policy, document)],
    concerns: (kind, _, subresource) => rulesOfKind({ kind, subresource }).some(({ judge }) => judge !== undefined),
    judge(request, world) {
      const rules = rulesOfKind(request);
      if (rules.length === 0) return [];
      const view = viewOf(request, world);
      if (!isInNamespace(view, namespace)) return [];
      const letThrough = isLetThrough?.(view) ?? true;
      if (letThrough === false) return [];
      if (letThrough !== true) return unjudged(rules, view, letThrough);
      const results: RuleResult[] = [];
      for (const rule of rules) {
        const result = rule.judge?.(view);
        if (result === undefined) continue;
        results.push(result);
        if (spec.applyRules === 'One' && (result.status === 'pass' || result.status === 'fail')) break;
      }
      return results;
    },
    ...(written.some(({ rule }) => rule.mutate !== undefined) && { mutates }),
  };
}

/** Where nobody can say whether the policy is asked at all, every rule that matches is without a verdict. */
function unjudged(
  rules: readonly CompiledRule[],
  view: RequestView,
  { error: message, lacks }: Exclude<ReturnType<WebhookConditions>, boolean>,
): RuleResult[] {
  return rules
    .filter((rule) => rule.judge !== undefined && rule.touches(view))
    .map(({ rule, actions }) => ({
      rule: rule.name,
      status: 'error',
      message,
      action: actions.usual,
      ...(lacks !== undefined && { lacks }),
    }));
}

function isSameKind(a: GroupVersionKind, b: GroupVersionKind): boolean {
  return a === b || (a.kind === b.kind && a.version === b.version && a.group === b.group);
}

/** A Policy is about the objects of its own namespace. */
function isInNamespace(view: RequestView, namespace: string): boolean {
  return namespace === '' || view.namespace === namespace;
}

function refuseRepeatedNames(policy: KyvernoPolicy, document: PolicyDocument): void {
  const seen = new Set<string>();
  for (const [index, { name }] of policy.spec.rules.entries()) {
    if (seen.has(name)) {
      throw policyError(document, ['spec', 'rules', index, 'name'], `another rule of the policy is called ${name}`);
    }
    seen.add(name);
  }
}

/** A key that JavaScript has a meaning of its own for would be lost where maps of free keys are copied. */
function refuseStrangeKeys(document: PolicyDocument): void {
  const visit = (value: JsonValue, path: JsonPath): void => {
    if (Array.isArray(value)) {
      for (const [index, each] of (value as readonly JsonValue[]).entries()) visit(each, [...path, index]);
    } else if (isObject(value)) {
      for (const key of Object.keys(value)) {
        if (key === '__proto__') throw policyError(document, path, '"__proto__" is no key that a policy has');
        visit(value[key] as JsonValue, [...path, key]);
      }
    }
  };
  visit(document.value, []);
}
