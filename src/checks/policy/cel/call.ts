import { Operator } from './ast.ts';
import type { Compiling } from './compiling.ts';
import { sizeForCost, traversalCost } from './cost.ts';
import type { Overload } from './declaration.ts';
import { equals } from './equality.ts';
import { CelError, noSuchOverload } from './error.ts';
import type { Evaluate, Frame } from './frame.ts';
import type { Resolved } from './resolved.ts';
import { admits, typeNameOf } from './value-types.ts';
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
export function compileCall(node: CallNode, compiler: Compiling): Evaluate {
  const special = converted(node, compiler) ?? member(node, compiler) ?? equality(node, compiler);
  if (special !== undefined) return special;
  const args = node.arguments.map((argument) => compiler.compile(argument));
  const choices = node.overloads.map((overload) => choice(overload, node.overloads.length === 1));
  const [only] = choices;
  const [first, second] = args;
  if (only !== undefined && choices.length === 1 && only.host === undefined) {
    if (first !== undefined && args.length === 1) return unary(node.name, only, first);
    if (first !== undefined && second !== undefined && args.length === 2) return binary(node.name, only, first, second);
  }
  return (frame) => {
    const values: CelValue[] = [];
    for (const argument of args) values.push(argument(frame));
    for (const candidate of choices) {
      if (candidate.admitsAll(values)) return run(candidate, frame, values);
    }
    throw unfit(node.name, values);
  };
}

function unfit(name: string, values: readonly CelValue[]): CelError {
  return noSuchOverload(`${name}(${values.map(typeNameOf).join(', ')})`);
}

/** An overload ready to be called. */
interface Choice {
  readonly admits: readonly ((value: CelValue) => boolean)[];
  admitsAll(values: readonly CelValue[]): boolean;
  readonly call: Overload['call'];
  readonly host: Overload['callWithHost'];
  readonly cost: Overload['cost'];
}

const anything = (): boolean => true;

function choice(overload: Overload, isOnly: boolean): Choice {
  const guards = overload.parameters.map((parameter) => (overload.unguarded ? anything : admits(parameter)));
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
  // What fails is charged for as well, where the cost is known before.
  if (cost === undefined) frame.budget.charge(1);
  const result = host === undefined ? call(...values) : host(frame.host, ...values);
  if (cost !== undefined) frame.budget.charge(cost(values, result));
  return result;
}

function unary(name: string, chosen: Choice, argument: Evaluate): Evaluate {
  const { call, cost } = chosen;
  const [guard] = chosen.admits;
  return (frame) => {
    const value = argument(frame);
    if (cost === undefined) frame.budget.charge(1);
    if (guard === undefined || !guard(value)) throw unfit(name, [value]);
    const result = call(value);
    if (cost !== undefined) frame.budget.charge(cost([value], result));
    return result;
  };
}

function binary(name: string, chosen: Choice, left: Evaluate, right: Evaluate): Evaluate {
  const { call, cost } = chosen;
  const [first, second] = chosen.admits;
  return (frame) => {
    const a = left(frame);
    const b = right(frame);
    if (cost === undefined) frame.budget.charge(1);
    if (first === undefined || second === undefined || !first(a) || !second(b)) throw unfit(name, [a, b]);
    const result = call(a, b);
    if (cost !== undefined) frame.budget.charge(cost([a, b], result));
    return result;
  };
}

/** `duration('1h')`: converted once, and free of cost. */
function converted(node: CallNode, compiler: Compiling): Evaluate | undefined {
  try {
    const value = convertedLiteral(node, (argument) => compiler.constantOf(argument));
    return value === undefined ? undefined : () => value;
  } catch (cause) {
    if (!(cause instanceof CelError)) throw cause;
    // Where an environment does not check literals, the error waits until the expression is evaluated.
    if (compiler.checkedLiterals) throw new CelError('type', cause.message, node.offset);
    return () => {
      throw cause;
    };
  }
}

/** What a conversion makes of a literal; undefined for any other call. Throws where the conversion fails. */
export function convertedLiteral(
  node: CallNode,
  literalOf: (argument: Resolved) => CelValue | undefined,
): CelValue | undefined {
  const [argument] = node.arguments;
  if (!CONVERSIONS.has(node.name) || argument === undefined || node.arguments.length !== 1) return undefined;
  const literal = literalOf(argument);
  if (literal === undefined) return undefined;
  const chosen = node.overloads.find((overload) => choice(overload, true).admitsAll([literal]));
  if (chosen === undefined) throw unfit(node.name, [literal]);
  return chosen.callWithHost === undefined ? chosen.call(literal) : undefined;
}

/** `x in ['a', 'b']`: the list as a set, where it is known and every element of it is a plain value. */
function member(node: CallNode, compiler: Compiling): Evaluate | undefined {
  const [value, container] = node.arguments;
  if (node.name !== Operator.in || value === undefined || container === undefined) return undefined;
  if (node.overloads.length !== 1 || node.overloads[0]?.id !== 'in_list') return undefined;
  const literal = compiler.constantOf(container);
  if (!(literal instanceof CelList)) return undefined;
  // Nothing is in no list: the value is not even looked at, as in the Go implementation where it plans ahead.
  if (literal.size === 0 && compiler.checkedLiterals) return () => false;
  const keys = new Set<unknown>();
  for (const item of literal) {
    const key = setKey(item);
    if (key === undefined) return undefined;
    keys.add(key);
  }
  const evaluate = compiler.compile(value);
  return (frame) => {
    const key = setKey(evaluate(frame));
    return key !== undefined && keys.has(key);
  };
}

/** What stands for a plain value in a set, the same for equal numbers; NaN is in no set. */
function setKey(value: CelValue): string | boolean | bigint | number | undefined {
  if (typeof value !== 'number' || Number.isNaN(value)) return mapKey(value);
  return mapKey(value) ?? value;
}

function equality(node: CallNode, compiler: Compiling): Evaluate | undefined {
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
