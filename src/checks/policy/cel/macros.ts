import {
  ACCUMULATOR,
  call,
  constant,
  type Expression,
  identifier,
  list,
  type Macro,
  type MacroCall,
  macroError,
  Operator,
  select,
  variableName,
} from './ast.ts';

/** The macros of the language itself: `has`, `all`, `exists`, `exists_one` (also `existsOne`), `map`, `filter`. */
export const STANDARD_MACROS: readonly Macro[] = [
  { name: 'has', member: false, argumentCount: 1, expand: expandHas },
  { name: 'all', member: true, argumentCount: 2, expand: quantifier(all) },
  { name: 'exists', member: true, argumentCount: 2, expand: quantifier(exists) },
  { name: 'exists_one', member: true, argumentCount: 2, expand: quantifier(existsOne) },
  { name: 'existsOne', member: true, argumentCount: 2, expand: quantifier(existsOne) },
  { name: 'map', member: true, argumentCount: 2, expand: expandMap },
  { name: 'map', member: true, argumentCount: 3, expand: expandMap },
  { name: 'filter', member: true, argumentCount: 2, expand: expandFilter },
];

/** How a quantifier folds: the parts of a comprehension that do not depend on its variables. */
export interface Fold {
  readonly initial: Expression;
  readonly condition: Expression;
  readonly step: Expression;
  readonly result: Expression;
}

/** True unless a predicate is false: `true && p(1) && p(2) …`, which absorbs errors as `&&` does. */
export function all(offset: number, predicate: Expression): Fold {
  const so = identifier(offset, ACCUMULATOR);
  return {
    initial: constant(offset, true),
    condition: call(offset, Operator.notStrictlyFalse, so),
    step: call(offset, Operator.and, so, predicate),
    result: so,
  };
}

export function exists(offset: number, predicate: Expression): Fold {
  const so = identifier(offset, ACCUMULATOR);
  return {
    initial: constant(offset, false),
    condition: call(offset, Operator.notStrictlyFalse, call(offset, Operator.not, so)),
    step: call(offset, Operator.or, so, predicate),
    result: so,
  };
}

/** Whether exactly one predicate is true. It sees every element, and absorbs nothing. */
export function existsOne(offset: number, predicate: Expression): Fold {
  const count = identifier(offset, ACCUMULATOR);
  const more = call(offset, Operator.add, count, constant(offset, 1n));
  return {
    initial: constant(offset, 0n),
    condition: constant(offset, true),
    step: call(offset, Operator.conditional, predicate, more, count),
    result: call(offset, Operator.equals, count, constant(offset, 1n)),
  };
}

/** Appends a value to a list for every element for which the condition holds; undefined stands for always. */
export function collect(offset: number, value: Expression, condition?: Expression): Fold {
  const so = identifier(offset, ACCUMULATOR);
  const appended = call(offset, Operator.add, so, list(offset, value));
  return {
    initial: list(offset),
    condition: constant(offset, true),
    step: condition === undefined ? appended : call(offset, Operator.conditional, condition, appended, so),
    result: so,
  };
}

/** A comprehension with the accumulator of the macros. */
export function fold(
  offset: number,
  range: Expression,
  variable: string,
  second: string | undefined,
  parts: Fold,
): Expression {
  return { kind: 'comprehension', offset, range, variable, second, accumulator: ACCUMULATOR, ...parts };
}

function expandHas(macro: MacroCall): Expression {
  const argument = macro.arguments[0] as Expression;
  if (argument.kind !== 'select') throw macroError(argument, 'invalid argument to has() macro');
  return select(argument.offset, argument.operand, argument.field, true);
}

function quantifier(kind: (offset: number, predicate: Expression) => Fold): Macro['expand'] {
  return (macro) => {
    const [name, predicate] = macro.arguments as [Expression, Expression];
    const variable = variableName(name, 'argument must be a simple name');
    return fold(macro.offset, macro.target as Expression, variable, undefined, kind(macro.offset, predicate));
  };
}

function expandMap(macro: MacroCall): Expression {
  const variable = variableName(macro.arguments[0] as Expression, 'argument is not an identifier');
  const value = macro.arguments.at(-1) as Expression;
  const condition = macro.arguments.length === 3 ? macro.arguments[1] : undefined;
  const parts = collect(macro.offset, value, condition);
  return fold(macro.offset, macro.target as Expression, variable, undefined, parts);
}

function expandFilter(macro: MacroCall): Expression {
  const [name, condition] = macro.arguments as [Expression, Expression];
  const variable = variableName(name, 'argument is not an identifier');
  const parts = collect(macro.offset, name, condition);
  return fold(macro.offset, macro.target as Expression, variable, undefined, parts);
}
