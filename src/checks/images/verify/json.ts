import type { JsonObject, JsonValue } from '../../../core/json.ts';
import { isObject } from '../../../core/json.ts';

/** Why an object from a registry is not what it claims to be. It never leaves the verifier: it becomes a rejection. */
export class Malformed extends Error {}

const maxDepth = 64;
// Unrolled: an alternation repeated once a character would exhaust the engine's stack on a payload of megabytes.
const stringToken = /"[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\u0000-\u001f]*)*"/y;
const numberToken = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const blank = /[ \t\r\n]*/y;

/**
 * JSON by the letter of RFC 8259, in UTF-8 without a byte order mark, where no object has a key twice. Two readers of
 * such a text cannot see two things: one that takes the first of two equal keys and one that takes the last are the
 * classic way to have one payload checked and another used. Throws Malformed.
 */
export function parseStrictJson(bytes: Uint8Array): JsonValue {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Malformed('it is not UTF-8');
  }
  const reader = new Reader(text);
  const value = reader.value(0);
  reader.skipBlank();
  if (reader.offset !== text.length) throw new Malformed('its JSON goes on after its end');
  return value;
}

class Reader {
  readonly text: string;
  offset = 0;

  constructor(text: string) {
    this.text = text;
  }

  value(depth: number): JsonValue {
    if (depth > maxDepth) throw new Malformed(`its JSON is nested more than ${maxDepth} deep`);
    this.skipBlank();
    switch (this.text[this.offset]) {
      case '{':
        return this.object(depth);
      case '[':
        return this.array(depth);
      case '"':
        return this.string();
      case 't':
        return this.word('true', true);
      case 'f':
        return this.word('false', false);
      case 'n':
        return this.word('null', null);
      default:
        return this.number();
    }
  }

  object(depth: number): JsonObject {
    const made: Record<string, JsonValue> = Object.create(null);
    this.offset += 1;
    if (this.accept('}')) return made;
    do {
      this.skipBlank();
      const key = this.string();
      if (Object.hasOwn(made, key))
        throw new Malformed(`its JSON has the key ${JSON.stringify(key.slice(0, 60))} twice`);
      this.expect(':');
      made[key] = this.value(depth + 1);
    } while (this.accept(','));
    this.expect('}');
    return made;
  }

  array(depth: number): JsonValue[] {
    const made: JsonValue[] = [];
    this.offset += 1;
    if (this.accept(']')) return made;
    do made.push(this.value(depth + 1));
    while (this.accept(','));
    this.expect(']');
    return made;
  }

  string(): string {
    return JSON.parse(this.token(stringToken)) as string;
  }

  /** An integer that a double cannot hold is a bigint: what a policy judges is what was signed. */
  number(): number | bigint {
    const token = this.token(numberToken);
    const value = Number(token);
    if (!Number.isFinite(value)) throw new Malformed('its JSON has a number beyond all bounds');
    // What is finite has at most 309 digits.
    const isLossy = Number.isInteger(value) && !Number.isSafeInteger(value) && /^-?\d+$/.test(token);
    return isLossy ? BigInt(token) : value;
  }

  word<Value extends JsonValue>(spelling: string, value: Value): Value {
    if (!this.text.startsWith(spelling, this.offset)) throw this.unexpected();
    this.offset += spelling.length;
    return value;
  }

  token(pattern: RegExp): string {
    pattern.lastIndex = this.offset;
    const found = pattern.exec(this.text)?.[0];
    if (found === undefined) throw this.unexpected();
    this.offset += found.length;
    return found;
  }

  accept(character: string): boolean {
    this.skipBlank();
    if (this.text[this.offset] !== character) return false;
    this.offset += 1;
    return true;
  }

  expect(character: string): void {
    if (!this.accept(character)) throw this.unexpected();
  }

  skipBlank(): void {
    blank.lastIndex = this.offset;
    this.offset += blank.exec(this.text)?.[0].length ?? 0;
  }

  unexpected(): Malformed {
    return new Malformed(`it is not JSON (at byte ${this.offset})`);
  }
}

/** An object all of whose keys are known; the fields are read with `stringAt` and the like. Throws Malformed. */
export function asRecord(value: JsonValue | undefined, what: string, known: readonly string[]): JsonObject {
  if (!isObject(value)) throw new Malformed(`${what} is not an object`);
  for (const key of Object.keys(value)) {
    if (!known.includes(key)) throw new Malformed(`${what} has the unknown field ${JSON.stringify(key.slice(0, 60))}`);
  }
  return value;
}

/** A string field. Throws Malformed where it is missing or something else. */
export function stringAt(record: JsonObject, key: string, what: string): string {
  const value = record[key];
  if (typeof value !== 'string') throw new Malformed(`${what}.${key} is not a string`);
  return value;
}

/** A field of base64, of at most so many bytes. Throws Malformed. */
export function bytesAt(record: JsonObject, key: string, what: string, most = Number.POSITIVE_INFINITY): Uint8Array {
  const bytes = decodeBase64(stringAt(record, key, what), `${what}.${key}`);
  if (bytes.length > most) throw new Malformed(`${what}.${key} has ${bytes.length} bytes, more than ${most}`);
  return bytes;
}

/** A list of at most so many; missing and null are an empty one, as in protobuf's JSON. Throws Malformed. */
export function listAt(record: JsonObject, key: string, what: string, most: number): readonly JsonValue[] {
  const value = record[key] ?? [];
  if (!Array.isArray(value)) throw new Malformed(`${what}.${key} is not a list`);
  if (value.length > most) throw new Malformed(`${what}.${key} has ${value.length} items, more than ${most}`);
  return value as readonly JsonValue[];
}

/** A whole number from 0 to 2^53, also in the decimal text that protobuf writes; missing is 0. Throws Malformed. */
export function countAt(record: JsonObject, key: string, what: string): number {
  const value = record[key] ?? 0;
  const count = typeof value === 'string' && /^(?:0|[1-9][0-9]{0,15})$/.test(value) ? Number(value) : value;
  if (typeof count !== 'number' || !Number.isSafeInteger(count) || count < 0 || Object.is(count, -0))
    throw new Malformed(`${what}.${key} is not a whole number from 0`);
  return count;
}

/** Standard base64 in its one canonical form, padding included. Throws Malformed. */
export function decodeBase64(text: string, what: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64');
  if (text === '' || bytes.toString('base64') !== text) throw new Malformed(`${what} is not base64`);
  return bytes;
}
