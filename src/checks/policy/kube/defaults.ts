import type { JsonObject, JsonValue } from '../../../core/json.ts';
import { fieldsOf } from './builtin-types.ts';
import table from './defaults.json' with { type: 'json' };
import { DEPENDENT } from './dependent-defaults.ts';
import { type Completing, type Draft, structured, type Trail } from './typed-values.ts';

type Defaults = Readonly<Record<string, Readonly<Record<string, JsonValue>>>>;

/** Defaults of a type wherever it stands, and those that it has only in objects of one kind. */
const everywhere = table.types as Defaults;
const byKind = table.kinds as Readonly<Record<string, Defaults>>;

/**
 * What the API server sets in each struct of an object of this kind (`apps/v1/Deployment`): what always is the same, by
 * a table that was harvested from a real one, and what depends on other fields, by rule.
 */
export function completing(kind: string): Completing {
  let known = byName.get(kind);
  if (known === undefined) {
    known = createRules(kind);
    byName.set(kind, known);
  }
  return { faults: [], ...known };
}

type Rules = Omit<Completing, 'faults'>;
const byName = new Map<string, Rules>();

/** What is set in a struct of one type, in objects of one kind. */
interface StructRules {
  /** An empty struct as a default has the defaults of its own type: `struct` says which. */
  readonly fills: readonly { readonly name: string; readonly value: JsonValue; readonly struct: string | undefined }[];
  readonly dependent: (typeof DEPENDENT)[string] | undefined;
}

function createRules(kind: string): Rules {
  const ofKind = Object.hasOwn(byKind, kind) ? byKind[kind] : undefined;
  const rules = new Map<string, StructRules>();
  const empties = new Map<string, JsonObject>();
  const ofMetadata = own(ofKind, 'metadata');

  return { finish, empty };

  function rulesOf(struct: string): StructRules {
    let found = rules.get(struct);
    if (found === undefined) {
      const defaults = { ...own(everywhere, struct), ...own(ofKind, struct) };
      const fills = Object.entries(defaults).map(([name, value]) => ({
        name,
        value,
        struct: isEmptyObject(value) ? structOf(struct, name) : undefined,
      }));
      found = { fills, dependent: own(DEPENDENT, struct) };
      rules.set(struct, found);
    }
    return found;
  }

  function finish(struct: string, draft: Draft, { faults }: Completing, trail: Trail | undefined): void {
    const { fills, dependent } = rulesOf(struct);
    for (const { name, value, struct: inner } of fills) draft[name] ??= inner === undefined ? value : empty(inner);
    if (ofMetadata !== undefined && trail?.key === 'metadata' && trail.above === undefined)
      fillMetadata(draft, ofMetadata);
    // Where a value is not of its type nothing follows from it, and the server refuses the object.
    if (dependent !== undefined && faults.length === 0) dependent(draft, { isWhole: trail === undefined, empty });
  }

  function empty(struct: string): JsonObject {
    let found = empties.get(struct);
    if (found === undefined) {
      found = structured(struct, {}, { faults: [], finish, empty }, nowhere);
      empties.set(struct, found);
    }
    return found;
  }
}

/** An empty struct stands in some struct, wherever that is. */
const nowhere: Trail = { above: undefined, key: '' };

/** Of the object itself, and not of a template in it. Finalizers are added to those that are there. */
function fillMetadata(draft: Draft, { generation, finalizers = [] }: JsonObject): void {
  if (generation !== undefined) draft['generation'] = generation;
  const given = Array.isArray(draft['finalizers']) ? (draft['finalizers'] as readonly JsonValue[]) : [];
  const added = (finalizers as readonly JsonValue[]).filter((each) => !given.includes(each));
  if (added.length > 0) draft['finalizers'] = [...given, ...added];
}

/** The type of a field that holds a struct, or a pointer to one. */
function structOf(struct: string, name: string): string | undefined {
  const type = fieldsOf(struct).find((field) => field.name === name)?.type;
  const to = type?.kind === 'pointer' ? type.to : type;
  return to?.kind === 'struct' ? to.name : undefined;
}

function own<Value>(from: Readonly<Record<string, Value>> | undefined, key: string): Value | undefined {
  return from !== undefined && Object.hasOwn(from, key) ? from[key] : undefined;
}

function isEmptyObject(value: JsonValue): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;
}
