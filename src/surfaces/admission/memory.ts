import { hash } from 'node:crypto';
import type { Verdict } from './answer.ts';

/** Why an object may stay as it is, and by whose rules. */
export interface Remembered {
  /** Empty for objects of the cluster. */
  readonly namespace: string;
  readonly rules: string;
  readonly verdict: Verdict;
  readonly until: number;
}

/** Answers by what was asked. */
export interface Memory {
  get(key: string): Remembered | undefined;
  set(key: string, remembered: Remembered): void;
}

/** Some 10 MiB, and more objects than Flux is given in most clusters. */
const maxRemembered = 20_000;

/** A memory of `most` answers, of which those that were not asked for longest are forgotten first. */
export function createMemory(now: () => number, most: number = maxRemembered): Memory {
  const known = new Map<string, Remembered>();
  return {
    get(key) {
      const found = known.get(key);
      if (found === undefined) return undefined;
      known.delete(key);
      if (found.until <= now()) return undefined;
      known.set(key, found);
      return found;
    },
    set(key, remembered) {
      known.delete(key);
      known.set(key, remembered);
      if (known.size <= most) return;
      const [oldest] = known.keys();
      if (oldest !== undefined) known.delete(oldest);
    },
  };
}

/** How an API server begins every review: only the uid in it is another one each time. */
const beginning = '{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"';
const beginningBytes = Buffer.from(beginning);
const longestUid = 128;

/** Which question a review asks: everything in it but its uid. */
export interface Question {
  readonly key: string;
  /** Undefined where the uid does not stand where an API server writes it: the question is then never asked again. */
  readonly uid: string | undefined;
}

/**
 * Names a question by a digest over every byte of the review but the uid: objects, user, operation, options. Nothing is
 * left out as of no consequence, because a rule may read anything.
 */
export function questionOf(body: Buffer): Question {
  const start = beginningBytes.length;
  if (body.length > start && body.compare(beginningBytes, 0, start, 0, start) === 0) {
    const end = body.subarray(start, start + longestUid + 1).indexOf(0x22);
    const uid = end < 0 ? '' : body.toString('latin1', start, start + end);
    if (/^[\w.:-]{1,128}$/.test(uid)) return { key: hash('sha256', body.subarray(start + end), 'hex'), uid };
  }
  return { key: hash('sha256', body, 'hex'), uid: undefined };
}
