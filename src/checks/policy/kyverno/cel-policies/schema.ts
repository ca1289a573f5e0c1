import * as z from 'zod/mini';
import { MatchResources } from '../../kube/match-resources.ts';

/** The kinds of `policies.kyverno.io` that judge or change what judges; the objects are strict. */

const text = z.string().check(z.minLength(1));
const optionalText = z.optional(z.string());

export const Metadata = z.looseObject({
  name: text,
  namespace: optionalText,
  labels: z.optional(z.record(z.string(), z.string())),
  annotations: z.optional(z.record(z.string(), z.string())),
});
export type Metadata = z.infer<typeof Metadata>;

/** A list whose items are told apart by a field: the API server takes no two of the same. */
function keyed<Item extends z.ZodMiniType<{ readonly [key: string]: unknown }>>(item: Item, key: string) {
  return z.array(item).check(
    z.refine((items) => new Set(items.map((each) => each[key])).size === items.length, {
      error: `two items have the same ${key}`,
    }),
  );
}

const Named = z.strictObject({ name: text, expression: text });

export const Validation = z.strictObject({
  expression: text,
  message: optionalText,
  messageExpression: optionalText,
  reason: optionalText,
});
export type Validation = z.infer<typeof Validation>;

const Switch = z.optional(z.strictObject({ enabled: z.optional(z.boolean()) }));

const Evaluation = z.strictObject({
  mode: z.optional(z.enum(['', 'Kubernetes', 'JSON'])),
  admission: Switch,
  background: Switch,
});

const PodControllers = z.optional(z.strictObject({ controllers: z.optional(z.array(text)) }));

/** What all kinds that judge have in common. */
const common = {
  matchConstraints: z.optional(MatchResources),
  matchConditions: z.optional(keyed(Named, 'name').check(z.maxLength(64))),
  variables: z.optional(keyed(Named, 'name')),
  auditAnnotations: z.optional(keyed(z.strictObject({ key: text, valueExpression: text }), 'key')),
  failurePolicy: z.optional(z.enum(['Ignore', 'Fail'])),
  validationActions: z.optional(
    z
      .array(z.enum(['Deny', 'Audit', 'Warn']))
      .check(z.refine((actions) => new Set(actions).size === actions.length, { error: 'an action stands twice' })),
  ),
  evaluation: z.optional(Evaluation),
  webhookConfiguration: z.optional(z.strictObject({ timeoutSeconds: z.optional(z.int()) })),
};

export const ValidatingPolicySpec = z.strictObject({
  ...common,
  validations: z.optional(z.array(Validation)),
  autogen: z.optional(z.strictObject({ podControllers: PodControllers, validatingAdmissionPolicy: Switch })),
});
export type ValidatingPolicySpec = z.infer<typeof ValidatingPolicySpec>;

const apiVersion = z.enum(['policies.kyverno.io/v1', 'policies.kyverno.io/v1beta1', 'policies.kyverno.io/v1alpha1']);

export const ValidatingPolicySchema = z.strictObject({
  apiVersion,
  kind: z.enum(['ValidatingPolicy', 'NamespacedValidatingPolicy']),
  metadata: Metadata,
  spec: ValidatingPolicySpec,
  status: z.optional(z.unknown()),
});

const flag = z.optional(z.boolean());

/** Attestors are read by the image check: it knows their fields. */
const Attestor = z.looseObject({ name: text });
const Attestation = z
  .strictObject({
    name: text,
    intoto: z.optional(z.strictObject({ type: text })),
    referrer: z.optional(z.strictObject({ type: text })),
  })
  .check(
    z.refine(({ intoto, referrer }) => (intoto === undefined) !== (referrer === undefined), {
      error: 'exactly one of intoto and referrer says what is attached',
    }),
  );
export type Attestation = z.infer<typeof Attestation>;

const ImageReferenceMatch = z.strictObject({ glob: z.optional(text), expression: z.optional(text) }).check(
  z.refine(({ glob, expression }) => (glob === undefined) !== (expression === undefined), {
    error: 'exactly one of glob and expression says which images are meant',
  }),
);

export const ImageValidatingPolicySpec = z.strictObject({
  ...common,
  validations: z.array(Validation),
  autogen: z.optional(z.strictObject({ podControllers: PodControllers })),
  matchImageReferences: z.optional(z.array(ImageReferenceMatch)),
  images: z.optional(keyed(Named, 'name')),
  attestors: keyed(Attestor, 'name'),
  attestations: z.optional(keyed(Attestation, 'name')),
  credentials: z.optional(
    z.strictObject({
      allowInsecureRegistry: flag,
      providers: z.optional(z.array(z.enum(['default', 'amazon', 'azure', 'google', 'github']))),
      secrets: z.optional(z.array(text)),
    }),
  ),
  validationConfigurations: z.optional(z.strictObject({ mutateDigest: flag, verifyDigest: flag, required: flag })),
});
export type ImageValidatingPolicySpec = z.infer<typeof ImageValidatingPolicySpec>;

export const ImageValidatingPolicySchema = z.strictObject({
  apiVersion,
  kind: z.enum(['ImageValidatingPolicy', 'NamespacedImageValidatingPolicy']),
  metadata: Metadata,
  spec: ImageValidatingPolicySpec,
  status: z.optional(z.unknown()),
});

export const PolicyExceptionSchema = z.strictObject({
  apiVersion,
  kind: z.literal('PolicyException'),
  metadata: Metadata,
  spec: z.strictObject({
    policyRefs: z.array(z.strictObject({ name: text, kind: text })).check(z.minLength(1)),
    matchConditions: z.optional(keyed(Named, 'name').check(z.maxLength(64))),
    images: z.optional(z.array(z.string())),
    allowedValues: z.optional(z.array(z.string())),
    reportResult: z.optional(z.enum(['skip', 'pass'])),
    expiresAt: z.optional(z.string()),
    properties: z.optional(z.record(z.string(), z.string())),
    evaluationMode: optionalText,
  }),
});
