/** The syntax of `${name}` and its operators, as fluxcd/pkg/envsubst reads it; each character of a text stands for one byte. */
import { isDigit, isLetter } from './go-unicode.ts';

/** Why a text cannot be substituted, in few words; the caller says where. */
export class SubstitutionProblem extends Error {
  readonly kind: 'syntax' | 'unset' | 'limit' | 'value';
  /** The variable that is to blame, where there is one. */
  readonly variable: string | undefined;

  constructor(kind: SubstitutionProblem['kind'], message: string, variable?: string) {
    super(message);
    this.name = 'SubstitutionProblem';
    this.kind = kind;
    this.variable = variable;
  }
}

/** How deep expressions may stand inside each other; nobody writes more than a few. */
const MAX_DEPTH = 50;

/** Text as it stands, or an expression. */
export type Node = string | Expression;

interface Expression {
  readonly name: string;
  /** As it is written: `:-`, `^^`, `//`; empty for the variable alone. */
  readonly operator: string;
  readonly args: readonly Node[];
}

/** One character a byte. */
export function toBytes(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** The text again. Throws SubstitutionProblem where the bytes are none. */
export function fromBytes(bytes: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(bytes, 'latin1'));
  } catch {
    throw new SubstitutionProblem('value', 'an expression cuts a character in two: offsets and lengths count bytes');
  }
}

/** The character that starts at a place, and how many bytes it has; what is not UTF-8 counts one. */
export function characterAt(bytes: string, at: number): { readonly character: string; readonly width: number } {
  const first = bytes.charCodeAt(at);
  if (first < 0x80) return { character: bytes[at] as string, width: 1 };
  const width = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  const character = Buffer.from(bytes.slice(at, at + width), 'latin1').toString('utf8');
  if ([...character].length === 1 && character !== '\ufffd') return { character, width };
  const isReplacement = bytes.slice(at, at + 3) === '\xef\xbf\xbd';
  return { character: '\ufffd', width: isReplacement ? 3 : 1 };
}

/** What a text is made of. Throws SubstitutionProblem. */
export function parseExpressions(bytes: string): Node[] {
  return new Parser(bytes).parse();
}

class Parser {
  readonly #bytes: string;
  #at = 0;
  #depth = 0;

  constructor(bytes: string) {
    this.#bytes = bytes;
  }

  parse(): Node[] {
    const nodes: Node[] = [];
    while (this.#at < this.#bytes.length) {
      if (this.#opens()) {
        this.#at += 2;
        nodes.push(this.#expression());
      } else nodes.push(this.#text(() => true, '$'));
    }
    return nodes;
  }

  #peek(): string {
    return this.#bytes[this.#at] ?? '';
  }

  #opens(): boolean {
    return this.#bytes.startsWith('${', this.#at);
  }

  /**
   * Characters up to an expression or one that is not accepted. `$$` stands for a dollar sign that starts none, and
   * where backslashes escape too, `\/` and `\\` for what follows the backslash.
   */
  #text(accepts: (byte: string) => boolean, escapes: '' | '$' | '$\\'): string {
    const parts: string[] = [];
    let from = this.#at;
    for (; this.#at < this.#bytes.length; this.#at++) {
      if (this.#opens()) break;
      const byte = this.#peek();
      const next = this.#bytes[this.#at + 1];
      const escaped =
        escapes !== '' &&
        ((byte === '$' && next === '$') || (escapes === '$\\' && byte === '\\' && (next === '/' || next === '\\')));
      if (escaped) {
        parts.push(this.#bytes.slice(from, this.#at));
        this.#at++;
        from = this.#at;
      } else if (!accepts(byte)) break;
    }
    parts.push(this.#bytes.slice(from, this.#at));
    return parts.join('');
  }

  /** What stands behind `${`, with the brace that closes it. */
  #expression(): Expression {
    if (++this.#depth > MAX_DEPTH) {
      throw new SubstitutionProblem('limit', `expressions stand more than ${MAX_DEPTH} deep inside each other`);
    }
    const expression = this.#peek() === '#' ? this.#length() : this.#operation(this.#name());
    this.#depth--;
    return expression;
  }

  #name(): string {
    const from = this.#at;
    while (this.#at < this.#bytes.length) {
      const { character, width } = characterAt(this.#bytes, this.#at);
      if (!isIdentifier(character)) break;
      this.#at += width;
    }
    if (this.#at === from) throw this.#bad('has no name of a variable');
    return this.#bytes.slice(from, this.#at);
  }

  #operation(name: string): Expression {
    switch (this.#peek()) {
      case ':': {
        const second = this.#bytes[this.#at + 1] ?? '';
        // Their scanner steps back by the width of what it has looked at, and is lost behind a character of several bytes.
        if (second > '\x7f') throw this.#bad('is malformed', name);
        return second !== '' && '=-?+'.includes(second) ? this.#default(name) : this.#substring(name);
      }
      case '=':
        return this.#default(name);
      case ',':
      case '^':
        return this.#closed({ name, operator: this.#operator((byte) => byte === ',' || byte === '^', 2), args: [] });
      case '/':
        return this.#replacement(name);
      case '#':
      case '%': {
        const sign = this.#peek();
        const operator = this.#operator((byte) => byte === sign, 2);
        return this.#closed({ name, operator, args: [this.#argument(notClosing)] });
      }
      case '}':
        this.#at++;
        return { name, operator: '', args: [] };
      default:
        throw this.#bad('is not closed by a brace, or has an operator that there is not', name);
    }
  }

  #length(): Expression {
    this.#at++;
    return this.#closed({ name: this.#name(), operator: '#', args: [] });
  }

  #default(name: string): Expression {
    const length = this.#peek() === '=' ? 1 : 2;
    const operator = this.#bytes.slice(this.#at, this.#at + length);
    this.#at += length;
    const args: Node[] = [];
    while (this.#peek() !== '}') args.push(this.#argument(notClosing));
    return this.#closed({ name, operator, args });
  }

  #substring(name: string): Expression {
    this.#at++;
    const args = [this.#argument((byte) => byte !== ':' && byte !== '}')];
    if (this.#peek() === '}') return this.#closed({ name, operator: ':', args });
    if (this.#operator((byte) => byte === ':', Number.POSITIVE_INFINITY) === '') throw this.#bad('is malformed', name);
    args.push(this.#argument(notClosing));
    return this.#closed({ name, operator: ':', args });
  }

  #replacement(name: string): Expression {
    this.#at++;
    const second = this.#peek();
    const operator = second !== '' && '/#%'.includes(second) ? `/${second}` : '/';
    this.#at += operator.length - 1;
    const args = [this.#argument((byte) => byte !== '/', '$\\')];
    if (this.#operator((byte) => byte === '/', Number.POSITIVE_INFINITY) === '') throw this.#bad('is malformed', name);
    if (this.#peek() !== '}') args.push(this.#argument(notClosing, '$\\'));
    return this.#closed({ name, operator, args });
  }

  #operator(accepts: (byte: string) => boolean, most: number): string {
    const from = this.#at;
    while (this.#at < this.#bytes.length && this.#at - from < most && accepts(this.#peek())) this.#at++;
    return this.#bytes.slice(from, this.#at);
  }

  /** Another expression, or text that is not empty. */
  #argument(accepts: (byte: string) => boolean, escapes: '' | '$\\' = ''): Node {
    if (this.#opens()) {
      this.#at += 2;
      return this.#expression();
    }
    const from = this.#at;
    const text = this.#text(accepts, escapes);
    if (this.#at === from) throw this.#bad('ends too early');
    return text;
  }

  #closed(expression: Expression): Expression {
    if (this.#peek() !== '}') throw this.#bad('is not closed by a brace', expression.name);
    this.#at++;
    return expression;
  }

  #bad(what: string, name?: string): SubstitutionProblem {
    const near = JSON.stringify(Buffer.from(this.#bytes.slice(this.#at, this.#at + 20), 'latin1').toString('utf8'));
    const which = name === undefined ? 'an expression' : `the expression of ${fromBytes(name).slice(0, 100)}`;
    return new SubstitutionProblem('syntax', `${which} ${what}, before ${near}`, name);
  }
}

function notClosing(byte: string): boolean {
  return byte !== '}';
}

function isIdentifier(character: string): boolean {
  return character === '_' || isLetter(character) || isDigit(character);
}
