import { Operator } from './ast.ts';
import type { Compiling } from './compiling.ts';
import { LIST_COST } from './cost.ts';
import { type CelError, decidingError, evaluationError, noSuchOverload } from './error.ts';
import { absorbable, type Evaluate, type Frame, Poison } from './frame.ts';
import { GrowingList } from './growing.ts';
import type { Resolved, ResolvedFold } from './resolved.ts';
import { typeNameOf } from './value-types.ts';
import { ArrayList, CelList, CelMap, CelOptional, type CelValue } from './values.ts';

/** Runs over a range: calls the body for each element with its variables set, until the body says false. */
type Loop = (frame: Frame, range: CelValue, body: (frame: Frame) => boolean) => void;

/** A comprehension. The shapes that the macros make are run without the detour over their accumulator. */
export function compileFold(node: ResolvedFold, compiler: Compiling): Evaluate {
  const loop = loopOf(node);
  return (
    quantifier(node, compiler, loop) ??
    collection(node, compiler, loop) ??
    binding(node, compiler) ??
    general(node, compiler, loop)
  );
}

function loopOf({ variable, second }: ResolvedFold): Loop {
  if (second === undefined) {
    return (frame, range, body) => {
      if (range instanceof CelList) {
        const { size } = range;
        for (let i = 0; i < size; i++) {
          frame.slots[variable] = range.at(i);
          if (!body(frame)) return;
        }
      } else {
        if (!(range instanceof CelMap)) throw evaluationError(`got '${goTypeName(range)}', expected iterable type`);
        for (const key of range.keys()) {
          frame.slots[variable] = key;
          if (!body(frame)) return;
        }
      }
    };
  }
  return (frame, range, body) => {
    if (range instanceof CelList) {
      const { size } = range;
      for (let i = 0; i < size; i++) {
        frame.slots[variable] = BigInt(i);
        frame.slots[second] = range.at(i);
        if (!body(frame)) return;
      }
    } else {
      if (!(range instanceof CelMap)) {
        throw evaluationError(`unsupported comprehension range type: ${goTypeName(range)}`);
      }
      for (const key of range.keys()) {
        frame.slots[variable] = key;
        frame.slots[second] = range.get(key) as CelValue;
        if (!body(frame)) return;
      }
    }
  };
}

/** How Go's messages name the type of a value that is neither a list nor a map. */
function goTypeName(value: CelValue): string {
  if (value instanceof CelOptional) return '*types.Optional';
  const name = typeNameOf(value)
    .replace(/^null_type$/, 'Null')
    .replace(/^.*\./, '');
  return `types.${name.charAt(0).toUpperCase()}${name.slice(1)}`;
}

/** `all` and `exists`: decided by the first predicate that is false, or true; an error counts only if none is. */
function quantifier(node: ResolvedFold, compiler: Compiling, loop: Loop): Evaluate | undefined {
  const { step, accumulator, initial } = node;
  if (step.kind !== 'call' || initial.kind !== 'constant' || !isLocal(node.result, accumulator)) return undefined;
  const isAll = step.name === Operator.and && initial.value === true;
  const isExists = step.name === Operator.or && initial.value === false;
  const [first, predicate] = step.arguments;
  if ((!isAll && !isExists) || !isLocal(first, accumulator) || predicate === undefined) return undefined;
  if (step.arguments.length !== 2 || !continues(node.condition, accumulator, isExists)) return undefined;
  const range = compiler.compile(node.range);
  const test = compiler.compile(predicate);
  const decisive = isExists;
  const conditionCost = isExists ? 3 : 2;
  return (frame) => {
    const over = range(frame);
    let failure: CelError | undefined;
    let isDecided = false;
    loop(frame, over, () => {
      frame.budget.charge(conditionCost);
      if (isDecided) return false;
      frame.budget.charge(1);
      try {
        const value = test(frame);
        if (value === decisive) isDecided = true;
        else if (value !== !decisive) failure ??= noSuchOverload();
      } catch (cause) {
        failure = decidingError(failure, absorbable(cause));
      }
      return true;
    });
    frame.budget.charge(1);
    if (isDecided) return decisive;
    if (failure !== undefined) throw failure;
    return !decisive;
  };
}

/** Whether a condition is `@not_strictly_false(accumulator)`, or of its negation. */
function continues(condition: Resolved, accumulator: number, negated: boolean): boolean {
  if (condition.kind !== 'call' || condition.name !== Operator.notStrictlyFalse) return false;
  const [operand] = condition.arguments;
  if (!negated) return isLocal(operand, accumulator);
  return operand?.kind === 'call' && operand.name === Operator.not && isLocal(operand.arguments[0], accumulator);
}

/** `map` and `filter`: a list that grows by a value for each element, or for those for which a condition holds. */
function collection(node: ResolvedFold, compiler: Compiling, loop: Loop): Evaluate | undefined {
  const { accumulator } = node;
  if (!node.hidden || node.initial.kind !== 'list' || node.initial.elements.length > 0) return undefined;
  if (!isTrue(node.condition) || !isLocal(node.result, accumulator)) return undefined;
  const parts = collected(node.step, accumulator);
  if (parts === undefined) return undefined;
  const range = compiler.compile(node.range);
  const value = compiler.compile(parts.value);
  const condition = parts.condition === undefined ? undefined : compiler.compile(parts.condition);
  const isConstant = compiler.constantOf(parts.value) !== undefined;
  // The accumulator, the list of one element (nothing where it is a constant), and the sum.
  const appendCost = 2 + (isConstant ? 0 : LIST_COST);
  return (frame) => {
    const over = range(frame);
    const items = new GrowingList();
    loop(frame, over, () => {
      if (condition !== undefined) {
        const holds = condition(frame);
        if (holds === false) return true;
        if (holds !== true) throw noSuchOverload();
      }
      items.append(value(frame));
      frame.budget.charge(appendCost);
      return true;
    });
    frame.budget.charge(1);
    return new ArrayList(items.toArray());
  };
}

function collected(
  step: Resolved,
  accumulator: number,
): { readonly value: Resolved; readonly condition: Resolved | undefined } | undefined {
  if (step.kind !== 'call') return undefined;
  const [first, second, third] = step.arguments;
  if (step.name === Operator.conditional) {
    if (first === undefined || second === undefined || !isLocal(third, accumulator)) return undefined;
    const inner = collected(second, accumulator);
    return inner === undefined || inner.condition !== undefined ? undefined : { value: inner.value, condition: first };
  }
  if (step.name !== Operator.add || !isLocal(first, accumulator) || second?.kind !== 'list') return undefined;
  const [element] = second.elements;
  if (element === undefined || second.elements.length !== 1 || element.optional) return undefined;
  return { value: element.value, condition: undefined };
}

/** A fold over nothing: how `cel.bind` gives a value a name. */
function binding(node: ResolvedFold, compiler: Compiling): Evaluate | undefined {
  if (node.range.kind !== 'list' || node.range.elements.length > 0) return undefined;
  const initial = compiler.compile(node.initial);
  const result = compiler.compile(node.result);
  const { accumulator } = node;
  return (frame) => {
    frame.slots[accumulator] = poisoned(initial, frame);
    return result(frame);
  };
}

function general(node: ResolvedFold, compiler: Compiling, loop: Loop): Evaluate {
  const { accumulator } = node;
  const range = compiler.compile(node.range);
  const grows = node.hidden && node.initial.kind === 'list' && node.initial.elements.length === 0;
  const initial = compiler.compile(node.initial);
  const condition = compiler.compile(node.condition);
  const step = compiler.compile(node.step);
  const result = compiler.compile(node.result);
  return (frame) => {
    const over = range(frame);
    frame.slots[accumulator] = grows ? new GrowingList() : poisoned(initial, frame);
    loop(frame, over, () => {
      if (condition(frame) === false) return false;
      frame.slots[accumulator] = poisoned(step, frame);
      return true;
    });
    const made = frame.slots[accumulator];
    if (made instanceof GrowingList) frame.slots[accumulator] = new ArrayList(made.toArray());
    return result(frame);
  };
}

/** The value, or the error that it met as something that an accumulator can hold. */
function poisoned(evaluate: Evaluate, frame: Frame): CelValue | Poison {
  try {
    return evaluate(frame);
  } catch (cause) {
    return new Poison(absorbable(cause));
  }
}

function isLocal(node: Resolved | undefined, slot: number): boolean {
  return node?.kind === 'local' && node.slot === slot;
}

function isTrue(node: Resolved): boolean {
  return node.kind === 'constant' && node.value === true;
}
