import { describe, expect, it, vi } from 'vitest';
import type { Outcome } from '../../src/core/decision.ts';
import { GateError } from '../../src/core/errors.ts';
import { runCheck } from '../../src/decision/run-check.ts';

const passed: Outcome = { kind: 'completed', examined: 3, findings: [] };
const never = new AbortController().signal;

describe('a check', () => {
  it('that answers is believed, with all that it said', async () => {
    const answer = { outcome: passed, more: 'evidence' };
    expect(await runCheck('images', async () => answer, never)).toEqual({ outcome: passed, answer });
  });

  it('that says itself that it could not finish keeps its answer', async () => {
    const outcome: Outcome = { kind: 'errored', error: new GateError('IMAGE_UNVERIFIABLE', 'down') };
    expect((await runCheck('images', async () => ({ outcome }), never)).outcome).toBe(outcome);
  });

  it('gets the signal that stops it', async () => {
    const stop = new AbortController();
    const check = vi.fn(async (_signal: AbortSignal) => ({ outcome: passed }));
    await runCheck('images', check, stop.signal);
    expect(check).toHaveBeenCalledWith(stop.signal);
  });

  it.each([
    [
      'a foreign error becomes a crash that names the check',
      new Error('boom'),
      'CHECK_CRASHED',
      'the images check crashed: boom',
    ],
    ['an error of ours stays what it is', new GateError('IMAGE_NOT_FOUND', 'gone'), 'IMAGE_NOT_FOUND', 'gone'],
    ['a text that was thrown is told', 'boom', 'CHECK_CRASHED', 'the images check crashed: boom'],
    [
      'a long story is cut',
      new Error('x'.repeat(1000)),
      'CHECK_CRASHED',
      `the images check crashed: ${'x'.repeat(300)}`,
    ],
  ])('%s', async (_, thrown, code, message) => {
    const { outcome, answer } = await runCheck('images', () => Promise.reject(thrown), never);
    expect(answer).toBeUndefined();
    expect(outcome).toMatchObject({ kind: 'errored', error: { code, message } });
  });

  it('that ends in an abort of its own making after the deadline is late, not broken', async () => {
    const deadline = new AbortController();
    const check = async () => {
      deadline.abort();
      throw new DOMException('This operation was aborted', 'AbortError');
    };
    const { outcome } = await runCheck('images', check, deadline.signal);
    expect(outcome).toMatchObject({ error: { code: 'CHECK_TIMEOUT' } });
  });

  it('leaves no listener on the signal behind', async () => {
    const { signal } = new AbortController();
    const added = vi.spyOn(signal, 'addEventListener');
    const removed = vi.spyOn(signal, 'removeEventListener');
    await runCheck('images', async () => ({ outcome: passed }), signal);
    expect(removed.mock.calls.map(([name, listener]) => [name, listener])).toEqual(
      added.mock.calls.map(([name, listener]) => [name, listener]),
    );
  });
});
