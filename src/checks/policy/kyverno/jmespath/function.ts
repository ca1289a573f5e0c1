import type { Value } from './value.ts';

/** What a run of a query needs from outside. */
export interface JmesPorts {
  /** Milliseconds since the epoch, for `time_now`: one moment for a whole verdict. */
  readonly now: number;
  /** From 0 up to 1, for `random`. */
  readonly random: () => number;
  /** What image names without a registry mean. Kyverno's own settings where it is left out. */
  readonly images?: { readonly defaultRegistry: string; readonly addDefaultRegistry: boolean };
}

/** One run of a query: its ports, and how much it has done. */
export interface Run extends JmesPorts {
  /** Counts work against the limit of a run; throws JmesError of kind `limit` where it is used up. */
  spend(steps: number): void;
}

export type ArgumentType = 'any' | 'number' | 'string' | 'array' | 'object' | 'array[number]' | 'array[string]';

/** Evaluates the expression that a call was given as `&expression`, on one element. */
export type ByExpression = (element: Value) => Value | NotFound;

interface Declared {
  readonly name: string;
}

/** A function of plain values. What arrives at `call` has the declared number and types, except after a variadic one. */
export interface PlainFunction extends Declared {
  /** For each argument the types that it may have. */
  readonly parameters: readonly (readonly ArgumentType[])[];
  /** `variadic`: at least as many as declared, and none is checked. `unchecked`: any number. */
  readonly arity?: 'variadic' | 'unchecked';
  readonly call: (given: readonly Value[], run: Run) => Value;
}

/** A function of a list and an expression; `expressionFirst` says in which order they are given. */
interface ListFunction extends Declared {
  readonly expressionFirst: boolean;
  readonly callBy: (list: readonly Value[], by: ByExpression, run: Run) => Value;
}

export type JmesFunction = PlainFunction | ListFunction;

/** What a key that is not there evaluates to: it runs through chains, and what takes "nothing" turns it into null. */
export class NotFound {
  readonly key: string;
  constructor(key: string) {
    this.key = key;
  }
}

/** The value, or null where there is none. */
export function orNull(value: Value | NotFound): Value {
  return value instanceof NotFound ? null : value;
}
