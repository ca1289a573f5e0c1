import { whenAborted } from '../../../core/abort.ts';
import { CODES, type Code, GateError } from '../../../core/errors.ts';
import type { StartThread, Thread } from '../../../core/ports.ts';
import type { AskedOfThread, SentObjects } from './worker.ts';

/** Something to be answered in a thread. */
export interface ThreadQuestion<Answer> {
  /**
   * What is posted, made when it is known to which thread. `numberOf` names objects that a thread keeps: each is sent to
   * it in full once. What is in `transfer` is moved and not copied.
   */
  write(numberOf: (object: object) => number): {
    readonly asked: AskedOfThread;
    readonly transfer: readonly ArrayBuffer[];
  };
  /** The thread runs this program's own code; still, half an answer must not be taken for one. */
  isAnswer(value: unknown): value is Answer;
}

/** Threads that answer one question at a time, and are stopped where they do not. */
export interface ThreadPool {
  /**
   * Throws IMAGE_VERIFY_TIMEOUT, IMAGE_VERIFY_CRASHED, CHECK_SILENT and what the thread refuses to work with; never an
   * answer that is not one.
   */
  ask<Answer>(question: ThreadQuestion<Answer>, signal: AbortSignal): Promise<Answer>;
  /** Starts a thread before it is needed. */
  warm(): void;
  /** Ends every thread; what is under way is answered by an error. */
  close(): void;
}

export interface ThreadPoolOptions {
  readonly startThread: StartThread;
  /** Threads at the same time. */
  readonly threads: number;
  /** Milliseconds that one question may take. */
  readonly deadlineMs: number;
}

interface Job {
  readonly question: ThreadQuestion<unknown>;
  readonly signal: AbortSignal;
  readonly settle: (answer: Settled) => void;
}

type Settled = { readonly value: unknown } | GateError;

interface Runner {
  readonly thread: Thread;
  /** The numbers of the objects that it has. */
  readonly known: Set<number>;
  job: Job | undefined;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** A pool of threads, which are started when there is work for them. */
export function createThreadPool({ startThread, threads, deadlineMs }: ThreadPoolOptions): ThreadPool {
  const runners = new Set<Runner>();
  const waiting: Job[] = [];
  const numbers = new WeakMap<object, number>();
  let numbered = 0;
  let closed = false;

  const numberOf = (object: object): number => {
    const number = numbers.get(object) ?? numbered++;
    numbers.set(object, number);
    return number;
  };

  const finish = (runner: Runner, answer: Settled): void => {
    const { job } = runner;
    clearTimeout(runner.timer);
    runner.job = undefined;
    runner.thread.hold(false);
    job?.settle(answer);
  };

  /** A thread that failed in any way is never asked again. */
  const discard = (runner: Runner, error: GateError): void => {
    runners.delete(runner);
    runner.thread.stop();
    finish(runner, error);
    next();
  };

  const start = (): Runner => {
    const runner: Runner = { thread: startThread(), known: new Set(), job: undefined, timer: undefined };
    runner.thread.hold(false);
    runner.thread.onAnswer((said) => {
      if (!runners.has(runner)) return;
      const answer = runner.job === undefined ? undefined : readAnswer(said, runner.job.question);
      if (answer === undefined) return discard(runner, silent());
      finish(runner, answer);
      next();
    });
    runner.thread.onEnd((thrown) => {
      if (runners.has(runner)) discard(runner, crashed(thrown));
    });
    runners.add(runner);
    return runner;
  };

  const next = (): void => {
    if (closed) return;
    while (waiting.length > 0) {
      const idle = [...runners].find(({ job }) => job === undefined);
      if (idle === undefined && runners.size >= threads) return;
      const job = waiting.shift() as Job;
      // Nobody waits for it any more.
      if (job.signal.aborted) continue;
      let runner = idle;
      try {
        runner ??= start();
        assign(runner, job);
      } catch (error) {
        if (runner === undefined || runner.job === undefined) job.settle(crashed(error));
        if (runner !== undefined) discard(runner, crashed(error));
      }
    }
  };

  const assign = (runner: Runner, job: Job): void => {
    runner.job = job;
    runner.timer = setTimeout(() => discard(runner, late(deadlineMs)), deadlineMs);
    runner.thread.hold(true);
    const objects: SentObjects[number][] = [];
    const { asked, transfer } = job.question.write((object) => {
      const number = numberOf(object);
      if (!runner.known.has(number)) objects.push([number, object]);
      runner.known.add(number);
      return number;
    });
    runner.thread.post({ objects, asked }, transfer);
  };

  return {
    async ask<Answer>(question: ThreadQuestion<Answer>, signal: AbortSignal): Promise<Answer> {
      signal.throwIfAborted();
      if (closed) throw crashed(undefined);
      return await new Promise<Answer>((done, failed) => {
        const job: Job = {
          question,
          signal,
          settle: (answer) => {
            stay();
            if (answer instanceof GateError) failed(answer);
            // Held to the shape of this question when it was read.
            else done(answer.value as Answer);
          },
        };
        const abort = () => {
          failed(signal.reason);
          const at = waiting.indexOf(job);
          if (at >= 0) waiting.splice(at, 1);
          const runner = [...runners].find((each) => each.job === job);
          if (runner !== undefined) discard(runner, late(deadlineMs));
        };
        const stay = whenAborted(signal, abort);
        waiting.push(job);
        next();
      });
    },
    warm() {
      if (closed || runners.size > 0) return;
      try {
        start();
      } catch {
        // Told when there is work for it.
      }
    },
    close() {
      closed = true;
      for (const job of waiting.splice(0)) job.settle(crashed(undefined));
      for (const runner of [...runners]) discard(runner, crashed(undefined));
    },
  };
}

/** Undefined for what is neither an answer to the question nor a reason why there is none. */
function readAnswer(said: unknown, question: ThreadQuestion<unknown>): Settled | undefined {
  if (typeof said !== 'object' || said === null) return undefined;
  const { answer, refused } = said as { readonly answer?: unknown; readonly refused?: unknown };
  if (refused === undefined) return question.isAnswer(answer) ? { value: answer } : undefined;
  const { code, message, mend } = (refused ?? {}) as Readonly<Record<string, unknown>>;
  const isReason =
    typeof code === 'string' && Object.hasOwn(CODES, code) && typeof message === 'string' && typeof mend === 'string';
  return isReason ? new GateError(code as Code, message, { mend }) : undefined;
}

function late(deadlineMs: number): GateError {
  return new GateError('IMAGE_VERIFY_TIMEOUT', `its signatures were not verified within ${deadlineMs / 1000} s`);
}

function crashed(cause: unknown): GateError {
  return new GateError('IMAGE_VERIFY_CRASHED', 'the thread that verifies its signatures ended without an answer', {
    cause,
  });
}

function silent(): GateError {
  return new GateError('CHECK_SILENT', 'the thread that verifies its signatures gave something that is no answer');
}
