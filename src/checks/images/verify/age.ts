import { clockSkewMs, dayMs } from '../content/judgement.ts';
import type { TrustedTime } from './sigstore.ts';

/** Why what was made at some time does not count. */
export interface AgeProblem {
  readonly why: 'too-old' | 'undated';
  /** A clause for people. */
  readonly detail: string;
}

/**
 * When something was made, in milliseconds: the earliest time that a log or a timestamp authority proves, for whoever
 * has an old signature can have it timestamped again. Undefined where only the clock of the gate speaks, which says
 * nothing about it.
 */
export function provedTime(times: readonly TrustedTime[]): number | undefined {
  const proved = times.filter(({ by }) => by !== 'clock').map(({ at }) => at);
  return proved.length === 0 ? undefined : Math.min(...proved);
}

/**
 * What keeps something that was made at a time from counting now; undefined where nothing does. It counts up to and
 * with the last millisecond of its days. A time that is still to come says nothing about its age.
 */
export function ageProblem(at: number | undefined, maxAgeDays: number, now: number): AgeProblem | undefined {
  if (at === undefined) return { why: 'undated', detail: 'no log or timestamp says when it was made' };
  const shown = new Date(at).toISOString().replace('.000Z', 'Z');
  if (at > now + clockSkewMs)
    return { why: 'undated', detail: `the time at which it was made, ${shown}, is still to come` };
  if (now <= countsUntil(at, maxAgeDays)) return undefined;
  const days = `${maxAgeDays} day${maxAgeDays === 1 ? '' : 's'}`;
  return { why: 'too-old', detail: `it was made at ${shown}, and counts for ${days} by spec.images.maxAge` };
}

/** The last moment at which what was made at a time counts, in milliseconds. */
export function countsUntil(at: number, maxAgeDays: number): number {
  return at + maxAgeDays * dayMs;
}
