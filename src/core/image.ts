import { type Code, GateError } from './errors.ts';

/** A sha256 digest, `sha256:` and 64 lower-case hex digits. Past `parseDigest` it cannot be malformed. */
export type Digest = string & { readonly __brand: 'Digest' };

/** A repository in its one canonical spelling. */
export interface Repository {
  /** Canonical registry host, with a port only where it is not the default one; `index.docker.io` for Docker Hub. */
  readonly registry: string;
  /** Path below the host, such as `library/nginx`. */
  readonly path: string;
}

/** An image reference, normalised as containerd and go-containerregistry do. */
export interface ImageReference {
  /** As it stands in the manifest. */
  readonly text: string;
  readonly repository: Repository;
  /** As written; undefined where the text has none (then a missing digest means `latest`). */
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
}

/** Throws IMAGE_DIGEST_INVALID unless the text is exactly `sha256:` and 64 lower-case hex digits. */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text;
  throw new GateError('IMAGE_DIGEST_INVALID', notADigest(text));
}

function isDigest(text: string): text is Digest {
  return /^sha256:[0-9a-f]{64}$/.test(text);
}

function notADigest(text: string): string {
  return `${quote(text)} is not a sha256 digest`;
}

/** Host 253, path 255, tag 128, digest 71 and their separators: nothing longer is a reference. */
const maxReferenceLength = 720;
const maxPathLength = 255;
const dockerHub = 'index.docker.io';
/** Names under which Docker Hub answers. They are one registry, so they must meet one set of rules. */
const dockerHubAliases = new Set(['docker.io', dockerHub, 'registry-1.docker.io', 'registry.hub.docker.com']);

// The grammar of distribution/reference, which is what containerd, CRI-O and the kubelet hold a pod to. All are linear.
const pathPattern = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const hostPattern = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;

/**
 * The reference that a node would pull for this text, with its repository in canonical spelling: host in lower case,
 * without a trailing dot or the default port, Docker Hub under one name, `library/` added where it is implied. What no
 * node could pull is refused: IMAGE_REFERENCE_EMPTY, IMAGE_REFERENCE_TEMPLATED, IMAGE_REFERENCE_INVALID, and
 * IMAGE_DIGEST_INVALID for a digest that is not sha256.
 */
export function parseImageReference(text: string): ImageReference {
  try {
    return readReference(text);
  } catch (refused) {
    if (refused instanceof Refusal) throw new GateError(refused.code, refused.say());
    throw refused;
  }
}

/** Whether `parseImageReference` would answer; cheap enough to ask about every word of a large set. */
export function isImageReference(text: string): boolean {
  try {
    readReference(text);
    return true;
  } catch (refused) {
    if (refused instanceof Refusal) return false;
    throw refused;
  }
}

/** Thrown within this module only. No Error and no text yet: a stack trace and words cost more than reading does. */
class Refusal {
  readonly code: Code;
  readonly say: () => string;
  constructor(code: Code, say: () => string) {
    this.code = code;
    this.say = say;
  }
}

function readReference(text: string): ImageReference {
  if (text.trim() === '') throw new Refusal('IMAGE_REFERENCE_EMPTY', () => 'the image reference is empty');
  if (text.length > maxReferenceLength) throw invalid(text, `it is longer than ${maxReferenceLength} characters`);
  if (/\$\(|\$\{|\{\{|\}\}|<[^>]*>/.test(text)) {
    throw new Refusal(
      'IMAGE_REFERENCE_TEMPLATED',
      () => `${quote(text)} holds a placeholder that something fills in later`,
    );
  }
  if (/^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(text)) throw invalid(text, 'an image reference has no URL scheme');

  const [name = '', digestText, ...more] = text.split('@');
  if (more.length > 0) throw invalid(text, 'it has more than one @');
  if (digestText !== undefined && !isDigest(digestText)) {
    throw new Refusal('IMAGE_DIGEST_INVALID', () => notADigest(digestText));
  }

  const colon = name.lastIndexOf(':');
  const hasTag = colon > name.lastIndexOf('/');
  const tag = hasTag ? name.slice(colon + 1) : undefined;
  if (tag !== undefined && !tagPattern.test(tag)) throw invalid(text, () => `${quote(tag)} is not a tag`);
  return { text, repository: parseRepository(hasTag ? name.slice(0, colon) : name, text), tag, digest: digestText };
}

/**
 * The name that policies are matched against: that of go-containerregistry's `Reference.Name()`. A reference with a
 * digest is named by it alone, because then nothing ever looks at the tag, and an author could write any.
 */
export function canonicalName(reference: Pick<ImageReference, 'repository' | 'tag' | 'digest'>): string {
  const repository = repositoryName(reference.repository);
  if (reference.digest !== undefined) return `${repository}@${reference.digest}`;
  return `${repository}:${reference.tag ?? 'latest'}`;
}

/** `index.docker.io/library/nginx`. */
export function repositoryName(repository: Repository): string {
  return `${repository.registry}/${repository.path}`;
}

/**
 * The text that is written into a manifest once `digest` was verified. The name stays as its author wrote it where a
 * node reads that spelling as the repository that was asked; where it would take another host (`GHCR.io`, a trailing
 * dot, `:443`), the canonical host is written, so that mirrors, credentials and policies see the name that was judged.
 * An implied `latest` is written out: without it the kubelet's default for imagePullPolicy would change.
 */
export function pinnedReference(reference: ImageReference, digest: Digest): string {
  const [name = ''] = reference.text.split('@');
  const colon = name.lastIndexOf(':');
  const written = colon > name.lastIndexOf('/') ? name.slice(0, colon) : name;
  const { registry, path } = reference.repository;
  const kept = nodeReadsAs(written, reference.repository);
  const repository = kept ? written : `${registry === dockerHub ? 'docker.io' : registry}/${path}`;
  const tag = reference.tag ?? (reference.digest === undefined ? 'latest' : undefined);
  return `${repository}${tag === undefined ? '' : `:${tag}`}@${digest}`;
}

/** Whether distribution's normalisation, which folds no case, dot or port, arrives at this repository too. */
function nodeReadsAs(written: string, repository: Repository): boolean {
  const { host, rest } = splitHost(written);
  if (repository.registry !== dockerHub) return host === repository.registry && rest === repository.path;
  if (host !== undefined && host !== 'docker.io' && host !== dockerHub) return false;
  return (rest.includes('/') ? rest : `library/${rest}`) === repository.path;
}

/** A first part with a dot or a colon, or `localhost`, is a host; anything else belongs to Docker Hub. */
function splitHost(name: string): { host: string | undefined; rest: string } {
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const isHost = first === 'localhost' || /[.:]/.test(first);
  return isHost ? { host: first, rest: name.slice(slash + 1) } : { host: undefined, rest: name };
}

function parseRepository(name: string, text: string): Repository {
  const { host, rest } = splitHost(name);
  const registry = host === undefined ? dockerHub : parseHost(host, text);
  const path = registry === dockerHub && !rest.includes('/') ? `library/${rest}` : rest;
  if (path.length > maxPathLength) throw invalid(text, `its repository is longer than ${maxPathLength} characters`);
  if (!pathPattern.test(path)) {
    // containerd takes an upper-case first part for a host, go-containerregistry does not: two readings, so no answer.
    const hint = /[A-Z]/.test(rest) ? ' (upper-case letters are not allowed)' : '';
    throw invalid(text, () => `${quote(rest)} is not a repository${hint}`);
  }
  // distribution takes 64 hex digits for the id of a local image.
  if (host === undefined && /^[0-9a-f]{64}$/.test(rest)) throw invalid(text, 'it is an image id, not a name');
  return { registry, path };
}

function parseHost(written: string, text: string): string {
  const match = /^(\[[0-9A-Fa-f:]+\]|[^:[\]]*)(?::([0-9]{1,5}))?$/.exec(written);
  const name = match?.[1];
  if (name === undefined || name === '') throw invalid(text, () => `${quote(written)} is not a registry host`);
  const port = match?.[2] === undefined ? 443 : Number(match[2]);
  if (port < 1 || port > 65_535) throw invalid(text, () => `${quote(written)} has no valid port`);
  const host = name.startsWith('[') ? canonicalIpv6(name, text) : canonicalHost(name, text);
  if (dockerHubAliases.has(host) && port === 443) return dockerHub;
  if (port !== 443) return `${host}:${port}`;
  // Without dot or port the first part would be read as a path of Docker Hub.
  return host.includes('.') || host === 'localhost' || host.startsWith('[') ? host : `${host}:443`;
}

function canonicalHost(name: string, text: string): string {
  const lower = name.toLowerCase();
  const host = lower.endsWith('.') ? lower.slice(0, -1) : lower;
  if (host.length > 253 || !hostPattern.test(host)) throw invalid(text, () => `${quote(name)} is not a registry host`);
  // A resolver reads 127.1, 0x7f.0.0.1 and 0177.0.0.1 as addresses; only the plain form is one spelling of one host.
  const last = host.slice(host.lastIndexOf('.') + 1);
  if (/^(?:[0-9]+|0x[0-9a-f]*)$/.test(last) && !isPlainIpv4(host)) {
    throw invalid(text, () => `${quote(name)} is not a plain IPv4 address`);
  }
  return host;
}

function isPlainIpv4(host: string): boolean {
  const parts = host.split('.');
  return parts.length === 4 && parts.every((part) => /^(?:0|[1-9][0-9]{0,2})$/.test(part) && Number(part) <= 255);
}

function canonicalIpv6(name: string, text: string): string {
  // The URL parser writes every spelling of an address in the one form of RFC 5952.
  if (!URL.canParse(`https://${name}/`)) throw invalid(text, () => `${quote(name)} is not an IPv6 address`);
  return new URL(`https://${name}/`).hostname;
}

function invalid(text: string, why: string | (() => string)): Refusal {
  return new Refusal('IMAGE_REFERENCE_INVALID', () => {
    return `${quote(text)} is not an image reference: ${typeof why === 'string' ? why : why()}`;
  });
}

/** Outside text inside a message: escaped, so that it cannot break the line or the terminal, and bounded. */
function quote(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text).replaceAll(
    /[\u007f-\u009f\u2028\u2029]/g,
    '?',
  );
}
