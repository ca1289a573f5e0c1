import { GateError } from '../../../core/errors.ts';
import type { ImageScope } from './model.ts';

/**
 * An image glob as sigstore's policy-controller means it (pkg/apis/glob): `*` is anything but a slash, `**` anything at
 * all, every other character itself, and the whole name must match. It is matched by a table and not by a RegExp, so
 * no policy text becomes a pattern and no name makes it backtrack.
 */
export interface Glob {
  /** As written in the policy. */
  readonly text: string;
  readonly tokens: readonly Token[];
}

type Token = '*' | '**' | { readonly literal: string };

/** Longer than any image name with a digest; the table costs the product of both lengths. */
const maxGlobLength = 1024;

/** Throws IMAGE_POLICY_INVALID for characters that upstream refuses too. */
export function parseGlob(text: string): Glob {
  if (text.length > maxGlobLength) {
    throw new GateError('IMAGE_POLICY_INVALID', `the glob is longer than ${maxGlobLength} characters`);
  }
  if (!/^[a-zA-Z0-9_:/*.@-]+$/.test(text)) {
    throw new GateError(
      'IMAGE_POLICY_INVALID',
      `${JSON.stringify(text)} is not a glob: letters, digits and - _ : / * . @`,
    );
  }
  return { text, tokens: tokenize(expandShorthand(text)) };
}

/** The two patterns that upstream reads as Docker Hub, and not as everything. */
function expandShorthand(text: string): string {
  if (text === '*') return 'index.docker.io/library/*';
  if (text === '*/*') return 'index.docker.io/*/*';
  return text;
}

function tokenize(text: string): Token[] {
  return (text.match(/\*\*|\*|[^*]+/g) ?? []).flatMap((part): Token[] =>
    part === '*' || part === '**' ? [part] : [...part].map((literal) => ({ literal })),
  );
}

/** The images that a glob names. */
export function globScope(glob: Glob): ImageScope {
  return {
    text: glob.text,
    matches: (name) => matchesGlob(glob, name),
    couldMatchDigest: (repository) => couldMatchDigest(glob, repository),
  };
}

/** Whether the glob matches a canonical name, whole. */
export function matchesGlob(glob: Glob, canonicalName: string): boolean {
  return matches(glob, [...canonicalName], (character, literal) => character === literal);
}

/** Whether some digest of this repository would match: whether a tag must be resolved to know. */
export function couldMatchDigest(glob: Glob, repositoryName: string): boolean {
  const anyHex = '\u0000';
  const name = [...`${repositoryName}@sha256:`, ...new Array<string>(64).fill(anyHex)];
  return matches(glob, name, (character, literal) =>
    character === anyHex ? /^[0-9a-f]$/.test(literal) : character === literal,
  );
}

function matches(glob: Glob, name: readonly string[], same: (character: string, literal: string) => boolean): boolean {
  // Most globs begin with a host, and most names with another: the table is only made for what is left.
  let literals = 0;
  for (const token of glob.tokens) {
    if (typeof token === 'string') break;
    const character = name[literals];
    if (character === undefined || !same(character, token.literal)) return false;
    literals += 1;
  }
  const rest = name.slice(literals);
  /** `reached[i]`: the tokens so far match the first i characters of the rest. */
  let reached = [true, ...rest.map(() => false)];
  for (const token of glob.tokens.slice(literals)) {
    const next = reached.map(() => false);
    for (let i = 0; i <= rest.length; i++) {
      const character = rest[i - 1];
      if (typeof token === 'object') {
        next[i] = character !== undefined && reached[i - 1] === true && same(character, token.literal);
      } else {
        const longer = character !== undefined && next[i - 1] === true && (token === '**' || character !== '/');
        next[i] = reached[i] === true || longer;
      }
    }
    reached = next;
  }
  return reached[rest.length] === true;
}

/**
 * What an author probably did not mean; upstream loads all of these without a word. Each is a full clause.
 */
export function globHazards(glob: Glob): string[] {
  const { text } = glob;
  if (text === '*' || text === '*/*') {
    return [`the glob ${JSON.stringify(text)} means Docker Hub alone (${expandShorthand(text)}), not every image`];
  }
  const hazards: string[] = [];
  const literal = text.split('*')[0] ?? '';
  const [first = ''] = text.split('/');
  const path = text.slice(first.length + 1);
  if (!first.includes('*') && text.includes('/') && !/[.:]/.test(first) && first !== 'localhost') {
    hazards.push(`the glob ${JSON.stringify(text)} can match nothing: names of Docker Hub begin with index.docker.io/`);
  } else if (!text.includes('*') && !text.includes('/')) {
    hazards.push(`the glob ${JSON.stringify(text)} can match nothing: official images are index.docker.io/library/…`);
  } else if (first === 'docker.io') {
    hazards.push(
      `the glob ${JSON.stringify(text)} can match nothing: Docker Hub is called index.docker.io in policies`,
    );
  } else if (!first.includes('*') && neverCanonical(first)) {
    hazards.push(
      `the glob ${JSON.stringify(text)} can match nothing: hosts are compared in lower case, without a trailing dot or :443`,
    );
  }
  if (/:[^/*]*[^/*:]/.test(path) && !text.includes('@')) {
    hazards.push(
      `the glob ${JSON.stringify(text)} names a tag, and a reference with a digest has none for policies: it does not match those`,
    );
  }
  if (text.includes('**') && text.startsWith(`${literal}**`) && literal !== '' && !/[/:@]$/.test(literal)) {
    const example = literal.includes('/') ? `${literal}-other/…` : `${literal}.other.example/…`;
    hazards.push(`the glob ${JSON.stringify(text)} also matches names that merely begin alike, such as ${example}`);
  } else if (!literal.includes('/') && literal !== '' && text.startsWith(`${literal}*`)) {
    hazards.push(
      `the glob ${JSON.stringify(text)} leaves the end of the host open, so anybody can register one that matches`,
    );
  }
  return hazards;
}

function neverCanonical(host: string): boolean {
  return (
    /[A-Z]/.test(host) ||
    host.endsWith('.') ||
    /\.(?:.*):443$/.test(host) ||
    host === 'registry-1.docker.io' ||
    host === 'registry.hub.docker.com'
  );
}
