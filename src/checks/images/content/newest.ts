import { type AttestedStatement, clockSkewMs, dayMs, show } from './judgement.ts';
import { Unreadable } from './reader.ts';

/** A statement that tells when it was made. */
export interface Dated<Content> {
  readonly content: Content;
  /** As the signer says it, in milliseconds. */
  readonly time: number;
  readonly trustedTime: number | undefined;
  readonly signer: string;
}

/** Reads a statement that must tell its time. Throws Unreadable, also where that time is one that cannot be. */
export function dated<Content>(
  { trustedTime, signer }: AttestedStatement,
  { content, time }: { readonly content: Content; readonly time: number },
  now: number,
): Dated<Content> {
  if (time > now + clockSkewMs) throw new Unreadable(`its time ${iso(time)} is in the future`);
  // Signed before it was made: a time that was moved forward, to be newer than what came after it.
  if (trustedTime !== undefined && time > trustedTime + clockSkewMs) {
    throw new Unreadable(`it says ${iso(time)}, and was signed at ${iso(trustedTime)} already`);
  }
  return { content, time, trustedTime, signer };
}

/**
 * Those that count: the newest by trusted time and the newest by their own time, which are one where all is well.
 * Whoever has an old statement can have it timestamped again, and a signer's clock can be wrong: neither way may an old
 * clean scan speak before a newer failing one, so both are judged. Of equal times all count.
 */
export function newest<Content>(statements: readonly Dated<Content>[]): Dated<Content>[] {
  const never = Number.NEGATIVE_INFINITY;
  const latest = statements.reduce((most, { time }) => Math.max(most, time), never);
  const latestTrusted = statements.reduce((most, { trustedTime = never }) => Math.max(most, trustedTime), never);
  return statements.filter(({ time, trustedTime }) => time === latest || trustedTime === latestTrusted);
}

/** What is wrong with the age of a statement; undefined if nothing is. Both of its times must be young enough. */
export function tooOld(statement: Dated<unknown>, maxAgeDays: number, now: number): string | undefined {
  const oldest = Math.min(statement.time, statement.trustedTime ?? statement.time);
  if (now - oldest <= maxAgeDays * dayMs) return undefined;
  const days = Math.floor((now - oldest) / dayMs);
  return `is of ${iso(oldest)}, ${days} days old, and ${maxAgeDays} are allowed`;
}

function iso(time: number): string {
  return show(new Date(time).toISOString().replace('.000Z', 'Z'), 40);
}
