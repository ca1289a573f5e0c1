import { GateError } from './errors.ts';

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
  if (/^sha256:[0-9a-f]{64}$/.test(text)) return text as Digest;
  throw new GateError('IMAGE_DIGEST_INVALID', `"${text.slice(0, 100)}" is not a sha256 digest`);
}
