import type { Timers } from './ports.ts';

export interface QueueOptions {
  readonly concurrency: number;
  /** How many keys of one namespace run at once; as many as run at all where it is left out. */
  readonly ofOneNamespace?: number;
  /** The first wait after a failure, doubled with each further one up to `most`. Milliseconds. */
  readonly backoff: { readonly first: number; readonly most: number };
  readonly timers: Timers;
  /** Told the number of keys that wait for a turn, whenever it changes. */
  readonly onLength?: (length: number) => void;
}

/** What a run answers: when it wants to run again by itself, and whether that counts as a failure. */
export type Outcome =
  | { readonly kind: 'done' }
  /** Again after so many milliseconds, however often. */
  | { readonly kind: 'again'; readonly after: number }
  /** It failed: again after the backoff, but no later than `atMost`. */
  | { readonly kind: 'failed'; readonly atMost?: number };

/**
 * Keys that wait for their turn: each runs once at a time. Namespaces take turns, and the keys of one run in the order in
 * which they came: a team with thousands of sources that each take long delays its own.
 */
export interface WorkQueue {
  /**
   * Has the key run as soon as its turn comes; while it runs, once more afterwards. With a delay, no later than that: an
   * earlier turn takes the place of a later one.
   */
  add(key: string, delay?: number): void;
  /** Keys that wait for a turn now; those that wait for their time do not count. */
  length(): number;
  /** Takes no more work, takes back what waits, and settles when what runs has ended. */
  drain(): Promise<void>;
}

interface Entry {
  running: boolean;
  /** It waits in line. */
  waiting: boolean;
  /** It was touched while it ran. */
  touched: boolean;
  failures: number;
  timer: { readonly due: number; readonly cancel: () => void } | undefined;
}

/**
 * A queue of keys. `work` must not throw; what it throws all the same counts as a failure and is tried again. The wait
 * after failures is spread by up to half, so that what failed together does not come back together.
 */
export function createQueue(
  work: (key: string) => Promise<Outcome>,
  { concurrency, ofOneNamespace = concurrency, backoff, timers, onLength }: QueueOptions,
): WorkQueue {
  const entries = new Map<string, Entry>();
  /** What waits, by namespace; that whose turn comes next is the first. */
  const lines = new Map<string, string[]>();
  const runningOf = new Map<string, number>();
  let waiting = 0;
  let running = 0;
  let closed = false;
  let onIdle: (() => void) | undefined;

  function entryOf(key: string): Entry {
    let entry = entries.get(key);
    if (entry === undefined) {
      entry = { running: false, waiting: false, touched: false, failures: 0, timer: undefined };
      entries.set(key, entry);
    }
    return entry;
  }

  function enqueue(key: string, entry: Entry): void {
    entry.timer?.cancel();
    entry.timer = undefined;
    if (entry.running) {
      entry.touched = true;
      return;
    }
    if (entry.waiting) return;
    entry.waiting = true;
    const namespace = namespaceOf(key);
    const line = lines.get(namespace);
    if (line === undefined) lines.set(namespace, [key]);
    else line.push(key);
    tellLength(waiting + 1);
    startMore();
  }

  function tellLength(length: number): void {
    waiting = length;
    onLength?.(length);
  }

  /** The next key of the first namespace that has not as many running as it may; that one goes to the end. */
  function next(): string | undefined {
    for (const [namespace, line] of lines) {
      if ((runningOf.get(namespace) ?? 0) >= ofOneNamespace) continue;
      const key = line.shift();
      lines.delete(namespace);
      if (line.length > 0) lines.set(namespace, line);
      return key;
    }
    return undefined;
  }

  function count(namespace: string, more: 1 | -1): void {
    running += more;
    const left = (runningOf.get(namespace) ?? 0) + more;
    if (left === 0) runningOf.delete(namespace);
    else runningOf.set(namespace, left);
  }

  function schedule(key: string, entry: Entry, delay: number): void {
    const due = timers.now() + delay;
    if (entry.waiting || entry.touched || (entry.timer !== undefined && entry.timer.due <= due)) return;
    entry.timer?.cancel();
    const cancel = timers.after(delay, () => {
      entry.timer = undefined;
      if (!closed) enqueue(key, entry);
    });
    entry.timer = { due, cancel };
  }

  function startMore(): void {
    while (!closed && running < concurrency) {
      const key = next();
      if (key === undefined) return;
      tellLength(waiting - 1);
      void run(key, entryOf(key));
    }
  }

  async function run(key: string, entry: Entry): Promise<void> {
    entry.waiting = false;
    entry.running = true;
    count(namespaceOf(key), 1);
    let outcome: Outcome;
    try {
      outcome = await work(key);
    } catch {
      outcome = { kind: 'failed' };
    }
    count(namespaceOf(key), -1);
    entry.running = false;
    if (!closed) settle(key, entry, outcome);
    if (running === 0) onIdle?.();
    startMore();
  }

  function settle(key: string, entry: Entry, outcome: Outcome): void {
    entry.failures = outcome.kind === 'failed' ? entry.failures + 1 : 0;
    if (entry.touched) {
      entry.touched = false;
      enqueue(key, entry);
    } else if (outcome.kind === 'again') {
      schedule(key, entry, outcome.after);
    } else if (outcome.kind === 'failed') {
      schedule(key, entry, Math.min(waitAfter(entry.failures), outcome.atMost ?? Number.POSITIVE_INFINITY));
    } else if (entry.timer === undefined) {
      entries.delete(key);
    }
  }

  function waitAfter(failures: number): number {
    // 2^30 is beyond any bound that makes sense, and well within what a number holds.
    const full = Math.min(backoff.first * 2 ** Math.min(failures - 1, 30), backoff.most);
    return full * (0.5 + timers.random() / 2);
  }

  return {
    add(key, delay = 0) {
      if (closed) return;
      const entry = entryOf(key);
      if (delay <= 0) enqueue(key, entry);
      else schedule(key, entry, delay);
    },
    length: () => waiting,
    async drain() {
      closed = true;
      for (const entry of entries.values()) entry.timer?.cancel();
      entries.clear();
      lines.clear();
      tellLength(0);
      if (running === 0) return;
      await new Promise<void>((done) => {
        onIdle = done;
      });
    },
  };
}

function namespaceOf(key: string): string {
  return key.slice(0, Math.max(key.indexOf('/'), 0));
}
