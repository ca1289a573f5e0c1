/**
 * What the real cosign signs, what its own `verify` says of it, and what syncgate does. `docs/cosign-cases.md` is made from
 * this table, and test/e2e/cosign-cases.test.ts runs every row against the real programs.
 */
import type { CosignVersion, KeyKind } from '../cosign.ts';

export type Verdict = 'accepts' | 'refuses';

/** What is done to an image, and what is asked of it then. The words are those of the page. */
export const WHAT = {
  signature: 'signed; its key is trusted',
  stranger: 'signed by another key than the trusted one',
  annotated: 'signed with an annotation, which cosign is asked for too',
  index: 'an index of two platforms, signed',
  recursive: 'an index signed with `--recursive`; one of its platforms is asked for',
  platform: 'one platform of an index signed; the index is asked for',
  several: 'signed by a stranger and by the trusted key',
  twice: 'signed twice by the trusted key',
  copied: "another image's signature, put beside this one",
  attested: 'attested (SLSA provenance) and not signed; a signature is asked for',
  'attested, signed': 'attested as a bundle, and signed; a signature is asked for',
  attestation: 'attested (SLSA provenance), which is asked for',
  'other attestation': 'attested (SLSA provenance); an SBOM is asked for',
  'stranger attests': 'attested by another key than the trusted one',
  certified: "signed with a key and its certificate of a CA of one's own; the CA and the identity are trusted",
  'certified, other identity': "signed with a certificate of a CA of one's own; another identity is trusted",
  'certified, key': 'signed with a certificate; its bare key is trusted',
  stamped: 'signed by a key, with a timestamp, which is asked for',
  unstamped: 'signed by a key; a timestamp is asked for',
  keyless: 'signed keyless (Fulcio, Rekor 2, timestamp); the identity is trusted',
  'keyless, other subject': 'signed keyless; another address is trusted',
  'keyless, other issuer': 'signed keyless; another issuer is trusted',
  'keyless, other root': 'signed keyless; another trusted root',
  'keyless attestation': 'attested keyless (SLSA provenance), which is asked for',
  'keyless, key': 'signed keyless; a bare key is trusted',
} as const;
type What = keyof typeof WHAT;

export interface CosignCase {
  readonly signer: CosignVersion;
  readonly key: KeyKind | 'keyless';
  readonly format: 'legacy' | 'bundle';
  readonly what: What;
  /** `cosign verify` (or `verify-attestation`) of the version that signed. */
  readonly cosign: Verdict;
  readonly syncgate: Verdict;
  /** Where they differ: why. */
  readonly why?: string;
}

/** Why the two differ where they do. */
const hashes =
  'cosign signs with the hash that goes with the curve (SHA-384, SHA-512, Ed25519ph), and its own verify tries SHA-256 and plain Ed25519 alone; syncgate tries the hash of the policy, then that of the key';
const anyAttestation =
  'cosign takes any attestation by the key for a signature; to syncgate a signature is of type cosign/sign/v1';
const keyInCertificate =
  'cosign takes the key out of the certificate; syncgate lets a certificate satisfy a policy of certificates alone, so that its end and its name count';
const optionalTimestamp =
  '`--use-signed-timestamps` uses one where there is one; a policy that asks for a timestamp is not satisfied without';
const oneFormat =
  'cosign looks at bundles alone where there is any, and finds none that it can read; syncgate looks at both formats';

type Row = readonly [CosignVersion, CosignCase['key'], CosignCase['format'], What, Verdict, Verdict, string?];

/** Signer, key, format, what, cosign's verdict, syncgate's, and why they differ. */
const rows: readonly Row[] = [
  [2, 'p256', 'legacy', 'signature', 'accepts', 'accepts'],
  [2, 'p384', 'legacy', 'signature', 'refuses', 'accepts', hashes],
  [2, 'p521', 'legacy', 'signature', 'refuses', 'accepts', hashes],
  [2, 'rsa', 'legacy', 'signature', 'accepts', 'accepts'],
  [2, 'rsa4096', 'legacy', 'signature', 'accepts', 'accepts'],
  [2, 'ed25519', 'legacy', 'signature', 'refuses', 'accepts', hashes],
  [2, 'p256', 'legacy', 'stranger', 'refuses', 'refuses'],
  [2, 'p256', 'legacy', 'annotated', 'accepts', 'accepts'],
  [2, 'p256', 'legacy', 'index', 'accepts', 'accepts'],
  [2, 'p256', 'legacy', 'recursive', 'accepts', 'accepts'],
  [2, 'p256', 'legacy', 'platform', 'refuses', 'refuses'],
  [2, 'p256', 'legacy', 'several', 'accepts', 'accepts'],
  [2, 'p256', 'legacy', 'twice', 'accepts', 'accepts'],
  [2, 'p256', 'legacy', 'copied', 'refuses', 'refuses'],
  [2, 'p256', 'legacy', 'attested', 'refuses', 'refuses'],
  [2, 'p256', 'legacy', 'attested, signed', 'refuses', 'accepts', oneFormat],
  [2, 'p256', 'legacy', 'attestation', 'accepts', 'accepts'],
  [2, 'p256', 'legacy', 'other attestation', 'refuses', 'refuses'],
  [2, 'p256', 'legacy', 'stranger attests', 'refuses', 'refuses'],
  [2, 'p256', 'legacy', 'certified', 'accepts', 'accepts'],
  [2, 'p256', 'legacy', 'certified, other identity', 'refuses', 'refuses'],
  [2, 'p256', 'legacy', 'certified, key', 'accepts', 'refuses', keyInCertificate],
  [2, 'p256', 'legacy', 'stamped', 'accepts', 'accepts'],
  [2, 'p256', 'legacy', 'unstamped', 'accepts', 'refuses', optionalTimestamp],
  [2, 'p384', 'legacy', 'attestation', 'refuses', 'accepts', hashes],
  [2, 'p521', 'legacy', 'attestation', 'refuses', 'accepts', hashes],
  [2, 'rsa', 'legacy', 'attestation', 'accepts', 'accepts'],
  [2, 'ed25519', 'legacy', 'attestation', 'refuses', 'accepts', hashes],
  [2, 'p256', 'bundle', 'signature', 'accepts', 'accepts'],
  [2, 'p384', 'bundle', 'signature', 'refuses', 'accepts', hashes],
  [2, 'p521', 'bundle', 'signature', 'refuses', 'accepts', hashes],
  [2, 'rsa', 'bundle', 'signature', 'accepts', 'accepts'],
  [2, 'rsa4096', 'bundle', 'signature', 'accepts', 'accepts'],
  [2, 'ed25519', 'bundle', 'signature', 'refuses', 'accepts', hashes],
  [2, 'p256', 'bundle', 'stranger', 'refuses', 'refuses'],
  [2, 'p256', 'bundle', 'annotated', 'accepts', 'accepts'],
  [2, 'p256', 'bundle', 'index', 'accepts', 'accepts'],
  [2, 'p256', 'bundle', 'recursive', 'accepts', 'accepts'],
  [2, 'p256', 'bundle', 'platform', 'refuses', 'refuses'],
  [2, 'p256', 'bundle', 'several', 'accepts', 'accepts'],
  [2, 'p256', 'bundle', 'twice', 'accepts', 'accepts'],
  [2, 'p256', 'bundle', 'copied', 'refuses', 'refuses'],
  [2, 'p256', 'bundle', 'attested', 'accepts', 'refuses', anyAttestation],
  [2, 'p256', 'bundle', 'attested, signed', 'accepts', 'accepts'],
  [2, 'p256', 'bundle', 'attestation', 'accepts', 'accepts'],
  [2, 'p256', 'bundle', 'other attestation', 'refuses', 'refuses'],
  [2, 'p256', 'bundle', 'stranger attests', 'refuses', 'refuses'],
  [2, 'p256', 'bundle', 'certified', 'accepts', 'accepts'],
  [2, 'p256', 'bundle', 'certified, other identity', 'refuses', 'refuses'],
  [2, 'p256', 'bundle', 'certified, key', 'refuses', 'refuses'],
  [2, 'p256', 'bundle', 'stamped', 'accepts', 'accepts'],
  [2, 'p256', 'bundle', 'unstamped', 'refuses', 'refuses'],
  [2, 'p384', 'bundle', 'attestation', 'refuses', 'accepts', hashes],
  [2, 'p521', 'bundle', 'attestation', 'refuses', 'accepts', hashes],
  [2, 'rsa', 'bundle', 'attestation', 'accepts', 'accepts'],
  [2, 'ed25519', 'bundle', 'attestation', 'refuses', 'accepts', hashes],
  [3, 'p256', 'legacy', 'signature', 'accepts', 'accepts'],
  [3, 'p384', 'legacy', 'signature', 'refuses', 'accepts', hashes],
  [3, 'p521', 'legacy', 'signature', 'refuses', 'accepts', hashes],
  [3, 'rsa', 'legacy', 'signature', 'accepts', 'accepts'],
  [3, 'rsa4096', 'legacy', 'signature', 'accepts', 'accepts'],
  [3, 'ed25519', 'legacy', 'signature', 'refuses', 'accepts', hashes],
  [3, 'p256', 'legacy', 'stranger', 'refuses', 'refuses'],
  [3, 'p256', 'legacy', 'annotated', 'accepts', 'accepts'],
  [3, 'p256', 'legacy', 'index', 'accepts', 'accepts'],
  [3, 'p256', 'legacy', 'recursive', 'accepts', 'accepts'],
  [3, 'p256', 'legacy', 'platform', 'refuses', 'refuses'],
  [3, 'p256', 'legacy', 'several', 'accepts', 'accepts'],
  [3, 'p256', 'legacy', 'twice', 'accepts', 'accepts'],
  [3, 'p256', 'legacy', 'copied', 'refuses', 'refuses'],
  [3, 'p256', 'legacy', 'attested', 'refuses', 'refuses'],
  [3, 'p256', 'legacy', 'attested, signed', 'accepts', 'accepts'],
  [3, 'p256', 'legacy', 'attestation', 'accepts', 'accepts'],
  [3, 'p256', 'legacy', 'other attestation', 'refuses', 'refuses'],
  [3, 'p256', 'legacy', 'stranger attests', 'refuses', 'refuses'],
  [3, 'p256', 'legacy', 'certified', 'accepts', 'accepts'],
  [3, 'p256', 'legacy', 'certified, other identity', 'refuses', 'refuses'],
  [3, 'p256', 'legacy', 'certified, key', 'accepts', 'refuses', keyInCertificate],
  [3, 'p256', 'legacy', 'stamped', 'accepts', 'accepts'],
  [3, 'p256', 'legacy', 'unstamped', 'accepts', 'refuses', optionalTimestamp],
  [3, 'p384', 'legacy', 'attestation', 'refuses', 'accepts', hashes],
  [3, 'p521', 'legacy', 'attestation', 'refuses', 'accepts', hashes],
  [3, 'rsa', 'legacy', 'attestation', 'accepts', 'accepts'],
  [3, 'ed25519', 'legacy', 'attestation', 'refuses', 'accepts', hashes],
  [3, 'p256', 'bundle', 'signature', 'accepts', 'accepts'],
  [3, 'p384', 'bundle', 'signature', 'refuses', 'accepts', hashes],
  [3, 'p521', 'bundle', 'signature', 'refuses', 'accepts', hashes],
  [3, 'rsa', 'bundle', 'signature', 'accepts', 'accepts'],
  [3, 'rsa4096', 'bundle', 'signature', 'accepts', 'accepts'],
  [3, 'ed25519', 'bundle', 'signature', 'refuses', 'accepts', hashes],
  [3, 'p256', 'bundle', 'stranger', 'refuses', 'refuses'],
  [3, 'p256', 'bundle', 'annotated', 'accepts', 'accepts'],
  [3, 'p256', 'bundle', 'index', 'accepts', 'accepts'],
  [3, 'p256', 'bundle', 'recursive', 'accepts', 'accepts'],
  [3, 'p256', 'bundle', 'platform', 'refuses', 'refuses'],
  [3, 'p256', 'bundle', 'several', 'accepts', 'accepts'],
  [3, 'p256', 'bundle', 'twice', 'accepts', 'accepts'],
  [3, 'p256', 'bundle', 'copied', 'refuses', 'refuses'],
  [3, 'p256', 'bundle', 'attested', 'accepts', 'refuses', anyAttestation],
  [3, 'p256', 'bundle', 'attested, signed', 'accepts', 'accepts'],
  [3, 'p256', 'bundle', 'attestation', 'accepts', 'accepts'],
  [3, 'p256', 'bundle', 'other attestation', 'refuses', 'refuses'],
  [3, 'p256', 'bundle', 'stranger attests', 'refuses', 'refuses'],
  [3, 'p256', 'bundle', 'certified', 'refuses', 'refuses'],
  [3, 'p256', 'bundle', 'certified, other identity', 'refuses', 'refuses'],
  [3, 'p256', 'bundle', 'certified, key', 'refuses', 'refuses'],
  [3, 'p256', 'bundle', 'stamped', 'accepts', 'accepts'],
  [3, 'p256', 'bundle', 'unstamped', 'refuses', 'refuses'],
  [3, 'keyless', 'bundle', 'keyless', 'accepts', 'accepts'],
  [3, 'keyless', 'bundle', 'keyless, other subject', 'refuses', 'refuses'],
  [3, 'keyless', 'bundle', 'keyless, other issuer', 'refuses', 'refuses'],
  [3, 'keyless', 'bundle', 'keyless, other root', 'refuses', 'refuses'],
  [3, 'keyless', 'bundle', 'keyless attestation', 'accepts', 'accepts'],
  [3, 'keyless', 'bundle', 'keyless, key', 'refuses', 'refuses'],
  [3, 'p384', 'bundle', 'attestation', 'refuses', 'accepts', hashes],
  [3, 'p521', 'bundle', 'attestation', 'refuses', 'accepts', hashes],
  [3, 'rsa', 'bundle', 'attestation', 'accepts', 'accepts'],
  [3, 'ed25519', 'bundle', 'attestation', 'refuses', 'accepts', hashes],
];

export const COSIGN_CASES: readonly CosignCase[] = rows.map(([signer, key, format, what, cosign, syncgate, why]) => ({
  signer,
  key,
  format,
  what,
  cosign,
  syncgate,
  ...(why === undefined ? {} : { why }),
}));
