import { CODES } from '../../../core/errors.ts';
import type { NotationAnswer } from '../notation/answer.ts';
import type { NotationExamination } from '../notation/examine.ts';
import type { NotationPolicy } from '../notation/model.ts';
import { type Examination, type Examined, examine, type SigningAuthority } from './examine.ts';
import { createThreadPool, type ThreadPool, type ThreadPoolOptions, type ThreadQuestion } from './thread-pool.ts';

/** Judges what was found, where it can be stopped. */
export interface Examiner extends Pick<ThreadPool, 'warm' | 'close'> {
  /** Throws what `ThreadPool.ask` throws; never an answer that is not one. */
  examine(examination: Examination, signal: AbortSignal): Promise<Examined>;
  /** The same, of signatures of the Notary Project. */
  examineNotation(examination: NotationExamination, signal: AbortSignal): Promise<NotationAnswer>;
}

/**
 * What is examined without a thread: signatures by managed keys alone, and not many bytes of them. That is hashing,
 * one operation with a key of bounded size, and reading JSON of bounded depth, each linear in those bytes; there are
 * no certificates, logs, expressions or libraries in it. See docs/decisions/0110.
 */
const inlineBytes = 256 * 1024;
const inlineObjects = 32;

/** An examiner over a pool of threads. */
export function createExaminer(options: ThreadPoolOptions): Examiner {
  const { ask, warm, close } = createThreadPool(options);
  return {
    async examine(examination, signal) {
      signal.throwIfAborted();
      return isSmall(examination) ? await examine(examination) : await ask(sigstoreQuestion(examination), signal);
    },
    examineNotation: (examination, signal) => ask(notationQuestion(examination), signal),
    warm,
    close,
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

function sigstoreQuestion(examination: Examination): ThreadQuestion<Examined> {
  return {
    write(numberOf) {
      const pools = examination.pools.map((pool) => pool.map(copied));
      const questions = examination.questions.map((question) => {
        return { ...question, authority: numberOf(question.authority) };
      });
      const transfer = pools.flatMap((pool) => pool.map(({ bytes }) => bytes.buffer));
      return { asked: { ...examination, kind: 'sigstore', pools, questions }, transfer };
    },
    isAnswer: (value) => isExamined(value, examination),
  };
}

function notationQuestion({
  signatures: all,
  policy,
  target,
  maxAgeDays,
  now,
}: NotationExamination): ThreadQuestion<NotationAnswer> {
  return {
    write(numberOf) {
      const signatures = all.map(copied);
      const transfer = signatures.map(({ bytes }) => bytes.buffer);
      const numbers = { policy: numberOf(withoutLists(policy)), revocationLists: numberOf(policy.revocationLists) };
      return { asked: { kind: 'notation', signatures, target, maxAgeDays, now, ...numbers }, transfer };
    },
    isAnswer: isNotationAnswer,
  };
}

const stripped = new WeakMap<NotationPolicy, Omit<NotationPolicy, 'revocationLists'>>();

/** All policies of a document have the same lists, which go on their own. */
function withoutLists(policy: NotationPolicy): Omit<NotationPolicy, 'revocationLists'> {
  const { revocationLists: _, ...rest } = policy;
  const known = stripped.get(policy) ?? rest;
  stripped.set(policy, known);
  return known;
}

/** The bytes are the caller's, and others look at them too: a copy is what is moved. */
function copied<Value extends { readonly bytes: Uint8Array }>(value: Value) {
  return { ...value, bytes: new Uint8Array(value.bytes) };
}

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

function isNotationAnswer(value: unknown): value is NotationAnswer {
  const { passed, tolerated, note, code, mend } = (value ?? {}) as Readonly<Record<string, unknown>>;
  return (
    typeof passed === 'boolean' &&
    typeof tolerated === 'boolean' &&
    !(passed && tolerated) &&
    (note === undefined || typeof note === 'string') &&
    typeof code === 'string' &&
    Object.hasOwn(CODES, code) &&
    typeof mend === 'string'
  );
}
