import { GateError } from '../../../../core/errors.ts';
import type { ImageScope } from '../model.ts';

/** Longer than any image name with a digest. */
const maxLength = 1024;
/** Stands for a hex digit that is not known; no name holds it. */
const anyHex = '\u0000';

/**
 * A pattern as Kyverno means it: `*` is anything (a slash too), `?` one character, everything else itself, and the
 * whole text must match. Throws IMAGE_POLICY_INVALID for one that is longer than any name.
 */
export function checkWildcard(pattern: string): string {
  if (pattern.length > maxLength) {
    throw new GateError('IMAGE_POLICY_INVALID', `the pattern is longer than ${maxLength} characters`);
  }
  return pattern;
}

/** Whether the whole text matches. It costs the product of both lengths at most, whatever the pattern. */
export function matchesWildcard(pattern: string, text: string): boolean {
  return matches([...pattern], [...text], (literal, character) => literal === character);
}

function matches(
  pattern: readonly string[],
  text: readonly string[],
  same: (literal: string, character: string) => boolean,
): boolean {
  let at = 0;
  let i = 0;
  /** Where the last star stands, and how far the text was read when it was met: the one place to come back to. */
  let star = -1;
  let from = 0;
  while (i < text.length) {
    const token = pattern[at];
    if (token === '*') {
      star = at++;
      from = i;
    } else if (token !== undefined && (token === '?' || same(token, text[i] ?? ''))) {
      at++;
      i++;
    } else if (star >= 0) {
      at = star + 1;
      i = ++from;
    } else {
      return false;
    }
  }
  while (pattern[at] === '*') at++;
  return at === pattern.length;
}

/**
 * The images that `imageReferences` take and `skipImageReferences` leave. Kyverno compares the text as somebody wrote
 * it, so an official image of Docker Hub goes by two names there (`docker.io/nginx` and `docker.io/library/nginx`): it is
 * in if either of them is, because whoever writes a manifest could choose.
 */
export function wildcardScope(references: readonly string[], skipped: readonly string[]): ImageScope {
  const kept = references.map(withoutAlias);
  const left = skipped.map(withoutAlias);
  const isIn = (name: string) =>
    kept.some((each) => matchesWildcard(each, name)) && !left.some((each) => matchesWildcard(each, name));
  return {
    text: `${references.join(', ')}${skipped.length === 0 ? '' : `, but not ${skipped.join(', ')}`}`,
    matches: (canonicalName) => kyvernoNames(canonicalName).some(isIn),
    couldMatchDigest: (repositoryName) =>
      kyvernoNames(repositoryName).some((repository) => {
        const name = [...`${repository}@sha256:`, ...new Array<string>(64).fill(anyHex)];
        const could = (each: string) => matches([...each], name, couldBe);
        // What takes digits that nobody knows leaves out every digest.
        const must = (each: string) => matches([...each], name, (literal, character) => literal === character);
        return kept.some(could) && !left.some(must);
      }),
  };
}

function couldBe(literal: string, character: string): boolean {
  return character === anyHex ? /^[0-9a-f]$/.test(literal) : literal === character;
}

const dockerHub = 'index.docker.io/';
const aliases = /^(?:index\.docker\.io|registry-1\.docker\.io|registry\.hub\.docker\.com)\//;

/** Docker Hub under the name that Kyverno gives it; its other names are the same registry. */
function withoutAlias(pattern: string): string {
  return pattern.replace(aliases, 'docker.io/');
}

function kyvernoNames(canonicalName: string): string[] {
  if (!canonicalName.startsWith(dockerHub)) return [canonicalName];
  const path = canonicalName.slice(dockerHub.length);
  const written = `docker.io/${path}`;
  const official = path.startsWith('library/') && !path.slice('library/'.length).includes('/');
  return official ? [written, `docker.io/${path.slice('library/'.length)}`] : [written];
}

/** What an author probably did not mean; Kyverno loads all of these without a word. Each is a clause. */
export function wildcardHazards(references: readonly string[], skipped: readonly string[]): string[] {
  const clauses: string[] = [];
  for (const pattern of [...references, ...skipped]) {
    const shown = JSON.stringify(pattern);
    const [host = ''] = pattern.split('/');
    const hasHost = /[.:*?]/.test(host) || host === 'localhost';
    if (!hasHost) {
      clauses.push(
        `the pattern ${shown} can match nothing: names begin with their host, those of Docker Hub with docker.io/`,
      );
    } else if (!/[*?]/.test(host) && (/[A-Z]/.test(host) || host.endsWith('.') || host.endsWith(':443'))) {
      clauses.push(
        `the pattern ${shown} can match nothing: hosts are compared in lower case, without a trailing dot or :443`,
      );
    } else if (pattern !== '*' && !pattern.includes('/') && /[*?]/.test(pattern)) {
      clauses.push(`the pattern ${shown} leaves the end of the host open, so anybody can register one that matches`);
    }
  }
  for (const pattern of references) {
    const [head = ''] = pattern.split(/[*?]/);
    if (head.includes('/') && pattern.startsWith(`${head}*`) && !/[/:@]$/.test(head)) {
      clauses.push(
        `the pattern ${JSON.stringify(pattern)} also matches names that merely begin alike, such as ${head}-other/…`,
      );
    }
    if (/:[^/*?@]+$/.test(pattern.slice(pattern.indexOf('/') + 1))) {
      clauses.push(
        `the pattern ${JSON.stringify(pattern)} names a tag, and an image with a digest has none for policies: it does not match those`,
      );
    }
  }
  for (const pattern of skipped) {
    if (/:[^/*?@]*[^/*?@:][^/@]*$/.test(pattern.slice(pattern.indexOf('/') + 1))) {
      clauses.push(
        `the pattern ${JSON.stringify(pattern)} skips a tag, and a tag is judged by its digest too: it skips nothing unless another pattern skips the digest`,
      );
    }
  }
  return clauses;
}
