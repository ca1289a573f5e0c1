import { type Matches, wildcard } from './pattern.ts';

/** A licence expression as the parser gives it. */
type Expression =
  | { readonly license: string; readonly plus?: true; readonly exception?: string }
  | { readonly left: Expression; readonly conjunction: 'and' | 'or'; readonly right: Expression };

/** What becomes of one licence text: nothing to say, denied (by which licence), or not an expression that is known. */
export type LicenseVerdict =
  | { readonly kind: 'free' }
  | { readonly kind: 'denied'; readonly by: string }
  | { readonly kind: 'unknown' };

/** Longer ones are not parsed: the parser takes its time and its stack by the length. */
const maxLength = 4000;

/**
 * Judges licence texts by denied ones. Of `A OR B` the user chooses, so both must be denied; of `A AND B` one will do.
 * `GPL-2.0` and `GPL-2.0+`, which SPDX has retired, are also called by their new names. A `LicenseRef-` is called by
 * the name that its document gives it as well.
 */
export async function licenseJudge(
  denied: readonly string[],
): Promise<(text: string, nameOf?: ReadonlyMap<string, string>) => LicenseVerdict> {
  const { default: parse } = await import('spdx-expression-parse');
  const patterns = denied.map(wildcard);
  const known = new Map<string, Expression | undefined>();
  const read = (text: string): Expression | undefined => {
    if (known.has(text)) return known.get(text);
    let expression: Expression | undefined;
    try {
      // The parser looks for words anywhere in what it does not know: only what can be in an expression gets there.
      if (text.length <= maxLength && /^[A-Za-z0-9 .:+()-]+$/.test(text)) expression = parse(text) as Expression;
    } catch {
      expression = undefined;
    }
    known.set(text, expression);
    return expression;
  };
  return (text, nameOf = new Map()) => {
    const expression = read(text);
    if (expression !== undefined) return verdictOf(expression, patterns, nameOf);
    // What is no expression may still be what a pattern means: "gpl-3.0", "GNU General Public License v3".
    return matchesAny([text], patterns) ? { kind: 'denied', by: text } : { kind: 'unknown' };
  };
}

function verdictOf(
  expression: Expression,
  patterns: readonly Matches[],
  nameOf: ReadonlyMap<string, string>,
): LicenseVerdict {
  if ('conjunction' in expression) {
    const left = verdictOf(expression.left, patterns, nameOf);
    const right = verdictOf(expression.right, patterns, nameOf);
    if (expression.conjunction === 'and') return [left, right].find(isDenied) ?? unknownIn(left, right);
    if (isDenied(left)) return isDenied(right) ? left : right;
    return isDenied(right) ? left : left.kind === 'free' ? left : right;
  }
  const names = namesOf(expression, nameOf);
  if (matchesAny(names, patterns)) return { kind: 'denied', by: names[0] ?? expression.license };
  // A reference without a name in the document says nothing that a list could be held against.
  return expression.license.includes('LicenseRef-') && names.length === 1 ? { kind: 'unknown' } : { kind: 'free' };
}

function isDenied(verdict: LicenseVerdict): boolean {
  return verdict.kind === 'denied';
}

function unknownIn(...verdicts: readonly LicenseVerdict[]): LicenseVerdict {
  return verdicts.find(({ kind }) => kind === 'unknown') ?? { kind: 'free' };
}

function namesOf(
  { license, plus, exception }: Extract<Expression, { license: string }>,
  nameOf: ReadonlyMap<string, string>,
): string[] {
  const written = `${license}${plus ? '+' : ''}`;
  const names = exception === undefined ? [written] : [`${written} WITH ${exception}`, written];
  if (/^(A|L)?GPL-\d|^GFDL-\d/.test(license) && !/-(only|or-later)$/.test(license)) {
    names.push(`${license}${plus ? '-or-later' : '-only'}`);
  }
  const named = nameOf.get(license);
  if (named !== undefined && named !== '') names.push(named);
  return names;
}

function matchesAny(names: readonly string[], patterns: readonly Matches[]): boolean {
  return patterns.some((matches) => names.some(matches));
}
