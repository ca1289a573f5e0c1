import { availableParallelism } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import type { MessagePort } from 'node:worker_threads';
import { compilePolicies } from '../checks/policy/compile.ts';
import { distribute, type TestAnswer, type TestQuestion } from '../checks/policy/testing/distribute.ts';
import { findTests } from '../checks/policy/testing/files.ts';
import type { TestReport } from '../checks/policy/testing/report.ts';
import type { RowFilter } from '../checks/policy/testing/rows.ts';
import { runTests, type TestPorts } from '../checks/policy/testing/run-test.ts';
import type { ExpectedResult } from '../checks/policy/testing/settings.ts';
import { isFilter, rowsIn, unmatchedError } from '../checks/policy/testing/unmatched.ts';
import { GateError } from '../core/errors.ts';
import { parseDocuments } from '../manifests/parse.ts';
import { isClusterScoped } from '../manifests/scope.ts';
import { defaultManifestSettings } from '../manifests/settings.ts';
import { systemClock, type World } from './world.ts';

/** A thread takes as long to start as a few tests take to run. */
const filesAThread = 16;
/** What more of them would win, memory would pay for. */
const maxThreads = 8;

export interface OpenTests {
  /**
   * Runs every test at or below the paths, in threads where there are many. Throws TEST_MISSING, USAGE where the filter takes no row
   * of them, and what aborts it.
   */
  run(
    paths: readonly string[],
    filter: RowFilter,
    signal: AbortSignal,
    progress: ((done: number, all: number) => void) | undefined,
  ): Promise<readonly TestReport[]>;
}

export function openTests(world: World): OpenTests {
  return {
    async run(paths, filter, signal, progress) {
      const files = findTests(paths);
      const reports = await runAll(files, filter, signal, progress, world.program);
      if (reports.length > 0 || !isFilter(filter)) return reports;
      const rows: ExpectedResult[] = [];
      for (const file of files) {
        rows.push(...rowsIn(file, ports.read));
        await setImmediate();
        signal.throwIfAborted();
      }
      throw unmatchedError(filter, rows);
    },
  };
}

async function runAll(
  files: readonly string[],
  filter: RowFilter,
  signal: AbortSignal,
  progress: ((done: number, all: number) => void) | undefined,
  program: string,
): Promise<TestReport[]> {
  const threads = Math.min(availableParallelism(), maxThreads, Math.floor(files.length / filesAThread));
  if (threads <= 1) return await runHere(files, filter, signal, progress);
  const { startThread } = await import('../adapters/thread.ts');
  return await distribute(
    files,
    filter,
    {
      start: () => startThread(program, { syncgate: 'tester' }),
      threads,
      crashed: (thrown) =>
        new GateError('TEST_CRASHED', 'the thread that ran the test ended without an answer', { cause: thrown }),
      onDone: progress && ((done) => progress(done, files.length)),
    },
    signal,
  );
}

async function runHere(
  files: readonly string[],
  filter: RowFilter,
  signal: AbortSignal,
  progress: ((done: number, all: number) => void) | undefined,
): Promise<TestReport[]> {
  const reports: TestReport[] = [];
  for (const [i, file] of files.entries()) {
    reports.push(...runTests(file, filter, ports));
    progress?.(i + 1, files.length);
    // So that a deadline, or who presses Ctrl-C, has a turn.
    await setImmediate();
    signal.throwIfAborted();
  }
  return reports;
}

/** What a thread does that runs tests. */
export function serveTests(port: MessagePort): void {
  port.on('message', ({ files, filter }: TestQuestion) => {
    const answer: TestAnswer = files.map((file) => runTests(file, filter, ports));
    port.postMessage(answer);
  });
}

/** A test is repeatable: what is random is the same in every run. */
const ports: TestPorts = {
  read: (file, bytes) => parseDocuments({ file, bytes, marks: 'none' }, defaultManifestSettings),
  isClusterScoped: (group, kind) => isClusterScoped(group === '' ? 'v1' : `${group}/v1`, kind, { clusterScoped: [] }),
  compile: compilePolicies,
  kubernetes: '1.36',
  now: () => systemClock.now(),
  random: () => 0.5,
};
