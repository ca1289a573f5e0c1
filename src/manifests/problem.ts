import type { Code } from '../core/errors.ts';

/**
 * What is wrong with a text, at an offset into it. The readers throw this; `parseManifests` turns it into a GateError
 * with file, document, line and column, so that a reader of YAML needs to know nothing of files.
 */
export class TextProblem extends Error {
  readonly code: Code;
  /** UTF-16 units from the start of the text that was given to the reader. */
  readonly offset: number;

  constructor(code: Code, offset: number, message: string) {
    super(message);
    this.name = 'TextProblem';
    this.code = code;
    this.offset = offset;
  }
}

/** A text from outside as it may stand in a message: one line, no control or direction characters, not long. */
export function quote(text: string, limit = 60): string {
  const cut = text.length > limit ? `${text.slice(0, limit)}…` : text;
  return `"${cut.replace(/["\\\p{C}\p{Zl}\p{Zp}]/gu, (c) => (c === '"' || c === '\\' ? `\\${c}` : `\\u{${c.codePointAt(0)?.toString(16)}}`))}"`;
}
