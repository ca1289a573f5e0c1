import { constants, verify } from 'node:crypto';
import type { PolicyKey } from '../policy/key.ts';
import { isDigestSignedBy } from './prehashed.ts';
import type { SignedContent } from './signed-content.ts';

type Ed25519ph = typeof import('@noble/curves/ed25519.js')['ed25519ph'];
let ed25519ph: Ed25519ph | undefined;

/** node:crypto has no Ed25519ph. To be awaited before `isSignedBy` meets such a key; most runs never do. */
export async function loadEd25519ph(): Promise<void> {
  ed25519ph ??= (await import('@noble/curves/ed25519.js')).ed25519ph;
}

/**
 * Whether the signature over the bytes is by the key. The hash comes from the policy and the kind of key, never from
 * the object. ECDSA signatures are DER, RSA ones PKCS#1 v1.5 or PSS, Ed25519 ones over the bytes (cosign 2) or over
 * their SHA-512 (Ed25519ph, cosign 3; not accepted before `loadEd25519ph`). A signature of the wrong shape is a wrong
 * signature.
 */
export function isSignedBy(policyKey: PolicyKey, signed: Uint8Array, signature: Uint8Array): boolean {
  const { key, kind, hashes } = policyKey;
  switch (kind) {
    case 'ecdsa':
      return hashes.some((hash) => holds(() => verify(hash, signed, { key, dsaEncoding: 'der' }, signature)));
    case 'rsa': {
      const pkcs1 = { key, padding: constants.RSA_PKCS1_PADDING };
      const pss = { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_AUTO };
      return [pkcs1, pss].some((how) => hashes.some((hash) => holds(() => verify(hash, signed, how, signature))));
    }
    case 'ed25519':
      return holds(() => verify(null, signed, key, signature)) || isEd25519ph(policyKey, signed, signature);
    default:
      return kind satisfies never;
  }
}

function isEd25519ph({ key }: PolicyKey, signed: Uint8Array, signature: Uint8Array): boolean {
  const { x } = key.export({ format: 'jwk' });
  if (x === undefined) return false;
  // zip215 would take several spellings of one signature for valid; RFC 8032 takes one.
  return holds(() => ed25519ph?.verify(signature, signed, Buffer.from(x, 'base64url'), { zip215: false }) === true);
}

function holds(check: () => boolean): boolean {
  try {
    return check() === true;
  } catch {
    return false;
  }
}

/** The same for content of which only the sha256 may be known; that needs `loadPrehashed`. */
export function isSignedContent(key: PolicyKey, content: SignedContent, signature: Uint8Array): boolean {
  return content.kind === 'bytes'
    ? isSignedBy(key, content.bytes, signature)
    : isDigestSignedBy(key, content.digest, signature);
}
