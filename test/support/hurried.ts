import type { AlarmClock } from '../../src/core/deadline.ts';
import { monotonicClock } from '../../src/core/deadline.ts';

/** A clock on which a minute goes by in 60 milliseconds: for deadlines that nothing is to meet. */
export const hurried: AlarmClock = {
  now: () => monotonicClock.now() * 1000,
  after: (milliseconds, call) => monotonicClock.after(milliseconds / 1000, call),
};
