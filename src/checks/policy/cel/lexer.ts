import { CelError } from './error.ts';
import { readLiteral } from './literal.ts';
import { CelUint, type CelValue } from './values.ts';

export type Token =
  | { readonly kind: 'name' | 'quoted-name'; readonly offset: number; readonly text: string }
  /** An operator, a bracket, or one of the words that the grammar reserves: `in`, `true`, `false`, `null`. */
  | { readonly kind: 'symbol'; readonly offset: number; readonly text: string }
  | { readonly kind: 'literal'; readonly offset: number; readonly value: CelValue; readonly text: string }
  /** An integer without its sign, which may be one more than the largest int: `-9223372036854775808`. */
  | { readonly kind: 'integer'; readonly offset: number; readonly value: bigint; readonly text: string }
  | { readonly kind: 'end'; readonly offset: number; readonly text: string };

const SYMBOLS = ['==', '!=', '<=', '>=', '&&', '||', ...'<>[]{}().,-!?:+*/%'];
/** A quote, or a prefix that one may follow. */
const LITERAL_STARTS = '\'"bBrR';
const WORDS: ReadonlySet<string> = new Set(['in', 'true', 'false', 'null']);
/** An integer longer than this is out of range whatever its digits are, and converting it would take quadratic time. */
const MAX_DIGITS = 64;

/** Splits a source into tokens; the last one is `end`. Throws CelError with the offset. */
export function tokenize(source: string): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  for (;;) {
    at = skipBlank(source, at);
    if (at >= source.length) break;
    const token = readToken(source, at);
    tokens.push(token);
    at = token.offset + token.text.length;
  }
  tokens.push({ kind: 'end', offset: source.length, text: '' });
  return tokens;
}

function skipBlank(source: string, start: number): number {
  let at = start;
  for (;;) {
    const char = source[at];
    if (char === ' ' || char === '\t' || char === '\r' || char === '\n' || char === '\f') at++;
    else if (char === '/' && source[at + 1] === '/') {
      const end = source.indexOf('\n', at);
      at = end < 0 ? source.length : end;
    } else return at;
  }
}

function readToken(source: string, offset: number): Token {
  const char = source[offset] as string;
  const literal = LITERAL_STARTS.includes(char) ? readLiteral(source, offset) : undefined;
  if (literal !== undefined) return { kind: 'literal', offset, value: literal.value, text: literal.text };
  if (isDigit(char) || (char === '.' && isDigit(source[offset + 1]))) return readNumber(source, offset);
  if (isLetter(char)) {
    let end = offset + 1;
    while (isLetter(source[end]) || isDigit(source[end])) end++;
    const text = source.slice(offset, end);
    return { kind: WORDS.has(text) ? 'symbol' : 'name', offset, text };
  }
  if (char === '`') return readQuotedName(source, offset);
  const symbol = SYMBOLS.find((text) => source.startsWith(text, offset));
  if (symbol !== undefined) return { kind: 'symbol', offset, text: symbol };
  const shown = String.fromCodePoint(source.codePointAt(offset) as number);
  throw new CelError('syntax', `Syntax error: token recognition error at: '${shown}'`, offset);
}

function readNumber(source: string, offset: number): Token {
  if (source.startsWith('0x', offset) && isHexDigit(source[offset + 2])) {
    let end = offset + 2;
    while (isHexDigit(source[end])) end++;
    return readInteger(source, offset, end);
  }
  let end = skipDigits(source, offset);
  let isDouble = false;
  if (source[end] === '.' && isDigit(source[end + 1])) {
    isDouble = true;
    end = skipDigits(source, end + 1);
  }
  const exponent = skipExponent(source, end);
  if (exponent > end) {
    isDouble = true;
    end = exponent;
  }
  if (!isDouble) return readInteger(source, offset, end);
  const text = source.slice(offset, end);
  const value = Number(text);
  if (!Number.isFinite(value)) throw new CelError('syntax', 'invalid double literal', offset);
  return { kind: 'literal', offset, value, text };
}

function readInteger(source: string, offset: number, end: number): Token {
  const isUnsigned = source[end] === 'u' || source[end] === 'U';
  const digits = source.slice(offset, end);
  const isLong = digits.replace(/^(0x)?0*/, '').length > MAX_DIGITS;
  const value = isLong ? 2n ** 65n : BigInt(digits);
  if (!isUnsigned) return { kind: 'integer', offset, value, text: digits };
  if (value >= 2n ** 64n) throw new CelError('syntax', 'invalid uint literal', offset);
  return { kind: 'literal', offset, value: new CelUint(value), text: source.slice(offset, end + 1) };
}

function readQuotedName(source: string, offset: number): Token {
  const end = source.indexOf('`', offset + 1);
  const text = end < 0 ? '' : source.slice(offset, end + 1);
  if (!/^`[A-Za-z0-9_.\-/ ]+`$/.test(text)) {
    throw new CelError('syntax', "Syntax error: token recognition error at: '`'", offset);
  }
  return { kind: 'quoted-name', offset, text };
}

function skipDigits(source: string, start: number): number {
  let at = start;
  while (isDigit(source[at])) at++;
  return at;
}

/** The end of an exponent that begins here; the start itself where there is none. */
function skipExponent(source: string, start: number): number {
  if (source[start] !== 'e' && source[start] !== 'E') return start;
  const sign = source[start + 1];
  const digits = sign === '+' || sign === '-' ? start + 2 : start + 1;
  return isDigit(source[digits]) ? skipDigits(source, digits) : start;
}

function isDigit(char: string | undefined): boolean {
  return char !== undefined && char >= '0' && char <= '9';
}

function isHexDigit(char: string | undefined): boolean {
  return isDigit(char) || (char !== undefined && /^[a-fA-F]$/.test(char));
}

function isLetter(char: string | undefined): boolean {
  return char !== undefined && ((char >= 'a' && char <= 'z') || (char >= 'A' && char <= 'Z') || char === '_');
}
