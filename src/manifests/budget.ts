import { TextProblem } from './problem.ts';

/**
 * How many values (and documents, empty ones too) may still be read. A text of 32 MiB can hold sixteen million empty
 * lists, and each becomes an object of some hundred bytes.
 */
export class Budget {
  readonly #values: number;
  #left: number;

  constructor(values: number) {
    this.#values = values;
    this.#left = values;
  }

  /** Takes one for what stands at `offset`. Throws MANIFEST_TOO_MANY where none is left. */
  take(offset: number): void {
    if (--this.#left >= 0) return;
    throw new TextProblem('MANIFEST_TOO_MANY', offset, `more than ${this.#values} values were rendered`);
  }
}
