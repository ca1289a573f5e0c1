import { isAlias, isMap, isScalar, isSeq, type Node, parseAllDocuments, type Scalar, type YAMLMap } from 'yaml';
import { type JsonValue, objectFrom } from '../../../../core/json.ts';
import { goNumber } from './value.ts';

/** Aliases may repeat what they name; a text of a kilobyte can thus ask for more than a memory holds. */
const maxNodes = 200_000;
const maxDepth = 500;

/** What is wrong with a text that should be YAML. */
export class YamlTextError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'YamlTextError';
  }
}

/**
 * The first document of a YAML text as sigs.k8s.io/yaml turns it into JSON: plain scalars by the rules of YAML 1.1 as
 * Go's yaml.v2 has them (`yes` is true, `0777` is 511, a date is text), merge keys, of two equal keys the last. Throws
 * YamlTextError for what is no YAML, what JSON cannot hold, and for aliases that multiply beyond 200,000 values.
 */
export function parseYamlText(text: string): JsonValue {
  // They end lines in YAML 1.1, and are plain characters to this parser.
  if (/[\u0085\u2028\u2029]/.test(text)) throw new YamlTextError('it holds line ends that only YAML 1.1 knows');
  const documents = parseAllDocuments(text, { schema: 'failsafe', version: '1.1', uniqueKeys: false, merge: false });
  const [document] = Array.isArray(documents) ? documents : [];
  if (document === undefined) return null;
  const [error] = document.errors;
  if (error !== undefined) throw new YamlTextError(error.message.split('\n')[0] ?? 'this is no YAML');
  const declared = document.directives.yaml;
  if (declared.explicit === true && declared.version !== '1.1')
    throw new YamlTextError('found incompatible YAML document');
  const anchors = new Map<string, Node>();
  let nodes = 0;
  return jsonOf(document.contents as Node | null, 0);

  function jsonOf(node: Node | null, depth: number): JsonValue {
    if (++nodes > maxNodes || depth > maxDepth) throw new YamlTextError('aliases multiply, or values nest too deep');
    if (node === null) return null;
    if (isAlias(node)) {
      const named = anchors.get(node.source);
      if (named === undefined) throw new YamlTextError(`unknown anchor '${node.source}' referenced`);
      return jsonOf(named, depth + 1);
    }
    if ('anchor' in node && typeof node.anchor === 'string') anchors.set(node.anchor, node);
    if (isScalar(node)) return scalar(node, text);
    if (isSeq(node)) return node.items.map((item) => jsonOf(item as Node | null, depth + 1));
    if (isMap(node)) return mapping(node, depth);
    throw new YamlTextError('a value of this kind cannot be read');
  }

  function mapping(node: YAMLMap, depth: number): JsonValue {
    const merged: (readonly [string, JsonValue])[] = [];
    const own: (readonly [string, JsonValue])[] = [];
    for (const pair of node.items) {
      const key = pair.key as Node | null;
      const value = jsonOf(pair.value as Node | null, depth + 1);
      if (isScalar(key) && key.value === '<<' && key.type === 'PLAIN') merged.push(...merging(value));
      else own.push([keyText(jsonOf(key, depth + 1)), value]);
    }
    return objectFrom([...merged, ...own]);
  }
}

/** What a merge key adds: the entries of an object, or of a list of objects, of which the first counts. */
function merging(value: JsonValue): (readonly [string, JsonValue])[] {
  if (Array.isArray(value)) return [...(value as readonly JsonValue[])].reverse().flatMap(merging);
  if (typeof value === 'object' && value !== null) return Object.entries(value);
  throw new YamlTextError('map merge requires map or sequence of maps as the value');
}

function keyText(key: JsonValue): string {
  if (typeof key === 'string') return key;
  if (typeof key === 'number') return goNumber(key);
  if (typeof key === 'boolean' || typeof key === 'bigint') return String(key);
  throw new YamlTextError('a key must be a scalar');
}

function scalar(node: Scalar, source: string): JsonValue {
  const isLast = node.type?.startsWith('BLOCK') === true && node.range?.[1] === source.length;
  const whole = String(node.value ?? '');
  // A block at the very end has a last line without its end, where the text has none.
  const text = isLast && !source.endsWith('\n') && whole.endsWith('\n') ? whole.slice(0, -1) : whole;
  switch (node.tag) {
    case undefined:
      return node.type === 'PLAIN' ? plainScalar(node.source ?? text) : text;
    case 'tag:yaml.org,2002:str':
      return text;
    case 'tag:yaml.org,2002:null':
    case 'tag:yaml.org,2002:bool':
    case 'tag:yaml.org,2002:int':
    case 'tag:yaml.org,2002:float':
      return plainScalar(text);
    default:
      throw new YamlTextError(`the tag ${node.tag} cannot be read`);
  }
}

const words: ReadonlyMap<string, JsonValue> = new Map<string, JsonValue>([
  ...['', '~', 'null', 'Null', 'NULL'].map((word) => [word, null] as const),
  ...['y', 'Y', 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON'].map((word) => [word, true] as const),
  ...['n', 'N', 'no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF'].map((word) => [word, false] as const),
]);

const integer = /^([-+]?)(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]*|[1-9][0-9]*)$/;
const float = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;

function plainScalar(text: string): JsonValue {
  const word = words.get(text);
  if (word !== undefined) return word;
  if (!/^[-+.0-9]/.test(text)) return text;
  if (/^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/.test(text))
    throw new YamlTextError(`${text} has no place in JSON`);
  const digits = text.replaceAll('_', '');
  const whole = integer.exec(digits);
  if (whole !== null) return wholeNumber(whole[1] ?? '', whole[2] ?? '0') ?? text;
  if (!float.test(digits)) return text;
  const value = Number(digits);
  return Number.isFinite(value) ? value : text;
}

/** As a float64, which is what a query makes of any number; a number that 64 bits cannot hold is read as a float. */
function wholeNumber(sign: string, digits: string): number | undefined {
  const octal = /^0[oO]?([0-7]+)$/.exec(digits);
  const size = octal === null ? Number(digits) : Number(`0o${octal[1]}`);
  if (!Number.isFinite(size)) return undefined;
  return sign === '-' ? 0 - size : size;
}
