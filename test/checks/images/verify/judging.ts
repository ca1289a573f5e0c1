import { asPolicyKey } from '../../../../src/checks/images/policy/key.ts';
import type {
  Evidence,
  KeyAuthority,
  KeylessAuthority,
  TrustRoot,
} from '../../../../src/checks/images/policy/model.ts';
import {
  fromAttestationLayer,
  fromBundle,
  fromSignatureLayer,
  type SignedObject,
} from '../../../../src/checks/images/verify/signed-object.ts';
import {
  prepare,
  type Verification,
  verifyObject,
  type Wanted,
} from '../../../../src/checks/images/verify/verify-object.ts';
import { type Digest, parseDigest } from '../../../../src/core/image.ts';
import type { JsonValue } from '../../../../src/core/json.ts';
import type { Bundle, KeyPair, Layer, MockSigstore, TrustedRootParts } from '../../../support/sigstore/mock.ts';

export const digest: Digest = parseDigest(`sha256:${'a1'.repeat(32)}`);
export const otherDigest: Digest = parseDigest(`sha256:${'b2'.repeat(32)}`);
/** Long after every certificate of the mock has ended. */
export const now = Date.parse('2026-06-01T00:00:00Z');

export const signature: Wanted = { digest, claim: { kind: 'signature' } };
export function attestation(predicateType: string): Wanted {
  return { digest, claim: { kind: 'attestation', predicateType } };
}

const ignored: Evidence = {
  log: { demand: 'ignored' },
  timestamp: { demand: 'ignored' },
  sources: [],
  format: 'any',
  attestations: [],
  annotations: {},
};

export function rootOf(sigstore: MockSigstore, parts: TrustedRootParts = {}): TrustRoot {
  return { name: 'root', json: sigstore.trustedRoot(parts) as JsonValue, digest: '' };
}

export function byKey(keys: Pick<KeyPair, 'publicKey'>, more: Partial<KeyAuthority> = {}): KeyAuthority {
  return { ...ignored, kind: 'key', name: 'authority-0', key: asPolicyKey(keys.publicKey), ...more };
}

/** Asks for a log entry, a certificate log's timestamp and the mock's usual identity. */
export function keyless(roots: TrustRoot, more: Partial<KeylessAuthority> = {}): KeylessAuthority {
  return {
    ...ignored,
    kind: 'keyless',
    name: 'authority-0',
    identities: [{ issuer: { equal: 'https://issuer.example' }, subject: { equal: 'dev@example.com' } }],
    roots,
    sct: 'required',
    log: { demand: 'required', roots },
    ...more,
  };
}

export function ofBundle(bundle: Bundle | object): SignedObject {
  return fromBundle(Buffer.from(JSON.stringify(bundle)), 'the bundle');
}

export function ofLayer(layer: Layer): SignedObject {
  return layer.mediaType.includes('dsse')
    ? fromAttestationLayer(layer.annotations, layer.payload, 'the layer')
    : fromSignatureLayer(layer.annotations, layer.payload, 'the layer');
}

export async function judged(
  object: SignedObject,
  authority: KeyAuthority | KeylessAuthority,
  wanted: Wanted = signature,
  at = now,
): Promise<Verification> {
  await prepare([authority]);
  return verifyObject(object, authority, wanted, at);
}

/** `verified`, or step and reason: `6 log`. */
export async function verdict(...args: Parameters<typeof judged>): Promise<string> {
  const answer = await judged(...args);
  return answer.kind === 'verified' ? 'verified' : `${answer.step} ${answer.why}`;
}
