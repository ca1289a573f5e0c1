/**
 * The short names of predicate types (cosign, `options.PredicateTypeMap`). policy-controller takes every one of them, and
 * calls them deprecated.
 */
const shortNames: ReadonlyMap<string, string> = new Map([
  ['custom', 'https://cosign.sigstore.dev/attestation/v1'],
  ['slsaprovenance', 'https://slsa.dev/provenance/v0.2'],
  ['slsaprovenance02', 'https://slsa.dev/provenance/v0.2'],
  ['slsaprovenance1', 'https://slsa.dev/provenance/v1'],
  ['spdx', 'https://spdx.dev/Document'],
  ['spdxjson', 'https://spdx.dev/Document'],
  ['cyclonedx', 'https://cyclonedx.org/bom'],
  ['link', 'https://in-toto.io/Link/v1'],
  ['vuln', 'https://cosign.sigstore.dev/attestation/vuln/v1'],
  ['openvex', 'https://openvex.dev/ns'],
]);

export const predicateTypeNames: readonly string[] = [...shortNames.keys()];

/** The predicate type as statements spell it; whatever is no short name stands for itself. */
export function predicateTypeOf(written: string): string {
  return shortNames.get(written) ?? written;
}

/** Whether it has a scheme, as the types of statements do; compared is the text, whatever it is. */
export function isUri(predicateType: string): boolean {
  return URL.canParse(predicateType);
}
