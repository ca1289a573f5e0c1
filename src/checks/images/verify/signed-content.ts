import { createHash } from 'node:crypto';
import { Malformed } from './json.ts';
import { preAuthenticationEncoding, type SignedObject } from './material.ts';
import { Refusal } from './refusal.ts';

/** What a signature is over: bytes, or a blob of which only the sha256 is at hand. */
export type SignedContent =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'sha256'; readonly digest: Uint8Array };

/** The content of an object; `artifact` is that of a message signature, and its digest must be the one in the object. */
export function signedContentOf(object: SignedObject, artifact: SignedContent | undefined): SignedContent {
  switch (object.format) {
    case 'simple-signing':
      return { kind: 'bytes', bytes: object.payload };
    case 'dsse':
      return { kind: 'bytes', bytes: preAuthenticationEncoding(object.payloadType, object.payload) };
    case 'message': {
      if (artifact === undefined) throw new Malformed('it signs a blob that is not here');
      // The library does not look at this field where there is no log entry, and others do.
      const { algorithm, value } = object.digest;
      const digest = digestOf(artifact, algorithm);
      if (digest === undefined || !sameBytes(digest, value))
        throw new Refusal('other-digest', 'it names another digest than that of the artifact');
      return artifact;
    }
    default:
      return object satisfies never;
  }
}

/** Undefined where only another digest is known. */
function digestOf(content: SignedContent, algorithm: string): Buffer | undefined {
  if (content.kind === 'bytes') return createHash(algorithm).update(content.bytes).digest();
  return algorithm === 'sha256' ? Buffer.from(content.digest) : undefined;
}

/** Whether a digest of 32, 48 or 64 bytes is the SHA-2 of that length over the content. */
export function isDigestOf(content: SignedContent, digest: Uint8Array): boolean {
  const algorithm = { 32: 'sha256', 48: 'sha384', 64: 'sha512' }[digest.length];
  const own = algorithm === undefined ? undefined : digestOf(content, algorithm);
  return own !== undefined && sameBytes(own, digest);
}

/** Nothing secret is compared. */
export function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}
