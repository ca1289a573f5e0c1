import { describe, expect, it } from 'vitest';
import { createQueue, type Outcome, type QueueOptions } from '../../../src/surfaces/flux/queue.ts';
import { handTimers, turns } from '../../support/gated/timers.ts';

const done: Outcome = { kind: 'done' };
const failed: Outcome = { kind: 'failed' };

function open(work: (key: string) => Promise<Outcome>, options: Partial<QueueOptions> = {}) {
  const timers = handTimers();
  const queue = createQueue(work, { concurrency: 2, backoff: { first: 1000, most: 60_000 }, timers, ...options });
  return { queue, timers };
}

/** Work that ends when the test says so. */
function held() {
  const running: { readonly key: string; readonly end: (outcome: Outcome) => void }[] = [];
  const started: string[] = [];
  const work = (key: string) =>
    new Promise<Outcome>((end) => {
      started.push(key);
      running.push({ key, end });
    });
  const end = async (key: string, outcome = done) => {
    const at = running.findIndex((each) => each.key === key);
    running.splice(at, 1)[0]?.end(outcome);
    await turns();
  };
  return { work, started, end, running: () => running.map(({ key }) => key) };
}

describe('a turn', () => {
  it('is given in the order in which keys came, to so many at once', async () => {
    const { work, started, end, running } = held();
    const { queue } = open(work);
    for (const key of ['a', 'b', 'c', 'd']) queue.add(key);
    await turns();
    expect(running()).toEqual(['a', 'b']);
    expect(queue.length()).toBe(2);
    await end('b');
    expect(started).toEqual(['a', 'b', 'c']);
  });

  it('is one for a key that was added often', async () => {
    const { work, started, end } = held();
    const { queue } = open(work, { concurrency: 1 });
    queue.add('first');
    for (let i = 0; i < 5; i++) queue.add('often');
    await end('first');
    await end('often');
    expect(started).toEqual(['first', 'often']);
  });

  it('is had once more by a key that was touched while it ran, and never twice at once', async () => {
    const { work, started, end, running } = held();
    const { queue } = open(work);
    queue.add('a');
    await turns();
    queue.add('a');
    queue.add('a');
    await turns();
    expect(running()).toEqual(['a']);
    await end('a');
    expect(started).toEqual(['a', 'a']);
    await end('a');
    expect(running()).toEqual([]);
  });
});

describe('a namespace', () => {
  it('waits for no more than one of another before its turn comes', async () => {
    const { work, started, end } = held();
    const { queue } = open(work, { concurrency: 1 });
    for (const key of ['many/1', 'many/2', 'many/3', 'few/1', 'few/2', 'one/1']) queue.add(key);
    while (started.length < 6) await end(started.at(-1) ?? '');
    expect(started).toEqual(['many/1', 'many/2', 'few/1', 'one/1', 'many/3', 'few/2']);
  });

  it('takes no more turns at once than it may, and leaves the rest to others', async () => {
    const { work, end, running } = held();
    const { queue } = open(work, { concurrency: 3, ofOneNamespace: 2 });
    for (const key of ['slow/1', 'slow/2', 'slow/3', 'slow/4']) queue.add(key);
    await turns();
    expect(running()).toEqual(['slow/1', 'slow/2']);
    expect(queue.length()).toBe(2);
    queue.add('other/1');
    await turns();
    expect(running()).toEqual(['slow/1', 'slow/2', 'other/1']);
    await end('other/1');
    expect(running()).toEqual(['slow/1', 'slow/2']);
    await end('slow/1');
    expect(running()).toEqual(['slow/2', 'slow/3']);
  });
});

describe('a delay', () => {
  it('is waited for', async () => {
    const { work, started } = held();
    const { queue, timers } = open(work);
    queue.add('a', 500);
    await timers.advance(499);
    expect(started).toEqual([]);
    await timers.advance(1);
    expect(started).toEqual(['a']);
  });

  it.each([
    ['an earlier one takes its place', [500, 100], 100],
    ['a later one does not', [100, 500], 100],
    ['none takes its place', [500, 0], 0],
  ])('%s', async (_, delays, after) => {
    const { work, started } = held();
    const { queue, timers } = open(work);
    for (const delay of delays) queue.add('a', delay);
    await timers.advance(after);
    expect(started).toEqual(['a']);
    await timers.advance(1000);
    expect(started).toEqual(['a']);
  });

  it('that a run asks for is kept', async () => {
    const seen: number[] = [];
    const { queue, timers } = open(async () => {
      seen.push(timers.now());
      return { kind: 'again', after: 60_000 };
    });
    const start = timers.now();
    queue.add('a');
    await timers.advance(120_000);
    expect(seen.map((at) => at - start)).toEqual([0, 60_000, 120_000]);
  });
});

describe('after a failure', () => {
  it('it is tried again ever later, up to a bound, and at once where it was touched', async () => {
    const seen: number[] = [];
    const { queue, timers } = open(async () => {
      seen.push(timers.now());
      return failed;
    });
    const start = timers.now();
    queue.add('a');
    await timers.advance(400_000);
    const waits = seen.map((at, i) => at - (seen[i - 1] ?? start));
    // Half of it is certain, and half by chance, which is 0.5 here.
    expect(waits.slice(0, 9)).toEqual([0, 750, 1500, 3000, 6000, 12_000, 24_000, 45_000, 45_000]);
    const before = seen.length;
    queue.add('a');
    await turns();
    expect(seen.length).toBe(before + 1);
  });

  it('it begins anew after a success', async () => {
    const outcomes = [failed, failed, done, failed, done];
    const seen: number[] = [];
    const { queue, timers } = open(async () => {
      seen.push(timers.now());
      return outcomes[seen.length - 1] ?? done;
    });
    queue.add('a');
    await timers.advance(10_000);
    queue.add('a');
    await timers.advance(10_000);
    expect((seen[4] ?? 0) - (seen[3] ?? 0)).toBe(750);
  });

  it('it is tried again no later than it asks for', async () => {
    let runs = 0;
    const { queue, timers } = open(async () => {
      runs += 1;
      return { kind: 'failed', atMost: 100 };
    });
    queue.add('a');
    await timers.advance(1000);
    expect(runs).toBe(11);
  });

  it('work that throws has failed', async () => {
    let runs = 0;
    const { queue, timers } = open(async () => {
      runs += 1;
      throw new Error('unexpected');
    });
    queue.add('a');
    await timers.advance(750);
    expect(runs).toBe(2);
  });
});

describe('the end', () => {
  it('waits for what runs, and starts nothing more', async () => {
    const { work, started, end } = held();
    const { queue, timers } = open(work, { concurrency: 1 });
    queue.add('a');
    queue.add('b');
    queue.add('c', 100);
    await turns();
    let ended = false;
    const draining = queue.drain().then(() => {
      ended = true;
    });
    await timers.advance(1000);
    expect(ended).toBe(false);
    queue.add('d');
    await end('a', { kind: 'again', after: 1 });
    await draining;
    await timers.advance(1000);
    expect(started).toEqual(['a']);
  });

  it('is there at once where nothing runs', async () => {
    const { queue } = open(async () => done);
    await queue.drain();
    expect(queue.length()).toBe(0);
  });
});

it('tells how many wait', async () => {
  const { work, end } = held();
  const lengths: number[] = [];
  const { queue } = open(work, { concurrency: 1, onLength: (length) => lengths.push(length) });
  for (const key of ['a', 'b', 'c']) queue.add(key);
  await end('a');
  await end('b');
  expect(lengths).toEqual([1, 0, 1, 2, 1, 0]);
});
