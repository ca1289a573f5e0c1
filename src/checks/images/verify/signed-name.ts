import { type Digest, type ImageReference, parseImageReference, repositoryName } from '../../../core/image.ts';
import type { SignedName } from '../policy/model.ts';
import { shown } from './refusal.ts';

/**
 * What is wrong with the name in a simple-signing payload, by the rules of containers-policy.json(5) `signedIdentity`;
 * undefined if nothing is. A name without tag and digest matches where repositories are compared, and nowhere else.
 */
export function signedNameProblem(
  rule: SignedName,
  written: string,
  image: ImageReference | undefined,
  digest: Digest,
): string | undefined {
  const signed = reference(written);
  if (signed === undefined) return `it was signed for ${shown(written)}, which is no image name`;
  const said = `it was signed for ${shown(written)}`;
  switch (rule.type) {
    case 'exactReference': {
      const wanted = reference(rule.value);
      return wanted !== undefined && isExactly(signed, wanted) ? undefined : `${said}, not ${shown(rule.value)}`;
    }
    case 'exactRepository': {
      const wanted = reference(rule.value);
      return wanted !== undefined && isSameRepository(signed, wanted) ? undefined : `${said}, not ${shown(rule.value)}`;
    }
    default:
  }
  if (image === undefined) return 'the policy compares names, and the image has none here';
  switch (rule.type) {
    case 'matchExact':
      return isExactly(signed, image) ? undefined : `${said}, not ${shown(image.text)}`;
    case 'matchRepository':
      return isSameRepository(signed, image) ? undefined : `${said}, not ${shown(image.text)}`;
    case 'matchRepoDigestOrExact':
      return matches(signed, image, digest) ? undefined : `${said}, not ${shown(image.text)}`;
    case 'remapIdentity': {
      const remapped = remap(image, rule.prefix, rule.signedPrefix);
      return remapped !== undefined && matches(signed, remapped, digest)
        ? undefined
        : `${said}, not ${shown(remapped?.text ?? image.text)}`;
    }
    default:
      return rule satisfies never;
  }
}

/** By digest an image has no tag to compare; by tag the tag must be the signed one. */
function matches(signed: ImageReference, image: ImageReference, digest: Digest): boolean {
  if (image.digest !== undefined) return image.digest === digest && isSameRepository(signed, image);
  return isExactly(signed, image);
}

/** Both must say more than a repository, and the same. A missing tag is `latest` in the image that is used alone. */
function isExactly(signed: ImageReference, image: ImageReference): boolean {
  if (!isSameRepository(signed, image)) return false;
  if (signed.tag === undefined && signed.digest === undefined) return false;
  const tag = image.digest === undefined ? (image.tag ?? 'latest') : image.tag;
  return signed.tag === tag && signed.digest === image.digest;
}

function isSameRepository(one: ImageReference, other: ImageReference): boolean {
  return repositoryName(one.repository) === repositoryName(other.repository);
}

function remap(image: ImageReference, prefix: string, signedPrefix: string): ImageReference | undefined {
  const name = repositoryName(image.repository);
  const from = reference(`${prefix}/x`);
  const own = from === undefined ? prefix : repositoryName(from.repository).slice(0, -2);
  if (name !== own && !name.startsWith(`${own}/`)) return image;
  const tail = image.digest === undefined ? `:${image.tag ?? 'latest'}` : `@${image.digest}`;
  return reference(`${signedPrefix}${name.slice(own.length)}${tail}`);
}

function reference(text: string): ImageReference | undefined {
  try {
    return parseImageReference(text);
  } catch {
    return undefined;
  }
}
