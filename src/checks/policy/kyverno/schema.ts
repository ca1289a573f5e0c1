/**
 * ClusterPolicy and Policy of kyverno.io, as the custom resource definitions of Kyverno 1.19 have them, strictly: the API
 * server drops a field that it does not know, and the rule then says less than its author meant.
 */
import * as z from 'zod/mini';
import { isObject, type JsonObject, type JsonValue } from '../../../core/json.ts';

const text = () => z.string();
const texts = () => z.optional(z.array(z.string()));
const flag = () => z.optional(z.boolean());
const strings = () => z.optional(z.record(z.string(), z.string()));
/** A value whose meaning is the rule's own: a pattern, a key, a default. */
const anything = () => z.custom<JsonValue>((value) => value !== undefined);
/** What is not evaluated here, and is therefore not read either. */
const unread = () => z.custom<JsonObject>((value) => isObject(value), 'must be an object');

export const LabelSelector = z.strictObject({
  matchLabels: strings(),
  matchExpressions: z.optional(
    z.array(
      z.strictObject({ key: text(), operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']), values: texts() }),
    ),
  ),
});
export type LabelSelector = z.infer<typeof LabelSelector>;

const operations = ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'] as const;

export const ResourceDescription = z.strictObject({
  kinds: texts(),
  name: z.optional(text()),
  names: texts(),
  namespaces: texts(),
  annotations: strings(),
  selector: z.optional(LabelSelector),
  namespaceSelector: z.optional(LabelSelector),
  operations: z.optional(z.array(z.enum(operations))),
});
export type ResourceDescription = z.infer<typeof ResourceDescription>;

const Subject = z.strictObject({
  kind: z.enum(['User', 'Group', 'ServiceAccount']),
  apiGroup: z.optional(text()),
  name: text().check(z.minLength(1)),
  namespace: z.optional(text()),
});
export type Subject = z.infer<typeof Subject>;

const filterShape = {
  resources: z.optional(ResourceDescription),
  roles: texts(),
  clusterRoles: texts(),
  subjects: z.optional(z.array(Subject)),
};
export const ResourceFilter = z.strictObject(filterShape);
export type ResourceFilter = z.infer<typeof ResourceFilter>;

export const MatchResources = z.strictObject({
  any: z.optional(z.array(ResourceFilter)),
  all: z.optional(z.array(ResourceFilter)),
  ...filterShape,
});
export type MatchResources = z.infer<typeof MatchResources>;

export const Condition = z.strictObject({
  key: z.optional(anything()),
  operator: text(),
  value: z.optional(anything()),
  message: z.optional(text()),
});
export type Condition = z.infer<typeof Condition>;

export const AnyAllConditions = z.strictObject({
  any: z.optional(z.array(Condition)),
  all: z.optional(z.array(Condition)),
});
export type AnyAllConditions = z.infer<typeof AnyAllConditions>;

/** The list is the old spelling of `all`. */
export const Conditions = z.union([z.array(Condition), AnyAllConditions]);
export type Conditions = z.infer<typeof Conditions>;

const Credentials = z.strictObject({
  allowInsecureRegistry: flag(),
  providers: z.optional(z.array(z.enum(['default', 'amazon', 'azure', 'google', 'github']))),
  secrets: texts(),
});

export const ContextEntry = z.strictObject({
  name: text().check(z.minLength(1)),
  configMap: z.optional(z.strictObject({ name: text().check(z.minLength(1)), namespace: z.optional(text()) })),
  apiCall: z.optional(
    z.strictObject({
      urlPath: z.optional(text()),
      method: z.optional(z.enum(['GET', 'POST'])),
      data: z.optional(z.array(z.strictObject({ key: text(), value: anything() }))),
      service: z.optional(
        z.strictObject({
          url: text(),
          headers: z.optional(z.array(z.strictObject({ key: text(), value: text() }))),
          caBundle: z.optional(text()),
        }),
      ),
      default: z.optional(anything()),
      jmesPath: z.optional(text()),
    }),
  ),
  imageRegistry: z.optional(
    z.strictObject({
      reference: text().check(z.minLength(1)),
      jmesPath: z.optional(text()),
      imageRegistryCredentials: z.optional(Credentials),
    }),
  ),
  variable: z.optional(
    z.strictObject({
      value: z.optional(anything()),
      jmesPath: z.optional(text()),
      default: z.optional(anything()),
    }),
  ),
  globalReference: z.optional(z.strictObject({ name: text().check(z.minLength(1)), jmesPath: z.optional(text()) })),
});
export type ContextEntry = z.infer<typeof ContextEntry>;

const Deny = z.strictObject({ conditions: z.optional(Conditions) });

const foreachShape = {
  list: text().check(z.minLength(1)),
  elementScope: flag(),
  context: z.optional(z.array(ContextEntry)),
  preconditions: z.optional(AnyAllConditions),
  pattern: z.optional(anything()),
  anyPattern: z.optional(z.array(anything())),
  deny: z.optional(Deny),
};

export interface Foreach extends z.infer<z.ZodMiniObject<typeof foreachShape, z.core.$strict>> {
  readonly foreach?: readonly Foreach[] | undefined;
}
const Foreach: z.ZodMiniType<Foreach> = z.strictObject({
  ...foreachShape,
  foreach: z.optional(z.array(z.lazy((): z.ZodMiniType<Foreach> => Foreach))),
});

const levels = ['privileged', 'baseline', 'restricted'] as const;
const versions = [...Array.from({ length: 14 }, (_, index) => `v1.${19 + index}`), 'latest'] as const;

export const PodSecurityStandard = z.strictObject({
  controlName: z.enum([
    'HostProcess',
    'Host Namespaces',
    'Privileged Containers',
    'Capabilities',
    'HostPath Volumes',
    'Host Ports',
    'AppArmor',
    'SELinux',
    '/proc Mount Type',
    'Seccomp',
    'Sysctls',
    'Volume Types',
    'Privilege Escalation',
    'Running as Non-root',
    'Running as Non-root user',
  ]),
  images: texts(),
  restrictedField: z.optional(text()),
  values: texts(),
});
export type PodSecurityStandard = z.infer<typeof PodSecurityStandard>;

export const PodSecurity = z.strictObject({
  level: z.optional(z.enum(levels)),
  version: z.optional(z.enum(versions)),
  exclude: z.optional(z.array(PodSecurityStandard)),
});
export type PodSecurity = z.infer<typeof PodSecurity>;

const MatchCondition = z.strictObject({ name: text(), expression: text() });

export const Cel = z.strictObject({
  /** Whether Kyverno hands the rule to the API server; it says the same there. */
  generate: flag(),
  expressions: z.optional(
    z.array(
      z.strictObject({
        expression: text(),
        message: z.optional(text()),
        messageExpression: z.optional(text()),
        reason: z.optional(text()),
      }),
    ),
  ),
  paramKind: z.optional(z.strictObject({ apiVersion: z.optional(text()), kind: z.optional(text()) })),
  paramRef: z.optional(
    z.strictObject({
      name: z.optional(text()),
      namespace: z.optional(text()),
      selector: z.optional(LabelSelector),
      parameterNotFoundAction: z.optional(z.enum(['Allow', 'Deny'])),
    }),
  ),
  auditAnnotations: z.optional(z.array(z.strictObject({ key: text(), valueExpression: text() }))),
  variables: z.optional(z.array(z.strictObject({ name: text(), expression: text() }))),
});
export type Cel = z.infer<typeof Cel>;

const actions = ['audit', 'enforce', 'Audit', 'Enforce'] as const;

export const ActionOverride = z.strictObject({
  action: z.enum(actions),
  namespaces: texts(),
  namespaceSelector: z.optional(LabelSelector),
});
export type ActionOverride = z.infer<typeof ActionOverride>;

export const Validation = z.strictObject({
  failureAction: z.optional(z.enum(['Audit', 'Enforce'])),
  failureActionOverrides: z.optional(z.array(ActionOverride)),
  allowExistingViolations: flag(),
  message: z.optional(text()),
  manifests: z.optional(unread()),
  foreach: z.optional(z.array(Foreach)),
  pattern: z.optional(anything()),
  anyPattern: z.optional(z.array(anything())),
  deny: z.optional(Deny),
  podSecurity: z.optional(PodSecurity),
  cel: z.optional(Cel),
  /** Without effect since 1.19, and refused by name for that. */
  assert: z.optional(anything()),
});
export type Validation = z.infer<typeof Validation>;

export const Rule = z.strictObject({
  name: text().check(z.minLength(1), z.maxLength(63)),
  context: z.optional(z.array(ContextEntry)),
  reportProperties: strings(),
  match: MatchResources,
  exclude: z.optional(MatchResources),
  imageExtractors: z.optional(
    z.record(
      z.string(),
      z.array(
        z.strictObject({
          path: text(),
          value: z.optional(text()),
          name: z.optional(text()),
          key: z.optional(text()),
          jmesPath: z.optional(text()),
        }),
      ),
    ),
  ),
  preconditions: z.optional(Conditions),
  celPreconditions: z.optional(z.array(MatchCondition)),
  mutate: z.optional(unread()),
  validate: z.optional(Validation),
  generate: z.optional(unread()),
  verifyImages: z.optional(z.array(unread())),
  skipBackgroundRequests: flag(),
});
export type Rule = z.infer<typeof Rule>;

const failurePolicies = ['Ignore', 'Fail'] as const;
const seconds = () => z.optional(z.int().check(z.minimum(1), z.maximum(30)));

export const Spec = z.strictObject({
  rules: z.array(Rule).check(z.minLength(1)),
  applyRules: z.optional(z.enum(['All', 'One'])),
  failurePolicy: z.optional(z.enum(failurePolicies)),
  validationFailureAction: z.optional(z.enum(actions)),
  validationFailureActionOverrides: z.optional(z.array(ActionOverride)),
  emitWarning: flag(),
  admission: flag(),
  background: flag(),
  schemaValidation: flag(),
  webhookTimeoutSeconds: seconds(),
  mutateExistingOnPolicyUpdate: flag(),
  generateExistingOnPolicyUpdate: flag(),
  generateExisting: flag(),
  useServerSideApply: flag(),
  webhookConfiguration: z.optional(
    z.strictObject({
      failurePolicy: z.optional(z.enum(failurePolicies)),
      timeoutSeconds: seconds(),
      matchConditions: z.optional(z.array(MatchCondition)),
    }),
  ),
});
export type Spec = z.infer<typeof Spec>;

/** The metadata of an object that lives in a cluster: only these parts of it are read, the others are the server's. */
const Metadata = z.looseObject({
  name: text().check(z.minLength(1)),
  namespace: z.optional(text()),
  labels: z.optional(z.nullable(z.record(z.string(), z.string()))),
  annotations: z.optional(z.nullable(z.record(z.string(), z.string()))),
});

export const KyvernoPolicy = z.strictObject({
  apiVersion: z.enum(['kyverno.io/v1', 'kyverno.io/v2beta1']),
  kind: z.enum(['ClusterPolicy', 'Policy']),
  metadata: Metadata,
  spec: Spec,
  /** What a controller reported; an export of a cluster has it. */
  status: z.optional(unread()),
});
export type KyvernoPolicy = z.infer<typeof KyvernoPolicy>;

export const KyvernoException = z.strictObject({
  apiVersion: z.enum(['kyverno.io/v2', 'kyverno.io/v2beta1']),
  kind: z.literal('PolicyException'),
  metadata: Metadata,
  spec: z.strictObject({
    background: flag(),
    match: z.strictObject({
      any: z.optional(z.array(ResourceFilter)),
      all: z.optional(z.array(ResourceFilter)),
    }),
    conditions: z.optional(AnyAllConditions),
    exceptions: z
      .array(z.strictObject({ policyName: text().check(z.minLength(1)), ruleNames: z.array(z.string()) }))
      .check(z.minLength(1)),
    podSecurity: z.optional(z.array(PodSecurityStandard)),
  }),
});
export type KyvernoException = z.infer<typeof KyvernoException>;
