/** How long to wait before the next try, in milliseconds. */
export interface Backoff {
  next(): number;
  /** It went well: the next failure starts from the shortest wait. */
  reset(): void;
}

/** Doubles from `firstMs` to `mostMs`; each wait lies at random in its upper half, so that replicas do not come as one. */
export function createBackoff(firstMs: number, mostMs: number, random: () => number): Backoff {
  let ms = firstMs;
  return {
    next() {
      const wait = ms / 2 + (random() * ms) / 2;
      ms = Math.min(ms * 2, mostMs);
      return wait;
    },
    reset() {
      ms = firstMs;
    },
  };
}
