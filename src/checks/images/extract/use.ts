import { GateError } from '../../../core/errors.ts';
import type { JsonPath } from '../../../core/json.ts';

/** A string of an object that is, or may be, an image that will run. */
export interface ImageUse {
  readonly path: JsonPath;
  /** The reference alone, without a scheme. */
  readonly text: string;
  /** What stands before the reference in the field, such as `oci://`. */
  readonly scheme: string;
  /** What reads the field: some readers refuse a reference that has both a tag and a digest. */
  readonly pinAs: 'tag-and-digest' | 'digest';
  /** Undefined where the gate knows that it is an image; else the setting that says what a suspicion does. */
  readonly suspected: Suspicion | undefined;
}

export type Suspicion = 'unknownKinds' | 'argsAndEnv';

/** An image field that does not hold a string. */
export interface FieldProblem {
  readonly path: JsonPath;
  readonly problem: string;
}

/** Nothing that runs has as many; each would be an answer of its own. */
const maxUses = 10_000;

/** Collects uses and problems; a field that two rules find is one use, and certainty wins over suspicion. */
export class Uses {
  readonly #uses = new Map<string, ImageUse>();
  readonly #paths = new Set<string>();
  readonly #problems = new Map<string, FieldProblem>();
  readonly #isOver: () => boolean;
  #asked = 0;

  /** `isOver` is asked now and then: reading one object is synchronous work, which no timer interrupts. */
  constructor(isOver: () => boolean = () => false) {
    this.#isOver = isOver;
  }

  add(use: Pick<ImageUse, 'path' | 'text'> & Partial<ImageUse>): void {
    const key = JSON.stringify(use.path);
    const made: ImageUse = { scheme: '', pinAs: 'tag-and-digest', suspected: undefined, ...use };
    // One field may hold several suspected images, such as a shell command; only one can be known.
    const id = made.suspected === undefined ? key : `${key} ${made.text}`;
    if (!this.#uses.has(key) && !this.#uses.has(id)) this.#uses.set(id, made);
    if (this.#uses.size > maxUses) {
      const what = `an object has more than ${maxUses} strings that look like images`;
      throw new GateError('MANIFEST_TOO_MANY', what, { mend: 'Make several objects of it.' });
    }
    this.#paths.add(key);
  }

  refuse(path: JsonPath, problem: string): void {
    this.#problems.set(JSON.stringify(path), { path, problem });
  }

  /** Whether something was found at the field already: an image, a suspicion or a wrong value. */
  has(path: JsonPath): boolean {
    // Every string that is looked at comes by here.
    if (++this.#asked % 256 === 0 && this.#isOver()) {
      throw new GateError('CHECK_TIMEOUT', 'an object was not searched for images before the deadline');
    }
    const key = JSON.stringify(path);
    return this.#paths.has(key) || this.#problems.has(key);
  }

  get uses(): ImageUse[] {
    return [...this.#uses.values()];
  }

  get problems(): FieldProblem[] {
    return [...this.#problems.values()];
  }
}
