import { call, constant, type Expression, identifier, type Macro, Operator, select } from './ast.ts';
import { CelError } from './error.ts';
import { PRODUCTS, RELATIONS, RESERVED, SUMS } from './grammar.ts';
import { type Token, tokenize } from './lexer.ts';
import { TokenReader } from './token-reader.ts';
import { codePointCount } from './values.ts';

/** What of the grammar is open, and which calls are macros. */
export interface ParseOptions {
  readonly macros: readonly Macro[];
  readonly optionalSyntax: boolean;
  readonly quotedFields: boolean;
}

/** In code points, as the Go implementation counts. */
const MAX_SOURCE = 100_000;
/** How deep brackets may nest, and how high a tree may grow (a chain of selections or of sums grows with its length). */
const MAX_DEPTH = 250;
/** How many nodes a tree may have with its macros expanded. */
const MAX_NODES = 200_000;

/** Parses an expression and expands its macros. Throws CelError (`syntax` or `limit`) with the offset. */
export function parse(source: string, options: ParseOptions): Expression {
  if (source.length > MAX_SOURCE && codePointCount(source) > MAX_SOURCE) {
    throw new CelError('limit', `the expression is longer than ${MAX_SOURCE} characters`, 0);
  }
  const parser = new Parser(tokenize(source), options);
  return parser.parseAll();
}

class Parser {
  readonly #tokens: TokenReader;
  readonly #options: ParseOptions;
  readonly #macros: ReadonlyMap<string, Macro>;
  /** How high the tree as written is under each expression that was parsed. */
  readonly #heights = new WeakMap<Expression, number>();
  #depth = 0;
  #nodes = 0;

  constructor(tokens: readonly Token[], options: ParseOptions) {
    this.#tokens = new TokenReader(tokens);
    this.#options = options;
    this.#macros = macrosByKey(options.macros);
  }

  parseAll(): Expression {
    const expression = this.#expression();
    if (this.#tokens.peek().kind !== 'end') throw this.#tokens.unexpected();
    return expression;
  }

  #expression(): Expression {
    if (++this.#depth > MAX_DEPTH) throw this.#tooDeep(this.#tokens.peek().offset);
    const condition = this.#chain('||', Operator.or, () => this.#chain('&&', Operator.and, () => this.#binary(0)));
    let result = condition;
    const question = this.#tokens.peek();
    if (this.#tokens.take('?')) {
      const yes = this.#chain('||', Operator.or, () => this.#chain('&&', Operator.and, () => this.#binary(0)));
      this.#tokens.expect(':');
      const no = this.#expression();
      result = this.#call(question.offset, Operator.conditional, undefined, [condition, yes, no]);
    }
    this.#depth--;
    return result;
  }

  /** `a && b && c` is one call with three arguments: however many there are, the tree does not grow higher. */
  #chain(symbol: string, name: string, operand: () => Expression): Expression {
    const first = operand();
    const offset = this.#tokens.peek().offset;
    if (!this.#tokens.take(symbol)) return first;
    const operands = [first, operand()];
    while (this.#tokens.take(symbol)) operands.push(operand());
    const made = this.#node(call(offset, name, ...operands));
    this.#raise(made, 0, operands);
    return made;
  }

  /** Relations, sums and products bind to the left; each level binds tighter than the one before. */
  #binary(level: 0 | 1 | 2): Expression {
    const operators = level === 0 ? RELATIONS : level === 1 ? SUMS : PRODUCTS;
    const operand = (): Expression => (level === 2 ? this.#unary() : this.#binary(level === 0 ? 1 : 2));
    let left = operand();
    for (;;) {
      const token = this.#tokens.peek();
      const name = token.kind === 'symbol' ? operators.get(token.text) : undefined;
      if (name === undefined) return left;
      this.#tokens.skip();
      left = this.#call(token.offset, name, undefined, [left, operand()]);
    }
  }

  #unary(): Expression {
    const { offset } = this.#tokens.peek();
    const symbol = this.#tokens.isSymbol('!') ? '!' : '-';
    // A minus before a number belongs to the number: the least int has no positive twin.
    if (symbol === '-' && isNumber(this.#tokens.peek(1))) return this.#member();
    let count = 0;
    while (this.#tokens.take(symbol)) count++;
    const operand = this.#member();
    if (count % 2 === 0) return operand;
    return this.#call(offset, symbol === '!' ? Operator.not : Operator.negate, undefined, [operand], 0);
  }

  #member(): Expression {
    let operand = this.#primary();
    for (;;) {
      const { offset } = this.#tokens.peek();
      if (this.#tokens.take('.')) operand = this.#selection(operand, offset);
      else if (this.#tokens.take('[')) {
        const isOptional = this.#optionalMark("unsupported syntax '[?'");
        const index = this.#expression();
        this.#tokens.expect(']');
        const name = isOptional ? Operator.optionalIndex : Operator.index;
        operand = this.#call(offset, name, undefined, [operand, index]);
      } else return operand;
    }
  }

  #selection(operand: Expression, offset: number): Expression {
    const isOptional = this.#optionalMark("unsupported syntax '.?'");
    const token = this.#tokens.peek();
    const name = this.#fieldName();
    if (isOptional) {
      const field = constant(token.offset, name);
      return this.#raise(this.#node(call(offset, Operator.optionalSelect, operand, field)), 1, [operand]);
    }
    if (token.kind === 'name' && this.#tokens.isSymbol('(')) {
      const parenthesis = this.#tokens.peek().offset;
      return this.#call(parenthesis, name, operand, this.#arguments());
    }
    return this.#raise(this.#node(select(offset, operand, name)), 1, [operand]);
  }

  #primary(): Expression {
    const token = this.#tokens.peek();
    if (token.kind === 'literal' || token.kind === 'integer') return this.#number(false);
    if (token.kind === 'name') return this.#named('');
    if (token.kind === 'symbol') {
      switch (token.text) {
        case '-':
          this.#tokens.skip();
          return this.#number(true);
        case '.':
          this.#tokens.skip();
          return this.#named('.');
        case '(': {
          this.#tokens.skip();
          const inner = this.#expression();
          this.#tokens.expect(')');
          return inner;
        }
        case '[':
          return this.#listLiteral();
        case '{':
          return this.#mapLiteral();
        case 'true':
        case 'false':
        case 'null':
          this.#tokens.skip();
          return this.#node(constant(token.offset, token.text === 'null' ? null : token.text === 'true'));
      }
    }
    throw this.#tokens.unexpected();
  }

  #number(isNegative: boolean): Expression {
    const token = this.#tokens.peek();
    if (token.kind === 'integer') {
      this.#tokens.skip();
      const value = isNegative ? -token.value : token.value;
      if (BigInt.asIntN(64, value) !== value) throw new CelError('syntax', 'invalid int literal', token.offset);
      return this.#node(constant(token.offset, value));
    }
    if (token.kind === 'literal' && (!isNegative || typeof token.value === 'number')) {
      this.#tokens.skip();
      return this.#node(constant(token.offset, isNegative ? -(token.value as number) : token.value));
    }
    throw this.#tokens.unexpected();
  }

  /** A name, the call of a function, or a message with its fields. */
  #named(dot: '' | '.'): Expression {
    const token = this.#tokens.peek();
    if (token.kind !== 'name') throw this.#tokens.unexpected();
    const message = this.#messageName();
    if (message !== undefined) return this.#structLiteral(dot + message, token.offset);
    if (RESERVED.has(token.text)) {
      throw new CelError('syntax', `reserved identifier: ${token.text}`, token.offset);
    }
    this.#tokens.skip();
    const name = dot + token.text;
    if (!this.#tokens.isSymbol('(')) return this.#node(identifier(token.offset, name));
    const parenthesis = this.#tokens.peek().offset;
    return this.#call(parenthesis, name, undefined, this.#arguments());
  }

  /** Reads `a.b.C` where a brace follows, and then nothing else; undefined, with nothing read, where none does. */
  #messageName(): string | undefined {
    let count = 1;
    while (this.#tokens.isSymbol('.', count) && this.#tokens.peek(count + 1).kind === 'name') count += 2;
    if (!this.#tokens.isSymbol('{', count)) return undefined;
    let name = '';
    for (let i = 0; i < count; i++) name += this.#tokens.peek(i).text;
    this.#tokens.skip(count);
    return name;
  }

  #structLiteral(type: string, offset: number): Expression {
    this.#tokens.expect('{');
    const fields = this.#items('}', () => {
      const optional = this.#optionalMark("unsupported syntax '?'");
      const at = this.#tokens.peek().offset;
      const name = this.#fieldName();
      this.#tokens.expect(':');
      return { name, value: this.#expression(), optional, offset: at };
    });
    const made = this.#node({ kind: 'struct', offset, type, fields });
    return this.#raise(
      made,
      0,
      fields.map((field) => field.value),
    );
  }

  #listLiteral(): Expression {
    const { offset } = this.#tokens.peek();
    this.#tokens.expect('[');
    const elements = this.#items(']', () => {
      const optional = this.#optionalMark("unsupported syntax '?'");
      return { value: this.#expression(), optional };
    });
    const made = this.#node({ kind: 'list', offset, elements });
    return this.#raise(
      made,
      0,
      elements.map((element) => element.value),
    );
  }

  #mapLiteral(): Expression {
    const { offset } = this.#tokens.peek();
    this.#tokens.expect('{');
    const entries = this.#items('}', () => {
      const optional = this.#optionalMark("unsupported syntax '?'");
      const key = this.#expression();
      this.#tokens.expect(':');
      return { key, value: this.#expression(), optional };
    });
    const made = this.#node({ kind: 'map', offset, entries });
    return this.#raise(
      made,
      0,
      entries.flatMap((entry) => [entry.key, entry.value]),
    );
  }

  /** Items with commas between them, and one allowed after the last, up to a bracket. */
  #items<Item>(close: string, item: () => Item): Item[] {
    const items: Item[] = [];
    // A comma alone between the brackets is allowed by the grammar too.
    if (this.#tokens.take(',')) {
      this.#tokens.expect(close);
      return items;
    }
    while (!this.#tokens.take(close)) {
      items.push(item());
      if (!this.#tokens.take(',')) {
        this.#tokens.expect(close);
        break;
      }
    }
    return items;
  }

  #arguments(): Expression[] {
    this.#tokens.expect('(');
    const found: Expression[] = [];
    if (this.#tokens.take(')')) return found;
    do found.push(this.#expression());
    while (this.#tokens.take(','));
    this.#tokens.expect(')');
    return found;
  }

  /** A call, or what a macro makes of it. */
  #call(
    offset: number,
    name: string,
    target: Expression | undefined,
    args: readonly Expression[],
    rise = 1,
  ): Expression {
    const parts = target === undefined ? args : [target, ...args];
    const macro =
      this.#macros.get(macroKey(name, args.length, target !== undefined)) ??
      this.#macros.get(macroKey(name, 'any', target !== undefined));
    const expanded = macro?.expand({ offset, target, arguments: args });
    const made = this.#node(expanded ?? { kind: 'call', offset, target, name, arguments: args });
    return this.#raise(made, rise, parts);
  }

  #fieldName(): string {
    const token = this.#tokens.peek();
    if (token.kind === 'name') {
      this.#tokens.skip();
      return token.text;
    }
    if (token.kind !== 'quoted-name') throw this.#tokens.unexpected();
    if (!this.#options.quotedFields) throw new CelError('syntax', "unsupported syntax: '`'", token.offset);
    this.#tokens.skip();
    return token.text.slice(1, -1);
  }

  #optionalMark(message: string): boolean {
    const { offset } = this.#tokens.peek();
    if (!this.#tokens.take('?')) return false;
    if (!this.#options.optionalSyntax) throw new CelError('syntax', message, offset);
    return true;
  }

  #node(expression: Expression): Expression {
    if (++this.#nodes > MAX_NODES) {
      throw new CelError('limit', `the expression has more than ${MAX_NODES} parts`, expression.offset);
    }
    return expression;
  }

  #raise(expression: Expression, rise: number, parts: readonly Expression[]): Expression {
    let under = 0;
    for (const part of parts) under = Math.max(under, this.#heights.get(part) ?? 0);
    if (under + rise > MAX_DEPTH) throw this.#tooDeep(expression.offset);
    this.#heights.set(expression, under + rise);
    return expression;
  }

  #tooDeep(offset: number): CelError {
    return new CelError('limit', `expression recursion limit exceeded: ${MAX_DEPTH}`, offset);
  }
}

function isNumber(token: Token): boolean {
  return token.kind === 'integer' || (token.kind === 'literal' && typeof token.value === 'number');
}

/** By the list of macros, which the environments of a profile share. */
const read = new WeakMap<readonly Macro[], ReadonlyMap<string, Macro>>();

function macrosByKey(macros: readonly Macro[]): ReadonlyMap<string, Macro> {
  const known = read.get(macros);
  if (known !== undefined) return known;
  const made = new Map<string, Macro>();
  for (const macro of macros) {
    const key = macroKey(macro.name, macro.argumentCount, macro.member);
    if (!made.has(key)) made.set(key, macro);
  }
  read.set(macros, made);
  return made;
}

function macroKey(name: string, count: number | 'any', member: boolean): string {
  return `${member ? '.' : ''}${name}/${count}`;
}
