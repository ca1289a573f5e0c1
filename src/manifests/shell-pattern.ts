/** How many steps all patterns of one text may take together: matching a pattern of many `*` grows with their number. */
const STEPS = 20_000_000;

export class PatternBudget {
  #left = STEPS;

  /** Whether there is some left. */
  take(steps: number): boolean {
    this.#left -= steps;
    return this.#left >= 0;
  }
}

/**
 * Whether a pattern matches the whole text, by Go's path.Match as fluxcd/pkg/envsubst changed it: `*` stands for slashes
 * too. Both are bytes in characters. `malformed` where the matcher comes upon a class or an escape that does not end.
 */
export function matchesShellPattern(
  pattern: string,
  text: string,
  budget: PatternBudget,
): boolean | 'malformed' | 'spent' {
  let ahead = pattern;
  let rest = text;
  next: while (ahead !== '') {
    const { star, chunk, after } = scanChunk(ahead);
    ahead = after;
    if (star && chunk === '') return true;
    if (!budget.take(chunk.length + 1)) return 'spent';
    const here = matchChunk(chunk, rest);
    if (here.kind === 'matched' && (here.rest === '' || ahead !== '')) {
      rest = here.rest;
      continue;
    }
    if (here.kind === 'malformed') return 'malformed';
    if (star) {
      for (let i = 1; i <= rest.length; i++) {
        if (!budget.take(chunk.length + 1)) return 'spent';
        const there = matchChunk(chunk, rest.slice(i));
        if (there.kind === 'malformed') return 'malformed';
        if (there.kind === 'failed' || (ahead === '' && there.rest !== '')) continue;
        rest = there.rest;
        continue next;
      }
    }
    return false;
  }
  return rest === '';
}

/** The next part of a pattern that holds no star, and whether one stands before it. */
function scanChunk(pattern: string): { star: boolean; chunk: string; after: string } {
  let from = 0;
  while (pattern[from] === '*') from++;
  let inClass = false;
  let at = from;
  for (; at < pattern.length; at++) {
    const c = pattern[at];
    if (c === '\\') {
      if (at + 1 < pattern.length) at++;
    } else if (c === '[') inClass = true;
    else if (c === ']') inClass = false;
    else if (c === '*' && !inClass) break;
  }
  return { star: from > 0, chunk: pattern.slice(from, at), after: pattern.slice(at) };
}

type Matched =
  | { readonly kind: 'matched'; readonly rest: string }
  | { readonly kind: 'failed' }
  | { readonly kind: 'malformed' };

const FAILED: Matched = { kind: 'failed' };
const MALFORMED: Matched = { kind: 'malformed' };

/** Whether a part without stars matches the start of the text. */
function matchChunk(chunk: string, text: string): Matched {
  let at = 0;
  let pos = 0;
  while (at < chunk.length) {
    if (pos >= text.length) return FAILED;
    const c = chunk[at];
    if (c === '[') {
      const { code, width } = runeAt(text, pos);
      pos += width;
      at++;
      const negated = chunk[at] === '^';
      if (negated) at++;
      let matched = false;
      for (let ranges = 0; chunk[at] !== ']' || ranges === 0; ranges++) {
        const low = classRune(chunk, at);
        if (low === undefined) return MALFORMED;
        at = low.next;
        let high = low.code;
        if (chunk[at] === '-') {
          const end = classRune(chunk, at + 1);
          if (end === undefined) return MALFORMED;
          high = end.code;
          at = end.next;
        }
        if (low.code <= code && code <= high) matched = true;
      }
      at++;
      if (matched === negated) return FAILED;
    } else if (c === '?') {
      pos += runeAt(text, pos).width;
      at++;
    } else {
      if (c === '\\') at++;
      if (at >= chunk.length) return MALFORMED;
      if (chunk[at] !== text[pos]) return FAILED;
      at++;
      pos++;
    }
  }
  return { kind: 'matched', rest: text.slice(pos) };
}

/** One end of a range in a class; undefined where the class does not go on as it must. */
function classRune(chunk: string, from: number): { code: number; next: number } | undefined {
  let at = from;
  if (at >= chunk.length || chunk[at] === '-' || chunk[at] === ']') return undefined;
  if (chunk[at] === '\\' && ++at >= chunk.length) return undefined;
  const { code, width } = runeAt(chunk, at);
  if (code === 0xfffd && width === 1) return undefined;
  const next = at + width;
  return next >= chunk.length ? undefined : { code, next };
}

/** utf8.DecodeRuneInString; what is not UTF-8 is U+FFFD, of one byte. */
function runeAt(bytes: string, at: number): { code: number; width: number } {
  const first = bytes.charCodeAt(at);
  if (first < 0x80) return { code: first, width: 1 };
  const width = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  const decoded = Buffer.from(bytes.slice(at, at + width), 'latin1').toString('utf8');
  const code = decoded.codePointAt(0) ?? 0xfffd;
  const single = decoded.length === (code > 0xffff ? 2 : 1);
  if (single && (code !== 0xfffd || bytes.slice(at, at + 3) === '\xef\xbf\xbd')) return { code, width };
  return { code: 0xfffd, width: 1 };
}
