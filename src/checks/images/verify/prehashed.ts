import { constants, type KeyObject, publicDecrypt } from 'node:crypto';
import type { PolicyKey } from '../policy/key.ts';

type Curves = typeof import('@noble/curves/nist.js');
let curves: Curves | undefined;

/** node:crypto checks signatures over bytes alone. To be awaited before `isDigestSignedBy`. */
export async function loadPrehashed(): Promise<void> {
  curves ??= await import('@noble/curves/nist.js');
}

/** What PKCS#1 v1.5 puts before a sha256 (RFC 8017, section 9.2). */
const sha256DigestInfo = Buffer.from('3031300d060960864801650304020105000420', 'hex');

/**
 * Whether the signature over a blob with this sha256 is by the key: ECDSA or RSA PKCS#1 v1.5 over sha256. Signatures
 * that need the blob itself (other hashes, PSS, Ed25519) are not by it, as far as can be told here.
 */
export function isDigestSignedBy({ key, kind }: PolicyKey, sha256: Uint8Array, signature: Uint8Array): boolean {
  try {
    if (kind === 'ecdsa') return isEcdsa(key, sha256, signature);
    if (kind !== 'rsa') return false;
    const recovered = publicDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, signature);
    return recovered.equals(Buffer.concat([sha256DigestInfo, sha256]));
  } catch {
    return false;
  }
}

function isEcdsa(key: KeyObject, sha256: Uint8Array, signature: Uint8Array): boolean {
  const { x = '', y = '' } = key.export({ format: 'jwk' });
  const point = Buffer.concat([Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]);
  const how = { prehash: false, lowS: false, format: 'der' } as const;
  switch (key.asymmetricKeyDetails?.namedCurve) {
    case 'prime256v1':
      return curves?.p256.verify(signature, sha256, point, how) === true;
    case 'secp384r1':
      return curves?.p384.verify(signature, sha256, point, how) === true;
    case 'secp521r1':
      return curves?.p521.verify(signature, sha256, point, how) === true;
    default:
      return false;
  }
}
