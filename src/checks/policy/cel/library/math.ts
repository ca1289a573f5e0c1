import { call, type Expression, identifier, list, type Macro, type MacroCall, macroError } from '../ast.ts';
import type { FunctionDeclaration, Overload } from '../declaration.ts';
import { evaluationError, noSuchOverload } from '../error.ts';
import { BOOL, type CelType, DOUBLE, DYN, formatType, INT, listOf, UINT } from '../types.ts';
import { type CelList, CelUint, type CelValue, toInt } from '../values.ts';
import { declare, overload } from './overload.ts';

type CelNumber = number | bigint | CelUint;

/** `math.least` and `math.greatest` take any count of arguments, so they are macros over `math.@min` and `math.@max`. */
export const MATH_MACROS: readonly Macro[] = [extremum('least', 'math.@min'), extremum('greatest', 'math.@max')];

/** The functions of the math extension, up to its second version. */
export const MATH_FUNCTIONS: readonly FunctionDeclaration[] = [
  extremumFunction('math.@min', 'math_@min', (order) => order > 0),
  extremumFunction('math.@max', 'math_@max', (order) => order < 0),
  ofDouble('ceil', Math.ceil),
  ofDouble('floor', Math.floor),
  ofDouble('round', roundAwayFromZero),
  ofDouble('trunc', Math.trunc),
  testOfDouble('isInf', (value) => Math.abs(value) === Number.POSITIVE_INFINITY),
  testOfDouble('isNaN', Number.isNaN),
  testOfDouble('isFinite', Number.isFinite),
  declare(
    'math.abs',
    overload('math_abs_double', [DOUBLE], DOUBLE, Math.abs),
    overload('math_abs_int', [INT], INT, (value: bigint) => toInt(value < 0n ? -value : value)),
    overload('math_abs_uint', [UINT], UINT, (value: CelUint) => value),
  ),
  declare(
    'math.sign',
    overload('math_sign_double', [DOUBLE], DOUBLE, (value: number) => (value === 0 ? 0 : Math.sign(value))),
    overload('math_sign_int', [INT], INT, (value: bigint) => (value > 0n ? 1n : value < 0n ? -1n : 0n)),
    overload('math_sign_uint', [UINT], UINT, (value: CelUint) => new CelUint(value.value === 0n ? 0n : 1n)),
  ),
  declare(
    'math.sqrt',
    overload('math_sqrt_double', [DOUBLE], DOUBLE, Math.sqrt),
    overload('math_sqrt_int', [INT], DOUBLE, (value: bigint) => Math.sqrt(Number(value))),
    overload('math_sqrt_uint', [UINT], DOUBLE, (value: CelUint) => Math.sqrt(Number(value.value))),
  ),
  bitwise('bitAnd', (a, b) => a & b),
  bitwise('bitOr', (a, b) => a | b),
  bitwise('bitXor', (a, b) => a ^ b),
  declare(
    'math.bitNot',
    overload('math_bitNot_int_int', [INT], INT, (value: bigint) => ~value),
    overload('math_bitNot_uint_uint', [UINT], UINT, (value: CelUint) => new CelUint(BigInt.asUintN(64, ~value.value))),
  ),
  shift('bitShiftLeft', (value, bits) => value << bits),
  // An int is shifted as if it had no sign.
  shift('bitShiftRight', (value, bits) => BigInt.asUintN(64, value) >> bits),
];

function extremum(name: string, target: string): Macro {
  return {
    name,
    member: true,
    argumentCount: 'any',
    expand: (macro) => (isNamed(macro.target, 'math') ? expandExtremum(macro, name, target) : undefined),
  };
}

/** Whether an expression is the plain name of a namespace. */
export function isNamed(expression: Expression | undefined, name: string): boolean {
  return expression?.kind === 'identifier' && expression.name === name;
}

function expandExtremum({ offset, target, arguments: args }: MacroCall, name: string, to: string): Expression {
  const [first] = args;
  if (first === undefined) {
    throw macroError(target ?? identifier(offset, name), `math.${name}() requires at least one argument`);
  }
  if (args.length === 1) {
    const numbers =
      first.kind === 'list' && first.elements.length > 0 && first.elements.every((e) => mayBeNumber(e.value));
    if (!numbers && !mayBeNumber(first)) throw macroError(first, `math.${name}() invalid single argument value`);
    return call(offset, to, first);
  }
  const wrong = args.find((argument) => !mayBeNumber(argument));
  if (wrong !== undefined) throw macroError(wrong, `math.${name}() simple literal arguments must be numeric`);
  return args.length === 2 ? call(offset, to, ...args) : call(offset, to, list(offset, ...args));
}

function mayBeNumber(expression: Expression): boolean {
  switch (expression.kind) {
    case 'constant':
      return isNumber(expression.value);
    case 'list':
    case 'map':
    case 'struct':
      return false;
    default:
      return true;
  }
}

function isNumber(value: CelValue): value is CelNumber {
  return typeof value === 'bigint' || typeof value === 'number' || value instanceof CelUint;
}

function extremumFunction(name: string, id: string, replaces: (order: number) => boolean): FunctionDeclaration {
  const better = (a: CelNumber, b: CelNumber): CelNumber => (replaces(compareNumbers(a, b)) ? b : a);
  const numbers: readonly CelType[] = [DOUBLE, INT, UINT];
  const overloads: Overload[] = numbers.map((type) =>
    overload(`${id}_${formatType(type)}`, [type], type, (a: CelNumber) => a),
  );
  for (const a of numbers) {
    for (const b of numbers) {
      overloads.push(overload(`${id}_${formatType(a)}_${formatType(b)}`, [a, b], a === b ? a : DYN, better));
    }
  }
  for (const type of numbers) {
    overloads.push(
      overload(`${id}_list_${formatType(type)}`, [listOf(type)], type, (items: CelList) => {
        if (items.size === 0) throw evaluationError(`${name}(list) argument must not be empty`);
        let best: CelNumber | undefined;
        for (const item of items) {
          if (!isNumber(item)) throw noSuchOverload();
          best = best === undefined ? item : better(best, item);
        }
        return best as CelNumber;
      }),
    );
  }
  return declare(name, ...overloads);
}

/** Compares across the numeric types by mathematical value. A NaN compares as neither less nor greater. */
function compareNumbers(a: CelNumber, b: CelNumber): number {
  const left = a instanceof CelUint ? a.value : a;
  const right = b instanceof CelUint ? b.value : b;
  return left < right ? -1 : left > right ? 1 : 0;
}

function ofDouble(name: string, calculate: (value: number) => number): FunctionDeclaration {
  return declare(`math.${name}`, overload(`math_${name}_double`, [DOUBLE], DOUBLE, calculate));
}

function testOfDouble(name: string, test: (value: number) => boolean): FunctionDeclaration {
  return declare(`math.${name}`, overload(`math_${name}_double`, [DOUBLE], BOOL, test));
}

/** Halves go away from zero, as in Go; Math.round takes them up. */
function roundAwayFromZero(value: number): number {
  const whole = Math.trunc(value);
  return Math.abs(value - whole) >= 0.5 ? whole + Math.sign(value) : whole;
}

function bitwise(name: string, combine: (a: bigint, b: bigint) => bigint): FunctionDeclaration {
  return declare(
    `math.${name}`,
    overload(`math_${name}_int_int`, [INT, INT], INT, combine),
    overload(
      `math_${name}_uint_uint`,
      [UINT, UINT],
      UINT,
      (a: CelUint, b: CelUint) => new CelUint(combine(a.value, b.value)),
    ),
  );
}

function shift(name: string, move: (value: bigint, bits: bigint) => bigint): FunctionDeclaration {
  const shifted = (value: bigint, bits: bigint): bigint => {
    if (bits < 0n) throw evaluationError(`math.${name}() negative offset: ${bits}`);
    return bits >= 64n ? 0n : move(value, bits);
  };
  return declare(
    `math.${name}`,
    overload(`math_${name}_int_int`, [INT, INT], INT, (value: bigint, bits: bigint) =>
      BigInt.asIntN(64, shifted(value, bits)),
    ),
    overload(
      `math_${name}_uint_int`,
      [UINT, INT],
      UINT,
      (value: CelUint, bits: bigint) => new CelUint(BigInt.asUintN(64, shifted(value.value, bits))),
    ),
  );
}
