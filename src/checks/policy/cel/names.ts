import type { Overload } from './declaration.ts';
import type { CelProfile } from './environment.ts';
import { type CelType, typeOf } from './types.ts';
import { CelTypeValue, type CelValue } from './values.ts';

interface Known {
  readonly name: string;
  readonly type: CelType;
  /** Of constants: variables have none. */
  readonly value: CelValue | undefined;
}

/**
 * What each name of an environment means. Reading a profile takes longer than checking an expression, so its names are
 * read once, however many expressions and variables there are.
 */
export class Names {
  readonly #container: string;
  readonly #variables: ReadonlyMap<string, CelType>;
  readonly #functions: ReadonlyMap<string, readonly Overload[]>;
  readonly #constants: ReadonlyMap<string, Known>;
  readonly #objects: ObjectNames;

  constructor(environment: CelProfile & { readonly variables: ReadonlyMap<string, CelType> }) {
    this.#container = environment.container;
    this.#variables = environment.variables;
    this.#functions = readOnce(functionsRead, environment.functions, () => readFunctions(environment));
    this.#constants = readOnce(
      constantsRead,
      environment.constants,
      () => new Map(environment.constants.map(({ name, type, value }) => [name, { name, type, value }])),
    );
    this.#objects = readOnce(objectsRead, environment.objects, () => readObjects(environment));
  }

  /** A variable, a constant or a type, by the rules of the container. */
  variable(name: string): Known | undefined {
    for (const candidate of candidateNames(this.#container, name)) {
      const type = this.#variables.get(candidate);
      if (type !== undefined) return { name: candidate, type, value: undefined };
      const constant = this.#constants.get(candidate) ?? this.#objects.types.get(candidate);
      if (constant !== undefined) return constant;
    }
    return undefined;
  }

  functionName(name: string): string | undefined {
    return candidateNames(this.#container, name).find((candidate) => this.#functions.has(candidate));
  }

  overloads(name: string, isMember: boolean): readonly Overload[] {
    const overloads = this.#functions.get(name) ?? [];
    return overloads.filter((overload) => (overload.member ?? false) === isMember);
  }

  fieldType(object: string, field: string): CelType | undefined {
    return this.#objects.fields.get(object)?.get(field);
  }
}

interface ObjectNames {
  readonly types: ReadonlyMap<string, Known>;
  readonly fields: ReadonlyMap<string, ReadonlyMap<string, CelType>>;
}

/** By the lists of a profile, which environments made of it share; each has objects of its own where it adds some. */
const functionsRead = new WeakMap<object, ReadonlyMap<string, readonly Overload[]>>();
const constantsRead = new WeakMap<object, ReadonlyMap<string, Known>>();
const objectsRead = new WeakMap<object, ObjectNames>();

function readOnce<Value>(known: WeakMap<object, Value>, list: object, read: () => Value): Value {
  const found = known.get(list);
  if (found !== undefined) return found;
  const made = read();
  known.set(list, made);
  return made;
}

function readFunctions({ functions }: CelProfile): ReadonlyMap<string, readonly Overload[]> {
  const read = new Map<string, Overload[]>();
  for (const { name, overloads } of functions) {
    const all = read.get(name);
    if (all === undefined) read.set(name, [...overloads]);
    else all.push(...overloads);
  }
  return read;
}

function readObjects({ objects }: CelProfile): ObjectNames {
  return {
    fields: new Map(objects.map(({ name, fields }) => [name, new Map(Object.entries(fields))])),
    types: new Map(
      objects.map(({ name }) => [
        name,
        { name, type: typeOf({ kind: 'object', name }), value: new CelTypeValue(name) },
      ]),
    ),
  };
}

/** The names that a name may stand for in a container, the nearest first; a leading dot asks for the name itself. */
export function candidateNames(container: string, name: string): readonly string[] {
  if (name.startsWith('.')) return [name.slice(1)];
  if (container === '') return [name];
  const parts = container.split('.');
  const prefixes = parts.map((_, i) => parts.slice(0, parts.length - i).join('.'));
  return [...prefixes.map((prefix) => `${prefix}.${name}`), name];
}
