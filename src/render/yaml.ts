/**
 * Reads the files that steer a renderer (kustomizations, Chart.yaml, values). What is read here is written anew for the
 * renderer as JSON wherever a decision hangs on it, so that a text which two parsers read differently cannot make the
 * renderer do what was not looked at.
 */
import {
  type Document,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
  type ScalarTag,
} from 'yaml';
import { type Code, GateError } from '../core/errors.ts';
import { isObject, type JsonObject, type JsonPath, type JsonValue, objectFrom } from '../core/json.ts';

const MAX_ALIASES = 1000;
const MAX_DEPTH = 200;

/** A document with the line of every value. */
export interface YamlDocument {
  readonly value: JsonValue;
  /** `file:line` of the value at a path, or of its nearest parent. */
  locate(path: JsonPath): string;
}

// The booleans of YAML 1.1, which Kubernetes' parsers read; the core schema of 1.2 has only the first two.
const TRUE = ['true', 'True', 'TRUE', 'yes', 'Yes', 'YES', 'on', 'On', 'ON', 'y', 'Y'];

const oldBoolean: ScalarTag = {
  default: true,
  tag: 'tag:yaml.org,2002:bool',
  test: /^(?:y|Y|yes|Yes|YES|on|On|ON|n|N|no|No|NO|off|Off|OFF)$/,
  resolve: (text) => TRUE.includes(text),
};
const oldOctal: ScalarTag = {
  default: true,
  tag: 'tag:yaml.org,2002:int',
  test: /^[-+]?0[0-7_]+$/,
  resolve: (text) => Number.parseInt(text.replaceAll('_', ''), 8),
};

/**
 * Every document of a text that is not empty. `dialect` is the YAML that the renderer's own parser of this file reads:
 * `1.1` for sigs.k8s.io/yaml, `1.2` for kyaml. Throws `code` for what is not YAML, for duplicate keys, custom tags, and
 * aliases that multiply.
 */
export function readYaml(text: string, file: string, code: Code, dialect: '1.1' | '1.2' = '1.1'): YamlDocument[] {
  if (text.startsWith('version https://git-lfs.github.com/spec/')) {
    throw new GateError('SOURCE_LFS_POINTER', `${file} is a Git LFS pointer, not the file it stands for`, {
      place: file,
    });
  }
  const lines = new LineCounter();
  const parsed = parseAllDocuments(text, {
    lineCounter: lines,
    uniqueKeys: true,
    merge: true,
    prettyErrors: false,
    intAsBigInt: false,
    ...(dialect === '1.1' ? { customTags: (tags) => [oldBoolean, oldOctal, ...tags] } : {}),
  });
  const documents: Document.Parsed[] = Array.isArray(parsed) ? (parsed as Document.Parsed[]) : [];
  const read: YamlDocument[] = [];
  for (const document of documents) {
    const [problem] = [...document.errors, ...document.warnings];
    if (problem !== undefined) {
      const at = lines.linePos(problem.pos[0]);
      throw new GateError(code, `${file}:${at.line}: ${problem.message.split('\n')[0]}`, {
        place: `${file}:${at.line}`,
      });
    }
    const root: Node | null = document.contents;
    if (root === null) continue;
    const value = toJson(document, root, file, code);
    if (value === null) continue;
    read.push({ value, locate: (path) => `${file}:${lines.linePos(offsetOf(root, path)).line}` });
  }
  return read;
}

/** The one mapping that a file must hold. Throws `code` where there is none or more than one document. */
export function readYamlObject(text: string, file: string, code: Code): YamlDocument & { readonly value: JsonObject } {
  const documents = readYaml(text, file, code);
  const [document] = documents;
  if (document === undefined) throw new GateError(code, `${file} is empty`, { place: file });
  if (documents.length > 1) throw new GateError(code, `${file} holds more than one document`, { place: file });
  if (!isObject(document.value)) throw new GateError(code, `${file} is not a mapping`, { place: file });
  return document as YamlDocument & { readonly value: JsonObject };
}

function toJson(document: Document.Parsed, root: Node, file: string, code: Code): JsonValue {
  let aliases = 0;
  const refuse = (what: string): GateError => new GateError(code, `${file}: ${what}`, { place: file });

  const convert = (node: unknown, depth: number): JsonValue => {
    if (depth > MAX_DEPTH) throw refuse(`nested deeper than ${MAX_DEPTH} levels`);
    if (node === null || node === undefined) return null;
    if (isAlias(node)) {
      aliases += 1;
      if (aliases > MAX_ALIASES) throw refuse('its aliases multiply beyond reason');
      return convert(node.resolve(document), depth + 1);
    }
    if (isScalar(node)) {
      const { value } = node;
      if (typeof value === 'number' && !Number.isFinite(value)) throw refuse('a number in it is not finite');
      if (value === null || ['string', 'number', 'boolean', 'bigint'].includes(typeof value)) return value as JsonValue;
      throw refuse('a value in it has a type that JSON does not know');
    }
    if (isSeq(node)) return node.items.map((item) => convert(item, depth + 1));
    if (isMap(node)) {
      const entries = new Map<string, JsonValue>();
      const merged: JsonObject[] = [];
      for (const pair of node.items) {
        if (!isPair(pair) || !isScalar(pair.key)) throw refuse('a key in it is not a scalar');
        if (pair.key.source === '<<' && pair.key.type === 'PLAIN') {
          const from = convert(pair.value, depth + 1);
          for (const part of Array.isArray(from) ? from : [from]) {
            if (!isObject(part)) throw refuse('a merge key does not name a mapping');
            merged.push(part);
          }
          continue;
        }
        const key = pair.key.source !== undefined ? String(pair.key.value ?? pair.key.source) : String(pair.key.value);
        if (entries.has(key)) throw refuse(`the key ${JSON.stringify(key)} stands there twice`);
        entries.set(key, convert(pair.value, depth + 1));
      }
      for (const part of merged) {
        for (const [key, value] of Object.entries(part)) if (!entries.has(key)) entries.set(key, value);
      }
      return objectFrom(entries);
    }
    throw refuse('it holds something that JSON does not know');
  };
  return convert(root, 0);
}

function offsetOf(root: Node, path: JsonPath): number {
  let node: Node = root;
  let offset = node.range?.[0] ?? 0;
  for (const step of path) {
    let next: unknown;
    if (isMap(node)) next = node.items.find((pair) => isScalar(pair.key) && pair.key.value === step)?.value;
    else if (isSeq(node)) next = node.items[Number(step)];
    if (next === null || next === undefined) return offset;
    node = next as Node;
    offset = node.range?.[0] ?? offset;
  }
  return offset;
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
