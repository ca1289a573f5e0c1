import type { MatchResources } from '../../kube/match-resources.ts';
import type { RuleAction, RuleDescription } from '../../rule.ts';
import type { Carried } from './autogen.ts';

/** What a policy of these kinds does, for the list of what is loaded. Its one rule has no name. */
export function describeRule(
  constraints: MatchResources | undefined,
  carried: readonly Carried<unknown>[],
  action: RuleAction,
  namespace: string,
): RuleDescription {
  const own = (constraints?.resourceRules ?? []).flatMap(({ resources }) => resources);
  const targets = carried.flatMap((each) => each.targets.map(({ resource }) => resource));
  const kinds = [...new Set([...own, ...targets])].join(', ');
  const matches = `${kinds === '' ? 'JSON' : kinds}${namespace === '' ? '' : ` in ${namespace}`}`;
  const notEvaluated = neverAsked(constraints);
  return { name: '', matches, action, ...(notEvaluated !== undefined && { notEvaluated }) };
}

/** A gate sees objects that are created or updated, whole. */
function neverAsked(constraints: MatchResources | undefined): string | undefined {
  const rules = constraints?.resourceRules ?? [];
  if (rules.length === 0) return 'evaluation.mode JSON: for payloads that are no Kubernetes objects';
  const operations = new Set(rules.flatMap((rule) => rule.operations));
  const asked = ['*', 'CREATE'].some((operation) => operations.has(operation as '*'));
  if (!asked) {
    const names = [...operations].join(', ');
    return operations.has('UPDATE') ? `only on ${names}: judged where the live object is known` : `only on ${names}`;
  }
  const whole = rules.some(({ resources }) =>
    resources.some((resource) => !resource.includes('/') || resource.endsWith('/*')),
  );
  return whole ? undefined : 'only on subresources';
}

/** Deny where the policy says so or says nothing; a warning says more than a record. */
export function actionOf(
  actions: readonly ('Deny' | 'Audit' | 'Warn')[] | undefined,
  admission: boolean | undefined,
): RuleAction {
  if (admission === false) return 'audit';
  if (actions === undefined || actions.length === 0 || actions.includes('Deny')) return 'deny';
  return actions.includes('Warn') ? 'warn' : 'audit';
}

/** Title, severity and category, as Kyverno's annotations name them. */
export function annotationsOf(annotations: Readonly<Record<string, string>> | undefined) {
  const of = (key: string) => {
    const full = `policies.kyverno.io/${key}`;
    return annotations !== undefined && Object.hasOwn(annotations, full) ? annotations[full] : undefined;
  };
  return { title: of('title'), severity: of('severity'), category: of('category') };
}
