import type { MessagePort } from 'node:worker_threads';
import { GateError } from '../../../core/errors.ts';
import type { NotationExamination } from '../notation/examine.ts';
import type { NotationPolicy, RevocationList } from '../notation/model.ts';
import { type Examination, examine, type Question, type SigningAuthority } from './examine.ts';

/** What a thread is sent: a question, and the objects in it that this thread has not seen yet, by their numbers. */
interface SentToThread {
  readonly objects: SentObjects;
  readonly asked: AskedOfThread;
}

export type SentObjects = readonly (readonly [number, object])[];

/** What is large and stays the same from image to image is named by number: each is sent to a thread once. */
export type AskedOfThread =
  | (Omit<Examination, 'questions'> & {
      readonly kind: 'sigstore';
      readonly questions: readonly (Omit<Question, 'authority'> & { readonly authority: number })[];
    })
  | (Omit<NotationExamination, 'policy'> & {
      readonly kind: 'notation';
      readonly policy: number;
      /** Those of all policies of one document, which may be of megabytes. */
      readonly revocationLists: number;
    });

/** What it says. `refused`: what it was given cannot be worked with, such as a trust root; the next question can be. */
type SaidByThread = { readonly answer: unknown } | { readonly refused: Pick<GateError, 'code' | 'message' | 'mend'> };

/**
 * What a verifying thread does: it answers one question after the other. Whatever else is thrown ends the thread, and
 * with it the answer: who waits for it takes that for a refusal.
 */
export function serveExaminations(port: MessagePort): void {
  const known = new Map<number, object>();
  const policies = new Map<number, NotationPolicy>();

  const recall = <Value extends object>(number: number): Value => {
    const object = known.get(number);
    if (object === undefined) throw new Error('what a number stands for was never sent');
    return object as Value;
  };

  const answer = async (asked: AskedOfThread): Promise<unknown> => {
    if (asked.kind === 'sigstore') {
      const questions = asked.questions.map((question): Question => {
        return { ...question, authority: recall<SigningAuthority>(question.authority) };
      });
      return await examine({ ...asked, questions });
    }
    // Sigstore's signatures alone never load it.
    const { examineNotation } = await import('../notation/examine.ts');
    const policy = policies.get(asked.policy) ?? {
      ...recall<Omit<NotationPolicy, 'revocationLists'>>(asked.policy),
      revocationLists: recall<readonly RevocationList[]>(asked.revocationLists),
    };
    policies.set(asked.policy, policy);
    return examineNotation({ ...asked, policy });
  };

  port.on('message', ({ objects, asked }: SentToThread) => {
    for (const [number, object] of objects) known.set(number, object);
    answer(asked).then(
      (given) => port.postMessage({ answer: given } satisfies SaidByThread),
      (error: unknown) => {
        if (error instanceof GateError) {
          const { code, message, mend } = error;
          return port.postMessage({ refused: { code, message, mend } } satisfies SaidByThread);
        }
        // Out of the promise, so that it ends the thread.
        setImmediate(() => {
          throw error;
        });
      },
    );
  });
}
