import { isOver } from '../core/deadline.ts';
import { type Code, GateError } from '../core/errors.ts';
import { Budget } from '../manifests/budget.ts';
import { TextProblem } from '../manifests/problem.ts';

export interface ReadingLimits {
  /** Keys and values of everything that is parsed. */
  readonly values: number;
  /** Characters of everything that is parsed. */
  readonly characters: number;
  /** Characters of one text. */
  readonly textCharacters: number;
}

/** Real trees have some thousand values in all that steers a rendering. */
const LIMITS: ReadingLimits = { values: 250_000, characters: 16 * 1024 * 1024, textCharacters: 4 * 1024 * 1024 };

/** How much is done between two looks at the event loop, in bytes; some ten milliseconds, and more than most sources have. */
const TURN_BYTES = 128 * 1024;
/** What it costs to find, open and copy a file, however short it is, as bytes that are read. */
const ENTRY_BYTES = 2048;

/**
 * The reading that one rendering does itself, in all its files together: each file has its bounds, and a source may have
 * twenty thousand of them. Nothing of it waits, so that it asks for the time here, and lets others have a turn.
 */
export class Reading {
  readonly budget: Budget;
  readonly #signal: AbortSignal;
  readonly #limits: ReadingLimits;
  readonly #code: Code;
  #characters = 0;
  #done = 0;

  /** `code` is that of the errors for too much. */
  constructor(signal: AbortSignal, limits: ReadingLimits = LIMITS, code: Code = 'SOURCE_TOO_LARGE') {
    this.#signal = signal;
    this.#limits = limits;
    this.#code = code;
    this.budget = new Budget(limits.values);
  }

  /**
   * Counts one more entry, with so many bytes, and lets others have a turn now and then. Throws RENDER_TIMEOUT, or what
   * the signal aborted with, where the time is over.
   */
  async step(bytes = 0): Promise<void> {
    this.#refuseLate();
    this.#done += ENTRY_BYTES + bytes;
    if (this.#done < TURN_BYTES) return;
    this.#done = 0;
    await new Promise((resolve) => setImmediate(resolve));
    this.#refuseLate();
  }

  /** Counts a text that is about to be parsed. Throws where that is too much. */
  take(text: string, place: string): void {
    this.#characters += text.length;
    const { characters, textCharacters } = this.#limits;
    if (text.length > textCharacters) throw this.tooMuch(place, `it is longer than ${textCharacters} characters`);
    if (this.#characters > characters) throw this.tooMuch(place, `more than ${characters} characters${TOGETHER}`);
  }

  /** Counts one value that is made without being parsed. Throws where that is too much. */
  takeValue(place: string): void {
    try {
      this.budget.take(0);
    } catch (thrown) {
      throw thrown instanceof TextProblem ? this.tooManyValues(place) : thrown;
    }
  }

  tooManyValues(place: string): GateError {
    return this.tooMuch(place, `more than ${this.#limits.values} values${TOGETHER}`);
  }

  tooMuch(place: string, what: string): GateError {
    return new GateError(this.#code, `${place}: ${what}`, { place, mend: 'Make it smaller, or take it apart.' });
  }

  #refuseLate(): void {
    if (!isOver(this.#signal)) return;
    throw this.#signal.reason instanceof GateError
      ? this.#signal.reason
      : new GateError('RENDER_TIMEOUT', 'the source was not read before the deadline');
  }
}

const TOGETHER = ' would be read, with all that was read before it';
