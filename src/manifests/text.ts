import { TextProblem } from './problem.ts';

/**
 * Bytes as text. Throws MANIFEST_ENCODING where they are not UTF-8: go-yaml refuses that too, and Go's JSON decoder
 * would put a replacement character where something else stood.
 */
export function decodeText(bytes: Uint8Array): string {
  const [first, second] = bytes;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) {
    throw new TextProblem('MANIFEST_ENCODING', 0, 'this is UTF-16, and UTF-8 is expected');
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new TextProblem('MANIFEST_ENCODING', validPrefix(bytes), 'the bytes here are not UTF-8');
  }
}

/** How many UTF-16 units stand before the first byte that is not UTF-8. */
function validPrefix(bytes: Uint8Array): number {
  const lenient = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  let from = 0;
  let before = 0;
  // The first replacement character that was not one in the bytes.
  for (let at = lenient.indexOf('\ufffd'); at !== -1; at = lenient.indexOf('\ufffd', from)) {
    before += Buffer.byteLength(lenient.slice(from, at));
    if (bytes[before] !== 0xef || bytes[before + 1] !== 0xbf || bytes[before + 2] !== 0xbd) return at;
    before += 3;
    from = at + 1;
  }
  return lenient.length;
}

/** What YAML does not allow unescaped; a TextDecoder lets no lone surrogate through. */
const forbidden = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]/;

/** Throws MANIFEST_ENCODING at the first character that go-yaml's reader refuses. */
export function refuseControlCharacters(text: string): void {
  const match = forbidden.exec(text);
  if (match === null) return;
  const code = match[0].charCodeAt(0);
  const name =
    code === 0 ? 'a NUL character' : `the control character U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
  throw new TextProblem(
    'MANIFEST_ENCODING',
    match.index,
    `${name}; YAML allows it only as an escape between double quotes`,
  );
}

/** Lines and columns of a text, both from 1; lines end with LF, as editors count them. */
export class Lines {
  readonly #text: string;
  #starts: readonly number[] | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  at(offset: number): { readonly line: number; readonly column: number } {
    this.#starts ??= lineStarts(this.#text);
    let low = 0;
    let high = this.#starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.#starts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return { line: low + 1, column: Math.min(offset, this.#text.length) - (this.#starts[low] ?? 0) + 1 };
  }
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', end + 1)) starts.push(end + 1);
  return starts;
}
