/**
 * `${name}` in a text by the rules of fluxcd/pkg/envsubst, to the letter: the operators of a shell, without the shell.
 * That library works on the bytes of UTF-8, and so does this, on a text in which each character stands for one byte.
 */
import {
  characterAt,
  fromBytes,
  type Node,
  parseExpressions,
  SubstitutionProblem,
  toBytes,
} from './envsubst-syntax.ts';
import { matchesShellPattern, type PatternBudget } from './shell-pattern.ts';

export interface SubstitutionLimits {
  /** Of the result, in bytes. */
  readonly maxBytes: number;
  /** For the patterns of all texts of one run together. */
  readonly patterns: PatternBudget;
}

/**
 * The text with every expression replaced. A variable that is not set is an error, unless its expression brings a default.
 * Throws SubstitutionProblem.
 */
export function substituteExpressions(
  text: string,
  variables: ReadonlyMap<string, string>,
  limits: SubstitutionLimits,
): string {
  const nodes = parseExpressions(toBytes(text));
  const evaluation = new Evaluation(variables, limits);
  return fromBytes(nodes.map((node) => evaluation.of(node)).join(''));
}

const defaults = ['=', ':=', ':-', ':?', ':+'];

class Evaluation {
  readonly #variables: ReadonlyMap<string, string>;
  readonly #limits: SubstitutionLimits;
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
    if (this.#written > this.#limits.maxBytes) throw this.#tooLong();
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
        return this.#replaced(value, first, second ?? '', 1);
      case '//':
        return this.#replaced(value, first, second ?? '', Number.POSITIVE_INFINITY);
      case '/#':
        return second !== undefined && value.startsWith(first) ? this.#replaced(value, first, second, 1) : value;
      case '/%':
        return second !== undefined && value.endsWith(first)
          ? value.slice(0, value.length - first.length) + second
          : value;
      default:
        // The variable alone, `,^` and the like, and every default: whichever sign it has, it fills in for nothing.
        return value === '' ? args.join('') : value;
    }
  }

  /** A text that stands in for each letter of a value makes millions of thousands. */
  #replaced(value: string, old: string, by: string, most: number): string {
    const times = Math.min(most, old === '' ? value.length + 1 : value.split(old).length - 1);
    if (value.length + times * by.length > this.#limits.maxBytes) throw this.#tooLong();
    return replace(value, old, by, most);
  }

  #tooLong(): SubstitutionProblem {
    return new SubstitutionProblem('limit', `the result has more than ${this.#limits.maxBytes} bytes`);
  }

  /** Cuts what a pattern matches off the front; the shortest is looked for by trying all. */
  #trim(value: string, pattern: string, which: 'shortest' | 'longest'): string {
    let found = 0;
    for (let length = value.length; length > 0; length--) {
      const matches = matchesShellPattern(pattern, value.slice(0, length), this.#limits.patterns);
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
