import type { JsonValue } from '../../../../core/json.ts';
import { JmesError } from './error.ts';
import { parseJsonText } from './json-text.ts';

export type TokenKind =
  | 'identifier'
  | 'quoted'
  | 'literal'
  | 'number'
  | 'end'
  | '.'
  | '*'
  | ','
  | ':'
  | '{'
  | '}'
  | '['
  | ']'
  | '[?'
  | '[]'
  | '('
  | ')'
  | '@'
  | '||'
  | '|'
  | '&&'
  | '&'
  | '!'
  | '!='
  | '=='
  | '<'
  | '<='
  | '>'
  | '>=';

export interface Token {
  readonly kind: TokenKind;
  /** The name of an identifier, the digits of a number, the sign of an operator. */
  readonly text: string;
  readonly value?: JsonValue;
  readonly offset: number;
}

const single = new Set('.*,:{}]()@');
const pairs: Readonly<Record<string, readonly [second: string, both: TokenKind, alone: TokenKind | undefined]>> = {
  '|': ['|', '||', '|'],
  '<': ['=', '<=', '<'],
  '>': ['=', '>=', '>'],
  '!': ['=', '!=', '!'],
  '=': ['=', '==', undefined],
  '&': ['&', '&&', '&'],
};

/** The tokens of a query, the last of kind `end`. Throws JmesError of kind `syntax`. */
export function tokenize(query: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < query.length) {
    const offset = at;
    const first = query[at] as string;
    if (first === ' ' || first === '\t' || first === '\n' || first === '\r') {
      at++;
    } else if (isLetter(first)) {
      while (at < query.length && (isLetter(query[at] as string) || isDigit(query[at] as string))) at++;
      tokens.push({ kind: 'identifier', text: query.slice(offset, at), offset });
    } else if (first === '-' || isDigit(first)) {
      at++;
      while (at < query.length && isDigit(query[at] as string)) at++;
      tokens.push({ kind: 'number', text: query.slice(offset, at), offset });
    } else if (first === '[') {
      const second = query[at + 1];
      const kind = second === '?' ? '[?' : second === ']' ? '[]' : '[';
      at += kind.length;
      tokens.push({ kind, text: kind, offset });
    } else if (first === '"') {
      const end = closing(query, at + 1, '"');
      const name = parseJsonText(query.slice(offset, end + 1));
      if (typeof name !== 'string') throw syntax('this is no quoted identifier', offset);
      tokens.push({ kind: 'quoted', text: name, offset });
      at = end + 1;
    } else if (first === "'") {
      const raw = rawString(query, at);
      tokens.push({ kind: 'literal', text: raw.value, value: raw.value, offset });
      at = raw.end;
    } else if (first === '`') {
      const end = closing(query, at + 1, '`');
      const value = parseJsonText(query.slice(offset + 1, end).replaceAll('\\`', '`'));
      if (value === undefined) throw syntax('a literal between backticks must be JSON', offset);
      tokens.push({ kind: 'literal', text: typeof value === 'string' ? value : '', value, offset });
      at = end + 1;
    } else if (single.has(first)) {
      tokens.push({ kind: first as TokenKind, text: first, offset });
      at++;
    } else {
      const pair = Object.hasOwn(pairs, first) ? pairs[first] : undefined;
      const kind = pair !== undefined && query[at + 1] === pair[0] ? pair[1] : pair?.[2];
      if (kind === undefined) throw syntax(`${JSON.stringify(first)} has no meaning here`, offset);
      tokens.push({ kind, text: kind, offset });
      at += kind.length;
    }
  }
  tokens.push({ kind: 'end', text: '', offset: query.length });
  return tokens;
}

/** The offset of the delimiter that ends what starts at `from`; a backslash takes the next character out. */
function closing(query: string, from: number, delimiter: string): number {
  for (let at = from; at < query.length; at++) {
    if (query[at] === '\\' && at + 1 < query.length) at++;
    else if (query[at] === delimiter) return at;
  }
  throw syntax(`Unclosed delimiter: ${delimiter}`, query.length);
}

/** Between single quotes a backslash is itself, except before a single quote. */
function rawString(query: string, offset: number): { readonly value: string; readonly end: number } {
  let value = '';
  for (let at = offset + 1; at < query.length; at++) {
    if (query[at] === "'") return { value, end: at + 1 };
    if (query[at] === '\\' && query[at + 1] === "'") at++;
    value += query[at];
  }
  throw syntax("Unclosed delimiter: '", query.length);
}

function isLetter(character: string): boolean {
  return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') || character === '_';
}

function isDigit(character: string): boolean {
  return character >= '0' && character <= '9';
}

export function syntax(message: string, offset: number): JmesError {
  return new JmesError('syntax', `SyntaxError: ${message}`, { offset });
}
