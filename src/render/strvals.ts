/** One assignment as `helm --set` and `--set-string` read it (helm's pkg/strvals), into values that are changed in place. */

/** A value that is put together piece by piece. */
export type Mutable = null | boolean | number | bigint | string | Mutable[] | MutableObject;
export type MutableObject = { [key: string]: Mutable };

/** What is wrong with an assignment, without a word of it: a value may be a secret, and a comma in it begins a key. */
export class AssignmentProblem extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'AssignmentProblem';
  }
}

export function isMutableObject(value: Mutable | undefined): value is MutableObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An object without a prototype: a key may be called `__proto__`. */
export function newObject(): MutableObject {
  return Object.create(null);
}

const MAX_INDEX = 65_536;
const MAX_LEVELS = 30;
/** How many places lists may grow by in one assignment: a few bytes ask for many. */
const MAX_GROWTH = 200_000;
const MAX_INDICES = 100;
const NO_VALUE = 'a key has no value; a comma in the value begins another key, unless a backslash stands before it';

/**
 * Reads `path=value,…` into the values. With `texts` every value is a text. `take` is called before each value and each
 * item that is put there, and may refuse. Throws AssignmentProblem; the values may then have been changed by halves.
 */
export function assign(text: string, values: MutableObject, texts: boolean, take: () => void = () => {}): void {
  new Reader(text, texts, take).all(values);
}

class Reader {
  readonly #characters: readonly string[];
  readonly #texts: boolean;
  readonly #take: () => void;
  /** Lists that were made here, so that nobody else holds them: they grow in place. */
  readonly #own = new Set<Mutable[]>();
  /** Mappings that are known to hold something: to ask one of them for its keys costs as much as it has keys. */
  readonly #filled = new Set<MutableObject>();
  #at = 0;
  #grown = 0;
  #indices = 0;

  constructor(text: string, texts: boolean, take: () => void) {
    this.#characters = [...text];
    this.#texts = texts;
    this.#take = take;
  }

  all(values: MutableObject): void {
    while (!this.#isAtEnd()) {
      this.#indices = 0;
      this.#key(values, 0);
    }
  }

  /** Answers whether the text was at its end where a name or a value should have begun. */
  #key(data: MutableObject, level: number): boolean {
    const { text: key, end } = this.#until('=[,.');
    if (end === undefined) {
      if (key === '') return true;
      throw new AssignmentProblem(NO_VALUE);
    }
    if (end === '[') {
      const index = this.#index();
      const present = data[key];
      if (present !== undefined && !Array.isArray(present)) throw notA('list');
      const { list, ended } = this.#item(present ?? [], index, level);
      this.#set(data, key, list);
      return ended;
    }
    if (end === '=') {
      const ended = this.#isAtEnd();
      this.#set(data, key, this.#value());
      return ended;
    }
    if (end === ',') throw new AssignmentProblem(NO_VALUE);
    if (level + 1 > MAX_LEVELS) throw new AssignmentProblem(`names are nested more than ${MAX_LEVELS} deep`);
    const present = data[key];
    if (present !== undefined && !isMutableObject(present)) throw notA('mapping');
    const inner = present ?? newObject();
    const ended = this.#key(inner, level + 1);
    if (this.#isFilled(inner)) this.#set(data, key, inner);
    else if (!ended) throw new AssignmentProblem(NO_VALUE);
    return ended;
  }

  /** An empty key is passed over, as helm does. */
  #set(data: MutableObject, key: string, value: Mutable): void {
    if (key === '') return;
    data[key] = value;
    this.#filled.add(data);
  }

  #isFilled(data: MutableObject): boolean {
    if (!this.#filled.has(data) && Object.keys(data).length > 0) this.#filled.add(data);
    return this.#filled.has(data);
  }

  #isAtEnd(): boolean {
    return this.#at >= this.#characters.length;
  }

  #index(): number {
    const { text, end } = this.#until(']');
    if (end === undefined || !/^[-+]?[0-9]{1,18}$/.test(text)) {
      throw new AssignmentProblem('an index is no number');
    }
    const index = Number(text);
    if (index < 0 || index > MAX_INDEX) throw new AssignmentProblem(`an index is not between 0 and ${MAX_INDEX}`);
    return index;
  }

  /** The list with the item in it. Helm forgets an item whose last value is empty. */
  #item(list: Mutable[], index: number, level: number): { readonly list: Mutable[]; readonly ended: boolean } {
    this.#grown += Math.max(0, index + 1 - list.length);
    if (this.#grown > MAX_GROWTH) throw new AssignmentProblem('lists grow too long');
    // Each index stands inside the one before it, until the next assignment begins.
    if (++this.#indices > MAX_INDICES)
      throw new AssignmentProblem(`more than ${MAX_INDICES} indices follow each other`);
    const changed = (value: Mutable) => ({ list: this.#place(list, index, value), ended: false });
    const { text, end } = this.#until('[.=');
    if (text !== '') throw new AssignmentProblem('something stands behind an index');
    if (end === undefined) throw new AssignmentProblem('an index has no value');
    if (end === '=') return changed(this.#value());
    if (end === '[') {
      const next = this.#index();
      const present = list[index] ?? null;
      if (present !== null && !Array.isArray(present)) throw notA('list');
      const inner = this.#item(present ?? [], next, level);
      return inner.ended ? { list, ended: true } : changed(inner.list);
    }
    let inner = newObject();
    if (index < list.length) {
      const present = list[index];
      if (isMutableObject(present)) inner = present;
      else list[index] = inner;
    }
    if (this.#isAtEnd()) throw new AssignmentProblem('an index has no value');
    return this.#key(inner, level) ? { list, ended: true } : changed(inner);
  }

  /** A list that grows is another one to whoever else holds it, as in helm. */
  #place(list: Mutable[], index: number, value: Mutable): Mutable[] {
    let longer = list;
    if (index >= list.length && !this.#own.has(list)) {
      longer = [...list];
      this.#own.add(longer);
    }
    while (longer.length < index) {
      this.#take();
      longer.push(null);
    }
    longer[index] = value;
    return longer;
  }

  #value(): Mutable {
    this.#take();
    if (this.#characters[this.#at] !== '{') return this.#typed(this.#until(',').text);
    this.#at++;
    const list: Mutable[] = [];
    for (;;) {
      const { text, end } = this.#until(',}');
      if (end === undefined) throw new AssignmentProblem('a list is not closed by }');
      this.#take();
      list.push(this.#typed(text));
      if (end === ',') continue;
      if (this.#characters[this.#at] === ',') this.#at++;
      return list;
    }
  }

  #typed(text: string): Mutable {
    if (this.#texts) return text;
    if (/^true$/iu.test(text)) return true;
    if (/^false$/iu.test(text)) return false;
    if (/^null$/iu.test(text)) return null;
    if (text === '0') return 0;
    if (/^[-+]?[0-9]{1,19}$/.test(text) && !text.startsWith('0')) {
      const value = BigInt(text.startsWith('+') ? text.slice(1) : text);
      if (value === BigInt.asIntN(64, value)) return Number.isSafeInteger(Number(value)) ? Number(value) : value;
    }
    return text;
  }

  /** The characters before the first that ends them; a backslash takes the next for itself. */
  #until(ends: string): { readonly text: string; readonly end: string | undefined } {
    const taken: string[] = [];
    while (this.#at < this.#characters.length) {
      const c = this.#characters[this.#at++] as string;
      if (ends.includes(c)) return { text: taken.join(''), end: c };
      if (c !== '\\') taken.push(c);
      else if (this.#at < this.#characters.length) taken.push(this.#characters[this.#at++] as string);
    }
    return { text: taken.join(''), end: undefined };
  }
}

function notA(what: 'list' | 'mapping'): AssignmentProblem {
  return new AssignmentProblem(`on the way there is a value already, which is no ${what}`);
}
