import type { GateError } from '../../../core/errors.ts';
import type { Thread } from '../../../core/ports.ts';
import type { TestReport } from './report.ts';
import type { RowFilter } from './rows.ts';

/** What a thread is asked: the tests of some files, in their order. It answers with their reports, file by file. */
export interface TestQuestion {
  readonly files: readonly string[];
  readonly filter: RowFilter;
}

export type TestAnswer = readonly (readonly TestReport[])[];

export interface Distribution {
  readonly start: () => Thread;
  /** How many threads at most. */
  readonly threads: number;
  /** What is reported of files whose thread ended over them. */
  readonly crashed: (thrown: unknown) => GateError;
  readonly onDone?: ((done: number) => void) | undefined;
}

/** Files are handed out a few at a time, so that no thread sits idle while another works through a long list. */
const batch = 8;

/**
 * Runs the tests of files in threads and answers in the order of the files. A thread that ends without an answer takes
 * only its own few files with it. Rejects with the reason of the signal.
 */
export async function distribute(
  files: readonly string[],
  filter: RowFilter,
  { start, threads, crashed, onDone }: Distribution,
  signal: AbortSignal,
): Promise<TestReport[]> {
  const reports = new Map<string, readonly TestReport[]>();
  const waiting = [...files];
  const running = new Set<Thread>();
  const stopAll = () => {
    for (const thread of running) thread.stop();
  };
  signal.addEventListener('abort', stopAll, { once: true });
  try {
    const work = async (): Promise<void> => {
      let thread: Thread | undefined;
      for (;;) {
        const taken = waiting.splice(0, batch);
        if (taken.length === 0 || signal.aborted) break;
        thread ??= track(start(), running);
        const answer = await ask(thread, { files: taken, filter });
        signal.throwIfAborted();
        if ('ended' in answer) {
          thread = undefined;
          const { code, message, mend } = crashed(answer.ended);
          const of = taken.length === 1 ? '' : ` (one of ${taken.length})`;
          for (const file of taken) {
            const error = { code, message: `${file}${of}: ${message}`, mend };
            reports.set(file, [{ file, name: '', rows: [], warnings: [], error }]);
          }
        } else {
          for (const [i, file] of taken.entries()) reports.set(file, answer.reports[i] ?? []);
        }
        onDone?.(reports.size);
      }
      thread?.stop();
    };
    await Promise.all(Array.from({ length: Math.max(1, threads) }, work));
    signal.throwIfAborted();
    return files.flatMap((file) => reports.get(file) ?? []);
  } finally {
    signal.removeEventListener('abort', stopAll);
    stopAll();
  }
}

function track(thread: Thread, running: Set<Thread>): Thread {
  running.add(thread);
  thread.onEnd(() => running.delete(thread));
  return thread;
}

type Settled = { readonly reports: TestAnswer } | { readonly ended: unknown };

const listening = new WeakMap<Thread, { settle: (settled: Settled) => void; ended: { thrown: unknown } | undefined }>();

/** One question at a time; a thread that ends, now or before, is an answer too. */
function ask(thread: Thread, question: TestQuestion): Promise<Settled> {
  let state = listening.get(thread);
  if (state === undefined) {
    const made = { settle: (_: Settled) => {}, ended: undefined as { thrown: unknown } | undefined };
    thread.onAnswer((answer) => made.settle({ reports: answer as TestAnswer }));
    thread.onEnd((thrown) => {
      made.ended = { thrown };
      made.settle({ ended: thrown });
    });
    listening.set(thread, made);
    state = made;
  }
  const known = state;
  return new Promise((settle) => {
    known.settle = settle;
    if (known.ended !== undefined) settle({ ended: known.ended.thrown });
    else thread.post(question, []);
  });
}
