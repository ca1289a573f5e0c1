/**
 * Tokens of one YAML document, by the rules of go-yaml v2 (a port of libyaml), because sigs.k8s.io/yaml reads with it:
 * where a key may start, what a tab may do, what ends a plain scalar. No npm parser follows those rules, and a document
 * that two parsers read differently is how something unseen gets past a gate (docs/decisions/0010).
 *
 * Left out on purpose, because Kubernetes' document splitter makes them unreachable or because they are refused:
 * directives, UTF-16, control characters (the caller has refused them), a byte order mark after the first character.
 */
import { TextProblem } from '../problem.ts';
import { Cursor, isBlankOrEnd, isBreak } from './cursor.ts';
import { scanBlockScalar, scanFlowScalar, scanPlainScalar } from './scalars.ts';
import * as t from './token.ts';

/** libyaml's own bound on the length of a key that no `?` announces, in characters. */
const maxKeyLength = 1024;

export class Scanner extends Cursor {
  readonly #maxDepth: number;
  readonly #indents: number[] = [];
  /** Per flow level, the token that may start a key there. */
  readonly #keys: (t.Token | undefined)[] = [undefined];
  #queue: t.Token[] = [];
  #head = 0;
  #taken = 0;
  #ended = false;

  constructor(text: string, maxDepth: number) {
    super(text);
    this.#maxDepth = maxDepth;
  }

  /** The next token, left in place. */
  peek(): t.Token {
    for (;;) {
      const token = this.#queue[this.#head];
      if (token !== undefined && (token.key === t.NO_KEY || !this.#canBeKey(token))) return token;
      this.#fetch();
    }
  }

  /** Takes the token that `peek` returned. */
  skip(): void {
    this.#head++;
    this.#taken++;
    if (this.#head === this.#queue.length) {
      this.#queue.length = 0;
      this.#head = 0;
    }
  }

  #token(type: number, value = ''): t.Token {
    return new t.Token(type, this.pos, this.line, this.pos - this.lineStart, value);
  }

  /** A token of one character, or of `length`. */
  #take(type: number, length = 1): t.Token {
    const token = this.#token(type);
    this.pos += length;
    this.#queue.push(token);
    return token;
  }

  #fetch(): void {
    if (this.#ended) throw new Error('the scanner was asked for more than there is');
    this.#toNextToken();
    const column = this.pos - this.lineStart;
    this.#unroll(column);
    const c = this.text.charCodeAt(this.pos);
    const next = this.text.charCodeAt(this.pos + 1);
    if (c === 0) this.#end();
    else if (column === 0 && (c === 45 || c === 46) && this.isMarker(c)) this.#marker(c);
    else if (!this.#fetchIndicator(c, next, column)) this.#fetchPlain(c);
  }

  /** False where none stands here, so that it must be a plain scalar. */
  #fetchIndicator(c: number, next: number, column: number): boolean {
    switch (c) {
      case 91: // [
        this.#flowStart(t.FLOW_SEQUENCE_START);
        return true;
      case 123: // {
        this.#flowStart(t.FLOW_MAPPING_START);
        return true;
      case 93: // ]
        this.#flowEnd(t.FLOW_SEQUENCE_END);
        return true;
      case 125: // }
        this.#flowEnd(t.FLOW_MAPPING_END);
        return true;
      case 44: // ,
        this.#dropKey();
        this.simpleKeyAllowed = true;
        this.#take(t.FLOW_ENTRY);
        return true;
      case 45: // -
        if (!isBlankOrEnd(next)) return false;
        this.#blockEntry(column);
        return true;
      case 63: // ?
        if (this.flowLevel === 0 && !isBlankOrEnd(next)) return false;
        this.#explicitKey(column);
        return true;
      case 58: // :
        if (this.flowLevel === 0 && !isBlankOrEnd(next)) return false;
        this.#value(column);
        return true;
      case 42: // *
        this.#anchor(t.ALIAS);
        return true;
      case 38: // &
        this.#anchor(t.ANCHOR);
        return true;
      case 33: // !
        this.#tag();
        return true;
      case 34: // "
      case 39: // '
        this.#scalar(t.QUOTED, () => scanFlowScalar(this, c === 39));
        return true;
      case 124: // |
      case 62: // >
        if (this.flowLevel > 0) this.fail(this.pos, 'a block scalar cannot stand between braces or brackets');
        this.#blockScalar(c === 124);
        return true;
      default:
        return false;
    }
  }

  #fetchPlain(c: number): void {
    if (c === 37 && this.pos === this.lineStart) {
      this.fail(this.pos, 'a directive (%) is not allowed: Kubernetes cannot read it either');
    }
    if (c === 9) this.fail(this.pos, 'a tab cannot indent; use spaces');
    // # % @ `
    if (c === 35 || c === 37 || c === 64 || c === 96) {
      this.fail(this.pos, `"${this.text[this.pos]}" cannot start a value; quote it`);
    }
    this.#scalar(t.PLAIN, () => scanPlainScalar(this));
  }

  #scalar(type: number, scan: () => string): void {
    const token = this.#token(type);
    this.#saveKey(token);
    this.simpleKeyAllowed = false;
    token.value = scan();
    this.#queue.push(token);
  }

  #blockScalar(literal: boolean): void {
    this.#dropKey();
    this.simpleKeyAllowed = true;
    const token = this.#token(t.QUOTED);
    token.value = scanBlockScalar(this, literal);
    this.#queue.push(token);
  }

  /** `---` or `...` */
  #marker(c: number): void {
    this.#unroll(-1);
    this.#dropKey();
    this.simpleKeyAllowed = false;
    this.#take(c === 45 ? t.DOCUMENT_START : t.DOCUMENT_END, 3);
  }

  /** Over spaces, comments and line breaks. A tab separates, but where a key may start it would be indentation. */
  #toNextToken(): void {
    for (;;) {
      let c = this.text.charCodeAt(this.pos);
      if (c === 0xfeff && this.pos === this.lineStart) this.fail(this.pos, 'a byte order mark inside the text');
      while (c === 32 || (c === 9 && (this.flowLevel > 0 || !this.simpleKeyAllowed))) {
        c = this.text.charCodeAt(++this.pos);
      }
      if (c === 35 /* # */) {
        this.pos = this.lineEnd(this.pos);
        c = this.text.charCodeAt(this.pos);
      }
      if (!isBreak(c)) return;
      this.takeBreak();
      if (this.flowLevel === 0) this.simpleKeyAllowed = true;
    }
  }

  #canBeKey(token: t.Token): boolean {
    if (token.line === this.line && !this.#isFarFrom(token)) return true;
    this.#giveUpKey(token);
    return false;
  }

  #isFarFrom(token: t.Token): boolean {
    if (this.pos - token.start <= maxKeyLength) return false;
    let characters = 0;
    for (let at = token.start; at < this.pos; characters++) at += (this.text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
    return characters > maxKeyLength;
  }

  #giveUpKey(token: t.Token): void {
    if (token.key === t.MUST_BE_KEY) this.fail(token.start, 'a key is expected here, and no ":" follows it');
    token.key = t.NO_KEY;
  }

  #saveKey(token: t.Token): void {
    if (!this.simpleKeyAllowed) return;
    this.#dropKey();
    token.key = this.flowLevel === 0 && this.indent === token.column ? t.MUST_BE_KEY : t.MAYBE_KEY;
    token.number = this.#taken + this.#queue.length - this.#head;
    this.#keys[this.#keys.length - 1] = token;
  }

  #dropKey(): void {
    const last = this.#keys.length - 1;
    const token = this.#keys[last];
    if (token === undefined) return;
    if (token.key !== t.NO_KEY) this.#giveUpKey(token);
    this.#keys[last] = undefined;
  }

  tooDeep(offset: number): never {
    throw new TextProblem('MANIFEST_DEPTH', offset, `values are nested more than ${this.#maxDepth} deep`);
  }

  /** Opens a block collection at `column`, before the token with this number, or at the end of the queue. */
  #roll(column: number, number: number, type: number, at: t.Token | undefined): void {
    if (this.flowLevel > 0 || this.indent >= column) return;
    if (this.#indents.length >= this.#maxDepth) this.tooDeep(this.pos);
    this.#indents.push(this.indent);
    this.indent = column;
    const token = at === undefined ? this.#token(type) : new t.Token(type, at.start, at.line, at.column, '');
    if (number < 0) this.#queue.push(token);
    else this.#queue.splice(this.#head + number - this.#taken, 0, token);
  }

  #unroll(column: number): void {
    if (this.flowLevel > 0) return;
    while (this.indent > column) {
      this.#queue.push(this.#token(t.BLOCK_END));
      this.indent = this.#indents.pop() ?? -1;
    }
  }

  #end(): void {
    this.#unroll(-1);
    this.#dropKey();
    this.simpleKeyAllowed = false;
    this.#queue.push(this.#token(t.STREAM_END));
    this.#ended = true;
  }

  #flowStart(type: number): void {
    const token = this.#token(type);
    this.#saveKey(token);
    this.#keys.push(undefined);
    if (++this.flowLevel > this.#maxDepth) this.tooDeep(this.pos);
    this.simpleKeyAllowed = true;
    this.pos++;
    this.#queue.push(token);
  }

  #flowEnd(type: number): void {
    this.#dropKey();
    if (this.flowLevel > 0) {
      this.flowLevel--;
      this.#keys.pop();
    }
    this.simpleKeyAllowed = false;
    this.#take(type);
  }

  #blockEntry(column: number): void {
    if (this.flowLevel === 0) {
      if (!this.simpleKeyAllowed) this.fail(this.pos, 'a sequence entry (-) is not allowed here');
      this.#roll(column, -1, t.BLOCK_SEQUENCE_START, undefined);
    }
    this.#dropKey();
    this.simpleKeyAllowed = true;
    this.#take(t.BLOCK_ENTRY);
  }

  #explicitKey(column: number): void {
    if (this.flowLevel === 0) {
      if (!this.simpleKeyAllowed) this.fail(this.pos, 'a key (?) is not allowed here');
      this.#roll(column, -1, t.BLOCK_MAPPING_START, undefined);
    }
    this.#dropKey();
    this.simpleKeyAllowed = this.flowLevel === 0;
    this.#take(t.KEY);
  }

  #value(column: number): void {
    const last = this.#keys.length - 1;
    const key = this.#keys[last];
    if (key !== undefined && key.key !== t.NO_KEY && this.#canBeKey(key)) {
      const at = this.#head + key.number - this.#taken;
      this.#queue.splice(at, 0, new t.Token(t.KEY, key.start, key.line, key.column, ''));
      this.#roll(key.column, key.number, t.BLOCK_MAPPING_START, key);
      key.key = t.NO_KEY;
      this.#keys[last] = undefined;
      this.simpleKeyAllowed = false;
    } else {
      if (this.flowLevel === 0) {
        if (!this.simpleKeyAllowed) this.fail(this.pos, 'a mapping value (:) is not allowed here');
        this.#roll(column, -1, t.BLOCK_MAPPING_START, undefined);
      }
      this.simpleKeyAllowed = this.flowLevel === 0;
    }
    this.#take(t.VALUE);
  }

  #anchor(type: number): void {
    const token = this.#token(type);
    this.#saveKey(token);
    this.simpleKeyAllowed = false;
    let end = this.pos + 1;
    while (isWord(this.text.charCodeAt(end))) end++;
    const c = this.text.charCodeAt(end);
    // What may follow the name, to libyaml: a blank, or one of ? : , ] } % @ `
    const ends = isBlankOrEnd(c) || '?:,]}%@`'.includes(String.fromCharCode(c));
    if (end === this.pos + 1 || !ends)
      this.fail(this.pos, 'an anchor or alias needs a name of letters, digits, - or _');
    token.value = this.text.slice(this.pos + 1, end);
    this.pos = end;
    this.#queue.push(token);
  }

  /** The tag as it is written. Which tags there are is the composer's to know; it refuses all it does not. */
  #tag(): void {
    const token = this.#token(t.TAG);
    this.#saveKey(token);
    this.simpleKeyAllowed = false;
    let end = this.pos;
    while (!isBlankOrEnd(this.text.charCodeAt(end))) end++;
    token.value = this.text.slice(this.pos, end);
    this.pos = end;
    this.#queue.push(token);
  }
}

function isWord(c: number): boolean {
  return (c >= 48 && c <= 57) || (c >= 65 && c <= 90) || (c >= 97 && c <= 122) || c === 95 || c === 45;
}
