import type { Belongs } from '../../checks/namespaces/check.ts';
import { GateError } from '../../core/errors.ts';
import { KubeError, type KubeObject, type ObjectKey, valueAt } from '../../core/kube.ts';
import type { Judged } from '../../gate.ts';
import type { StandingGate } from '../../gates.ts';
import { artifactPath } from './artifact.ts';
import { createCompliance } from './compliance.ts';
import type { Saying } from './conditions.ts';
import { createDue } from './due.ts';
import { fetchSource } from './fetch-source.ts';
import { cleanUp, ensureFinalizer, finalize, removeFormer } from './finalize.ts';
import { GatedSourceSpec, milliseconds } from './gated-source.ts';
import { asHindrance, causeOf, Hindrance } from './hindrance.ts';
import { createOutcomes } from './outcome.ts';
import { readyFalse, statusOf, withReadiness, writeOwnStatus } from './own-status.ts';
import { readArtifact } from './publish.ts';
import type { Outcome } from './queue.ts';
import { type References, readReferences } from './references.ts';
import { belongsTo, inputsOf, sourceKey, sourceOf } from './resolve.ts';
import type { ReconcilerPorts, ReconcilerSettings, Run } from './run.ts';
import { sayingsOf, standing } from './sayings.ts';
import { keyOf, keyText, type SourceArtifact } from './sources.ts';
import { askGate } from './verdict.ts';

export const REQUESTED_AT = 'reconcile.fluxcd.io/requestedAt';

const DEFAULT_TIMEOUT = 5 * 60_000;
/** What takes longer says that it is under way. Most is done before anybody could read it. */
const TOLD_AFTER = 2_000;
/** Reasons that no team can mend. */
const PLATFORM: ReadonlySet<string> = new Set(['StorageOperationFailed', 'ReconciliationFailed', 'GateUnavailable']);
/** What is so at every beginning, and passes: nobody is told of it but by the status. */
const PASSING: ReadonlySet<string> = new Set(['SourceNotReady', 'ArtifactNotFound', 'NamespaceUnknown']);

type Result = 'allowed' | 'denied' | 'unevaluated' | 'unchanged' | 'suspended' | 'deleted' | 'waiting' | 'failed';

/** What a run came to, and when the next is due. */
interface Done {
  readonly result: Result;
  readonly outcome: Outcome;
}

/** The whole of what one GatedSource goes through. */
export interface Reconciler {
  /** Never throws. Nothing is written once the signal has aborted. */
  reconcile(key: string, signal: AbortSignal): Promise<Outcome>;
}

export function createReconciler(ports: ReconcilerPorts, settings: ReconcilerSettings): Reconciler {
  const { kube, gates, view, store, log, metrics, timers, reached } = ports;
  const outcomes = createOutcomes(ports, settings);
  const compliance = createCompliance(ports, settings, outcomes);
  const due = createDue(timers);

  async function reconcile(id: string, signal: AbortSignal): Promise<Outcome> {
    const startedAt = timers.now();
    const key = keyOf(id);
    let done: Done;
    try {
      done = await begin(key, startedAt, signal);
    } catch (error) {
      // What happens after the leadership is lost is nobody's failure.
      if (signal.aborted) return { kind: 'done' };
      const conflict = error instanceof KubeError && error.status === 409;
      if (!conflict) log.warn('not reconciled', { namespace: key.namespace, name: key.name, why: causeOf(error) });
      done = { result: 'failed', outcome: { kind: 'failed' } };
    }
    metrics.count('syncgate_reconcile_total', { result: done.result });
    metrics.observe('syncgate_reconcile_duration_seconds', { result: done.result }, (timers.now() - startedAt) / 1000);
    return done.outcome;
  }

  async function begin(key: ObjectKey, startedAt: number, signal: AbortSignal): Promise<Done> {
    const source = view.gatedSource(key);
    if (source === undefined || source.metadata.deletionTimestamp !== undefined) {
      due.forget(keyText(key));
      outcomes.forget(keyText(key));
      if (source === undefined) await cleanUp(ports, key, signal);
      else await finalize(ports, source, signal);
      return { result: 'deleted', outcome: { kind: 'done' } };
    }
    const requestedAt = source.metadata.annotations?.[REQUESTED_AT];
    const start = { key, source, status: statusOf(source), requestedAt, revision: undefined, startedAt, signal };
    const parsed = GatedSourceSpec.safeParse(valueAt(source, 'spec'));
    if (!parsed.success) return stalledBySpec(source, parsed.error.issues, signal);
    const run: Run = { ...start, spec: parsed.data, latest: source };
    try {
      if (run.spec.suspend === true) return await whileSuspended(run);
      run.latest = await ensureFinalizer(ports, source, signal);
      return await handle(run);
    } catch (thrown) {
      if (signal.aborted || (thrown instanceof KubeError && thrown.status === 409)) throw thrown;
      return await hindered(run, asHindrance(thrown));
    }
  }

  async function handle(run: Run): Promise<Done> {
    const { key, signal } = run;
    const namespace = view.namespace(key.namespace);
    if (namespace === undefined) {
      const error = new GateError('FLUX_SOURCE_WAITING', `namespace ${key.namespace} is not known yet`);
      throw new Hindrance('NamespaceUnknown', error, 'retry', 'source');
    }
    // Nothing can be made in it any more, and all of it is about to go.
    if (namespace.ending) return { result: 'waiting', outcome: { kind: 'done' } };
    const artifact = sourceOf(run, view, settings.allowCrossNamespaceSources);
    const { revision, originRevision = revision, digest } = artifact;
    run.revision = { revision, originRevision, digest };
    const gate = compliance.governingGate(run, namespace);
    if (await compliance.take(run, gate)) return { result: 'denied', outcome: { kind: 'again', after: 0 } };

    await recoverLost(run);
    const references = await readReferences(kube, key.namespace, run.spec, signal);
    const cluster = run.spec.helm === undefined ? undefined : await ports.capabilities(signal);
    const inputs = inputsOf(run, references, cluster);
    const rest = due.restOf(run);
    if (rest !== undefined && run.status.inputs === inputs && isSettled(run, gate)) {
      await outcomes.writeStatus(run, standing(run));
      return { result: 'unchanged', outcome: { kind: 'again', after: rest } };
    }
    const belongs = belongsTo(gate, namespace, gates, view);
    return judgeSource(run, { gate, belongs, artifact, references, cluster, inputs });
  }

  interface Work {
    readonly gate: StandingGate;
    readonly belongs: Belongs;
    readonly artifact: SourceArtifact;
    readonly references: References;
    readonly cluster: Awaited<ReturnType<ReconcilerPorts['capabilities']>> | undefined;
    readonly inputs: string;
  }

  async function judgeSource(run: Run, work: Work): Promise<Done> {
    const { key, signal } = run;
    const reading = readArtifact(kube, key, signal);
    reading.catch(() => {});
    const progress = tellWhenLong(run);
    let judged: Judged;
    try {
      judged = await render(run, work);
      await reached('judged', key);
    } finally {
      await progress();
    }
    signal.throwIfAborted();
    const live = await reading;
    if (isOutdated(run, work.gate)) return { result: 'waiting', outcome: { kind: 'again', after: 0 } };
    const asked = { gate: work.gate, inputs: work.inputs, live, judged };
    if (judged.decision.verdict === 'allowed' && judged.manifests !== undefined) {
      await outcomes.accept(run, asked, judged.manifests);
      return { result: 'allowed', outcome: { kind: 'again', after: due.next(run) } };
    }
    await outcomes.refuse(run, asked);
    const after = due.next(run);
    return judged.decision.verdict === 'denied'
      ? { result: 'denied', outcome: { kind: 'again', after } }
      : { result: 'unevaluated', outcome: { kind: 'failed', atMost: after } };
  }

  async function render(run: Run, { gate, belongs, artifact, references, cluster }: Work): Promise<Judged> {
    const { key, spec, signal } = run;
    const folder = await ports.newFolder();
    try {
      const { kind, name } = spec.sourceRef;
      const subject = `${kind} ${sourceKey(run).namespace}/${name}`;
      const downloaded = () => reached('downloaded', key);
      const source = await fetchSource(ports, settings, artifact, { subject, spec, downloaded }, folder, signal);
      await reached('unpacked', key);
      const { substitutes, values } = references;
      const input = { key, spec, ...source, substitutes, values, cluster };
      const limit = (spec.timeout === undefined ? undefined : milliseconds(spec.timeout)) ?? DEFAULT_TIMEOUT;
      return await askGate(
        async (stop) => gate.judge(await ports.buildRequest(input, stop), stop, belongs),
        limit,
        timers,
        signal,
      );
    } finally {
      await folder.remove();
    }
  }

  /** Whether what was judged is no longer what is asked for: another spec, a deletion, other rules. */
  function isOutdated(run: Run, gate: StandingGate): boolean {
    const now = view.gatedSource(run.key);
    const namespace = view.namespace(run.key.namespace);
    if (now === undefined || now.metadata.deletionTimestamp !== undefined || namespace === undefined) return true;
    if (now.metadata.uid !== run.source.metadata.uid || now.metadata.generation !== run.source.metadata.generation) {
      return true;
    }
    const governing = gates.of(namespace);
    return governing.kind !== 'one' || governing.gate.name !== gate.name || governing.gate.rules !== gate.rules;
  }

  /** Whether the last verdict still stands, and what it let out is there. Asks for what is missing to know it. */
  function isSettled(run: Run, gate: StandingGate): boolean {
    const { status, key } = run;
    const ready = status.conditions?.find(({ type }) => type === 'Ready');
    const said = ready?.status === 'True' ? 'allowed' : ready?.reason === 'Denied' ? 'denied' : undefined;
    // A hindrance that has passed leaves conditions that only a verdict mends.
    if (said === undefined || said !== status.verdict) return false;
    const live = view.artifact(key);
    if (!outcomes.isServed(run, live)) return false;
    if (status.rules === gate.rules) return true;
    if (status.verdict !== 'allowed') return false;
    // While what is served is judged by the new rules, and where it has passed, the source is not rendered again.
    return (
      compliance.of(run, gate)?.verdict === 'allowed' || status.artifact?.rules === gate.rules || isAsked(run, gate)
    );
  }

  function isAsked(run: Run, gate: StandingGate): boolean {
    return run.status.artifact !== undefined && compliance.of(run, gate) === undefined;
  }

  /** Gets a file that was let out, and is lost here, from another replica. Where none has it, the source is judged. */
  async function recoverLost(run: Run): Promise<void> {
    const record = outcomes.rightful(run, view.artifact(run.key));
    if (record === undefined) return;
    const path = artifactPath(run.key, record.digest);
    if (store.get(path) === undefined) await ports.recover(path, record.digest, run.signal);
  }

  async function whileSuspended(run: Run): Promise<Done> {
    await removeFormer(ports, run.source, view.artifact(run.key), run.signal);
    const namespace = view.namespace(run.key.namespace);
    const governing = namespace && gates.of(namespace);
    if (governing?.kind === 'one' && run.status.artifact !== undefined) {
      // Nothing is rendered; but rules that change hold for what is served all the same.
      const before = run.status;
      if (!(await compliance.take(run, governing.gate)) && run.status !== before) {
        await writeOwnStatus(kube, run.latest, run.status, run.signal);
      }
    }
    return { result: 'suspended', outcome: { kind: 'done' } };
  }

  async function hindered(run: Run, hindrance: Hindrance): Promise<Done> {
    const { reason, text, next } = hindrance;
    if (hindrance.verdict !== undefined && run.revision !== undefined) {
      await outcomes.refuseUnasked(run, hindrance);
    } else {
      const fields = { namespace: run.key.namespace, name: run.key.name, reason, why: text, next };
      // What only the platform can mend stands out in its log.
      if (PLATFORM.has(reason)) log.error('held up', fields);
      else log.info('held up', fields);
      const before = run.status.conditions?.find(({ type }) => type === 'Ready');
      await outcomes.writeStatus(run, [readyFalse(reason, text), ...sayingsOf(hindrance)]);
      if (before?.reason !== reason && !PASSING.has(reason)) tellOf(run, hindrance);
    }
    const result = hindrance.verdict ?? 'waiting';
    switch (hindrance.next) {
      case 'stalled':
        return { result, outcome: { kind: 'done' } };
      case 'wait':
        return { result, outcome: { kind: 'again', after: due.interval(run) } };
      case 'retry':
        return { result, outcome: { kind: 'failed', atMost: due.interval(run) } };
      default:
        return hindrance.next satisfies never;
    }
  }

  function tellOf({ source, key, revision }: Run, { reason, text }: Hindrance): void {
    ports.announce({
      source,
      artifact: view.artifact(key),
      severity: 'error',
      reason,
      message: text,
      revision: revision?.revision,
      originRevision: revision?.originRevision,
    });
  }

  async function stalledBySpec(
    source: KubeObject,
    issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[],
    signal: AbortSignal,
  ): Promise<Done> {
    const [first] = issues;
    const place = ['spec', ...(first?.path ?? [])].map(String).join('.');
    const error = new GateError('FLUX_SPEC_INVALID', `${place}: ${first?.message ?? 'invalid'}`, { place });
    const hindrance = new Hindrance('InvalidSpec', error, 'stalled', 'source');
    const sayings = [readyFalse(hindrance.reason, hindrance.text), ...sayingsOf(hindrance)];
    const status = withReadiness(statusOf(source), sayings, source.metadata.generation, timers.wallTime());
    await writeOwnStatus(kube, source, status, signal);
    return { result: 'waiting', outcome: { kind: 'done' } };
  }

  /** Has the status say that work is under way, once it takes long. Answers with what ends that. */
  function tellWhenLong(run: Run): () => Promise<void> {
    let telling: Promise<void> = Promise.resolve();
    const cancel = timers.after(TOLD_AFTER, () => {
      telling = tell().catch(() => {});
    });
    return async () => {
      cancel();
      await telling;
    };

    async function tell(): Promise<void> {
      const message = `judging revision '${run.revision?.revision}'`;
      const ready = run.status.conditions?.find(({ type }) => type === 'Ready');
      const sayings: Saying[] = [{ type: 'Reconciling', status: 'True', reason: 'Progressing', message }];
      if (ready === undefined) sayings.push({ type: 'Ready', status: 'Unknown', reason: 'Progressing', message });
      const status = withReadiness(run.status, sayings, undefined, timers.wallTime());
      run.latest = await writeOwnStatus(kube, run.latest, status, run.signal);
    }
  }

  return { reconcile };
}
