import { compileRegexp, type Regexp, RegexpError } from '../../../values/regexp.ts';
import { parseSemver, semverRange } from '../../../values/semver.ts';
import { matchesWildcard } from '../../../values/wildcard.ts';
import { invalidCall, JmesError } from '../error.ts';
import type { JmesFunction, Run } from '../function.ts';
import { equals, isMap, type Value } from '../value.ts';
import { scalarText } from './scalar-text.ts';
import { spendOnText } from './standard.ts';

const text = ['string'] as const;
const scalar = ['string', 'number'] as const;

/** Kyverno's functions that match texts, labels and versions. */
export const expressions: readonly JmesFunction[] = [
  {
    name: 'regex_match',
    parameters: [text, scalar],
    call: ([source, value], run) => {
      const subject = scalarText(value as Value) ?? '';
      spendOnText(run, subject.length * 16);
      return regexp('regex_match', source as string).matches(subject);
    },
  },
  {
    name: 'regex_replace_all',
    parameters: [text, scalar, scalar],
    call: (given, run) => replaceAll('regex_replace_all', given, false, run),
  },
  {
    name: 'regex_replace_all_literal',
    parameters: [text, scalar, scalar],
    call: (given, run) => replaceAll('regex_replace_all_literal', given, true, run),
  },
  {
    name: 'pattern_match',
    parameters: [text, scalar],
    call: ([pattern, value]) => matchesWildcard(pattern as string, scalarText(value as Value) ?? ''),
  },
  {
    name: 'label_match',
    parameters: [['object'], ['object']],
    call: ([wanted, labels]) => hasAll(labels as Value, wanted as Value),
  },
  {
    name: 'semver_compare',
    parameters: [text, text],
    call: ([version, range]) => inRange(version as string, range as string),
  },
];

function regexp(name: string, source: string): Regexp {
  try {
    return compileRegexp(source);
  } catch (error) {
    if (!(error instanceof RegexpError)) throw error;
    // What RE2 would take and this gate would not is no answer; what RE2 refuses is one of upstream's own errors.
    if (error.isOurs) throw new JmesError('limit', `JMESPath function '${name}': ${error.message}`, { cause: error });
    throw invalidCall(name, error.message);
  }
}

function replaceAll(name: string, given: readonly Value[], literal: boolean, run: Run): string {
  const [source, value, by] = given;
  const subject = scalarText(value as Value) ?? '';
  const template = scalarText(by as Value) ?? '';
  // A match for every character at worst; what a group captured is part of its match, so all matches hold no more of it
  // than the text does.
  const repeated = literal ? 0 : template.split('$').length - 1;
  spendOnText(run, (subject.length + 1) * template.length + (repeated + 1) * subject.length);
  return regexp(name, source as string).replaceAll(subject, template, literal);
}

function hasAll(labels: Value, wanted: Value): boolean {
  if (!isMap(labels) || !isMap(wanted)) return false;
  return Object.keys(wanted).every(
    (key) => Object.hasOwn(labels, key) && equals(labels[key] as Value, wanted[key] as Value),
  );
}

/** What is no version counts as 0.0.0; what is no range is an error. */
function inRange(version: string, range: string): boolean {
  const test = semverRange(range);
  if (test === undefined) throw invalidCall('semver_compare', `Could not parse Range ${JSON.stringify(range)}`);
  const parsed = parseSemver(version) ?? parseSemver('0.0.0');
  return parsed !== undefined && test(parsed);
}
