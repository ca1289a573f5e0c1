/**
 * YAML to the letter as sigs.k8s.io/yaml prints it (go-yaml v2: yaml_emitter and the encoder above it). Flux replaces
 * variables in that text, so where it quotes, folds and breaks decides what a variable may become.
 */
import type { JsonObject, JsonValue } from '../../core/json.ts';
import { isDigit, isLetter } from '../go-unicode.ts';
import {
  analyze,
  type Context,
  escaped,
  hasBreak,
  isBreak,
  isPrintable,
  type Style,
  selectStyle,
  spellScalar,
  styleOf,
} from './printed-scalar.ts';

/** What sigs.k8s.io/yaml's JSONToYAML makes of the object. */
export function printYaml(object: JsonObject): string {
  const printer = new Printer();
  printer.node(object, 'root');
  printer.indentation();
  return printer.text();
}

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
    const xLetter = isLetter(x);
    const yLetter = isLetter(y);
    if (xLetter && yLetter) return codeOf(x) < codeOf(y);
    if (xLetter || yLetter) return yLetter;
    let base = 0n;
    if (x === '0' || y === '0') {
      for (let j = i - 1; j >= 0 && isDigit(a[j] as string); j--) {
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
  for (; at < characters.length && isDigit(characters[at] as string); at++) {
    value = BigInt.asIntN(64, value * 10n + BigInt(codeOf(characters[at] as string) - 48));
  }
  return [value, at];
}

function codeOf(c: string): number {
  return c.codePointAt(0) as number;
}
