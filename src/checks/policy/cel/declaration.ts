import type { CelType } from './types.ts';
import type { CelValue } from './values.ts';

/** What a function may ask of the gate besides its arguments, so that a verdict can be repeated. */
export interface CelHost {
  /** Milliseconds since the epoch: one moment for the whole verdict. */
  readonly now: number;
  /** From 0 up to 1. */
  readonly random: () => number;
}

/**
 * What one call costs beyond the evaluation of its arguments, in the units of the Go implementation. It is asked after
 * the call, with the arguments in the order of the parameters.
 */
export type CallCost = (args: readonly CelValue[], result: CelValue) => number;

/**
 * One shape of a function. The checker chooses among the overloads of a name by the types of the arguments; where these
 * are `dyn` the choice is made at run time, by the values.
 */
export interface Overload {
  /** The name of the overload, as the Go implementation has it: messages and costs go by it. */
  readonly id: string;
  /** Called as `receiver.name(…)`; the receiver is then the first parameter. */
  readonly member?: boolean;
  readonly parameters: readonly CelType[];
  readonly result: CelType;
  /**
   * Gets the arguments in the order of the parameters; their run-time types are those that were declared (parameters
   * and `dyn` admit anything; elements of lists and maps are not looked at). Throws `evaluationError(…)` and nothing
   * else.
   */
  readonly call: (this: void, ...args: CelValue[]) => CelValue;
  /** In place of `call` for the functions that need the gate. */
  readonly callWithHost?: (host: CelHost, ...args: CelValue[]) => CelValue;
  /** 1 where it is absent. */
  readonly cost?: CallCost;
  /**
   * The cost applies only where the checker left this overload alone; where the values chose among several, the call
   * costs 1. So the Go implementation counts for the functions of the language; a library's costs go by the name.
   */
  readonly costIfResolved?: true;
  /** The function looks at the types of its arguments itself, and is called with whatever there is. */
  readonly unguarded?: true;
}

export interface FunctionDeclaration {
  /** With its namespace: `optional.of`, `math.greatest`. */
  readonly name: string;
  readonly overloads: readonly Overload[];
}

/** A name that an environment knows as a constant: `math.PI`, a type's name. */
export interface ConstantDeclaration {
  readonly name: string;
  readonly type: CelType;
  readonly value: CelValue;
}

/** The fields of an `object` type. A field that is not listed is an error when the expression is compiled. */
export interface ObjectDeclaration {
  readonly name: string;
  readonly fields: Readonly<Record<string, CelType>>;
}
