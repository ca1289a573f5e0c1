/**
 * Semantic versions as blang/semver reads them: strict `major.minor.patch`, numbers of 64 bits, no leading zeros.
 * Kubernetes' CEL library and Kyverno both stand on that library.
 */
export interface Semver {
  readonly major: bigint;
  readonly minor: bigint;
  readonly patch: bigint;
  /** Identifiers after `-`; those made of digits are numbers. */
  readonly prerelease: readonly (bigint | string)[];
  /** Identifiers after `+`; they never count in comparisons. */
  readonly build: readonly string[];
}

const maxUint64 = 2n ** 64n - 1n;
const digits = /^[0-9]+$/;
const identifier = /^[0-9A-Za-z-]+$/;

/** Reads a version; undefined where it is none. */
export function parseSemver(text: string): Semver | undefined {
  const first = text.indexOf('.');
  const second = text.indexOf('.', first + 1);
  if (first < 0 || second < 0) return undefined;
  let rest = text.slice(second + 1);
  const plus = rest.indexOf('+');
  const build = plus < 0 ? [] : rest.slice(plus + 1).split('.');
  if (plus >= 0) rest = rest.slice(0, plus);
  const minus = rest.indexOf('-');
  const prerelease =
    minus < 0
      ? []
      : rest
          .slice(minus + 1)
          .split('.')
          .map(readIdentifier);
  if (minus >= 0) rest = rest.slice(0, minus);
  const major = readNumber(text.slice(0, first));
  const minor = readNumber(text.slice(first + 1, second));
  const patch = readNumber(rest);
  if (major === undefined || minor === undefined || patch === undefined) return undefined;
  if (!build.every((part) => identifier.test(part)) || !prerelease.every((part) => part !== undefined))
    return undefined;
  return { major, minor, patch, prerelease, build };
}

/**
 * Reads a version in the tolerant way of Kubernetes' `semver(text, true)`: a `v` before it, leading zeros and missing
 * minor and patch numbers are mended.
 */
export function parseSemverTolerantly(text: string): Semver | undefined {
  const mended = mendSemver(text);
  return mended === undefined ? undefined : parseSemver(mended);
}

/** The version with what is tolerated mended; undefined where it is short, and has more than numbers. */
export function mendSemver(text: string): string | undefined {
  const parts = splitInThree(text.startsWith('v') ? text.slice(1) : text).map(withoutLeadingZeros);
  if (parts.length < 3) {
    if (/[+-]/.test(parts.at(-1) ?? '')) return undefined;
    while (parts.length < 3) parts.push('0');
  }
  return parts.join('.');
}

/** Why a text is no version, in the words of the library. `quote` writes the part that is wrong. */
export function whyNoSemver(text: string, quote: (part: string) => string): string {
  if (text === '') return 'Version string empty';
  const parts = splitInThree(text);
  if (parts.length < 3) return 'No Major.Minor.Patch elements found';
  const [major = '', minor = '', rest = ''] = parts;
  const [beforeBuild = '', ...build] = rest.split('+');
  const [patch = '', ...prerelease] = beforeBuild.split('-');
  for (const [name, number] of [
    ['major', major],
    ['minor', minor],
    ['patch', patch],
  ] as const) {
    const title = name.charAt(0).toUpperCase() + name.slice(1);
    if (/[^0-9]/.test(number)) return `Invalid character(s) found in ${name} number ${quote(number)}`;
    if (number.length > 1 && number.startsWith('0'))
      return `${title} number must not contain leading zeroes ${quote(number)}`;
    if (readNumber(number) === undefined) return badNumber(number, quote);
  }
  for (const part of beforeBuild.includes('-') ? prerelease.join('-').split('.') : []) {
    if (part === '') return 'Prerelease is empty';
    if (digits.test(part) && part.length > 1 && part.startsWith('0')) {
      return `Numeric PreRelease version must not contain leading zeroes ${quote(part)}`;
    }
    if (digits.test(part) && readNumber(part) === undefined) return badNumber(part, quote);
    if (!identifier.test(part)) return `Invalid character(s) found in prerelease ${quote(part)}`;
  }
  for (const part of build.join('+').split('.')) {
    if (part === '') return 'Build meta data is empty';
    if (!identifier.test(part)) return `Invalid character(s) found in build meta data ${quote(part)}`;
  }
  return 'invalid version';
}

function badNumber(text: string, quote: (part: string) => string): string {
  return `strconv.ParseUint: parsing ${quote(text)}: ${text === '' ? 'invalid syntax' : 'value out of range'}`;
}

function splitInThree(text: string): string[] {
  const first = text.indexOf('.');
  if (first < 0) return [text];
  const second = text.indexOf('.', first + 1);
  if (second < 0) return [text.slice(0, first), text.slice(first + 1)];
  return [text.slice(0, first), text.slice(first + 1, second), text.slice(second + 1)];
}

function withoutLeadingZeros(part: string): string {
  if (part.length <= 1) return part;
  const stripped = part.replace(/^0+/, '');
  return /^[0-9]/.test(stripped) ? stripped : `0${stripped}`;
}

function readNumber(text: string): bigint | undefined {
  if (!digits.test(text) || (text.length > 1 && text.startsWith('0')) || text.length > 20) return undefined;
  const value = BigInt(text);
  return value > maxUint64 ? undefined : value;
}

function readIdentifier(text: string): bigint | string | undefined {
  if (digits.test(text)) return readNumber(text);
  return identifier.test(text) ? text : undefined;
}

/** The precedence of semver.org; build metadata does not count. */
export function compareSemver(a: Semver, b: Semver): -1 | 0 | 1 {
  const core = order(a.major, b.major) || order(a.minor, b.minor) || order(a.patch, b.patch);
  if (core !== 0) return core;
  if (a.prerelease.length === 0 || b.prerelease.length === 0) return order(b.prerelease.length, a.prerelease.length);
  for (const [i, left] of a.prerelease.entries()) {
    const right = b.prerelease[i];
    if (right === undefined) return 1;
    const compared = compareIdentifiers(left, right);
    if (compared !== 0) return compared;
  }
  return a.prerelease.length < b.prerelease.length ? -1 : 0;
}

function compareIdentifiers(a: bigint | string, b: bigint | string): -1 | 0 | 1 {
  if (typeof a !== typeof b) return typeof a === 'bigint' ? -1 : 1;
  return order(a, b);
}

function order<Value extends bigint | number | string>(a: Value, b: Value): -1 | 0 | 1 {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function formatSemver(version: Semver): string {
  const prerelease = version.prerelease.length === 0 ? '' : `-${version.prerelease.join('.')}`;
  const build = version.build.length === 0 ? '' : `+${version.build.join('.')}`;
  return `${version.major}.${version.minor}.${version.patch}${prerelease}${build}`;
}

type Test = (version: Semver) => boolean;

/**
 * Reads a range such as `>=1.0.0 <2.0.0 || 3.x`: blanks mean and, `||` means or, and binds less. Undefined where
 * blang/semver refuses it, or would fall over it.
 */
export function semverRange(text: string): Test | undefined {
  // No letter beyond ASCII is part of any version or operator.
  if (/[^\x20-\x7e]/.test(text)) return undefined;
  const alternatives: Test[] = [];
  let terms: string[] = [];
  const words = splitWords(text);
  for (const word of [...words, '||']) {
    if (word !== '||') {
      terms.push(word);
      continue;
    }
    if (terms.length === 0) return undefined;
    const tests = terms.flatMap(expandWildcard).map(readComparison);
    if (!tests.every((test) => test !== undefined)) return undefined;
    alternatives.push((version) => tests.every((test) => test(version)));
    terms = [];
  }
  return (version) => alternatives.some((alternative) => alternative(version));
}

/** Words at blanks, except after `>`, `<` and `=`. A word of a single letter is lost, as upstream loses it. */
function splitWords(text: string): string[] {
  const words: string[] = [];
  let start = 0;
  let last = '';
  for (let i = 0; i < text.length; i++) {
    const letter = text.charAt(i);
    if (letter !== ' ') {
      last = letter;
    } else if (last !== '>' && last !== '<' && last !== '=') {
      if (start < i - 1) words.push(text.slice(start, i));
      start = i + 1;
    }
  }
  if (start < text.length - 1) words.push(text.slice(start));
  return words.map((word) => word.replaceAll(' ', ''));
}

function splitOperator(term: string): readonly [string, string] | undefined {
  const at = term.search(/[0-9]/);
  return at < 0 ? undefined : [term.slice(0, at), term.slice(at)];
}

/** `1.2.x` in comparisons of whole versions. A term that cannot be read stays as it is, and is refused later. */
function expandWildcard(term: string): string[] {
  if (!term.includes('x')) return [term];
  const split = splitOperator(term);
  if (split === undefined) return [term];
  const [operator, version] = split;
  const parts = version.split('.');
  const wildcard = parts.at(-1) === 'x' ? parts.length : 0;
  let low = version.replace('.x.x', '.x').replace('.x', '.0');
  if (low.split('.').length === 2) low += '.0';
  const high = wildcard === 3 ? incremented(low, 1) : wildcard === 2 ? incremented(low, 0) : '';
  switch (operator) {
    case '>':
      return [`>=${high}`];
    case '>=':
      return [`>=${low}`];
    case '<':
      return [`<${low}`];
    case '<=':
      return [`<${high}`];
    case '':
    case '=':
    case '==':
      return [`>=${low}`, `<${high}`];
    case '!=':
    case '!':
      return [`<${low}`, `>=${high}`];
    default:
      // Any other operator is dropped together with the wildcard.
      return [low];
  }
}

function incremented(version: string, index: number): string {
  const parts = version.split('.');
  const part = parts[index];
  if (part === undefined || !digits.test(part)) return '';
  parts[index] = (BigInt(part) + 1n).toString();
  return parts.join('.');
}

function readComparison(term: string): Test | undefined {
  const split = splitOperator(term);
  const version = split && parseSemver(split[1]);
  if (split === undefined || version === undefined) return undefined;
  switch (split[0]) {
    case '':
    case '=':
    case '==':
      return (other) => compareSemver(other, version) === 0;
    case '!':
    case '!=':
      return (other) => compareSemver(other, version) !== 0;
    case '>':
      return (other) => compareSemver(other, version) > 0;
    case '>=':
      return (other) => compareSemver(other, version) >= 0;
    case '<':
      return (other) => compareSemver(other, version) < 0;
    case '<=':
      return (other) => compareSemver(other, version) <= 0;
    default:
      return undefined;
  }
}
