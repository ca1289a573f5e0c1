import type { Comparator, Node } from './ast.ts';
import { syntax, type Token, type TokenKind, tokenize } from './lexer.ts';

/** How strongly a sign binds what stands to its left. What is not here ends an expression. */
const powers: Readonly<Partial<Record<TokenKind, number>>> = {
  '|': 1,
  '||': 2,
  '&&': 3,
  '==': 5,
  '!=': 5,
  '<': 5,
  '<=': 5,
  '>': 5,
  '>=': 5,
  '[]': 9,
  '*': 20,
  '[?': 21,
  '.': 40,
  '!': 45,
  '{': 50,
  '[': 55,
  '(': 60,
};
/** A projection ends before everything that binds weaker. */
const projectionStops = 10;
/** Queries come together from outside text as well: nesting must not exhaust the stack. */
const maxDepth = 200;
const identity: Node = { kind: 'identity' };

/**
 * Parses a query by the grammar of kyverno/go-jmespath, no more and no less: it knows no arithmetic, no `$`, no `let`,
 * and takes arguments and entries without a comma between them. Throws JmesError of kind `syntax`.
 */
export function parse(query: string): Node {
  const parser = new Parser(tokenize(query));
  return parser.whole();
}

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  whole(): Node {
    const node = this.#expression(0);
    const { kind, offset } = this.#current;
    if (kind !== 'end') throw syntax(`unexpected ${kind} after the end of the expression`, offset);
    return node;
  }

  get #current(): Token {
    return this.#peek(0);
  }

  #peek(ahead: number): Token {
    return this.#tokens[Math.min(this.#at + ahead, this.#tokens.length - 1)] as Token;
  }

  #take(kind: TokenKind): Token {
    const token = this.#current;
    if (token.kind !== kind) throw syntax(`expected ${kind}, and not ${token.kind}`, token.offset);
    this.#at++;
    return token;
  }

  #expression(power: number): Node {
    if (++this.#depth > maxDepth) throw syntax('the expression is nested too deep', this.#current.offset);
    let left = this.#start();
    while (power < (powers[this.#current.kind] ?? 0)) left = this.#continue(left);
    this.#depth--;
    return left;
  }

  /** What an expression can start with. */
  #start(): Node {
    const token = this.#current;
    this.#at++;
    switch (token.kind) {
      case 'literal':
        return { kind: 'literal', value: token.value ?? null, offset: token.offset };
      case 'identifier':
        return { kind: 'field', name: token.text, offset: token.offset };
      case 'quoted':
        if (this.#current.kind === '(') throw syntax('the name of a function cannot be quoted', token.offset);
        return { kind: 'field', name: token.text, offset: token.offset };
      case '*':
        return { kind: 'values', left: identity, right: this.#valuesRight() };
      case '[?':
        return this.#filter(identity);
      case '[]':
        return { kind: 'projection', left: { kind: 'flatten', of: identity }, right: this.#projected('[]') };
      case '{':
        return this.#object();
      case '[':
        return this.#bracket();
      case '@':
        return identity;
      case '&':
        return { kind: 'expression', of: this.#expression(0), offset: token.offset };
      case '!':
        return { kind: 'not', of: this.#expression(powers['!'] ?? 0) };
      case '(': {
        const inside = this.#expression(0);
        this.#take(')');
        return inside;
      }
      case 'end':
        throw syntax('Incomplete expression', token.offset);
      default:
        throw syntax(`an expression cannot start with ${token.kind}`, token.offset);
    }
  }

  #valuesRight(): Node {
    return this.#current.kind === ']' ? identity : this.#projected('*');
  }

  #bracket(): Node {
    const { kind } = this.#current;
    if (kind === 'number' || kind === ':') return this.#subscript(identity);
    if (kind === '*' && this.#peek(1).kind === ']') {
      this.#at += 2;
      return { kind: 'projection', left: identity, right: this.#projected('*') };
    }
    return this.#list();
  }

  /** What an expression can go on with. */
  #continue(left: Node): Node {
    const token = this.#current;
    this.#at++;
    switch (token.kind) {
      case '.':
        if (this.#current.kind !== '*') return { kind: 'chain', left, right: this.#afterDot(powers['.'] ?? 0) };
        this.#at++;
        return { kind: 'values', left, right: this.#projected('.') };
      case '|':
        return { kind: 'pipe', left, right: this.#expression(1) };
      case '||':
        return { kind: 'or', left, right: this.#expression(2) };
      case '&&':
        return { kind: 'and', left, right: this.#expression(3) };
      case '(':
        return this.#call(left, token.offset);
      case '[?':
        return this.#filter(left);
      case '[]':
        return { kind: 'projection', left: { kind: 'flatten', of: left }, right: this.#projected('[]') };
      case '==':
      case '!=':
      case '<':
      case '<=':
      case '>':
      case '>=':
        return { kind: 'comparison', operator: token.kind satisfies Comparator, left, right: this.#expression(5) };
      case '[': {
        const { kind } = this.#current;
        if (kind === 'number' || kind === ':') return this.#subscript(left);
        this.#take('*');
        this.#take(']');
        return { kind: 'projection', left, right: this.#projected('*') };
      }
      default:
        throw syntax(`unexpected ${token.kind}`, token.offset);
    }
  }

  #call(left: Node, offset: number): Node {
    const name = left.kind === 'field' ? left.name : left.kind === 'literal' ? left.value : undefined;
    if (typeof name !== 'string') throw syntax('only a function can be called', offset);
    const given: Node[] = [];
    while (this.#current.kind !== ')') {
      given.push(this.#expression(0));
      if (this.#current.kind === ',') this.#at++;
    }
    this.#take(')');
    return { kind: 'call', name, arguments: given, offset: (left as { readonly offset: number }).offset };
  }

  #subscript(left: Node): Node {
    if (this.#current.kind === ':' || this.#peek(1).kind === ':') return this.#slice(left);
    const index = this.#integer();
    this.#take(']');
    return { kind: 'chain', left, right: { kind: 'index', index } };
  }

  #slice(left: Node): Node {
    const parts: (number | undefined)[] = [];
    let part = 0;
    while (this.#current.kind !== ']' && part < 3) {
      if (this.#current.kind === ':') {
        part++;
        this.#at++;
      } else {
        parts[part] = this.#integer();
      }
    }
    this.#take(']');
    const [start, stop, step] = parts;
    const slice: Node = {
      kind: 'slice',
      ...(start === undefined ? {} : { start }),
      ...(stop === undefined ? {} : { stop }),
      ...(step === undefined ? {} : { step }),
    };
    return { kind: 'projection', left: { kind: 'chain', left, right: slice }, right: this.#projected('*') };
  }

  #integer(): number {
    const { text, offset } = this.#take('number');
    const value = Number(text);
    // Go reads 64 bits; no list is that long, but the text of such an index must not be read as another.
    if (text === '-' || !Number.isSafeInteger(value)) throw syntax(`${text} is no index`, offset);
    return value;
  }

  #list(): Node {
    const items: Node[] = [];
    for (;;) {
      items.push(this.#expression(0));
      if (this.#current.kind === ']') break;
      this.#take(',');
    }
    this.#take(']');
    return { kind: 'list', items };
  }

  #object(): Node {
    const entries: (readonly [string, Node])[] = [];
    for (;;) {
      const key = this.#current;
      if (key.kind !== 'identifier' && key.kind !== 'quoted') throw syntax('expected the key of an entry', key.offset);
      this.#at++;
      this.#take(':');
      entries.push([key.text, this.#expression(0)]);
      if (this.#current.kind === ',') this.#at++;
      else if (this.#current.kind === '}') break;
    }
    this.#take('}');
    return { kind: 'object', entries };
  }

  #filter(left: Node): Node {
    const condition = this.#expression(0);
    this.#take(']');
    const right = this.#current.kind === '[]' ? identity : this.#projected('[?');
    return { kind: 'filter', left, right, condition };
  }

  #afterDot(power: number): Node {
    const { kind, offset } = this.#current;
    if (kind === 'identifier' || kind === 'quoted' || kind === '*') return this.#expression(power);
    if (kind !== '[' && kind !== '{') throw syntax('expected an identifier, [ or { after the dot', offset);
    this.#at++;
    return kind === '[' ? this.#list() : this.#object();
  }

  /** What is put to every element of a projection. */
  #projected(after: TokenKind): Node {
    const { kind, offset } = this.#current;
    const power = powers[after] ?? 0;
    if ((powers[kind] ?? 0) < projectionStops) return identity;
    if (kind === '[' || kind === '[?') return this.#expression(power);
    if (kind !== '.') throw syntax(`unexpected ${kind}`, offset);
    this.#at++;
    return this.#afterDot(power);
  }
}
