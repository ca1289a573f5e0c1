/**
 * YAML that reads back as the same values, whoever reads it: go-yaml v2 (1.1), go-yaml v3 and YAML 1.2 parsers. What
 * any of them could take for something other than a string is quoted.
 */
import { byUtf8, canonicalJson, isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { resolvePlain } from './resolve.ts';

/** A block mapping, keys sorted as in canonical JSON, ending with a line break. */
export function writeYaml(object: JsonObject): string {
  return Object.keys(object).length === 0 ? '{}\n' : mapping(object, '').slice(1);
}

/** What starts as a word or a path and holds nothing that YAML gives a meaning to. Digits and signs may be numbers. */
const plainShape = /^[A-Za-z_/][A-Za-z0-9_./@%+=:-]*(?: [A-Za-z0-9_./@%+=:-]+)*$/;

/** The first line of a text that a literal block carries exactly: printable, no blank at either end. */
const firstLine = /^[^\s\p{C}\p{Zl}\p{Zp}](?:[^\p{C}\p{Zl}\p{Zp}]*[^\s\p{C}\p{Zl}\p{Zp}])?$/u;
/** Any other: it may be indented, because the first has told by how much. */
const otherLine = /^(?:[ \t]*[^\s\p{C}\p{Zl}\p{Zp}](?:(?:[^\p{C}\p{Zl}\p{Zp}]|\t)*[^\s\p{C}\p{Zl}\p{Zp}])?)?$/u;

/** Longer keys than this cannot be told from values by a reader of YAML 1.1, unless they are announced. */
const longestKey = 128;

function value(each: JsonValue, indent: string): string {
  if (typeof each === 'string') return ` ${scalar(each, indent)}`;
  if (Array.isArray(each)) return each.length === 0 ? ' []\n' : sequence(each, indent);
  if (isObject(each)) return Object.keys(each).length === 0 ? ' {}\n' : mapping(each, indent);
  return ` ${canonicalJson(each)}\n`;
}

/** Starts with a line break, because it stands below its key. */
function mapping(object: JsonObject, indent: string): string {
  return `\n${entries(object, indent).join('')}`;
}

function entries(object: JsonObject, indent: string): string[] {
  return Object.keys(object)
    .sort(byUtf8)
    .map((key) => {
      const spelt = spell(key);
      const announced = spelt.length > longestKey;
      const each = object[key] as JsonValue;
      const written = value(each, Array.isArray(each) && !announced ? indent : `${indent}  `);
      return announced ? `${indent}? ${spelt}\n${indent}:${written}` : `${indent}${spelt}:${written}`;
    });
}

function sequence(list: readonly JsonValue[], indent: string): string {
  const items = list.map((each) => {
    if (isObject(each) && Object.keys(each).length > 0) {
      return `${indent}- ${entries(each, `${indent}  `)
        .join('')
        .slice(indent.length + 2)}`;
    }
    return `${indent}-${value(each, `${indent}  `)}`;
  });
  return `\n${items.join('')}`;
}

function scalar(text: string, indent: string): string {
  const lines = literalLines(text);
  if (lines === undefined) return `${spell(text)}\n`;
  const chomp = text.endsWith('\n') ? '' : '-';
  return `|${chomp}\n${lines.map((line) => (line === '' ? '\n' : `${indent}${line}\n`)).join('')}`;
}

/** The lines of a text that can be written as a literal block, and is long enough to be worth it. */
function literalLines(text: string): readonly string[] | undefined {
  if (!text.includes('\n')) return undefined;
  const lines = (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n');
  const [first = '', ...others] = lines;
  if (!firstLine.test(first) || lines.at(-1) === '') return undefined;
  return others.every((line) => otherLine.test(line)) ? lines : undefined;
}

/** One line: the text itself where nobody could mistake it, else JSON's spelling, which YAML reads. */
function spell(text: string): string {
  if (plainShape.test(text) && !/:(?: |$)/.test(text) && resolvePlain(text).type === 'string') return text;
  return JSON.stringify(text).replace(
    /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
