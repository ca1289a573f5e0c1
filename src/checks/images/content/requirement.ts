import type { PredicateSettings } from './settings.ts';

/** What can be asked of an attestation. */
export const kinds = ['provenance', 'sbom', 'vulnerabilities', 'vex', 'summary'] as const;
export type Kind = (typeof kinds)[number];

/** What one kind asks. */
export type Asked = { [K in Kind]: { readonly kind: K } & { readonly asks: NonNullable<PredicateSettings[K]> } }[Kind];

/** One entry of `spec.images.predicates`, as the attestation that it is about carries it. Plain data. */
export type PredicateRequirement = Asked & {
  /** `spec.images.predicates[0]` */
  readonly place: string;
};
