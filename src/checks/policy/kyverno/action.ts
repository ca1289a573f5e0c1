import type { JsonPath } from '../../../core/json.ts';
import type { PolicyDocument } from '../document.ts';
import type { RuleAction } from '../rule.ts';
import { matchesWildcard } from '../values/wildcard.ts';
import { selectorAt } from './match.ts';
import type { RequestView } from './request-view.ts';
import type { ActionOverride, Rule, Spec } from './schema.ts';

/** What is done about a failure of a rule. */
export interface Actions {
  /** Where no override holds. */
  readonly usual: RuleAction;
  /** Whether it is Enforce where no override holds: only then does Kyverno look at what an object was before. */
  readonly isEnforced: boolean;
  /** For one object. Throws Unanswerable where an override selects by labels of a Namespace that nobody knows. */
  of(view: RequestView): RuleAction;
}

/**
 * The action of a rule: its own overrides, its own action, the policy's overrides, the policy's action, in this order.
 * A policy that says nothing audits; with `emitWarning` an audit is a warning.
 */
export function compileActions(spec: Spec, rule: Rule, document: PolicyDocument, path: JsonPath): Actions {
  const { validate, verifyImages = [] } = rule;
  const ownOverrides = overridesAt(validate?.failureActionOverrides, document, [
    ...path,
    'validate',
    'failureActionOverrides',
  ]);
  const overrides = overridesAt(spec.validationFailureActionOverrides, document, [
    'spec',
    'validationFailureActionOverrides',
  ]);
  const own = validate === undefined ? imageAction(verifyImages) : validate.failureAction;
  const named = (action: string): RuleAction => {
    // Without admission a policy only reports.
    if (spec.admission === false) return 'audit';
    if (action.toLowerCase() === 'enforce') return 'deny';
    return spec.emitWarning === true ? 'warn' : 'audit';
  };
  const usual = own ?? spec.validationFailureAction ?? 'Audit';
  return {
    usual: named(usual),
    isEnforced: usual.toLowerCase() === 'enforce',
    of(view) {
      return named(ownOverrides(view) ?? own ?? overrides(view) ?? spec.validationFailureAction ?? 'Audit');
    },
  };
}

/** Of several entries of verifyImages, one that enforces is enough. */
function imageAction(entries: readonly { readonly failureAction?: unknown }[]): string | undefined {
  const actions = entries.map(({ failureAction }) => failureAction).filter((action) => typeof action === 'string');
  return actions.find((action) => action.toLowerCase() === 'enforce') ?? actions[0];
}

function overridesAt(
  overrides: readonly ActionOverride[] | undefined,
  document: PolicyDocument,
  path: JsonPath,
): (view: RequestView) => string | undefined {
  if (overrides === undefined || overrides.length === 0) return () => undefined;
  const compiled = overrides.map(({ action, namespaces, namespaceSelector }, index) => {
    const selects =
      namespaceSelector === undefined
        ? undefined
        : selectorAt(namespaceSelector, document, [...path, index, 'namespaceSelector']);
    const holds = (view: RequestView) => {
      const isNamed =
        namespaces === undefined || namespaces.some((namespace) => matchesWildcard(namespace, view.namespace));
      return isNamed && (selects === undefined || selects(view.namespaceLabels()));
    };
    return { action, holds };
  });
  return (view) => compiled.find(({ holds }) => holds(view))?.action;
}
