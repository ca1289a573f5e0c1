import { LimitError } from './limit.ts';

/** So many steps take about a millisecond; looking at a clock takes as long as a few of them. */
const LOOK_EVERY = 20_000;

let isOver: (() => boolean) | undefined;
let left = LOOK_EVERY;

/**
 * Does work whose steps are counted (`worked`) and that ends soon after `over` says so, however deep it is. Policies are
 * judged without waiting, one after the other, so there is one such work at a time in a thread.
 */
export function withinDeadline<Answer>(over: () => boolean, work: () => Answer): Answer {
  const outer = isOver;
  isOver = over;
  left = LOOK_EVERY;
  try {
    return work();
  } finally {
    isOver = outer;
  }
}

/**
 * Counts steps of a loop over outside text. Throws LimitError once the deadline is over, and from then on at every call:
 * what catches it becomes a result of status `error`, and whoever set the deadline throws the results away.
 */
export function worked(steps: number): void {
  left -= steps;
  if (left < 0) look();
}

function look(): void {
  if (isOver?.() === true) {
    left = 0;
    throw new LimitError('the deadline was over before the rule was evaluated');
  }
  left = LOOK_EVERY;
}
