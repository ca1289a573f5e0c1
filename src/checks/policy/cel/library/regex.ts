import { compileRegexp, type Regexp, RegexpError } from '../../values/regexp.ts';
import type { FunctionDeclaration } from '../declaration.ts';
import { CelError, evaluationError } from '../error.ts';
import { INT, listOf, STRING } from '../types.ts';
import { ArrayList, type CelList } from '../values.ts';
import { declare, matching, method } from './overload.ts';

/** Kubernetes' `find` and `findAll`. */
export const REGEX_FUNCTIONS: readonly FunctionDeclaration[] = [
  declare('find', method('string_find_string', [STRING, STRING], STRING, find, matching)),
  declare(
    'findAll',
    method('string_find_all_string', [STRING, STRING], listOf(STRING), findAll, matching),
    method('string_find_all_string_int', [STRING, STRING, INT], listOf(STRING), findAll, matching),
  ),
];

/** The longest text that a pattern is held against. */
const MAX_TEXT = 5_000_000;

function compiled(text: string, pattern: string): Regexp {
  if (text.length > MAX_TEXT) throw new CelError('work', 'the text is too long to match');
  try {
    return compileRegexp(pattern);
  } catch (cause) {
    if (cause instanceof RegexpError && cause.isOurs) throw new CelError('work', cause.message);
    throw evaluationError(`Illegal regex: ${cause instanceof Error ? cause.message : 'unknown'}`);
  }
}

function find(text: string, pattern: string): string {
  return compiled(text, pattern).find(text) ?? '';
}

/** An empty pattern matches before every character, for nothing. */
const MAX_MATCHES = 1_000_000;

function findAll(text: string, pattern: string, limit = -1n): CelList {
  const wanted = limit < 0n || limit > BigInt(MAX_MATCHES) ? MAX_MATCHES + 1 : Number(limit);
  const found = compiled(text, pattern).findAll(text, wanted);
  if (found.length > MAX_MATCHES) throw new CelError('work', `more than ${MAX_MATCHES} matches`);
  return new ArrayList(found);
}
