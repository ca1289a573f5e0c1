import { hash } from 'node:crypto';
import { type Digest, type Repository, repositoryName } from '../../../core/image.ts';

/** Bytes that have this digest, and so are the blob that it names. */
export interface ForeseenPayload {
  readonly digest: Digest;
  readonly bytes: Uint8Array;
}

/**
 * The payload that cosign signs for an image where nothing is added to it, to the byte. It says nothing about who signed:
 * a layer that names its digest need not be fetched, and any other is.
 */
export function foreseenPayload(repository: Repository, digest: Digest): ForeseenPayload {
  const payload = {
    critical: {
      identity: { 'docker-reference': repositoryName(repository) },
      image: { 'docker-manifest-digest': digest },
      type: 'cosign container image signature',
    },
    optional: null,
  };
  const bytes = Buffer.from(JSON.stringify(payload));
  return { digest: `sha256:${hash('sha256', bytes, 'hex')}` as Digest, bytes };
}
