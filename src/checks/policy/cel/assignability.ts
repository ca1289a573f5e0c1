import { type CelType, DYN } from './types.ts';

/**
 * What the type variables of one expression stand for, as far as the checker knows. A variable gets a type by being
 * compared; a comparison that fails leaves no trace.
 */
export class Substitutions {
  readonly #bound = new Map<string, CelType>();
  /** What to put back when a comparison fails: the latest last. */
  readonly #trail: (readonly [string, CelType | undefined])[] = [];
  #count = 0;

  /** A type variable that nothing is known about. */
  fresh(): CelType {
    this.#count++;
    return { kind: 'parameter', name: `_var${this.#count}` };
  }

  /** Whether every type of `from` can stand where its neighbour in `to` is wanted; binds variables only if so. */
  assignAll(from: readonly CelType[], to: readonly CelType[]): boolean {
    const mark = this.#trail.length;
    if (this.#allAssignable(from, to)) return true;
    while (this.#trail.length > mark) {
      const [name, before] = this.#trail.pop() as [string, CelType | undefined];
      if (before === undefined) this.#bound.delete(name);
      else this.#bound.set(name, before);
    }
    return false;
  }

  assign(from: CelType, to: CelType): boolean {
    return this.assignAll([from], [to]);
  }

  /** The type with its variables replaced; those that stand for nothing stay, or become `dyn`. */
  resolve(type: CelType, unboundToDyn = false): CelType {
    switch (type.kind) {
      case 'parameter': {
        const bound = this.#bound.get(type.name);
        if (bound !== undefined) return this.resolve(bound, unboundToDyn);
        return unboundToDyn ? DYN : type;
      }
      case 'list':
        return { kind: 'list', element: this.resolve(type.element, unboundToDyn) };
      case 'map':
        return {
          kind: 'map',
          key: this.resolve(type.key, unboundToDyn),
          value: this.resolve(type.value, unboundToDyn),
        };
      case 'type':
        return type.of === undefined ? type : { kind: 'type', of: this.resolve(type.of, unboundToDyn) };
      case 'abstract':
        return { ...type, parameters: type.parameters.map((parameter) => this.resolve(parameter, unboundToDyn)) };
      default:
        return type;
    }
  }

  #allAssignable(from: readonly CelType[], to: readonly CelType[]): boolean {
    return from.length === to.length && from.every((type, i) => this.#isAssignable(type, to[i] as CelType));
  }

  #isAssignable(from: CelType, to: CelType): boolean {
    if (to.kind === 'parameter') {
      const answer = this.#bind(from, to);
      if (answer !== 'unknown') return answer;
    }
    if (from.kind === 'parameter') return this.#bind(to, from) === true;
    if (isOpen(from) || isOpen(to)) return true;
    if (from.kind === 'null') return isNullable(to);
    if (to.kind === 'null') return isNullable(from);
    return this.#sameShape(from.kind === 'wrapper' ? from.of : from, to.kind === 'wrapper' ? to.of : to);
  }

  #sameShape(from: CelType, to: CelType): boolean {
    switch (from.kind) {
      case 'list':
        return to.kind === 'list' && this.#isAssignable(from.element, to.element);
      case 'map':
        return to.kind === 'map' && this.#isAssignable(from.key, to.key) && this.#isAssignable(from.value, to.value);
      case 'abstract':
        return to.kind === 'abstract' && from.name === to.name && this.#allAssignable(from.parameters, to.parameters);
      case 'object':
        return to.kind === 'object' && from.name === to.name;
      default:
        return from.kind === to.kind;
    }
  }

  /** Makes a variable stand for a type, or for the more general of the two where it stands for one already. */
  #bind(type: CelType, variable: CelType & { kind: 'parameter' }): boolean | 'unknown' {
    if (type.kind === 'parameter' && type.name === variable.name) return true;
    const before = this.#bound.get(variable.name);
    if (before === undefined) {
      if (this.#occurs(variable.name, type)) return 'unknown';
      this.#set(variable.name, type);
      return true;
    }
    if (isSameType(type, before)) return true;
    if (!this.#isAssignable(type, before)) return false;
    const general = moreGeneral(type, before);
    if (!this.#occurs(variable.name, general)) this.#set(variable.name, general);
    return true;
  }

  #set(name: string, type: CelType): void {
    this.#trail.push([name, this.#bound.get(name)]);
    this.#bound.set(name, type);
  }

  /** Whether a variable occurs in a type: it cannot stand for something that contains it. */
  #occurs(name: string, type: CelType): boolean {
    switch (type.kind) {
      case 'parameter': {
        if (type.name === name) return true;
        const bound = this.#bound.get(type.name);
        return bound !== undefined && this.#occurs(name, bound);
      }
      case 'list':
        return this.#occurs(name, type.element);
      case 'map':
        return this.#occurs(name, type.key) || this.#occurs(name, type.value);
      case 'type':
        return type.of !== undefined && this.#occurs(name, type.of);
      case 'abstract':
        return type.parameters.some((parameter) => this.#occurs(name, parameter));
      default:
        return false;
    }
  }
}

/** The type with the variables of an overload replaced by the checker's own. */
export function instantiate(type: CelType, fresh: (name: string) => CelType): CelType {
  switch (type.kind) {
    case 'parameter':
      return fresh(type.name);
    case 'list':
      return { kind: 'list', element: instantiate(type.element, fresh) };
    case 'map':
      return { kind: 'map', key: instantiate(type.key, fresh), value: instantiate(type.value, fresh) };
    case 'type':
      return type.of === undefined ? type : { kind: 'type', of: instantiate(type.of, fresh) };
    case 'abstract':
      return { ...type, parameters: type.parameters.map((parameter) => instantiate(parameter, fresh)) };
    default:
      return type;
  }
}

/** `dyn`, or the type of what could not be checked: everything fits. */
export function isOpen(type: CelType): boolean {
  return type.kind === 'dyn' || type.kind === 'error';
}

/** The more general of two types that are known to fit. */
export function moreGeneral(a: CelType, b: CelType): CelType {
  if (b.kind === 'null' && a.kind !== 'dyn') return a;
  return isAtLeastAsGeneral(a, b) ? a : b;
}

function isAtLeastAsGeneral(a: CelType, b: CelType): boolean {
  if (a.kind === 'dyn' || a.kind === 'parameter') return true;
  if (b.kind === 'dyn' || b.kind === 'parameter') return false;
  if (a.kind === 'list' && b.kind === 'list') return isAtLeastAsGeneral(a.element, b.element);
  if (a.kind === 'map' && b.kind === 'map') {
    return isAtLeastAsGeneral(a.key, b.key) && isAtLeastAsGeneral(a.value, b.value);
  }
  if (a.kind === 'abstract' && b.kind === 'abstract') {
    return (
      a.name === b.name &&
      a.parameters.length === b.parameters.length &&
      a.parameters.every((parameter, i) => isAtLeastAsGeneral(parameter, b.parameters[i] as CelType))
    );
  }
  if (a.kind === 'type') return b.kind === 'type';
  return isSameType(a, b);
}

export function isSameType(a: CelType, b: CelType): boolean {
  switch (a.kind) {
    case 'list':
      return b.kind === 'list' && isSameType(a.element, b.element);
    case 'map':
      return b.kind === 'map' && isSameType(a.key, b.key) && isSameType(a.value, b.value);
    case 'type':
      if (b.kind !== 'type') return false;
      return a.of === undefined || b.of === undefined ? a.of === b.of : isSameType(a.of, b.of);
    case 'wrapper':
      return b.kind === 'wrapper' && isSameType(a.of, b.of);
    case 'parameter':
    case 'object':
      return b.kind === a.kind && a.name === b.name;
    case 'abstract':
      return (
        b.kind === 'abstract' &&
        a.name === b.name &&
        a.parameters.length === b.parameters.length &&
        a.parameters.every((parameter, i) => isSameType(parameter, b.parameters[i] as CelType))
      );
    default:
      return a.kind === b.kind;
  }
}

/** Whether `null` can stand for a value of the type: the checker has allowed it for more than wrappers from the first. */
function isNullable(type: CelType): boolean {
  switch (type.kind) {
    case 'null':
    case 'wrapper':
    case 'abstract':
    case 'object':
    case 'duration':
    case 'timestamp':
      return true;
    default:
      return isOpen(type);
  }
}
