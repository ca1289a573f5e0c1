import type { Decision } from '../../core/decision.ts';
import { asGateError } from '../../core/errors.ts';
import type { Announce } from '../../core/events.ts';
import { valueAt } from '../../core/kube.ts';
import type { Log, Metrics } from '../../core/telemetry.ts';
import type { Gates, StandingGate } from '../../gates.ts';
import { artifactPath } from './artifact.ts';
import { decisionOf, findingLines, inOneLine } from './messages.ts';
import { statusOf } from './own-status.ts';
import type { ArtifactStore, ReadManifests, Timers } from './ports.ts';
import { createQueue, type Outcome } from './queue.ts';
import type { ClusterView, Compliance, Compliances } from './run.ts';
import { keyOf, keyText } from './sources.ts';
import { inTime, unevaluated } from './verdict.ts';

export interface RejudgePorts {
  readonly gates: Gates;
  readonly view: ClusterView;
  readonly store: ArtifactStore;
  readonly readManifests: ReadManifests;
  readonly announce: Announce;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly timers: Timers;
  /** Called when there is an answer about a key: its status is to say so. */
  readonly onAnswer: (key: string) => void;
}

export interface Rejudge extends Compliances {
  /** Ends what is under way. */
  stop(): Promise<void>;
}

/** How long one verdict may take. */
const LIMIT = 5 * 60_000;
/**
 * So many at once, and no more: new revisions are not to wait for old ones. One namespace has never all of them, whatever
 * its verdicts wait for.
 */
const CONCURRENCY = 3;
const OF_ONE_NAMESPACE = 2;

/**
 * Judges what is served by rules that changed since it was let out. The manifests are those in the store, with images as
 * they were pinned; nothing is rendered, and nothing is written here.
 */
export function createRejudge(ports: RejudgePorts, signal: AbortSignal): Rejudge {
  const { gates, view, store, readManifests, metrics, log, timers } = ports;
  const answers = new Map<string, Compliance>();
  const queue = createQueue(work, {
    concurrency: CONCURRENCY,
    ofOneNamespace: OF_ONE_NAMESPACE,
    backoff: { first: 5_000, most: 15 * 60_000 },
    timers,
  });

  async function work(id: string): Promise<Outcome> {
    // Judging does not wait: whoever else has something to do gets a turn in between.
    await new Promise<void>((done) => timers.after(0, done));
    if (signal.aborted) return { kind: 'done' };
    const key = keyOf(id);
    const source = view.gatedSource(key);
    const namespace = view.namespace(key.namespace);
    const artifact = source && statusOf(source).artifact;
    const governing = namespace && gates.of(namespace);
    if (source === undefined || artifact === undefined || governing?.kind !== 'one') return { kind: 'done' };
    const { gate } = governing;
    const known = answers.get(id);
    const isAnswered = known?.digest === artifact.digest && known.rules === gate.rules;
    if (artifact.rules === gate.rules || (isAnswered && known.verdict !== 'unevaluated')) return { kind: 'done' };
    const path = artifactPath(key, artifact.digest);
    if (store.get(path) === undefined) return { kind: 'done' };

    const namespaceOfObjects = valueAt(source, 'spec', 'targetNamespace');
    const decision = await judgeAgain(gate, path, typeof namespaceOfObjects === 'string' ? namespaceOfObjects : '');
    if (signal.aborted) return { kind: 'done' };
    const verdict =
      decision.verdict === 'allowed' || decision.verdict === 'denied' ? decision.verdict : ('unevaluated' as const);
    const findings = findingLines(decision);
    const total = decision.reasons.length;
    answers.set(id, { digest: artifact.digest, rules: gate.rules, gate: gate.name, verdict, findings, total });
    metrics.count('syncgate_rejudged_total', { verdict });
    metrics.count('syncgate_decisions_total', { surface: 'rejudge', verdict: decisionOf(verdict) });
    log.info('judged again', {
      namespace: key.namespace,
      name: key.name,
      verdict,
      gate: gate.name,
      revision: artifact.revision,
      findings: verdict === 'allowed' ? undefined : findings.slice(0, 5),
    });
    const changed = known?.verdict !== verdict || known.digest !== artifact.digest;
    if (verdict === 'denied' && changed) {
      ports.announce({
        source,
        artifact: view.artifact(key),
        severity: 'error',
        reason: 'NoLongerCompliant',
        message: `what is served is refused by the rules of Gate ${gate.name} that hold now: ${inOneLine(findings, total)}`,
        revision: artifact.revision,
        originRevision: artifact.originRevision,
      });
    }
    ports.onAnswer(id);
    return verdict === 'unevaluated' ? { kind: 'failed' } : { kind: 'done' };
  }

  async function judgeAgain(gate: StandingGate, path: string, namespace: string): Promise<Decision> {
    try {
      const judge = async (stop: AbortSignal) => gate.judgeAgain(await readManifests(path, stop), namespace, stop);
      const decision = await inTime(judge, LIMIT, timers, signal);
      const isDecision = typeof decision?.verdict === 'string' && Array.isArray(decision.reasons);
      if (!isDecision || (decision.verdict === 'allowed' && decision.reasons.length > 0)) {
        throw new Error('the gate answered nothing');
      }
      return decision;
    } catch (error) {
      return unevaluated(asGateError(error, 'CHECK_CRASHED')).decision;
    }
  }

  return {
    of: (key) => answers.get(keyText(key)),
    ask: (key) => queue.add(keyText(key)),
    forget: (key) => answers.delete(keyText(key)),
    stop: () => queue.drain(),
  };
}
