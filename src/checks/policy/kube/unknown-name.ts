import type { PolicyRequest } from './request.ts';

/** How a pattern stands to a name that is not known whole. */
export type NameAnswer = 'yes' | 'no' | 'unknown';

/** What a cluster adds to a prefix is never shorter: the number of a StatefulSet's Pod. */
const shortest = 1;

/**
 * Whether a name that begins with the prefix and goes on would fit a pattern with the wildcards `*` and `?`: every such
 * name, none, or some of them. Where in doubt it is `unknown`.
 */
export function fitsMadeUpName(pattern: string, prefix: string): NameAnswer {
  // All the places in the pattern where one can be after the prefix.
  let places = afterStars(pattern, new Set([0]));
  for (const character of prefix) {
    const next = new Set<number>();
    for (const at of places) {
      if (pattern[at] === '*') next.add(at);
      else if (pattern[at] === '?' || pattern.startsWith(character, at)) {
        next.add(at + (pattern[at] === '?' ? 1 : character.length));
      }
    }
    if (next.size === 0) return 'no';
    places = afterStars(pattern, next);
  }
  const rests = [...places].map((at) => pattern.slice(at)).filter((rest) => rest !== '');
  if (rests.some(fitsEverything)) return 'yes';
  return rests.length === 0 ? 'no' : 'unknown';
}

/** A star also stands for nothing. */
function afterStars(pattern: string, places: ReadonlySet<number>): ReadonlySet<number> {
  const all = new Set(places);
  for (const place of places) {
    for (let at = place; pattern[at] === '*'; at += 1) all.add(at + 1);
  }
  return all;
}

function fitsEverything(rest: string): boolean {
  return rest.includes('*') && /^[*?]+$/.test(rest) && rest.replaceAll('*', '').length <= shortest;
}

/** The answer of several patterns, one of which has to fit. */
export function fitsOne(patterns: readonly string[], prefix: string): NameAnswer {
  const answers = patterns.map((pattern) => fitsMadeUpName(pattern, prefix));
  if (answers.includes('yes')) return 'yes';
  return answers.includes('unknown') ? 'unknown' : 'no';
}

/** Why nobody can say whether a rule that goes by names is about it. */
export function unknownName({ kind, namePrefix = '' }: PolicyRequest): string {
  return `the rule goes by names, and the cluster makes up that of this ${kind.kind}: ${namePrefix}…`;
}
