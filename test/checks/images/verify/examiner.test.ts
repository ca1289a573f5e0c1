import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { startThread } from '../../../../src/adapters/thread.ts';
import type { Found } from '../../../../src/checks/images/verify/collect.ts';
import type { Examination } from '../../../../src/checks/images/verify/examine.ts';
import { createExaminer, isSmall } from '../../../../src/checks/images/verify/examiner.ts';
import { parseImageReference } from '../../../../src/core/image.ts';
import type { Thread } from '../../../../src/core/ports.ts';
import { digestOf, trustOf } from '../support.ts';

/** The threads that verify: whatever becomes of one, there is no answer but one that was given. */

const never = new AbortController().signal;
const real = () =>
  startThread(new URL('../../../support/verifier-thread.ts', import.meta.url), { syncgate: 'verifier' });

async function examinationBy(type: 'ed25519' | 'ec', bytes: Uint8Array = Buffer.from('{}')): Promise<Examination> {
  const key = type === 'ec' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('ed25519');
  const { policies } = await trustOf({ keys: [key.publicKey.export({ format: 'pem', type: 'spki' }).toString()] });
  const authority = policies[0]?.authorities[0];
  if (authority?.kind !== 'key') throw new Error('no key');
  const found: Found = { form: 'bundle', source: 'referrer 1', annotations: {}, bytes, hint: undefined };
  return {
    digest: digestOf(Buffer.from('image')),
    reference: parseImageReference('registry.example/team/app:v1'),
    now: 0,
    pools: [[found]],
    questions: [{ authority, pools: [0], claims: [{ kind: 'signature' }], every: false }],
    enough: 1,
  };
}

/** A thread that does as it is told when it is asked. */
function fakeThread(answer: (give: (value: unknown) => void, end: (thrown: unknown) => void) => void) {
  const seen = { stopped: 0 };
  const thread = (): Thread => {
    let give: (value: unknown) => void = () => {};
    let end: (thrown: unknown) => void = () => {};
    return {
      post: () => setImmediate(() => answer(give, end)),
      onAnswer: (listener) => {
        give = listener;
      },
      onEnd: (listener) => {
        end = listener;
      },
      hold: () => {},
      stop: () => {
        seen.stopped += 1;
      },
    };
  };
  return { thread, seen };
}

describe('the examiner', () => {
  it('asks a real thread, again and again, and ends it', async () => {
    const examiner = createExaminer({ startThread: real, threads: 1, deadlineMs: 20_000 });
    const examination = await examinationBy('ed25519');
    expect(isSmall(examination)).toBe(false);
    const answers = await Promise.all([1, 2, 3].map(() => examiner.examine(examination, never)));
    for (const answer of answers) {
      expect(answer).toMatchObject([[{ proofs: [], refused: [{ why: 'malformed', source: 'referrer 1' }] }]]);
    }
    // The bytes are still the caller's.
    expect(examination.pools[0]?.[0]?.bytes.length).toBe(2);
    examiner.close();
    await expect(examiner.examine(examination, never)).rejects.toMatchObject({ code: 'IMAGE_VERIFY_CRASHED' });
  });

  it('needs no thread for few signatures by plain keys, and one for many bytes or other work', async () => {
    const small = await examinationBy('ec');
    const large = await examinationBy('ec', Buffer.alloc(1024 * 1024));
    expect([isSmall(small), isSmall(large), isSmall(await examinationBy('ed25519'))]).toEqual([true, false, false]);
    const examiner = createExaminer({
      startThread: () => {
        throw new Error('no thread');
      },
      threads: 1,
      deadlineMs: 1000,
    });
    expect(await examiner.examine(small, never)).toHaveLength(1);
    await expect(examiner.examine(large, never)).rejects.toMatchObject({ code: 'IMAGE_VERIFY_CRASHED' });
  });

  it.each([
    ['hangs', () => {}, 'IMAGE_VERIFY_TIMEOUT'],
    [
      'crashes',
      (_: unknown, end: (thrown: unknown) => void) => end(new Error('out of memory')),
      'IMAGE_VERIFY_CRASHED',
    ],
    ['ends without a word', (_: unknown, end: (thrown: unknown) => void) => end(undefined), 'IMAGE_VERIFY_CRASHED'],
    ['gives nothing', (give: (value: unknown) => void) => give(undefined), 'CHECK_SILENT'],
    ['gives too few answers', (give: (value: unknown) => void) => give([]), 'CHECK_SILENT'],
    ['gives half an answer', (give: (value: unknown) => void) => give([[]]), 'CHECK_SILENT'],
    ['gives another shape', (give: (value: unknown) => void) => give([[{ proofs: true }]]), 'CHECK_SILENT'],
  ])('a thread that %s gives no answer, and is stopped', async (_, answer, code) => {
    const { thread, seen } = fakeThread(answer);
    const examiner = createExaminer({ startThread: thread, threads: 1, deadlineMs: 50 });
    const examination = await examinationBy('ed25519');
    await expect(examiner.examine(examination, never)).rejects.toMatchObject({ code });
    expect(seen.stopped).toBe(1);
    // The next one is asked anew.
    await expect(examiner.examine(examination, never)).rejects.toMatchObject({ code });
    expect(seen.stopped).toBe(2);
  });

  it('stops a real thread that is busy for ever', async () => {
    const busy = new URL('data:text/javascript,for(;;);');
    const examiner = createExaminer({
      startThread: () => startThread(busy, { syncgate: 'verifier' }),
      threads: 1,
      deadlineMs: 200,
    });
    await expect(examiner.examine(await examinationBy('ed25519'), never)).rejects.toMatchObject({
      code: 'IMAGE_VERIFY_TIMEOUT',
    });
  });

  it('a real thread that throws is a crash', async () => {
    const broken = new URL('data:text/javascript,throw new Error("broken")');
    const examiner = createExaminer({
      startThread: () => startThread(broken, { syncgate: 'verifier' }),
      threads: 1,
      deadlineMs: 20_000,
    });
    await expect(examiner.examine(await examinationBy('ed25519'), never)).rejects.toMatchObject({
      code: 'IMAGE_VERIFY_CRASHED',
    });
  });

  it('lets go of what nobody waits for', async () => {
    const { thread, seen } = fakeThread(() => {});
    const examiner = createExaminer({ startThread: thread, threads: 1, deadlineMs: 60_000 });
    const abort = new AbortController();
    const examination = await examinationBy('ed25519');
    const asked = examiner.examine(examination, abort.signal);
    const queued = examiner.examine(examination, abort.signal);
    abort.abort(new Error('too late'));
    await expect(asked).rejects.toThrow('too late');
    await expect(queued).rejects.toThrow('too late');
    expect(seen.stopped).toBe(1);
  });
});
