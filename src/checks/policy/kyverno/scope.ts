import type { JsonObject, JsonValue } from '../../../core/json.ts';
import type { PolicyWorld } from '../rule.ts';
import type { Supplied } from '../supplied.ts';
import { LimitError } from '../values/limit.ts';
import { worked } from '../values/work.ts';
import { Fault } from './fault.ts';
import { contextImages } from './images-context.ts';
import { type ContextQuery, dynamicQuery } from './query.ts';
import { copyOf, type RequestView, withVariables } from './request-view.ts';

/** One context entry, as it was compiled. */
export interface EntryLoader {
  readonly name: string;
  /**
   * The entry's value. `merge`: maps that are there already are added to, as Kyverno does for data from outside. Throws
   * Fault. Undefined where a test has taken the entry's place.
   */
  load(scope: Scope): { readonly value: JsonValue; readonly merge: boolean } | undefined;
}

interface EntryState {
  readonly loader: EntryLoader;
  readonly level: number;
  /** `tried`: it failed, and is not loaded again before the next element. */
  state: 'new' | 'tried' | 'loaded';
}

/** A policy that loops over what an object lists, inside of itself, may not take for ever. */
const maxElements = 1_000_000;

/**
 * Texts whose variables spell further variables can double with each round. Filling them in costs time by the length of
 * the text, for every variable in it; this much takes some tenths of a second.
 */
const maxTextWork = 200_000_000;

/** What is counted over a whole evaluation of a rule. */
interface Account {
  elements: number;
  textWork: number;
}

/**
 * What the variables of a rule are looked up in: the request, the context entries (each loaded when an expression first
 * mentions it), and inside of foreach the elements. One evaluation of one rule has one scope, and one for each element.
 */
export class Scope {
  readonly view: RequestView;
  readonly world: PolicyWorld;
  readonly rule: string;
  readonly isDelete: boolean;
  readonly #level: number;
  readonly #parent: Scope | undefined;
  readonly #account: Account;
  #root: JsonObject;
  #isOwnRoot: boolean;
  #entries: readonly EntryState[];
  /** While an entry is loaded only those before it are seen. */
  #limit = Number.POSITIVE_INFINITY;
  #hasImages = false;
  /** Entries of outer scopes that were loaded for this element. */
  readonly #borrowed: EntryState[] = [];

  private constructor(view: RequestView, rule: string, parent: Scope | undefined, root: JsonObject, own: boolean) {
    this.view = view;
    this.world = view.world;
    this.rule = rule;
    this.isDelete = view.request.operation === 'DELETE';
    this.#parent = parent;
    this.#level = parent === undefined ? 0 : parent.#level + 1;
    this.#account = parent === undefined ? { elements: 0, textWork: 0 } : parent.#account;
    this.#root = root;
    this.#isOwnRoot = own;
    this.#entries = parent === undefined ? [] : parent.#entries;
    this.#hasImages = parent === undefined ? false : parent.#hasImages;
  }

  /** `rule` is the name that a test supplies variables by. */
  static ofRule(view: RequestView, rule: string, entries: readonly EntryLoader[]): Scope {
    const supplied = view.world.supplied?.ruleVariables(rule) ?? [];
    const root = supplied.length === 0 ? view.root : withVariables(view.root, supplied);
    const scope = new Scope(view, rule, undefined, root, supplied.length > 0);
    scope.#add(entries);
    return scope;
  }

  /**
   * The scope of one element of a foreach, which is `nesting` loops deep. Throws LimitError where a rule has come upon more
   * elements than anyone could mean.
   */
  forElement(element: JsonValue, index: number, nesting: number, entries: readonly EntryLoader[]): Scope {
    this.#account.elements += 1;
    worked(10);
    if (this.#account.elements > maxElements) throw new LimitError(`foreach has more than ${maxElements} elements`);
    let root = copyOf(this.#root);
    root['element'] = element;
    root[`element${nesting}`] = element;
    // Kyverno counts in integers, which JMESPath tells from the numbers of JSON.
    root['elementIndex'] = BigInt(index);
    root[`elementIndex${nesting}`] = BigInt(index);
    const supplied = this.supplied?.ruleVariables(this.rule) ?? [];
    if (supplied.length > 0) root = withVariables(root, supplied) as Record<string, JsonValue>;
    for (const entry of this.#entries) if (entry.state === 'tried') entry.state = 'new';
    const scope = new Scope(this.view, this.rule, this, root, true);
    scope.#add(entries);
    return scope;
  }

  /**
   * To be called when an element is done. An entry of an outer scope that was loaded for it is loaded once more outside:
   * it may have read the element, which the next one must not see.
   */
  leave(): void {
    const parent = this.#parent;
    if (parent === undefined) return;
    for (const entry of this.#borrowed) {
      try {
        parent.#load(entry);
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
      }
    }
  }

  get supplied(): Supplied | undefined {
    return this.world.supplied;
  }

  /** Counts characters that were gone through to fill in variables. Throws LimitError where they are too many. */
  countText(characters: number): void {
    worked(characters / 64);
    this.#account.textWork += characters;
    if (this.#account.textWork > maxTextWork) throw new LimitError('variables of variables take too long to fill in');
  }

  /** Looks an expression up. Throws Fault, with Kyverno's words for a key that is not there. */
  search(query: ContextQuery): JsonValue {
    if (this.#entries.length > 0) this.#loadMentioned(query);
    if (!this.#hasImages && query.mentions('images')) this.#addImages();
    return query.search(this.#root, this.view.ports);
  }

  /** The same for an expression that is known only now. */
  searchText(text: string): JsonValue {
    return this.search(dynamicQuery(text));
  }

  /** Whether there is anything of this name at the top. */
  has(name: string): boolean {
    return Object.hasOwn(this.#root, name);
  }

  #add(loaders: readonly EntryLoader[]): void {
    if (loaders.length === 0) return;
    const added = loaders.map((loader): EntryState => ({ loader, level: this.#level, state: 'new' }));
    this.#entries = [...this.#entries, ...added];
  }

  #loadMentioned(query: ContextQuery): void {
    const limit = Math.min(this.#limit, this.#entries.length);
    for (let index = 0; index < limit; index += 1) {
      const entry = this.#entries[index] as EntryState;
      if (entry.state !== 'new' || !query.mentions(entry.loader.name)) continue;
      entry.state = 'tried';
      this.#load(entry, index);
      entry.state = 'loaded';
    }
  }

  #load(entry: EntryState, index = this.#entries.indexOf(entry)): void {
    const outer = this.#limit;
    this.#limit = index;
    try {
      const loaded = entry.loader.load(this);
      if (loaded !== undefined) this.#set(entry.loader.name, loaded.value, loaded.merge);
      if (entry.level < this.#level) this.#borrowed.push(entry);
    } finally {
      this.#limit = outer;
    }
  }

  #set(name: string, value: JsonValue, merge: boolean): void {
    if (merge) {
      this.#root = withVariables(this.#root, [{ path: [name], value }]);
    } else {
      const root = this.#isOwnRoot ? this.#root : copyOf(this.#root);
      (root as Record<string, JsonValue>)[name] = value;
      this.#root = root;
    }
    this.#isOwnRoot = true;
  }

  #addImages(): void {
    this.#hasImages = true;
    const { object } = this.view;
    const images = object === null ? undefined : contextImages(object);
    if (images !== undefined) this.#set('images', images, true);
  }
}
