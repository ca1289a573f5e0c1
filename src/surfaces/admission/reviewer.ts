import { monotonicClock, withDeadline } from '../../core/deadline.ts';
import type { Decision } from '../../core/decision.ts';
import { asGateError, GateError } from '../../core/errors.ts';
import type { Log, Metrics } from '../../core/telemetry.ts';
import { decide, withDigest } from '../../decision/decide.ts';
import { type Gates, type Governing, type NamespaceFacts, type StandingGate, severalGates } from '../../gates.ts';
import { answerBody, type Verdict } from './answer.ts';
import { denialMessage, warningsOf } from './denial.ts';
import { isGitOps, type Match, placeOf, reasonToSkip } from './matching.ts';
import { type Memory, type Question, questionOf } from './memory.ts';
import { changesNothing, endsDeletion, type Review, readReview } from './review.ts';
import { createRoom, type Room } from './room.ts';

/** The Namespaces of the cluster, with the labels that they have now. */
export interface Namespaces {
  /** From the local copy; undefined where it is not there, or the copy may be old. */
  known(name: string): NamespaceFacts | undefined;
  /** Asks the API server. Undefined where there is none; rejects where it does not say. */
  find(name: string, signal: AbortSignal): Promise<NamespaceFacts | undefined>;
}

export interface ReviewerPorts {
  readonly gates: Pick<Gates, 'of' | 'ofCluster'>;
  readonly namespaces: Namespaces;
  readonly match: Match;
  /** Namespaces in which nothing is judged: the gate's own and Flux's must come up without it. */
  readonly excluded: readonly string[];
  readonly memory: Memory;
  /** What may be judged at one time; a usual one if nothing is said. */
  readonly room?: Room;
  /** How long an answer of a gate may be remembered, in milliseconds. */
  readonly rememberMs: (gate: StandingGate) => number;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Milliseconds that never run backwards. */
  readonly now: () => number;
}

/**
 * Answers one review. Rejects with ADMISSION_REVIEW_INVALID for what is none, and with ADMISSION_BUSY where it does not
 * fit beside those that are being judged; everything else is an answer.
 */
export type Reviewer = (body: Buffer, limits: ReviewLimits) => Promise<string>;

interface ReviewLimits {
  /** When the API server's request came in, by the same clock. */
  readonly receivedAt: number;
  /** From then on, how long this answer may take. What is not decided by then is denied. */
  readonly withinMs: number;
  /** The client is gone, or the process ends. */
  readonly signal: AbortSignal;
}

type Result = 'allowed' | 'denied' | 'unevaluated';

/** What was decided, and what is told of it besides. */
interface Reviewed {
  readonly verdict: Verdict;
  readonly result: Result;
  /** Codes of the reasons, for the log. */
  readonly codes: readonly string[];
  readonly gate?: StandingGate;
  /** Set where it was not judged: why. */
  readonly skipped?: string;
}

/** Judges what is about to be stored, by the Gate that governs its namespace. */
export function createReviewer(ports: ReviewerPorts): Reviewer {
  const { memory, metrics, now, room = createRoom() } = ports;

  return async (body, limits) => {
    const question = questionOf(body);
    const known = question.uid === undefined ? undefined : recall(question.key, ports);
    metrics.count('syncgate_cache_total', { cache: 'admission', result: known === undefined ? 'miss' : 'hit' });
    if (known !== undefined && question.uid !== undefined) {
      tell('allowed', limits);
      return answerBody(question.uid, known);
    }
    return await room.hold(body, () => answerAnew(body, question, limits));
  };

  async function answerAnew(body: Buffer, question: Question, limits: ReviewLimits): Promise<string> {
    const review = readReview(body);
    const id = question.key.slice(0, 32);
    const { verdict, result, codes, gate, skipped } = await reviewOne(review, id, ports, limits);
    tell(result, limits);
    if (skipped === undefined) {
      const decided = result === 'unevaluated' ? 'errored' : result;
      metrics.count('syncgate_decisions_total', { surface: 'admission', verdict: decided });
    }
    if (result === 'allowed' && gate !== undefined && skipped === undefined) remember();
    const { kind, namespace, name, operation, userInfo, fieldManager, dryRun } = review;
    const fields = {
      decision: id,
      uid: review.uid,
      verdict: result,
      ...(gate !== undefined && { gate: gate.name }),
      ...(skipped !== undefined && { skipped }),
      ...(codes.length > 0 && { codes: [...new Set(codes)].slice(0, 10) }),
      operation,
      object: `${kind.kind} ${placeOf(review) === '' ? name : `${namespace}/${name}`}`.slice(0, 400),
      user: userInfo.username.slice(0, 256),
      manager: fieldManager.slice(0, 128),
      dryRun,
      ms: Math.round((now() - limits.receivedAt) * 10) / 10,
    };
    // Dry runs come at every interval for every object, and let nothing in.
    if (result === 'allowed' && (dryRun || skipped !== undefined)) ports.log.debug('admission decided', fields);
    else ports.log.info('admission decided', fields);
    return answerBody(review.uid, verdict);

    /** Only of what is there already and stays as it is: no answer from memory lets anything new in. */
    function remember(): void {
      const ms = gate === undefined ? 0 : ports.rememberMs(gate);
      if (gate === undefined || ms <= 0 || question.uid === undefined || !changesNothing(review.admitted())) return;
      memory.set(question.key, { namespace: placeOf(review), rules: gate.rules, verdict, until: now() + ms });
    }
  }

  function tell(said: Result, { receivedAt }: ReviewLimits): void {
    metrics.count('syncgate_admission_requests_total', { result: said });
    metrics.observe('syncgate_admission_duration_seconds', { result: said }, (now() - receivedAt) / 1000);
  }
}

/** What was said of the same question, if the same rules still hold there. */
function recall(key: string, { memory, gates, namespaces }: ReviewerPorts): Verdict | undefined {
  const known = memory.get(key);
  if (known === undefined) return undefined;
  const facts = known.namespace === '' ? undefined : namespaces.known(known.namespace);
  if (known.namespace !== '' && facts === undefined) return undefined;
  const governing = facts === undefined ? gates.ofCluster() : gates.of(facts);
  return governing.kind === 'one' && governing.gate.rules === known.rules ? known.verdict : undefined;
}

async function reviewOne(
  review: Review,
  id: string,
  ports: ReviewerPorts,
  { receivedAt, withinMs, signal }: ReviewLimits,
): Promise<Reviewed> {
  const skipped = reasonToSkip(review, ports.match, ports.excluded);
  if (skipped !== undefined) return skip(id, skipped);
  const deadline = {
    milliseconds: receivedAt + withinMs - ports.now(),
    late: () => new GateError('CHECK_TIMEOUT', `not judged within ${withinMs} ms`, { mend: lateMend }),
    interrupted: () => new GateError('CHECK_TIMEOUT', 'the webhook is being stopped', { mend: 'Apply it again.' }),
    graceMs: 0,
    clock: { now: ports.now, after: monotonicClock.after },
  };
  let gate: StandingGate | undefined;
  try {
    return await withDeadline(signal, deadline, async (stop) => {
      const admitted = review.admitted();
      if (endsDeletion(admitted)) return skip(id, 'only ends a deletion');
      const governing = await governingOf(review, ports, stop);
      // Where nobody governs, people and the cluster's own controllers go on; what applies a repository does not.
      if (governing.kind === 'none' && !isGitOps(review)) return skip(id, 'no Gate governs it');
      gate = gateOf(governing, review);
      stop.throwIfAborted();
      return reviewed(completeDecision(await gate.judgeObject(admitted, stop)), review, id, gate);
    });
  } catch (thrown) {
    return reviewed(decisionFrom(asGateError(thrown, 'CHECK_CRASHED')), review, id, gate);
  }
}

function skip(id: string, why: string): Reviewed {
  const annotations = { decision: id, verdict: 'skipped', why };
  return {
    verdict: { allowed: true, message: '', warnings: [], annotations },
    result: 'allowed',
    codes: [],
    skipped: why,
  };
}

async function governingOf(review: Review, ports: ReviewerPorts, signal: AbortSignal): Promise<Governing> {
  const name = placeOf(review);
  if (name === '') return ports.gates.ofCluster();
  let facts = ports.namespaces.known(name);
  try {
    facts ??= await ports.namespaces.find(name, signal);
  } catch (error) {
    throw new GateError('ADMISSION_NAMESPACE_UNKNOWN', `Namespace ${name} could not be read`, { cause: error });
  }
  if (facts === undefined) throw new GateError('ADMISSION_NAMESPACE_UNKNOWN', `there is no Namespace ${name}`);
  return ports.gates.of(facts);
}

function gateOf(governing: Governing, review: Review): StandingGate {
  const place = placeOf(review);
  const where = place === '' ? 'objects of the cluster' : `namespace ${place}`;
  switch (governing.kind) {
    case 'one':
      return governing.gate;
    case 'none':
      throw new GateError('GATE_NONE', `no Gate governs ${where}`, {
        mend:
          place === ''
            ? 'Have the platform set spec.namespaces.clusterObjects in one Gate.'
            : 'Have the platform give a Gate whose spec.namespaces names the namespace, or exclude the namespace in the webhook configuration.',
      });
    case 'several':
      throw severalGates(place === '' ? undefined : place, governing.names);
    case 'unavailable':
      throw new GateError('GATE_UNAVAILABLE', governing.why);
    default:
      return governing satisfies never;
  }
}

/** A gate that says nothing, or allows for a reason, has not allowed. */
function completeDecision(decision: Decision | undefined): Decision {
  const isWhole =
    typeof decision === 'object' &&
    decision !== null &&
    Array.isArray(decision.reasons) &&
    Array.isArray(decision.warnings) &&
    Array.isArray(decision.notEvaluated) &&
    (decision.verdict === 'allowed') === (decision.reasons.length === 0);
  if (isWhole) return decision;
  return decisionFrom(new GateError('CHECK_SILENT', 'the gate gave no decision'));
}

function decisionFrom(error: GateError): Decision {
  const outcome = { kind: 'errored', error } as const;
  const evidence = { objects: undefined, images: [], engines: {}, notEvaluated: [] };
  return withDigest(decide(['admission'], [{ check: 'admission', outcome }], evidence), undefined);
}

function reviewed(decision: Decision, review: Review, id: string, gate: StandingGate | undefined): Reviewed {
  const { kind, namespace, name } = review;
  const allowed = decision.verdict === 'allowed';
  const place = placeOf(review) === '' ? '' : `${namespace}/`;
  const notEvaluated = decision.notEvaluated.map(({ policy, rule }) => (rule === '' ? policy : `${policy}/${rule}`));
  return {
    verdict: {
      allowed,
      message: allowed ? '' : denialMessage(decision, `${kind.kind} ${place}${name}`, gate?.name),
      warnings: warningsOf(decision),
      annotations: {
        decision: id,
        verdict: decision.verdict,
        ...(gate !== undefined && { gate: gate.name, rules: gate.rules }),
        ...(notEvaluated.length > 0 && { 'not-evaluated': notEvaluated.join(', ') }),
      },
    },
    result: allowed ? 'allowed' : decision.verdict === 'denied' ? 'denied' : 'unevaluated',
    codes: decision.reasons.map(({ code }) => code),
    ...(gate !== undefined && { gate }),
  };
}

const lateMend = 'Apply it again; if that goes on, look at what the policies and the registries take so long for.';
