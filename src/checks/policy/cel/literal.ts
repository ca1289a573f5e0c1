import { CelError } from './error.ts';

/** A literal of a string or of bytes, with its text as written. */
export interface QuotedLiteral {
  readonly value: string | Uint8Array;
  readonly text: string;
}

const ESCAPES: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
  '\\': 92,
  "'": 39,
  '"': 34,
  '`': 96,
  '?': 63,
};

/** The string or bytes literal that begins at an offset; undefined where none does. Throws where it is not closed. */
export function readLiteral(source: string, offset: number): QuotedLiteral | undefined {
  let at = offset;
  const isBytes = source[at] === 'b' || source[at] === 'B';
  if (isBytes) at++;
  const isRaw = source[at] === 'r' || source[at] === 'R';
  if (isRaw) at++;
  const quote = source[at];
  if (quote !== "'" && quote !== '"') return undefined;
  const delimiter = source.startsWith(quote.repeat(3), at) ? quote.repeat(3) : quote;
  const start = at + delimiter.length;
  const end = findEnd(source, start, delimiter, isRaw, offset);
  const text = source.slice(offset, end + delimiter.length);
  // As the Go implementation does: a line break is one character, however the file was saved.
  const content = source.slice(start, end).replace(/\r\n?/g, '\n');
  return { value: decode(content, isRaw, isBytes, offset), text };
}

function findEnd(source: string, start: number, delimiter: string, isRaw: boolean, offset: number): number {
  const isLong = delimiter.length === 3;
  for (let at = start; at < source.length; at++) {
    if (source.startsWith(delimiter, at)) return at;
    const char = source[at];
    if (!isLong && (char === '\n' || char === '\r')) break;
    if (char === '\\' && !isRaw) at++;
  }
  throw new CelError('syntax', 'Syntax error: a string is not closed', offset);
}

function decode(content: string, isRaw: boolean, isBytes: boolean, offset: number): string | Uint8Array {
  const encoder = new TextEncoder();
  if (isRaw || !content.includes('\\')) return isBytes ? encoder.encode(content) : content;
  const bytes: number[] = [];
  let text = '';
  let plain = 0;
  const take = (end: number): void => {
    const chunk = content.slice(plain, end);
    if (isBytes) for (const byte of encoder.encode(chunk)) bytes.push(byte);
    else text += chunk;
  };
  for (let at = content.indexOf('\\'); at >= 0; at = content.indexOf('\\', plain)) {
    take(at);
    const found = readEscape(content, at + 1, isBytes);
    if (found === undefined) throw new CelError('syntax', 'Syntax error: an escape sequence is unknown', offset);
    plain = found.end;
    if (isBytes) bytes.push(found.code);
    else text += String.fromCodePoint(found.code);
  }
  take(content.length);
  return isBytes ? Uint8Array.from(bytes) : text;
}

/** The sequence after a backslash. In bytes a sequence stands for one byte, and those for code points are errors. */
function readEscape(
  content: string,
  at: number,
  isBytes: boolean,
): { readonly code: number; readonly end: number } | undefined {
  const char = content[at];
  if (char === undefined) return undefined;
  if (Object.hasOwn(ESCAPES, char)) return { code: ESCAPES[char] as number, end: at + 1 };
  if (/^[0-3][0-7]{2}$/.test(content.slice(at, at + 3))) {
    return { code: Number.parseInt(content.slice(at, at + 3), 8), end: at + 3 };
  }
  const length = char === 'x' || char === 'X' ? 2 : isBytes ? 0 : char === 'u' ? 4 : char === 'U' ? 8 : 0;
  const digits = content.slice(at + 1, at + 1 + length);
  if (length === 0 || digits.length !== length || !/^[0-9a-fA-F]+$/.test(digits)) return undefined;
  const code = Number.parseInt(digits, 16);
  if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return undefined;
  return { code, end: at + 1 + length };
}
