import { GateError } from '../../../core/errors.ts';
import type { StartThread, Thread } from '../../../core/ports.ts';
import { type Examination, type Examined, examine, type SigningAuthority } from './examine.ts';
import type { SentExamination } from './worker.ts';

/** Judges what was found, where it can be stopped. */
export interface Examiner {
  /** Throws IMAGE_VERIFY_TIMEOUT, IMAGE_VERIFY_CRASHED and CHECK_SILENT; never an answer that is not one. */
  examine(examination: Examination, signal: AbortSignal): Promise<Examined>;
  /** Starts a thread before it is needed. */
  warm(): void;
  /** Ends every thread; what is under way is answered by an error. */
  close(): void;
}

export interface ExaminerOptions {
  readonly startThread: StartThread;
  /** Threads at the same time. */
  readonly threads: number;
  /** Milliseconds that one examination may take. */
  readonly deadlineMs: number;
}

/**
 * What is examined without a thread: signatures by managed keys alone, and not many bytes of them. That is hashing,
 * one operation with a key of bounded size, and reading JSON of bounded depth, each linear in those bytes; there are
 * no certificates, logs, expressions or libraries in it. See docs/decisions/0110.
 */
const inlineBytes = 256 * 1024;
const inlineObjects = 32;

interface Job {
  readonly examination: Examination;
  readonly signal: AbortSignal;
  readonly settle: (answer: Examined | GateError) => void;
}

interface Runner {
  readonly thread: Thread;
  readonly known: Set<number>;
  job: Job | undefined;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** A pool of threads, which are started when there is work for them. */
export function createExaminer({ startThread, threads, deadlineMs }: ExaminerOptions): Examiner {
  const runners = new Set<Runner>();
  const waiting: Job[] = [];
  const numbers = new Map<SigningAuthority, number>();
  let closed = false;

  const numberOf = (authority: SigningAuthority): number => {
    const number = numbers.get(authority) ?? numbers.size;
    numbers.set(authority, number);
    return number;
  };

  const finish = (runner: Runner, answer: Examined | GateError): void => {
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
    runner.thread.onAnswer((answer) => {
      if (!runners.has(runner)) return;
      const examination = runner.job?.examination;
      if (examination === undefined) return discard(runner, silent());
      if (!isExamined(answer, examination)) return discard(runner, silent());
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
    const { sent, transfer } = toSend(job.examination, runner.known, numberOf);
    runner.thread.post(sent, transfer);
  };

  return {
    async examine(examination, signal) {
      signal.throwIfAborted();
      if (isSmall(examination)) return await examine(examination);
      if (closed) throw crashed(undefined);
      return await new Promise<Examined>((done, failed) => {
        const job: Job = {
          examination,
          signal,
          settle: (answer) => {
            signal.removeEventListener('abort', abort);
            if (answer instanceof GateError) failed(answer);
            else done(answer);
          },
        };
        const abort = () => {
          failed(signal.reason);
          const at = waiting.indexOf(job);
          if (at >= 0) waiting.splice(at, 1);
          const runner = [...runners].find((each) => each.job === job);
          if (runner !== undefined) discard(runner, late(deadlineMs));
        };
        signal.addEventListener('abort', abort, { once: true });
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

/** Whether the examination is one of `inlineBytes`. */
export function isSmall({ pools, questions }: Examination): boolean {
  const found = pools.flat();
  const objects = questions.length * found.length;
  const bytes = found.reduce((sum, each) => sum + each.bytes.length, 0);
  return objects <= inlineObjects && bytes <= inlineBytes && questions.every(({ authority }) => isPlainKey(authority));
}

/** Ed25519ph is checked by a library in JavaScript, which takes a hundred times as long as the others. */
function isPlainKey(authority: SigningAuthority): boolean {
  return (
    authority.kind === 'key' &&
    authority.key.kind !== 'ed25519' &&
    authority.log.demand === 'ignored' &&
    authority.timestamp.demand === 'ignored'
  );
}

/** A copy whose bytes can be moved to the thread, and authorities by number, each in full the first time. */
function toSend(
  examination: Examination,
  known: Set<number>,
  numberOf: (authority: SigningAuthority) => number,
): { readonly sent: SentExamination; readonly transfer: readonly ArrayBuffer[] } {
  const authorities: [number, SigningAuthority][] = [];
  const questions = examination.questions.map((question) => {
    const number = numberOf(question.authority);
    if (!known.has(number)) authorities.push([number, question.authority]);
    known.add(number);
    return { ...question, authority: number };
  });
  const transfer: ArrayBuffer[] = [];
  const pools = examination.pools.map((pool) =>
    pool.map((found) => {
      const bytes = new Uint8Array(found.bytes);
      transfer.push(bytes.buffer);
      return { ...found, bytes };
    }),
  );
  return { sent: { ...examination, pools, questions, authorities }, transfer };
}

/** The thread runs this program's own code; still, half an answer must not be taken for one. */
function isExamined(answer: unknown, { questions }: Examination): answer is Examined {
  return (
    Array.isArray(answer) &&
    answer.length === questions.length &&
    questions.every(({ claims }, i) => {
      const part: unknown = answer[i];
      return part === undefined || (Array.isArray(part) && part.length === claims.length && part.every(isClaimAnswer));
    })
  );
}

function isClaimAnswer(value: unknown): boolean {
  const { proofs, refused } = (value ?? {}) as { readonly proofs?: unknown; readonly refused?: unknown };
  return Array.isArray(proofs) && Array.isArray(refused);
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
