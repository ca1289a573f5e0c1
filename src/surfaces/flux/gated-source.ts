import * as z from 'zod/mini';
import type { KubeResource } from '../../core/kube.ts';

/** The resource of ours. */
export const GATED_SOURCE: KubeResource = {
  group: 'syncgate.dev',
  version: 'v1alpha1',
  kind: 'GatedSource',
  plural: 'gatedsources',
  namespaced: true,
};

const describe = <Schema extends z.ZodMiniType>(schema: Schema, text: string) => schema.check(z.describe(text));
const name = () => z.string().check(z.minLength(1), z.maxLength(253));
const texts = () => z.record(z.string(), z.string());
const duration = (text: string) => describe(z.string().check(z.regex(/^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$/)), text);

/** The kinds of Flux that hold an artifact (source.toolkit.fluxcd.io/v1). */
export const SOURCE_KINDS = ['GitRepository', 'OCIRepository', 'Bucket', 'HelmChart', 'ExternalArtifact'] as const;
export type SourceKind = (typeof SOURCE_KINDS)[number];

const ValuesReference = z.strictObject({
  kind: describe(z.enum(['ConfigMap', 'Secret']), 'What holds the values, in the namespace of the GatedSource.'),
  name: describe(name(), 'Its name.'),
  valuesKey: describe(z._default(z.string(), 'values.yaml'), 'The key that holds them.'),
  targetPath: describe(
    z.optional(z.string()),
    'Where a single value goes, as `helm --set` names it. The whole where it is left out.',
  ),
  optional: describe(z._default(z.boolean(), false), 'Whether it may be absent.'),
});

const SubstituteReference = z.strictObject({
  kind: describe(z.enum(['ConfigMap', 'Secret']), 'What holds the variables, in the namespace of the GatedSource.'),
  name: describe(name(), 'Its name.'),
  optional: describe(z._default(z.boolean(), false), 'Whether it may be absent.'),
});

const PatchTarget = z.strictObject({
  group: z.optional(z.string()),
  version: z.optional(z.string()),
  kind: z.optional(z.string()),
  name: z.optional(z.string()),
  namespace: z.optional(z.string()),
  annotationSelector: z.optional(z.string()),
  labelSelector: z.optional(z.string()),
});

const Helm = z.strictObject({
  releaseName: describe(
    z.optional(z.string().check(z.minLength(1), z.maxLength(53))),
    'The name of the release; the name of the GatedSource where it is left out.',
  ),
  values: describe(z.optional(z.looseObject({})), 'Values, merged over `valuesFrom`.'),
  valuesFrom: describe(
    z.optional(z.array(ValuesReference)),
    'ConfigMaps and Secrets with values, merged in this order.',
  ),
  skipCrds: describe(z.optional(z.boolean()), 'Whether the chart’s `crds` folder is left out.'),
  skipTests: describe(z.optional(z.boolean()), 'Whether the chart’s tests are left out.'),
});

const Kustomize = {
  patches: describe(
    z.optional(z.array(z.strictObject({ patch: z.string(), target: z.optional(PatchTarget) }))),
    'Strategic merge and JSON 6902 patches, as in a Kustomization of Flux.',
  ),
  images: describe(
    z.optional(
      z.array(
        z.strictObject({
          name: z.string(),
          newName: z.optional(z.string()),
          newTag: z.optional(z.string()),
          digest: z.optional(z.string()),
        }),
      ),
    ),
    'Images to exchange, as in a Kustomization of Flux.',
  ),
  components: describe(z.optional(z.array(z.string())), 'Components to add, relative to `path`.'),
  ignoreMissingComponents: describe(z.optional(z.boolean()), 'Whether components that do not exist are left out.'),
  targetNamespace: describe(
    z.optional(z.string().check(z.minLength(1), z.maxLength(63))),
    'The namespace of every object; for a chart the namespace of the release.',
  ),
  namePrefix: describe(z.optional(z.string().check(z.minLength(1), z.maxLength(200))), 'Goes before every name.'),
  nameSuffix: describe(z.optional(z.string().check(z.minLength(1), z.maxLength(200))), 'Goes after every name.'),
  commonMetadata: describe(
    z.optional(z.strictObject({ labels: z.optional(texts()), annotations: z.optional(texts()) })),
    'Labels and annotations of every object.',
  ),
  postBuild: describe(
    z.optional(
      z.strictObject({
        substitute: describe(z.optional(texts()), 'Variables that replace `${NAME}` in what was built.'),
        substituteFrom: describe(z.optional(z.array(SubstituteReference)), 'ConfigMaps and Secrets with variables.'),
        substituteStrategy: describe(z.optional(z.enum(['WithVariables', 'Always'])), 'As in a Kustomization of Flux.'),
      }),
    ),
    'Substitution of variables after the build, as in a Kustomization of Flux.',
  ),
};

/** What is to be gated, and everything that a Kustomization would otherwise change after the gate. */
export const GatedSourceSpec = z.strictObject({
  sourceRef: describe(
    z.strictObject({
      kind: describe(z.enum(SOURCE_KINDS), 'A source of Flux (source.toolkit.fluxcd.io/v1).'),
      name: describe(name(), 'Its name.'),
      namespace: describe(
        z.optional(z.string().check(z.minLength(1), z.maxLength(63))),
        'Its namespace; only where the gate allows sources of other namespaces.',
      ),
    }),
    'What is rendered.',
  ),
  path: describe(z._default(z.string(), './'), 'The folder of the source that is rendered.'),
  interval: duration('How often the source is rendered and judged anew though nothing has changed.'),
  timeout: z.optional(duration('How long one verdict may take; the Gate’s own bound holds as well.')),
  suspend: describe(z.optional(z.boolean()), 'Whether nothing is done. What was let out stays.'),
  history: describe(
    z.optional(z.number().check(z.int(), z.minimum(1), z.maximum(20))),
    'How many verdicts the status remembers (5 where it is left out).',
  ),
  ...Kustomize,
  helm: describe(
    z.optional(Helm),
    'Renders a chart. Without it the path is built as a Kustomization of Flux builds it.',
  ),
});
export type GatedSourceSpec = z.infer<typeof GatedSourceSpec>;

/** metav1.Condition. */
const Condition = z.strictObject({
  type: z.string(),
  status: z.enum(['True', 'False', 'Unknown']),
  reason: z.string(),
  message: z.string(),
  observedGeneration: z.optional(z.number()),
  lastTransitionTime: z.string(),
});
export type Condition = z.infer<typeof Condition>;

const Verdict = z.strictObject({
  revision: describe(z.string(), 'The revision of the source that was judged.'),
  verdict: describe(z.enum(['allowed', 'denied', 'unevaluated']), 'What became of it.'),
  time: describe(z.string(), 'When, as RFC 3339.'),
  digest: describe(z.optional(z.string()), 'The digest of the artifact that was let out.'),
  message: describe(z.optional(z.string()), 'The first reason.'),
});

/** What the controller says of it. */
export const GatedSourceStatus = z.strictObject({
  observedGeneration: z.optional(z.number()),
  conditions: z.optional(z.array(Condition)),
  lastHandledReconcileAt: describe(
    z.optional(z.string()),
    'The last `reconcile.fluxcd.io/requestedAt` that was served.',
  ),
  lastAttemptedRevision: describe(z.optional(z.string()), 'The revision of the source that was judged last.'),
  lastAcceptedRevision: describe(z.optional(z.string()), 'The revision of the source that was let out last.'),
  artifactRevision: describe(z.optional(z.string()), 'The revision of the ExternalArtifact.'),
  gate: describe(z.optional(z.string()), 'The Gate that judged.'),
  rules: describe(z.optional(z.string()), 'The digest of the rules that it judged by.'),
  verdict: describe(z.optional(z.enum(['allowed', 'denied', 'unevaluated'])), 'The last verdict.'),
  counts: z.optional(
    z.strictObject({
      objects: z.number(),
      images: z.number(),
      denied: z.number(),
      errors: z.number(),
      warnings: z.number(),
    }),
  ),
  findings: describe(z.optional(z.array(z.string())), 'The first reasons, a line each.'),
  history: z.optional(z.array(Verdict)),
});
export type GatedSourceStatus = z.infer<typeof GatedSourceStatus>;
