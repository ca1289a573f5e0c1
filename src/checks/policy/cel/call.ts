import { Operator } from './ast.ts';
import type { Compiler } from './closures.ts';
import { sizeForCost, traversalCost } from './cost.ts';
import type { Overload } from './declaration.ts';
import { equals } from './equality.ts';
import { CelError, noSuchOverload } from './error.ts';
import type { Evaluate, Frame } from './frame.ts';
import { regexpOf } from './pattern.ts';
import type { Resolved } from './resolved.ts';
import { admits } from './value-types.ts';
import { CelList, type CelValue, mapKey } from './values.ts';

type CallNode = Resolved & { readonly kind: 'call' };

/** Functions that convert a literal when the expression is compiled. */
const CONVERSIONS: ReadonlySet<string> = new Set([
  'bool',
  'bytes',
  'double',
  'duration',
  'dyn',
  'int',
  'string',
  'timestamp',
  'type',
  'uint',
]);

/** A call of a function of the environment: its arguments are evaluated, and the first overload that fits is called. */
export function compileCall(node: CallNode, compiler: Compiler): Evaluate {
  const special =
    converted(node, compiler) ?? member(node, compiler) ?? equality(node, compiler) ?? matches(node, compiler);
  if (special !== undefined) return special;
  const args = node.arguments.map((argument) => compiler.compile(argument));
  const choices = node.overloads.map((overload) => choice(overload, node.overloads.length === 1));
  const [only] = choices;
  const [first, second] = args;
  if (only !== undefined && choices.length === 1 && only.host === undefined) {
    if (first !== undefined && args.length === 1) return unary(only, first);
    if (first !== undefined && second !== undefined && args.length === 2) return binary(only, first, second);
  }
  return (frame) => {
    const values: CelValue[] = [];
    for (const argument of args) values.push(argument(frame));
    for (const candidate of choices) {
      if (candidate.admitsAll(values)) return run(candidate, frame, values);
    }
    throw noSuchOverload();
  };
}

/** An overload ready to be called. */
interface Choice {
  readonly admits: readonly ((value: CelValue) => boolean)[];
  admitsAll(values: readonly CelValue[]): boolean;
  readonly call: Overload['call'];
  readonly host: Overload['callWithHost'];
  readonly cost: Overload['cost'];
}

function choice(overload: Overload, isOnly: boolean): Choice {
  const guards = overload.parameters.map((parameter) => admits(parameter));
  const hasCost = isOnly || overload.costIfResolved !== true;
  return {
    admits: guards,
    admitsAll: (values) => values.length === guards.length && guards.every((guard, i) => guard(values[i] as CelValue)),
    call: overload.call,
    host: overload.callWithHost,
    cost: hasCost ? overload.cost : undefined,
  };
}

function run(chosen: Choice, frame: Frame, values: CelValue[]): CelValue {
  const { call, host, cost } = chosen;
  const result = host === undefined ? call(...values) : host(frame.host, ...values);
  frame.budget.charge(cost === undefined ? 1 : cost(values, result));
  return result;
}

function unary(chosen: Choice, argument: Evaluate): Evaluate {
  const { call, cost } = chosen;
  const [guard] = chosen.admits;
  return (frame) => {
    const value = argument(frame);
    if (guard === undefined || !guard(value)) throw noSuchOverload();
    const result = call(value);
    frame.budget.charge(cost === undefined ? 1 : cost([value], result));
    return result;
  };
}

function binary(chosen: Choice, left: Evaluate, right: Evaluate): Evaluate {
  const { call, cost } = chosen;
  const [first, second] = chosen.admits;
  return (frame) => {
    const a = left(frame);
    const b = right(frame);
    if (first === undefined || second === undefined || !first(a) || !second(b)) throw noSuchOverload();
    const result = call(a, b);
    frame.budget.charge(cost === undefined ? 1 : cost([a, b], result));
    return result;
  };
}

/** `duration('1h')`: converted once. It costs nothing, and where it fails the expression may be refused at once. */
function converted(node: CallNode, compiler: Compiler): Evaluate | undefined {
  const [argument] = node.arguments;
  if (!CONVERSIONS.has(node.name) || argument === undefined || node.arguments.length !== 1) return undefined;
  const literal = compiler.constantOf(argument);
  const chosen = node.overloads
    .map((overload) => choice(overload, true))
    .find((one) => literal !== undefined && one.admitsAll([literal]));
  if (literal === undefined || chosen === undefined || chosen.host !== undefined) return undefined;
  try {
    const value = chosen.call(literal);
    return () => value;
  } catch (cause) {
    if (!(cause instanceof CelError)) throw cause;
    if (compiler.checkedLiterals) throw new CelError('type', cause.message, node.offset);
    return () => {
      throw cause;
    };
  }
}

/** `x in ['a', 'b']`: the list as a set, where it is known and every element of it is a plain value. */
function member(node: CallNode, compiler: Compiler): Evaluate | undefined {
  const [value, container] = node.arguments;
  if (node.name !== Operator.in || value === undefined || container === undefined) return undefined;
  if (node.overloads.length !== 1 || node.overloads[0]?.id !== 'in_list') return undefined;
  const literal = compiler.constantOf(container);
  if (!(literal instanceof CelList)) return undefined;
  const keys = new Set<unknown>();
  for (const item of literal) {
    const key = typeof item === 'number' ? undefined : mapKey(item);
    if (key === undefined) return undefined;
    keys.add(key);
  }
  const evaluate = compiler.compile(value);
  return (frame) => {
    const key = mapKey(evaluate(frame));
    return key !== undefined && keys.has(key);
  };
}

function equality(node: CallNode, compiler: Compiler): Evaluate | undefined {
  if (node.name !== Operator.equals && node.name !== Operator.notEquals) return undefined;
  const [left, right] = node.arguments.map((argument) => compiler.compile(argument));
  if (left === undefined || right === undefined) return undefined;
  const wanted = node.name === Operator.equals;
  return (frame) => {
    const a = left(frame);
    const b = right(frame);
    const isSame = equals(a, b);
    frame.budget.charge(traversalCost(Math.min(sizeForCost(a), sizeForCost(b))));
    return isSame === wanted;
  };
}

/** A pattern that is known is compiled once. */
function matches(node: CallNode, compiler: Compiler): Evaluate | undefined {
  const [text, pattern] = node.arguments;
  const isMember = node.overloads.length === 1 && node.overloads[0]?.id === 'matches_string';
  if (node.name !== 'matches' || !isMember || text === undefined || pattern === undefined) return undefined;
  const literal = compiler.constantOf(pattern);
  if (typeof literal !== 'string') return undefined;
  if (compiler.checkedLiterals) checkPattern(literal, node.offset);
  return undefined;
}

function checkPattern(pattern: string, offset: number): void {
  try {
    regexpOf(pattern);
  } catch (cause) {
    if (cause instanceof CelError) throw new CelError('type', cause.message, offset);
    throw cause;
  }
}
