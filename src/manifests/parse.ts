/**
 * Rendered texts as objects, read once and strictly: what Kubernetes would read, or an error that names file, line and
 * column. Everything behind this line works on these objects, and these are what is emitted.
 */
import { type Code, GateError } from '../core/errors.ts';
import { isObject, type JsonObject, type JsonPath, type JsonValue } from '../core/json.ts';
import { describeObject, describePlace, type Manifest, type Place } from '../core/manifest.ts';
import type { RenderedText } from '../core/rendered.ts';
import { Budget } from './budget.ts';
import { type DocumentText, findOffsets, type Located, readDocuments } from './documents.ts';
import { groupOf, IdentityProblem, identify, identifyType } from './identity.ts';
import { HelmMarks, takeKustomizeOrigin } from './origin.ts';
import { quote, TextProblem } from './problem.ts';
import type { ManifestSettings } from './settings.ts';
import { decodeText, Lines } from './text.ts';
import type { ComposeLimits } from './yaml/composer.ts';

type Limits = Pick<ManifestSettings, 'maxBytes' | 'maxObjects' | 'maxValues' | 'maxDepth' | 'maxAliasNodes'>;

/**
 * Every object of the texts, in their order, with lists expanded by one level as Argo CD does it (whatever has a
 * top-level `items` array is a list to it) and the renderers' marks taken out. No object at all is an answer, not an
 * error. To Flux `items: null` is a field like any other, and to Argo CD an empty list. Throws GateError with a
 * MANIFEST_* code for everything else that cannot be read, and nothing but GateError.
 */
export function parseManifests(
  texts: readonly RenderedText[],
  limits: Limits,
  reader: 'argocd' | 'flux' = 'argocd',
): Manifest[] {
  let bytes = 0;
  for (const text of texts) bytes += text.bytes.byteLength;
  if (bytes > limits.maxBytes) {
    throw new GateError('MANIFEST_TOO_LARGE', `${bytes} bytes were rendered, and ${limits.maxBytes} are allowed`, {
      place: texts[0]?.file,
    });
  }
  const manifests: Manifest[] = [];
  const known = new Map<string, Manifest>();
  const budget = new Budget(limits.maxValues);
  for (const text of texts) {
    for (const found of new TextReader(text, limits, budget, reader).objects()) {
      if (manifests.length >= limits.maxObjects) {
        throw new GateError('MANIFEST_TOO_MANY', `more than ${limits.maxObjects} objects were rendered`, {
          place: text.file,
        });
      }
      const manifest: Manifest = { index: manifests.length, ...found };
      refuseRepeated(known, manifest);
      manifests.push(manifest);
    }
  }
  return manifests;
}

/** One document of a text that need not hold objects: a file of values, or of a test. */
export interface ReadDocument {
  readonly value: JsonValue;
  /** Which document of the text it is, from 0; empty ones count. */
  readonly number: number;
  /** Where one value of it stands, or the nearest one around it. */
  locate(path: JsonPath): Place;
}

/**
 * The documents of one text as Kubernetes would read them, whatever they hold, without those that are empty. Throws
 * GateError with a MANIFEST_* code for what cannot be read.
 */
export function parseDocuments(text: RenderedText, limits: Limits): ReadDocument[] {
  if (text.bytes.byteLength > limits.maxBytes) {
    const message = `${text.file} has ${text.bytes.byteLength} bytes, and ${limits.maxBytes} are allowed`;
    throw new GateError('MANIFEST_TOO_LARGE', message, { place: text.file });
  }
  return new TextReader(text, limits, new Budget(limits.maxValues), 'argocd').values();
}

/** Two hooks with one generateName are two objects; everything else that is named alike is one. */
function refuseRepeated(known: Map<string, Manifest>, manifest: Manifest): void {
  const { identity } = manifest;
  if (identity.name.endsWith('*')) return;
  const key = [groupOf(identity.apiVersion), identity.kind, identity.namespace ?? '', identity.name].join(' ');
  const first = known.get(key);
  if (first !== undefined) throw repeated(first, manifest);
  known.set(key, manifest);
}

/** The error for two objects of which a cluster could hold only one. */
export function repeated(first: Manifest, second: Manifest): GateError {
  const place = describePlace(second.origin);
  const where = describePlace(first.origin);
  return new GateError(
    'MANIFEST_REPEATED',
    `${place}: ${describeObject(second.identity)} was rendered already (${where === place ? 'from the same file' : where})`,
    { place },
  );
}

/** Reads one text. Keeps what it needs to tell, on demand, where a value stands. */
class TextReader {
  readonly #rendered: RenderedText;
  readonly #limits: Limits;
  readonly #compose: ComposeLimits;
  readonly #budget: Budget;
  readonly #reader: 'argocd' | 'flux';
  #text = '';
  #lines = new Lines('');
  #templates: HelmMarks | undefined;
  #document = 0;

  constructor(rendered: RenderedText, limits: Limits, budget: Budget, reader: 'argocd' | 'flux') {
    this.#reader = reader;
    this.#rendered = rendered;
    this.#limits = limits;
    this.#compose = {
      maxDepth: limits.maxDepth,
      maxAliasNodes: limits.maxAliasNodes,
      maxAliasCharacters: limits.maxBytes,
    };
    this.#budget = budget;
  }

  objects(): Omit<Manifest, 'index'>[] {
    const found: Omit<Manifest, 'index'>[] = [];
    try {
      this.#text = decodeText(this.#rendered.bytes);
      this.#lines = new Lines(this.#text);
      if (this.#rendered.marks === 'helm') this.#templates = new HelmMarks(this.#text, this.#rendered.base);
      const numbered = [...this.#documents()];
      const several = this.#document > 1;
      for (const [number, document] of numbered) {
        this.#document = number;
        for (const object of this.#expand(document, several ? number : undefined)) found.push(object);
      }
    } catch (thrown) {
      throw this.#gateError(thrown);
    }
    return found;
  }

  values(): ReadDocument[] {
    try {
      this.#text = decodeText(this.#rendered.bytes);
      this.#lines = new Lines(this.#text);
      return [...this.#documents()].map(([number, document]) => {
        const located = lazily(() => findOffsets(document, this.#text, this.#compose));
        return {
          value: document.value,
          number: number - 1,
          locate: (path) => ({
            file: this.#rendered.file,
            ...this.#lines.at(offsetOf(located(), path) ?? document.offset),
          }),
        };
      });
    } catch (thrown) {
      throw this.#gateError(thrown);
    }
  }

  *#documents(): Generator<[number, DocumentText]> {
    let count = 0;
    // What is read again to find a place is not counted again.
    const limits = { ...this.#compose, budget: this.#budget };
    for (const document of readDocuments(this.#text, limits, (number) => {
      this.#document = number;
    })) {
      // A stream of small documents is refused before it is held in memory whole.
      if (++count > this.#limits.maxObjects) this.#tooMany();
      yield [this.#document, document];
    }
  }

  #tooMany(): never {
    throw new GateError('MANIFEST_TOO_MANY', `more than ${this.#limits.maxObjects} objects were rendered`, {
      place: this.#rendered.file,
    });
  }

  #expand(document: DocumentText, number: number | undefined): Omit<Manifest, 'index'>[] {
    const { value } = document;
    if (!isObject(value)) {
      throw new TextProblem(
        'MANIFEST_NOT_OBJECT',
        document.offset,
        `${nameOf(value)} stands where an object is expected`,
      );
    }
    const located = lazily(() => findOffsets(document, this.#text, this.#compose));
    const items = value['items'];
    if (Array.isArray(items)) {
      if (items.length > this.#limits.maxObjects) this.#tooMany();
      this.#checked(document, located, [], () => identifyType(value));
      return items.map((item: JsonValue, i) => {
        const path = ['items', i];
        if (!isObject(item))
          this.#refuse('MANIFEST_NOT_OBJECT', document, located, path, `${nameOf(item)} is an item of a list`);
        if (Array.isArray(item['items'])) {
          this.#refuse('MANIFEST_NESTED_LIST', document, located, path, 'an item of a list is a list itself');
        }
        return this.#object(item, path, document, located, number);
      });
    }
    // Argo CD takes `items: null` for an empty list, unless the object has a spec or a status.
    if (this.#reader === 'argocd' && items === null && !('spec' in value) && !('status' in value)) {
      this.#checked(document, located, [], () => identifyType(value));
      return [];
    }
    return [this.#object(value, [], document, located, number)];
  }

  #object(
    object: JsonObject,
    prefix: JsonPath,
    document: DocumentText,
    located: () => Located,
    number: number | undefined,
  ): Omit<Manifest, 'index'> {
    const { file, marks, base } = this.#rendered;
    const identity = this.#checked(document, located, prefix, () => identify(object));
    const unmarked = marks === 'kustomize' ? takeKustomizeOrigin(object, base) : { object, file: undefined };
    const template = marks === 'helm' ? this.#templates?.before(document.offset) : unmarked.file;
    const place = (offset: number): Place => ({
      file,
      ...(number === undefined ? {} : { document: number }),
      ...this.#lines.at(offset),
    });
    if (template !== undefined) {
      // The lines of a rendered text are not those of the file that it was made from.
      const origin: Place = { file: template };
      return { identity, object: unmarked.object, origin, locate: () => origin };
    }
    const start = prefix.length === 0 ? document.offset : (offsetOf(located(), prefix) ?? document.offset);
    return {
      identity,
      object: unmarked.object,
      origin: place(start),
      locate: (path) => place(offsetOf(located(), [...prefix, ...path]) ?? start),
    };
  }

  #checked<Result>(document: DocumentText, located: () => Located, prefix: JsonPath, check: () => Result): Result {
    try {
      return check();
    } catch (thrown) {
      if (!(thrown instanceof IdentityProblem)) throw thrown;
      this.#refuse(thrown.code, document, located, [...prefix, ...thrown.path], thrown.message);
    }
  }

  #refuse(code: Code, document: DocumentText, located: () => Located, path: JsonPath, message: string): never {
    throw new TextProblem(code, offsetOf(located(), path) ?? document.offset, message);
  }

  #gateError(thrown: unknown): unknown {
    if (!(thrown instanceof TextProblem)) return thrown;
    // Bytes that are not UTF-8 became no text; for the lines, what is wrong with them does not matter.
    if (this.#text === '')
      this.#lines = new Lines(new TextDecoder('utf-8', { ignoreBOM: true }).decode(this.#rendered.bytes));
    const { line, column } = this.#lines.at(thrown.offset);
    const place = `${this.#rendered.file}:${line}:${column}`;
    const document = this.#document > 1 ? `, in document ${this.#document}` : '';
    // A reader of its own: this one may be asked about an earlier place.
    const template = this.#templates && new HelmMarks(this.#text, this.#rendered.base).before(thrown.offset);
    const from = template === undefined ? '' : `, from ${template}`;
    return new GateError(thrown.code, `${place}: ${thrown.message}${document}${from}`, { place });
  }
}

/** Where the value at a path stands; undefined where the path leaves what was read. */
function offsetOf(located: Located, path: JsonPath): number | undefined {
  let at: JsonValue | undefined = located.value;
  let offset: number | undefined;
  for (const step of path) {
    if (typeof at !== 'object' || at === null) return offset;
    const next = located.offsetOf(at, step);
    if (next === undefined) return offset;
    offset = next;
    at = (at as Record<string | number, JsonValue>)[step];
  }
  return offset;
}

function lazily<Result>(make: () => Result): () => Result {
  let made: { readonly result: Result } | undefined;
  return () => {
    made ??= { result: make() };
    return made.result;
  };
}

function nameOf(value: JsonValue): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'string'
    ? `the text ${quote(value, 30)}`
    : `a ${typeof value === 'boolean' ? 'boolean' : 'number'}`;
}
