import * as z from 'zod/mini';

/**
 * The fields of ClusterImagePolicy, all of them (v1alpha1 and v1beta1 differ in comments only). The objects are strict:
 * a policy that is read without one of its fields is another policy.
 */

const text = z.string().check(z.minLength(1));
const anything = z.unknown();

/** `metadata`, with what the API server adds to an exported object; of all of it only the name is used. */
export const Metadata = z.strictObject({
  name: text,
  namespace: z.optional(anything),
  labels: z.optional(anything),
  annotations: z.optional(anything),
  uid: z.optional(anything),
  resourceVersion: z.optional(anything),
  generation: z.optional(anything),
  creationTimestamp: z.optional(anything),
  managedFields: z.optional(anything),
  finalizers: z.optional(anything),
  ownerReferences: z.optional(anything),
  selfLink: z.optional(anything),
});

const KeyRef = z.strictObject({
  data: z.optional(text),
  secretRef: z.optional(z.strictObject({ name: text, namespace: z.optional(z.string()) })),
  hashAlgorithm: z.optional(z.string()),
  kms: z.optional(anything),
});
export type KeyRef = z.infer<typeof KeyRef>;

const Identity = z.strictObject({
  issuer: z.optional(z.string()),
  issuerRegExp: z.optional(z.string()),
  subject: z.optional(z.string()),
  subjectRegExp: z.optional(z.string()),
});
export type Identity = z.infer<typeof Identity>;

const KeylessRef = z.strictObject({
  url: z.optional(z.string()),
  identities: z.optional(z.array(Identity)),
  'ca-cert': z.optional(KeyRef),
  trustRootRef: z.optional(z.string()),
  insecureIgnoreSCT: z.optional(z.boolean()),
});
export type KeylessRef = z.infer<typeof KeylessRef>;

const StaticRef = z.strictObject({ action: z.enum(['pass', 'fail']), message: z.optional(z.string()) });

const Source = z.strictObject({
  oci: z.optional(z.string()),
  signaturePullSecrets: z.optional(z.array(z.strictObject({ name: text }))),
  tagPrefix: z.optional(z.string()),
});
export type Source = z.infer<typeof Source>;

const TLog = z.strictObject({ url: z.optional(z.string()), trustRootRef: z.optional(z.string()) });

const Rfc3161Timestamp = z.strictObject({ trustRootRef: z.optional(z.string()) });

const Policy = z.strictObject({
  type: z.enum(['cue', 'rego']),
  data: z.optional(z.string()),
  remote: z.optional(z.strictObject({ url: z.optional(z.string()), sha256sum: z.optional(z.string()) })),
  configMapRef: z.optional(
    z.strictObject({ name: z.optional(z.string()), namespace: z.optional(z.string()), key: z.optional(z.string()) }),
  ),
  fetchConfigFile: z.optional(z.boolean()),
  includeSpec: z.optional(z.boolean()),
  includeObjectMeta: z.optional(z.boolean()),
  includeTypeMeta: z.optional(z.boolean()),
});
export type Policy = z.infer<typeof Policy>;

const Attestation = z.strictObject({ name: text, predicateType: text, policy: z.optional(Policy) });
export type Attestation = z.infer<typeof Attestation>;

const Authority = z.strictObject({
  name: z.optional(z.string()),
  key: z.optional(KeyRef),
  keyless: z.optional(KeylessRef),
  static: z.optional(StaticRef),
  source: z.optional(z.array(Source)),
  ctlog: z.optional(TLog),
  attestations: z.optional(z.array(Attestation)),
  rfc3161timestamp: z.optional(Rfc3161Timestamp),
  signatureFormat: z.optional(z.string()),
});
export type AuthoritySpec = z.infer<typeof Authority>;

const Match = z.strictObject({
  group: z.optional(z.string()),
  version: z.optional(z.string()),
  resource: z.optional(z.string()),
  selector: z.optional(
    z.strictObject({
      matchLabels: z.optional(z.record(z.string(), z.string())),
      matchExpressions: z.optional(
        z.array(z.strictObject({ key: z.string(), operator: z.string(), values: z.optional(z.array(z.string())) })),
      ),
    }),
  ),
});
export type Match = z.infer<typeof Match>;

export const v1beta1 = 'policy.sigstore.dev/v1beta1';

export const ClusterImagePolicySchema = z.strictObject({
  apiVersion: z.enum([v1beta1, 'policy.sigstore.dev/v1alpha1']),
  kind: z.literal('ClusterImagePolicy'),
  metadata: Metadata,
  spec: z.strictObject({
    images: z.array(z.strictObject({ glob: text })).check(z.minLength(1)),
    authorities: z.array(Authority).check(z.minLength(1)),
    mode: z.optional(z.string()),
    match: z.optional(z.array(Match)),
    policy: z.optional(Policy),
  }),
  status: z.optional(anything),
});
