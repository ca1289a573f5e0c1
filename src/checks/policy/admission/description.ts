import { settingsName } from '../kube/cluster.ts';
import type { LabelSelector, MatchResources } from '../kube/match-resources.ts';
import { groupVersionKind } from '../kube/resources.ts';
import type { CompiledPolicy, RuleAction, RuleDescription } from '../rule.ts';
import type { AdmissionBinding, AdmissionPolicy, ParamKind } from './schema.ts';

type Described = Pick<CompiledPolicy, 'title' | 'severity' | 'category' | 'rules' | 'warnings'>;

/** A policy in lists and reports: one rule for each binding. */
export function describeAdmission(
  { metadata, spec }: AdmissionPolicy,
  bindings: readonly { readonly name: string; readonly action: RuleAction; readonly spec: AdmissionBinding['spec'] }[],
): Described {
  const matches = describeMatch(spec.matchConstraints);
  const never = neverAsked(spec.matchConstraints);
  const rule = (name: string, action: RuleAction, why: string | undefined, more = ''): RuleDescription => ({
    name,
    matches: matches + more,
    action,
    ...(why !== undefined && { notEvaluated: why }),
  });
  const unbound = bindings.length === 0;
  return {
    title: annotation(metadata.annotations, 'policies.kyverno.io/title'),
    severity: annotation(metadata.annotations, 'policies.kyverno.io/severity'),
    category: annotation(metadata.annotations, 'policies.kyverno.io/category'),
    rules: unbound
      ? [rule('', 'audit', 'no binding')]
      : bindings.map(({ name, action, spec: bound }) =>
          rule(name, action, never, describeBinding(bound, spec.paramKind)),
        ),
    warnings: unbound
      ? [`ValidatingAdmissionPolicy ${metadata.name} has no ValidatingAdmissionPolicyBinding, so it judges nothing`]
      : [],
  };
}

function annotation(annotations: AdmissionPolicy['metadata']['annotations'], key: string): string | undefined {
  return annotations !== undefined && annotations !== null && Object.hasOwn(annotations, key)
    ? annotations[key]
    : undefined;
}

/** What a binding adds: `, there only pods by labels, with params ConfigMap platform/limits`. */
function describeBinding(
  { matchResources, paramRef }: AdmissionBinding['spec'],
  paramKind: ParamKind | undefined,
): string {
  const own = matchResources === undefined ? '' : describeMatch(matchResources);
  const params = paramKind === undefined || paramRef === undefined ? '' : describeParams(paramKind, paramRef);
  return `${own === '' ? '' : `, there only ${own}`}${params === '' ? '' : `, with params ${params}`}`;
}

function describeParams(
  { apiVersion, kind }: ParamKind,
  { name = '', namespace = '' }: NonNullable<AdmissionBinding['spec']['paramRef']>,
): string {
  const called = settingsName(groupVersionKind(apiVersion, kind));
  if (name !== '') return `${called} ${namespace === '' ? name : `${namespace}/${name}`}`;
  return `${called} by labels${namespace === '' ? '' : ` in ${namespace}`}`;
}

/** `deployments, statefulsets of apps by labels` */
function describeMatch(resources: MatchResources): string {
  const excluded = describeResources({ resourceRules: resources.excludeResourceRules });
  const parts = [
    describeResources(resources),
    excluded === '' ? '' : `but not ${excluded}`,
    isEmpty(resources.objectSelector) ? '' : 'by labels',
    isEmpty(resources.namespaceSelector) ? '' : 'in Namespaces by labels',
  ];
  return parts.filter((part) => part !== '').join(' ');
}

function isEmpty(selector: LabelSelector | undefined): boolean {
  const { matchLabels = {}, matchExpressions = [] } = selector ?? {};
  return Object.keys(matchLabels).length + matchExpressions.length === 0;
}

/** `deployments, statefulsets of apps` */
function describeResources({ resourceRules = [] }: Pick<MatchResources, 'resourceRules'>): string {
  return resourceRules
    .map(({ apiGroups, resources, resourceNames = [] }) => {
      const groups = apiGroups.filter((group) => group !== '').join(', ');
      const named = resourceNames.length === 0 ? '' : ` named ${resourceNames.join(', ')}`;
      return `${resources.join(', ')}${groups === '' ? '' : ` of ${groups}`}${named}`;
    })
    .join('; ');
}

/** Why no rule of it is about what a gate sees; undefined where one is. */
function neverAsked({ resourceRules = [] }: MatchResources): string | undefined {
  const operations = new Set(resourceRules.flatMap((rule) => rule.operations));
  if (!operations.has('*') && !operations.has('CREATE')) {
    return operations.has('UPDATE')
      ? 'only on UPDATE: it judges objects whose live state is supplied, and no others'
      : `only on ${[...operations].join(' and ')}`;
  }
  const names = resourceRules.flatMap((rule) => rule.resources);
  return names.every((name) => name.includes('/') && !name.endsWith('/*')) ? `only for ${names.join(', ')}` : undefined;
}
