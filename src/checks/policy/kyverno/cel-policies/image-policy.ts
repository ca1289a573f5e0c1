import { canonicalJson, type JsonObject } from '../../../../core/json.ts';
import { CostBudget } from '../../cel/cost.ts';
import { evaluationError, ourError } from '../../cel/error.ts';
import type { Bindings } from '../../cel/frame.ts';
import { fromJson } from '../../cel/json.ts';
import { type PolicyDocument, validateDocument } from '../../document.ts';
import type { PolicyRequest } from '../../kube/request.ts';
import type { ResourceTable } from '../../kube/resources.ts';
import type { Lacks } from '../../lacks.ts';
import type { CompiledPolicy, PolicyWorld, RuleResult } from '../../rule.ts';
import { carryOver } from './autogen.ts';
import { subjectBindings } from './bindings.ts';
import { actionOf, annotationsOf, describeRule } from './description.ts';
import { attempt, evaluate, grantOf, holdsAll, VariableMap, type Verdict, validate } from './evaluation.ts';
import { judgeTemplates } from './extraction.ts';
import { imagesIn } from './image-extractors.ts';
import type { AttestorValue, ImageHost } from './image-functions.ts';
import { type CompiledImages, compileImages, type ImageProgram } from './image-spec.ts';
import { compileKyvernoConstraints, requestSeen } from './matching.ts';
import { resultOf, unmatchable } from './result.ts';
import { ImageValidatingPolicySchema, type ImageValidatingPolicySpec } from './schema.ts';
import { BUDGET, type CelPolicyContext, languageOf, refuseEmpty, warningsOf } from './validating-policy.ts';
import { indexByKind } from './variants.ts';

/**
 * An ImageValidatingPolicy or NamespacedImageValidatingPolicy whose attestors stand in it. It asks the image check of the
 * gate (`PolicyWorld.images`), and is an error until that has answered. Throws POLICY_INVALID and POLICY_UNSUPPORTED; what
 * is wrong with an attestor is found when its `trusts` are prepared.
 */
export function compileImagePolicy(document: PolicyDocument, context: CelPolicyContext): CompiledPolicy {
  const { apiVersion, kind, metadata, spec } = validateDocument(ImageValidatingPolicySchema, document);
  const namespace = kind === 'ImageValidatingPolicy' ? '' : (metadata.namespace ?? 'default');
  const mode = spec.evaluation?.mode === 'JSON' ? 'JSON' : 'Kubernetes';
  refuseEmpty(document, spec, mode);
  const carried = mode === 'JSON' ? [] : carryOver(spec);
  const images = compileImages(
    { document, kind, name: metadata.name, language: languageOf(context, namespace) },
    spec,
    context,
  );
  const action = actionOf(spec.validationActions, spec.evaluation?.admission?.enabled);
  const variants = [{ shape: 'own' as const, spec }, ...carried].map(({ shape, spec: written }) => ({
    shape,
    program: shape === 'own' || shape === 'extract' ? images.own : images.rewritten(written),
    constraints:
      mode === 'JSON' || written.matchConstraints === undefined
        ? undefined
        : compileKyvernoConstraints(written.matchConstraints, context.resources),
  }));
  const concerned = indexByKind(variants);
  return {
    identity: { apiVersion, kind, namespace, name: metadata.name },
    source: document.locate(['metadata', 'name']),
    ...annotationsOf(metadata.annotations),
    rules: [describeRule(mode === 'JSON' ? undefined : spec.matchConstraints, carried, action, namespace)],
    trusts: images.trusts,
    warnings: [...warningsOf(document, spec, apiVersion), ...credentialWarning(document, spec)],
    concerns: (asked, resource, subresource) => concerned.ofKind(asked, resource, subresource).length > 0,
    judge(request, world) {
      if (namespace !== '' && request.namespace !== namespace) return [];
      if (mode === 'JSON' && world.supplied === undefined) return [];
      return concerned.of(request).flatMap(({ shape, program, constraints }): RuleResult[] => {
        const answer = constraints?.match(request, world.cluster) ?? { kind: 'match', as: request };
        if (answer.kind === 'no') return [];
        if (answer.kind === 'error') return [unmatchable(answer, action)];
        const seen = requestSeen(request, answer.as, context.resources, world);
        if (typeof seen === 'string') return [unmatchable({ message: seen }, action)];
        const judgement = new Judgement(images, spec, mode, context.resources, seen, world);
        const verdict =
          shape === 'extract'
            ? judgeTemplates(seen, (pod) => judgement.judge(program(), pod, true))
            : judgement.judge(program(), seen, false);
        // A policy of this kind says nothing of what its conditions take out.
        return verdict.kind === 'unmatched' ? [] : [resultOf(judgement.settle(verdict), action)];
      });
    },
  };
}

const AWAITED: Verdict = { kind: 'error', message: 'the answer of the image check is awaited' };

/** One object by one policy: what it asked, and which images it is about. */
class Judgement {
  readonly #images: CompiledImages;
  readonly #spec: ImageValidatingPolicySpec;
  readonly #mode: 'Kubernetes' | 'JSON';
  readonly #resources: ResourceTable;
  readonly #about: JsonObject;
  readonly #world: PolicyWorld;
  readonly #matched: string[] = [];
  /** By image and attestation. */
  readonly #statements = new Map<string, JsonObject[]>();
  #awaits = false;

  constructor(
    images: CompiledImages,
    spec: ImageValidatingPolicySpec,
    mode: 'Kubernetes' | 'JSON',
    resources: ResourceTable,
    request: PolicyRequest,
    world: PolicyWorld,
  ) {
    this.#images = images;
    this.#spec = spec;
    this.#mode = mode;
    this.#resources = resources;
    this.#about = request.object ?? request.oldObject ?? {};
    this.#world = world;
  }

  judge(program: ImageProgram, request: PolicyRequest, synthetic: boolean): Verdict {
    const world = this.#world;
    const host: ImageHost = {
      now: world.now,
      random: world.random,
      countVouching: (...asked) => this.#count(...asked),
      statementOf: (...asked) => this.#statementOf(...asked),
    };
    const evaluator = { budget: new CostBudget(BUDGET), host };
    const subject = subjectBindings({ request, world, resources: this.#resources, mode: this.#mode, synthetic });
    const ignoreErrors = this.#spec.failurePolicy === 'Ignore';
    const failed = (message: string, lacks?: Lacks): Verdict => ({
      kind: 'error',
      message: `failed to evaluate policy: ${message}`,
      lacks,
    });

    const holds = holdsAll(evaluator, program.spec.matchConditions, subject, ignoreErrors);
    if (typeof holds === 'object') return failed(holds.error, holds.lacks);
    if (!holds) return { kind: 'unmatched' };
    const whole = this.#images.exceptions.filter(
      ({ exception }) => exception.images.length === 0 && exception.allowedValues.length === 0,
    );
    const grant = grantOf(evaluator, whole, subject, ignoreErrors, world.now);
    if (grant.kind === 'error') return failed(grant.message, grant.lacks);
    if (grant.kind === 'all') return { kind: 'excepted', by: grant.by };

    const variables = new VariableMap(program.spec.variables, (each) => evaluate(evaluator, each, bindings));
    const known = new Map<string, ReturnType<Bindings>>([
      ['variables', variables],
      ['attestors', this.#images.attestors],
      ['attestations', this.#images.attestations],
    ]);
    const bindings: Bindings = (name) => known.get(name) ?? subject(name);
    const lists: Record<string, readonly string[]> = Object.create(null);
    for (const { name, program: extractor } of program.extractors(request.resource)) {
      const tried = attempt(evaluator, extractor, bindings);
      if ('error' in tried) return failed(tried.error, tried.lacks);
      const found = imagesIn(tried.value);
      if (found === undefined) return failed(`images.${name} is no list of strings`);
      const applying: string[] = [];
      for (const image of found) {
        const applies = this.#images.applies(image, evaluator);
        if (typeof applies === 'object') return failed(applies.error);
        if (applies) applying.push(image);
      }
      lists[name] = applying;
      this.#matched.push(...applying);
    }
    known.set('images', fromJson(lists));
    if (this.#spec.validationConfigurations?.verifyDigest !== false) {
      const [tagged] = this.#matched.filter((image) => !/@sha256:[0-9a-f]{64}$/.test(image));
      if (tagged !== undefined) return { kind: 'fail', message: `image ${tagged} does not have a digest`, index: 0 };
    }
    const verdict = validate(evaluator, program.spec, bindings);
    return verdict.kind === 'error'
      ? failed(verdict.message.replace(/^(?:error|failed to load context): /, ''), verdict.lacks)
      : verdict;
  }

  /** The verdict, once every image that the policy is about was verified by some policy, if that is required. */
  settle(verdict: Verdict): Verdict {
    if (this.#awaits) return AWAITED;
    if (verdict.kind !== 'pass' || this.#spec.validationConfigurations?.required === false) return verdict;
    for (const image of this.#matched) {
      const evidence = this.#world.images?.evidence(image, this.#about) ?? 'awaited';
      if (evidence === 'awaited') return AWAITED;
      if (evidence === 'verified') continue;
      const message =
        evidence === 'failed'
          ? `image ${image} failed signature or attestation verification`
          : `image ${image} is not verified: no policy performed a signature or attestation check on it`;
      return { kind: 'fail', message, index: 0 };
    }
    return verdict;
  }

  /** While an answer is awaited every attestor counts, so that all that there is to ask is asked at once. */
  #count(image: string, attestation: string | undefined, attestors: readonly AttestorValue[]): number {
    const applies = this.#images.applies(image, undefined);
    if (typeof applies === 'object') throw evaluationError(applies.error);
    if (!applies) return 0;
    if (attestation !== undefined && !this.#images.attestations.has(attestation)) {
      throw evaluationError(`attestation not found in policy: ${attestation}`);
    }
    let count = 0;
    for (const attestor of attestors) {
      const trust = attestation === undefined ? attestor.signature : attestor.attestations.get(attestation);
      if (trust === undefined || trust === 'unverifiable') continue;
      if (this.#world.images === undefined) throw ourError('images are not verified here');
      const answer = this.#world.images.ask({ image, trust }, this.#about);
      if (answer === undefined) this.#awaits = true;
      else if (answer.kind === 'error') throw ourError(`failed to get imagedata: ${answer.message}`);
      if (answer === undefined || answer.kind === 'verified') count += 1;
      if (answer?.kind === 'verified' && attestation !== undefined) {
        const key = JSON.stringify([image, attestation]);
        this.#statements.set(key, [...(this.#statements.get(key) ?? []), ...answer.statements]);
      }
    }
    return count;
  }

  /**
   * Of several attestations Kyverno reads one, whichever the registry names last. Here that is an error: who may push to the
   * registry would choose what is judged.
   */
  #statementOf(image: string, attestation: string): JsonObject {
    if (!this.#images.attestations.has(attestation)) {
      throw evaluationError(`attestation not found in policy: ${attestation}`);
    }
    // Kyverno looks for it by its type as the policy writes it, and finds none by a short name.
    const written = this.#spec.attestations?.find(({ name }) => name === attestation)?.intoto?.type;
    const verified = this.#statements.get(JSON.stringify([image, attestation])) ?? [];
    const found = verified.filter((each) => each['predicateType'] === written);
    const [statement, ...more] = [...new Map(found.map((each) => [canonicalJson(each), each])).values()];
    if (statement === undefined) {
      const why = 'intoto attestation payload cannot be fetch before verifying intoto attestation';
      throw evaluationError(`failed to get payload: ${why}`);
    }
    if (more.length > 0) {
      throw ourError(`failed to get payload: ${more.length + 1} attestations of ${attestation} were verified`);
    }
    return statement;
  }
}

function credentialWarning(document: PolicyDocument, { credentials }: ImageValidatingPolicySpec): string[] {
  if (credentials === undefined || Object.keys(credentials).length === 0) return [];
  const place = document.locate(['spec', 'credentials']);
  return [`${place}: credentials has no say here: the gate asks registries with its own`];
}
