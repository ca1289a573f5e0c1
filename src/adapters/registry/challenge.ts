/** One challenge of a WWW-Authenticate header. Scheme and parameter names are in lower case. */
export interface Challenge {
  readonly scheme: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/** Longer than any real header, short enough to read. */
const maxHeaderLength = 8192;

const space = /[\t ]*/y;
const comma = /[\t ,]*/y;
const token = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const quoted = /"((?:[^"\\]|\\.)*)"/y;

/**
 * The challenges of a WWW-Authenticate header (RFC 9110 §11.6.1), several in one header and quoted commas included. What
 * does not parse ends the list: the challenges before it stand. A repeated parameter makes its challenge unusable, because two
 * readers could take different ones.
 */
export function parseChallenges(header: string | undefined): readonly Challenge[] {
  if (header === undefined || header.length > maxHeaderLength) return [];
  const found: Challenge[] = [];
  let at = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const match = pattern.exec(header);
    if (match === null) return undefined;
    at = pattern.lastIndex;
    return match[1] ?? match[0];
  };

  take(comma);
  while (at < header.length) {
    const scheme = take(token);
    if (scheme === undefined) return found;
    const parameters = new Map<string, string>();
    let repeated = false;
    for (;;) {
      const before = at;
      take(comma);
      const name = take(token)?.toLowerCase();
      take(space);
      if (name === undefined || header[at] !== '=') {
        // A token without `=` is the scheme of the next challenge.
        at = before;
        break;
      }
      at += 1;
      take(space);
      const value = header[at] === '"' ? take(quoted)?.replaceAll(/\\(.)/g, '$1') : take(token);
      if (value === undefined) return found;
      repeated ||= parameters.has(name);
      parameters.set(name, value);
    }
    if (!repeated) found.push({ scheme: scheme.toLowerCase(), parameters: Object.fromEntries(parameters) });
    const before = at;
    take(comma);
    if (at === before) return found;
  }
  return found;
}
