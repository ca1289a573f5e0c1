import { instantiate, isOpen, moreGeneral, Substitutions } from './assignability.ts';
import {
  ACCUMULATOR,
  type CallExpression,
  type Comprehension,
  type Expression,
  Operator,
  type SelectExpression,
} from './ast.ts';
import type { Overload } from './declaration.ts';
import type { CelEnvironment } from './environment.ts';
import { CelError } from './error.ts';
import { candidateNames, Names } from './names.ts';
import type { Resolved } from './resolved.ts';
import {
  BOOL,
  type CelType,
  DYN,
  ERROR,
  formatType,
  INT,
  listOf,
  mapOf,
  objectType,
  optionalElement,
  optionalOf,
  runtimeTypeName,
} from './types.ts';
import { typeOfConstant } from './value-types.ts';

export interface Checked {
  readonly root: Resolved;
  readonly type: CelType;
  /** The type of a part, now that everything is known. */
  typeOf(node: Resolved): CelType;
  /** How many slots the variables of its comprehensions take. */
  readonly slots: number;
}

/**
 * Resolves every name and, where the environment is checked, every type. Throws CelError (`type`) with the offset of
 * the first thing that is wrong. In an environment that is not checked, types are `dyn`, and a name that nobody knows is
 * an error only when it is evaluated.
 */
export function check(expression: Expression, environment: CelEnvironment, names = new Names(environment)): Checked {
  const checker = new Checker(environment, names);
  const root = checker.check(expression, new Map());
  const typeOf = (node: Resolved): CelType => checker.resultType(node);
  return { root, type: typeOf(root), typeOf, slots: checker.slots };
}

/** The variables of the comprehensions around an expression. */
type Scope = ReadonlyMap<string, { readonly slot: number; readonly type: CelType }>;

class Checker {
  readonly #environment: CelEnvironment;
  readonly #names: Names;
  readonly #types = new Substitutions();
  slots = 0;

  constructor(environment: CelEnvironment, names: Names) {
    this.#environment = environment;
    this.#names = names;
  }

  resultType(node: Resolved): CelType {
    return this.#types.resolve(node.type, true);
  }

  check(expression: Expression, scope: Scope): Resolved {
    const { offset } = expression;
    switch (expression.kind) {
      case 'constant':
        return { kind: 'constant', value: expression.value, offset, type: typeOfConstant(expression.value) };
      case 'identifier':
        return this.#identifier(expression.name, offset, scope);
      case 'select':
        return this.#select(expression, scope);
      case 'call':
        return this.#call(expression, scope);
      case 'list':
        return this.#list(expression, scope);
      case 'map':
        return this.#map(expression, scope);
      case 'struct':
        return this.#struct(expression, scope);
      case 'comprehension':
        return this.#comprehension(expression, scope);
    }
  }

  #identifier(name: string, offset: number, scope: Scope): Resolved {
    const known = this.#lookup(name, offset, scope);
    if (known !== undefined) return known;
    if (this.#environment.typeChecked) throw this.#undeclared(name, offset);
    return { kind: 'variable', names: candidateNames(this.#environment.container, name), offset, type: DYN };
  }

  /** A variable or a constant by its name, which may have dots in it. */
  #lookup(name: string, offset: number, scope: Scope): Resolved | undefined {
    const local = scope.get(name);
    if (local !== undefined) return { kind: 'local', slot: local.slot, offset, type: local.type };
    // The variable of a comprehension hides whatever begins with its name.
    if (name.includes('.') && scope.has(name.slice(0, name.indexOf('.')))) return undefined;
    const found = this.#names.variable(name);
    if (found === undefined) return undefined;
    if (found.value !== undefined) return { kind: 'constant', value: found.value, offset, type: found.type };
    return { kind: 'variable', names: [found.name], offset, type: found.type };
  }

  #select(expression: SelectExpression, scope: Scope): Resolved {
    const { offset, field, testOnly } = expression;
    const qualified = testOnly ? undefined : qualifiedName(expression);
    const known = qualified === undefined ? undefined : this.#lookup(qualified, offset, scope);
    if (known !== undefined) return known;
    const operand = this.check(expression.operand, scope);
    const type = this.#fieldType(operand, field, offset);
    const mode = testOnly ? 'test' : 'value';
    return { kind: 'select', operand, field, mode, offset, type: testOnly ? BOOL : type };
  }

  #optionalSelect(expression: CallExpression, scope: Scope): Resolved {
    const [target, name] = expression.arguments;
    if (target === undefined || name?.kind !== 'constant' || typeof name.value !== 'string') {
      throw new CelError('type', 'unsupported optional field selection', expression.offset);
    }
    const operand = this.check(target, scope);
    const type = this.#fieldType(operand, name.value, expression.offset);
    const optional = optionalElement(type) === undefined ? optionalOf(type) : type;
    return { kind: 'select', operand, field: name.value, mode: 'optional', offset: expression.offset, type: optional };
  }

  /** The type of a field; of an optional's field, an optional. */
  #fieldType(operand: Resolved, field: string, offset: number): CelType {
    const operandType = this.#types.resolve(operand.type);
    const inner = optionalElement(operandType);
    const type = this.#plainFieldType(inner ?? operandType, field, offset);
    return inner === undefined ? type : optionalOf(type);
  }

  #plainFieldType(target: CelType, field: string, offset: number): CelType {
    switch (target.kind) {
      case 'map':
        return target.value;
      case 'object': {
        const type = this.#names.fieldType(target.name, field);
        if (type === undefined) throw new CelError('type', `undefined field '${field}'`, offset);
        return type;
      }
      case 'parameter':
        this.#types.assign(DYN, target);
        return DYN;
      default:
        if (isOpen(target)) return DYN;
        throw new CelError('type', `type '${formatType(target)}' does not support field selection`, offset);
    }
  }

  #call(expression: CallExpression, scope: Scope): Resolved {
    const { name, offset, target } = expression;
    if (name === Operator.optionalSelect && target === undefined) return this.#optionalSelect(expression, scope);
    const args = expression.arguments.map((argument) => this.check(argument, scope));
    if (target === undefined) return this.#resolveCall(this.#functionName(name, offset), args, false, offset);
    // `a.b.c()` is the function `a.b.c`, or `c` of the value `a.b`.
    const prefix = qualifiedName(target);
    const isLocal = prefix !== undefined && scope.has(prefix.split('.')[0] as string);
    const qualified = prefix === undefined || isLocal ? undefined : this.#names.functionName(`${prefix}.${name}`);
    if (qualified !== undefined) return this.#resolveCall(qualified, args, false, offset);
    const receiver = this.check(target, scope);
    return this.#resolveCall(this.#functionName(name, offset), [receiver, ...args], true, offset);
  }

  #functionName(name: string, offset: number): string {
    const found = this.#names.functionName(name);
    if (found !== undefined) return found;
    if (this.#environment.typeChecked) throw this.#undeclared(name, offset);
    return name;
  }

  #resolveCall(name: string, args: readonly Resolved[], isMember: boolean, offset: number): Resolved {
    const overloads = this.#names.overloads(name, isMember);
    if (!this.#environment.typeChecked) {
      const fitting = overloads.filter((overload) => overload.parameters.length === args.length);
      return { kind: 'call', name, arguments: args, overloads: fitting, offset, type: DYN };
    }
    if (name === Operator.and || name === Operator.or) return this.#logic(name, args, overloads, offset);
    const types = args.map((argument) => argument.type);
    let result: CelType | undefined;
    const fitting = overloads.filter((overload) => {
      const variables = new Map<string, CelType>();
      const fresh = (parameter: string): CelType => {
        const known = variables.get(parameter) ?? this.#types.fresh();
        variables.set(parameter, known);
        return known;
      };
      const parameters = overload.parameters.map((parameter) => instantiate(parameter, fresh));
      if (!this.#types.assignAll(types, parameters)) return false;
      const type = this.#types.resolve(instantiate(overload.result, fresh));
      // Where several overloads fit and do not agree, only the values will tell.
      if (result === undefined) result = type;
      else if (!isOpen(result) && formatType(type) !== formatType(result)) result = DYN;
      return true;
    });
    if (result === undefined) throw this.#noOverload(name, types, isMember, offset);
    return { kind: 'call', name, arguments: args, overloads: fitting, offset, type: result };
  }

  #logic(name: string, args: readonly Resolved[], overloads: readonly Overload[], offset: number): Resolved {
    for (const argument of args) {
      if (!this.#types.assign(argument.type, BOOL)) throw this.#mismatch(BOOL, argument);
    }
    return { kind: 'call', name, arguments: args, overloads, offset, type: BOOL };
  }

  #list(expression: Expression & { kind: 'list' }, scope: Scope): Resolved {
    let common: CelType | undefined;
    const elements = expression.elements.map(({ value, optional }) => {
      const element = this.check(value, scope);
      common = this.#join(common, this.#elementType(element, optional));
      return { value: element, optional };
    });
    const type = listOf(common ?? this.#types.fresh());
    return { kind: 'list', elements, offset: expression.offset, type };
  }

  #map(expression: Expression & { kind: 'map' }, scope: Scope): Resolved {
    let keyType: CelType | undefined;
    let valueType: CelType | undefined;
    const entries = expression.entries.map((entry) => {
      const key = this.check(entry.key, scope);
      keyType = this.#join(keyType, key.type);
      const value = this.check(entry.value, scope);
      valueType = this.#join(valueType, this.#elementType(value, entry.optional));
      return { key, value, optional: entry.optional };
    });
    const type = mapOf(keyType ?? this.#types.fresh(), valueType ?? this.#types.fresh());
    return { kind: 'map', entries, offset: expression.offset, type };
  }

  #struct(expression: Expression & { kind: 'struct' }, scope: Scope): Resolved {
    const { offset } = expression;
    const found = this.#names.variable(expression.type);
    const struct = found?.type.kind === 'type' ? found.type.of : undefined;
    if (struct === undefined) throw this.#undeclared(expression.type, offset);
    const fields = expression.fields.map((field) => {
      const value = this.check(field.value, scope);
      const wanted = this.#names.fieldType(runtimeTypeName(struct), field.name);
      if (wanted === undefined) throw new CelError('type', `undefined field '${field.name}'`, field.offset);
      const given = this.#elementType(value, field.optional);
      if (this.#environment.typeChecked && !this.#types.assign(wanted, given)) {
        const words = `expected type of field '${field.name}' is '${formatType(wanted)}'`;
        throw new CelError('type', `${words} but provided type is '${formatType(given)}'`, field.offset);
      }
      return { name: field.name, value, optional: field.optional };
    });
    if (struct.kind !== 'object') {
      throw new CelError('type', `'${formatType(struct)}' is not a message type`, offset);
    }
    return { kind: 'struct', name: struct.name, fields, offset, type: objectType(struct.name) };
  }

  /** The type that an element brings to its list or map: of `?x`, what the optional `x` holds. */
  #elementType(element: Resolved, optional: boolean): CelType {
    const type = this.#types.resolve(element.type);
    if (!optional) return element.type;
    const inner = optionalElement(type);
    if (inner === undefined && !isOpen(type) && this.#environment.typeChecked) {
      throw this.#mismatch(optionalOf(type), element);
    }
    return inner ?? DYN;
  }

  /** The type of elements of which two are of these types: `dyn` where they have none in common. */
  #join(previous: CelType | undefined, current: CelType): CelType {
    if (previous === undefined) return current;
    return this.#types.assign(previous, current) ? moreGeneral(previous, current) : DYN;
  }

  #comprehension(expression: Comprehension, scope: Scope): Resolved {
    const range = this.check(expression.range, scope);
    const initial = this.check(expression.initial, scope);
    const [first, second] = this.#rangeTypes(range, expression.second !== undefined);
    const slots = { accumulator: this.slots++, variable: this.slots++, second: this.slots };
    const outer = new Map(scope).set(expression.accumulator, { slot: slots.accumulator, type: initial.type });
    const inner = new Map(outer).set(expression.variable, { slot: slots.variable, type: first });
    if (expression.second !== undefined) {
      this.slots++;
      inner.set(expression.second, { slot: slots.second, type: second });
    }
    const condition = this.#expectType(this.check(expression.condition, inner), BOOL);
    const step = this.#expectType(this.check(expression.step, inner), initial.type);
    const result = this.check(expression.result, outer);
    return {
      kind: 'fold',
      range,
      variable: slots.variable,
      second: expression.second === undefined ? undefined : slots.second,
      accumulator: slots.accumulator,
      hidden: expression.accumulator === ACCUMULATOR,
      initial,
      condition,
      step,
      result,
      offset: expression.offset,
      type: this.#types.resolve(result.type),
    };
  }

  #rangeTypes(range: Resolved, hasTwo: boolean): readonly [CelType, CelType] {
    const type = this.#types.resolve(range.type);
    if (type.kind === 'list') return hasTwo ? [INT, type.element] : [type.element, ERROR];
    if (type.kind === 'map') return [type.key, type.value];
    if (!isOpen(type) && type.kind !== 'parameter') {
      const words = 'cannot be range of a comprehension (must be list, map, or dynamic)';
      throw new CelError('type', `expression of type '${formatType(type)}' ${words}`, range.offset);
    }
    this.#types.assign(DYN, type);
    return [DYN, DYN];
  }

  #expectType(given: Resolved, wanted: CelType): Resolved {
    if (!this.#environment.typeChecked || this.#types.assign(wanted, given.type)) return given;
    throw this.#mismatch(wanted, given);
  }

  #mismatch(wanted: CelType, given: Resolved): CelError {
    const [expected, found] = [wanted, given.type].map((type) => formatType(this.#types.resolve(type, true)));
    return new CelError('type', `expected type '${expected}' but found '${found}'`, given.offset);
  }

  #noOverload(name: string, types: readonly CelType[], isMember: boolean, offset: number): CelError {
    const shown = types.map((type) => formatType(this.#types.resolve(type, true)));
    const signature = isMember ? `${shown[0]}.(${shown.slice(1).join(', ')})` : `(${shown.join(', ')})`;
    return new CelError('type', `found no matching overload for '${name}' applied to '${signature}'`, offset);
  }

  #undeclared(name: string, offset: number): CelError {
    const { container } = this.#environment;
    return new CelError('type', `undeclared reference to '${name}' (in container '${container}')`, offset);
  }
}

/** `a.b.c` as one name; undefined for anything else. */
function qualifiedName(expression: Expression): string | undefined {
  if (expression.kind === 'identifier') return expression.name;
  if (expression.kind !== 'select' || expression.testOnly) return undefined;
  const prefix = qualifiedName(expression.operand);
  return prefix === undefined ? undefined : `${prefix}.${expression.field}`;
}
