import { whenAborted } from '../../core/abort.ts';

/** Work that is under way. Whoever wants the same waits for it, and whoever leaves stops nobody else's. */
export class Flights {
  readonly #flying = new Map<string, Flight>();

  /**
   * The answer to `key`, asked for once however many want it now. `work` is given a signal of its own, which aborts only
   * when everybody who waits has left. Whoever's own signal aborts gets what `left` makes, at once. Nothing is remembered:
   * once the work has ended, the next caller starts it anew.
   */
  share<Answer>(
    key: string,
    signal: AbortSignal,
    left: () => Error,
    work: (signal: AbortSignal) => Promise<Answer>,
  ): Promise<Answer> {
    if (signal.aborted) return Promise.reject(left());
    const flight = this.#flying.get(key) ?? this.#start(key, work);
    flight.waiting += 1;
    return new Promise<Answer>((done, failed) => {
      const leave = () => {
        failed(left());
        flight.waiting -= 1;
        if (flight.waiting > 0) return;
        // Whoever comes now must not be handed what is being stopped.
        this.#land(key, flight);
        flight.stop.abort(signal.reason);
      };
      const stay = whenAborted(signal, leave);
      (flight.ended as Promise<Answer>).then(
        (answer) => {
          stay();
          done(answer);
        },
        (error: unknown) => {
          stay();
          failed(error);
        },
      );
    });
  }

  #start(key: string, work: (signal: AbortSignal) => Promise<unknown>): Flight {
    const stop = new AbortController();
    const flight: Flight = { ended: Promise.resolve().then(() => work(stop.signal)), stop, waiting: 0 };
    const land = () => this.#land(key, flight);
    flight.ended.then(land, land);
    this.#flying.set(key, flight);
    return flight;
  }

  #land(key: string, flight: Flight): void {
    if (this.#flying.get(key) === flight) this.#flying.delete(key);
  }
}

interface Flight {
  readonly ended: Promise<unknown>;
  readonly stop: AbortController;
  waiting: number;
}
