import { isObject, type JsonObject, type JsonValue } from '../../../core/json.ts';
import { show } from './judgement.ts';

/** A predicate is not of the shape that it claims, or of one that nobody reads here: it is not judged, and not passed. */
export class Unreadable extends Error {
  readonly mend: string;

  constructor(message: string, mend = 'Attest it again in a format that is read; the documentation lists them.') {
    super(message);
    this.mend = mend;
  }
}

/** An object as a field of a document, and how messages call it. Unknown fields are not looked at. Throws Unreadable. */
export class Fields {
  readonly #object: JsonObject;
  readonly name: string;

  constructor(value: JsonValue | undefined, name: string) {
    if (!isObject(value)) throw new Unreadable(`${name} is ${value === undefined ? 'missing' : 'not an object'}`);
    this.#object = value;
    this.name = name;
  }

  has(key: string): boolean {
    const value = this.value(key);
    return value !== undefined && value !== null;
  }

  value(key: string): JsonValue | undefined {
    return Object.hasOwn(this.#object, key) ? this.#object[key] : undefined;
  }

  object(key: string): Fields {
    return new Fields(this.value(key), `${this.name}.${key}`);
  }

  /** undefined where it is missing or null, as many writers put it. */
  optionalObject(key: string): Fields | undefined {
    return this.has(key) ? this.object(key) : undefined;
  }

  text(key: string): string {
    const value = this.optionalText(key);
    if (value === undefined || value === '') throw new Unreadable(`${this.name}.${key} is missing`);
    return value;
  }

  optionalText(key: string): string | undefined {
    const value = this.value(key);
    if (value === undefined || value === null) return undefined;
    if (typeof value !== 'string') throw new Unreadable(`${this.name}.${key} is not a text`);
    return value;
  }

  /** The texts of a list; an absent list is empty. */
  texts(key: string): string[] {
    return this.list(key).map((each, i) => {
      if (typeof each !== 'string') throw new Unreadable(`${this.name}.${key}[${i}] is not a text`);
      return each;
    });
  }

  /** The objects of a list; an absent list is empty. */
  objects(key: string): Fields[] {
    return this.list(key).map((each, i) => new Fields(each, `${this.name}.${key}[${i}]`));
  }

  list(key: string): readonly JsonValue[] {
    const value = this.value(key);
    if (value === undefined || value === null) return [];
    if (!Array.isArray(value)) throw new Unreadable(`${this.name}.${key} is not a list`);
    return value as readonly JsonValue[];
  }

  /** A moment as RFC 3339 writes it, in milliseconds. */
  instant(key: string): number {
    const text = this.text(key);
    const time = readInstant(text);
    if (time === undefined) throw new Unreadable(`${this.name}.${key} is "${show(text, 40)}", which is no time`);
    return time;
  }
}

const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;

/** An RFC 3339 time in milliseconds; undefined for anything else. Go's zero time is none: it stands for "not set". */
export function readInstant(text: string): number | undefined {
  if (!rfc3339.test(text) || text.startsWith('0001-')) return undefined;
  const time = Date.parse(text.replace(/(\.\d{3})\d+/, '$1'));
  return Number.isNaN(time) ? undefined : time;
}

/** A statement as every one of these predicates comes: its type and its predicate. */
export function readStatement(statement: JsonValue): { readonly predicateType: string; readonly predicate: Fields } {
  const fields = new Fields(statement, 'statement');
  return { predicateType: fields.text('predicateType'), predicate: fields.object('predicate') };
}
