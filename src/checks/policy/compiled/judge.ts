import { setImmediate } from 'node:timers/promises';
import { isOver } from '../../../core/deadline.ts';
import type { Finding, Outcome } from '../../../core/decision.ts';
import { GateError } from '../../../core/errors.ts';
import type { JsonObject } from '../../../core/json.ts';
import type { JudgedObject } from '../../../core/rendered.ts';
import type { Shown } from '../dialect.ts';
import { createImageInquiry, type ImageVerification } from '../image-answers.ts';
import type { Cluster } from '../kube/cluster.ts';
import type { GroupVersionKind, PolicyRequest, UserInfo } from '../kube/request.ts';
import type { ResourceTable } from '../kube/resources.ts';
import type { CompiledPolicy, RuleResult } from '../rule.ts';
import { withinDeadline } from '../values/work.ts';
import { createMutations, findingOf, type Mutation, onlyPinnedPasses } from './findings.ts';
import { isKnown, type Said } from './twins.ts';
import { type Unit, unitsOf } from './units.ts';
import { type Feed, feeds, worlds } from './worlds.ts';

/** What judging one set needs besides the policies. */
export interface JudgePorts {
  readonly cluster: Cluster;
  readonly resources: ResourceTable;
  readonly userInfo: UserInfo | undefined;
  /** Milliseconds since the epoch; asked once a verdict. */
  readonly now: () => number;
  /** Undefined where images are not checked: a policy that asks for signatures is then an error. */
  readonly images: ImageVerification | undefined;
}

export interface JudgeSettings {
  readonly onlyPinnedPasses: 'warn' | 'deny';
  readonly fromRendered: readonly Feed[];
  /** The object as the API server would have stored it, for rules that read what it fills in. */
  readonly complete: (object: JsonObject, now: number) => JsonObject;
}

/** Policies of every compiled dialect over one set. */
export type JudgeSet = (set: readonly JudgedObject[], signal: AbortSignal, shown?: Shown) => Promise<Outcome>;

type Asked = Pick<PolicyRequest, 'kind' | 'resource' | 'subresource'>;

/** So many evaluations are made before others (the deadline among them) have their turn. */
const TURN = 50;

/**
 * Builds the judge of a set of policies. Policies are indexed by the kinds that they concern, so that one that cannot
 * match an object costs nothing; every object is visited once, in its order, and after it what it would create.
 */
export function createJudge(policies: readonly CompiledPolicy[], settings: JudgeSettings, ports: JudgePorts): JudgeSet {
  const fed = feeds(policies, settings.fromRendered);
  const ofSet = createIndex(policies);
  // A policy that is fed by the set would see nothing of it.
  const ofOne = fed.size === 0 ? ofSet : createIndex(policies.filter((policy) => !fed.has(policy)));
  const mutating = policies.filter(({ mutates }) => mutates !== undefined);

  return async (set, signal, shown = 'whole set') => {
    const index = shown === 'whole set' ? ofSet : ofOne;
    const now = ports.now();
    const inquiry = createImageInquiry(ports.images?.forRun());
    const worldOf = worlds(set, fed, { ...ports, now, answers: inquiry.answers });
    const { complete } = settings;
    const isWanted = (request: Asked) => index(request).length > 0;
    const units = unitsIn(
      set,
      (judged) => unitsOf(judged, now, { ...ports, complete, isWanted }),
      ports.images !== undefined,
    );
    for (;;) {
      const { findings, examined } = await judgeUnits(units(), signal);
      // Results that were given without an answer are not final: with the answers, everything is judged again.
      if (!(await inquiry.settle(signal))) return { kind: 'completed', examined, findings };
    }

    /** Rules that would change the object first: what the others said of it may not be what they would say there. */
    function mutationsOf({ request }: Unit): Mutation[] {
      return mutating.flatMap((policy) =>
        (policy.mutates?.(request, worldOf(policy)) ?? []).map((rule) => ({ policy, rule })),
      );
    }

    async function judgeUnits(
      all: Iterable<Unit>,
      stop: AbortSignal,
    ): Promise<{ findings: Finding[]; examined: number }> {
      const findings: Finding[] = [];
      const mutations = createMutations();
      let examined = 0;
      let turn = 0;
      // What each policy said of the object of the set, while what it would create is judged.
      const own = new Map<CompiledPolicy, Said>();
      const evaluate = (policy: CompiledPolicy, request: PolicyRequest): readonly RuleResult[] =>
        isPlaceless(policy, request) ? [nowhere] : inTime(stop, () => policy.judge(request, worldOf(policy)));
      for (const unit of all) {
        const { subject, request, written, fault } = unit;
        if (subject.created === undefined) own.clear();
        let isJudged = false;
        const asked = index(request);
        for (const policy of fault === undefined ? asked : asked.slice(0, 1)) {
          const results = fault === undefined ? evaluate(policy, request) : [unjudged(fault)];
          examined += results.length;
          isJudged ||= results.length > 0;
          const before =
            written !== undefined && results.some(({ status }) => status === 'pass') ? evaluate(policy, written) : [];
          const said = { results, refused: refusedBefore(before, results) };
          const known = subject.created === undefined ? undefined : own.get(policy);
          if (subject.created === undefined) own.set(policy, said);
          else if (subject.created.createsPods) own.set(policy, withFailures(known, said));
          for (const result of said.results) {
            if (result.status === 'pass' || (known !== undefined && isKnown(result, known.results))) continue;
            const found = findingOf(policy, result, subject);
            if (found !== undefined) findings.push(found);
          }
          for (const result of said.refused) {
            if (known !== undefined && isKnown(result, [...known.results, ...known.refused])) continue;
            findings.push(onlyPinnedPasses(policy, result, subject, settings.onlyPinnedPasses));
          }
          turn += 1;
          if (turn % TURN === 0) {
            await setImmediate();
            refuseLate(stop);
          }
        }
        // On its way into a cluster an object has been changed by whatever changes it there.
        if (isJudged && shown === 'whole set') mutations.add(mutationsOf(unit), unit.subject);
      }
      refuseLate(stop);
      return { findings: [...findings, ...mutations.findings()], examined };
    }
  };
}

/**
 * The units of a set, one object after the other, so that the completed objects of a large set are never there at once.
 * Where policies ask about images they are kept: an answer belongs to the very object that was asked about.
 */
function unitsIn(
  set: readonly JudgedObject[],
  unitsOfOne: (judged: JudgedObject) => readonly Unit[],
  isKept: boolean,
): () => Iterable<Unit> {
  if (isKept) {
    const kept = set.flatMap(unitsOfOne);
    return () => kept;
  }
  return function* () {
    for (const judged of set) yield* unitsOfOne(judged);
  };
}

/**
 * Whether a policy looks at namespaces and the object has none that anybody knows: neither itself nor its destination says
 * where it will be. A rule for `prod-*` would let it pass, and the cluster would not.
 */
function isPlaceless(policy: CompiledPolicy, { namespaced, namespace }: PolicyRequest): boolean {
  return namespaced && namespace === '' && policy.readsNamespaces !== false;
}

const nowhere: RuleResult = {
  rule: '',
  status: 'error',
  action: 'deny',
  message:
    'the policy looks at namespaces, the object names none, and none was given for the destination (metadata.namespace, spec.targetNamespace of a GatedSource, or --namespace on the command line)',
};

function unjudged(message: string): RuleResult {
  return { rule: '', status: 'error', action: 'deny', message };
}

/** One evaluation, which ends soon after the deadline whatever it is doing. */
function inTime<Answer>(signal: AbortSignal, work: () => Answer): Answer {
  try {
    return withinDeadline(() => isOver(signal), work);
  } catch (error) {
    refuseLate(signal);
    throw error;
  }
}

/** What was said after the deadline counts for nothing: rules were cut short by it. */
function refuseLate(signal: AbortSignal): void {
  signal.throwIfAborted();
  if (isOver(signal)) throw new GateError('CHECK_TIMEOUT', 'the policies were not judged before the deadline');
}

/** Rules that fail before the images were pinned, and pass after. */
function refusedBefore(written: readonly RuleResult[], pinned: readonly RuleResult[]): readonly RuleResult[] {
  if (written.length === 0) return [];
  const passed = new Set(pinned.filter(({ status }) => status === 'pass').map(({ rule }) => rule));
  return written.filter(({ rule, status, action }) => status === 'fail' && action === 'deny' && passed.has(rule));
}

/** What was refused of a ReplicaSet or a Job need not be said again of its Pods; what it passed says nothing of them. */
function withFailures(known: Said | undefined, { results }: Said): Said {
  const failures = results.filter(({ status }) => status === 'fail');
  return { results: [...(known?.results ?? []), ...failures], refused: known?.refused ?? [] };
}

/** The policies that may concern a request: asked of each policy once for each kind, and remembered. */
function createIndex(policies: readonly CompiledPolicy[]): (request: Asked) => readonly CompiledPolicy[] {
  const known = new Map<string, readonly CompiledPolicy[]>();
  return ({ kind, resource, subresource }) => {
    const key = `${keyOf(kind)} ${resource.resource} ${subresource}`;
    let found = known.get(key);
    if (found === undefined) {
      found = policies.filter((policy) => policy.concerns(kind, resource, subresource));
      known.set(key, found);
    }
    return found;
  };
}

function keyOf({ group, version, kind }: GroupVersionKind): string {
  return `${group}/${version}/${kind}`;
}
