import { CostBudget } from '../../cel/cost.ts';
import type { CelProfile } from '../../cel/environment.ts';
import type { Bindings } from '../../cel/frame.ts';
import { type PolicyDocument, policyError, validateDocument } from '../../document.ts';
import type { MatchConstraints } from '../../kube/match-constraints.ts';
import type { PolicyRequest } from '../../kube/request.ts';
import type { ResourceTable } from '../../kube/resources.ts';
import { expressionWarnings } from '../../operation.ts';
import type { CompiledPolicy, PolicyWorld, RuleResult } from '../../rule.ts';
import { type Carried, carryOver, readController } from './autogen.ts';
import { subjectBindings } from './bindings.ts';
import { actionOf, annotationsOf, describeRule } from './description.ts';
import { type Language, validatingVocabulary } from './environment.ts';
import {
  type Evaluator,
  evaluate,
  grantOf,
  grantValue,
  holdsAll,
  VariableMap,
  type Verdict,
  validate,
} from './evaluation.ts';
import type { CelException } from './exception.ts';
import { judgeTemplates } from './extraction.ts';
import { compileKyvernoConstraints, requestSeen } from './matching.ts';
import { resultOf, unmatchable } from './result.ts';
import { type ImageValidatingPolicySpec, ValidatingPolicySchema, type ValidatingPolicySpec } from './schema.ts';
import { compileExceptions, compileSpec } from './spec.ts';
import { indexByKind } from './variants.ts';

/** What policies of these kinds are compiled with. */
export interface CelPolicyContext {
  readonly resources: ResourceTable;
  /** The language of Kyverno's policies; of those that belong to a namespace where one is given. */
  readonly language: (namespace: string | undefined) => CelProfile;
  /** Exceptions of the platform; those that name the policy hold. */
  readonly exceptions: readonly CelException[];
  /** In a test of policies values may stand in for what a cluster, a registry or a server would say. */
  readonly isTest: boolean;
}

/** The language that a policy is written in. */
export function languageOf({ language, isTest }: CelPolicyContext, namespace: string): Language {
  return { profile: language(namespace === '' ? undefined : namespace), isTest };
}

/** For all expressions of a policy over one object: ten times what one of them has. Kyverno itself bounds each alone. */
export const BUDGET = 10_000_000;

type JudgingSpec = ValidatingPolicySpec | ImageValidatingPolicySpec;

/** A policy that is compiled. */
export interface About {
  readonly document: PolicyDocument;
  readonly kind: string;
  readonly name: string;
  readonly language: Language;
}

/** A policy, or what was made of it for the workloads of one shape. */
interface Variant {
  readonly shape: 'own' | Carried<unknown>['shape'];
  readonly constraints: MatchConstraints | undefined;
  /** Compiled when an object first needs it: most sets have few of the kinds that a policy is carried over to. */
  readonly judge: (request: PolicyRequest, world: PolicyWorld) => Verdict;
}

/**
 * A ValidatingPolicy or NamespacedValidatingPolicy, with what autogen makes of it. Throws POLICY_INVALID with file, line and
 * feature for anything that is not of the kind, and for any expression that cannot be compiled.
 */
export function compileValidatingPolicy(document: PolicyDocument, context: CelPolicyContext): CompiledPolicy {
  const { apiVersion, kind, metadata, spec } = validateDocument(ValidatingPolicySchema, document);
  const namespace = kind === 'ValidatingPolicy' ? '' : (metadata.namespace ?? 'default');
  const mode = spec.evaluation?.mode === 'JSON' ? 'JSON' : 'Kubernetes';
  refuseEmpty(document, spec, mode);
  const warnings = warningsOf(document, spec, apiVersion);
  const carried = mode === 'JSON' ? [] : carryOver(spec);
  const about = { document, kind, name: metadata.name, language: languageOf(context, namespace) };
  const own = variantOf(about, 'own', spec, context);
  // The others are compiled later, of the same text but for its paths.
  const variants = [own, ...carried.map(({ shape, spec: made }) => variantOf(about, shape, made, context))];
  const concerned = indexByKind(variants);
  const action = actionOf(spec.validationActions, spec.evaluation?.admission?.enabled);
  return {
    identity: { apiVersion, kind, namespace, name: metadata.name },
    source: document.locate(['metadata', 'name']),
    ...annotationsOf(metadata.annotations),
    rules: [describeRule(mode === 'JSON' ? undefined : spec.matchConstraints, carried, action, namespace)],
    warnings,
    concerns: (asked, resource, subresource) => concerned.ofKind(asked, resource, subresource).length > 0,
    judge(request, world) {
      if (namespace !== '' && request.namespace !== namespace) return [];
      // In a cluster nothing asks such a policy about an object; a test of policies does.
      if (mode === 'JSON' && world.supplied === undefined) return [];
      return concerned.of(request).flatMap(({ constraints, judge }): RuleResult[] => {
        const answer = constraints?.match(request, world.cluster) ?? { kind: 'match', as: request };
        if (answer.kind === 'no') return [];
        if (answer.kind === 'error') return [unmatchable(answer, action)];
        const seen = requestSeen(request, answer.as, context.resources, world);
        if (typeof seen === 'string') return [unmatchable({ message: seen }, action)];
        return [resultOf(judge(seen, world), action)];
      });
    },
  };
}

function variantOf(
  { document, kind, name, language }: About,
  shape: Variant['shape'],
  spec: ValidatingPolicySpec,
  { resources, exceptions }: CelPolicyContext,
): Variant {
  const mode = spec.evaluation?.mode === 'JSON' ? 'JSON' : 'Kubernetes';
  const vocabulary = validatingVocabulary(language);
  const policy = { kind, name };
  const compile = () => ({
    spec: compileSpec(document, mode === 'JSON' ? { ...spec, auditAnnotations: undefined } : spec, vocabulary),
    exceptions: compileExceptions(exceptions, policy, vocabulary),
  });
  let compiled = shape === 'own' ? compile() : undefined;
  const ignoreErrors = spec.failurePolicy === 'Ignore';

  function judgeOne(request: PolicyRequest, world: PolicyWorld, synthetic: boolean): Verdict {
    compiled ??= compile();
    const program = compiled;
    const evaluator: Evaluator = { budget: new CostBudget(BUDGET), host: world };
    const subject = subjectBindings({ request, world, resources, mode, synthetic });
    const grant = grantOf(evaluator, program.exceptions, subject, ignoreErrors, world.now);
    if (grant.kind === 'error') return { ...grant, message: `failed to load context: ${grant.message}` };
    if (grant.kind === 'all') return { kind: 'excepted', by: grant.by };
    const granted = grantValue(grant.images, grant.values);
    const beforeVariables: Bindings = (name) => (name === 'exceptions' ? granted : subject(name));
    const holds = holdsAll(evaluator, program.spec.matchConditions, beforeVariables, ignoreErrors);
    if (typeof holds === 'object') {
      return { kind: 'error', message: `failed to load context: ${holds.error}`, lacks: holds.lacks };
    }
    if (!holds) return { kind: 'unmatched' };
    const variables = new VariableMap(program.spec.variables, (each) => evaluate(evaluator, each, bindings));
    const bindings: Bindings = (name) => (name === 'variables' ? variables : beforeVariables(name));
    return validate(evaluator, program.spec, bindings);
  }

  return {
    shape,
    constraints:
      mode === 'JSON' || spec.matchConstraints === undefined
        ? undefined
        : compileKyvernoConstraints(spec.matchConstraints, resources),
    judge: (request, world) =>
      shape === 'extract'
        ? judgeTemplates(request, (pod) => judgeOne(pod, world, true))
        : judgeOne(request, world, false),
  };
}

/** Throws for a policy that would never judge, or not what it says. */
export function refuseEmpty(document: PolicyDocument, spec: JudgingSpec, mode: 'Kubernetes' | 'JSON'): void {
  if (mode === 'Kubernetes' && (spec.matchConstraints?.resourceRules ?? []).length === 0) {
    const why = 'spec.matchConstraints has no resourceRules, so the policy is for nothing';
    throw policyError(document, ['spec', 'matchConstraints'], why);
  }
  if ((spec.validations ?? []).length === 0 && (spec.auditAnnotations ?? []).length === 0) {
    throw policyError(document, ['spec'], 'spec has neither validations nor auditAnnotations, so nothing is judged');
  }
  for (const [i, name] of (spec.autogen?.podControllers?.controllers ?? []).entries()) {
    if (readController(name) !== 'unknown') continue;
    const path = ['spec', 'autogen', 'podControllers', 'controllers', i];
    const why = `${JSON.stringify(name)} is no kind that makes Pods, and only a cluster could tell what it is`;
    throw policyError(document, path, why, 'POLICY_UNSUPPORTED', {
      mend: 'Write <resource>.<version>.<group>, such as jobsets.v1alpha2.jobset.x-k8s.io.',
    });
  }
}

/** What is not wrong, and should be known. */
export function warningsOf(document: PolicyDocument, spec: JudgingSpec, apiVersion: string): string[] {
  const warnings = expressionWarnings(document, spec);
  if (apiVersion.endsWith('/v1alpha1'))
    warnings.push(`${document.locate(['apiVersion'])}: ${apiVersion} is deprecated`);
  if (spec.evaluation?.admission?.enabled === false) {
    warnings.push(
      `${document.locate(['spec', 'evaluation', 'admission'])}: the policy is not applied at admission, so it only reports`,
    );
  }
  for (const [i, name] of (spec.autogen?.podControllers?.controllers ?? []).entries()) {
    if (readController(name) !== 'no effect') continue;
    const path = ['spec', 'autogen', 'podControllers', 'controllers', i];
    warnings.push(
      `${document.locate(path)}: ${JSON.stringify(name)} has no effect; resources are written as deployments`,
    );
  }
  return warnings;
}
