import { CelError } from './error.ts';
import type { CelValue } from './values.ts';

/** An expression as parsed, with its macros expanded. `offset` is where it begins in the source. */
export type Expression =
  | { readonly kind: 'constant'; readonly offset: number; readonly value: CelValue }
  | { readonly kind: 'identifier'; readonly offset: number; readonly name: string }
  | SelectExpression
  | CallExpression
  | { readonly kind: 'list'; readonly offset: number; readonly elements: readonly ListElement[] }
  | { readonly kind: 'map'; readonly offset: number; readonly entries: readonly MapEntry[] }
  | {
      readonly kind: 'struct';
      readonly offset: number;
      readonly type: string;
      readonly fields: readonly StructField[];
    }
  | Comprehension;

export interface SelectExpression {
  readonly kind: 'select';
  readonly offset: number;
  readonly operand: Expression;
  readonly field: string;
  /** `has(operand.field)`: asks whether the field is there and gives a bool. */
  readonly testOnly: boolean;
}

export interface CallExpression {
  readonly kind: 'call';
  readonly offset: number;
  /** The receiver of `receiver.name(…)`, which may turn out to be a namespace. */
  readonly target: Expression | undefined;
  /** Operators have the names that `Operator` lists. `_&&_` and `_||_` take two arguments or more. */
  readonly name: string;
  readonly arguments: readonly Expression[];
}

interface ListElement {
  readonly value: Expression;
  /** `[?x]`: an optional value, left out where it holds nothing. */
  readonly optional: boolean;
}

interface MapEntry {
  readonly key: Expression;
  readonly value: Expression;
  readonly optional: boolean;
}

interface StructField {
  readonly name: string;
  readonly value: Expression;
  readonly optional: boolean;
  readonly offset: number;
}

/** A fold: the only loop of the language. It runs over the elements of a list or the keys of a map, in order. */
export interface Comprehension {
  readonly kind: 'comprehension';
  readonly offset: number;
  readonly range: Expression;
  /** The element of a list or the key of a map; with two variables the index or the key. */
  readonly variable: string;
  /** With two variables, the element or the value. */
  readonly second: string | undefined;
  readonly accumulator: string;
  readonly initial: Expression;
  readonly condition: Expression;
  readonly step: Expression;
  /** Sees the accumulator, and none of the other variables. */
  readonly result: Expression;
}

/** The function names behind the operators. */
export const Operator = {
  conditional: '_?_:_',
  and: '_&&_',
  or: '_||_',
  not: '!_',
  equals: '_==_',
  notEquals: '_!=_',
  less: '_<_',
  lessEquals: '_<=_',
  greater: '_>_',
  greaterEquals: '_>=_',
  add: '_+_',
  subtract: '_-_',
  multiply: '_*_',
  divide: '_/_',
  modulo: '_%_',
  negate: '-_',
  index: '_[_]',
  optionalIndex: '_[?_]',
  optionalSelect: '_?._',
  in: '@in',
  notStrictlyFalse: '@not_strictly_false',
} as const;

/** The accumulator of the macros: no source can name it. */
export const ACCUMULATOR = '@result';

export function constant(offset: number, value: CelValue): Expression {
  return { kind: 'constant', offset, value };
}

export function identifier(offset: number, name: string): Expression {
  return { kind: 'identifier', offset, name };
}

export function select(offset: number, operand: Expression, field: string, testOnly = false): Expression {
  return { kind: 'select', offset, operand, field, testOnly };
}

/** A call of a function of the environment, or of an operator. */
export function call(offset: number, name: string, ...args: readonly Expression[]): Expression {
  return { kind: 'call', offset, target: undefined, name, arguments: args };
}

export function memberCall(
  offset: number,
  target: Expression,
  name: string,
  ...args: readonly Expression[]
): Expression {
  return { kind: 'call', offset, target, name, arguments: args };
}

export function list(offset: number, ...values: readonly Expression[]): Expression {
  return { kind: 'list', offset, elements: values.map((value) => ({ value, optional: false })) };
}

/**
 * A macro: a call that is rewritten when it is parsed, before any type is known. The first of an environment that fits
 * by name, style and count of arguments is asked.
 */
export interface Macro {
  readonly name: string;
  /** Written as `target.name(…)`. */
  readonly member: boolean;
  readonly argumentCount: number | 'any';
  /** The call rewritten; undefined leaves it the call that it is. Throws `macroError` where it makes no sense. */
  readonly expand: (call: MacroCall) => Expression | undefined;
}

export interface MacroCall {
  readonly offset: number;
  /** Undefined for macros that are not members. */
  readonly target: Expression | undefined;
  readonly arguments: readonly Expression[];
}

export function macroError(at: Expression, message: string): CelError {
  return new CelError('syntax', message, at.offset);
}

/** The name of a variable that a macro binds. Throws where the argument is not a plain name. */
export function variableName(argument: Expression, message: string): string {
  if (argument.kind !== 'identifier' || argument.name.startsWith('.')) throw macroError(argument, message);
  if (argument.name === ACCUMULATOR || argument.name === '__result__') {
    throw macroError(argument, 'iteration variable overwrites accumulator variable');
  }
  return argument.name;
}
