/**
 * Files that the platform owns (the Gate, trust policies) are YAML read strictly: one document, no duplicate key, no
 * unknown key, and every complaint names the line to edit.
 */
import { distance } from 'fastest-levenshtein';
import { type Document, isMap, isPair, isScalar, isSeq, LineCounter, type Node, parseAllDocuments, visit } from 'yaml';
import * as z from 'zod/mini';
import english from 'zod/v4/locales/en.js';
import { type Code, GateError } from './errors.ts';
import type { JsonPath } from './json.ts';
import type { Place } from './manifest.ts';

/** A settings document as it was read, with the place of every value. */
export interface SettingsDocument {
  readonly file: string;
  readonly value: unknown;
  /** The place of the value (or, with `key`, of the key) at a path; of the nearest parent that exists. */
  locate(path: JsonPath, part?: 'key' | 'value'): Place;
}

/** A platform file has no reason to be larger; the bound keeps a wrong mount from eating the memory. */
const maxBytes = 4 * 1024 * 1024;

/**
 * Reads every document of a settings file. Throws `code` with file, line and column when it is not YAML, holds a
 * duplicate key, an alias bomb or a tag that YAML 1.2 core does not know. Empty documents are left out.
 */
export function readSettings(text: string, file: string, code: Code): SettingsDocument[] {
  if (text.length > maxBytes) {
    throw new GateError(code, `${file} is larger than ${maxBytes} bytes`, { place: file });
  }
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, uniqueKeys: true, merge: false, stringKeys: true });
  const read: SettingsDocument[] = [];
  // parseAllDocuments answers with an empty document of its own where the stream holds none.
  for (const document of Array.isArray(documents) ? documents : []) {
    const [problem] = [...document.errors, ...document.warnings];
    if (problem !== undefined) {
      const at = lines.linePos(problem.pos[0]);
      const [what = ''] = problem.message.split(/ at line \d+|\n/);
      throw new GateError(code, `${file}:${at.line}:${at.col}: not the YAML it should be: ${what}`, {
        place: `${file}:${at.line}:${at.col}`,
      });
    }
    if (document.contents === null) continue;
    const strange = strangeNode(document);
    if (strange !== undefined) {
      const at = lines.linePos(strange.offset);
      const place = `${file}:${at.line}:${at.col}`;
      throw new GateError(code, `${place}: ${strange.what}`, { place });
    }
    let value: unknown;
    try {
      value = document.toJS({ maxAliasCount: 50 });
    } catch (error) {
      const why = /unresolved alias/i.test(String(error))
        ? 'an alias stands before its anchor, or without one'
        : 'aliases multiply beyond what a settings file needs';
      throw new GateError(code, `${file}: ${why}`, { place: file, cause: error });
    }
    // What stands between two markers with nothing, or a comment, in it.
    if (value === null) continue;
    const root = document.contents;
    read.push({
      file,
      value,
      locate(path, part = 'value') {
        const at = lines.linePos(offsetOf(root, path, part));
        return { file, line: at.line, column: at.col };
      },
    });
  }
  return read;
}

const coreTags = ['str', 'int', 'float', 'bool', 'null', 'map', 'seq'].map((tag) => `tag:yaml.org,2002:${tag}`);

/**
 * What would be read as less than its author wrote: the key that JavaScript has a meaning of its own for, which maps of
 * free keys (labels, scopes) would be read without; and what a tag makes of YAML 1.1, such as sets and ordered maps, whose
 * fields no schema sees.
 */
function strangeNode(document: Document): { readonly offset: number; readonly what: string } | undefined {
  let found: { readonly offset: number; readonly what: string } | undefined;
  visit(document, {
    Pair(_, { key }) {
      if (!isScalar(key) || key.value !== '__proto__') return undefined;
      found = { offset: key.range?.[0] ?? 0, what: '"__proto__" is no key that a setting has' };
      return visit.BREAK;
    },
    Value(_, { tag, range }) {
      if (tag === undefined || coreTags.includes(tag)) return undefined;
      found = {
        offset: range?.[0] ?? 0,
        what: `the tag ${JSON.stringify(tag.slice(0, 60))} has no meaning in a setting`,
      };
      return visit.BREAK;
    },
  });
  return found;
}

function offsetOf(root: Node, path: JsonPath, part: 'key' | 'value'): number {
  let node: Node = root;
  let offset = node.range?.[0] ?? 0;
  for (const [depth, step] of path.entries()) {
    const last = depth === path.length - 1;
    if (isMap(node)) {
      const pair = node.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === step);
      if (pair === undefined) return offset;
      const key = pair.key as Node;
      const value = pair.value as Node | null;
      if ((last && part === 'key') || value === null) return key.range?.[0] ?? offset;
      node = value;
    } else if (isSeq(node)) {
      const item = node.items[Number(step)] as Node | null | undefined;
      if (item === undefined || item === null) return offset;
      node = item;
    } else {
      return offset;
    }
    offset = node.range?.[0] ?? offset;
  }
  return offset;
}

/**
 * The document's value as the schema's type. Throws `code` for the first thing that does not fit, with its place, and
 * for an unknown key with the nearest known one.
 */
export function validateSettings<Schema extends z.ZodMiniType>(
  schema: Schema,
  document: SettingsDocument,
  code: Code,
): z.infer<Schema> {
  const fitted = fitTo(schema, document.value, document.file);
  if ('value' in fitted) return fitted.value;
  const place = document.locate(fitted.path, fitted.part);
  const where = `${place.file}:${place.line}:${place.column}`;
  throw new GateError(code, `${where}: ${fitted.message}`, { place: where });
}

/** What keeps a value from fitting its schema, and where in the value that is. */
export interface Misfit {
  readonly message: string;
  readonly path: JsonPath;
  readonly part: 'key' | 'value';
}

/** The value as the schema's type, or the first thing in it that does not fit. `called` names the whole of it. */
export function fitTo<Schema extends z.ZodMiniType>(
  schema: Schema,
  value: unknown,
  called: string,
): { readonly value: z.infer<Schema> } | Misfit {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return { value: result.data };
  const issues = result.error.issues.map((each) => deepest(each));
  // A mistyped key is also a missing one: what the author wrote says more than what is absent.
  const issue = issues.find((each) => each.code === 'unrecognized_keys') ?? issues[0];
  if (issue === undefined) return { message: `${called} does not fit its schema`, path: [], part: 'value' };
  return explain(schema, issue);
}

// zod/mini brings no texts of its own.
z.config(english());

type Issue = z.core.$ZodIssue;

/** Of a union's complaints, one about the shape that the author meant. */
function deepest(issue: Issue): Issue {
  if (issue.code !== 'invalid_union' || issue.input === undefined) return issue;
  const shapes = issue.errors.map((errors) =>
    errors.map((inner) => deepest({ ...inner, path: [...issue.path, ...inner.path] } as Issue)),
  );
  // A shape that complains about the whole value (a word where a map stands) was not meant; else the fewest faults tell.
  const distanceOf = (issues: readonly Issue[]) =>
    issues.every((each) => each.path.length === issue.path.length && each.code !== 'unrecognized_keys')
      ? Number.POSITIVE_INFINITY
      : issues.length;
  const [meant] = shapes.filter((issues) => issues.length > 0).sort((a, b) => compare(distanceOf(a), distanceOf(b)));
  return meant?.find((each) => each.code === 'unrecognized_keys') ?? meant?.[0] ?? issue;
}

/** Numbers in order; two infinities are equal, where their difference would be no number. */
function compare(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function explain(schema: z.ZodMiniType, issue: Issue): Misfit {
  const path = issue.path.filter((step) => typeof step !== 'symbol') as JsonPath;
  const field = path.length === 0 ? 'the document' : path.join('.');
  if (issue.code === 'unrecognized_keys') {
    const [key = ''] = issue.keys;
    const known = keysAt(schema, path);
    const near = nearest(key, known);
    const hint = near === undefined ? `known here: ${known.join(', ')}` : `did you mean ${near}?`;
    return { message: `unknown key ${JSON.stringify(key)} in ${field}; ${hint}`, path: [...path, key], part: 'key' };
  }
  if (issue.input === undefined && (issue.code === 'invalid_type' || issue.code === 'invalid_union')) {
    const expected = issue.code === 'invalid_type' ? ` (${issue.expected})` : '';
    return { message: `${field} is required${expected}`, path, part: 'value' };
  }
  if (issue.input === undefined && issue.code === 'invalid_value')
    return { message: `${field} is required: ${issue.values.map(String).join(', ')}`, path, part: 'value' };
  return { message: `${field}: ${issue.message || issue.code}`, path, part: 'value' };
}

/** The known name closest to a mistyped one, unless none is close. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((candidate) => ({ candidate, away: distance(name.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.away - b.away);
  const [best] = ranked;
  return best !== undefined && best.away <= Math.max(2, Math.floor(name.length / 3)) ? best.candidate : undefined;
}

/** The keys that a schema knows at a path: of all members where it is a union. */
function keysAt(schema: z.ZodMiniType, path: JsonPath): string[] {
  let level: z.core.$ZodType[] = unwrap(schema);
  for (const step of path) {
    level = level.flatMap((each) => {
      const def = each._zod.def as unknown as {
        type: string;
        shape?: Record<string, z.core.$ZodType>;
        element?: z.core.$ZodType;
        valueType?: z.core.$ZodType;
      };
      const next = def.type === 'object' ? def.shape?.[String(step)] : (def.element ?? def.valueType);
      return next === undefined ? [] : unwrap(next);
    });
  }
  return level.flatMap((each) => Object.keys((each._zod.def as unknown as { shape?: object }).shape ?? {}));
}

function unwrap(schema: z.core.$ZodType): z.core.$ZodType[] {
  const def = schema._zod.def as unknown as {
    innerType?: z.core.$ZodType;
    options?: z.core.$ZodType[];
    in?: z.core.$ZodType;
  };
  if (def.innerType !== undefined) return unwrap(def.innerType);
  if (def.options !== undefined) return def.options.flatMap(unwrap);
  if (def.in !== undefined) return unwrap(def.in);
  return [schema];
}
