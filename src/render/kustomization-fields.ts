import { GateError } from '../core/errors.ts';
import { isObject, type JsonObject, type JsonPath, type JsonValue, objectFrom } from '../core/json.ts';
import type { YamlDocument } from './yaml.ts';

/** What is wrong in a kustomization, and where. */
export function invalid(what: string, where: string): GateError {
  return new GateError('RENDER_KUSTOMIZATION', `${where}: ${what}`, { place: where });
}

/** As Go's encoding/json compares field names: `Path`, `PATH` and `ſ` for `s` all mean the field. */
export function foldName(name: string): string {
  return name.toUpperCase().toLowerCase();
}

/** Loads what an entry names, and answers with the entry as the renderer is to see it. */
type Load = (entry: string, where: string, key: string) => string | Promise<string>;

/** The value of one field, with its place. */
export class Fields {
  readonly #document: YamlDocument;
  readonly #path: JsonPath;

  constructor(document: YamlDocument, path: JsonPath) {
    this.#document = document;
    this.#path = path;
  }

  /** `file:line (field)` of what stands below the field. */
  where(below: JsonPath): string {
    const path = [...this.#path, ...below];
    const called = this.#document.called?.(path);
    if (called !== undefined) return called;
    const name = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('');
    return `${this.#document.locate(path)}${name === '' ? '' : ` (${name.slice(1)})`}`;
  }

  async each(value: JsonValue, load: Load): Promise<JsonValue> {
    if (!Array.isArray(value)) throw invalid('a list is wanted here', this.where([]));
    const answers: JsonValue[] = [];
    for (const [index, entry] of value.entries()) {
      if (typeof entry !== 'string') throw invalid('a text is wanted here', this.where([index]));
      answers.push(await this.#loaded(entry, index, load));
    }
    return answers;
  }

  /** What is wrong with an entry that was put in is for whoever put it there to mend, and not in the kustomization. */
  async #loaded(entry: string, index: number, load: Load): Promise<string> {
    const where = this.where([index]);
    try {
      return await load(entry, where, '');
    } catch (thrown) {
      const isCalled = this.#document.called?.([...this.#path, index]) !== undefined;
      if (!isCalled || !(thrown instanceof GateError) || thrown.place !== where) throw thrown;
      throw new GateError(thrown.code, thrown.message, { place: where, mend: `Correct ${where}.`, cause: thrown });
    }
  }

  async objects(
    value: JsonValue,
    known: readonly string[] | undefined,
    paths: readonly string[],
    load: Load,
  ): Promise<JsonValue> {
    if (!Array.isArray(value)) throw invalid('a list is wanted here', this.where([]));
    const answers: JsonValue[] = [];
    for (const [index, entry] of value.entries()) {
      answers.push(await new Fields(this.#document, [...this.#path, index]).object(entry, known, paths, load));
    }
    return answers;
  }

  /** An object whose `paths` (texts, or lists of texts) are loaded. Other spellings of those names are refused. */
  async object(
    value: JsonValue,
    known: readonly string[] | undefined,
    paths: readonly string[],
    load: Load,
  ): Promise<JsonValue> {
    if (!isObject(value)) throw invalid('a mapping is wanted here', this.where([]));
    const entries: [string, JsonValue][] = [];
    for (const [key, each] of Object.entries(value)) {
      if (known !== undefined && !known.includes(key)) {
        throw invalid(`the field ${JSON.stringify(key)} is not one that syncgate knows`, this.where([key]));
      }
      if (!paths.includes(key)) {
        if (paths.map(foldName).includes(foldName(key)))
          throw invalid(`${JSON.stringify(key)} is misspelt`, this.where([key]));
        entries.push([key, each]);
      } else if (typeof each === 'string') entries.push([key, await load(each, this.where([key]), key)]);
      else if (each === null) entries.push([key, each]);
      else {
        const list = new Fields(this.#document, [...this.#path, key]);
        entries.push([key, await list.each(each, (entry, where) => load(entry, where, key))]);
      }
    }
    return objectFrom(entries);
  }

  /** An object with closed keys, and one of them left out. */
  without(value: JsonValue, known: readonly string[], left: string): JsonValue {
    if (!isObject(value)) throw invalid('a mapping is wanted here', this.where([]));
    const odd = Object.keys(value).find((key) => !known.includes(key));
    if (odd !== undefined)
      throw invalid(`the field ${JSON.stringify(odd)} is not one that syncgate knows`, this.where([odd]));
    return objectFrom(Object.entries(value).filter(([key]) => key !== left));
  }

  async charts(value: JsonValue, load: (entry: JsonObject, where: string) => Promise<JsonObject>): Promise<JsonValue> {
    if (!Array.isArray(value)) throw invalid('a list is wanted here', this.where([]));
    const answers: JsonValue[] = [];
    for (const [index, entry] of value.entries()) {
      if (!isObject(entry)) throw invalid('a mapping is wanted here', this.where([index]));
      answers.push(await load(entry, this.where([index])));
    }
    return answers;
  }
}
