/**
 * Reads the files that steer a renderer (kustomizations, Chart.yaml). What is read here is written anew for the
 * renderer as JSON wherever a decision hangs on it, so that a text which two parsers read differently cannot make the
 * renderer do what was not looked at.
 */
import { type Code, GateError } from '../core/errors.ts';
import { isObject, type JsonObject, type JsonPath, type JsonValue } from '../core/json.ts';
import { findOffsets, type Located, readDocuments } from '../manifests/documents.ts';
import { TextProblem } from '../manifests/problem.ts';
import { Lines } from '../manifests/text.ts';
import type { Offsets } from '../manifests/yaml/builders.ts';
import { type ComposeLimits, composeYaml } from '../manifests/yaml/composer.ts';
import type { Reading } from './reading.ts';

/** Of one file; what all of them may hold together is the reading's to say. */
const LIMITS: ComposeLimits = { maxDepth: 200, maxAliasNodes: 10_000, maxAliasCharacters: 1_000_000 };

/** A document with the line of every value. */
export interface YamlDocument {
  readonly value: JsonValue;
  /** `file:line` of the value at a path, or of its nearest parent. */
  locate(path: JsonPath): string;
  /** What the value at a path is called that was put in here, and stands in no file. */
  called?(path: JsonPath): string | undefined;
}

/**
 * Every document of a text that is not empty, as Kubernetes' own reader would have them. Throws `code` with file and
 * line for what is not YAML, for duplicate keys, and for aliases that multiply, and what the reading throws for too much.
 */
export function readYaml(text: string, file: string, code: Code, reading: Reading): YamlDocument[] {
  refusePointer(text, file);
  reading.take(text, file);
  const lines = new Lines(text);
  const limits = { ...LIMITS, budget: reading.budget };
  return inFile(file, code, reading, lines, () =>
    [...readDocuments(text, limits, () => {})].map((document) => {
      let located: Located | undefined;
      return {
        value: document.value,
        locate: (path: JsonPath) => {
          // What is read again to find a place is not counted again.
          located ??= findOffsets(document, text, LIMITS);
          return `${file}:${lines.at(follow(located.value, path, located.offsetOf) ?? document.offset).line}`;
        },
      };
    }),
  );
}

/** The one mapping that a file must hold. Throws `code` where there is none or more than one document. */
export function readYamlObject(
  text: string,
  file: string,
  code: Code,
  reading: Reading,
): YamlDocument & { readonly value: JsonObject } {
  refusePointer(text, file);
  reading.take(text, file);
  const lines = new Lines(text);
  // Noted at once: a walk asks for the place of every entry, and reading again for each is what would cost.
  const offsets: Offsets = new Map();
  const limits = { ...LIMITS, budget: reading.budget };
  const value = inFile(file, code, reading, lines, () => composeYaml(text, limits, offsets).value);
  if (value === null) throw new GateError(code, `${file} is empty`, { place: file });
  if (!isObject(value)) throw new GateError(code, `${file} is not a mapping`, { place: file });
  const offsetOf = (holder: object, step: string | number) => offsets.get(holder)?.get(step);
  return { value, locate: (path) => `${file}:${lines.at(follow(value, path, offsetOf) ?? 0).line}` };
}

function inFile<Answer>(file: string, code: Code, reading: Reading, lines: Lines, read: () => Answer): Answer {
  try {
    return read();
  } catch (thrown) {
    if (!(thrown instanceof TextProblem)) throw thrown;
    const where = `${file}:${lines.at(thrown.offset).line}`;
    if (thrown.code === 'MANIFEST_TOO_MANY') throw reading.tooManyValues(where);
    throw new GateError(code, `${where}: ${thrown.message}`, { place: where, cause: thrown });
  }
}

/** The offset of the deepest value on a path that is there. */
function follow(
  root: JsonValue,
  path: JsonPath,
  offsetOf: (holder: object, step: string | number) => number | undefined,
): number | undefined {
  let at: JsonValue | undefined = root;
  let offset: number | undefined;
  for (const step of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return offset;
    offset = offsetOf(at, step) ?? offset;
    at = (at as Record<string | number, JsonValue>)[step];
  }
  return offset;
}

function refusePointer(text: string, file: string): void {
  if (!text.startsWith('version https://git-lfs.github.com/spec/')) return;
  throw new GateError('SOURCE_LFS_POINTER', `${file} is a Git LFS pointer, not the file it stands for`, {
    place: file,
  });
}

/** JSON as kustomize and helm read it; integers beyond 2^53 keep their digits. */
export function writeJson(value: JsonValue): string {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'string') return quote(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(writeJson).join(',')}]`;
  const entries = Object.entries(value as JsonObject);
  return `{${entries.map(([key, each]) => `${quote(key)}:${writeJson(each)}`).join(',')}}`;
}

/** YAML's parsers read JSON, but for some characters that JSON leaves bare and YAML does not call printable. */
function quote(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
