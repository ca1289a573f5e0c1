/** The `cel` of a rule, which Kyverno gives to the API server's own validator, and CEL conditions of webhooks. */
import { GateError } from '../../../core/errors.ts';
import { type JsonPath, objectFrom } from '../../../core/json.ts';
import { admissionEnvironment } from '../admission/environment.ts';
import { type FindParams, paramFinder } from '../admission/params.ts';
import { bindingsOf } from '../admission/subject.ts';
import { compileValidator, type ValidationOutcome, type Validator } from '../admission/validator.ts';
import { CelError } from '../cel/error.ts';
import { fromJson } from '../cel/json.ts';
import { kubernetes } from '../cel/profiles.ts';
import { type PolicyDocument, policyError } from '../document.ts';
import { compileExpression } from '../expression.ts';
import type { PolicyRequest, UserInfo } from '../kube/request.ts';
import type { ResourceTable } from '../kube/resources.ts';
import type { Lacks } from '../lacks.ts';
import { SelectorError } from '../values/label-selector.ts';
import { errored, failed, passed, type RuleOutcome, skippedBecause, unable } from './outcome.ts';
import type { RequestView } from './request-view.ts';
import type { Cel, Rule } from './schema.ts';

export interface CelContext {
  readonly document: PolicyDocument;
  readonly resources: ResourceTable;
}

/** Kyverno 1.19 speaks the language of the API server that it is built with, whatever cluster it runs in. */
const language = '1.36';

type CelJudge = (view: RequestView) => RuleOutcome;

/** Compiles `validate.cel` with the rule's `celPreconditions`. `path` is where the rule stands. Throws GateErrors. */
export function compileCelRule(rule: Rule, cel: Cel, context: CelContext, path: JsonPath): CelJudge {
  const { document, resources } = context;
  const { expressions = [], paramKind, paramRef } = cel;
  const at = [...path, 'validate', 'cel'];
  if (expressions.length === 0) throw policyError(document, at, 'cel has no expressions');
  if ((rule.context ?? []).length > 0) {
    throw policyError(document, [...path, 'context'], 'expressions of CEL do not see the context of a rule');
  }
  const hasParams = paramKind !== undefined && paramRef !== undefined;
  const message = rule.validate?.message ?? '';
  const validator = validatorAt(
    context,
    {
      matchConditions: [...path, 'celPreconditions'],
      validations: [...at, 'expressions'],
      variables: [...at, 'variables'],
      auditAnnotations: [...at, 'auditAnnotations'],
    },
    {
      matchConditions: rule.celPreconditions ?? [],
      variables: cel.variables ?? [],
      // The message of the rule is that of every expression without one.
      validations: expressions.map((each) => ({
        expression: each.expression,
        message: (each.message ?? '') === '' ? message : each.message,
        messageExpression: each.messageExpression,
      })),
      auditAnnotations: cel.auditAnnotations ?? [],
    },
    hasParams,
  );
  const findParams = paramsAt(cel, document, resources, [...at, 'paramRef', 'selector']);
  return (view) => {
    const found = findParams(view.namespace, view.world.cluster);
    if (found.kind === 'error') return errored(`error in parameterized resource: ${found.message}`, found.lacks);
    for (const params of found.params) {
      const outcomes = validator.validate(bindingsFor(view, params));
      if (outcomes === undefined) return skippedBecause('cel preconditions not met');
      const outcome = firstProblem(outcomes);
      if (outcome !== undefined) return outcome;
    }
    return passed(`Validation rule '${rule.name}' passed.`);
  };
}

/** Whether the CEL conditions of a policy's webhook let a request through, or why that cannot be said. */
export type WebhookConditions = (
  view: RequestView,
) => boolean | { readonly error: string; readonly lacks: Lacks | undefined };

/** Compiles `webhookConfiguration.matchConditions`. Throws GateErrors. */
export function compileWebhookConditions(
  conditions: readonly { readonly name: string; readonly expression: string }[],
  context: CelContext,
  path: JsonPath,
): WebhookConditions {
  const nowhere = { validations: path, variables: path, auditAnnotations: path };
  const parts = { matchConditions: conditions, variables: [], validations: [], auditAnnotations: [] };
  const validator = validatorAt(context, { ...nowhere, matchConditions: path }, parts, false);
  return (view) => {
    const outcomes = validator.validate(bindingsFor(view, null));
    if (outcomes === undefined) return false;
    const [problem] = outcomes;
    return problem === undefined ? true : { error: problem.message, lacks: problem.lacks };
  };
}

type Part = 'matchConditions' | 'variables' | 'validations' | 'auditAnnotations';
type Parts = Omit<Parameters<typeof compileValidator>[0], 'failurePolicy'>;

/** The validator of the parts, each of which stands at a path of its own. */
function validatorAt(
  { document }: CelContext,
  paths: Readonly<Record<Part, JsonPath>>,
  parts: Parts,
  hasParams: boolean,
): Validator {
  return compileValidator(
    { ...parts, failurePolicy: 'Fail' },
    {
      environment: admissionEnvironment(kubernetes(language), hasParams),
      path: [],
      compile([part, ...rest], source, wanted, environment) {
        const path = [...paths[part as Part], ...rest];
        try {
          return compileExpression({ document, environment }, path, source, wanted);
        } catch (error) {
          const cause = error instanceof GateError ? error.cause : undefined;
          if (!(cause instanceof CelError) || !cause.message.includes("'authorizer")) throw error;
          const why = "the expression asks the cluster's authorizer, which only a cluster has";
          throw policyError(document, path, why, 'POLICY_UNSUPPORTED', { cause });
        }
      },
    },
  );
}

function paramsAt(cel: Cel, document: PolicyDocument, resources: ResourceTable, path: JsonPath): FindParams {
  const { paramKind, paramRef } = cel;
  if (paramKind === undefined || paramRef === undefined) return () => ({ kind: 'params', params: [null] });
  const { apiVersion = '', kind = '' } = paramKind;
  try {
    return paramFinder({ apiVersion, kind }, paramRef as Parameters<typeof paramFinder>[1], resources);
  } catch (error) {
    if (error instanceof SelectorError) throw policyError(document, [...path, ...error.path], error.message);
    throw error;
  }
}

const nobody: UserInfo = { username: '', uid: '', groups: [], extra: {}, roles: [], clusterRoles: [] };

function bindingsFor(view: RequestView, params: Parameters<typeof bindingsOf>[0]['params']) {
  const { world, object, oldObject, namespace, kind } = view;
  const isTest = world.supplied !== undefined;
  const request: PolicyRequest =
    isTest && view.request.userInfo === undefined ? { ...view.request, userInfo: nobody } : view.request;
  const bindings = bindingsOf({ request, matched: request, object, oldObject, params, cluster: world.cluster });
  if (!isTest) return bindings;
  // Without a cluster Kyverno makes up the Namespace, and knows nothing of it but its name.
  const made =
    namespace === '' || kind === 'Namespace'
      ? null
      : fromJson(objectFrom([['metadata', objectFrom([['name', namespace]])]]));
  return (name: string) => (name === 'namespaceObject' ? made : bindings(name));
}

/**
 * The first decision that does not admit. An expression that errs denies, so Kyverno calls it a failure; what is not
 * known here, and would be in a cluster, is an error. Annotations that err are of no consequence there.
 */
function firstProblem(outcomes: readonly ValidationOutcome[]): RuleOutcome | undefined {
  const problem = outcomes.find(({ kind, fromAnnotation }) => kind !== 'admitted' && fromAnnotation !== true);
  if (problem === undefined) return undefined;
  const { message, lacks, isOurs } = problem;
  return isOurs === true ? unable(message, lacks) : failed(message);
}
