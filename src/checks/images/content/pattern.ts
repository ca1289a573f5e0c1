import type { RE2JS } from 're2js';
import type { TextRule } from './settings.ts';

export type Matches = (text: string) => boolean;

/**
 * Whether a text is one of those that rules name. An expression must match the whole text: of one that matches anywhere,
 * `https://evil.example/?https://github.com/me/app` is a match too. Throws what RE2 says of an expression.
 */
export async function anyOf(rules: readonly TextRule[]): Promise<Matches> {
  const exact = new Set(rules.filter((rule) => typeof rule === 'string'));
  const written = rules.flatMap((rule) => (typeof rule === 'string' ? [] : [rule.regExp]));
  if (written.length === 0) return (text) => exact.has(text);
  const { RE2JS } = await import('re2js');
  const compiled: RE2JS[] = written.map((text) => RE2JS.compile(text));
  return (text) => exact.has(text) || compiled.some((each) => each.matches(text));
}

/** Whether a text is matched whole by a pattern of characters and `*`, in any case. Takes time linear in both. */
export function wildcard(pattern: string): Matches {
  const parts = pattern.toLowerCase().split('*');
  const [first = '', ...rest] = parts;
  const last = rest.pop();
  if (last === undefined) return (text) => text.toLowerCase() === first;
  return (given) => {
    const text = given.toLowerCase();
    if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false;
    let at = first.length;
    const end = text.length - last.length;
    for (const part of rest) {
      const found = text.indexOf(part, at);
      if (found < 0 || found + part.length > end) return false;
      at = found + part.length;
    }
    return true;
  };
}
