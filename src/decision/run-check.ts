import { isOver } from '../core/deadline.ts';
import type { Finding, Outcome } from '../core/decision.ts';
import { asGateError, CODES, GateError } from '../core/errors.ts';

/**
 * Runs one check and always answers. What throws, does not end before the signal, or returns something that is not an
 * outcome becomes `errored`.
 */
export async function runCheck<Answer extends { readonly outcome: Outcome }>(
  name: string,
  check: (signal: AbortSignal) => Promise<Answer>,
  signal: AbortSignal,
): Promise<{ readonly outcome: Outcome; readonly answer: Answer | undefined }> {
  const late = () =>
    signal.reason instanceof GateError
      ? signal.reason
      : new GateError('CHECK_TIMEOUT', `the ${name} check did not finish before the deadline`);
  if (isOver(signal)) return { outcome: { kind: 'errored', error: late() }, answer: undefined };
  let giveUp = () => {};
  const deadline = new Promise<never>((_, reject) => {
    giveUp = () => reject(late());
    signal.addEventListener('abort', giveUp, { once: true });
  });
  try {
    // A check that ignores the signal must not hold the verdict: whichever comes first counts.
    const answer: unknown = await Promise.race([check(signal), deadline]);
    // What never waits keeps the timer from firing, and answers when it is long over: an answer that is late is none.
    if (isOver(signal)) return { outcome: { kind: 'errored', error: late() }, answer: undefined };
    const outcome = (answer as Answer | undefined)?.outcome;
    if (isOutcome(outcome)) return { outcome, answer: answer as Answer };
    const error = new GateError('CHECK_SILENT', `the ${name} check returned no outcome`);
    return { outcome: { kind: 'errored', error }, answer: undefined };
  } catch (thrown) {
    const error = signal.aborted && !(thrown instanceof GateError) ? late() : asGateError(thrown, 'CHECK_CRASHED');
    const named =
      error.code === 'CHECK_CRASHED'
        ? new GateError('CHECK_CRASHED', `the ${name} check crashed: ${firstLine(error.message)}`, { cause: thrown })
        : error;
    return { outcome: { kind: 'errored', error: named }, answer: undefined };
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

function isOutcome(value: unknown): value is Outcome {
  if (typeof value !== 'object' || value === null) return false;
  const outcome = value as { kind?: unknown; examined?: unknown; findings?: unknown; error?: unknown };
  if (outcome.kind === 'errored') return outcome.error instanceof GateError;
  return (
    outcome.kind === 'completed' &&
    Number.isSafeInteger(outcome.examined) &&
    Array.isArray(outcome.findings) &&
    outcome.findings.every(isFinding)
  );
}

function isFinding(value: unknown): value is Finding {
  if (typeof value !== 'object' || value === null) return false;
  const { effect, code, rule, message, mend } = value as { readonly [Key in keyof Finding]?: unknown };
  return (
    (effect === 'deny' || effect === 'error' || effect === 'warn') &&
    typeof code === 'string' &&
    Object.hasOwn(CODES, code) &&
    [rule, message, mend].every((text) => typeof text === 'string')
  );
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]?.slice(0, 300) ?? '';
}
