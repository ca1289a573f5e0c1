import { RE2JS } from 're2js';
import { GateError } from '../core/errors.ts';

/** A compiled glob. */
export type Glob = (text: string) => boolean;

/**
 * A glob over whole paths as Argo CD's directory sources read them (github.com/gobwas/glob without separators): `*` and
 * `**` match any text, slashes too, `?` one character, `[abc]`, `[!abc]`, `[a-z]` a class, `{a,b}` one of several.
 * Throws PARAMETER_INVALID where the pattern is not closed.
 */
export function pathGlob(pattern: string): Glob {
  return compile(pattern, '.*', '.');
}

/**
 * A glob over one name of a path, as doublestar reads it: as above, but nothing matches a slash, and a class may also be
 * negated with `^`.
 */
export function nameGlob(pattern: string): Glob {
  return compile(pattern, '[^/]*', '[^/]');
}

function compile(pattern: string, any: string, one: string): Glob {
  let source = '';
  let open = 0;
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at] as string;
    if (character === '\\') {
      at += 1;
      source += RE2JS.quote(pattern[at] ?? '\\');
    } else if (character === '*') {
      source += source.endsWith(any) ? '' : any;
    } else if (character === '?') source += one;
    else if (character === '[') {
      const end = pattern.indexOf(']', at + 2);
      if (end < 0) throw notClosed(pattern, '[');
      const inside = pattern.slice(at + 1, end);
      const negated = inside.startsWith('!') || inside.startsWith('^');
      const members = (negated ? inside.slice(1) : inside).replace(/[\\[\]^&~]/g, '\\$&');
      source += `[${negated ? '^' : ''}${members}]`;
      at = end;
    } else if (character === '{') {
      open += 1;
      source += '(?:';
    } else if (character === '}' && open > 0) {
      open -= 1;
      source += ')';
    } else if (character === ',' && open > 0) source += '|';
    else source += RE2JS.quote(character);
  }
  if (open > 0) throw notClosed(pattern, '{');
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(source, RE2JS.DOTALL);
  } catch (error) {
    throw new GateError('PARAMETER_INVALID', `${JSON.stringify(pattern)} is not a pattern`, { cause: error });
  }
  return (text) => compiled.matches(text);
}

function notClosed(pattern: string, bracket: string): GateError {
  return new GateError('PARAMETER_INVALID', `the pattern ${JSON.stringify(pattern)} does not close its ${bracket}`);
}
