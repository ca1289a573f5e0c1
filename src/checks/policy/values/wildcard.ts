import { LimitError } from './limit.ts';
import { worked } from './work.ts';

/** Honest patterns need a few steps a character; a pattern of 100 kB stars and letters over as much text would not end. */
const maxSteps = 10_000_000;

const star = 0x2a;
const mark = 0x3f;

/** Whether a text holds a character that `matchesWildcard` reads as more than itself. */
export function hasWildcard(text: string): boolean {
  return text.includes('*') || text.includes('?');
}

/**
 * Whether a whole text fits a pattern in which `*` stands for any run of characters (also none, also `/`) and `?` for
 * exactly one. Every other character stands for itself; there is no escape. A character is a code point, as in Go's
 * `[]rune`. This is the pattern of IGLOU-EU/go-wildcard, which Kyverno matches names, labels and strings by.
 *
 * It throws LimitError where both texts are so long and so repetitive that matching would take seconds.
 */
export function matchesWildcard(pattern: string, text: string): boolean {
  if (pattern === '*') return true;
  if (!hasWildcard(pattern)) return pattern === text;
  let at = 0;
  let here = 0;
  // Where to go on after a mismatch: behind the last star, with one more character of the text eaten by it.
  let afterStar = -1;
  let starEats = 0;
  let steps = 0;
  worked(1);
  while (here < text.length) {
    if ((++steps & 0x3fff) === 0) worked(0x4000);
    if (steps > maxSteps) throw new LimitError('a wildcard pattern takes too long to match');
    const wanted = at < pattern.length ? pattern.charCodeAt(at) : -1;
    if (wanted === star) {
      afterStar = ++at;
      starEats = here;
      if (afterStar === pattern.length) return true;
    } else if (wanted === mark) {
      at++;
      here = nextCharacter(text, here);
    } else if (wanted === text.charCodeAt(here)) {
      at++;
      here++;
    } else if (afterStar >= 0) {
      at = afterStar;
      starEats = nextCharacter(text, starEats);
      here = starEats;
    } else {
      return false;
    }
  }
  while (at < pattern.length && pattern.charCodeAt(at) === star) at++;
  return at === pattern.length;
}

function nextCharacter(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  if (unit < 0xd800 || unit > 0xdbff || at + 1 >= text.length) return at + 1;
  const next = text.charCodeAt(at + 1);
  return next >= 0xdc00 && next <= 0xdfff ? at + 2 : at + 1;
}
