/** What is signed about an image, made by hand. */
import type { Digest } from '../../../src/core/image.ts';

const signType = 'https://sigstore.dev/cosign/sign/v1';
export const inTotoType = 'application/vnd.in-toto+json';
export const bundleType = 'application/vnd.dev.sigstore.bundle.v0.3+json';

/** A statement that the image is signed, as cosign 3 writes it. */
export function signStatement(digest: Digest | string, more: object = {}): Record<string, unknown> {
  return statement(digest, signType, {}, more);
}

/** An in-toto statement about an image. */
export function statement(
  digest: Digest | string,
  predicateType: string,
  predicate: unknown = {},
  more: object = {},
): Record<string, unknown> {
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ digest: { sha256: digest.slice(7) } }],
    predicateType,
    predicate,
    ...more,
  };
}

/** The simple-signing payload of a digest. */
export function simplePayload(
  digest: Digest | string,
  name = 'registry.example/team/app',
  optional: object | null = null,
): Buffer {
  const critical = {
    identity: { 'docker-reference': name },
    image: { 'docker-manifest-digest': digest },
    type: 'cosign container image signature',
  };
  return Buffer.from(JSON.stringify({ critical, optional }));
}

/** DSSE's pre-authentication encoding. */
export function preAuthEncoding(payloadType: string, payload: Uint8Array): Buffer {
  const head = `DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${payload.length} `;
  return Buffer.concat([Buffer.from(head), payload]);
}
