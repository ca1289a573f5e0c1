import type { MessagePort } from 'node:worker_threads';
import type { SigningAuthority } from './examine.ts';
import { type Examination, examine, type Question } from './examine.ts';

/** A question whose authority is named by number: each is sent to a thread once. */
type SentQuestion = Omit<Question, 'authority'> & { readonly authority: number };
export interface SentExamination extends Omit<Examination, 'questions'> {
  readonly questions: readonly SentQuestion[];
  /** Authorities that this thread has not seen yet. */
  readonly authorities: readonly (readonly [number, SigningAuthority])[];
}

/**
 * What a verifying thread does: it answers one examination after the other. Whatever is thrown ends the thread, and
 * with it the answer: who waits for it takes that for a refusal.
 */
export function serveExaminations(port: MessagePort): void {
  const known = new Map<number, SigningAuthority>();
  port.on('message', (sent: SentExamination) => {
    for (const [id, authority] of sent.authorities) known.set(id, authority);
    const questions = sent.questions.map((question): Question => {
      const authority = known.get(question.authority);
      if (authority === undefined) throw new Error('the authority was never sent');
      return { ...question, authority };
    });
    void examine({ ...sent, questions }).then(
      (answer) => port.postMessage(answer),
      (error: unknown) => {
        // Out of the promise, so that it ends the thread.
        setImmediate(() => {
          throw error;
        });
      },
    );
  });
}
