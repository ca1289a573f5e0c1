import type { JsonObject, JsonPath, JsonValue } from '../../../core/json.ts';
import { fieldsOf } from './builtin-types.ts';
import table from './defaults.json' with { type: 'json' };
import { DEPENDENT } from './dependent-defaults.ts';
import { type Draft, emptyStruct, type Fault, type Finish } from './typed-values.ts';

type Defaults = Readonly<Record<string, Readonly<Record<string, JsonValue>>>>;

/** The version of Kubernetes whose defaults these are. */
export const defaultsVersion: string = table.kubernetes;

/** Defaults of a type wherever it stands, and those that it has only in objects of one kind. */
const everywhere = table.types as Defaults;
const byKind = table.kinds as Readonly<Record<string, Defaults>>;

/**
 * What the API server sets in each struct of an object of this kind (`apps/v1/Deployment`): what always is the same, by
 * a table that was harvested from a real one, and what depends on other fields, by rule.
 */
export function defaulting(kind: string, faults: readonly Fault[]): Finish {
  const ofKind = Object.hasOwn(byKind, kind) ? byKind[kind] : undefined;
  const finish: Finish = (struct, draft, path) => {
    fill(struct, own(everywhere, struct), draft, path);
    fill(struct, own(ofKind, struct), draft, path);
    if (path.length === 1 && path[0] === 'metadata') fillMetadata(draft);
    // Where a value is not of its type nothing follows from it, and the server refuses the object.
    if (faults.length === 0) own(DEPENDENT, struct)?.(draft, { kind, path, finish });
  };
  return finish;

  function fill(struct: string, defaults: JsonObject | undefined, draft: Draft, path: JsonPath): void {
    if (defaults === undefined) return;
    for (const name of Object.keys(defaults)) {
      const value = defaults[name] as JsonValue;
      const given = draft[name];
      // Where a list is the default, an empty one counts as none.
      if (given !== undefined && !(Array.isArray(value) && Array.isArray(given) && given.length === 0)) continue;
      draft[name] = isEmptyObject(value) ? made(struct, name, [...path, name]) : value;
    }
  }

  /** Of the object itself, and not of a template in it. Finalizers are added to those that are there. */
  function fillMetadata(draft: Draft): void {
    const defaults = own(ofKind, 'metadata');
    if (defaults?.['generation'] !== undefined) draft['generation'] = defaults['generation'];
    const given = (draft['finalizers'] ?? []) as readonly JsonValue[];
    const added = ((defaults?.['finalizers'] ?? []) as readonly JsonValue[]).filter((each) => !given.includes(each));
    if (given.length + added.length > 0) draft['finalizers'] = [...given, ...added];
  }

  /** An empty struct has the defaults of its own type. */
  function made(struct: string, name: string, path: JsonPath): JsonObject {
    const type = fieldsOf(struct).find((field) => field.name === name)?.type;
    const to = type?.kind === 'pointer' ? type.to : type;
    return to?.kind === 'struct' ? emptyStruct(to.name, finish, path) : Object.create(null);
  }
}

function own<Value>(from: Readonly<Record<string, Value>> | undefined, key: string): Value | undefined {
  return from !== undefined && Object.hasOwn(from, key) ? from[key] : undefined;
}

function isEmptyObject(value: JsonValue): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;
}
