import type { JsonPath } from '../../../core/json.ts';
import { type PolicyDocument, validateDocument } from '../document.ts';
import type { UserInfo } from '../kube/request.ts';
import type { ResourceTable } from '../kube/resources.ts';
import type { PolicyIdentity } from '../rule.ts';
import { LimitError } from '../values/limit.ts';
import { matchesWildcard } from '../values/wildcard.ts';
import { withoutNulls } from './absent.ts';
import type { Compiling } from './compiling.ts';
import { type ConditionList, compileConditions } from './condition-list.ts';
import { Fault } from './fault.ts';
import { compileDescription, compileUser } from './match.ts';
import { checkExcludes } from './pod-security-rule.ts';
import type { RequestView } from './request-view.ts';
import { KyvernoException, type PodSecurityStandard, type ResourceFilter } from './schema.ts';
import type { Scope } from './scope.ts';
import { Unanswerable } from './unanswerable.ts';

/** A PolicyException of kyverno.io, as the platform grants it. */
export interface CompiledException {
  readonly identity: PolicyIdentity;
  readonly source: string;
  /** `namespace/name`, as messages name it. */
  readonly key: string;
  readonly excepts: readonly { readonly policy: string; readonly rules: readonly string[]; readonly place: string }[];
  /** Where it is not empty, it takes controls out of a Pod Security rule, and not the object out of the rule. */
  readonly podSecurity: readonly PodSecurityStandard[];
  /** Whether it is about a rule. `policy` is `namespace/name`, or the name alone for a ClusterPolicy. */
  names(policy: string, rule: string): boolean;
  /** Whether it holds for a request. What cannot be told is no exception. */
  covers(view: RequestView, scope: Scope): boolean;
}

/** Reads a PolicyException of kyverno.io/v2. Throws GateErrors with POLICY_* codes. */
export function compileKyvernoException(
  document: PolicyDocument,
  context: { readonly resources: ResourceTable; readonly isTest?: boolean },
): CompiledException {
  const { apiVersion, kind, metadata, spec } = validateDocument(KyvernoException, withoutNulls(document));
  const namespace = metadata.namespace ?? '';
  checkExcludes(spec.podSecurity ?? [], document, ['spec', 'podSecurity'], '');
  const { any = [], all = [] } = spec.match;
  const [combine, filters]: ['any' | 'all', readonly ResourceFilter[]] = any.length > 0 ? ['any', any] : ['all', all];
  const path: JsonPath = ['spec', 'match', combine];
  const tests = filters.map((filter, index) => compileFilter(filter, document, [...path, index]));
  const compiling: Compiling = {
    document,
    namespace: '',
    isTest: context.isTest === true,
    isForeach: false,
    resources: context.resources,
    // It may speak of the context of every rule that it is an exception to.
    variables: ['*'],
  };
  const conditions = allBeforeAny(compiling, spec.conditions);
  const matches = (view: RequestView) =>
    tests.length > 0 && (combine === 'any' ? tests.some((test) => test(view)) : tests.every((test) => test(view)));
  return {
    identity: { apiVersion, kind, namespace, name: metadata.name },
    source: document.locate([]),
    key: namespace === '' ? metadata.name : `${namespace}/${metadata.name}`,
    excepts: spec.exceptions.map(({ policyName, ruleNames }, i) => ({
      policy: policyName,
      rules: ruleNames,
      place: document.locate(['spec', 'exceptions', i]),
    })),
    podSecurity: spec.podSecurity ?? [],
    names: (policy, rule) =>
      spec.exceptions.some(
        ({ policyName, ruleNames }) => policyName === policy && ruleNames.some((name) => matchesWildcard(name, rule)),
      ),
    covers(view, scope) {
      try {
        return matches(view) && conditions(scope);
      } catch (error) {
        if (error instanceof Fault || error instanceof Unanswerable || error instanceof LimitError) return false;
        throw error;
      }
    },
  };
}

/** Those of `all` first; `any` is then enough if one of it holds, or there is none. */
function allBeforeAny(
  compiling: Compiling,
  conditions: KyvernoException['spec']['conditions'],
): (scope: Scope) => boolean {
  if (conditions === undefined) return () => true;
  const path = ['spec', 'conditions'];
  const all = compileConditions(compiling, { all: conditions.all ?? [] }, path, false);
  const any: ConditionList =
    (conditions.any ?? []).length === 0
      ? () => ({ holds: true, message: '' })
      : compileConditions(compiling, { any: conditions.any ?? [] }, path, false);
  return (scope) => all(scope).holds && any(scope).holds;
}

function compileFilter(
  filter: ResourceFilter,
  document: PolicyDocument,
  path: JsonPath,
): (view: RequestView) => boolean {
  const resource = compileDescription(filter.resources ?? {}, document, [...path, 'resources'], true);
  const user = compileUser(filter, document, path);
  if (resource === undefined && user === undefined) return () => false;
  return (view) =>
    view.resource !== null &&
    (resource === undefined || resource(view)) &&
    (user === undefined || user(view.request.userInfo ?? nobody));
}

const nobody: UserInfo = { username: '', uid: '', groups: [], extra: {}, roles: [], clusterRoles: [] };
