import { asGateError, type GateError } from '../../../core/errors.ts';
import type { JsonValue } from '../../../core/json.ts';
import { Malformed } from './json.ts';

/** Bytes that claim to be signed, of one form. They were hashed, and nothing else: finding is not verifying. */
export interface Found {
  readonly form: 'signature-layer' | 'attestation-layer' | 'bundle' | 'notation';
  /** Where it was found, for findings. */
  readonly source: string;
  /** Of the layer. Unsigned, but cosign keeps the signature in them. */
  readonly annotations: Readonly<Record<string, JsonValue>>;
  readonly bytes: Uint8Array;
  /** The predicate type that an unsigned annotation promises: good for sorting, and for nothing else. */
  readonly hint: string | undefined;
}

/** What hangs on a digest in one family and claims to be signed; and what stood in the way. */
export interface Collected {
  readonly found: readonly Found[];
  /** Objects that could not even be read as what they claim to be, each a clause. A good one beside them still counts. */
  readonly malformed: readonly string[];
  /** Over a bound: that family of objects was left unread, whole. */
  readonly tooMany: readonly string[];
  /** What the registry failed to answer: with it the absence of a signature proves nothing. */
  readonly failures: readonly GateError[];
}

/** Blobs and manifests of one image that are on their way at once. */
const atOnce = 4;

/** Over a bound in the middle of a family: what is left of it is not read. */
export class TooMuch extends Error {}

/** What came of reading one family. */
export class Reading {
  readonly #found: Found[] = [];
  readonly #malformed: string[] = [];
  readonly #tooMany: string[] = [];
  readonly #failures: GateError[] = [];
  readonly spend: (bytes: number) => void;

  constructor(spend: (bytes: number) => void) {
    this.spend = spend;
  }

  /** One object's trouble stays its own: it is noted, and the next is read. */
  async guarded<Value>(source: string, read: () => Promise<Value>): Promise<Value | undefined> {
    try {
      return await read();
    } catch (error) {
      if (error instanceof Malformed) this.#malformed.push(`${source}: ${error.message}`);
      else this.fail(error);
      return undefined;
    }
  }

  add(found: readonly (Found | undefined)[]): void {
    this.#found.push(...found.filter((each) => each !== undefined));
  }

  join(other: Collected): void {
    this.#malformed.push(...other.malformed);
    this.#tooMany.push(...other.tooMany);
    this.#failures.push(...other.failures);
  }

  tooMany(what: string): void {
    if (!this.#tooMany.includes(what)) this.#tooMany.push(what);
  }

  fail(error: unknown): void {
    if (error instanceof TooMuch) this.tooMany(error.message);
    else this.#failures.push(asGateError(error, 'IMAGE_UNVERIFIABLE'));
  }

  collected(): Collected {
    return { found: this.#found, malformed: this.#malformed, tooMany: this.#tooMany, failures: this.#failures };
  }
}

/** Several collections as one, in their order; what stood in the way of two is told once. */
export function joined(parts: readonly Collected[]): Collected {
  return {
    found: parts.flatMap(({ found }) => found),
    malformed: [...new Set(parts.flatMap(({ malformed }) => malformed))],
    tooMany: [...new Set(parts.flatMap(({ tooMany }) => tooMany))],
    failures: [...new Set(parts.flatMap(({ failures }) => failures))],
  };
}

/** Does the work for each, a few at a time, and answers in the order of the list. */
export async function inTurn<Item, Answer>(
  items: readonly Item[],
  work: (item: Item) => Promise<Answer>,
): Promise<readonly Answer[]> {
  const answers: Answer[] = [];
  const waiting = [...items.entries()];
  const run = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      answers[next[0]] = await work(next[1]);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, run));
  return answers;
}
