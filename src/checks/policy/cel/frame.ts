import type { CostBudget } from './cost.ts';
import type { CelHost } from './declaration.ts';
import { type CelError, CelError as Failure } from './error.ts';
import type { CelValue } from './values.ts';

/** The value of a variable by its full name; undefined where it is not bound. */
export type Bindings = (name: string) => CelValue | undefined;

/** What one evaluation works with. */
export class Frame {
  /** The variables of comprehensions. An accumulator may hold the error that its step met. */
  readonly slots: (CelValue | Poison)[];
  readonly bindings: Bindings;
  readonly budget: CostBudget;
  readonly host: CelHost;

  constructor(slots: number, bindings: Bindings, budget: CostBudget, host: CelHost) {
    this.slots = new Array<CelValue>(slots).fill(null);
    this.bindings = bindings;
    this.budget = budget;
    this.host = host;
  }
}

export type Evaluate = (frame: Frame) => CelValue;

/** An error as a value: what an accumulator holds after a step that failed, until a later step absorbs it. */
export class Poison {
  readonly error: CelError;

  constructor(error: CelError) {
    this.error = error;
  }
}

/** The error if it is one of the language; anything else goes on up. */
export function absorbable(cause: unknown): CelError {
  if (cause instanceof Failure && cause.kind === 'evaluation') return cause;
  throw cause;
}
