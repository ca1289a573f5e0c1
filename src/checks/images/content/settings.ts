import * as z from 'zod/mini';

const Text = z.string().check(z.minLength(1), z.maxLength(2000));
/** A text, whole, or a Go regular expression that must match the whole of it. */
const TextRule = z.union([
  Text,
  z.strictObject({ regExp: Text.check(z.describe('An RE2 expression that must match the whole text.')) }),
]);
export type TextRule = z.infer<typeof TextRule>;

const rules = (description: string) => z.optional(z.array(TextRule).check(z.minLength(1), z.describe(description)));
const patterns = (description: string) => z.optional(z.array(Text).check(z.minLength(1), z.describe(description)));
const days = (description: string) => z.int().check(z.minimum(1), z.maximum(36_500), z.describe(description));
const oneOrRegExp = 'Each is the whole text, or {regExp: …}, an RE2 expression that must match the whole of it.';

export const severities = ['unknown', 'negligible', 'low', 'medium', 'high', 'critical'] as const;
export type Severity = (typeof severities)[number];

/** What SLSA provenance v0.2 or v1 must say. What is left out is not asked. */
const ProvenanceRequirement = z.strictObject({
  builders: rules(`Builders that may have made the image (builder.id). ${oneOrRegExp}`),
  sources: rules(
    `Repositories that it may come from, as https://host/owner/name, without git+, .git and ref. ${oneOrRegExp}`,
  ),
  refs: rules(`Git refs that it may be built from, such as refs/heads/main. ${oneOrRegExp}`),
  buildTypes: rules(`Build types that are accepted. ${oneOrRegExp}`),
});
export type ProvenanceRequirement = z.infer<typeof ProvenanceRequirement>;

/** What every verified SBOM of the image must say. */
const SbomRequirement = z.strictObject({
  format: z
    .enum(['spdx', 'cyclonedx', 'any'])
    .check(z.describe('Which SBOMs are accepted: SPDX 2.2 and 2.3, CycloneDX 1.3 to 1.6, or both.')),
  deniedLicenses: patterns(
    'Licences that no component may be bound by: SPDX identifiers, `*` for any characters. Of "A OR B" one may be denied.',
  ),
  unknownLicenses: z.optional(
    z
      .enum(['deny', 'allow'])
      .check(
        z.describe(
          'A component without a licence, or with one that is no SPDX expression: deny or allow. Needed with deniedLicenses.',
        ),
      ),
  ),
  deniedComponents: patterns(
    'Components that must not be in the image: a name, or a package URL with or without version; `*` for any characters.',
  ),
  requiredFields: z.optional(
    z
      .array(z.enum(['version', 'purl', 'license', 'supplier']))
      .check(z.minLength(1), z.describe('What must be told of every component.')),
  ),
});
export type SbomRequirement = z.infer<typeof SbomRequirement>;

const IgnoredVulnerability = z.strictObject({
  id: Text.check(z.describe('The identifier, such as CVE-2024-3094.')),
  reason: Text.check(z.describe('Why it is ignored, for whoever reads this later.')),
  until: z.optional(
    z
      .string()
      .check(
        z.regex(/^\d{4}-\d\d-\d\d$/, 'must be a date, such as 2027-01-31'),
        z.describe('The last day on which it is ignored, in UTC.'),
      ),
  ),
});

/** What the newest scan of the image must say. */
const VulnerabilitiesRequirement = z.strictObject({
  format: z
    .enum(['trivy', 'grype', 'any'])
    .check(z.describe("Whose JSON the scan holds: Trivy's, Grype's, or either.")),
  maxSeverity: z.optional(
    z
      .enum(['negligible', 'low', 'medium', 'high'])
      .check(z.describe('The highest severity that is let through. An unknown severity is above all of them.')),
  ),
  denySeverities: z.optional(
    z
      .array(z.enum(severities))
      .check(z.minLength(1), z.describe('The severities that deny, one by one. Either this or maxSeverity.')),
  ),
  onlyFixed: z
    ._default(z.boolean(), false)
    .check(z.describe('Whether only vulnerabilities deny for which there is a fixed version.')),
  maxAgeDays: days(
    'How old a scan may be: by its own time and by the trusted time of its signature. There is no default.',
  ),
  ignore: z
    ._default(z.array(IgnoredVulnerability), () => [])
    .check(z.describe('Vulnerabilities that do not deny, by identifier or alias.')),
  vex: z.optional(
    Text.check(
      z.describe(
        'The name of the attestation of the same authorities that carries OpenVEX: what it says of this digest is not_affected or fixed does not deny.',
      ),
    ),
  ),
});
export type VulnerabilitiesRequirement = z.infer<typeof VulnerabilitiesRequirement>;

/** What OpenVEX about the image must say. */
const VexRequirement = z.strictObject({
  denyStatuses: z
    .array(z.enum(['affected', 'under_investigation']))
    .check(z.minLength(1), z.describe('Statuses that no vulnerability of this digest may have.')),
});
export type VexRequirement = z.infer<typeof VexRequirement>;

/** What the newest verification summary (SLSA VSA) must say, besides PASSED. */
const SummaryRequirement = z.strictObject({
  verifiers: z
    .array(TextRule)
    .check(z.minLength(1), z.describe(`Verifiers that are believed (verifier.id). ${oneOrRegExp}`)),
  levels: z.optional(
    z
      .array(Text)
      .check(
        z.minLength(1),
        z.describe(
          'Levels that must have been verified, such as SLSA_BUILD_LEVEL_2; a higher one of the track will do.',
        ),
      ),
  ),
  policies: rules(`Policies that it may have been verified by (policy.uri). ${oneOrRegExp}`),
  resources: rules(`What the summary may be of (resourceUri). ${oneOrRegExp}`),
  maxAgeDays: z.optional(days('How old it may be: by its own time and by the trusted time of its signature.')),
});
export type SummaryRequirement = z.infer<typeof SummaryRequirement>;

/** What the statements of one attestation of one policy must say. */
export const PredicateSettings = z.strictObject({
  policy: Text.check(z.describe('The policy that demands the attestation, by its name, or as kind and name.')),
  attestation: Text.check(z.describe('The name of the attestation in its authorities.')),
  provenance: z.optional(ProvenanceRequirement.check(z.describe('What SLSA provenance v0.2 or v1 must say.'))),
  sbom: z.optional(SbomRequirement.check(z.describe('What every SBOM of the image must say.'))),
  vulnerabilities: z.optional(
    VulnerabilitiesRequirement.check(z.describe('What the newest vulnerability scan must say.')),
  ),
  vex: z.optional(VexRequirement.check(z.describe('What OpenVEX about the image must say.'))),
  summary: z.optional(SummaryRequirement.check(z.describe('What the newest verification summary must say.'))),
});
export type PredicateSettings = z.infer<typeof PredicateSettings>;

/** `spec.images.predicates`: what verified attestations must say, beyond being there. */
export const PredicatesSettings = z
  ._default(z.array(PredicateSettings), () => [])
  .check(
    z.describe(
      'What verified attestations must say. Who may sign them stays in the trust policy; each entry names one of its attestations, and exactly one kind of content.',
    ),
  );
