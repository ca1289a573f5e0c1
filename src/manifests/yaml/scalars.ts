/**
 * The scanner's longer half: plain, quoted and block scalars, folded as libyaml folds them. Each function starts on the
 * scalar's first character and leaves the scanner behind its last.
 */
import { type Cursor, isBlankOrEnd, isBreak } from './cursor.ts';

/** What a run of line breaks inside a flow or plain scalar becomes: one LF is a space, more are one fewer. */
function fold(first: string, rest: string): string {
  if (first !== '\n') return first + rest;
  return rest === '' ? ' ' : rest;
}

export function scanPlainScalar(scanner: Cursor): string {
  const { text } = scanner;
  const start = scanner.pos;
  const indent = scanner.indent + 1;
  const inFlow = scanner.flowLevel > 0;
  let value = '';
  /** What joins the next run of characters to the value: blanks, or folded breaks. */
  let joint = '';
  let crossedLine = false;
  for (;;) {
    if (scanner.atDocumentMarker()) break;
    let c = text.charCodeAt(scanner.pos);
    if (c === 35 /* # */) break;
    const from = scanner.pos;
    let at = from;
    while (!isBlankOrEnd(c)) {
      if (c === 58 /* : */ && isBlankOrEnd(text.charCodeAt(at + 1))) break;
      // , ? [ ] { }
      if (inFlow && (c === 44 || c === 63 || c === 91 || c === 93 || c === 123 || c === 125)) break;
      c = text.charCodeAt(++at);
    }
    if (at > from) {
      value = value === '' && joint === '' ? text.slice(from, at) : value + joint + text.slice(from, at);
      joint = '';
      crossedLine = false;
      scanner.pos = at;
    }
    if (c !== 32 && c !== 9 && !isBreak(c)) break;
    const blanks = scanner.pos;
    let first = '';
    let rest = '';
    for (; ; c = text.charCodeAt(scanner.pos)) {
      if (c === 32 || c === 9) {
        if (crossedLine && c === 9 && scanner.pos - scanner.lineStart < indent) {
          scanner.fail(scanner.pos, 'a tab cannot indent; use spaces');
        }
        scanner.pos++;
      } else if (isBreak(c)) {
        if (!crossedLine) {
          first = scanner.takeBreak();
          crossedLine = true;
        } else {
          rest += scanner.takeBreak();
        }
      } else {
        break;
      }
    }
    joint = crossedLine ? fold(first, rest) : text.slice(blanks, scanner.pos);
    if (!inFlow && scanner.pos - scanner.lineStart < indent) break;
  }
  if (crossedLine) scanner.simpleKeyAllowed = true;
  if (scanner.pos === start) scanner.fail(start, 'a value is expected here');
  return value;
}

export function scanFlowScalar(scanner: Cursor, single: boolean): string {
  const { text } = scanner;
  const start = scanner.pos;
  const closing = single ? 39 : 34;
  let value = '';
  scanner.pos++;
  for (;;) {
    if (scanner.atDocumentMarker()) scanner.fail(scanner.pos, 'a document marker inside a quoted value');
    let c = text.charCodeAt(scanner.pos);
    if (c === 0) scanner.fail(start, 'a quoted value is not closed');
    let crossedLine = false;
    let from = scanner.pos;
    while (!isBlankOrEnd(c)) {
      if (c === closing) {
        if (!single || text.charCodeAt(scanner.pos + 1) !== 39) break;
        value += text.slice(from, scanner.pos + 1);
        scanner.pos += 2;
        from = scanner.pos;
      } else if (c === 92 /* \ */ && !single) {
        value += text.slice(from, scanner.pos);
        if (isBreak(text.charCodeAt(scanner.pos + 1))) {
          scanner.pos++;
          scanner.takeBreak();
          crossedLine = true;
          from = scanner.pos;
          c = text.charCodeAt(scanner.pos);
          break;
        }
        value += scanEscape(scanner);
        from = scanner.pos;
      } else {
        scanner.pos++;
      }
      c = text.charCodeAt(scanner.pos);
    }
    value += text.slice(from, scanner.pos);
    if (c === closing) break;
    const blanks = scanner.pos;
    let first = '';
    let rest = '';
    for (; ; c = text.charCodeAt(scanner.pos)) {
      if (c === 32 || c === 9) {
        scanner.pos++;
      } else if (isBreak(c)) {
        if (!crossedLine) {
          first = scanner.takeBreak();
          crossedLine = true;
        } else {
          rest += scanner.takeBreak();
        }
      } else {
        break;
      }
    }
    // After an escaped break there is no first break to fold: what follows it is kept as it is.
    if (!crossedLine) value += text.slice(blanks, scanner.pos);
    else value += first === '' ? rest : fold(first, rest);
  }
  scanner.pos++;
  return value;
}

const escapes: ReadonlyMap<string, string> = new Map([
  ['0', '\0'],
  ['a', '\x07'],
  ['b', '\b'],
  ['t', '\t'],
  ['\t', '\t'],
  ['n', '\n'],
  ['v', '\v'],
  ['f', '\f'],
  ['r', '\r'],
  ['e', '\x1b'],
  [' ', ' '],
  ['"', '"'],
  ["'", "'"],
  ['\\', '\\'],
  ['N', '\x85'],
  ['_', '\xa0'],
  ['L', '\u2028'],
  ['P', '\u2029'],
]);

function scanEscape(scanner: Cursor): string {
  const start = scanner.pos;
  const letter = scanner.text[start + 1] ?? '';
  const known = escapes.get(letter);
  if (known !== undefined) {
    scanner.pos += 2;
    return known;
  }
  const length = letter === 'x' ? 2 : letter === 'u' ? 4 : letter === 'U' ? 8 : 0;
  if (length === 0) scanner.fail(start, 'an escape that YAML does not know');
  const digits = scanner.text.slice(start + 2, start + 2 + length);
  if (!/^[0-9a-fA-F]+$/.test(digits) || digits.length !== length) {
    scanner.fail(start, `an escape that needs ${length} hexadecimal digits`);
  }
  const code = Number.parseInt(digits, 16);
  if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) scanner.fail(start, 'an escape that is no character');
  scanner.pos += 2 + length;
  return String.fromCodePoint(code);
}

export function scanBlockScalar(scanner: Cursor, literal: boolean): string {
  const { text } = scanner;
  const start = scanner.pos;
  scanner.pos++;
  const header = scanHeader(scanner, start);
  let indent = header.increment === 0 ? 0 : Math.max(scanner.indent, 0) + header.increment;

  /** Eats indentation and empty lines; finds the indentation where it was not told. */
  function takeEmptyLines(): string {
    let breaks = '';
    let widest = 0;
    for (;;) {
      let c = text.charCodeAt(scanner.pos);
      let column = scanner.pos - scanner.lineStart;
      while (c === 32 && (indent === 0 || column < indent)) {
        c = text.charCodeAt(++scanner.pos);
        column++;
      }
      if (column > widest) widest = column;
      if (c === 9 && (indent === 0 || column < indent)) scanner.fail(scanner.pos, 'a tab cannot indent; use spaces');
      if (!isBreak(c)) break;
      breaks += scanner.takeBreak();
    }
    if (indent === 0) indent = Math.max(widest, scanner.indent + 1, 1);
    return breaks;
  }

  let value = '';
  let leadingBreak = '';
  let trailingBreaks = takeEmptyLines();
  let leadingBlank = false;
  while (scanner.pos - scanner.lineStart === indent && scanner.pos < text.length - 1) {
    const c = text.charCodeAt(scanner.pos);
    const blank = c === 32 || c === 9;
    if (!literal && !leadingBlank && !blank && leadingBreak === '\n') {
      if (trailingBreaks === '') value += ' ';
    } else {
      value += leadingBreak;
    }
    value += trailingBreaks;
    leadingBlank = blank;
    const end = scanner.lineEnd(scanner.pos);
    value += text.slice(scanner.pos, end);
    scanner.pos = end;
    leadingBreak = end < text.length - 1 ? scanner.takeBreak() : '';
    trailingBreaks = takeEmptyLines();
  }
  if (header.chomping !== '-') value += leadingBreak;
  if (header.chomping === '+') value += trailingBreaks;
  return value;
}

/** Chomping and indentation indicators in either order, then a comment, then the end of the line. */
function scanHeader(scanner: Cursor, start: number): { chomping: string; increment: number } {
  const { text } = scanner;
  let chomping = '';
  let increment = 0;
  for (let indicator = 0; indicator < 2; indicator++) {
    const c = text.charCodeAt(scanner.pos);
    if ((c === 43 || c === 45) && chomping === '') {
      chomping = c === 43 ? '+' : '-';
    } else if (c >= 48 && c <= 57 && increment === 0) {
      if (c === 48) scanner.fail(scanner.pos, 'a block scalar cannot be indented by 0');
      increment = c - 48;
    } else {
      break;
    }
    scanner.pos++;
  }
  let c = text.charCodeAt(scanner.pos);
  while (c === 32 || c === 9) c = text.charCodeAt(++scanner.pos);
  if (c === 35 /* # */) {
    scanner.pos = scanner.lineEnd(scanner.pos);
    c = text.charCodeAt(scanner.pos);
  }
  if (c === 0) return { chomping, increment };
  if (!isBreak(c)) scanner.fail(start, 'a block scalar (| or >) must end its line');
  scanner.takeBreak();
  return { chomping, increment };
}
