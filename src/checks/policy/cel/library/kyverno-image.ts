import type { FunctionDeclaration, Overload } from '../declaration.ts';
import { evaluationError, noSuchOverload } from '../error.ts';
import { abstractType, BOOL, type CelType, STRING } from '../types.ts';
import { CelObject, type CelValue } from '../values.ts';
import { declare, method, overload } from './overload.ts';
import { parseUrl } from './url-parts.ts';

const IMAGE = abstractType('kyverno.image');

/** An image reference taken apart as go-containerregistry does it: more is let through than a node could pull. */
interface Reference {
  readonly text: string;
  readonly registry: string;
  readonly repository: string;
  /** With a digest, the tag that was written before it; otherwise the tag, `latest` where there is none. */
  readonly tag: string;
  readonly digest: string;
}

/** An image reference as a value of the language. It can only be compared with another one. */
class CelImage extends CelObject {
  readonly reference: Reference;

  constructor(reference: Reference) {
    super();
    this.reference = reference;
  }

  override get type(): CelType {
    return IMAGE;
  }

  override equals(other: CelValue): boolean {
    if (!(other instanceof CelImage)) throw noSuchOverload();
    const [a, b] = [this.reference, other.reference];
    // The text counts too: it is a part of the value upstream.
    return a.text === b.text && a.registry === b.registry && a.repository === b.repository;
  }

  override toString(): string {
    return this.reference.text;
  }
}

/** Kyverno's functions of image references. */
export const KYVERNO_IMAGE_FUNCTIONS: readonly FunctionDeclaration[] = [
  declare('image', overload('string_to_image_deprecated', [STRING], IMAGE, toImage)),
  declare('parseImageReference', overload('string_to_image', [STRING], IMAGE, toImage)),
  declare(
    'isImage',
    overload('is_image_string', [STRING], BOOL, (text: string) => readReference(text) !== undefined),
  ),
  declare(
    'containsDigest',
    method('image_contains_digest', [IMAGE], BOOL, ({ reference }: CelImage) => reference.digest !== ''),
  ),
  declare(
    'registry',
    part('registry', ({ registry }) => registry),
  ),
  declare(
    'repository',
    part('repository', ({ repository }) => repository),
  ),
  declare(
    'tag',
    part('tag', ({ tag }) => tag),
  ),
  declare(
    'digest',
    part('digest', ({ digest }) => digest),
  ),
  declare('identifier', part('identifier', identifier)),
  declare(
    'identifierWithSeparator',
    part('identifier_with_separator', ({ tag, digest }) => (digest === '' ? `:${tag}` : `@${digest}`)),
  ),
];

function part(name: string, read: (reference: Reference) => string): Overload {
  return method(`image_${name}`, [IMAGE], STRING, ({ reference }: CelImage) => read(reference));
}

function identifier({ tag, digest }: Reference): string {
  if (digest === '') return tag;
  return tag === '' ? digest : `${tag}@${digest}`;
}

function toImage(text: string): CelImage {
  const reference = readReference(text);
  if (reference === undefined) throw evaluationError(`could not parse reference: ${text}`);
  return new CelImage(reference);
}

function readReference(text: string): Reference | undefined {
  return readTagged(text) ?? readDigested(text);
}

const isTag = /^[A-Za-z0-9_.-]{1,128}$/;

function readTagged(text: string): Reference | undefined {
  const colon = text.lastIndexOf(':');
  const hasTag = colon >= 0 && !text.slice(colon).includes('/');
  const tag = hasTag ? text.slice(colon + 1) : 'latest';
  const named = isTag.test(tag) ? readRepository(hasTag ? text.slice(0, colon) : text) : undefined;
  return named && { ...named, text, tag, digest: '' };
}

function readDigested(text: string): Reference | undefined {
  const [base = '', digest = '', ...more] = text.split('@');
  if (more.length > 0 || !/^sha256:[0-9a-f]{64}$/.test(digest)) return undefined;
  const named = readTagged(base) ?? readRepository(base);
  if (named === undefined) return undefined;
  const colon = base.lastIndexOf(':');
  const tag = colon >= 0 && colon > base.lastIndexOf('/') ? base.slice(colon + 1) : '';
  return { text, registry: named.registry, repository: named.repository, tag, digest };
}

const DOCKER_HUB = 'index.docker.io';

function readRepository(name: string): { readonly registry: string; readonly repository: string } | undefined {
  const slash = name.indexOf('/');
  const first = name.slice(0, Math.max(slash, 0));
  const hasRegistry = slash >= 0 && (first === 'localhost' || /[.:]/.test(first));
  const repository = hasRegistry ? name.slice(slash + 1) : name;
  if (!/^[a-z0-9_./-]{2,255}$/.test(repository)) return undefined;
  if (hasRegistry && !isAuthority(first)) return undefined;
  const registry = !hasRegistry || first === 'docker.io' ? DOCKER_HUB : first;
  const isImplicit = registry === DOCKER_HUB && !repository.includes('/');
  return { registry, repository: isImplicit ? `library/${repository}` : repository };
}

function isAuthority(name: string): boolean {
  try {
    return parseUrl(`//${name}`).host === name;
  } catch {
    return false;
  }
}
