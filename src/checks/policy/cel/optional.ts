import { optionalElement } from './access.ts';
import {
  call,
  constant,
  type Expression,
  identifier,
  list,
  type Macro,
  type MacroCall,
  memberCall,
  Operator,
  variableName,
} from './ast.ts';
import type { ConstantDeclaration, FunctionDeclaration } from './declaration.ts';
import { evaluationError, noSuchOverload } from './error.ts';
import { BOOL, DYN, INT, listOf, mapOf, optionalOf, STRING, typeOf, typeParameter } from './types.ts';
import { ArrayList, type CelList, CelOptional, CelTypeValue, type CelValue } from './values.ts';
import { isZero } from './zero.ts';

const K = typeParameter('K');
const V = typeParameter('V');
const OPTIONAL = optionalOf(V);

const lazily = (): never => {
  // The compiler evaluates these itself: their second argument may not be needed.
  throw noSuchOverload();
};

const element = (operand: CelValue | undefined, index: CelValue | undefined): CelValue =>
  optionalElement(operand as CelValue, index as CelValue);

/** Optional values: `optional.of`, `.?field`, `[?index]`, `orValue` and the rest, in the first version of the library. */
export const OPTIONAL_FUNCTIONS: readonly FunctionDeclaration[] = [
  {
    name: 'optional.of',
    overloads: [
      { id: 'optional_of', parameters: [V], result: OPTIONAL, call: (value) => CelOptional.of(value as CelValue) },
    ],
  },
  {
    name: 'optional.ofNonZeroValue',
    overloads: [
      {
        id: 'optional_ofNonZeroValue',
        parameters: [V],
        result: OPTIONAL,
        call: (value) => (isZero(value as CelValue) ? CelOptional.none : CelOptional.of(value as CelValue)),
      },
    ],
  },
  {
    name: 'optional.none',
    overloads: [{ id: 'optional_none', parameters: [], result: OPTIONAL, call: () => CelOptional.none }],
  },
  {
    name: 'value',
    overloads: [
      {
        id: 'optional_value',
        member: true,
        parameters: [OPTIONAL],
        result: V,
        call: (optional) => {
          const { value } = optional as CelOptional;
          if (value === undefined) throw evaluationError('optional.none() dereference');
          return value;
        },
      },
    ],
  },
  {
    name: 'hasValue',
    overloads: [
      {
        id: 'optional_hasValue',
        member: true,
        parameters: [OPTIONAL],
        result: BOOL,
        call: (optional) => (optional as CelOptional).value !== undefined,
      },
    ],
  },
  {
    name: 'or',
    overloads: [
      { id: 'optional_or_optional', member: true, parameters: [OPTIONAL, OPTIONAL], result: OPTIONAL, call: lazily },
    ],
  },
  {
    name: 'orValue',
    overloads: [{ id: 'optional_orValue_value', member: true, parameters: [OPTIONAL, V], result: V, call: lazily }],
  },
  {
    name: Operator.optionalSelect,
    overloads: [{ id: 'select_optional_field', parameters: [DYN, STRING], result: OPTIONAL, call: lazily }],
  },
  {
    name: Operator.optionalIndex,
    overloads: [
      { id: 'list_optindex_optional_int', parameters: [listOf(V), INT], result: OPTIONAL, call: element },
      {
        id: 'optional_list_optindex_optional_int',
        parameters: [optionalOf(listOf(V)), INT],
        result: OPTIONAL,
        call: element,
      },
      { id: 'map_optindex_optional_value', parameters: [mapOf(K, V), K], result: OPTIONAL, call: element },
      {
        id: 'optional_map_optindex_optional_value',
        parameters: [optionalOf(mapOf(K, V)), K],
        result: OPTIONAL,
        call: element,
      },
    ],
  },
  {
    name: Operator.index,
    overloads: [
      { id: 'optional_list_index_int', parameters: [optionalOf(listOf(V)), INT], result: OPTIONAL, call: element },
      { id: 'optional_map_index_value', parameters: [optionalOf(mapOf(K, V)), K], result: OPTIONAL, call: element },
    ],
  },
];

/** What the second version of the library added. */
export const OPTIONAL_LIST_FUNCTIONS: readonly FunctionDeclaration[] = [
  {
    name: 'first',
    overloads: [
      {
        id: 'list_first',
        member: true,
        parameters: [listOf(V)],
        result: OPTIONAL,
        call: (items) => optionalElement(items as CelList, 0n),
      },
    ],
  },
  {
    name: 'last',
    overloads: [
      {
        id: 'list_last',
        member: true,
        parameters: [listOf(V)],
        result: OPTIONAL,
        call: (items) => optionalElement(items as CelList, BigInt((items as CelList).size - 1)),
      },
    ],
  },
  {
    name: 'optional.unwrap',
    overloads: [
      {
        id: 'optional_unwrap',
        parameters: [listOf(OPTIONAL)],
        result: listOf(V),
        call: (items) => unwrap(items as CelList),
      },
    ],
  },
  {
    name: 'unwrapOpt',
    overloads: [
      {
        id: 'optional_unwrapOpt',
        member: true,
        parameters: [listOf(OPTIONAL)],
        result: listOf(V),
        call: (items) => unwrap(items as CelList),
      },
    ],
  },
];

function unwrap(items: CelList): CelList {
  const found: CelValue[] = [];
  for (const item of items) {
    if (!(item instanceof CelOptional)) throw noSuchOverload();
    if (item.value !== undefined) found.push(item.value);
  }
  return new ArrayList(found);
}

export const OPTIONAL_CONSTANTS: readonly ConstantDeclaration[] = [
  { name: 'optional_type', type: typeOf(optionalOf(DYN)), value: new CelTypeValue('optional_type') },
];

/** `optional.optMap(x, …)` and `optional.optFlatMap(x, …)`. */
export const OPTIONAL_MACROS: readonly Macro[] = [
  { name: 'optMap', member: true, argumentCount: 2, expand: (macro) => mapped(macro, true) },
  { name: 'optFlatMap', member: true, argumentCount: 2, expand: (macro) => mapped(macro, false) },
];

function mapped({ offset, target, arguments: args }: MacroCall, wraps: boolean): Expression {
  const [name, value] = args as [Expression, Expression];
  const variable = variableName(name, `${wraps ? 'optMap' : 'optFlatMap'}() variable name must be a simple identifier`);
  const optional = target as Expression;
  const inner: Expression = {
    kind: 'comprehension',
    offset,
    range: list(offset),
    variable: '#unused',
    second: undefined,
    accumulator: variable,
    initial: memberCall(offset, optional, 'value'),
    condition: constant(offset, false),
    step: identifier(offset, variable),
    result: value,
  };
  const yes = wraps ? call(offset, 'optional.of', inner) : inner;
  return call(
    offset,
    Operator.conditional,
    memberCall(offset, optional, 'hasValue'),
    yes,
    call(offset, 'optional.none'),
  );
}
