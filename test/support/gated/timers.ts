/** Time that passes when a test says so. */
import type { Timers } from '../../../src/surfaces/flux/ports.ts';

export interface HandTimers extends Timers {
  /** Sets the clock of the machine forward or back; no time passes by that. */
  setClock(by: number): void;
  /** Lets so much time pass, and calls what was due in it, in order. */
  advance(milliseconds: number): Promise<void>;
  /** When the next call is due, in milliseconds from now. */
  next(): number | undefined;
}

/** Everything that is ready to go on, goes on: promises, and turns of the event loop. */
export async function turns(count = 20): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise<void>((done) => setImmediate(done));
}

export function handTimers(start = Date.parse('2026-03-01T12:00:00Z')): HandTimers {
  // Two that nobody can take for one another.
  let now = 5_000;
  let ahead = start - now;
  let made = 0;
  const waiting = new Map<number, { readonly due: number; readonly call: () => void }>();
  const earliest = () => [...waiting].sort(([, a], [, b]) => a.due - b.due)[0];
  return {
    now: () => now,
    wallTime: () => now + ahead,
    setClock(by) {
      ahead += by;
    },
    random: () => 0.5,
    after(delay, call) {
      const id = ++made;
      // What is due at once is what makes room for others: it needs no clock.
      if (delay <= 0) {
        const immediate = setImmediate(call);
        return () => clearImmediate(immediate);
      }
      waiting.set(id, { due: now + delay, call });
      return () => void waiting.delete(id);
    },
    next() {
      const first = earliest();
      return first && first[1].due - now;
    },
    async advance(milliseconds) {
      const end = now + milliseconds;
      for (;;) {
        await turns();
        const first = earliest();
        if (first === undefined || first[1].due > end) break;
        waiting.delete(first[0]);
        now = Math.max(now, first[1].due);
        first[1].call();
      }
      now = end;
      await turns();
    },
  };
}
