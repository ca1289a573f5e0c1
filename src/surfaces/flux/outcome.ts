/** What becomes of a verdict: the ExternalArtifact first, then the GatedSource, then the event. */
import { createHash } from 'node:crypto';
import { GateError } from '../../core/errors.ts';
import type { KubeObject } from '../../core/kube.ts';
import type { Judged } from '../../gate.ts';
import type { StandingGate } from '../../gates.ts';
import { type ArtifactRecord, artifactBody, artifactPath, hexOf, recordOf, saysArtifact } from './artifact.ts';
import { rfc3339, type Saying } from './conditions.ts';
import type { Hindrance } from './hindrance.ts';
import { decisionOf, findingLines, inOneLine } from './messages.ts';
import { readyFalse, type Status, withReadiness, withVerdict, writeOwnStatus } from './own-status.ts';
import type { Packed } from './ports.ts';
import { ensureArtifact, readArtifact, writeArtifactStatus } from './publish.ts';
import type { ReconcilerPorts, ReconcilerSettings, Run } from './run.ts';
import { compliant, retrying, sayingsOf } from './sayings.ts';
import { humanPart } from './sources.ts';

/** What a verdict was reached about, and by whom. */
export interface Asked {
  readonly gate: StandingGate;
  readonly inputs: string;
  /** The ExternalArtifact as it was before anybody was asked: its version is the lock of what is written. */
  readonly live: KubeObject | undefined;
  readonly judged: Judged;
}

/** The two files of an artifact. Consumers read the first, so that they look for no other. */
const KUSTOMIZATION = Buffer.from(
  'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n- manifests.yaml\n',
);

export function createOutcomes(ports: ReconcilerPorts, settings: ReconcilerSettings) {
  const { kube, store, timers, reached, log, metrics, announce } = ports;
  /** The digests that this process wrote last: what an ExternalArtifact says instead, somebody else wrote. */
  const published = new Map<string, string>();

  /**
   * What is rightfully live. The own status names it; but where the process ended after the artifact was written and
   * before the status was, the artifact is ahead, and it is true if it is in every part as the gate writes it and its
   * file is in the store, into which nothing gets that was not let out.
   */
  function rightful(run: Run, live: KubeObject | undefined): ArtifactRecord | undefined {
    const { status, key } = run;
    const said = recordOf(live, key, settings.advertisedHost);
    if (said === undefined || said.digest === status.artifact?.digest) return status.artifact;
    const last = published.get(idOf(run));
    const ahead = last === undefined ? store.get(artifactPath(key, said.digest)) !== undefined : last === said.digest;
    return ahead ? said : status.artifact;
  }

  const bodyOf = (run: Run, record: ArtifactRecord | undefined) =>
    record === undefined ? undefined : artifactBody(record, run.key, settings.advertisedHost);

  /** Whether what is live is exactly what was let out, and can be had. */
  function isServed(run: Run, live: KubeObject | undefined): boolean {
    const record = rightful(run, live);
    if (!saysArtifact(live, bodyOf(run, record))) return false;
    return record === undefined || store.get(artifactPath(run.key, record.digest)) !== undefined;
  }

  async function accept(run: Run, asked: Asked, manifests: string): Promise<void> {
    const { gate, judged } = asked;
    const { key, revision: source, signal } = run;
    if (source === undefined || judged.decision.manifestsDigest === undefined) throw new Error('nothing was judged');
    const packed = await ports.pack([
      { name: 'kustomization.yaml', bytes: KUSTOMIZATION },
      { name: 'manifests.yaml', bytes: Buffer.from(manifests) },
    ]);
    await reached('packed', key);
    signal.throwIfAborted();
    await store.put(key, packed);
    await reached('stored', key);
    const record = recordFor(run, asked, packed, `${humanPart(source.revision)}@${judged.decision.manifestsDigest}`);
    const { objects = 0, images } = judged.decision;
    const what = `${counted(objects, 'object')}, ${counted(images.length, 'image')}`;
    const ready: Saying = {
      type: 'Ready',
      status: 'True',
      reason: 'Succeeded',
      message: `stored artifact for revision '${record.revision}' of '${source.revision}': ${what}, allowed by Gate ${gate.name}`,
    };
    const artifact = await writeArtifact(run, asked.live, record, ready);
    const before = run.status;
    run.status = withVerdict(
      { ...before, artifactRevision: record.revision, artifact: record },
      { ...verdictOf(run, asked), kind: 'allowed', findings: [], digest: record.digest },
      timers.wallTime(),
    );
    await writeStatus(run, [ready, compliant(gate.name)]);
    tell(run, before, artifact, ready.message);
    await store.collect(key, {
      keep: new Set([hexOf(record.digest)]),
      maxAgeMs: settings.retention.ttlMs,
      records: settings.retention.records,
    });
    await reached('collected', key);
  }

  function recordFor(run: Run, { gate, inputs }: Asked, packed: Packed, revision: string): ArtifactRecord {
    const { revision: source, status } = run;
    const known = status.artifact;
    const same = known?.revision === revision && known.digest === packed.digest;
    return {
      revision,
      digest: packed.digest,
      size: packed.bytes.length,
      sourceRevision: source?.revision ?? '',
      sourceDigest: source?.digest ?? '',
      originRevision: source?.originRevision ?? '',
      gate: gate.name,
      // Named by what it rests on: the same verdict reached again is the same decision, and nothing has to be written.
      decision: createHash('sha256').update(`${inputs}\n${gate.rules}\n${revision}`).digest('hex').slice(0, 32),
      time: same ? known.time : rfc3339(timers.wallTime()),
      rules: gate.rules,
    };
  }

  async function refuse(run: Run, asked: Asked): Promise<void> {
    const { decision } = asked.judged;
    const kind = decision.verdict === 'denied' ? 'denied' : 'unevaluated';
    const lines = findingLines(decision);
    const word = kind === 'denied' ? 'denied' : 'could not be evaluated';
    const summary = `revision '${run.revision?.revision}' ${word} by Gate ${asked.gate.name}: ${inOneLine(lines, decision.reasons.length)}`;
    await withhold(run, asked.live, {
      ...verdictOf(run, asked),
      kind,
      findings: lines,
      reason: kind === 'denied' ? 'Denied' : 'Unevaluated',
      summary,
    });
  }

  /** A revision that nobody could judge, or that was refused before anybody was asked. */
  async function refuseUnasked(run: Run, hindrance: Hindrance): Promise<void> {
    await withhold(run, await readArtifact(kube, run.key, run.signal), {
      kind: hindrance.verdict ?? 'unevaluated',
      revision: run.revision?.revision ?? '',
      gate: undefined,
      rules: undefined,
      decision: undefined,
      inputs: undefined,
      history: run.spec.history,
      findings: [hindrance.text],
      reason: hindrance.reason,
      summary: `revision '${run.revision?.revision}' is withheld: ${hindrance.text}`,
      saying: sayingsOf(hindrance),
    });
  }

  interface Refusal extends Omit<Parameters<typeof withVerdict>[1], 'digest' | 'kind'> {
    readonly kind: 'denied' | 'unevaluated';
    readonly reason: string;
    readonly summary: string;
    readonly saying?: readonly Saying[];
  }

  async function withhold(run: Run, live: KubeObject | undefined, refusal: Refusal): Promise<void> {
    const record = rightful(run, live);
    const lost =
      record === undefined || store.get(artifactPath(run.key, record.digest)) !== undefined
        ? undefined
        : new GateError('FLUX_ARTIFACT_LOST', `the file of revision '${record.revision}', which was let out, is gone`);
    const message =
      lost === undefined ? refusal.summary : `${refusal.summary} | ${lost.code}: ${lost.message}. ${lost.mend}`;
    const ready = readyFalse(refusal.reason, message);
    const artifact = await writeArtifact(run, live, record, { ...ready, reason: 'VerificationFailed' });
    const before = run.status;
    run.status = withVerdict(withRecord(before, record), { ...refusal, digest: undefined }, timers.wallTime());
    const retry = refusal.kind === 'unevaluated' ? [retrying(message)] : [];
    await writeStatus(run, [ready, ...(refusal.saying ?? retry)]);
    tell(run, before, artifact, refusal.summary);
  }

  /** Takes away what new rules refuse. */
  async function withdraw(run: Run, gate: StandingGate, findings: readonly string[], total: number): Promise<void> {
    const live = await readArtifact(kube, run.key, run.signal);
    const revision = run.status.artifact?.revision;
    const message = `revision '${revision}' was withdrawn, because the rules of Gate ${gate.name} that hold now refuse it: ${inOneLine(findings, total)}`;
    const ready = readyFalse('Withdrawn', message);
    const artifact = await writeArtifact(run, live, undefined, { ...ready, reason: 'VerificationFailed' });
    await store.remove(run.key);
    metrics.forget('syncgate_artifact_bytes', { namespace: run.key.namespace, name: run.key.name });
    const { artifactRevision: _revision, artifact: _artifact, inputs: _inputs, ...kept } = run.status;
    run.status = kept;
    await writeStatus(run, [ready, { type: 'Compliant', status: 'False', reason: 'Withdrawn', message }]);
    announce({
      source: run.source,
      artifact,
      severity: 'error',
      reason: 'Withdrawn',
      message,
      revision,
      originRevision: run.status.lastAcceptedRevision,
    });
  }

  async function writeArtifact(
    run: Run,
    live: KubeObject | undefined,
    record: ArtifactRecord | undefined,
    ready: Saying,
  ): Promise<KubeObject> {
    const made = await ensureArtifact(kube, run.source, live, run.signal);
    await reached('artifact-object', run.key);
    const written = await writeArtifactStatus(kube, made, bodyOf(run, record), ready, timers.wallTime(), run.signal);
    if (record === undefined) published.delete(idOf(run));
    else published.set(idOf(run), record.digest);
    await reached('artifact-status', run.key);
    return written;
  }

  /** Writes the own status with these conditions, and whatever a consumer complains of. */
  async function writeStatus(run: Run, sayings: readonly Saying[]): Promise<void> {
    const { requestedAt, key } = run;
    const refused = ports.view.refusedConsumer(key);
    const consumer: Saying[] =
      refused === undefined
        ? []
        : [{ type: 'ConsumerReady', status: 'False', reason: 'AccessDenied', message: refused }];
    const { conditions = [], ...others } = run.status;
    const status: Status = {
      ...others,
      conditions: conditions.filter(({ type }) => type !== 'ConsumerReady' || refused !== undefined),
      ...(requestedAt === undefined ? {} : { lastHandledReconcileAt: requestedAt }),
    };
    run.status = withReadiness(status, [...sayings, ...consumer], run.source.metadata.generation, timers.wallTime());
    run.latest = await writeOwnStatus(kube, run.latest, run.status, run.signal);
    const size = run.status.artifact?.size;
    if (size !== undefined) metrics.set('syncgate_artifact_bytes', { namespace: key.namespace, name: key.name }, size);
    await reached('own-status', key);
  }

  /** One line of the log and one count a decision; an event where the answer is another than before. */
  function tell(run: Run, before: Status, artifact: KubeObject, message: string): void {
    const { verdict = 'unevaluated', findings = [], warnings = [], counts } = run.status;
    metrics.count('syncgate_decisions_total', { surface: 'flux', verdict: decisionOf(verdict) });
    const fields = {
      namespace: run.key.namespace,
      name: run.key.name,
      verdict,
      gate: run.status.gate,
      revision: run.revision?.revision,
      artifact: run.status.artifact?.digest,
      decision: verdict === 'allowed' ? run.status.artifact?.decision : undefined,
      objects: counts?.objects,
      images: counts?.images,
      findings: verdict === 'allowed' ? undefined : findings.slice(0, 5),
      warnings: warnings.length === 0 ? undefined : warnings,
      ms: Math.round(timers.now() - run.startedAt),
    };
    if (verdict === 'unevaluated') log.warn('judged', fields);
    else log.info('judged', fields);
    const same =
      before.verdict === verdict &&
      before.lastAttemptedRevision === run.status.lastAttemptedRevision &&
      before.findings?.[0] === findings[0] &&
      before.artifact?.digest === run.status.artifact?.digest;
    if (same) return;
    announce({
      source: run.source,
      artifact,
      severity: verdict === 'allowed' ? 'info' : 'error',
      reason: verdict === 'allowed' ? 'Succeeded' : verdict === 'denied' ? 'Denied' : 'Unevaluated',
      message,
      revision: verdict === 'allowed' ? run.status.artifact?.revision : run.revision?.revision,
      originRevision: run.revision?.originRevision,
    });
  }

  return {
    accept,
    refuse,
    refuseUnasked,
    withdraw,
    writeStatus,
    isServed,
    rightful,
    forget: (id: string) => published.delete(id),
  };
}

export type Outcomes = ReturnType<typeof createOutcomes>;

function verdictOf(run: Run, { gate, inputs, judged }: Asked) {
  return {
    revision: run.revision?.revision ?? '',
    gate: gate.name,
    rules: gate.rules,
    decision: judged.decision,
    inputs,
    history: run.spec.history,
  };
}

function withRecord(status: Status, record: ArtifactRecord | undefined): Status {
  const { artifact: _artifact, artifactRevision: _revision, ...others } = status;
  return record === undefined ? others : { ...others, artifact: record, artifactRevision: record.revision };
}

function idOf({ key }: Run): string {
  return `${key.namespace}/${key.name}`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
