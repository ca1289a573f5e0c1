import type { JsonValue } from '../../../core/json.ts';
import type { Place } from '../../../core/manifest.ts';
import type { PredicateRequirement } from '../content/requirement.ts';
import type { PolicyKey } from './key.ts';

/**
 * What the trust policies of every spelling are read into: ClusterImagePolicy, Flux `verify`, the static part of Kyverno
 * `verifyImages`, containers `policy.json` and Notation's trust policy. The verifier knows this model alone. All of it is
 * plain data, so that it can be handed to a worker thread.
 */

/** One policy: it applies where `scope` matches, and is satisfied when `quorum` of its authorities are. */
export interface ImagePolicy {
  /** As its author would look it up: `ClusterImagePolicy release`. */
  readonly rule: string;
  readonly name: string;
  readonly place: Place;
  /** Which images. Any one that matches is enough. */
  readonly scope: readonly ImageScope[];
  /** Which objects it looks at (`spec.match`); empty means all. */
  readonly match: readonly ResourceMatch[];
  /** `warn`: what it would deny is told and not denied; what it vouches for counts as verified all the same. */
  readonly mode: 'enforce' | 'warn';
  readonly authorities: readonly [Authority, ...Authority[]];
  /** How many authorities must be satisfied: 1 in a ClusterImagePolicy. */
  readonly quorum: number;
  /** `spec.policy`: judged once its authorities are satisfied. */
  readonly content?: PolicyContent;
  /** What a person should know of, each a clause. */
  readonly hazards: readonly string[];
}

/** A set of image names. */
export interface ImageScope {
  /** As written. */
  readonly text: string;
  /** Whether the canonical name (`canonicalName` of src/core/image.ts) is in it. */
  matches(canonicalName: string): boolean;
  /** Whether some digest of the repository (`repositoryName`) could be: whether a tag must be resolved to know. */
  couldMatchDigest(repositoryName: string): boolean;
}

/** An entry of `spec.match`: equal group and resource, equal version or `*`, and labels. */
export interface ResourceMatch {
  readonly group: string;
  readonly version: string;
  /** Plural, lower case: `pods`, `deployments`. */
  readonly resource: string;
  readonly selector?: LabelSelector;
}

/** metav1.LabelSelector; both parts must hold. An empty one selects everything. */
export interface LabelSelector {
  readonly matchLabels: Readonly<Record<string, string>>;
  readonly matchExpressions: readonly {
    readonly key: string;
    readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
    readonly values: readonly string[];
  }[];
}

/** One way to satisfy a policy. */
export type Authority =
  | { readonly kind: 'static'; readonly name: string; readonly action: 'pass' | 'fail'; readonly message: string }
  | KeyAuthority
  | KeylessAuthority
  | NotationAuthority;

/** Signatures by a managed key. A certificate never satisfies it, whatever key is in it. */
export interface KeyAuthority extends Evidence {
  readonly kind: 'key';
  readonly name: string;
  readonly key: PolicyKey;
  /** When its signatures count, in milliseconds: at their trusted time, or where none is asked for, now. */
  readonly validFor?: { readonly start?: number; readonly end?: number };
}

/** Signatures with a short-lived (or any) certificate of an authority in `roots`. A bare key never satisfies it. */
export interface KeylessAuthority extends Evidence {
  readonly kind: 'keyless';
  readonly name: string;
  /** Any one pair; issuer of one pair and subject of another is no match. Empty only where `roots` alone decide (a CA of one's own, as in Kyverno `certificates` and policy.json `pki`). */
  readonly identities: readonly IdentityPair[];
  readonly roots: TrustRoot;
  /** Whether the certificate must carry a timestamp of a certificate log in `roots`. */
  readonly sct: 'required' | 'ignored';
}

export interface IdentityPair {
  /** `any` only where the policy compares none: an authority whose certificates name no issuer, or a subject alone. */
  readonly issuer: TextMatch | 'any';
  readonly subject: TextMatch;
  /** Further Fulcio extensions that must have a value, by OID (`1.3.6.1.4.1.57264.1.12`). */
  readonly extensions?: Readonly<Record<string, TextMatch>>;
}

/** A text, whole, or a Go regular expression, which matches anywhere in it unless it is anchored. */
export type TextMatch = { readonly equal: string } | { readonly regExp: string };

/** Signatures of the Notary Project. Judged by src/checks/images/notation. */
export interface NotationAuthority {
  readonly kind: 'notation';
  readonly name: string;
  /** The one trust policy that applies, with its trust store; the shape is that of src/checks/images/notation. */
  readonly policy: unknown;
  /** As in `Evidence`. */
  readonly maxAgeDays?: number;
}

/** What key and keyless authorities ask of a signature beyond the signer. */
export interface Evidence {
  /** The transparency log. `required`: an entry of a log in `roots`, bound to signature, digest and key. */
  readonly log: { readonly demand: 'ignored' } | EvidenceDemand;
  /** RFC 3161 timestamps. `required`: one of an authority in `roots`; it is then the time that certificates are judged at. */
  readonly timestamp: { readonly demand: 'ignored' } | EvidenceDemand;
  /** Where signatures and attestations lie; empty means beside the image. */
  readonly sources: readonly SignatureSource[];
  /** Which forms count: the tags `.sig` and `.att`, bundles, or whatever is there. */
  readonly format: 'legacy' | 'bundle' | 'any';
  /** If there are any, they are asked for instead of a signature; each must be satisfied by one attestation or more. */
  readonly attestations: readonly AttestationDemand[];
  /** Annotations that the signed payload must carry. */
  readonly annotations: Readonly<Record<string, string>>;
  /** The `docker-reference` that a simple-signing payload must claim (policy.json `signedIdentity`); undefined where no name is asked for. */
  readonly signedName?: SignedName;
  /** Days for which a signature or an attestation counts (`spec.images.maxAge`); undefined: for ever. */
  readonly maxAgeDays?: number;
}

interface EvidenceDemand {
  readonly demand: 'required';
  readonly roots: TrustRoot;
  /** How many different logs or authorities; 1 if it is left out. */
  readonly threshold?: number;
}

export type SignedName =
  | { readonly type: 'matchExact' | 'matchRepoDigestOrExact' | 'matchRepository' }
  | { readonly type: 'exactReference' | 'exactRepository'; readonly value: string }
  | { readonly type: 'remapIdentity'; readonly prefix: string; readonly signedPrefix: string };

/** `source[]` of an authority: another repository, another tag. */
export interface SignatureSource {
  /** `host/path`, canonical (`repositoryName`); undefined means the image's own. */
  readonly repository?: string;
  /** Goes before `sha256-<hex>.sig`. */
  readonly tagPrefix: string;
  /** `signaturePullSecrets`: docker config.json files of the gate's own store, by the name of their Secret. */
  readonly pullSecrets: readonly string[];
}

export interface AttestationDemand {
  readonly name: string;
  /** A full URI: deprecated short names are expanded at load. */
  readonly predicateType: string;
  /** As the policy writes it, which is how the input of `spec.policy` names it; undefined where nothing else was written. */
  readonly writtenType?: string;
  /** What the statement must say; the input is the whole in-toto statement. */
  readonly content?: ContentRule;
  /** What the Gate's own settings ask of what it says (`spec.images.predicates`). */
  readonly requirements?: readonly PredicateRequirement[];
  /** Whoever asked wants to read every statement that is verified, and not only to know of one. */
  readonly keepsStatements?: true;
  /** Where it stands. */
  readonly place: Place;
}

/** A policy over signed content. */
export interface ContentRule {
  readonly language: 'rego' | 'cue';
  readonly text: string;
  /** For findings: `ClusterImagePolicy release, attestation provenance`. */
  readonly name: string;
  readonly place: Place;
}

/** `spec.policy` of a ClusterImagePolicy. */
export interface PolicyContent {
  readonly rule: ContentRule;
  readonly fetchConfigFile: boolean;
  readonly includeSpec: boolean;
  readonly includeObjectMeta: boolean;
  readonly includeTypeMeta: boolean;
}

/**
 * Keys, certificate authorities, logs and timestamp authorities. `json` is in the shape of sigstore's
 * `trusted_root.json` (media type `application/vnd.dev.sigstore.trustedroot+json;version=0.1`), and was read by the
 * library once when it was loaded.
 */
export interface TrustRoot {
  /** `TrustRoot corp`, `trusted_root.json`, `the public-good instance of 2026-09-01`. */
  readonly name: string;
  readonly json: JsonValue;
  /** sha256 over `json`, hex: part of the key that verdicts are remembered by. */
  readonly digest: string;
}
