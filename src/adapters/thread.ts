import { Worker } from 'node:worker_threads';
import type { Thread } from '../core/ports.ts';

/** What a thread is told that it is for, as its `workerData`. */
export interface ThreadRole {
  readonly syncgate: 'verifier' | 'tester';
}

/** Old space of a thread in MiB: a few signed objects of the largest size, or the policies of a test, several times over. */
const maxHeapMegabytes = 256;

/** Starts a thread on a program, which finds its role in `workerData`. It gets no environment and no standard input. */
export function startThread(program: string | URL, role: ThreadRole): Thread {
  const worker = new Worker(program, {
    workerData: role,
    env: {},
    argv: [],
    // Flags of this process, such as those of a test runner, are not the thread's.
    execArgv: [],
    stdin: false,
    stdout: false,
    stderr: false,
    resourceLimits: { maxOldGenerationSizeMb: maxHeapMegabytes },
  });
  let thrown: unknown;
  worker.on('error', (error) => {
    thrown = error;
  });
  return {
    post: (question, transfer) => worker.postMessage(question, [...transfer]),
    onAnswer: (listener) => void worker.on('message', listener),
    onEnd: (listener) => void worker.once('exit', () => listener(thrown)),
    hold: (held) => (held ? worker.ref() : worker.unref()),
    stop: () => void worker.terminate(),
  };
}
