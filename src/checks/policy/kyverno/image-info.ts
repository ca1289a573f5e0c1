/** An image name taken apart as Kyverno does; the registry that is implied is written out. */
export interface ImageInfo {
  readonly registry: string;
  readonly name: string;
  readonly path: string;
  readonly tag: string;
  readonly digest: string;
  readonly reference: string;
  readonly referenceWithTag: string;
}

/** Kyverno's settings for names without a registry; these are its defaults. */
export interface ImageDefaults {
  readonly defaultRegistry: string;
  /** Whether the default registry becomes part of the image, or is only assumed while its name is read. */
  readonly addDefaultRegistry: boolean;
}

const defaults: ImageDefaults = { defaultRegistry: 'docker.io', addDefaultRegistry: true };

/** Registry 253, path 255, tag 128, digest 135, with room to say what is wrong with a longer one. */
const maxLength = 1_000;
const maxName = 255;

// The grammar of distribution/reference.
const domainPattern =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?$/;
const pathPattern = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;
const tagPattern = /^[0-9A-Za-z_][0-9A-Za-z_.-]{0,127}$/;
const digestSizes: Readonly<Record<string, number>> = { sha256: 64, sha384: 96, sha512: 128 };

/** What is wrong with a text that should name an image. */
export class BadImage extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'BadImage';
  }
}

/** Throws BadImage, in the words of Kyverno. */
export function readImageInfo(image: string, settings: ImageDefaults = defaults): ImageInfo {
  const full = withRegistry(image, settings.defaultRegistry);
  const parsed = parseReference(full);
  if (typeof parsed === 'string') {
    throw new BadImage(
      `bad image: ${full.slice(0, maxLength)}, defaultRegistry: ${settings.defaultRegistry}, enableDefaultRegistryMutation: ${settings.addDefaultRegistry}: ${parsed}`,
    );
  }
  const { path, digest } = parsed;
  const tag = parsed.tag === '' && digest === '' ? 'latest' : parsed.tag;
  const isAssumed = full !== image && !settings.addDefaultRegistry;
  const registry = isAssumed ? '' : parsed.domain;
  const whole = registry === '' ? path : `${registry}/${path}`;
  const info = {
    registry,
    path,
    name: path.slice(path.lastIndexOf('/') + 1),
    tag,
    digest,
    reference: digest === '' ? `${whole}:${tag}` : `${whole}@${digest}`,
    referenceWithTag: `${whole}:${tag}`,
  };
  const [first = '', ...rest] = path.split('/');
  return rest.length > 0 && registry === '' && first.includes('_')
    ? { ...info, registry: first, path: rest.join('/') }
    : info;
}

function withRegistry(image: string, registry: string): string {
  const slash = image.indexOf('/');
  const first = slash < 0 ? '' : image.slice(0, slash);
  const isRegistry = slash >= 0 && (/[.:]/.test(first) || first === 'localhost' || first.toLowerCase() !== first);
  return isRegistry ? image : `${registry}/${image}`;
}

interface Parts {
  readonly domain: string;
  readonly path: string;
  readonly tag: string;
  readonly digest: string;
}

/** The parts, or what is wrong. */
function parseReference(text: string): Parts | string {
  const malformed = 'invalid reference format';
  if (text.length > maxLength) return malformed;
  const at = text.indexOf('@');
  const named = at < 0 ? text : text.slice(0, at);
  const digest = at < 0 ? '' : text.slice(at + 1);
  const colon = named.lastIndexOf(':');
  const hasTag = colon > named.lastIndexOf('/');
  const name = hasTag ? named.slice(0, colon) : named;
  const tag = hasTag ? named.slice(colon + 1) : '';
  const slash = name.indexOf('/');
  const domain = name.slice(0, slash);
  const path = name.slice(slash + 1);
  if (!domainPattern.test(domain) || !pathPattern.test(path)) {
    const lower = path.toLowerCase();
    return domainPattern.test(domain) && lower !== path && pathPattern.test(lower)
      ? 'repository name must be lowercase'
      : malformed;
  }
  if (hasTag && !tagPattern.test(tag)) return malformed;
  if (path.length > maxName) return `repository name must not be more than ${maxName} characters`;
  if (at < 0) return { domain, path, tag, digest: '' };
  const problem = digestProblem(digest);
  return problem ?? { domain, path, tag, digest };
}

function digestProblem(digest: string): string | undefined {
  if (!/^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/.test(digest)) {
    return 'invalid reference format';
  }
  const [algorithm = '', hex = ''] = digest.split(':');
  if (!Object.hasOwn(digestSizes, algorithm)) return 'unsupported digest algorithm';
  if (hex.length !== digestSizes[algorithm]) return 'invalid checksum digest length';
  return /^[0-9a-f]+$/.test(hex) ? undefined : 'invalid checksum digest format';
}
