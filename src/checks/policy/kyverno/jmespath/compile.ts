import { type JsonObject, objectFrom } from '../../../../core/json.ts';
import type { Comparator, Node } from './ast.ts';
import { JmesError } from './error.ts';
import { type ArgumentType, type JmesFunction, NotFound, orNull, type PlainFunction, type Run } from './function.ts';
import { equals, goPrinted, isFalse, isList, isMap, isRecordList, sortedKeys, type Value } from './value.ts';

/** A node made into a function of the value it is put to. */
export type Evaluate = (value: Value, run: Run) => Value | NotFound;

export type FunctionTable = (name: string) => JmesFunction | undefined;

/** Compiles a parsed query. Throws JmesError for a function that is unknown or is called in a way it never can be. */
export function compileNode(node: Node, functions: FunctionTable): Evaluate {
  const compiled = (one: Node): Evaluate => compileNode(one, functions);
  switch (node.kind) {
    case 'identity':
      return (value) => value;
    case 'literal': {
      const { value: literal } = node;
      return () => literal;
    }
    case 'field':
      return field(node.name);
    case 'index': {
      const { index } = node;
      return (value) => (isList(value) ? (value.at(index) ?? null) : null);
    }
    case 'slice':
      return slice(node);
    case 'chain': {
      const left = compiled(node.left);
      const right = compiled(node.right);
      return (value, run) => {
        const middle = left(value, run);
        return middle instanceof NotFound ? middle : right(middle, run);
      };
    }
    case 'pipe': {
      const left = compiled(node.left);
      const right = compiled(node.right);
      return (value, run) => orNull(right(orNull(left(value, run)), run));
    }
    case 'flatten':
      return flatten(compiled(node.of));
    case 'projection':
      return projection(compiled(node.left), node.right.kind === 'identity' ? undefined : compiled(node.right));
    case 'values':
      return valuesOf(compiled(node.left), node.right.kind === 'identity' ? undefined : compiled(node.right));
    case 'filter':
      return filter(compiled(node.left), compiled(node.right), compiled(node.condition));
    case 'comparison':
      return comparison(node.operator, compiled(node.left), compiled(node.right));
    case 'or': {
      const left = compiled(node.left);
      const right = compiled(node.right);
      return (value, run) => {
        const first = orNull(left(value, run));
        return isFalse(first) ? orNull(right(value, run)) : first;
      };
    }
    case 'and': {
      const left = compiled(node.left);
      const right = compiled(node.right);
      return (value, run) => {
        const first = orNull(left(value, run));
        return isFalse(first) ? first : right(value, run);
      };
    }
    case 'not': {
      const of = compiled(node.of);
      return (value, run) => isFalse(orNull(of(value, run)));
    }
    case 'list': {
      const items = node.items.map(compiled);
      return (value, run) => (value === null ? null : items.map((item) => orNull(item(value, run))));
    }
    case 'object': {
      const entries = node.entries.map(([key, entry]) => [key, compiled(entry)] as const);
      return (value, run) => {
        if (value === null) return null;
        return objectFrom(entries.map(([key, entry]) => [key, orNull(entry(value, run))] as const));
      };
    }
    case 'expression':
      throw new JmesError('invalid', 'an expression after & can only be given to a function that takes one', {
        offset: node.offset,
      });
    case 'call':
      return call(node, functions, compiled);
  }
}

function field(name: string): Evaluate {
  const missing = new NotFound(name);
  return (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
    return Object.hasOwn(value, name) ? ((value as JsonObject)[name] as Value) : missing;
  };
}

/** Where the left side fails for any reason that a query can have, Go's flatten, filter and value projections give null. */
function orNullWhereFailing(left: Evaluate): (value: Value, run: Run) => Value {
  return (value, run) => {
    try {
      return orNull(left(value, run));
    } catch (error) {
      if (error instanceof JmesError && error.kind === 'invalid') return null;
      throw error;
    }
  };
}

function flatten(of: Evaluate): Evaluate {
  const left = orNullWhereFailing(of);
  return (value, run) => {
    const list = left(value, run);
    if (!isList(list)) return null;
    run.spend(list.length);
    const flat: Value[] = [];
    for (const element of list) {
      if (!isList(element)) {
        flat.push(element);
        continue;
      }
      run.spend(element.length);
      for (const inner of element) flat.push(inner);
    }
    return flat;
  };
}

function projection(left: Evaluate, right: Evaluate | undefined): Evaluate {
  return (value, run) => {
    const list = orNull(left(value, run));
    return isList(list) ? projected(list, right, run) : null;
  };
}

function projected(list: readonly Value[], right: Evaluate | undefined, run: Run): Value[] {
  run.spend(list.length);
  const collected: Value[] = [];
  for (const element of list) {
    const current = right === undefined ? element : orNull(right(element, run));
    if (current !== null) collected.push(current);
  }
  return collected;
}

function valuesOf(of: Evaluate, right: Evaluate | undefined): Evaluate {
  const left = orNullWhereFailing(of);
  return (value, run) => {
    const map = left(value, run);
    if (!isMap(map)) return null;
    const keys = sortedKeys(map);
    const values = keys.map((key) => map[key] as Value);
    if (right === undefined) return projected(values, undefined, run);
    // Upstream puts the right side to as many nulls first as there are values. It shows where a function takes null.
    return projected([...keys.map(() => null), ...values], right, run);
  };
}

function filter(of: Evaluate, right: Evaluate, condition: Evaluate): Evaluate {
  const left = orNullWhereFailing(of);
  return (value, run) => {
    const list = left(value, run);
    if (!isList(list)) return null;
    run.spend(list.length);
    const collected: Value[] = [];
    for (const element of list) {
      if (isFalse(orNull(condition(element, run)))) continue;
      const current = orNull(right(element, run));
      if (current !== null) collected.push(current);
    }
    return collected;
  };
}

function slice(node: { readonly start?: number; readonly stop?: number; readonly step?: number }): Evaluate {
  const { start, stop, step = 1 } = node;
  return (value, run) => {
    if (!isList(value)) return null;
    if (step === 0) throw new JmesError('invalid', 'Invalid slice, step cannot be 0');
    const size = value.length;
    run.spend(size);
    const first = start === undefined ? (step < 0 ? size - 1 : 0) : within(start, size, step);
    const last = stop === undefined ? (step < 0 ? -1 : size) : within(stop, size, step);
    const taken: Value[] = [];
    for (let at = first; step > 0 ? at < last : at > last; at += step) taken.push(value[at] as Value);
    return taken;
  };
}

/** A bound of a slice, counted from the end where it is negative, and cut to what there is. */
function within(bound: number, size: number, step: number): number {
  const at = bound < 0 ? bound + size : bound;
  if (at < 0) return step < 0 ? -1 : 0;
  return at >= size ? (step < 0 ? size - 1 : size) : at;
}

function comparison(operator: Comparator, left: Evaluate, right: Evaluate): Evaluate {
  const compared = (test: (a: number, b: number) => boolean): Evaluate => {
    return (value, run) => {
      const a = orNull(left(value, run));
      const b = orNull(right(value, run));
      return typeof a === 'number' && typeof b === 'number' ? test(a, b) : null;
    };
  };
  switch (operator) {
    case '==':
      return (value, run) => equals(orNull(left(value, run)), orNull(right(value, run)));
    case '!=':
      return (value, run) => !equals(orNull(left(value, run)), orNull(right(value, run)));
    case '<':
      return compared((a, b) => a < b);
    case '<=':
      return compared((a, b) => a <= b);
    case '>':
      return compared((a, b) => a > b);
    case '>=':
      return compared((a, b) => a >= b);
  }
}

function call(node: Node & { kind: 'call' }, functions: FunctionTable, compiled: (node: Node) => Evaluate): Evaluate {
  const called = functions(node.name);
  const { offset } = node;
  if (called === undefined) {
    throw new JmesError('unknown-function', `unknown function: ${node.name}`, { offset });
  }
  if ('callBy' in called) {
    const [first, second, ...more] = node.arguments;
    const [expression, of] = called.expressionFirst ? [first, second] : [second, first];
    if (of === undefined || expression?.kind !== 'expression' || more.length > 0) {
      const order = called.expressionFirst ? 'an &expression and a list' : 'a list and an &expression';
      throw new JmesError('invalid', `${node.name}() takes ${order}`, { offset });
    }
    const by = compiled(expression.of);
    const list = compiled(of);
    return (value, run) => {
      const elements = orNull(list(value, run));
      if (!isList(elements)) throw wrongType(elements, ['array']);
      run.spend(elements.length + 1);
      return called.callBy(elements, (element) => by(element, run), run);
    };
  }
  const wanted = called.parameters.length;
  const given = node.arguments.length;
  if (called.arity === undefined ? given !== wanted : called.arity === 'variadic' && given < wanted) {
    const atLeast = called.arity === 'variadic' ? 'at least ' : '';
    throw new JmesError('invalid', `incorrect number of args: ${node.name}() takes ${atLeast}${wanted}, not ${given}`, {
      offset,
    });
  }
  const evaluated = node.arguments.map(compiled);
  return (value, run) => {
    const values = evaluated.map((argument) => orNull(argument(value, run)));
    run.spend(1);
    if (called.arity === undefined) checkTypes(called, values);
    return called.call(values, run);
  };
}

function checkTypes(called: PlainFunction, values: readonly Value[]): void {
  for (const [index, types] of called.parameters.entries()) {
    const value = values[index] as Value;
    if (!types.some((type) => isOfType(value, type))) throw wrongType(value, types);
  }
}

function isOfType(value: Value, type: ArgumentType): boolean {
  switch (type) {
    case 'any':
      return true;
    case 'number':
    case 'string':
      return typeof value === type;
    case 'array':
      return isList(value);
    case 'object':
      return isMap(value);
    case 'array[number]':
      return isListOf(value, 'number');
    case 'array[string]':
      return isListOf(value, 'string');
  }
}

function isListOf(value: Value, type: 'number' | 'string'): boolean {
  // A list of objects is never one of these, and an empty one of them is in Go of another type all the same.
  return isList(value) && !isRecordList(value) && value.every((one) => typeof one === type);
}

function wrongType(value: Value, types: readonly ArgumentType[]): JmesError {
  const expected = types.map((type) => JSON.stringify(type)).join(', ');
  return new JmesError('invalid', `Invalid type for: ${goPrinted(value)}, expected: []jmespath.JpType{${expected}}`);
}
