import { describe, expect, it } from 'vitest';
import { distribute, type TestQuestion } from '../../../../src/checks/policy/testing/distribute.ts';
import type { TestReport } from '../../../../src/checks/policy/testing/report.ts';
import { GateError } from '../../../../src/core/errors.ts';
import type { Thread } from '../../../../src/core/ports.ts';

const filter = { policy: undefined, rule: undefined, resource: undefined };
const files = Array.from({ length: 50 }, (_, i) => `test-${i}`);
const report = (file: string): TestReport => ({ file, name: '', rows: [], warnings: [], error: undefined });

/** A thread by what it does with a question: it answers, ends, or stays silent. */
function threadsThat(act: (question: TestQuestion) => readonly (readonly TestReport[])[] | 'ends' | 'hangs') {
  const stopped: number[] = [];
  let started = 0;
  const start = (): Thread => {
    const number = started++;
    let answered = (_: unknown) => {};
    const ended: ((thrown: unknown) => void)[] = [];
    const end = (thrown: unknown) =>
      queueMicrotask(() => {
        for (const listener of ended) listener(thrown);
      });
    return {
      post(question) {
        const done = act(question as TestQuestion);
        if (done === 'ends') end(new Error('out of memory'));
        else if (done !== 'hangs') queueMicrotask(() => answered(done));
      },
      onAnswer: (listener) => {
        answered = listener;
      },
      onEnd: (listener) => void ended.push(listener),
      hold: () => {},
      stop: () => {
        stopped.push(number);
        end(undefined);
      },
    };
  };
  return { start, stopped, started: () => started };
}

const crashed = () => new GateError('TEST_CRASHED', 'the thread ended');

describe('tests in threads', () => {
  it('are reported in the order of their files, and every thread is stopped', async () => {
    const threads = threadsThat(({ files: taken }) => taken.map((file) => [report(file)]));
    const reports = await distribute(files, filter, { ...threads, threads: 3, crashed }, new AbortController().signal);
    expect(reports.map(({ file }) => file)).toEqual(files);
    expect(new Set(threads.stopped).size).toBe(threads.started());
  });

  it('lose with a thread only the files that it was given', async () => {
    const threads = threadsThat(({ files: taken }) =>
      taken.includes('test-20') ? 'ends' : taken.map((file) => [report(file)]),
    );
    const reports = await distribute(files, filter, { ...threads, threads: 2, crashed }, new AbortController().signal);
    const lost = reports.filter(({ error }) => error !== undefined);
    expect(reports.map(({ file }) => file)).toEqual(files);
    expect(lost.length).toBeLessThanOrEqual(8);
    expect(lost.map(({ file }) => file)).toContain('test-20');
    expect(lost[0]?.error?.code).toBe('TEST_CRASHED');
  });

  it('end when they are told to, though a thread hangs', async () => {
    const over = new AbortController();
    const threads = threadsThat(() => 'hangs');
    const work = distribute(files, filter, { ...threads, threads: 2, crashed }, over.signal);
    over.abort(new GateError('TEST_TIMEOUT', 'late'));
    await expect(work).rejects.toMatchObject({ code: 'TEST_TIMEOUT' });
    expect(threads.stopped.length).toBeGreaterThan(0);
  });
});
