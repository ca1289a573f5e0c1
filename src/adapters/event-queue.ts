import type { Log, Metrics } from '../core/telemetry.ts';

/** Why an event was told to nobody. */
export type DropReason = 'full' | 'failed' | 'refused' | 'closed';

export interface EventQueue<Event> {
  /** Takes it, or counts it as dropped where too many wait. */
  add(event: Event): void;
  /** Tells what waits for at most so many milliseconds, and drops the rest. */
  close(ms: number): Promise<void>;
}

export interface EventQueueOptions<Event> {
  /** Tells one; answers with why it could not, and rejects never. Events are told one after another. */
  readonly tell: (event: Event, signal: AbortSignal) => Promise<DropReason | undefined>;
  readonly most: number;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Events wait here for who tells them, so that nobody waits for that. */
export function createEventQueue<Event>(options: EventQueueOptions<Event>): EventQueue<Event> {
  const { tell, most, log, metrics } = options;
  const waiting: Event[] = [];
  const end = new AbortController();
  let telling: Promise<void> | undefined;
  let isClosed = false;
  let dropping: DropReason | undefined;

  const drop = (reason: DropReason) => {
    metrics.count('syncgate_events_dropped_total', { reason });
    if (dropping !== reason) log.warn('events are dropped', { reason });
    dropping = reason;
  };
  const work = async () => {
    for (let event = waiting.shift(); event !== undefined; event = waiting.shift()) {
      const failure = end.signal.aborted ? 'closed' : await tell(event, end.signal).catch(() => 'failed' as const);
      if (failure === undefined) dropping = undefined;
      else drop(failure);
    }
    telling = undefined;
  };
  return {
    add(event) {
      if (isClosed) return drop('closed');
      if (waiting.length >= most) return drop('full');
      waiting.push(event);
      telling ??= Promise.resolve().then(work);
    },
    async close(ms) {
      isClosed = true;
      const timer = setTimeout(() => end.abort(), ms);
      await telling;
      clearTimeout(timer);
      end.abort();
    },
  };
}
