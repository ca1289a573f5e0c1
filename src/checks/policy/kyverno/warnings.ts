import type { JsonPath } from '../../../core/json.ts';
import { nearest } from '../../../core/settings-file.ts';
import type { PolicyDocument } from '../document.ts';
import type { ResourceTable } from '../kube/resources.ts';
import { hasWildcard } from '../values/wildcard.ts';
import { conditionOperator } from './conditions/operator.ts';
import { parseKindSelector } from './kind-selector.ts';
import type { AnyAllConditions, Condition, Conditions, Foreach, KyvernoPolicy, MatchResources } from './schema.ts';

/** What is sent to a subresource, and is no object of its own in any table. */
const sent: ReadonlySet<string> = new Set([
  'Eviction',
  'NodeProxyOptions',
  'PodAttachOptions',
  'PodExecOptions',
  'PodPortForwardOptions',
  'PodProxyOptions',
  'Scale',
  'ServiceProxyOptions',
]);

/**
 * What is not wrong with a policy, and should be known: kinds that nobody knows, which match nothing if they are mistyped,
 * and operators that Kyverno has deprecated.
 */
export function warningsOf(policy: KyvernoPolicy, document: PolicyDocument, resources: ResourceTable): string[] {
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
        const unknown = unknownKind(text, resources);
        if (unknown !== undefined) warn([...at, i], unknown);
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

/** A kind that names its group may be of a custom resource whose definition is not in the snapshot. */
function unknownKind(text: string, { kindNames }: ResourceTable): string | undefined {
  const selector = parseKindSelector(text);
  if (selector === undefined || selector.group !== '*' || hasWildcard(selector.kind)) return undefined;
  if (kindNames.has(selector.kind) || sent.has(selector.kind)) return undefined;
  const near = nearest(selector.kind, [...kindNames]);
  return `no known kind is called ${selector.kind}${near === undefined ? '' : `; did you mean ${near}?`}`;
}
