import { whenAborted } from '../../core/abort.ts';

/** So many at once, and the others in the order in which they came. */
export class Slots {
  #free: number;
  readonly #count: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
    this.#count = count;
  }

  /** Nobody has a turn or waits for one. */
  get idle(): boolean {
    return this.#free === this.#count;
  }

  /** Waits for a turn, and answers with what ends it. Rejects with what `left` makes when the signal aborts before. */
  async take(signal: AbortSignal, left: () => unknown): Promise<() => void> {
    if (signal.aborted) throw left();
    if (this.#free > 0) this.#free -= 1;
    else await this.#turn(signal, left);
    return () => {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    };
  }

  #turn(signal: AbortSignal, left: () => unknown): Promise<void> {
    return new Promise((called, gaveUp) => {
      const go = () => {
        stay();
        called();
      };
      const stay = whenAborted(signal, () => {
        this.#waiting.splice(this.#waiting.indexOf(go), 1);
        gaveUp(left());
      });
      this.#waiting.push(go);
    });
  }
}
