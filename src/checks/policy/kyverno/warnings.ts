import type { JsonPath } from '../../../core/json.ts';
import { type PolicyDocument, policyError } from '../document.ts';
import type { ResourceTable } from '../kube/resources.ts';
import { conditionOperator } from './conditions/operator.ts';
import { kindFault } from './kind-fault.ts';
import type { AnyAllConditions, Condition, Conditions, Foreach, KyvernoPolicy, MatchResources } from './schema.ts';

/**
 * What is not wrong with a policy, and should be known: kinds that nobody knows, which match nothing if they are mistyped,
 * and operators that Kyverno has deprecated. Throws POLICY_INVALID for a kind that is mistyped for certain; in a test of
 * policies it is a warning too.
 */
export function warningsOf(
  policy: KyvernoPolicy,
  document: PolicyDocument,
  { resources, isTest }: { readonly resources: ResourceTable; readonly isTest?: boolean },
): string[] {
  const warnings: string[] = [];
  const warn = (path: JsonPath, message: string) => warnings.push(`${document.locate(path)}: ${message}`);

  function visitKinds(block: MatchResources | undefined, path: JsonPath): void {
    const { any = [], all = [], resources: direct } = block ?? {};
    const lists = [
      { kinds: direct?.kinds ?? [], at: [...path, 'resources', 'kinds'] },
      ...any.map((each, i) => ({ kinds: each.resources?.kinds ?? [], at: [...path, 'any', i, 'resources', 'kinds'] })),
      ...all.map((each, i) => ({ kinds: each.resources?.kinds ?? [], at: [...path, 'all', i, 'resources', 'kinds'] })),
    ];
    for (const { kinds, at } of lists) {
      for (const [i, text] of kinds.entries()) {
        const fault = kindFault(text, resources);
        if (fault === undefined) continue;
        if (fault.isMistake && isTest !== true) throw policyError(document, [...at, i], fault.message);
        warn([...at, i], fault.message);
      }
    }
  }

  function visitConditions(conditions: Conditions | undefined, path: JsonPath): void {
    if (Array.isArray(conditions)) {
      visitEach(conditions as readonly Condition[], path);
      return;
    }
    const { any = [], all = [] } = (conditions ?? {}) as AnyAllConditions;
    visitEach(any, [...path, 'any']);
    visitEach(all, [...path, 'all']);
  }

  function visitEach(conditions: readonly Condition[], path: JsonPath): void {
    for (const [i, { operator }] of conditions.entries()) {
      const found = conditionOperator(operator);
      if (found?.replacedBy === undefined) continue;
      warn([...path, i, 'operator'], `the operator ${found.name} is deprecated; use ${found.replacedBy.join(' or ')}`);
    }
  }

  function visitLoops(loops: readonly Foreach[] | undefined, path: JsonPath): void {
    for (const [i, { preconditions, deny, foreach }] of (loops ?? []).entries()) {
      visitConditions(preconditions, [...path, i, 'preconditions']);
      visitConditions(deny?.conditions, [...path, i, 'deny', 'conditions']);
      visitLoops(foreach, [...path, i, 'foreach']);
    }
  }

  for (const [index, { match, exclude, preconditions, validate }] of policy.spec.rules.entries()) {
    const path: JsonPath = ['spec', 'rules', index];
    visitKinds(match, [...path, 'match']);
    visitKinds(exclude, [...path, 'exclude']);
    visitConditions(preconditions, [...path, 'preconditions']);
    visitConditions(validate?.deny?.conditions, [...path, 'validate', 'deny', 'conditions']);
    visitLoops(validate?.foreach, [...path, 'validate', 'foreach']);
  }
  return warnings;
}
