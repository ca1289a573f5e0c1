/** Patterns of `matchImageReferences[].glob`, as github.com/gobwas/glob reads them without separators. */

type Part =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'one' }
  | { readonly kind: 'any' }
  | { readonly kind: 'range'; readonly low: string; readonly high: string; readonly not: boolean }
  | { readonly kind: 'list'; readonly characters: ReadonlySet<string>; readonly not: boolean }
  | { readonly kind: 'alternatives'; readonly patterns: readonly (readonly Part[])[] };

/** Longer than any image reference; what is longer was written to cost time. */
const maxLength = 4096;

export type Glob = (text: string) => boolean;

/**
 * The pattern as a test of whole texts, whose time grows with the lengths of pattern and text alone. Or what is wrong with
 * it: `*` and `**` are any text, `?` one character, `[ab]`, `[!ab]` and `[a-c]` sets, `{a,b}` alternatives, `\` takes the
 * meaning from what follows.
 */
export function compileGlob(source: string): Glob | { readonly fault: string } {
  if (source.length > maxLength) return { fault: `is longer than ${maxLength} characters` };
  const reader = new Reader(source);
  const pattern = reader.pattern(false);
  if (typeof pattern === 'string') return { fault: pattern };
  return (text) => {
    if (text.length > maxLength) return false;
    const characters = [...text];
    return advance(pattern, new Set([0]), characters).has(characters.length);
  };
}

class Reader {
  readonly #characters: readonly string[];
  #at = 0;
  #depth = 0;

  constructor(source: string) {
    this.#characters = [...source];
  }

  /** Up to the end, or in alternatives up to `,` or `}`. A text is what is wrong. */
  pattern(inAlternatives: boolean): readonly Part[] | string {
    const parts: Part[] = [];
    for (;;) {
      const character = this.#characters[this.#at];
      if (character === undefined) return parts;
      if (inAlternatives && (character === ',' || character === '}')) return parts;
      this.#at += 1;
      const part = this.#part(character, inAlternatives);
      if (typeof part === 'string') return part;
      parts.push(part);
    }
  }

  #part(character: string, inAlternatives: boolean): Part | string {
    switch (character) {
      case '?':
        return { kind: 'one' };
      case '*':
        if (this.#characters[this.#at] === '*') this.#at += 1;
        return { kind: 'any' };
      case '[':
        return this.#set();
      case '{':
        return this.#alternatives();
      default:
        this.#at -= 1;
        return { kind: 'text', text: this.#text(inAlternatives ? '?*[{},' : '?*[{') };
    }
  }

  #text(ends: string): string {
    let text = '';
    for (; this.#at < this.#characters.length; this.#at++) {
      const character = this.#characters[this.#at] ?? '';
      if (character === '\\') {
        this.#at += 1;
        text += this.#characters[this.#at] ?? '';
      } else if (ends.includes(character)) break;
      else text += character;
    }
    return text;
  }

  #set(): Part | string {
    const not = this.#characters[this.#at] === '!';
    if (not) this.#at += 1;
    if (this.#characters[this.#at + 1] === '-') {
      const [low, , high, end] = this.#characters.slice(this.#at, this.#at + 4);
      this.#at += 4;
      if (low === undefined || high === undefined || end !== ']') return 'has a range without its end';
      if ((high.codePointAt(0) ?? 0) < (low.codePointAt(0) ?? 0)) return 'has a range that goes backwards';
      return { kind: 'range', low, high, not };
    }
    const characters = this.#text(']');
    if (this.#characters[this.#at] !== ']') return 'has a set without its end';
    this.#at += 1;
    if (characters === '') return 'has an empty set';
    return { kind: 'list', characters: new Set(characters), not };
  }

  #alternatives(): Part | string {
    this.#depth += 1;
    if (this.#depth > 16) return 'nests alternatives too deeply';
    const patterns: (readonly Part[])[] = [];
    for (;;) {
      const pattern = this.pattern(true);
      if (typeof pattern === 'string') return pattern;
      patterns.push(pattern);
      const end = this.#characters[this.#at];
      if (end === undefined) return 'has alternatives without their end';
      this.#at += 1;
      if (end === '}') break;
    }
    this.#depth -= 1;
    return { kind: 'alternatives', patterns };
  }
}

/** Where in the text the parts can have ended, for each of the places where they can have begun. */
function advance(
  parts: readonly Part[],
  starts: ReadonlySet<number>,
  characters: readonly string[],
): ReadonlySet<number> {
  let at = starts;
  for (const part of parts) {
    if (at.size === 0) return at;
    at = step(part, at, characters);
  }
  return at;
}

function step(part: Part, starts: ReadonlySet<number>, characters: readonly string[]): ReadonlySet<number> {
  const ends = new Set<number>();
  switch (part.kind) {
    case 'any': {
      for (let i = Math.min(...starts); i <= characters.length; i++) ends.add(i);
      return ends;
    }
    case 'text': {
      const wanted = [...part.text];
      for (const start of starts) {
        if (wanted.every((each, i) => characters[start + i] === each)) ends.add(start + wanted.length);
      }
      return ends;
    }
    case 'alternatives': {
      for (const pattern of part.patterns) for (const end of advance(pattern, starts, characters)) ends.add(end);
      return ends;
    }
    default: {
      for (const start of starts) {
        const character = characters[start];
        if (character !== undefined && isIn(part, character)) ends.add(start + 1);
      }
      return ends;
    }
  }
}

function isIn(part: Extract<Part, { kind: 'one' | 'range' | 'list' }>, character: string): boolean {
  if (part.kind === 'one') return true;
  if (part.kind === 'list') return part.characters.has(character) !== part.not;
  const point = character.codePointAt(0) ?? 0;
  const isWithin = point >= (part.low.codePointAt(0) ?? 0) && point <= (part.high.codePointAt(0) ?? 0);
  return isWithin !== part.not;
}
