/**
 * A trust policy of the Notary Project as it is judged by: plain data, so that it can be handed to a worker thread.
 * Terms are those of the specification (signature-specification.md, trust-store-trust-policy.md).
 */

/** What becomes of a validation that fails. Integrity is not listed: it is always enforced. */
export interface Enforcement {
  readonly authenticity: 'enforce' | 'log';
  readonly authenticTimestamp: 'enforce' | 'log';
  readonly expiry: 'enforce' | 'log';
  readonly revocation: 'enforce' | 'log' | 'skip';
}

/** A distinguished name without repeated attributes: `{ C: 'US', ST: 'WA', O: 'acme' }`. */
export type DistinguishedName = Readonly<Record<string, string>>;

/** The one statement that applies to an image, with all that it refers to. */
export interface NotationPolicy {
  /** The name of the statement. */
  readonly name: string;
  readonly enforcement: Enforcement;
  readonly verifyTimestamp: 'always' | 'afterCertExpiry';
  /** `any`: whoever has a certificate below the trust stores. Else one of the names must be part of the signer's. */
  readonly identities: 'any' | readonly DistinguishedName[];
  /** Trusted certificates in DER, by the type of the stores that the statement names; undefined where it names none. */
  readonly stores: {
    readonly ca: readonly Uint8Array[] | undefined;
    readonly signingAuthority: readonly Uint8Array[] | undefined;
    readonly tsa: readonly Uint8Array[] | undefined;
  };
  readonly revocationLists: readonly RevocationList[];
  /** sha256 over all of the above, hex: part of the key that verdicts are remembered by. */
  readonly digest: string;
}

/** A certificate revocation list that was read and not yet trusted: its signature is checked against each issuer. */
export interface RevocationList {
  /** What messages call it: `crls/corp.crl`. */
  readonly shown: string;
  /** DER of the issuer's name. */
  readonly issuer: Uint8Array;
  /** Milliseconds since the epoch. */
  readonly thisUpdate: number;
  /** Milliseconds since the epoch. */
  readonly nextUpdate: number;
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
  /** Object identifier. */
  readonly signatureAlgorithm: string;
  /** Serial numbers in hex, as they stand in DER. */
  readonly revoked: ReadonlySet<string>;
  /** The part of the issuer's certificates that it speaks of. */
  readonly covers: 'all' | 'users' | 'authorities';
  /** If it has any, it speaks only of certificates that name one of these addresses. */
  readonly distributionPoints: readonly string[];
}

/** The manifest that a tag or digest stands for, as it was fetched and hashed. */
export interface TargetDescriptor {
  readonly mediaType: string;
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
}

export type SigningScheme = 'notary.x509' | 'notary.x509.signingAuthority';
export type Algorithm = 'PS256' | 'PS384' | 'PS512' | 'ES256' | 'ES384' | 'ES512';

/** An envelope taken apart. Nothing in it is verified. */
export interface Envelope {
  readonly algorithm: Algorithm;
  readonly contentType: string;
  readonly scheme: SigningScheme;
  /** The signer's own word under notary.x509, an authentic time under the other scheme. Milliseconds since the epoch. */
  readonly signingTime: number;
  /** Milliseconds since the epoch. */
  readonly expiry: number | undefined;
  /** The name of the verification plugin that it demands. */
  readonly plugin: string | undefined;
  /** Attributes marked critical that are not in the specification. */
  readonly unknownCritical: readonly string[];
  readonly payload: Uint8Array;
  /** The bytes under the signature. */
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
  /** DER, the signer's first. Unsigned. */
  readonly chain: readonly Uint8Array[];
  /** A timestamp token in DER. Unsigned. */
  readonly timestamp: Uint8Array | undefined;
}

export const payloadMediaType = 'application/vnd.cncf.notary.payload.v1+json';
export const jwsMediaType = 'application/jose+json';
export const coseMediaType = 'application/cose';

/** Larger than any chain of ten certificates with a timestamp; the blob of an attacker can be of any size (CVE-2023-33958). */
export const maxEnvelopeBytes = 512 * 1024;
export const maxCertificates = 10;
export const maxCertificateBytes = 32 * 1024;
