import { trimSpace } from '../../values/go-space.ts';
import type { FunctionDeclaration } from '../declaration.ts';
import { evaluationError } from '../error.ts';
import { DYN, INT, listOf, STRING } from '../types.ts';
import { typeNameOf } from '../value-types.ts';
import { ArrayList, type CelList, type CelValue, codePointCount } from '../values.ts';
import { building, checkSize, declare, method, overload, traversing, walking } from './overload.ts';
import { formatString, formatStringLocalised } from './string-format.ts';

interface StringsVersion {
  /** What an empty needle is found at: the offset itself, or (newer) the offset but no further than the end. */
  readonly emptyNeedle: 'offset' | 'clamped';
  /** How `format` prints numbers: by English habits (`1,234.500`), or plainly. */
  readonly format: 'localised' | 'plain';
  /** Whether there is `reverse`. */
  readonly reverse: boolean;
}

/** The extended string functions. */
export function stringFunctions(version: StringsVersion): FunctionDeclaration[] {
  const find = version.emptyNeedle === 'offset' ? indexFrom : clamped(indexFrom);
  const findLast = version.emptyNeedle === 'offset' ? lastIndexFrom : clamped(lastIndexFrom);
  const format = version.format === 'plain' ? formatString : formatStringLocalised;
  const declared = [
    declare('charAt', method('string_char_at_int', [STRING, INT], STRING, charAt)),
    declare(
      'indexOf',
      method(
        'string_index_of_string',
        [STRING, STRING],
        INT,
        (text: string, part: string) => find(text, part, 0n),
        walking,
      ),
      method('string_index_of_string_int', [STRING, STRING, INT], INT, find, walking),
    ),
    declare(
      'lastIndexOf',
      method('string_last_index_of_string', [STRING, STRING], INT, lastIndexOf, walking),
      method('string_last_index_of_string_int', [STRING, STRING, INT], INT, findLast, walking),
    ),
    declare('lowerAscii', method('string_lower_ascii', [STRING], STRING, lowerAscii, traversing())),
    declare('upperAscii', method('string_upper_ascii', [STRING], STRING, upperAscii, traversing())),
    declare(
      'replace',
      method('string_replace_string_string', [STRING, STRING, STRING], STRING, replaceAll, traversing(2)),
      method('string_replace_string_string_int', [STRING, STRING, STRING, INT], STRING, replaceSome, traversing(2)),
    ),
    declare(
      'split',
      method('string_split_string', [STRING, STRING], listOf(STRING), splitAll, traversing(2)),
      method('string_split_string_int', [STRING, STRING, INT], listOf(STRING), splitSome, traversing(2)),
    ),
    declare(
      'substring',
      method('string_substring_int', [STRING, INT], STRING, substringFrom, traversing()),
      method('string_substring_int_int', [STRING, INT, INT], STRING, substring, traversing()),
    ),
    declare('trim', method('string_trim', [STRING], STRING, trimSpace, traversing())),
    declare('format', method('string_format', [STRING, listOf(DYN)], STRING, format, traversing())),
    declare('strings.quote', overload('strings_quote', [STRING], STRING, quote, traversing())),
    declare(
      'join',
      method('list_join', [listOf(STRING)], STRING, (list: CelList) => join(list), building),
      method('list_join_string', [listOf(STRING), STRING], STRING, join, building),
    ),
  ];
  if (version.reverse) declared.push(declare('reverse', method('string_reverse', [STRING], STRING, reverse)));
  return declared;
}

/** Indices count characters; where every character is one unit, the native functions count alike. */
function isPlain(text: string): boolean {
  return codePointCount(text) === text.length;
}

function outOfRange(index: bigint): Error {
  return evaluationError(`index out of range: ${index}`);
}

function charAt(text: string, index: bigint): string {
  const characters = isPlain(text) ? text : Array.from(text);
  if (index < 0n || index > BigInt(characters.length)) throw outOfRange(index);
  return characters[Number(index)] ?? '';
}

type Search = (text: string, part: string, offset: bigint) => bigint;

function indexFrom(text: string, part: string, offset: bigint): bigint {
  if (part === '') return offset;
  if (offset < 0n) throw outOfRange(offset);
  if (offset >= BigInt(codePointCount(text))) return -1n;
  const from = isPlain(text) ? Number(offset) : unitOffset(text, Number(offset));
  return characterIndex(text, text.indexOf(part, from));
}

function lastIndexFrom(text: string, part: string, offset: bigint): bigint {
  if (part === '') return offset;
  if (offset < 0n) throw outOfRange(offset);
  if (offset >= BigInt(codePointCount(text))) return -1n;
  const from = isPlain(text) ? Number(offset) : unitOffset(text, Number(offset));
  return characterIndex(text, text.lastIndexOf(part, from));
}

function lastIndexOf(text: string, part: string): bigint {
  if (part === '') return BigInt(codePointCount(text));
  return characterIndex(text, text.lastIndexOf(part));
}

function clamped(search: Search): Search {
  return (text, part, offset) => {
    if (offset < 0n) throw outOfRange(offset);
    const size = BigInt(codePointCount(text));
    return part === '' && offset > size ? size : search(text, part, offset);
  };
}

function unitOffset(text: string, characters: number): number {
  let at = 0;
  for (let i = 0; i < characters; i++) at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
  return at;
}

function characterIndex(text: string, unit: number): bigint {
  return BigInt(unit <= 0 ? unit : codePointCount(text.slice(0, unit)));
}

function lowerAscii(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

function upperAscii(text: string): string {
  return text.replace(/[a-z]+/g, (letters) => letters.toUpperCase());
}

function replaceAll(text: string, old: string, replacement: string): string {
  return replaceSome(text, old, replacement, -1n);
}

/** As Go's strings.Replace: an empty text is found before every character and at the end. */
function replaceSome(text: string, old: string, replacement: string, limit: bigint): string {
  if (limit === 0n || old === replacement) return text;
  const most = limit < 0n ? Number.POSITIVE_INFINITY : Number(limit);
  if (old === '') {
    const characters = Array.from(text);
    const count = Math.min(most, characters.length + 1);
    checkSize(text.length + count * replacement.length);
    return (
      characters.map((letter, i) => (i < count ? replacement : '') + letter).join('') +
      (count > characters.length ? replacement : '')
    );
  }
  const pieces = text.split(old);
  const count = Math.min(most, pieces.length - 1);
  checkSize(text.length + count * Math.max(0, replacement.length - old.length));
  return pieces.map((piece, i) => piece + (i === pieces.length - 1 ? '' : i < count ? replacement : old)).join('');
}

function splitAll(text: string, separator: string): CelList {
  return splitSome(text, separator, -1n);
}

/** As Go's strings.SplitN: the last part keeps what is left; an empty separator parts every character. */
function splitSome(text: string, separator: string, limit: bigint): CelList {
  if (limit === 0n) return new ArrayList([]);
  const parts = separator === '' ? Array.from(text) : text.split(separator);
  if (limit < 0n || limit >= BigInt(parts.length)) return new ArrayList(parts);
  const kept = parts.slice(0, Number(limit) - 1);
  return new ArrayList([...kept, parts.slice(kept.length).join(separator)]);
}

function substringFrom(text: string, start: bigint): string {
  if (start < 0n || start > BigInt(codePointCount(text))) throw outOfRange(start);
  return text.slice(isPlain(text) ? Number(start) : unitOffset(text, Number(start)));
}

function substring(text: string, start: bigint, end: bigint): string {
  const size = BigInt(codePointCount(text));
  if (start > end) throw evaluationError(`invalid substring range. start: ${start}, end: ${end}`);
  if (start < 0n || start > size) throw outOfRange(start);
  if (end < 0n || end > size) throw outOfRange(end);
  if (isPlain(text)) return text.slice(Number(start), Number(end));
  return text.slice(unitOffset(text, Number(start)), unitOffset(text, Number(end)));
}

function join(list: CelList, given?: string): string {
  const separator = given ?? '';
  const parts: string[] = [];
  let size = 0;
  for (const element of list) {
    if (typeof element !== 'string')
      throw notJoinable(element, parts.length === 0, given === undefined ? 'list' : 'list, string');
    parts.push(element);
    size += element.length + separator.length;
    checkSize(size);
  }
  return parts.join(separator);
}

/** Upstream looks at the first element to choose the function, and at the others when it joins them. */
function notJoinable(element: CelValue, isFirst: boolean, types: string): Error {
  if (isFirst) return evaluationError(`no such overload: join(${types})`);
  const scalar = typeof element === 'object' ? typeNameOf(element) : String(element);
  return evaluationError(`join: invalid input: ${scalar}`);
}

const escapes: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
};

function quote(text: string): string {
  const escaped = text.toWellFormed().replace(/[\x07\b\f\n\r\t\v\\"]/g, (letter) => escapes[letter] ?? letter);
  return `"${escaped}"`;
}

function reverse(text: string): string {
  return Array.from(text).reverse().join('');
}
