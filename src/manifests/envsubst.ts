/**
 * `${name}` in a text by the rules of fluxcd/pkg/envsubst, to the letter: the operators of a shell, without the shell.
 * That library works on the bytes of UTF-8, and so does this, on a text in which each character stands for one byte.
 */
import { matchesShellPattern, PatternBudget } from './shell-pattern.ts';

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

export interface SubstitutionLimits {
  /** Of the result, in bytes. */
  readonly maxBytes: number;
}

/** How deep expressions may stand inside each other; nobody writes more than a few. */
const MAX_DEPTH = 50;

/**
 * The text with every expression replaced. A variable that is not set is an error, unless its expression brings a default.
 * Throws SubstitutionProblem.
 */
export function substituteExpressions(
  text: string,
  variables: ReadonlyMap<string, string>,
  limits: SubstitutionLimits,
): string {
  const nodes = new Parser(toBytes(text)).parse();
  const evaluation = new Evaluation(variables, limits);
  return fromBytes(nodes.map((node) => evaluation.of(node)).join(''));
}

type Node = string | Expression;

interface Expression {
  readonly name: string;
  /** As it is written: `:-`, `^^`, `//`; empty for the variable alone. */
  readonly operator: string;
  readonly args: readonly Node[];
}

/** One character a byte. */
function toBytes(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

function fromBytes(bytes: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(bytes, 'latin1'));
  } catch {
    throw new SubstitutionProblem('value', 'an expression cuts a character in two: offsets and lengths count bytes');
  }
}

/** The character that starts at a place, and how many bytes it has; what is not UTF-8 counts one. */
function characterAt(bytes: string, at: number): { readonly character: string; readonly width: number } {
  const first = bytes.charCodeAt(at);
  if (first < 0x80) return { character: bytes[at] as string, width: 1 };
  const width = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  const character = Buffer.from(bytes.slice(at, at + width), 'latin1').toString('utf8');
  if ([...character].length === 1 && character !== '\ufffd') return { character, width };
  const isReplacement = bytes.slice(at, at + 3) === '\xef\xbf\xbd';
  return { character: '\ufffd', width: isReplacement ? 3 : 1 };
}

const identifier = /^[\p{L}\p{Nd}_]$/u;

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
      if (!identifier.test(character)) break;
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

const defaults = ['=', ':=', ':-', ':?', ':+'];

class Evaluation {
  readonly #variables: ReadonlyMap<string, string>;
  readonly #limits: SubstitutionLimits;
  readonly #budget = new PatternBudget();
  #written = 0;

  constructor(variables: ReadonlyMap<string, string>, limits: SubstitutionLimits) {
    this.#variables = variables;
    this.#limits = limits;
  }

  of(node: Node): string {
    if (typeof node === 'string') return this.#counted(node);
    const args = node.args.map((arg) => this.of(arg));
    const value = this.#variables.get(node.name);
    if (value === undefined && !defaults.includes(node.operator)) {
      const name = fromBytes(node.name);
      throw new SubstitutionProblem('unset', `the variable ${name} is not set, and has no default`, name);
    }
    return this.#counted(this.#apply(node.operator, toBytes(value ?? ''), args));
  }

  /** A few bytes of an expression may stand for many. */
  #counted(text: string): string {
    this.#written += text.length;
    if (this.#written > this.#limits.maxBytes) {
      throw new SubstitutionProblem('limit', `the result has more than ${this.#limits.maxBytes} bytes`);
    }
    return text;
  }

  #apply(operator: string, value: string, args: readonly string[]): string {
    const [first = '', second] = args;
    switch (operator) {
      case ',':
        return changeFirst(value, toLower);
      case ',,':
        return changeAll(value, toLower);
      case '^':
        return changeFirst(value, toUpper);
      case '^^':
        return changeAll(value, toUpper);
      case '#':
        return args.length === 0 ? String(value.length) : this.#trim(value, first, 'shortest');
      case '##':
        return this.#trim(value, first, 'longest');
      case '%':
        return reversed(this.#trim(reversed(value), reversed(first), 'shortest'));
      case '%%':
        return reversed(this.#trim(reversed(value), reversed(first), 'longest'));
      case ':':
        return substring(value, first, second);
      case '/':
        return replace(value, first, second ?? '', 1);
      case '//':
        return replace(value, first, second ?? '', Number.POSITIVE_INFINITY);
      case '/#':
        return second !== undefined && value.startsWith(first) ? replace(value, first, second, 1) : value;
      case '/%':
        return second !== undefined && value.endsWith(first)
          ? value.slice(0, value.length - first.length) + second
          : value;
      default:
        // The variable alone, `,^` and the like, and every default: whichever sign it has, it fills in for nothing.
        return value === '' ? args.join('') : value;
    }
  }

  /** Cuts what a pattern matches off the front; the shortest is looked for by trying all. */
  #trim(value: string, pattern: string, which: 'shortest' | 'longest'): string {
    let found = 0;
    for (let length = value.length; length > 0; length--) {
      const matches = matchesShellPattern(pattern, value.slice(0, length), this.#budget);
      if (matches === 'malformed') return value;
      if (matches === 'spent') {
        throw new SubstitutionProblem('limit', 'to match a pattern takes too long; make it or the value shorter');
      }
      if (!matches) continue;
      found = length;
      if (which === 'longest') break;
    }
    return value.slice(found);
  }
}

/** strconv.Atoi; undefined for what it refuses. */
function integer(text: string): bigint | undefined {
  const [, sign, digits] = /^([-+]?)0*([0-9]{1,19})$/.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const value = sign === '-' ? -BigInt(digits) : BigInt(digits);
  return value === BigInt.asIntN(64, value) ? value : undefined;
}

function substring(value: string, offset: string, wanted: string | undefined): string {
  const parsed = integer(offset);
  if (parsed === undefined) return value;
  const size = BigInt(value.length);
  let position = parsed < 0n ? size + parsed : parsed;
  if (position < 0n) position = 0n;
  if (wanted === undefined) return value.slice(Number(position < size ? position : size));
  const length = integer(wanted);
  if (length === undefined) return value;
  if (length < 0n) {
    const end = size + length;
    return end < position ? '' : value.slice(Number(position), Number(end));
  }
  if (position + length > 2n ** 63n - 1n) {
    throw new SubstitutionProblem('limit', 'an offset and a length are too large together');
  }
  return value.slice(
    Number(position < size ? position : size),
    Number(position + length < size ? position + length : size),
  );
}

/** strings.Replace: an empty text stands before every character and at the end. */
function replace(value: string, old: string, by: string, most: number): string {
  if (old !== '') return most === 1 ? replaceOnce(value, old, by) : value.split(old).join(by);
  if (most === 1) return by + value;
  return (
    by +
    charactersOf(value)
      .map((character) => character + by)
      .join('')
  );
}

function replaceOnce(value: string, old: string, by: string): string {
  const at = value.indexOf(old);
  return at < 0 ? value : value.slice(0, at) + by + value.slice(at + old.length);
}

/** The bytes of each character. */
function charactersOf(value: string): string[] {
  const characters: string[] = [];
  for (let at = 0; at < value.length; ) {
    const { width } = characterAt(value, at);
    characters.push(value.slice(at, at + width));
    at += width;
  }
  return characters;
}

/** By runes, as Go reverses: bytes that are no character become U+FFFD. */
function reversed(value: string): string {
  return toBytes([...Buffer.from(value, 'latin1').toString('utf8')].reverse().join(''));
}

function changeFirst(value: string, change: (character: string) => string): string {
  if (value === '') return value;
  const { character, width } = characterAt(value, 0);
  return toBytes(change(character)) + value.slice(width);
}

function changeAll(value: string, change: (character: string) => string): string {
  return toBytes([...Buffer.from(value, 'latin1').toString('utf8')].map(change).join(''));
}

/** Go maps a character to one character; where Unicode has several for it, it stays. */
function toLower(character: string): string {
  if (character === '\u0130') return 'i';
  return single(character, character.toLowerCase());
}

function toUpper(character: string): string {
  return single(character, character.toUpperCase());
}

function single(character: string, changed: string): string {
  if ([...changed].length === 1) return changed;
  // Greek letters with an iota below have a capital of one character too, 8 or 9 places on.
  const code = character.codePointAt(0) as number;
  const capitals = [code + 8, code + 9].map((each) => String.fromCodePoint(each));
  return capitals.find((capital) => capital.toLowerCase() === character) ?? character;
}
