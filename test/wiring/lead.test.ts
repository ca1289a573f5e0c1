/** Reigns of a replica, one after the other, as the Lease comes and goes. */
import { expect, it } from 'vitest';
import { leadUntil } from '../../src/wiring/lead.ts';
import { turns } from '../support/gated/timers.ts';

/** A Lease that a test gives and takes, and reigns that a test has end. */
function lease() {
  let listener = (_: boolean) => {};
  let leads = false;
  const reigns: { readonly signal: AbortSignal; readonly end: () => void; readonly fail: (why: Error) => void }[] = [];
  const over = new AbortController();
  let state = 'pending';
  const leadership = {
    isLeader: () => leads,
    onChange(next: (leads: boolean) => void) {
      listener = next;
      return () => {};
    },
  };
  const lead = (signal: AbortSignal) =>
    new Promise<void>((end, fail) => {
      reigns.push({ signal, end, fail });
    });
  leadUntil(over.signal, leadership, lead).then(
    () => {
      state = 'ended';
    },
    (error: Error) => {
      state = error.message;
    },
  );
  const give = async (next: boolean) => {
    leads = next;
    listener(next);
    await turns();
  };
  return { give, reigns, over, state: () => state };
}

it('begins a reign when the one before has ended', async () => {
  const { give, reigns, over, state } = lease();
  await give(true);
  await give(false);
  await give(true);
  expect(reigns.map(({ signal }) => signal.aborted)).toEqual([true]);
  reigns[0]?.end();
  await turns();
  expect(reigns.map(({ signal }) => signal.aborted)).toEqual([true, false]);
  over.abort();
  await turns();
  expect(state()).toBe('pending');
  reigns[1]?.end();
  await turns();
  expect(state()).toBe('ended');
});

it('does not wait with the Lease for a reign that does not end: it rejects with what that says', async () => {
  const { give, reigns, state } = lease();
  await give(true);
  await give(false);
  await give(true);
  reigns[0]?.fail(new Error('the storage does not answer'));
  await turns();
  expect([state(), reigns.length]).toEqual(['the storage does not answer', 1]);
});
