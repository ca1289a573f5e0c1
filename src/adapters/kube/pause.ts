import { whenAborted } from '../../core/abort.ts';

/** Waits, but no longer than until the signal. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((done) => {
    const finish = () => {
      clearTimeout(timer);
      unlink();
      done();
    };
    const timer = setTimeout(finish, ms);
    const unlink = whenAborted(signal, finish);
  });
}
