/**
 * YAML to the letter as sigs.k8s.io/yaml prints it (go-yaml v2: yaml_emitter and the encoder above it). Flux replaces
 * variables in that text, so where it quotes, folds and breaks decides what a variable may become.
 */
import type { JsonObject, JsonValue } from '../../core/json.ts';
import { resolvePlain } from './resolve.ts';

/** What sigs.k8s.io/yaml's JSONToYAML makes of the object. */
export function printYaml(object: JsonObject): string {
  const printer = new Printer();
  printer.node(object, 'root');
  printer.indentation();
  return printer.text();
}

/** Where a node stands: this decides how it may be written. */
type Context = 'root' | 'item' | 'value' | 'key';

const BEST_INDENT = 2;
const BEST_WIDTH = 80;
const LONGEST_KEY_BYTES = 128;

class Printer {
  readonly #parts: string[] = [];
  #column = 0;
  #indent = -1;
  /** Whether the last character was a blank, and whether the line holds nothing but indentation so far. */
  #whitespace = true;
  #indention = true;

  text(): string {
    return this.#parts.join('');
  }

  node(value: JsonValue, context: Context): void {
    if (Array.isArray(value)) this.#sequence(value, context);
    else if (typeof value === 'object' && value !== null) this.#mapping(value as JsonObject);
    else if (typeof value === 'string') this.#scalar(value, styleOf(value), context);
    else this.#scalar(value === null ? 'null' : spellScalar(value), 'plain', context);
  }

  /** Starts a line at the current indentation, unless one has been started. */
  indentation(): void {
    const indent = Math.max(this.#indent, 0);
    if (!this.#indention || this.#column > indent || (this.#column === indent && !this.#whitespace)) this.#lineBreak();
    if (this.#column < indent) {
      this.#parts.push(' '.repeat(indent - this.#column));
      this.#column = indent;
    }
    this.#whitespace = true;
    this.#indention = true;
  }

  #mapping(value: JsonObject): void {
    const keys = Object.keys(value);
    if (keys.length === 0) {
      this.#empty('{}');
      return;
    }
    const before = this.#indent;
    this.#indent = before < 0 ? 0 : before + BEST_INDENT;
    for (const key of keys.sort(compareKeys)) {
      this.indentation();
      if (hasBreak(key) || Buffer.byteLength(key) > LONGEST_KEY_BYTES) {
        this.#indicator('?', true, false, true);
        this.#scalar(key, styleOf(key), 'value');
        this.indentation();
        this.#indicator(':', true, false, true);
      } else {
        this.#scalar(key, styleOf(key), 'key');
        this.#indicator(':', false, false, false);
      }
      this.node(value[key] as JsonValue, 'value');
    }
    this.#indent = before;
  }

  #sequence(value: readonly JsonValue[], context: Context): void {
    if (value.length === 0) {
      this.#empty('[]');
      return;
    }
    const before = this.#indent;
    // The items of a list that is a value start where its key does.
    const indentless = context === 'value' && !this.#indention;
    if (before < 0) this.#indent = 0;
    else if (!indentless) this.#indent = before + BEST_INDENT;
    for (const item of value) {
      this.indentation();
      this.#indicator('-', true, false, true);
      this.node(item, 'item');
    }
    this.#indent = before;
  }

  #empty(brackets: '{}' | '[]'): void {
    this.#indicator(brackets.slice(0, 1), true, true, false);
    this.#indicator(brackets.slice(1), false, false, false);
  }

  #scalar(text: string, wanted: Style, context: Context): void {
    const characters = [...text];
    const style = selectStyle(analyze(characters), wanted, context);
    const before = this.#indent;
    this.#indent = before < 0 ? BEST_INDENT : before + BEST_INDENT;
    const foldable = context !== 'key';
    switch (style) {
      case 'plain':
        this.#plain(characters, foldable);
        break;
      case 'single':
        this.#single(characters, foldable);
        break;
      case 'double':
        this.#double(characters, foldable);
        break;
      case 'literal':
        this.#literal(characters);
        break;
    }
    this.#indent = before;
  }

  #plain(characters: readonly string[], foldable: boolean): void {
    if (!this.#whitespace) this.#put(' ');
    let spaces = false;
    for (let i = 0; i < characters.length; i++) {
      const c = characters[i] as string;
      if (c === ' ') {
        if (foldable && !spaces && this.#column > BEST_WIDTH && characters[i + 1] !== ' ') this.indentation();
        else this.#put(c);
        spaces = true;
      } else {
        this.#put(c);
        this.#indention = false;
        spaces = false;
      }
    }
    this.#whitespace = false;
    this.#indention = false;
  }

  #single(characters: readonly string[], foldable: boolean): void {
    this.#indicator("'", true, false, false);
    let spaces = false;
    let breaks = false;
    const last = characters.length - 1;
    for (let i = 0; i <= last; i++) {
      const c = characters[i] as string;
      if (c === ' ') {
        const fold = foldable && !spaces && this.#column > BEST_WIDTH && i > 0 && i < last && characters[i + 1] !== ' ';
        if (fold) this.indentation();
        else this.#put(c);
        spaces = true;
      } else if (isBreak(c)) {
        this.#copyBreak(c);
        breaks = true;
      } else {
        if (breaks) this.indentation();
        this.#put(c === "'" ? "''" : c);
        this.#indention = false;
        spaces = false;
        breaks = false;
      }
    }
    this.#indicator("'", false, false, false);
    this.#whitespace = false;
    this.#indention = false;
  }

  #double(characters: readonly string[], foldable: boolean): void {
    this.#indicator('"', true, false, false);
    let spaces = false;
    const last = characters.length - 1;
    // The emitter looks for a byte order mark at the start of the text, whichever character it is at.
    const escapeAll = characters[0] === '\ufeff';
    for (let i = 0; i <= last; i++) {
      const c = characters[i] as string;
      if (escapeAll || !isPrintable(c) || isBreak(c) || c === '"' || c === '\\') {
        this.#put(escaped(c));
        spaces = false;
      } else if (c === ' ') {
        if (foldable && !spaces && this.#column > BEST_WIDTH && i > 0 && i < last) {
          this.indentation();
          if (characters[i + 1] === ' ') this.#put('\\');
        } else this.#put(c);
        spaces = true;
      } else {
        this.#put(c);
        spaces = false;
      }
    }
    this.#indicator('"', false, false, false);
    this.#whitespace = false;
    this.#indention = false;
  }

  #literal(characters: readonly string[]): void {
    this.#indicator('|', true, false, false);
    const first = characters[0] as string;
    if (first === ' ' || isBreak(first)) this.#indicator(String(BEST_INDENT), false, false, false);
    const last = characters.length - 1;
    if (!isBreak(characters[last] as string)) this.#indicator('-', false, false, false);
    else if (last === 0 || isBreak(characters[last - 1] as string)) this.#indicator('+', false, false, false);
    this.#lineBreak();
    this.#indention = true;
    this.#whitespace = true;
    let breaks = true;
    for (const c of characters) {
      if (isBreak(c)) {
        this.#copyBreak(c);
        breaks = true;
      } else {
        if (breaks) this.indentation();
        this.#put(c);
        this.#indention = false;
        breaks = false;
      }
    }
  }

  #indicator(text: string, needWhitespace: boolean, isWhitespace: boolean, isIndention: boolean): void {
    if (needWhitespace && !this.#whitespace) this.#put(' ');
    this.#put(text);
    this.#whitespace = isWhitespace;
    this.#indention = this.#indention && isIndention;
  }

  #put(text: string): void {
    this.#parts.push(text);
    this.#column += text.length === 2 && text.codePointAt(0) !== text.charCodeAt(0) ? 1 : text.length;
  }

  #lineBreak(): void {
    this.#parts.push('\n');
    this.#column = 0;
  }

  #copyBreak(c: string): void {
    this.#parts.push(c);
    this.#column = 0;
    this.#indention = true;
  }
}

type Style = 'plain' | 'single' | 'double' | 'literal';

/** What the encoder asks for; the emitter may have to choose another. */
function styleOf(text: string): Style {
  if (text.includes('\n')) return 'literal';
  return isString(text) ? 'plain' : 'double';
}

const base60 = /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$/;

/** Whether the text, unquoted, is nothing but itself to go-yaml. */
function isString(text: string): boolean {
  return resolvePlain(text).type === 'string' && !base60.test(text) && !isTimestamp(text);
}

const timestamp =
  /^([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?:[Tt ]([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[.,][0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})?)?$/;

/** The four layouts by which go-yaml tries time.Parse, which takes days that exist and no others. */
function isTimestamp(text: string): boolean {
  const match = timestamp.exec(text);
  if (match === null) return false;
  const [, year, month, day, hour = '0', minute = '0', second = '0', zone] = match;
  const separator = /[Tt ]/.exec(text)?.[0];
  // With a T there is a zone; with a space there is none.
  if (separator !== undefined && (separator === ' ') !== (zone === undefined)) return false;
  const days = new Date(Date.UTC(2000, Number(month), 0));
  days.setUTCFullYear(Number(year), Number(month), 0);
  if (Number(month) < 1 || Number(month) > 12 || Number(day) < 1 || Number(day) > days.getUTCDate()) return false;
  if (zone !== undefined && zone !== 'Z' && (Number(zone.slice(1, 3)) > 24 || Number(zone.slice(4)) > 60)) return false;
  return Number(hour) < 24 && Number(minute) < 60 && Number(second) < 60;
}

interface Analysis {
  readonly empty: boolean;
  readonly multiline: boolean;
  readonly plain: boolean;
  readonly single: boolean;
  readonly block: boolean;
}

/** yaml_emitter_analyze_scalar, for block context. */
function analyze(value: readonly string[]): Analysis {
  if (value.length === 0) return { empty: true, multiline: false, plain: true, single: true, block: false };
  const start = value.slice(0, 3).join('');
  let indicators = start === '---' || start === '...';
  let multiline = false;
  let special = false;
  let breakSpace = false;
  let spaceBreak = false;
  let previous: 'space' | 'break' | 'other' = 'other';
  let preceded = true;
  for (const [i, c] of value.entries()) {
    const next = value[i + 1];
    const followed = next === undefined || next === ' ' || next === '\t';
    if (i === 0) {
      if (',[]{}#&*!|>\'"%@`'.includes(c)) indicators = true;
      else if ((c === '?' || c === ':' || c === '-') && followed) indicators = true;
    } else if ((c === ':' && followed) || (c === '#' && preceded)) indicators = true;
    if (!isPrintable(c)) special = true;
    if (c === ' ') {
      if (previous === 'break') breakSpace = true;
      previous = 'space';
    } else if (isBreak(c)) {
      multiline = true;
      if (previous === 'space') spaceBreak = true;
      previous = 'break';
    } else previous = 'other';
    preceded = c === ' ' || c === '\t' || c === '\0' || isBreak(c);
  }
  const first = value[0] as string;
  const last = value.at(-1) as string;
  const bare = [first, last].every((c) => c !== ' ' && !isBreak(c));
  const free = !spaceBreak && !special;
  return {
    empty: false,
    multiline,
    plain: bare && !breakSpace && free && !multiline && !indicators,
    single: !breakSpace && free,
    block: last !== ' ' && free,
  };
}

function selectStyle(analysis: Analysis, wanted: Style, context: Context): Style {
  let style = context === 'key' && analysis.multiline ? 'double' : wanted;
  if (style === 'plain' && (!analysis.plain || (analysis.empty && context === 'key'))) style = 'single';
  if (style === 'single' && !analysis.single) style = 'double';
  if (style === 'literal' && (!analysis.block || context === 'key')) style = 'double';
  return style;
}

function isBreak(c: string): boolean {
  return c === '\n' || c === '\r' || c === '\x85' || c === '\u2028' || c === '\u2029';
}

function hasBreak(text: string): boolean {
  return /[\n\r\x85\u2028\u2029]/.test(text);
}

/** The emitter calls nothing beyond the Basic Multilingual Plane printable. */
function isPrintable(c: string): boolean {
  const code = c.codePointAt(0) as number;
  return (
    code === 0x0a ||
    (code >= 0x20 && code <= 0x7e) ||
    (code >= 0xa0 && code <= 0xd7ff) ||
    (code >= 0xe000 && code <= 0xfffd && code !== 0xfeff)
  );
}

const named: Readonly<Record<string, string>> = {
  '\0': '0',
  '\x07': 'a',
  '\b': 'b',
  '\t': 't',
  '\n': 'n',
  '\v': 'v',
  '\f': 'f',
  '\r': 'r',
  '\x1b': 'e',
  '"': '"',
  '\\': '\\',
  '\x85': 'N',
  '\xa0': '_',
  '\u2028': 'L',
  '\u2029': 'P',
};

function escaped(c: string): string {
  const name = named[c];
  if (name !== undefined) return `\\${name}`;
  const hex = (c.codePointAt(0) as number).toString(16).toUpperCase();
  if (hex.length <= 2) return `\\x${hex.padStart(2, '0')}`;
  return hex.length <= 4 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
}

const twoTo64 = 2 ** 64;

function spellScalar(value: boolean | number | bigint): string {
  if (typeof value !== 'number') return value.toString();
  if (Object.is(value, -0)) return '0';
  return Number.isInteger(value) && Math.abs(value) < twoTo64 ? value.toString() : spellFloat(value);
}

/** strconv.FormatFloat(value, 'g', -1, 64), which writes an exponent from 1e6 on and below 1e-4. */
function spellFloat(value: number): string {
  const [mantissa = '', exponent = '0'] = value.toExponential().split('e');
  const power = Number(exponent);
  if (power >= -4 && power < 6) return value.toString();
  return `${mantissa}e${power < 0 ? '-' : '+'}${Math.abs(power).toString().padStart(2, '0')}`;
}

const letter = /^\p{L}$/u;
const digit = /^\p{Nd}$/u;

/**
 * keyList.Less of go-yaml v2: digits by the number that they are, letters after everything else. It is no order where
 * digits stand before a letter in one key and before the end in another (`10`, `1a`, `2`); Go's own then varies.
 */
function compareKeys(a: string, b: string): number {
  if (a === b) return 0;
  return isLess([...a], [...b]) ? -1 : 1;
}

function isLess(a: readonly string[], b: readonly string[]): boolean {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const x = a[i] as string;
    const y = b[i] as string;
    if (x === y) continue;
    const xLetter = letter.test(x);
    const yLetter = letter.test(y);
    if (xLetter && yLetter) return codeOf(x) < codeOf(y);
    if (xLetter || yLetter) return yLetter;
    let base = 0n;
    if (x === '0' || y === '0') {
      for (let j = i - 1; j >= 0 && digit.test(a[j] as string); j--) {
        if (a[j] === '0') continue;
        base = 1n;
        break;
      }
    }
    const [xNumber, xEnd] = numberAt(a, i, base);
    const [yNumber, yEnd] = numberAt(b, i, base);
    if (xNumber !== yNumber) return xNumber < yNumber;
    if (xEnd !== yEnd) return xEnd < yEnd;
    return codeOf(x) < codeOf(y);
  }
  return a.length < b.length;
}

/** The number that the digits from a place are, in 64 bits as Go adds it up, and where they end. */
function numberAt(characters: readonly string[], from: number, base: bigint): [bigint, number] {
  let value = base;
  let at = from;
  for (; at < characters.length && digit.test(characters[at] as string); at++) {
    value = BigInt.asIntN(64, value * 10n + BigInt(codeOf(characters[at] as string) - 48));
  }
  return [value, at];
}

function codeOf(c: string): number {
  return c.codePointAt(0) as number;
}
