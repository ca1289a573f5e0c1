import { CelError } from './error.ts';
import type { Token } from './lexer.ts';

/** Tokens one after the other. */
export class TokenReader {
  readonly #tokens: readonly Token[];
  #at = 0;

  /** The last token must be the end: reading does not go beyond it. */
  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  /** The token that is next, or one further on. */
  peek(ahead = 0): Token {
    return (this.#tokens[this.#at + ahead] ?? this.#tokens.at(-1)) as Token;
  }

  isSymbol(text: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token.kind === 'symbol' && token.text === text;
  }

  skip(count = 1): void {
    this.#at = Math.min(this.#at + count, this.#tokens.length - 1);
  }

  /** Goes on if the next token is this symbol. */
  take(text: string): boolean {
    if (!this.isSymbol(text)) return false;
    this.skip();
    return true;
  }

  expect(text: string): void {
    if (!this.take(text)) throw this.unexpected(text);
  }

  unexpected(wanted?: string): CelError {
    const token = this.peek();
    const found = token.kind === 'end' ? '<EOF>' : token.text;
    const hint = wanted === undefined ? '' : ` expecting '${wanted}'`;
    return new CelError('syntax', `Syntax error: mismatched input '${found}'${hint}`, token.offset);
  }
}
