import type { Log, Metrics } from '../core/telemetry.ts';

/** Why an event was told to nobody. */
type DropReason = 'full' | 'failed' | 'refused' | 'closed';

/** The same with what was answered, or what stood in the way: `403 Forbidden`, `ENOTFOUND`. */
export interface Drop {
  readonly reason: DropReason;
  readonly cause?: string;
}

export interface EventQueue<Event> {
  /** Takes it, or counts it as dropped where too many wait. */
  add(event: Event): void;
  /** Tells what waits for at most so many milliseconds, and drops the rest. */
  close(ms: number): Promise<void>;
}

export interface EventQueueOptions<Event> {
  /** Tells one; answers with why it could not, and rejects never. Events are told one after another. */
  readonly tell: (event: Event, signal: AbortSignal) => Promise<Drop | undefined>;
  readonly most: number;
  /** What to do where events fail, or are refused. */
  readonly mends: Readonly<Record<'failed' | 'refused', string>>;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Events wait here for who tells them, so that nobody waits for that. */
export function createEventQueue<Event>(options: EventQueueOptions<Event>): EventQueue<Event> {
  const { tell, most, mends, log, metrics } = options;
  const waiting: Event[] = [];
  const end = new AbortController();
  let telling: Promise<void> | undefined;
  let isClosed = false;
  /** What was said last: of a receiver that is away one line is enough, until something is told again or the cause changes. */
  let said: string | undefined;

  const drop = ({ reason, cause }: Drop) => {
    metrics.count('syncgate_events_dropped_total', { reason });
    const now = `${reason} ${cause}`;
    if (said !== now) log.warn('events are dropped', { reason, cause, mend: mendOf(reason) });
    said = now;
  };
  const mendOf = (reason: DropReason): string | undefined => {
    switch (reason) {
      case 'failed':
      case 'refused':
        return mends[reason];
      case 'full':
        return 'Events come faster than they are taken: see what changes so often, and how long the receiver takes.';
      case 'closed':
        return undefined;
      default:
        return reason satisfies never;
    }
  };
  const work = async () => {
    for (let event = waiting.shift(); event !== undefined; event = waiting.shift()) {
      const failure: Drop | undefined = end.signal.aborted
        ? { reason: 'closed' }
        : await tell(event, end.signal).catch(() => ({ reason: 'failed' }) as const);
      if (failure === undefined) said = undefined;
      else drop(failure);
    }
    telling = undefined;
  };
  return {
    add(event) {
      if (isClosed) return drop({ reason: 'closed' });
      if (waiting.length >= most) return drop({ reason: 'full' });
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
