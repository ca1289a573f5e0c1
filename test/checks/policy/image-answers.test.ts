import { describe, expect, it, vi } from 'vitest';
import type { PolicyDocument } from '../../../src/checks/policy/document.ts';
import { createImageInquiry, type ImageAnswer, type ImageTrust } from '../../../src/checks/policy/image-answers.ts';

const document: PolicyDocument = { value: {}, file: 'p.yaml', document: 0, locate: () => 'p.yaml:1:1' };
const trustOf = (owner: string): ImageTrust => ({ spelling: 'attestor', document, path: [], owner });
const verified: ImageAnswer = { kind: 'verified', digest: `sha256:${'0'.repeat(64)}`, statements: [] };
const refused: ImageAnswer = { kind: 'refused', message: 'no' };
const signal = new AbortController().signal;

describe('the questions of a verdict', () => {
  it('are answered once each, and then there is nothing left to learn', async () => {
    const verify = vi.fn(async () => verified);
    const { answers, settle } = createImageInquiry(verify);
    const question = { image: 'a', trust: trustOf('t') };
    expect([answers.ask(question, {}), answers.ask(question, {})]).toEqual([undefined, undefined]);
    expect(await settle(signal)).toBe(true);
    expect(answers.ask(question, {})).toEqual(verified);
    expect(await settle(signal)).toBe(false);
    expect(verify).toHaveBeenCalledTimes(1);
  });

  it('are errors where nothing verifies images', async () => {
    const { answers, settle } = createImageInquiry(undefined);
    expect(answers.ask({ image: 'a', trust: trustOf('t') }, {})).toMatchObject({ kind: 'error' });
    expect(await settle(signal)).toBe(false);
  });

  it('end when the signal aborts, and reject where the verifier does', async () => {
    const { answers, settle } = createImageInquiry(() => Promise.reject(new Error('gone')));
    await expect(settle(AbortSignal.abort(new Error('late')))).rejects.toThrow('late');
    answers.ask({ image: 'a', trust: trustOf('t') }, {});
    await expect(settle(signal)).rejects.toThrow('gone');
    // What was not answered stays unanswered.
    expect(answers.ask({ image: 'a', trust: trustOf('t') }, {})).toBeUndefined();
  });

  it('end for a policy that never stops asking', async () => {
    const { answers, settle } = createImageInquiry(async () => verified);
    const asking = async () => {
      for (let i = 0; i < 1000; i++) {
        answers.ask({ image: `a${i}`, trust: trustOf('t') }, {});
        await settle(signal);
      }
    };
    await expect(asking()).rejects.toMatchObject({ code: 'POLICY_EVALUATION_FAILED' });
  });

  it('are bounded in number', async () => {
    const { answers } = createImageInquiry(async () => verified);
    const trust = trustOf('t');
    for (let i = 0; i < 10_000; i++) answers.ask({ image: `a${i}`, trust }, {});
    expect(answers.ask({ image: 'one more', trust }, {})).toMatchObject({ kind: 'error' });
  });
});

describe('what policies know together of an image', () => {
  it('is what any of them found out about the same object', async () => {
    const [one, other] = [trustOf('one'), trustOf('other')];
    const { answers, settle } = createImageInquiry(async ({ trust }) => (trust === one ? refused : verified));
    const [object, stranger] = [{ a: 1 }, { b: 2 }];
    answers.ask({ image: 'a', trust: one }, object);
    expect(answers.evidence('a', object)).toBeUndefined();
    await settle(signal);
    expect(answers.evidence('a', object)).toBe('failed');
    answers.ask({ image: 'a', trust: other }, object);
    await settle(signal);
    expect(answers.evidence('a', object)).toBe('verified');
    expect(answers.evidence('a', stranger)).toBe('none');
    expect(answers.evidence('b', object)).toBe('none');
  });

  it('is asked for again where somebody found out more after it was asked for', async () => {
    const trust = trustOf('t');
    const { answers, settle } = createImageInquiry(async () => verified);
    answers.ask({ image: 'a', trust }, {});
    await settle(signal);
    const object = { later: true };
    expect(answers.evidence('a', object)).toBe('none');
    answers.ask({ image: 'a', trust }, object);
    expect(await settle(signal)).toBe(true);
    expect(answers.evidence('a', object)).toBe('verified');
    expect(await settle(signal)).toBe(false);
  });
});
