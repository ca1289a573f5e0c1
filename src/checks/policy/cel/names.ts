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
  readonly #profile: ProfileNames;

  constructor(environment: CelProfile & { readonly variables: ReadonlyMap<string, CelType> }) {
    this.#container = environment.container;
    this.#variables = environment.variables;
    this.#profile = profileNames(environment);
  }

  /** A variable, a constant or a type, by the rules of the container. */
  variable(name: string): Known | undefined {
    for (const candidate of candidateNames(this.#container, name)) {
      const type = this.#variables.get(candidate);
      if (type !== undefined) return { name: candidate, type, value: undefined };
      const constant = this.#profile.constants.get(candidate);
      if (constant !== undefined) return constant;
    }
    return undefined;
  }

  functionName(name: string): string | undefined {
    return candidateNames(this.#container, name).find((candidate) => this.#profile.functions.has(candidate));
  }

  overloads(name: string, isMember: boolean): readonly Overload[] {
    const overloads = this.#profile.functions.get(name) ?? [];
    return overloads.filter((overload) => (overload.member ?? false) === isMember);
  }

  fieldType(object: string, field: string): CelType | undefined {
    return this.#profile.objects.get(object)?.get(field);
  }
}

interface ProfileNames {
  readonly functions: ReadonlyMap<string, readonly Overload[]>;
  readonly constants: ReadonlyMap<string, Known>;
  readonly objects: ReadonlyMap<string, ReadonlyMap<string, CelType>>;
}

/** By the list of functions, which environments made of one profile share. */
const read = new WeakMap<object, ProfileNames>();

function profileNames(profile: CelProfile): ProfileNames {
  const known = read.get(profile.functions);
  if (known !== undefined && known.objects.size === profile.objects.length) return known;
  const functions = new Map<string, Overload[]>();
  for (const { name, overloads } of profile.functions) {
    const all = functions.get(name);
    if (all === undefined) functions.set(name, [...overloads]);
    else all.push(...overloads);
  }
  const constants = new Map<string, Known>();
  const objects = new Map<string, ReadonlyMap<string, CelType>>();
  for (const { name, fields } of profile.objects) {
    objects.set(name, new Map(Object.entries(fields)));
    constants.set(name, { name, type: typeOf({ kind: 'object', name }), value: new CelTypeValue(name) });
  }
  for (const { name, type, value } of profile.constants) constants.set(name, { name, type, value });
  const made = { functions, constants, objects };
  read.set(profile.functions, made);
  return made;
}

/** The names that a name may stand for in a container, the nearest first; a leading dot asks for the name itself. */
export function candidateNames(container: string, name: string): readonly string[] {
  if (name.startsWith('.')) return [name.slice(1)];
  if (container === '') return [name];
  const parts = container.split('.');
  const prefixes = parts.map((_, i) => parts.slice(0, parts.length - i).join('.'));
  return [...prefixes.map((prefix) => `${prefix}.${name}`), name];
}
