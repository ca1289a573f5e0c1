import type { Leadership } from '../adapters/kube/leader.ts';
import { aborted } from '../core/abort.ts';

/**
 * Leads whenever this replica is the leader, one reign after the other, and settles when the signal has aborted and the
 * last work has ended. Rejects with what a reign could not go on after, or did not come to its end for: whoever led on
 * would hold the Lease and do nothing.
 */
export async function leadUntil(
  signal: AbortSignal,
  leadership: Pick<Leadership, 'isLeader' | 'onChange'>,
  lead: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  let reign: { readonly over: AbortController; readonly ended: Promise<void> } | undefined;
  let failed = (_: unknown) => {};
  const failure = new Promise<never>((_, reject) => {
    failed = reject;
  });
  failure.catch(() => {});
  const turn = (leads: boolean) => {
    if (!leads) {
      reign?.over.abort();
      return;
    }
    const over = new AbortController();
    const before = reign?.ended ?? Promise.resolve();
    const ended = before.then(() => (over.signal.aborted ? undefined : lead(over.signal)));
    ended.catch(failed);
    reign = { over, ended };
  };
  const forget = leadership.onChange(turn);
  try {
    if (leadership.isLeader()) turn(true);
    await Promise.race([failure, aborted(signal)]);
  } finally {
    forget();
    reign?.over.abort();
    await reign?.ended.catch(() => {});
  }
}
