import { GateError } from '../../../core/errors.ts';
import type { JsonPath } from '../../../core/json.ts';
import type { CelEnvironment, CelProfile } from '../cel/environment.ts';
import { CelError } from '../cel/error.ts';
import { type PolicyDocument, policyError, validateDocument } from '../document.ts';
import { compileExpression } from '../expression.ts';
import { convertObject } from '../kube/conversion.ts';
import { compileMatchConstraints, type MatchConstraints } from '../kube/match-constraints.ts';
import type { MatchResources } from '../kube/match-resources.ts';
import type { PolicyRequest } from '../kube/request.ts';
import { apiVersionOf, type ResourceTable } from '../kube/resources.ts';
import { expressionWarnings } from '../operation.ts';
import type { CompiledPolicy, PolicyWorld, RuleAction, RuleResult } from '../rule.ts';
import { SelectorError } from '../values/label-selector.ts';
import { describeAdmission } from './description.ts';
import { admissionEnvironment } from './environment.ts';
import { type FindParams, paramFinder } from './params.ts';
import { AdmissionBinding, AdmissionPolicy, type MatchCondition } from './schema.ts';
import { bindingsOf, type Subject } from './subject.ts';
import { compileValidator, type ValidationOutcome, type Validator, type Wanted } from './validator.ts';

export interface AdmissionContext {
  readonly resources: ResourceTable;
  /** The language of the API server, at the version that the gate is set to. */
  readonly profile: CelProfile;
  /** Every ValidatingAdmissionPolicyBinding of the platform; those that name the policy bind it. */
  readonly bindings: readonly PolicyDocument[];
}

interface Bound {
  readonly name: string;
  readonly spec: AdmissionBinding['spec'];
  readonly constraints: MatchConstraints | undefined;
  readonly action: RuleAction;
  readonly findParams: FindParams;
}

/**
 * A ValidatingAdmissionPolicy with its bindings. Throws POLICY_INVALID with file, line and feature for whatever the API
 * server would not take, and POLICY_UNSUPPORTED for what only a cluster can answer.
 */
export function compileAdmissionPolicy(document: PolicyDocument, context: AdmissionContext): CompiledPolicy {
  const policy = validateDocument(AdmissionPolicy, document);
  const { resources, profile } = context;
  const { spec, metadata } = policy;
  const constraints = constraintsOf(document, ['spec', 'matchConstraints'], spec.matchConstraints, resources);
  const bindings = context.bindings
    .map((each) => ({ document: each, binding: validateDocument(AdmissionBinding, each) }))
    .filter(({ binding }) => binding.spec.policyName === metadata.name)
    .sort((a, b) => (a.binding.metadata.name < b.binding.metadata.name ? -1 : 1))
    .map((each) => bound(each.document, each.binding, policy, resources));
  const validator = compileValidator(
    {
      failurePolicy: spec.failurePolicy ?? 'Fail',
      matchConditions: spec.matchConditions ?? [],
      variables: spec.variables ?? [],
      validations: spec.validations ?? [],
      auditAnnotations: spec.auditAnnotations ?? [],
    },
    {
      environment: admissionEnvironment(profile, spec.paramKind !== undefined),
      path: ['spec'],
      compile: (path, source, wanted, environment) => compileOne(document, path, source, wanted, environment),
    },
  );
  const ignoreErrors = spec.failurePolicy === 'Ignore';
  const described = describeAdmission(policy, bindings);

  return {
    identity: { apiVersion: policy.apiVersion, kind: policy.kind, namespace: '', name: metadata.name },
    source: document.locate(['metadata', 'name']),
    ...described,
    warnings: [
      ...described.warnings,
      ...expressionWarnings(document, spec),
      ...namespaceWarnings(document, spec.matchConditions ?? []),
    ],
    concerns: (kind, resource, subresource) =>
      bindings.length > 0 &&
      !isExempt(resource) &&
      constraints.concerns(kind, resource, subresource) &&
      bindings.some((each) => each.constraints?.concerns(kind, resource, subresource) ?? true),
    judge(request, world) {
      // Without a binding a policy has no effect, not even an error.
      if (bindings.length === 0 || isExempt(request.resource)) return [];
      const answer = constraints.match(request, world.cluster);
      if (answer.kind === 'no') return [];
      if (answer.kind === 'error') return [misconfigured('', 'policy', answer, ignoreErrors)];
      return bindings.flatMap((each) =>
        judgeBinding(each, validator, answer.as, request, world, resources, ignoreErrors),
      );
    },
  };
}

/** The API server gives match conditions no namespace, so those that read one err in every cluster. */
function namespaceWarnings(document: PolicyDocument, conditions: readonly MatchCondition[]): string[] {
  return conditions.flatMap(({ expression }, i) => {
    const place = document.locate(['spec', 'matchConditions', i, 'expression']);
    if (!/\bnamespaceObject\b/.test(expression)) return [];
    return [`${place}: namespaceObject is null in the match conditions of an API server, whatever the Namespace`];
  });
}

/** Throws POLICY_INVALID where a binding is not what the API server takes, or binds a policy that is not there. */
export function checkBinding(document: PolicyDocument, policies: ReadonlySet<string>): void {
  const { spec } = validateDocument(AdmissionBinding, document);
  if (policies.has(spec.policyName)) return;
  const why = `it binds the ValidatingAdmissionPolicy ${JSON.stringify(spec.policyName)}, which is not among the policies`;
  throw policyError(document, ['spec', 'policyName'], why);
}

function bound(
  document: PolicyDocument,
  { metadata, spec }: AdmissionBinding,
  policy: AdmissionPolicy,
  resources: ResourceTable,
): Bound {
  const { matchResources, validationActions, paramRef } = spec;
  const action: RuleAction = validationActions.includes('Deny')
    ? 'deny'
    : validationActions.includes('Warn')
      ? 'warn'
      : 'audit';
  return {
    name: metadata.name,
    spec,
    action,
    constraints:
      matchResources === undefined
        ? undefined
        : constraintsOf(document, ['spec', 'matchResources'], matchResources, resources),
    findParams: selectorsOf(document, ['spec', 'paramRef', 'selector'], () =>
      paramFinder(policy.spec.paramKind, paramRef, resources),
    ),
  };
}

function judgeBinding(
  { name, constraints, action, findParams }: Bound,
  validator: Validator,
  as: Subject['matched'],
  request: PolicyRequest,
  world: PolicyWorld,
  resources: ResourceTable,
  ignoreErrors: boolean,
): RuleResult[] {
  const answer = constraints?.match(request, world.cluster);
  if (answer?.kind === 'no') return [];
  if (answer?.kind === 'error') return [misconfigured(name, 'binding', answer, ignoreErrors)];
  const found = findParams(request.namespace, world.cluster);
  if (found.kind === 'error') return [misconfigured(name, 'binding', found, ignoreErrors)];
  if (found.params.length === 0) return [];
  const seen = inVersion(request, as, resources);
  if (typeof seen === 'string') {
    const message = `failed to convert object version: ${seen}`;
    // The API server can.
    return [misconfigured(name, 'binding', { message }, false)];
  }
  return found.params.flatMap((params): RuleResult[] => {
    const subject: Subject = { request, matched: as, ...seen, params, cluster: world.cluster };
    const outcomes = validator.validate(bindingsOf(subject));
    if (outcomes === undefined) return [{ rule: name, status: 'skip', message: unmet, action }];
    const results = outcomes.flatMap((outcome) => resultOf(outcome, name, action, ignoreErrors));
    return results.length > 0 ? results : [{ rule: name, status: 'pass', message: '', action }];
  });
}

/** As Kyverno reports it; the API server says nothing. */
const unmet = "match conditions aren't met";

function resultOf(outcome: ValidationOutcome, rule: string, action: RuleAction, ignoreErrors: boolean): RuleResult[] {
  const { kind, message, lacks, isOurs } = outcome;
  if (kind === 'admitted') return [];
  if (kind === 'denied') return [{ rule, status: 'fail', message, action }];
  // What a binding only warns of or writes down does not deny when it errs; an audit annotation that errs always does.
  // One that the server may not have met is no answer at all.
  const tolerated = isOurs !== true && (ignoreErrors || (action !== 'deny' && outcome.fromAnnotation !== true));
  return [
    {
      rule,
      status: 'error',
      message,
      action,
      ...(tolerated && { ignoreErrors: true }),
      ...(lacks !== undefined && { lacks }),
    },
  ];
}

function misconfigured(
  rule: string,
  what: string,
  { message, lacks }: Pick<RuleResult, 'message' | 'lacks'>,
  ignoreErrors: boolean,
): RuleResult {
  return {
    rule,
    status: 'error',
    message: `failed to configure ${what}: ${message}`,
    action: 'deny',
    ...(ignoreErrors && lacks === undefined && { ignoreErrors: true }),
    ...(lacks !== undefined && { lacks }),
  };
}

/** The objects as the policy wants to see them, or why they cannot be shown so. */
function inVersion(
  request: PolicyRequest,
  as: Subject['matched'],
  resources: ResourceTable,
): Pick<Subject, 'object' | 'oldObject'> | string {
  const { object, oldObject, kind } = request;
  if (as.kind.version === kind.version && as.kind.group === kind.group) return { object, oldObject };
  const convert = (each: PolicyRequest['object']) => (each === null ? null : convertObject(each, as.kind, resources));
  const [converted, old] = [convert(object), convert(oldObject)];
  if (converted === undefined || old === undefined) {
    return `${kind.kind} of ${apiVersionOf(kind)} cannot be converted to ${apiVersionOf(as.kind)} here`;
  }
  return { object: converted, oldObject: old };
}

/** Reviews are questions and not objects; and no policy of an API server judges policies. */
function isExempt({ group, resource }: PolicyRequest['resource']): boolean {
  if (group === 'admissionregistration.k8s.io')
    return /^(validating|mutating)admissionpolic(ies|ybindings)$/.test(resource);
  return (group === 'authorization.k8s.io' || group === 'authentication.k8s.io') && resource.endsWith('reviews');
}

function constraintsOf(
  document: PolicyDocument,
  path: JsonPath,
  value: MatchResources,
  resources: ResourceTable,
): MatchConstraints {
  return selectorsOf(document, path, () => compileMatchConstraints(value, resources));
}

function selectorsOf<Made>(document: PolicyDocument, path: JsonPath, make: () => Made): Made {
  try {
    return make();
  } catch (error) {
    if (error instanceof SelectorError) throw policyError(document, [...path, ...error.path], error.message);
    throw error;
  }
}

function compileOne(
  document: PolicyDocument,
  path: JsonPath,
  source: string,
  wanted: Wanted,
  environment: CelEnvironment,
): ReturnType<typeof compileExpression> {
  try {
    return compileExpression({ document, environment }, path, source, wanted);
  } catch (error) {
    const cause = error instanceof GateError ? error.cause : undefined;
    if (!(cause instanceof CelError) || !cause.message.includes("'authorizer")) throw error;
    const why = "it asks the cluster's authorizer, which only a cluster has";
    throw policyError(document, path, why, 'POLICY_UNSUPPORTED', { cause });
  }
}
