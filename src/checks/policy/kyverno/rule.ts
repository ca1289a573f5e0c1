import { GateError } from '../../../core/errors.ts';
import type { JsonPath } from '../../../core/json.ts';
import { type PolicyDocument, policyError } from '../document.ts';
import type { ImageTrust } from '../image-answers.ts';
import type { UserInfo } from '../kube/request.ts';
import type { ResourceTable } from '../kube/resources.ts';
import type { RuleResult } from '../rule.ts';
import { LimitError } from '../values/limit.ts';
import { type Actions, compileActions } from './action.ts';
import type { AppliedRule } from './autogen.ts';
import { compileCelRule } from './cel-rule.ts';
import type { Compiling } from './compiling.ts';
import { compileConditions } from './condition-list.ts';
import { compileEntries } from './context-entries.ts';
import type { CompiledException } from './exceptions.ts';
import { Fault } from './fault.ts';
import { compileMatch, type Matcher } from './match.ts';
import { errored, type RuleOutcome, skippedBecause, unable } from './outcome.ts';
import { compilePodSecurityRule } from './pod-security-rule.ts';
import { asCreatedBefore, type RequestView } from './request-view.ts';
import type { KyvernoPolicy, Rule, Validation } from './schema.ts';
import { Scope } from './scope.ts';
import { Unanswerable } from './unanswerable.ts';
import { compileValidation, type Judge, notMet } from './validation.ts';
import { compileVerifyImages } from './verify-images.ts';

/** What every rule of a policy is compiled with. */
export interface RuleContext {
  readonly policy: KyvernoPolicy;
  readonly document: PolicyDocument;
  /** Empty for a ClusterPolicy. */
  readonly namespace: string;
  /** As exceptions name the policy. */
  readonly key: string;
  readonly resources: ResourceTable;
  readonly exceptions: readonly CompiledException[];
  readonly isTest: boolean;
}

export interface CompiledRule {
  readonly rule: Rule;
  /** Its place in `spec.rules`. */
  readonly index: number;
  readonly matcher: Matcher;
  readonly actions: Actions;
  /** Undefined for a rule that gives no verdicts. Its answer is undefined where the rule does not apply. Never throws. */
  readonly judge: ((view: RequestView) => RuleResult | undefined) | undefined;
  /** Whom it trusts to sign images. */
  readonly trusts: readonly ImageTrust[];
  /** Whether the rule matches; true where that cannot be told. */
  touches(view: RequestView): boolean;
}

/** What a rule does with an object that it matches, whose preconditions hold and that no exception takes out. */
type Handler = (scope: Scope, exceptions: readonly CompiledException[]) => RuleOutcome | undefined;

/** Compiles one rule, as it is written or as autogen made it. Throws GateErrors. */
export function compileRule({ rule, index }: AppliedRule, context: RuleContext): CompiledRule {
  const { document, policy } = context;
  const path: JsonPath = ['spec', 'rules', index];
  refuseMixed(rule, document, path);
  const matcher = compileMatch(rule.match, rule.exclude, document, path);
  const actions = compileActions(policy.spec, rule, document, path);
  const images =
    rule.verifyImages === undefined
      ? undefined
      : compileVerifyImages(rule, { kind: policy.kind, name: policy.metadata.name }, document, path);
  const judges = rule.validate !== undefined || images !== undefined;
  return {
    rule,
    index,
    matcher,
    actions,
    trusts: images?.trusts ?? [],
    judge: judges ? compileJudge(rule, images?.judge, matcher, actions, context, path) : undefined,
    touches(view) {
      try {
        return matcher.matches(view);
      } catch (error) {
        if (error instanceof Unanswerable || error instanceof LimitError) return true;
        throw error;
      }
    },
  };
}

/**
 * A rule that autogen made. What it was made of is sound, and may still not be when it is carried over: a reference then
 * leads nowhere. It errs about every object that it matches.
 */
export function compileGenerated(applied: AppliedRule, context: RuleContext): CompiledRule {
  try {
    return compileRule(applied, context);
  } catch (error) {
    if (!(error instanceof GateError)) throw error;
    const { rule } = applied;
    const { validate: _, verifyImages: __, ...matched } = rule;
    const compiled = compileRule({ ...applied, rule: { ...matched, mutate: {} } }, context);
    const { matcher, actions } = compiled;
    const judge = (view: RequestView): RuleResult | undefined => {
      const result = { rule: rule.name, status: 'error', message: error.message, action: actions.usual } as const;
      return compiled.touches(view) ? result : undefined;
    };
    return { ...compiled, rule, index: applied.index, matcher, actions, judge };
  }
}

function refuseMixed(rule: Rule, document: PolicyDocument, path: JsonPath): void {
  const { mutate, validate, generate, verifyImages } = rule;
  const said = [mutate, validate, generate, verifyImages].filter((each) => each !== undefined);
  if (said.length !== 1) {
    throw policyError(document, path, 'a rule has exactly one of validate, mutate, generate and verifyImages');
  }
  if (rule.imageExtractors !== undefined && verifyImages === undefined) {
    throw policyError(document, [...path, 'imageExtractors'], 'imageExtractors belong to verifyImages');
  }
}

function compileJudge(
  rule: Rule,
  judgeImages: ((view: RequestView) => RuleOutcome | undefined) | undefined,
  matcher: Matcher,
  actions: Actions,
  context: RuleContext,
  path: JsonPath,
): (view: RequestView) => RuleResult | undefined {
  const { policy } = context;
  const compiling: Compiling = {
    document: context.document,
    namespace: context.namespace,
    isTest: context.isTest,
    isForeach: false,
    resources: context.resources,
    variables: [],
  };
  const { loaders, inside } = compileEntries(compiling, rule.context ?? [], [...path, 'context']);
  const preconditions = compileConditions(inside, rule.preconditions, [...path, 'preconditions'], true);
  const { validate } = rule;
  const handler =
    validate === undefined
      ? exceptedOr((scope) => judgeImages?.(scope.view))
      : compileHandler(rule, validate, inside, context, path);
  const exceptions = context.exceptions.filter((each) => each.names(context.key, rule.name));
  const { webhookConfiguration, failurePolicy: oldPolicy } = policy.spec;
  const ignores = (webhookConfiguration?.failurePolicy ?? oldPolicy) === 'Ignore' || policy.spec.admission === false;

  function evaluate(view: RequestView): RuleOutcome | undefined {
    const scope = Scope.ofRule(view, rule.name, loaders);
    try {
      const { holds, message } = preconditions(scope);
      if (!holds) return skippedBecause(notMet(message));
    } catch (error) {
      if (error instanceof Fault) return errored(`failed to evaluate preconditions: ${error.message}`);
      throw error;
    }
    return handler(scope, exceptions.length === 0 ? exceptions : exceptions.filter((each) => each.covers(view, scope)));
  }

  function outcomeOf(view: RequestView): RuleOutcome | undefined {
    const outcome = evaluate(view);
    if (validate === undefined || outcome?.status !== 'fail' || !actions.isEnforced) return outcome;
    if (validate.allowExistingViolations === false) return outcome;
    // The validator of the API server looks at no object before.
    if (validate.cel !== undefined && validate.podSecurity === undefined) return outcome;
    const before = violationBefore(view, matcher, evaluate);
    return before ? skippedBecause('skipping the rule evaluation as pre-existing violations are allowed') : outcome;
  }

  return (view) => {
    let outcome: RuleOutcome | undefined;
    let action = actions.usual;
    try {
      if (!matcher.matches(view)) return undefined;
      outcome = outcomeOf(view);
      if (outcome === undefined) return undefined;
      action = actions.of(view);
    } catch (error) {
      outcome =
        error instanceof Fault
          ? errored(error.message)
          : unable(reasonOf(error), error instanceof Unanswerable ? error.lacks : undefined);
    }
    const { status, message, path: at, exceptedBy, lacks, isOurs } = outcome;
    return {
      rule: rule.name,
      status,
      message,
      action,
      ...(ignores && isOurs !== true && lacks === undefined && { ignoreErrors: true }),
      ...(at !== undefined && { path: at }),
      ...(exceptedBy !== undefined && { exceptedBy }),
      ...(lacks !== undefined && { lacks }),
    };
  };
}

/** What cannot be evaluated is never a pass, whatever the reason. */
function reasonOf(error: unknown): string {
  if (error instanceof Unanswerable || error instanceof LimitError) return error.message;
  if (error instanceof RangeError) return 'the rule cannot be evaluated: a value is nested too deep, or too large';
  return `the rule cannot be evaluated: ${error instanceof Error ? error.message : String(error)}`;
}

function compileHandler(
  rule: Rule,
  validate: Validation,
  compiling: Compiling,
  context: RuleContext,
  path: JsonPath,
): Handler {
  const { document } = context;
  const at = [...path, 'validate'];
  if (validate.assert !== undefined) {
    throw policyError(document, [...at, 'assert'], 'assert has no effect since Kyverno 1.19', 'POLICY_UNSUPPORTED');
  }
  if (validate.manifests !== undefined) {
    const message = 'manifests checks the signatures of manifests, which is not evaluated here';
    throw policyError(document, [...at, 'manifests'], message, 'POLICY_UNSUPPORTED');
  }
  if (validate.podSecurity !== undefined && Object.keys(validate.podSecurity).length > 0) {
    const judge = compilePodSecurityRule(rule.name, validate.podSecurity, document, [...at, 'podSecurity']);
    return (scope, exceptions) => judge(scope.view, exceptions);
  }
  const judge =
    validate.cel === undefined
      ? compileValidation(compiling, rule.name, validate, at)
      : celJudge(compileCelRule(rule, validate.cel, context, path));
  return exceptedOr((scope) => judge(scope, undefined));
}

/** What a judge says, unless an exception takes the object out. */
function exceptedOr(judge: (scope: Scope) => RuleOutcome | undefined): Handler {
  return (scope, exceptions) => {
    if (exceptions.length === 0) return judge(scope);
    const keys = exceptions.map(({ key }) => key);
    // Kyverno puts nothing between the two.
    return {
      ...skippedBecause(`rule is skipped due to policy exceptions${keys.join(', ')}`),
      exceptedBy: keys,
    };
  };
}

/** The expressions of CEL have a world of their own: neither context nor elements. */
function celJudge(judge: (view: RequestView) => RuleOutcome): Judge {
  return (scope) => judge(scope.view);
}

const stranger: UserInfo = {
  username: 'kyverno:kyverno-invalid-controller',
  uid: 'kyverno:invaliduid',
  groups: ['kyverno:invalidgroup'],
  extra: {},
  roles: ['kyverno:invalidrole'],
  clusterRoles: ['kyverno:invalidrole'],
};

/**
 * Whether the object failed the rule before it was changed: Kyverno lets such an object be as it was. Who changed it then
 * is not known, so rules that ask for a user do not match.
 */
function violationBefore(
  view: RequestView,
  matcher: Matcher,
  evaluate: (view: RequestView) => RuleOutcome | undefined,
): boolean {
  if (view.object === null || view.request.operation !== 'UPDATE') return false;
  const asStranger = asCreatedBefore(view, stranger);
  const before = asCreatedBefore(view, view.request.userInfo);
  if (asStranger === undefined || before === undefined || !matcher.matches(asStranger)) return false;
  return evaluate(before)?.status === 'fail';
}
