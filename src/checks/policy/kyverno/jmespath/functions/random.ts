import { JmesError, unsupportedCall } from '../error.ts';
import type { Run } from '../function.ts';

/** What `*` and `+` repeat at most, as upstream. */
const maxRepeat = 4_096;
const maxLength = 100_000;
/** `.` may be any character; here it is one that can be printed. */
const printable: readonly Range[] = [[0x20, 0x7e]];

type Range = readonly [first: number, last: number];
type Make = () => string;

/**
 * A text that the pattern matches, chosen by the gate's own source of chance. The pattern is a plain regular expression
 * without the classes of Perl (`\d`): literals, `.`, `[a-z]`, groups, `|`, and the repetitions `* + ? {n,m}`, as
 * upstream takes it.
 */
export function randomText(pattern: string, run: Run): string {
  if (pattern === '') throw new JmesError('invalid', 'no pattern provided');
  const reader = new PatternReader(pattern, run);
  return reader.whole()();
}

class PatternReader {
  readonly #characters: readonly string[];
  readonly #run: Run;
  #at = 0;
  #depth = 0;
  #made = 0;

  constructor(pattern: string, run: Run) {
    this.#characters = Array.from(pattern);
    this.#run = run;
  }

  whole(): Make {
    const make = this.#alternatives();
    if (this.#at < this.#characters.length) throw this.#refused('it has a parenthesis too many');
    return make;
  }

  #alternatives(): Make {
    if (++this.#depth > 100) throw this.#refused('it is nested too deep');
    const choices = [this.#sequence()];
    while (this.#next === '|') {
      this.#at++;
      choices.push(this.#sequence());
    }
    this.#depth--;
    if (choices.length === 1) return choices[0] as Make;
    return () => (choices[this.#upTo(choices.length)] as Make)();
  }

  #sequence(): Make {
    const parts: Make[] = [];
    while (this.#next !== undefined && this.#next !== '|' && this.#next !== ')')
      parts.push(this.#repeated(this.#one()));
    return () => parts.map((part) => part()).join('');
  }

  #one(): Make {
    const character = this.#next as string;
    this.#at++;
    switch (character) {
      case '(': {
        if (this.#next === '?') throw this.#refused('it has a group with flags');
        const inside = this.#alternatives();
        if (this.#next !== ')') throw this.#refused('a group is not closed');
        this.#at++;
        return inside;
      }
      case '[':
        return this.#oneOf(this.#class());
      case '.':
        return this.#oneOf(printable);
      case '^':
      case '$':
        return () => '';
      case '*':
      case '+':
      case '?':
        throw this.#refused('a repetition has nothing before it');
      case '\\':
        return this.#literal(this.#escaped());
      default:
        return this.#literal(character);
    }
  }

  #repeated(one: Make): Make {
    let make = one;
    const counts = this.#counts();
    if (counts === undefined) return make;
    const [least, most] = counts;
    make = () => {
      const times = least + this.#upTo(most - least + 1);
      this.#run.spend(times);
      let made = '';
      for (let time = 0; time < times; time++) made += one();
      return made;
    };
    if (this.#counts() !== undefined) throw this.#refused('a repetition is repeated');
    return make;
  }

  #counts(): readonly [number, number] | undefined {
    const sign = this.#next;
    if (sign === '*' || sign === '+' || sign === '?') {
      this.#at++;
      return [sign === '+' ? 1 : 0, sign === '?' ? 1 : maxRepeat];
    }
    if (sign !== '{') return undefined;
    const end = this.#characters.indexOf('}', this.#at);
    const inside = end < 0 ? '' : this.#characters.slice(this.#at + 1, end).join('');
    const found = /^([0-9]{1,4})(,?)([0-9]{0,4})$/.exec(inside);
    if (found === null) return undefined;
    this.#at = end + 1;
    const least = Number(found[1]);
    const most = found[2] === '' ? least : found[3] === '' ? maxRepeat : Number(found[3]);
    if (least > most || least > 1000 || (found[3] !== '' && most > 1000))
      throw this.#refused('a repetition is out of range');
    return [least, most];
  }

  #class(): Range[] {
    const negated = this.#next === '^';
    if (negated) this.#at++;
    const ranges: Range[] = [];
    for (let first = true; first || this.#next !== ']'; first = false) {
      if (this.#next === undefined) throw this.#refused('a class is not closed');
      const start = this.#classCharacter();
      if (this.#next !== '-' || this.#characters[this.#at + 1] === ']') {
        ranges.push([start, start]);
        continue;
      }
      this.#at++;
      const end = this.#classCharacter();
      if (end < start) throw this.#refused('a range runs backwards');
      ranges.push([start, end]);
    }
    this.#at++;
    return negated ? outside(ranges) : ranges;
  }

  #classCharacter(): number {
    const character = this.#next;
    if (character === undefined) throw this.#refused('a class is not closed');
    if (character === '[' && this.#characters[this.#at + 1] === ':') throw this.#refused('it has a class by name');
    this.#at++;
    return (character === '\\' ? this.#escaped() : character).codePointAt(0) as number;
  }

  /** A character after a backslash: a sign, which then stands for itself, or one of few letters. */
  #escaped(): string {
    const character = this.#next;
    this.#at++;
    if (character !== undefined && character < '\x80' && !/[A-Za-z0-9]/.test(character)) return character;
    const control = { n: '\n', t: '\t', r: '\r', f: '\f', v: '\v', a: '\x07' }[character ?? ''];
    if (control === undefined) throw this.#refused(`\\${character ?? ''} is no escape in it`);
    return control;
  }

  #literal(character: string): Make {
    return () => this.#count(character);
  }

  #oneOf(ranges: readonly Range[]): Make {
    const total = ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);
    if (total === 0) throw this.#refused('a class is empty');
    return () => {
      let chosen = this.#upTo(total);
      for (const [first, last] of ranges) {
        if (chosen <= last - first) return this.#count(String.fromCodePoint(first + chosen));
        chosen -= last - first + 1;
      }
      return '';
    };
  }

  #count(character: string): string {
    this.#run.spend(1);
    if (++this.#made > maxLength) throw new JmesError('limit', `random() makes more than ${maxLength} characters`);
    return character;
  }

  #upTo(count: number): number {
    this.#run.spend(1);
    return Math.min(count - 1, Math.floor(this.#run.random() * count));
  }

  get #next(): string | undefined {
    return this.#characters[this.#at];
  }

  #refused(why: string): JmesError {
    return unsupportedCall('random', `the pattern cannot be used: ${why}`);
  }
}

/** The printable characters that no range holds. */
function outside(ranges: readonly Range[]): Range[] {
  const free: Range[] = [];
  for (let code = 0x20; code <= 0x7e; code++) {
    if (!ranges.some(([first, last]) => code >= first && code <= last)) free.push([code, code]);
  }
  return free;
}
