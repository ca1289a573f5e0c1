interface Waiting {
  readonly reactions: Set<() => void>;
  readonly abort: () => void;
}

const waiting = new WeakMap<AbortSignal, Waiting>();

/**
 * Calls `react` when the signal aborts, in the order of the calls, and returns what takes it back. For a signal that has
 * aborted already nothing is called: look at it first. However many wait for it, a signal has one listener, and none
 * when nobody waits: a listener for each of a thousand short waits costs more than what they wait for.
 */
export function whenAborted(signal: AbortSignal, react: () => void): () => void {
  const { reactions } = waiting.get(signal) ?? listen(signal);
  // A function of its own, so that one that is given twice is called twice.
  const reaction = () => react();
  reactions.add(reaction);
  return () => {
    reactions.delete(reaction);
    const known = waiting.get(signal);
    if (known?.reactions !== reactions || reactions.size > 0) return;
    signal.removeEventListener('abort', known.abort);
    waiting.delete(signal);
  };
}

/** Settles when the signal has aborted; at once where it has already. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (signal.aborted) done();
    else signal.addEventListener('abort', () => done(), { once: true });
  });
}

function listen(signal: AbortSignal): Waiting {
  const reactions = new Set<() => void>();
  const abort = () => {
    waiting.delete(signal);
    for (const react of reactions) react();
  };
  const made = { reactions, abort };
  waiting.set(signal, made);
  signal.addEventListener('abort', abort, { once: true });
  return made;
}
