import { RE2JS } from 're2js';
import { worked } from './work.ts';

/** A regular expression that RE2 refuses, or that is too large to compile. */
export class RegexpError extends Error {
  override readonly name = 'RegexpError';
  /** Whether it is a limit of this gate's, and RE2 may take the expression. */
  readonly isOurs: boolean;

  constructor(
    message: string,
    { cause, isOurs = false }: { readonly cause?: unknown; readonly isOurs?: boolean } = {},
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.isOurs = isOurs;
  }
}

/** Far longer than any that people write; compiling takes time and memory in proportion. */
const maxSourceLength = 10_000;
/** Instructions of the compiled program. Counted repetitions are limited to 1000 in all, nested ones multiplied. */
const maxProgramSize = 100_000;
const maxCached = 500;

/** A compiled expression. It matches in linear time; all its methods have the meaning of Go's regexp package. */
export interface Regexp {
  readonly source: string;
  /** Number of groups, not counting the whole match. */
  readonly groupCount: number;
  /** Whether any part of the text matches. */
  matches(text: string): boolean;
  /** Whether the text matches from its first to its last character. */
  matchesWhole(text: string): boolean;
  /** The leftmost match, or undefined. */
  find(text: string): string | undefined;
  /** Up to `limit` matches from the left that do not overlap; all of them where the limit is negative. */
  findAll(text: string, limit?: number): string[];
  /** As `findAll`, each match with its groups; a group that took no part is undefined. */
  findAllGroups(text: string, limit?: number): (readonly (string | undefined)[])[];
  /** Replaces every match. `$1`, `${name}` and `$$` of the template are expanded, unless it is literal. */
  replaceAll(text: string, template: string, literal?: boolean): string;
  /** Replaces up to `limit` matches by what the function makes of each. */
  replaceEach(text: string, replacement: (groups: readonly (string | undefined)[]) => string, limit?: number): string;
}

/**
 * Compiles an expression in RE2's syntax; equal sources share one program. Throws RegexpError for what RE2 refuses,
 * and for expressions beyond the limits of length and size.
 */
export function compileRegexp(source: string): Regexp {
  const known = cache.get(source);
  if (known !== undefined) return known;
  if (source.length > maxSourceLength) {
    throw new RegexpError(`expression is longer than ${maxSourceLength} characters`, { isOurs: true });
  }
  const made = new CompiledRegexp(source, compileProgram(source));
  if (cache.size >= maxCached) {
    const oldest = cache.keys().next();
    if (!oldest.done) cache.delete(oldest.value);
  }
  cache.set(source, made);
  return made;
}

const cache = new Map<string, Regexp>();

function compileProgram(source: string): RE2JS {
  try {
    const program = RE2JS.compile(source);
    if (program.programSize() > maxProgramSize) throw new RegexpError('expression is too large', { isOurs: true });
    return program;
  } catch (cause) {
    if (cause instanceof RegexpError) throw cause;
    throw new RegexpError(cause instanceof Error ? cause.message : 'the expression cannot be compiled', {
      cause,
      isOurs: cause instanceof RangeError,
    });
  }
}

type Match = readonly [start: number, end: number, groups: readonly (string | undefined)[]];

class CompiledRegexp implements Regexp {
  readonly source: string;
  readonly groupCount: number;
  readonly #program: RE2JS;

  constructor(source: string, program: RE2JS) {
    this.source = source;
    this.#program = program;
    this.groupCount = program.groupCount();
  }

  matches(text: string): boolean {
    worked(text.length / 8);
    return this.#program.test(text);
  }

  matchesWhole(text: string): boolean {
    worked(text.length / 8);
    return this.#program.testExact(text);
  }

  find(text: string): string | undefined {
    const matcher = this.#program.matcher(text);
    return matcher.find() ? (matcher.group() ?? undefined) : undefined;
  }

  findAll(text: string, limit = -1): string[] {
    return Array.from(this.#all(text, limit, false), ([start, end]) => text.slice(start, end));
  }

  findAllGroups(text: string, limit = -1): (readonly (string | undefined)[])[] {
    return Array.from(this.#all(text, limit, true), ([, , groups]) => groups);
  }

  replaceAll(text: string, template: string, literal = false): string {
    if (literal || !template.includes('$')) return this.replaceEach(text, () => template);
    const names = new Map(Object.entries(this.#program.namedGroups()));
    return this.replaceEach(text, (groups) => expand(template, groups, names));
  }

  replaceEach(text: string, replacement: (groups: readonly (string | undefined)[]) => string, limit = -1): string {
    const pieces: string[] = [];
    let done = 0;
    for (const [start, end, groups] of this.#all(text, limit, true)) {
      pieces.push(text.slice(done, start), replacement(groups));
      done = end;
    }
    pieces.push(text.slice(done));
    return pieces.join('');
  }

  /** Matches from the left; an empty one right after another match is passed over, as in Go. */
  *#all(text: string, limit: number, withGroups: boolean): Generator<Match> {
    const matcher = this.#program.matcher(text);
    let at = 0;
    let lastEnd = -1;
    for (let found = 0; (limit < 0 || found < limit) && at <= text.length; ) {
      if (!matcher.find(at)) return;
      const start = matcher.start();
      const end = matcher.end();
      const accepted = end > start || start !== lastEnd;
      if (accepted) {
        found++;
        yield [start, end, withGroups ? this.#groupsOf(matcher) : []];
      }
      lastEnd = end;
      at = end > at ? end : at + ((text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1);
    }
  }

  #groupsOf(matcher: { group(index: number): string | null }): (string | undefined)[] {
    return Array.from({ length: this.groupCount + 1 }, (_, i) => matcher.group(i) ?? undefined);
  }
}

/** `$name` takes the longest run of letters, digits and `_`; a group that does not exist is empty; `$$` is a dollar. */
function expand(template: string, groups: readonly (string | undefined)[], names: ReadonlyMap<string, number>): string {
  return template.replace(/\$(?:(\$)|([\p{L}\p{Nd}_]+)|\{([\p{L}\p{Nd}_]+)\})/gu, (_, dollar, bare, braced) => {
    if (dollar !== undefined) return '$';
    const name: string = bare ?? braced;
    const index = /^(?:0|[1-9][0-9]{0,8})$/.test(name) ? Number(name) : names.get(name);
    return index === undefined ? '' : (groups[index] ?? '');
  });
}
