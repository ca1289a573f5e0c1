import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type AlarmClock, isOver, withDeadline } from '../../src/core/deadline.ts';

const never = new AbortController().signal;
const late = () => new Error('late');

/** Time that passes when it is told to. */
function handClock(): AlarmClock & { pass(milliseconds: number): void; readonly waiting: number } {
  let now = 0;
  let timers: { at: number; call: () => void }[] = [];
  return {
    now: () => now,
    after(milliseconds, call) {
      const timer = { at: now + milliseconds, call };
      timers.push(timer);
      return () => {
        timers = timers.filter((each) => each !== timer);
      };
    },
    pass(milliseconds) {
      now += milliseconds;
      for (const { call } of timers.filter(({ at }) => at <= now)) call();
      timers = timers.filter(({ at }) => at > now);
    },
    get waiting() {
      return timers.length;
    },
  };
}

describe('work with a deadline', () => {
  it('answers in time, and leaves no timer and no listener behind', async () => {
    const clock = handClock();
    const outer = new AbortController();
    let given: AbortSignal | undefined;
    const answer = withDeadline(outer.signal, { milliseconds: 10, late, clock, graceMs: 5 }, async (signal) => {
      given = signal;
      clock.pass(9);
      return isOver(signal);
    });
    await expect(answer).resolves.toBe(false);
    expect(clock.waiting).toBe(0);
    outer.abort();
    expect(given?.aborted).toBe(false);
  });

  it('tells what waits that the time is over', async () => {
    const work = withDeadline(never, { milliseconds: 1, late }, (signal) => delay(60_000, undefined, { signal }));
    await expect(work).rejects.toThrow('aborted');
  });

  it('takes no answer of what never waited and came too late', async () => {
    const clock = handClock();
    const stuck = { ...clock, after: () => () => {} };
    const work = withDeadline(never, { milliseconds: 10, late, clock: stuck, graceMs: 0 }, async (signal) => {
      clock.pass(11);
      expect(isOver(signal)).toBe(true);
      return 'allowed';
    });
    await expect(work).rejects.toThrow('late');
  });

  it('takes what was said in the grace, and waits for what has none', async () => {
    for (const grace of [{ graceMs: 5 }, {}]) {
      const clock = handClock();
      const work = withDeadline(never, { milliseconds: 10, late, clock, ...grace }, async (signal) => {
        clock.pass(12);
        return signal.reason;
      });
      await expect(work).resolves.toMatchObject({ message: 'late' });
    }
  });

  it.each([
    ['at once', 0],
    ['after its grace', 5],
  ])('leaves alone what ignores its signal, %s', async (_, graceMs) => {
    const clock = handClock();
    const work = withDeadline(never, { milliseconds: 10, late, clock, graceMs }, () => new Promise(() => {}));
    clock.pass(10);
    clock.pass(graceMs);
    await expect(work).rejects.toThrow('late');
  });

  it.each([
    ['the reason of the signal outside', {}, 'stopped'],
    ['what it is told to', { interrupted: () => new Error('interrupted') }, 'interrupted'],
  ])('is given up with %s', async (_, more, message) => {
    const outer = new AbortController();
    const work = withDeadline(outer.signal, { milliseconds: 1000, late, graceMs: 0, ...more }, async () => {
      outer.abort(new Error('stopped'));
      return 'allowed';
    });
    await expect(work).rejects.toThrow(message);
    const another = withDeadline(
      outer.signal,
      { milliseconds: 1000, late, graceMs: 0, ...more },
      async () => 'allowed',
    );
    await expect(another).rejects.toThrow(message);
  });

  it('passes on what the work fails with', async () => {
    const work = withDeadline(never, { milliseconds: 1000, late, graceMs: 0 }, async () => {
      throw new Error('broken');
    });
    await expect(work).rejects.toThrow('broken');
  });
});
