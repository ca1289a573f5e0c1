/**
 * A stream cut into documents exactly as apimachinery's YAMLOrJSONDecoder does it, which Argo CD and kubectl read with:
 * what starts with `{` is a run of JSON values until it turns out not to be; everything else is cut at lines that start
 * with `---`, wherever they stand. A cut that YAML would make and this does not would hide what comes behind it.
 */
import type { JsonValue } from '../core/json.ts';
import { NotJson, readJson, skipJsonBlanks } from './json-reader.ts';
import { TextProblem } from './problem.ts';
import type { Offsets } from './yaml/builders.ts';
import { type ComposeLimits, composeYaml } from './yaml/composer.ts';

export interface DocumentText {
  /** Where the document starts in the whole text. */
  readonly start: number;
  readonly value: JsonValue;
  /** Offset of the root value in the whole text. */
  readonly offset: number;
  /** The document as its reader got it: for the comments in front of it, and to read it again with offsets. */
  readonly source: string;
  readonly format: 'yaml' | 'json';
}

/** How far the decoder looks for the `{` that makes a stream JSON, in bytes. */
const sniffed = 4096;
/** Go's unicode.IsSpace. */
const goBlank = /[\t\n\v\f\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;
const goBlanks = /^[\t\n\v\f\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*/;

/**
 * The documents of a text, in order, those that are empty or null left out. Throws TextProblem with an offset into the
 * whole text. `onDocument` is told the number of each document (from 1) before it is read.
 */
export function* readDocuments(
  text: string,
  limits: ComposeLimits,
  onDocument: (number: number) => void,
): Generator<DocumentText> {
  let count = 0;
  let yamlFrom = 0;
  let notJson: NotJson | undefined;
  if (looksLikeJson(text)) {
    let at = 0;
    while (notJson === undefined) {
      const start = skipJsonBlanks(text, at);
      if (start === text.length) return;
      onDocument(count + 1);
      try {
        const { value, end } = readJson(text, start, limits);
        count++;
        at = end;
        if (value !== null) yield { start, offset: start, value, source: text.slice(start, end), format: 'json' };
      } catch (thrown) {
        // More than one value makes it JSON beyond doubt to the decoder; before that it tries YAML.
        if (!(thrown instanceof NotJson) || count > 1) throw thrown;
        notJson = thrown;
        yamlFrom = restAfterJson(text, at, thrown);
      }
    }
  }
  const crlf = text.includes('\r\n');
  for (const { start, end } of cutAtSeparators(text, yamlFrom)) {
    onDocument(++count);
    limits.budget?.take(start);
    const source = yamlSource(text.slice(start, end), crlf);
    try {
      const { value, offset } = composeYaml(source, limits);
      if (value !== null) {
        yield { start, offset: inWhole(text, start, source, offset, crlf), value, source, format: 'yaml' };
      }
    } catch (thrown) {
      if (!(thrown instanceof TextProblem)) throw thrown;
      // Of a text that looks like JSON the JSON reader's complaint says more.
      if (notJson !== undefined && thrown.code === 'MANIFEST_SYNTAX') throw notJson;
      throw new TextProblem(thrown.code, inWhole(text, start, source, thrown.offset, crlf), thrown.message);
    }
    notJson = undefined;
  }
}

/** Reads a document again, this time noting where each value stands, as offsets into the whole text. */
export function findOffsets(document: DocumentText, text: string, limits: ComposeLimits): Located {
  const offsets: Offsets = new Map();
  if (document.format === 'json') {
    const { value } = readJson(document.source, 0, limits, offsets);
    return { value, offsetOf: (holder, step) => shift(offsets.get(holder)?.get(step), (at) => document.start + at) };
  }
  const { value } = composeYaml(document.source, limits, offsets);
  const crlf = text.includes('\r\n');
  const whole = (at: number) => inWhole(text, document.start, document.source, at, crlf);
  return { value, offsetOf: (holder, step) => shift(offsets.get(holder)?.get(step), whole) };
}

export interface Located {
  readonly value: JsonValue;
  /** Where the value under a key or index of `holder` (a part of `value`) stands in the whole text. */
  readonly offsetOf: (holder: object, step: string | number) => number | undefined;
}

function shift(offset: number | undefined, by: (offset: number) => number): number | undefined {
  return offset === undefined ? undefined : by(offset);
}

function looksLikeJson(text: string): boolean {
  const blanks = goBlanks.exec(text)?.[0] ?? '';
  return text[blanks.length] === '{' && Buffer.byteLength(blanks) < sniffed;
}

/**
 * Where the YAML starts that the decoder falls back to: behind the last JSON value and the blanks after it, up to the
 * first line break. The decoder needs four bytes from there on, and gives up otherwise.
 */
function restAfterJson(text: string, from: number, problem: NotJson): number {
  let at = from;
  while (at < text.length) {
    const c = text[at] ?? '';
    if (!goBlank.test(c)) break;
    if (Buffer.byteLength(text.slice(at, at + 4)) < 4) throw problem;
    at++;
    if (c === '\n') return at;
    if (c !== ' ' && c !== '\t' && c !== '\r') throw problem;
  }
  if (Buffer.byteLength(text.slice(at, at + 4)) < 4) throw problem;
  return at;
}

function* cutAtSeparators(text: string, from: number): Generator<{ start: number; end: number }> {
  let start = from;
  let search = from;
  while (start < text.length) {
    let line = search === from || text[search - 1] === '\n' ? (text.startsWith('---', search) ? search : -1) : -1;
    if (line === -1) {
      const found = text.indexOf('\n---', search);
      line = found === -1 ? -1 : found + 1;
    }
    if (line === -1) {
      yield { start, end: text.length };
      return;
    }
    const lineEnd = text.indexOf('\n', line);
    const behind = text.slice(line + 3, lineEnd === -1 ? text.length : lineEnd).replace(goBlanks, '');
    if (behind !== '' && behind[0] !== '#') {
      throw new TextProblem(
        'MANIFEST_SYNTAX',
        line,
        'a line starts with --- and goes on; Kubernetes refuses it anywhere, even inside a value',
      );
    }
    const next = lineEnd === -1 ? text.length : lineEnd + 1;
    // A separator with nothing before it opens the document, and belongs to it.
    if (line > start) {
      yield { start, end: line };
      start = next;
    }
    search = next;
  }
}

/** The document as the decoder's line reader hands it on: CRLF as LF, and a line break at the end. */
function yamlSource(raw: string, crlf: boolean): string {
  const lines = crlf ? raw.replaceAll('\r\n', '\n') : raw;
  return lines.endsWith('\n') ? lines : `${lines}\n`;
}

/** An offset into a document's source as one into the whole text, where each LF may have been a CRLF. */
function inWhole(text: string, start: number, source: string, offset: number, crlf: boolean): number {
  if (!crlf) return Math.min(start + offset, text.length);
  let whole = start;
  let from = 0;
  for (let end = source.indexOf('\n'); end !== -1 && end < offset; end = source.indexOf('\n', from)) {
    whole += end - from;
    whole += text[whole] === '\r' && text[whole + 1] === '\n' ? 2 : 1;
    from = end + 1;
  }
  return Math.min(whole + offset - from, text.length);
}
