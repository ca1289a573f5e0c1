import { GateError } from '../../core/errors.ts';
import type { JsonObject, JsonPath } from '../../core/json.ts';
import type { PolicyDocument } from './document.ts';

/**
 * Who must have signed an image, as a part of a policy says it: an attestor of an ImageValidatingPolicy, or an entry of
 * `verifyImages` of a ClusterPolicy. The image check of the gate reads it when the policy is loaded, and judges by it.
 */
export interface ImageTrust {
  /** What the part at `path` is written in. */
  readonly spelling: 'attestor' | 'verifyImages';
  readonly document: PolicyDocument;
  readonly path: JsonPath;
  /** As findings name it: `ImageValidatingPolicy signed, attestor release`. */
  readonly owner: string;
  /** The attestation that must be signed, in place of a signature. Only with `attestor`; `verifyImages` has its own. */
  readonly attestation?: {
    readonly name: string;
    readonly predicateType: string;
    readonly path: JsonPath;
    /** Whether what is attested is wanted, and not only that somebody signed it. */
    readonly wantsStatements: boolean;
  };
}

/** Whether an image is signed as a policy asks. */
export interface ImageQuestion {
  /** As it stands in the object. */
  readonly image: string;
  readonly trust: ImageTrust;
}

/** `error`: nobody knows, because a registry did not answer or what lies there cannot be read. It is never a pass. */
export type ImageAnswer =
  | {
      readonly kind: 'verified';
      readonly digest: string;
      /** Every statement that was verified, whole; empty where none is wanted. */
      readonly statements: readonly JsonObject[];
    }
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'error'; readonly message: string };

/** What the image policies together know of an image of one object. `failed`: somebody looked, and it is not signed as asked. */
type ImageEvidence = 'verified' | 'failed' | 'none';

/** What is known about images while policies judge, which they do without waiting. */
export interface ImageAnswers {
  /**
   * The answer, or undefined where the question is asked for the first time: it is noted, and whoever asked has no verdict
   * yet. A policy that was left without an answer says so as an error, and is judged again when there is one. `about` is
   * the object that names the image.
   */
  ask(question: ImageQuestion, about: JsonObject): ImageAnswer | undefined;
  /** What any ImageValidatingPolicy found out about an image of an object; undefined while an answer is awaited. */
  evidence(image: string, about: JsonObject): ImageEvidence | undefined;
}

/** Answers a question about what was prepared. Rejects when the signal aborts, and for nothing else. */
export type VerifyImage = (question: ImageQuestion, signal: AbortSignal) => Promise<ImageAnswer>;

/** Verifies images for policies. The image check of the gate implements it. */
export interface ImageVerification {
  /**
   * Reads what a policy trusts; what a person should know of it is the answer, each a clause. Throws a GateError that names
   * the line of what this gate cannot verify by.
   */
  prepare(trust: ImageTrust): Promise<readonly string[]>;
  /** For one verdict: registries are asked anew, and what a tag points to is settled once. */
  forRun(): VerifyImage;
}

/** The questions of one verdict, and their answers. */
export interface ImageInquiry {
  readonly answers: ImageAnswers;
  /**
   * Finds out what was asked since the last time. Where it is true every policy must judge again, with the same objects;
   * where it is false nothing is left to learn, and the results that were given are final. Rejects when the signal aborts,
   * and where policies never stop asking.
   */
  settle(signal: AbortSignal): Promise<boolean>;
}

/** So many different questions are answered in one verdict: objects name images, and each may be asked of any registry. */
const maxQuestions = 10_000;
/** Answers lead to questions only along the validations of a policy, one after the other. */
const maxRounds = 200;
const concurrency = 8;

/** Without a verification every question is answered by an error: an image that nobody verified has not passed. */
export function createImageInquiry(verify: VerifyImage | undefined): ImageInquiry {
  const known = new Map<ImageTrust, Map<string, ImageAnswer | 'pending'>>();
  const askedAbout = new WeakMap<JsonObject, Map<string, Set<ImageTrust>>>();
  const missed = new WeakMap<JsonObject, Set<string>>();
  let pending: ImageQuestion[] = [];
  let asked = 0;
  let rounds = 0;
  let isLate = false;

  function note({ trust, image }: ImageQuestion, about: JsonObject): void {
    // Kyverno's image policies know of each other, and of no ClusterPolicy.
    if (trust.spelling !== 'attestor') return;
    const byImage = entryOf(askedAbout, about, () => new Map<string, Set<ImageTrust>>());
    const trusts = entryOf(byImage, image, () => new Set<ImageTrust>());
    if (trusts.has(trust)) return;
    trusts.add(trust);
    // Somebody has judged without what this answer says.
    if (missed.get(about)?.has(image) === true) isLate = true;
  }

  return {
    answers: {
      ask(question, about) {
        if (verify === undefined) return { kind: 'error', message: 'images are not verified here' };
        const { trust, image } = question;
        const answers = entryOf(known, trust, () => new Map<string, ImageAnswer | 'pending'>());
        const answer = answers.get(image);
        if (answer === undefined && asked === maxQuestions) {
          return { kind: 'error', message: `policies ask more than ${maxQuestions} questions about images` };
        }
        note(question, about);
        if (answer !== undefined) return answer === 'pending' ? undefined : answer;
        asked += 1;
        answers.set(image, 'pending');
        pending.push(question);
        return undefined;
      },
      evidence(image, about) {
        entryOf(missed, about, () => new Set<string>()).add(image);
        const trusts = askedAbout.get(about)?.get(image) ?? [];
        const answers = [...trusts].map((trust) => known.get(trust)?.get(image));
        if (answers.some((answer) => answer === 'pending')) return undefined;
        const kinds = answers.map((answer) => (answer as ImageAnswer | undefined)?.kind);
        if (kinds.includes('verified')) return 'verified';
        return kinds.includes('refused') ? 'failed' : 'none';
      },
    },
    async settle(signal) {
      signal.throwIfAborted();
      const round = pending;
      const anew = round.length > 0 || isLate;
      if (verify === undefined || !anew) return false;
      rounds += 1;
      // What was said without the answer must not be taken for a verdict, whatever the policy wants done about errors.
      if (rounds > maxRounds) {
        throw new GateError(
          'POLICY_EVALUATION_FAILED',
          `policies asked about images more than ${maxRounds} times over`,
        );
      }
      pending = [];
      isLate = false;
      const queue = round.values();
      const work = async () => {
        for (const question of queue) {
          const answer = await verify(question, signal);
          known.get(question.trust)?.set(question.image, answer);
        }
      };
      await Promise.all(Array.from({ length: Math.min(concurrency, round.length) }, work));
      return true;
    },
  };
}

interface Entries<Key, Value> {
  get(key: Key): Value | undefined;
  set(key: Key, value: Value): unknown;
}

function entryOf<Key, Value>(entries: Entries<Key, Value>, key: Key, make: () => Value): Value {
  const found = entries.get(key);
  if (found !== undefined) return found;
  const made = make();
  entries.set(key, made);
  return made;
}
