import type { Lacks } from '../lacks.ts';

/**
 * Why an expression has no value. `syntax`, `type` and `limit` are found when it is compiled; `evaluation` is an error
 * in the sense of the language, which `||`, `&&` and the quantifiers may absorb; `cost` means that the budget is spent
 * and `work` that a bound of this engine was met: neither of the two can be absorbed.
 */
export type CelErrorKind = 'syntax' | 'type' | 'limit' | 'evaluation' | 'cost' | 'work';

/** The only thing that compiling or evaluating an expression throws. */
export class CelError extends Error {
  readonly kind: CelErrorKind;
  /** Where in the source, in UTF-16 units from its start; undefined where no place is known. */
  readonly offset: number | undefined;
  /** What the platform did not say, where that is why. */
  readonly lacks: Lacks | undefined;
  /** Whether the program that this engine stands in for may not have met it: nothing may forgive it as that program would. */
  readonly isOurs: boolean;

  constructor(kind: CelErrorKind, message: string, offset?: number, lacks?: Lacks, isOurs = false) {
    // Evaluation errors are ordinary values of the language (`a || b` throws them away), and collecting a stack costs
    // more than evaluating a whole policy.
    const limit = Error.stackTraceLimit;
    if (kind === 'evaluation') Error.stackTraceLimit = 0;
    super(message);
    Error.stackTraceLimit = limit;
    this.name = 'CelError';
    this.kind = kind;
    this.offset = offset;
    this.lacks = lacks;
    this.isOurs = isOurs || lacks !== undefined || kind === 'work' || kind === 'limit';
  }
}

/** An error of the evaluation, in the words that the Go implementation uses where there are such. */
export function evaluationError(message: string, offset?: number): CelError {
  return new CelError('evaluation', message, offset);
}

/** The error of what depends on data that the platform did not give. */
export function lackingError(lacks: Lacks, message: string): CelError {
  return new CelError('evaluation', message, undefined, lacks);
}

/** The error of what this engine or this gate cannot do, and others can. `||` and `&&` may absorb it all the same. */
export function ourError(message: string): CelError {
  return new CelError('evaluation', message, undefined, undefined, true);
}

/**
 * Which of two errors an operator throws that absorbs errors: the first, unless only the other one is ours. What nobody
 * knows here may be what decides there.
 */
export function decidingError(first: CelError | undefined, next: CelError): CelError {
  return first === undefined || (next.isOurs && !first.isOurs) ? next : first;
}

/**
 * What the Go implementation says of a function that has no overload for the values it was given. For most functions it
 * names the function and the types, for some operators the operator alone, and for others nothing.
 */
export function noSuchOverload(signature?: string): CelError {
  return new CelError('evaluation', signature === undefined ? 'no such overload' : `no such overload: ${signature}`);
}
