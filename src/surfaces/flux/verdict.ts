import { createHash } from 'node:crypto';
import { withDeadline } from '../../core/deadline.ts';
import { asGateError, GateError } from '../../core/errors.ts';
import { decide, findingFrom, withDigest } from '../../decision/decide.ts';
import type { Judged } from '../../gate.ts';
import type { Timers } from './ports.ts';

/** What ignores its signal is waited for this long, and then left alone. */
const GRACE = 5_000;

/**
 * Asks a gate, and always answers. What throws, goes on past its time, answers nothing, or lets something out that its
 * decision does not name is not evaluated: only manifests whose digest stands in an allowing decision come out of here.
 */
export async function askGate(
  ask: (signal: AbortSignal) => Promise<Judged>,
  limit: number,
  timers: Timers,
  signal: AbortSignal,
): Promise<Judged> {
  try {
    return proven(await inTime(ask, limit, timers, signal));
  } catch (thrown) {
    return unevaluated(asGateError(thrown, 'CHECK_CRASHED'));
  }
}

/** Runs something with a deadline that holds even where nothing waits. Throws CHECK_TIMEOUT past it. */
export async function inTime<Value>(
  run: (signal: AbortSignal) => Promise<Value>,
  limit: number,
  timers: Timers,
  signal: AbortSignal,
): Promise<Value> {
  signal.throwIfAborted();
  const late = () =>
    new GateError('CHECK_TIMEOUT', `there was no verdict within ${limit / 1000} s`, {
      mend: 'Raise spec.timeout of the GatedSource, or find out what the gate waits for.',
    });
  return await withDeadline(signal, { milliseconds: limit, late, graceMs: GRACE, clock: timers }, run);
}

function proven(judged: Judged | undefined): Judged {
  const decision = judged?.decision;
  if (decision === undefined || decision === null || !Array.isArray(decision.reasons)) {
    throw new GateError('CHECK_SILENT', 'the gate answered nothing');
  }
  if (decision.verdict !== 'allowed') return { decision: { ...decision, verdict: decision.verdict } };
  const { manifests } = judged as { readonly manifests?: unknown };
  if (decision.reasons.length > 0 || typeof manifests !== 'string') {
    throw new GateError('CHECK_SILENT', 'the gate allowed something and did not say what');
  }
  const digest = `sha256:${createHash('sha256').update(manifests).digest('hex')}`;
  if (decision.manifestsDigest !== digest) {
    throw new GateError('CHECK_SILENT', 'the gate let out other manifests than those that it judged');
  }
  return { decision: { ...decision, verdict: 'allowed' }, manifests };
}

/** A decision that says no more than that there is none. */
export function unevaluated(error: GateError): Judged {
  const evidence = { objects: undefined, images: [], engines: {}, notEvaluated: [] };
  const decision = decide(['gate'], [{ check: 'gate', outcome: { kind: 'errored', error } }], evidence);
  const verdict = decision.verdict === 'allowed' ? 'unevaluated' : decision.verdict;
  return { decision: { ...withDigest(decision, undefined), verdict, reasons: [findingFrom('gate', error)] } };
}
