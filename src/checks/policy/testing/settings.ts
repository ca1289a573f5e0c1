/**
 * The files of `kyverno test` (cli.kyverno.io/v1alpha1, as version 1.19 reads them), strictly: a key that is not here is
 * an error, so that no line of a test is silently without effect.
 */
import * as z from 'zod/mini';
import { isObject, type JsonValue, objectFrom } from '../../../core/json.ts';

const text = () => z.string();
const texts = () => z.optional(z.array(z.string()));
/** A value that is data of the test and not a setting of it. */
const anything = () => z.custom<JsonValue>((value) => value !== undefined);
const anyObject = () => z.record(z.string(), anything());
/** Kept by what made the file, and of no meaning in it. */
const anyMetadata = () => z.optional(anyObject());
/** Kyverno looks at neither: tests of `kyverno.io/v1` are about. */
const apiVersion = () => z.optional(text());

const ResourceSpec = z.strictObject({
  group: z.optional(text()),
  version: z.optional(text()),
  kind: z.optional(text()),
  namespace: z.optional(text()),
  subresource: z.optional(text()),
  name: z.optional(text()),
});
export type ResourceSpec = z.infer<typeof ResourceSpec>;

const flag = () => z.optional(z.boolean());

/** One entry of `results`: what a rule has to say of some resources. */
export const ExpectedResult = z.strictObject({
  policy: text().check(z.minLength(1)),
  rule: z.optional(text()),
  result: z.enum(['pass', 'fail', 'skip', 'warn', 'error']),
  kind: z.optional(text()),
  operation: z.optional(z.enum(['CREATE', 'UPDATE', 'DELETE'])),
  resources: texts(),
  resourceSpecs: z.optional(z.array(ResourceSpec)),
  isValidatingAdmissionPolicy: flag(),
  isMutatingAdmissionPolicy: flag(),
  isValidatingPolicy: flag(),
  isDeletingPolicy: flag(),
  isImageValidatingPolicy: flag(),
  isGeneratingPolicy: flag(),
  isMutatingPolicy: flag(),
  patchedResources: z.optional(text()),
  generatedResource: z.optional(text()),
  generatedResources: texts(),
  cloneSourceResource: z.optional(text()),
  failOnMissingResources: flag(),
});
export type ExpectedResult = z.infer<typeof ExpectedResult>;

const ApiResource = z.strictObject({
  name: z.optional(text()),
  singularName: z.optional(text()),
  namespaced: z.optional(z.boolean()),
  group: z.optional(text()),
  version: z.optional(text()),
  kind: z.optional(text()),
  verbs: texts(),
  shortNames: texts(),
  categories: texts(),
  storageVersionHash: z.optional(text()),
});

const valuesShape = {
  globalValues: z.optional(anyObject()),
  policies: z.optional(
    z.array(
      z.strictObject({
        name: text(),
        resources: z.optional(z.array(z.strictObject({ name: text(), values: z.optional(anyObject()) }))),
        rules: z.optional(
          z.array(
            z.strictObject({
              name: text(),
              values: z.optional(anyObject()),
              foreachValues: z.optional(z.record(z.string(), z.array(anything()))),
            }),
          ),
        ),
      }),
    ),
  ),
  namespaceSelector: z.optional(
    z.array(z.strictObject({ name: text(), labels: z.optional(z.record(z.string(), z.string())) })),
  ),
  /** Whole Namespaces, as a cluster would have them. */
  namespaces: z.optional(z.array(anyObject())),
  subresources: z.optional(z.array(z.strictObject({ subresource: ApiResource, parentResource: ApiResource }))),
};

/** Values, as they stand in a test. */
export const TestValues = z.strictObject(valuesShape);
export type TestValues = z.infer<typeof TestValues>;

/** Values in a file of their own; `Value` is what `kyverno create values` once wrote. */
export const ValuesFile = z.strictObject({
  apiVersion: apiVersion(),
  kind: z.optional(z.enum(['Values', 'Value'])),
  metadata: anyMetadata(),
  ...valuesShape,
});

const Response = z.strictObject({ statusCode: z.optional(z.int()), body: anything() });

export const KyvernoTest = z.strictObject({
  apiVersion: apiVersion(),
  kind: z.optional(z.literal('Test')),
  metadata: anyMetadata(),
  name: z.optional(text()),
  policies: texts(),
  resources: texts(),
  jsonPayload: z.optional(text()),
  jsonPayloads: texts(),
  httpPayloads: texts(),
  envoyPayloads: texts(),
  targetResources: texts(),
  variables: z.optional(text()),
  paramResources: texts(),
  userinfo: z.optional(text()),
  results: z.optional(z.array(ExpectedResult)),
  values: z.optional(TestValues),
  exceptions: texts(),
  context: z.optional(text()),
  clusterResources: texts(),
  apiCallResponses: z.optional(
    z.array(
      z.strictObject({
        url: z.optional(text()),
        urlPath: z.optional(text()),
        method: z.optional(z.enum(['GET', 'POST', ''])),
        response: Response,
      }),
    ),
  ),
  globalContextEntries: z.optional(
    z.array(
      z.strictObject({
        name: text(),
        data: z.optional(anything()),
        resources: z.optional(z.array(anyObject())),
        resourceFiles: texts(),
        fieldPath: z.optional(text()),
        projections: z.optional(z.array(z.strictObject({ name: text().check(z.minLength(1)), path: text() }))),
      }),
    ),
  ),
});
export type KyvernoTest = z.infer<typeof KyvernoTest>;

export const UserInfoFile = z.strictObject({
  apiVersion: apiVersion(),
  kind: z.optional(z.literal('UserInfo')),
  metadata: anyMetadata(),
  roles: z.optional(z.nullable(z.array(z.string()))),
  clusterRoles: z.optional(z.nullable(z.array(z.string()))),
  userInfo: z.optional(
    z.strictObject({
      username: z.optional(text()),
      uid: z.optional(text()),
      groups: z.optional(z.nullable(z.array(z.string()))),
      extra: z.optional(z.nullable(z.record(z.string(), z.array(z.string())))),
    }),
  ),
  /** Whether the request is a dry run: no rule can read it here. */
  synchronize: z.optional(z.literal(false)),
});
export type UserInfoFile = z.infer<typeof UserInfoFile>;

/** What a cluster and registries would say, for policies in CEL. */
export const ContextFile = z.strictObject({
  apiVersion: apiVersion(),
  kind: z.optional(z.literal('Context')),
  metadata: anyMetadata(),
  spec: z.strictObject({
    resources: z.optional(z.array(anyObject())),
    images: z.optional(
      z.array(
        z.strictObject({
          image: text(),
          resolvedImage: z.optional(text()),
          registry: z.optional(text()),
          repository: z.optional(text()),
          tag: z.optional(text()),
          digest: z.optional(text()),
          imageIndex: z.optional(anything()),
          manifest: z.optional(anything()),
          config: z.optional(anything()),
        }),
      ),
    ),
  }),
});
export type ContextFile = z.infer<typeof ContextFile>;

export const ClusterResourceFile = z.strictObject({
  apiVersion: apiVersion(),
  kind: z.optional(z.literal('ClusterResource')),
  metadata: anyMetadata(),
  spec: z.strictObject({ crds: texts(), resources: z.optional(z.array(anyObject())) }),
});

/** Where the keys below are keys of the format; below any other key stand data of the test, in which null is a value. */
const structure: ReadonlySet<string> = new Set([
  'results',
  'resourceSpecs',
  'policies',
  'resources',
  'rules',
  'subresources',
  'subresource',
  'parentResource',
  'namespaceSelector',
  'userInfo',
  'spec',
  'images',
  'apiCallResponses',
  'response',
  'globalContextEntries',
  'projections',
]);

/** The document without keys that have no value (`verbs: null`): Go takes them for absent. */
export function withoutNulls(value: JsonValue, isRoot = true): JsonValue {
  if (Array.isArray(value)) return value.map((item: JsonValue) => withoutNulls(item, false));
  if (!isObject(value)) return value;
  return objectFrom(
    Object.entries(value).flatMap(([key, inside]): [string, JsonValue][] => {
      if (inside === null) return [];
      const isStructure = structure.has(key) || (isRoot && key === 'values');
      return [[key, isStructure ? withoutNulls(inside, false) : inside]];
    }),
  );
}
