import { describe, expect, it } from 'vitest';
import { whenAborted } from '../../src/core/abort.ts';

describe('waiting for a signal', () => {
  it('calls all who wait, once, in the order in which they came', () => {
    const controller = new AbortController();
    const called: number[] = [];
    whenAborted(controller.signal, () => called.push(1));
    whenAborted(controller.signal, () => called.push(2));
    controller.abort();
    controller.abort();
    expect(called).toEqual([1, 2]);
  });

  it('does not call whoever left, also in the midst of it, and leaving twice takes nobody else away', () => {
    const controller = new AbortController();
    const called: string[] = [];
    const react = () => void called.push('same');
    const leave = whenAborted(controller.signal, react);
    whenAborted(controller.signal, react);
    leave();
    leave();
    whenAborted(controller.signal, () => second());
    const second = whenAborted(controller.signal, () => called.push('left'));
    controller.abort();
    expect(called).toEqual(['same']);
  });

  it('begins anew after everybody has left', () => {
    const controller = new AbortController();
    let called = 0;
    whenAborted(controller.signal, () => called++)();
    whenAborted(controller.signal, () => called++);
    controller.abort();
    expect(called).toBe(1);
  });

  it('calls nobody for a signal that has aborted already', () => {
    const signal = AbortSignal.abort();
    let called = 0;
    whenAborted(signal, () => called++)();
    expect(called).toBe(0);
  });
});
