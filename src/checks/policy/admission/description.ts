import type { MatchResources } from '../kube/match-resources.ts';
import type { CompiledPolicy, RuleAction, RuleDescription } from '../rule.ts';
import type { AdmissionPolicy } from './schema.ts';

type Described = Pick<CompiledPolicy, 'title' | 'severity' | 'category' | 'rules' | 'warnings'>;

/** A policy in lists and reports: one rule for each binding. */
export function describeAdmission(
  { metadata, spec }: AdmissionPolicy,
  bindings: readonly { readonly name: string; readonly action: RuleAction }[],
): Described {
  const matches = describeResources(spec.matchConstraints);
  const never = neverAsked(spec.matchConstraints);
  const rule = (name: string, action: RuleAction, why: string | undefined): RuleDescription => ({
    name,
    matches,
    action,
    ...(why !== undefined && { notEvaluated: why }),
  });
  const unbound = bindings.length === 0;
  return {
    title: annotation(metadata.annotations, 'policies.kyverno.io/title'),
    severity: annotation(metadata.annotations, 'policies.kyverno.io/severity'),
    category: annotation(metadata.annotations, 'policies.kyverno.io/category'),
    rules: unbound ? [rule('', 'audit', 'no binding')] : bindings.map(({ name, action }) => rule(name, action, never)),
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

/** `deployments, statefulsets of apps` */
function describeResources({ resourceRules = [] }: MatchResources): string {
  return resourceRules
    .map(({ apiGroups, resources }) => {
      const groups = apiGroups.filter((group) => group !== '').join(', ');
      return groups === '' ? resources.join(', ') : `${resources.join(', ')} of ${groups}`;
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
