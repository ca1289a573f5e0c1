import { constants, verify } from 'node:crypto';
import type { PolicyKey } from '../policy/key.ts';

/**
 * Whether the signature over the bytes is by the key. The hash comes from the policy and the kind of key, never from
 * the object. ECDSA signatures are DER and RSA ones PKCS#1 v1.5, as cosign writes them; Ed25519 ones are over the
 * bytes (cosign 2) or over their SHA-512 (Ed25519ph, cosign 3). A signature of the wrong shape is a wrong signature.
 */
export async function isSignedBy(policyKey: PolicyKey, signed: Uint8Array, signature: Uint8Array): Promise<boolean> {
  const { key, kind, hashes } = policyKey;
  switch (kind) {
    case 'ecdsa':
      return hashes.some((hash) => holds(() => verify(hash, signed, { key, dsaEncoding: 'der' }, signature)));
    case 'rsa': {
      const padding = constants.RSA_PKCS1_PADDING;
      return hashes.some((hash) => holds(() => verify(hash, signed, { key, padding }, signature)));
    }
    case 'ed25519':
      return holds(() => verify(null, signed, key, signature)) || (await isEd25519ph(policyKey, signed, signature));
    default:
      return kind satisfies never;
  }
}

/** node:crypto has no Ed25519ph. Loaded where first needed: most runs never meet such a key. */
async function isEd25519ph({ key }: PolicyKey, signed: Uint8Array, signature: Uint8Array): Promise<boolean> {
  const { x } = key.export({ format: 'jwk' });
  if (x === undefined) return false;
  const { ed25519ph } = await import('@noble/curves/ed25519.js');
  // zip215 would take several spellings of one signature for valid; RFC 8032 takes one.
  return holds(() => ed25519ph.verify(signature, signed, Buffer.from(x, 'base64url'), { zip215: false }));
}

function holds(check: () => boolean): boolean {
  try {
    return check() === true;
  } catch {
    return false;
  }
}
