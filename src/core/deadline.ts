/**
 * Deadlines of work that does not wait. A timer fires when nothing else runs: while an expression is evaluated, or a
 * large text is matched, no signal aborts. Whoever sets a deadline for a signal therefore says how to ask whether it is
 * over, and long computations ask.
 */
const deadlines = new WeakMap<AbortSignal, () => boolean>();

/** Binds the question "is it over?" to a signal that is to abort at that time. */
export function bindDeadline(signal: AbortSignal, isOver: () => boolean): void {
  deadlines.set(signal, isOver);
}

/** Whether the signal has aborted, or should have. */
export function isOver(signal: AbortSignal): boolean {
  return signal.aborted || (deadlines.get(signal)?.() ?? false);
}

/**
 * Does something until `outer` aborts or the time is over, and binds the deadline to the signal that it is given: it
 * aborts with `outer`'s reason, or with what `late` makes.
 */
export async function withDeadline<Answer>(
  outer: AbortSignal,
  milliseconds: number,
  late: () => unknown,
  use: (signal: AbortSignal) => Promise<Answer>,
): Promise<Answer> {
  // One signal for both: every look at a composite one asks all that it is made of.
  const over = new AbortController();
  const interrupt = () => over.abort(outer.reason);
  if (outer.aborted) interrupt();
  else outer.addEventListener('abort', interrupt, { once: true });
  const timer = setTimeout(() => over.abort(late()), milliseconds);
  const end = performance.now() + milliseconds;
  bindDeadline(over.signal, () => performance.now() > end);
  try {
    return await use(over.signal);
  } finally {
    clearTimeout(timer);
    outer.removeEventListener('abort', interrupt);
  }
}
