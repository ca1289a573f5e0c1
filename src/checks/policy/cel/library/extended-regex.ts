import { LIST_COST } from '../cost.ts';
import type { FunctionDeclaration } from '../declaration.ts';
import { CelError, evaluationError } from '../error.ts';
import { regexpOf } from '../pattern.ts';
import { INT, listOf, optionalOf, STRING } from '../types.ts';
import { ArrayList, type CelList, CelOptional } from '../values.ts';
import { checkSize, declare, extracting, ifResolved, overload } from './overload.ts';

/** `regex.extract`, `regex.extractAll` and `regex.replace`. */
export const EXTENDED_REGEX_FUNCTIONS: readonly FunctionDeclaration[] = [
  declare(
    'regex.extract',
    ifResolved(
      overload('regex_extract_string_string', [STRING, STRING], optionalOf(STRING), extract, extracting(0, Math.ceil)),
    ),
  ),
  declare(
    'regex.extractAll',
    ifResolved(
      overload(
        'regex_extractAll_string_string',
        [STRING, STRING],
        listOf(STRING),
        extractAll,
        extracting(LIST_COST, Math.ceil),
      ),
    ),
  ),
  declare(
    'regex.replace',
    ifResolved(
      overload(
        'regex_replace_string_string_string',
        [STRING, STRING, STRING],
        STRING,
        (text: string, pattern: string, template: string) => replace(text, pattern, template, -1n),
        extracting(0, Math.trunc),
      ),
    ),
    ifResolved(
      overload(
        'regex_replace_string_string_string_int',
        [STRING, STRING, STRING, INT],
        STRING,
        replace,
        extracting(0, Math.trunc),
      ),
    ),
  ),
];

function atMostOneGroup(pattern: string): ReturnType<typeof regexpOf> {
  const compiled = regexpOf(pattern);
  if (compiled.groupCount > 1) {
    throw evaluationError(`regular expression has more than one capturing group: ${JSON.stringify(pattern)}`);
  }
  return compiled;
}

/** The first match, or what its group caught; nothing where the group caught nothing. */
function extract(text: string, pattern: string): CelOptional {
  const compiled = atMostOneGroup(pattern);
  const [match] = compiled.findAllGroups(text, 1);
  if (match === undefined) return CelOptional.none;
  if (compiled.groupCount === 0) return CelOptional.of(match[0] ?? '');
  return match[1] ? CelOptional.of(match[1]) : CelOptional.none;
}

/** An empty pattern matches before every character. */
const MAX_MATCHES = 1_000_000;

function extractAll(text: string, pattern: string): CelList {
  const compiled = atMostOneGroup(pattern);
  const matches = compiled.findAllGroups(text, MAX_MATCHES + 1);
  if (matches.length > MAX_MATCHES) throw new CelError('work', `more than ${MAX_MATCHES} matches`);
  if (compiled.groupCount === 0) return new ArrayList(matches.map(([match]) => match ?? ''));
  return new ArrayList(matches.flatMap(([, group]) => (group ? [group] : [])));
}

/** In the replacement `\1` is a group, and `\\` a backslash. */
function replace(text: string, pattern: string, template: string, limit: bigint): string {
  if (limit === 0n) return text;
  const compiled = regexpOf(pattern);
  let size = text.length;
  const expanded = (groups: readonly (string | undefined)[]): string => {
    const made = expand(template, groups, compiled.groupCount);
    size += made.length;
    checkSize(size);
    return made;
  };
  const count = limit < 0n ? -1 : Number(limit < 2n ** 31n ? limit : 2n ** 31n);
  return compiled.replaceEach(text, expanded, count);
}

function expand(template: string, groups: readonly (string | undefined)[], groupCount: number): string {
  return template.replace(/\\([\s\S]?)/gu, (_, next: string) => {
    if (next === '') throw evaluationError(`invalid replacement string: '${template}' \\ not allowed at end`);
    if (next === '\\') return '\\';
    if (!/^[0-9]$/.test(next)) {
      throw evaluationError(`invalid replacement string: '${template}' \\ must be followed by a digit or \\`);
    }
    if (Number(next) > groupCount) {
      throw evaluationError(`replacement string references group ${next} but regex has only ${groupCount} group(s)`);
    }
    return groups[Number(next)] ?? '';
  });
}
