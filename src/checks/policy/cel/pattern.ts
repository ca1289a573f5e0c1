import { compileRegexp, RegexpError } from '../values/regexp.ts';
import { CelError, evaluationError } from './error.ts';

/** The longest text that a pattern is held against. */
const MAX_TEXT = 5_000_000;

/** Whether any part of a text matches a pattern in RE2's syntax. */
export function matchesPattern(text: string, pattern: string): boolean {
  if (text.length > MAX_TEXT) throw new CelError('work', 'the text is too long to match');
  return regexpOf(pattern).matches(text);
}

/** A pattern compiled. Throws an error of the evaluation where RE2 refuses it. */
export function regexpOf(pattern: string): ReturnType<typeof compileRegexp> {
  try {
    return compileRegexp(pattern);
  } catch (cause) {
    if (cause instanceof RegexpError && cause.isOurs) throw new CelError('work', cause.message);
    throw evaluationError(cause instanceof Error ? cause.message : 'error parsing regexp');
  }
}
