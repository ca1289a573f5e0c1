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

export interface AlarmClock {
  /** Milliseconds, from whenever. */
  now(): number;
  /** Calls once, after so many milliseconds; answers with what takes it back. */
  after(milliseconds: number, call: () => void): () => void;
}

/** The process's own time, which never runs backwards. */
export const monotonicClock: AlarmClock = {
  now: () => performance.now(),
  after(milliseconds, call) {
    const timer = setTimeout(call, milliseconds);
    return () => clearTimeout(timer);
  },
};

export interface Deadline {
  readonly milliseconds: number;
  /** Made when the time is over: what it is given up with. */
  readonly late: () => unknown;
  /** What it is given up with when the outer signal aborts; that signal's reason if nothing is said. */
  readonly interrupted?: () => unknown;
  /**
   * What has not answered so many milliseconds after its signal is left alone, and whatever it answers then is none. If
   * nothing is said, it is waited for: what knows of its signal can say how far it came.
   */
  readonly graceMs?: number;
  /** The process's own if nothing is said. */
  readonly clock?: AlarmClock;
}

/**
 * Does something until `outer` aborts or the time is over, and binds the deadline to the signal that it is given, which
 * aborts with what `interrupted` or `late` makes. Where there is a grace, an answer that comes after it is none.
 */
export async function withDeadline<Answer>(
  outer: AbortSignal,
  { milliseconds, late, interrupted = () => outer.reason, graceMs, clock = monotonicClock }: Deadline,
  use: (signal: AbortSignal) => Promise<Answer>,
): Promise<Answer> {
  // One signal for both: every look at a composite one asks all that it is made of.
  const over = new AbortController();
  const { signal } = over;
  const interrupt = () => over.abort(interrupted());
  if (outer.aborted) interrupt();
  else outer.addEventListener('abort', interrupt, { once: true });
  const end = clock.now() + milliseconds;
  const cancels = [clock.after(Math.max(0, milliseconds), () => over.abort(late()))];
  bindDeadline(signal, () => clock.now() > end);
  try {
    if (graceMs === undefined) return await use(signal);
    const answer = await Promise.race([left(graceMs), use(signal)]);
    // What never waits keeps every timer from firing.
    if (clock.now() > end + graceMs) throw late();
    return answer;
  } finally {
    for (const cancel of cancels) cancel();
    outer.removeEventListener('abort', interrupt);
  }

  /** Rejects when what ignores its signal is waited for no longer. */
  function left(grace: number): Promise<never> {
    return new Promise((_, reject) => {
      const giveUp = () => reject(signal.reason);
      const wait = () => (grace === 0 ? giveUp() : cancels.push(clock.after(grace, giveUp)));
      if (signal.aborted) wait();
      else signal.addEventListener('abort', wait, { once: true });
    });
  }
}
