/**
 * What was found beside an image and claims to be signed, in one shape for every form that Sigstore has had. Nothing of
 * it is verified: finding is not verifying. All of it is plain data, so that it can be handed to a worker thread.
 */
export type SignedObject = SimpleSigning | DsseEnvelope | MessageSignature;

interface Found {
  /** Where it was found, for findings. */
  readonly source: string;
  /** Which family a policy means by `signatureFormat`: layers with annotations, or Sigstore bundles. */
  readonly family: 'legacy' | 'bundle';
  readonly material: Material;
  readonly signature: Uint8Array;
  readonly entries: readonly LogEntry[];
  /** RFC 3161 TimeStampResp, in DER. */
  readonly timestamps: readonly Uint8Array[];
}

/** cosign's first form: a JSON payload, and a signature over its bytes as they are stored. */
interface SimpleSigning extends Found {
  readonly format: 'simple-signing';
  readonly payload: Uint8Array;
}

/** A DSSE envelope; the signature is over the pre-authentication encoding of type and payload. */
interface DsseEnvelope extends Found {
  readonly format: 'dsse';
  readonly payloadType: string;
  readonly payload: Uint8Array;
  /** The envelope as it was stored, where it stood alone: legacy logs and timestamps are over these bytes. */
  readonly envelope: Uint8Array | undefined;
  /** Of its one signature; unsigned, and empty where there is none. */
  readonly keyid: string;
}

/** A signature over a blob that is elsewhere. It says nothing about an image. */
export interface MessageSignature extends Found {
  readonly format: 'message';
  /** What it says the blob's digest is. */
  readonly digest: { readonly algorithm: 'sha256' | 'sha384' | 'sha512'; readonly value: Uint8Array };
}

/**
 * What a signature was made with, as the object says itself: a bare key (and which), or a certificate. A key authority
 * takes only the first and a keyless one only the second, so that neither can be passed off as the other.
 */
export type Material =
  | { readonly kind: 'key'; readonly hint: string }
  /** In DER. The chain is what the object brought, from the leaf's issuer upwards: never a trust anchor. */
  | { readonly kind: 'certificate'; readonly leaf: Uint8Array; readonly chain: readonly Uint8Array[] };

/** An entry of a transparency log. */
export interface LogEntry {
  /** Of the canonical body, as the entry says: `hashedrekord` `0.0.1`. */
  readonly kind: string;
  readonly version: string;
  readonly logId: Uint8Array;
  readonly logIndex: number;
  /** Seconds; 0 where there is none. Proven only by `promise`. */
  readonly integratedTime: number;
  /** The signed entry timestamp of Rekor v1. */
  readonly promise: Uint8Array | undefined;
  readonly proof: InclusionProof | undefined;
  /** The bytes that the log signed or hashed. */
  readonly body: Uint8Array;
}

export interface InclusionProof {
  readonly logIndex: number;
  readonly treeSize: number;
  readonly rootHash: Uint8Array;
  readonly hashes: readonly Uint8Array[];
  /** A signed note. */
  readonly checkpoint: string;
}

/** What is read of one object; the size of the whole is bounded where it is fetched. */
export const MATERIAL_LIMITS = {
  signatureBytes: 16 * 1024,
  certificateBytes: 64 * 1024,
  chain: 10,
  entries: 16,
  timestamps: 16,
  timestampBytes: 64 * 1024,
  bodyBytes: 8 * 1024 * 1024,
  checkpointLength: 16 * 1024,
  /** A tree of 2^63 leaves has no longer path. */
  proofHashes: 64,
} as const;

/** What DSSE signs: the pre-authentication encoding of type and payload. */
export function preAuthenticationEncoding(payloadType: string, payload: Uint8Array): Uint8Array {
  const type = Buffer.from(payloadType, 'utf8');
  return Buffer.concat([Buffer.from(`DSSEv1 ${type.length} `), type, Buffer.from(` ${payload.length} `), payload]);
}
