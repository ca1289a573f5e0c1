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
