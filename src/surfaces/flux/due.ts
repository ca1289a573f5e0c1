import { milliseconds } from './gated-source.ts';
import { statusOf } from './own-status.ts';
import type { Timers } from './ports.ts';
import type { Run } from './run.ts';
import { keyText } from './sources.ts';

const NO_INTERVAL = 10 * 60_000;
/**
 * Images are often signed a little after the commit that names them, and nothing in the cluster tells of it. It is looked
 * for soon, then as long after as it has been waited for, then once a minute. What a registry did not have is believed for
 * five seconds (RegistryLimits.absentMs): sooner there would be the same answer.
 */
const SIGNED_FIRST = 6_000;
const SIGNED_LAST = 60_000;

/** When each gated source is judged again though nothing has changed. Milliseconds. */
export interface Due {
  /** How long the last verdict still holds by its age; undefined where it is asked for anew. */
  restOf(run: Run): number | undefined;
  /** Notes when what was judged just now is judged again, and answers with how long that is. */
  next(run: Run): number;
  /** Its interval, a little less or more each time, so that what began together does not go on together. */
  interval(run: Run): number;
  forget(id: string): void;
}

/** What it knows is lost with the process, after which each is due within its interval, spread over it. */
export function createDue(timers: Timers): Due {
  const dueAt = new Map<string, number>();

  function interval({ spec }: Run): number {
    return (milliseconds(spec.interval) ?? NO_INTERVAL) * (0.95 + timers.random() / 10);
  }

  return {
    interval,
    forget: (id) => void dueAt.delete(id),

    restOf(run) {
      if (run.requestedAt !== undefined && run.requestedAt !== run.status.lastHandledReconcileAt) return undefined;
      const id = keyText(run.key);
      let at = dueAt.get(id);
      if (at === undefined) {
        at = timers.now() + timers.random() * interval(run);
        dueAt.set(id, at);
      }
      const rest = at - timers.now();
      return rest > 0 ? rest : undefined;
    },

    next(run) {
      const { verdict, findings = [], history = [] } = run.status;
      let after = interval(run);
      if (verdict === 'denied' && findings.some((line) => line.startsWith('IMAGE_'))) {
        const refusedFirst = Date.parse(history[0]?.time ?? '');
        // Who asks has often just signed it.
        const wasAsked = run.requestedAt !== statusOf(run.source).lastHandledReconcileAt;
        // By times of day, of which one may have been another replica's, or from before the clock was set.
        const waited = wasAsked ? 0 : Math.abs(timers.wallTime() - refusedFirst);
        after = Math.min(after, Math.max(SIGNED_FIRST, Math.min(waited || 0, SIGNED_LAST)));
      }
      dueAt.set(keyText(run.key), timers.now() + after);
      return after;
    },
  };
}
