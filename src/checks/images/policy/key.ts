import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { GateError } from '../../../core/errors.ts';

/** The hash names of `hashAlgorithm`, as node:crypto calls them too. */
export type HashName = 'sha224' | 'sha256' | 'sha384' | 'sha512';

/** A public key that a policy trusts, and how signatures by it are checked. */
export interface PolicyKey {
  readonly key: KeyObject;
  readonly kind: 'ecdsa' | 'rsa' | 'ed25519';
  /** Tried in order: the policy's, then the one that the key's kind goes with. Unused for Ed25519. */
  readonly hashes: readonly HashName[];
  /** base64 of the sha256 of the key's SPKI: what bundles carry as a hint, and findings show in short. */
  readonly fingerprint: string;
}

const defaultHash: Readonly<Record<string, HashName>> = {
  prime256v1: 'sha256',
  secp384r1: 'sha384',
  secp521r1: 'sha512',
};
const maxPemLength = 64 * 1024;
const minRsaBits = 2048;
const maxRsaBits = 8192;

/**
 * Reads one public key in PEM: ECDSA on P-256, P-384 or P-521, RSA of 2048 to 8192 bits, or Ed25519. Throws
 * IMAGE_KEY_PRIVATE for a private key and IMAGE_KEY_INVALID for anything else, several keys included: upstream would
 * use the first and drop the rest without a word. Messages never quote the text.
 */
export function parsePublicKey(pem: string, hashAlgorithm: HashName = 'sha256'): PolicyKey {
  if (pem.length > maxPemLength) throw invalid(`the key is longer than ${maxPemLength} bytes`);
  const labels = [...pem.matchAll(/-----BEGIN ([A-Z0-9 ]{1,60})-----/g)].map((match) => match[1] ?? '');
  if (labels.some((label) => label.includes('PRIVATE KEY'))) {
    throw new GateError('IMAGE_KEY_PRIVATE', 'a private key stands where a public key belongs');
  }
  const [label] = labels;
  if (label === undefined) throw invalid('it is not a PEM public key');
  if (labels.length > 1) {
    throw invalid(
      `it holds ${labels.length} PEM blocks, and policy-controller would use only the first`,
      'Write one authority for each key; any one of them is enough.',
    );
  }
  if (label === 'CERTIFICATE') throw invalid('it is a certificate, not a public key');
  if (label !== 'PUBLIC KEY' && label !== 'RSA PUBLIC KEY')
    throw invalid(`a PEM block of type ${label} is not a public key`);
  return asPolicyKey(decode(pem, label), hashAlgorithm);
}

function decode(pem: string, label: string): KeyObject {
  const begin = `-----BEGIN ${label}-----`;
  const from = pem.indexOf(begin) + begin.length;
  const to = pem.indexOf(`-----END ${label}-----`, from);
  if (to < 0) throw invalid('its PEM block does not end');
  const body = pem.slice(from, to).replaceAll(/\s/g, '');
  const der = Buffer.from(body, 'base64');
  if (der.length === 0 || der.toString('base64') !== body) throw invalid('its PEM block is not base64');
  try {
    // From DER with a stated type: given PEM, node would also take a private key or certificate and derive from it.
    return createPublicKey({ key: der, format: 'der', type: label === 'PUBLIC KEY' ? 'spki' : 'pkcs1' });
  } catch (error) {
    throw new GateError('IMAGE_KEY_INVALID', 'its PEM block does not hold a public key', { cause: error });
  }
}

/** The same for a key that is at hand, such as that of a certificate. Throws IMAGE_KEY_INVALID for other kinds. */
export function asPolicyKey(key: KeyObject, hashAlgorithm: HashName = 'sha256'): PolicyKey {
  const spki = key.export({ format: 'der', type: 'spki' });
  const fingerprint = createHash('sha256').update(spki).digest('base64');
  const details = key.asymmetricKeyDetails;
  switch (key.asymmetricKeyType) {
    case 'ec': {
      const curve = details?.namedCurve ?? 'unnamed';
      const hash = defaultHash[curve];
      if (hash === undefined) throw invalid(`its curve ${curve} is not P-256, P-384 or P-521`);
      return { key, kind: 'ecdsa', hashes: [...new Set([hashAlgorithm, hash])], fingerprint };
    }
    case 'rsa': {
      const bits = details?.modulusLength ?? 0;
      if (bits < minRsaBits || bits > maxRsaBits)
        throw invalid(`an RSA key of ${bits} bits is not between ${minRsaBits} and ${maxRsaBits}`);
      return { key, kind: 'rsa', hashes: [...new Set<HashName>([hashAlgorithm, 'sha256'])], fingerprint };
    }
    case 'ed25519':
      return { key, kind: 'ed25519', hashes: [], fingerprint };
    default:
      throw invalid(`a key of type ${key.asymmetricKeyType ?? 'unknown'} is not ECDSA, RSA or Ed25519`);
  }
}

/** `SHA256:4ad71519…` as findings show a key. */
export function describeKey(key: PolicyKey): string {
  return `key SHA256:${Buffer.from(key.fingerprint, 'base64').toString('hex').slice(0, 16)}`;
}

function invalid(why: string, mend?: string): GateError {
  return new GateError('IMAGE_KEY_INVALID', why, mend === undefined ? {} : { mend });
}
