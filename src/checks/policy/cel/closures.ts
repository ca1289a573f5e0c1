import { hasField, optionalElement, optionalField, readElement, readField } from './access.ts';
import { Operator } from './ast.ts';
import { compileCall, convertedLiteral } from './call.ts';
import type { Compiling } from './compiling.ts';
import { LIST_COST, MAP_COST, STRUCT_COST } from './cost.ts';
import { CelError, evaluationError } from './error.ts';
import { compileFold } from './fold.ts';
import type { Evaluate, Frame } from './frame.ts';
import { fromJson, JsonMap } from './json.ts';
import type { Resolved } from './resolved.ts';
import { alternative, conditional, local, logic, notStrictlyFalse, variable } from './steps.ts';
import { StructMap } from './struct.ts';
import { typeNameOf } from './value-types.ts';
import { ArrayList, type CelKey, CelOptional, CelUint, type CelValue, EntryMap, isKey, mapKey } from './values.ts';

export interface CompileOptions {
  readonly presenceCost: 0 | 1;
  /** `x.orValue(y)` is `x` where `x` is no optional; otherwise it is an error. */
  readonly plainOptional?: 'itself';
  /** Of entries with one key the last counts; otherwise they are an error. */
  readonly repeatedKeys?: 'last';
  /** Conversions of literals that fail are errors now. */
  readonly checkedLiterals: boolean;
}

/** An expression as closures. They throw CelError, and nothing else but for a stack that runs out. */
export function compile(node: Resolved, options: CompileOptions): Evaluate {
  return new Compiler(options).compile(node);
}

class Compiler implements Compiling {
  readonly #options: CompileOptions;

  constructor(options: CompileOptions) {
    this.#options = options;
  }

  get checkedLiterals(): boolean {
    return this.#options.checkedLiterals;
  }

  compile(node: Resolved): Evaluate {
    switch (node.kind) {
      case 'constant': {
        const { value } = node;
        return () => value;
      }
      case 'variable':
        return variable(node.names);
      case 'local':
        return local(node.slot);
      case 'select':
        return this.#select(node);
      case 'call':
        return this.#call(node);
      case 'list':
        return this.#list(node);
      case 'map':
        return this.#map(node);
      case 'struct':
        return this.#struct(node);
      case 'fold':
        return compileFold(node, this);
    }
  }

  constantOf(node: Resolved): CelValue | undefined {
    switch (node.kind) {
      case 'constant':
        return node.value;
      case 'list':
        return this.#constantList(node);
      case 'map':
        return this.#constantMap(node);
      case 'call':
        return this.#constantCall(node);
      default:
        return undefined;
    }
  }

  #select(node: Resolved & { kind: 'select' }): Evaluate {
    const { field } = node;
    const cost = attributeCost(node.operand);
    if (node.mode === 'value') return this.#path(node);
    const operand = this.compile(node.operand);
    if (node.mode === 'optional') {
      // What is not there was not read, and costs nothing.
      return (frame) => {
        const value = operand(frame);
        const read = optionalField(value, field);
        frame.budget.charge(read.value === undefined ? cost - 1 : cost);
        return read;
      };
    }
    const testCost = cost + this.#options.presenceCost - 1;
    return (frame) => {
      const value = operand(frame);
      const isNothing = value instanceof CelOptional && value.value === undefined;
      frame.budget.charge(isNothing ? testCost - 1 : testCost);
      return hasField(value, field);
    };
  }

  /** A chain of selections in one step: documents are walked without making a value of what lies between. */
  #path(node: Resolved & { kind: 'select' }): Evaluate {
    const fields: string[] = [];
    let base: Resolved = node;
    while (base.kind === 'select' && base.mode === 'value') {
      fields.unshift(base.field);
      base = base.operand;
    }
    const cost = fields.length - 1 + attributeCost(base);
    const operand = this.compile(base);
    const [only] = fields;
    if (fields.length === 1 && only !== undefined) {
      return (frame) => {
        const value = operand(frame);
        if (value instanceof CelOptional) return optionalPath(frame, value, fields, cost);
        frame.budget.charge(cost);
        return readField(value, only);
      };
    }
    return (frame) => {
      const value = operand(frame);
      if (value instanceof CelOptional) return optionalPath(frame, value, fields, cost);
      frame.budget.charge(cost);
      return walk(value, fields);
    };
  }

  #call(node: Resolved & { kind: 'call' }): Evaluate {
    const [first, second, third] = node.arguments;
    switch (node.name) {
      case Operator.and:
        return logic(
          node.arguments.map((argument) => this.compile(argument)),
          false,
        );
      case Operator.or:
        return logic(
          node.arguments.map((argument) => this.compile(argument)),
          true,
        );
      case Operator.conditional:
        return conditional(
          this.compile(first as Resolved),
          this.#branch(second as Resolved),
          this.#branch(third as Resolved),
        );
      case Operator.notStrictlyFalse:
        return notStrictlyFalse(this.compile(first as Resolved));
      case Operator.index:
        return this.#index(first as Resolved, second as Resolved, false, node.offset);
      case Operator.optionalIndex:
        return this.#index(first as Resolved, second as Resolved, true, node.offset);
      case 'or':
      case 'orValue':
        if (node.overloads.some((overload) => overload.id.startsWith('optional_or'))) {
          return alternative(
            this.compile(first as Resolved),
            this.compile(second as Resolved),
            node.name === 'or',
            this.#options.plainOptional === 'itself',
          );
        }
        return compileCall(node, this);
      default:
        return compileCall(node, this);
    }
  }

  /** A branch of `?:`: what begins at a variable costs one less there than anywhere else. */
  #branch(node: Resolved): Evaluate {
    const evaluate = this.compile(node);
    const isTest = node.kind === 'select' && node.mode === 'test';
    if (!isAttribute(node) || isConditional(node) || (isTest && this.#options.presenceCost === 0)) return evaluate;
    return (frame) => {
      frame.budget.spent--;
      return evaluate(frame);
    };
  }

  #index(operand: Resolved, index: Resolved, isOptional: boolean, offset: number): Evaluate {
    // An index that begins at a variable pays for the step itself.
    const ofStep = index.kind !== 'constant' && isAttribute(index) && !isConditional(index) ? 0 : 1;
    const ofBase = isAttribute(operand) ? 0 : 1;
    const evaluate = this.compile(operand);
    const constant = this.constantOf(index);
    if (constant !== undefined && this.#options.checkedLiterals && !isIndex(constant)) {
      throw new CelError('type', `invalid qualifier type: ${typeNameOf(constant)}`, offset);
    }
    const evaluateIndex = constant === undefined ? this.compile(index) : (): CelValue => constant;
    return (frame) => {
      const value = evaluate(frame);
      const at = evaluateIndex(frame);
      if (!isOptional && !(value instanceof CelOptional)) {
        frame.budget.charge(ofBase + ofStep);
        return readElement(value, at);
      }
      const read = optionalElement(value, at);
      // What is not there was not read, and costs nothing.
      frame.budget.charge(read.value === undefined ? ofBase + ofStep - 1 : ofBase + ofStep);
      return read;
    };
  }

  #constantCall(node: Resolved & { kind: 'call' }): CelValue | undefined {
    try {
      return convertedLiteral(node, (argument) => this.constantOf(argument));
    } catch (cause) {
      if (cause instanceof CelError) return undefined;
      throw cause;
    }
  }

  #constantList(node: Resolved & { kind: 'list' }): CelValue | undefined {
    const items: CelValue[] = [];
    for (const element of node.elements) {
      const value = element.optional ? undefined : this.constantOf(element.value);
      if (value === undefined) return undefined;
      items.push(value);
    }
    return new ArrayList(items);
  }

  #list(node: Resolved & { kind: 'list' }): Evaluate {
    const constant = this.#constantList(node);
    if (constant !== undefined) return () => constant;
    const elements = node.elements.map(({ value, optional }) => ({ value: this.compile(value), optional }));
    return (frame) => {
      const items: CelValue[] = [];
      for (const element of elements) {
        const value = element.value(frame);
        if (!element.optional) items.push(value);
        else if (!(value instanceof CelOptional)) throw badOptional();
        else if (value.value !== undefined) items.push(value.value);
      }
      frame.budget.charge(LIST_COST);
      return new ArrayList(items);
    };
  }

  #constantMap(node: Resolved & { kind: 'map' }): CelValue | undefined {
    const entries: [CelKey, CelValue][] = [];
    const keys = new Set<unknown>();
    for (const entry of node.entries) {
      const key = this.constantOf(entry.key);
      const value = entry.optional ? undefined : this.constantOf(entry.value);
      if (key === undefined || value === undefined || !isKey(key)) return undefined;
      entries.push([key, value]);
      keys.add(mapKey(key));
    }
    if (keys.size < entries.length && this.#options.repeatedKeys !== 'last') return undefined;
    return new EntryMap(entries, this.#options.repeatedKeys);
  }

  #map(node: Resolved & { kind: 'map' }): Evaluate {
    const constant = this.#constantMap(node);
    if (constant !== undefined) return () => constant;
    const { repeatedKeys } = this.#options;
    const entries = node.entries.map((entry) => ({
      key: this.compile(entry.key),
      value: this.compile(entry.value),
      optional: entry.optional,
    }));
    return (frame) => {
      const made: [CelKey, CelValue][] = [];
      for (const entry of entries) {
        const key = entry.key(frame);
        const value = entry.value(frame);
        if (!isKey(key)) throw evaluationError('unsupported key type');
        if (!entry.optional) made.push([key, value]);
        else if (!(value instanceof CelOptional)) throw badOptional();
        else if (value.value !== undefined) made.push([key, value.value]);
      }
      frame.budget.charge(MAP_COST);
      return new EntryMap(made, repeatedKeys);
    };
  }

  #struct(node: Resolved & { kind: 'struct' }): Evaluate {
    const fields = node.fields.map(({ name, value, optional }) => ({ name, value: this.compile(value), optional }));
    return (frame) => {
      const made = new Map<string, CelValue>();
      for (const field of fields) {
        const value = field.value(frame);
        if (!field.optional) made.set(field.name, value);
        else if (!(value instanceof CelOptional)) throw badOptional();
        else if (value.value !== undefined) made.set(field.name, value.value);
      }
      frame.budget.charge(STRUCT_COST);
      return new StructMap(node.name, made);
    };
  }
}

/**
 * What a selection costs: 1 for the step itself and, where it begins at something else than a variable, 1 for looking
 * at all.
 */
function attributeCost(operand: Resolved): number {
  return isAttribute(operand) ? 1 : 2;
}

/** Whether an expression is a variable, or a way from one: looking at it was paid for at its beginning. */
function isAttribute(node: Resolved): boolean {
  switch (node.kind) {
    case 'variable':
    case 'local':
    case 'select':
      return true;
    case 'call':
      return node.name === Operator.index || node.name === Operator.optionalIndex || isConditional(node);
    default:
      return false;
  }
}

function isConditional(node: Resolved): boolean {
  return node.kind === 'call' && node.name === Operator.conditional;
}

function isIndex(value: CelValue): boolean {
  return typeof value !== 'object' || value instanceof CelUint;
}

/** A chain of selections from an optional: it ends with nothing where something is not there. */
function optionalPath(frame: Frame, start: CelOptional, fields: readonly string[], cost: number): CelOptional {
  frame.budget.charge(cost - fields.length);
  let value = start;
  for (const field of fields) {
    value = optionalField(value, field);
    if (value.value === undefined) return value;
    frame.budget.charge(1);
  }
  return value;
}

function walk(start: CelValue, fields: readonly string[]): CelValue {
  let value = start;
  for (let i = 0; i < fields.length; i++) {
    if (value instanceof JsonMap) {
      let json = value.json;
      for (; i < fields.length; i++) {
        const field = fields[i] as string;
        if (!Object.hasOwn(json, field)) throw evaluationError(`no such key: ${field}`);
        const next = json[field];
        if (i === fields.length - 1) return fromJson(next as NonNullable<typeof next>);
        if (typeof next !== 'object' || next === null || Array.isArray(next)) {
          value = fromJson(next as NonNullable<typeof next>);
          break;
        }
        json = next as typeof json;
      }
    } else value = readField(value, fields[i] as string);
  }
  return value;
}

function badOptional(): Error {
  return evaluationError('cannot initialize optional entry from a value that is not optional');
}
