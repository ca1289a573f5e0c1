/**
 * One JSON value from a place in a text, as Go's encoding/json reads it, but stricter: a key that stands twice and a
 * lone surrogate are refused. JSON.parse would take the last of two keys and round integers without a word.
 */
import type { JsonValue } from '../core/json.ts';
import type { Budget } from './budget.ts';
import { quote, TextProblem } from './problem.ts';
import type { Offsets } from './yaml/builders.ts';
import { narrow } from './yaml/resolve.ts';

/** Text that is not JSON. The stream may then be YAML, so this is not yet a refusal. */
export class NotJson extends TextProblem {
  constructor(offset: number, message: string) {
    super('MANIFEST_SYNTAX', offset, message);
  }
}

export interface JsonLimits {
  readonly maxDepth: number;
  readonly budget?: Budget;
}

export interface JsonRead {
  readonly value: JsonValue;
  readonly end: number;
}

/** Reads the value that starts at `from` (blanks before it are passed over). Throws NotJson, or TextProblem. */
export function readJson(text: string, from: number, limits: JsonLimits, offsets?: Offsets): JsonRead {
  const reader = new JsonReader(text, from, limits, offsets);
  const value = reader.value();
  return { value, end: reader.pos };
}

/** Where the next thing that is no JSON blank stands. */
export function skipJsonBlanks(text: string, from: number): number {
  let at = from;
  for (;;) {
    const c = text.charCodeAt(at);
    if (c !== 32 && c !== 10 && c !== 13 && c !== 9) return at;
    at++;
  }
}

const number = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?/y;
const maxUint64 = 2n ** 64n - 1n;
const minInt64 = -(2n ** 63n);

class JsonReader {
  pos: number;
  readonly #text: string;
  readonly #limits: JsonLimits;
  readonly #offsets: Offsets | undefined;
  #depth = 0;

  constructor(text: string, from: number, limits: JsonLimits, offsets: Offsets | undefined) {
    this.#text = text;
    this.#limits = limits;
    this.#offsets = offsets;
    this.pos = from;
  }

  value(): JsonValue {
    this.pos = skipJsonBlanks(this.#text, this.pos);
    this.#limits.budget?.take(this.pos);
    switch (this.#text.charCodeAt(this.pos)) {
      case 123:
        return this.#object();
      case 91:
        return this.#array();
      case 34:
        return this.#string();
      case 116:
        return this.#word('true', true);
      case 102:
        return this.#word('false', false);
      case 110:
        return this.#word('null', null);
      default:
        return this.#number();
    }
  }

  #fail(message: string): never {
    throw new NotJson(this.pos, message);
  }

  #expect(character: string): void {
    this.pos = skipJsonBlanks(this.#text, this.pos);
    if (this.#text[this.pos] !== character) this.#fail(`"${character}" is expected here`);
    this.pos++;
  }

  /** Whether the collection ends here instead of going on with a comma. */
  #closes(character: string): boolean {
    this.pos = skipJsonBlanks(this.#text, this.pos);
    const c = this.#text[this.pos];
    if (c !== character && c !== ',') this.#fail(`"," or "${character}" is expected here`);
    this.pos++;
    return c === character;
  }

  #enter(): void {
    if (++this.#depth > this.#limits.maxDepth) {
      throw new TextProblem('MANIFEST_DEPTH', this.pos, `values are nested more than ${this.#limits.maxDepth} deep`);
    }
    this.pos++;
  }

  #object(): JsonValue {
    const made: Record<string, JsonValue> = Object.create(null);
    const offsets = this.#note(made);
    this.#enter();
    this.pos = skipJsonBlanks(this.#text, this.pos);
    let closed = this.#text[this.pos] === '}';
    if (closed) this.pos++;
    while (!closed) {
      this.pos = skipJsonBlanks(this.#text, this.pos);
      const at = this.pos;
      if (this.#text[at] !== '"') this.#fail('a key in double quotes is expected here');
      const key = this.#string();
      if (key in made) {
        throw new TextProblem('MANIFEST_DUPLICATE_KEY', at, `the key ${quote(key)} stands here a second time`);
      }
      this.#expect(':');
      this.pos = skipJsonBlanks(this.#text, this.pos);
      offsets?.set(key, this.pos);
      made[key] = this.value();
      closed = this.#closes('}');
    }
    this.#depth--;
    return made;
  }

  #array(): JsonValue {
    const made: JsonValue[] = [];
    const offsets = this.#note(made);
    this.#enter();
    this.pos = skipJsonBlanks(this.#text, this.pos);
    let closed = this.#text[this.pos] === ']';
    if (closed) this.pos++;
    while (!closed) {
      this.pos = skipJsonBlanks(this.#text, this.pos);
      offsets?.set(made.length, this.pos);
      made.push(this.value());
      closed = this.#closes(']');
    }
    this.#depth--;
    return made;
  }

  #note(made: object): Map<string | number, number> | undefined {
    if (this.#offsets === undefined) return undefined;
    const offsets = new Map<string | number, number>();
    this.#offsets.set(made, offsets);
    return offsets;
  }

  #string(): string {
    const text = this.#text;
    const start = this.pos;
    let at = start + 1;
    let escaped = false;
    for (;;) {
      const c = text.charCodeAt(at);
      if (c === 34) break;
      // Also the NaN behind the end of the text.
      if (!(c >= 32)) {
        this.pos = at;
        this.#fail(at < text.length ? 'a control character inside a string' : 'a string is not closed');
      }
      if (c === 92) {
        escaped = true;
        at++;
      }
      at++;
    }
    this.pos = at + 1;
    if (!escaped) return text.slice(start + 1, at);
    let value: string;
    try {
      value = JSON.parse(text.slice(start, at + 1));
    } catch {
      this.pos = start;
      this.#fail('a string holds an escape that JSON does not know');
    }
    if (!value.isWellFormed()) {
      throw new TextProblem('MANIFEST_ENCODING', start, 'a string holds half of a surrogate pair');
    }
    return value;
  }

  #word<Value>(word: string, value: Value): Value {
    if (!this.#text.startsWith(word, this.pos)) this.#fail('a JSON value is expected here');
    this.pos += word.length;
    return value;
  }

  #number(): number | bigint {
    number.lastIndex = this.pos;
    const match = number.exec(this.#text);
    if (match === null) this.#fail('a JSON value is expected here');
    const [digits, fraction, exponent] = match;
    const start = this.pos;
    this.pos += digits.length;
    const value = Number(digits);
    if (!Number.isFinite(value)) {
      throw new TextProblem('MANIFEST_VALUE', start, 'a number that is too large for Kubernetes to read');
    }
    if (fraction !== undefined || exponent !== undefined) return value;
    if (Number.isSafeInteger(value)) return value === 0 ? 0 : value;
    if (digits.length > 20) return value;
    const exact = BigInt(digits);
    // Beyond 64 bits Kubernetes reads a double.
    return exact >= minInt64 && exact <= maxUint64 ? narrow(exact) : value;
  }
}
