import { constant, identifier, list, type Macro, macroError } from '../ast.ts';
import { isNamed } from './math.ts';

/** The variable of a fold over nothing. */
const UNUSED = '#unused';

/** `cel.bind(name, value, expression)`: a value is calculated once, and used under a name. */
export const BINDING_MACROS: readonly Macro[] = [
  {
    name: 'bind',
    member: true,
    argumentCount: 3,
    expand: ({ offset, target, arguments: args }) => {
      if (!isNamed(target, 'cel')) return undefined;
      const [name, initial, result] = args;
      if (name === undefined || initial === undefined || result === undefined) return undefined;
      if (name.kind !== 'identifier') throw macroError(name, 'cel.bind() variable names must be simple identifiers');
      return bind(offset, name.name, initial, result);
    },
  },
];

type Expression = ReturnType<typeof identifier>;

/** An expression in which a name stands for the value of another: a fold over an empty list. */
export function bind(offset: number, name: string, value: Expression, result: Expression): Expression {
  return {
    kind: 'comprehension',
    offset,
    range: list(offset),
    variable: UNUSED,
    second: undefined,
    accumulator: name,
    initial: value,
    condition: constant(offset, false),
    step: identifier(offset, name),
    result,
  };
}
