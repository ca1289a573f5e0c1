import { TextProblem } from '../problem.ts';

/** A line break, to YAML 1.1: CR, LF, NEL, LS, PS. */
export function isBreak(c: number): boolean {
  return c === 10 || c === 13 || c === 0x85 || c === 0x2028 || c === 0x2029;
}

/** A space, a tab, a line break or the end of the text. */
export function isBlankOrEnd(c: number): boolean {
  return c <= 32 ? c === 32 || c === 10 || c === 9 || c === 13 || c === 0 : c >= 0x85 && isBreak(c);
}

/** A place in a document, and what the scanner's two halves (tokens and scalars) both know of it. */
export class Cursor {
  /** The document and a NUL behind it, so that looking ahead needs no bounds check. */
  readonly text: string;
  /** Whether any line break other than LF occurs; without, lines are found by indexOf. */
  readonly oddBreaks: boolean;
  pos: number;
  line = 0;
  lineStart: number;
  /** Column of the innermost block collection; -1 outside of all. */
  indent = -1;
  flowLevel = 0;
  simpleKeyAllowed = true;

  constructor(text: string) {
    this.text = `${text}\0`;
    this.oddBreaks = /[\r\x85\u2028\u2029]/.test(text);
    this.pos = text.charCodeAt(0) === 0xfeff ? 1 : 0;
    this.lineStart = this.pos;
  }

  fail(offset: number, message: string): never {
    throw new TextProblem('MANIFEST_SYNTAX', offset, message);
  }

  /** Steps over one line break; `pos` must stand on it. What it stands for in a scalar. */
  takeBreak(): string {
    const c = this.text.charCodeAt(this.pos);
    this.pos += c === 13 && this.text.charCodeAt(this.pos + 1) === 10 ? 2 : 1;
    this.line++;
    this.lineStart = this.pos;
    return c === 0x2028 ? '\u2028' : c === 0x2029 ? '\u2029' : '\n';
  }

  /** Whether `---` or `...` stands here as a document marker. */
  atDocumentMarker(): boolean {
    if (this.pos !== this.lineStart) return false;
    const c = this.text.charCodeAt(this.pos);
    return (c === 45 || c === 46) && this.isMarker(c);
  }

  isMarker(c: number): boolean {
    return (
      this.text.charCodeAt(this.pos + 1) === c &&
      this.text.charCodeAt(this.pos + 2) === c &&
      isBlankOrEnd(this.text.charCodeAt(this.pos + 3))
    );
  }

  /** Where the line that `from` is on ends: its break, or the end of the text. */
  lineEnd(from: number): number {
    if (!this.oddBreaks) {
      const end = this.text.indexOf('\n', from);
      return end === -1 ? this.text.length - 1 : end;
    }
    let at = from;
    for (;;) {
      const c = this.text.charCodeAt(at);
      if (isBreak(c) || c === 0) return at;
      at++;
    }
  }
}
