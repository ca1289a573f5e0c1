/**
 * GatedSource, in one place: its TypeScript types, what the controller accepts, and (through `gatedSourceSchema`) the
 * definition that the API server holds it to. A field that is not here is in neither.
 */
import * as z from 'zod/mini';
import { parseGoDuration } from '../../checks/policy/values/go-duration.ts';
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

/** A rule over several fields: the API server evaluates `cel`, the controller `holds`; a test has both agree. */
interface Rule<Value> {
  readonly cel: string;
  readonly holds: (value: Value) => boolean;
  readonly message: string;
}

function ruled<Schema extends z.ZodMiniType>(schema: Schema, ...rules: readonly Rule<z.output<Schema>>[]): Schema {
  const held = rules.map(({ holds, message }) =>
    z.refine((value) => holds(value as z.output<Schema>), { error: message }),
  );
  const told = z.meta({ 'x-kubernetes-validations': rules.map(({ cel, message }) => ({ rule: cel, message })) });
  return schema.check(...held, told);
}

const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const KEY_OF_DATA = /^[-._a-zA-Z0-9]+$/;
/** What Flux takes for a duration (its own pattern). */
const DURATION = /^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$/;
const VARIABLE = /^[_a-zA-Z][_a-zA-Z0-9]*$/;

const name = () => z.string().check(z.minLength(1), z.maxLength(253), z.regex(SUBDOMAIN));
const namespace = () => z.string().check(z.minLength(1), z.maxLength(63), z.regex(LABEL));
const text = (longest: number) => z.string().check(z.maxLength(longest));
const texts = (most: number, longest: number) =>
  z.record(z.string(), text(longest)).check(z.meta({ maxProperties: most }));
const list = <Item extends z.ZodMiniType>(item: Item, most: number) => z.array(item).check(z.maxLength(most));
const count = () => z.int().check(z.minimum(0));

function duration(words: string, shortest: { readonly text: string; readonly milliseconds: number }) {
  return ruled(describe(z.string().check(z.maxLength(32), z.regex(DURATION)), words), {
    cel: `duration(self) >= duration('${shortest.text}')`,
    holds: (value) => (milliseconds(value) ?? -1) >= shortest.milliseconds,
    message: `must be at least ${shortest.text}`,
  });
}

/** Go's duration text in milliseconds; undefined for what is none, or is longer than Go can hold (292 years). */
export function milliseconds(value: string): number | undefined {
  const nanoseconds = value.length > 32 || !DURATION.test(value) ? undefined : parseGoDuration(value);
  return nanoseconds === undefined ? undefined : Number(nanoseconds) / 1e6;
}

/** A path that stays below the folder that it is relative to: Flux would join an absolute one below its root silently. */
const folder = (longest: number) =>
  ruled(text(longest), {
    cel: "!self.startsWith('/') && !self.contains('\\\\') && self.split('/').all(step, step != '..')",
    holds: (value) =>
      !value.startsWith('/') && !value.includes('\\') && value.split('/').every((step) => step !== '..'),
    message: 'must be relative, and without `..` and `\\`',
  });

/** A component may be beside the path; that it is in the source is held where it is read. */
const component = () =>
  ruled(text(1024), {
    cel: "!self.startsWith('/') && !self.contains('\\\\') && !self.contains(':')",
    holds: (value) => !value.startsWith('/') && !value.includes('\\') && !value.includes(':'),
    message: 'must be a folder of the source, relative to `path`',
  });

/** The kinds of Flux that hold an artifact (source.toolkit.fluxcd.io/v1). */
export const SOURCE_KINDS = ['GitRepository', 'OCIRepository', 'Bucket', 'HelmChart', 'ExternalArtifact'] as const;
export type SourceKind = (typeof SOURCE_KINDS)[number];

const ValuesReference = z.strictObject({
  kind: describe(z.enum(['ConfigMap', 'Secret']), 'What holds the values, in the namespace of the GatedSource.'),
  name: describe(name(), 'Its name.'),
  valuesKey: describe(
    z._default(z.string().check(z.minLength(1), z.maxLength(253), z.regex(KEY_OF_DATA)), 'values.yaml'),
    'The key that holds them.',
  ),
  targetPath: describe(
    z.optional(z.string().check(z.maxLength(250), z.regex(/^([a-zA-Z0-9_\-.\\/]|\[[0-9]{1,5}\])+$/))),
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
  group: describe(z.optional(text(253)), 'The API group, as a regular expression.'),
  version: describe(z.optional(text(63)), 'The version, as a regular expression.'),
  kind: describe(z.optional(text(253)), 'The kind, as a regular expression.'),
  name: describe(z.optional(text(1024)), 'The name, as a regular expression.'),
  namespace: describe(z.optional(text(1024)), 'The namespace, as a regular expression.'),
  annotationSelector: describe(z.optional(text(4096)), 'A selector of annotations, written as one of labels.'),
  labelSelector: describe(z.optional(text(4096)), 'A selector of labels.'),
});

const Helm = z.strictObject({
  releaseName: describe(
    z.optional(z.string().check(z.minLength(1), z.maxLength(53), z.regex(SUBDOMAIN))),
    'The name of the release; the name of the GatedSource where it is left out.',
  ),
  values: describe(z.optional(z.looseObject({})), 'Values, merged over `valuesFrom`.'),
  valuesFrom: describe(
    z.optional(list(ValuesReference, 32)),
    'ConfigMaps and Secrets with values, merged in this order.',
  ),
  skipCrds: describe(z._default(z.boolean(), false), 'Whether the chart’s `crds` folder is left out.'),
  skipTests: describe(
    z._default(z.boolean(), true),
    'Whether the chart’s tests are left out. Nobody runs them: applied, they are Pods like any other.',
  ),
});

const Kustomize = {
  patches: describe(
    z.optional(
      list(
        z.strictObject({
          patch: describe(text(65_536), 'The patch, as YAML or JSON.'),
          target: describe(z.optional(PatchTarget), 'What it is for; needed where the patch does not say.'),
        }),
        256,
      ),
    ),
    'Strategic merge and JSON 6902 patches, as in a Kustomization of Flux.',
  ),
  images: describe(
    z.optional(
      list(
        z.strictObject({
          name: describe(z.string().check(z.minLength(1), z.maxLength(512)), 'The image as it is written.'),
          newName: describe(z.optional(text(512)), 'The name that it gets.'),
          newTag: describe(z.optional(text(128)), 'The tag that it gets.'),
          digest: describe(z.optional(text(256)), 'The digest that it gets, instead of a tag.'),
        }),
        256,
      ),
    ),
    'Images to exchange, as in a Kustomization of Flux.',
  ),
  components: describe(
    z.optional(list(component(), 64)),
    'Components to add: folders of the source, relative to `path`.',
  ),
  ignoreMissingComponents: describe(z.optional(z.boolean()), 'Whether components that do not exist are left out.'),
  targetNamespace: describe(
    z.optional(namespace()),
    'The namespace of every object; for a chart the namespace of the release.',
  ),
  namePrefix: describe(z.optional(z.string().check(z.minLength(1), z.maxLength(200))), 'Goes before every name.'),
  nameSuffix: describe(z.optional(z.string().check(z.minLength(1), z.maxLength(200))), 'Goes after every name.'),
  commonMetadata: describe(
    z.optional(
      z.strictObject({
        labels: describe(z.optional(texts(64, 63)), 'Labels.'),
        annotations: describe(z.optional(texts(64, 65_536)), 'Annotations.'),
      }),
    ),
    'Labels and annotations of every object.',
  ),
  postBuild: describe(
    z.optional(
      z.strictObject({
        substitute: describe(
          z.optional(
            ruled(texts(256, 65_536), {
              cel: `self.all(key, key.matches('${VARIABLE.source}'))`,
              holds: (value) => Object.keys(value).every((key) => VARIABLE.test(key)),
              message: 'must have names of letters, digits and _ that begin with no digit',
            }),
          ),
          'Variables and what stands for them; what was built has their names in `$` and braces.',
        ),
        substituteFrom: describe(
          z.optional(list(SubstituteReference, 32)),
          'ConfigMaps and Secrets with variables; a later one wins, and `substitute` over all.',
        ),
        substituteStrategy: describe(
          z.optional(z.enum(['WithVariables', 'Always'])),
          'As in a Kustomization of Flux: `Always` substitutes defaults though there is no variable.',
        ),
      }),
    ),
    'Substitution of variables after the build, as in a Kustomization of Flux.',
  ),
};

/** Fields that Flux too has for directories alone: a HelmRelease has none of them. */
const NOT_WITH_HELM = ['components', 'ignoreMissingComponents', 'namePrefix', 'nameSuffix', 'postBuild'] as const;

const SpecFields = z.strictObject({
  sourceRef: describe(
    z.strictObject({
      kind: describe(z.enum(SOURCE_KINDS), 'A source of Flux (source.toolkit.fluxcd.io/v1).'),
      name: describe(name(), 'Its name.'),
      namespace: describe(
        z.optional(namespace()),
        'Its namespace; only where the gate allows sources of other namespaces.',
      ),
    }),
    'What is rendered.',
  ),
  path: describe(z._default(folder(1024), './'), 'The folder of the source that is rendered.'),
  interval: duration('How often the source is rendered and judged anew though nothing has changed.', {
    text: '10s',
    milliseconds: 10_000,
  }),
  timeout: z.optional(
    duration('How long one verdict may take; the Gate’s own bound holds as well.', { text: '1s', milliseconds: 1_000 }),
  ),
  suspend: describe(z.optional(z.boolean()), 'Whether nothing is done. What was let out stays.'),
  history: describe(
    z.optional(z.int().check(z.minimum(1), z.maximum(20))),
    'How many verdicts the status remembers (5 where it is left out).',
  ),
  ...Kustomize,
  helm: describe(
    z.optional(Helm),
    'Renders a chart. Without it the path is built as a Kustomization of Flux builds it.',
  ),
});

/** What is to be gated, and everything that a Kustomization would otherwise change after the gate. */
export const GatedSourceSpec = ruled(
  describe(
    SpecFields,
    'What is to be gated, and everything that a Kustomization would otherwise change after the gate.',
  ),
  {
    cel: "self.sourceRef.kind != 'HelmChart' || has(self.helm)",
    holds: ({ sourceRef, helm }) => sourceRef.kind !== 'HelmChart' || helm !== undefined,
    message: 'a HelmChart needs `helm`; `helm: {}` renders it with its own values',
  },
  {
    cel: "self.sourceRef.kind != 'HelmChart' || self.path in ['', '.', './']",
    holds: ({ sourceRef, path }) => sourceRef.kind !== 'HelmChart' || ['', '.', './'].includes(path),
    message: 'must have no `path` with a HelmChart, which is a chart as a whole',
  },
  {
    cel: `!has(self.helm) || !(${NOT_WITH_HELM.map((field) => `has(self.${field})`).join(' || ')})`,
    holds: (spec) => spec.helm === undefined || NOT_WITH_HELM.every((field) => spec[field] === undefined),
    message: `a chart has no ${NOT_WITH_HELM.slice(0, -1).join(', ')} or ${NOT_WITH_HELM.at(-1)}; use values, or patches`,
  },
);
export type GatedSourceSpec = z.infer<typeof GatedSourceSpec>;

/** metav1.Condition, with the bounds that the API server has for it. */
const Condition = z.strictObject({
  type: z.string().check(z.maxLength(316)),
  status: z.enum(['True', 'False', 'Unknown']),
  reason: z.string().check(z.minLength(1), z.maxLength(1024), z.regex(/^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/)),
  message: z.string().check(z.maxLength(32_768)),
  observedGeneration: z.optional(z.int()),
  lastTransitionTime: describe(z.string(), 'RFC 3339.').check(z.meta({ format: 'date-time' })),
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
  observedGeneration: describe(z.optional(z.int()), 'The generation that was handled last; -1 where none was.'),
  conditions: describe(
    z.optional(
      z.array(Condition).check(z.meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] })),
    ),
    'Ready, Reconciling and Stalled, as kstatus reads them; Compliant, whether what is served passes the rules that hold now; ConsumerReady, where a Kustomization may not read the artifact.',
  ),
  lastHandledReconcileAt: describe(
    z.optional(z.string()),
    'The last `reconcile.fluxcd.io/requestedAt` that was served.',
  ),
  lastAttemptedRevision: describe(z.optional(z.string()), 'The revision of the source that was judged last.'),
  lastAcceptedRevision: describe(z.optional(z.string()), 'The revision of the source that was let out last.'),
  artifactRevision: describe(z.optional(z.string()), 'The revision of the ExternalArtifact.'),
  artifact: describe(
    z.optional(
      z.strictObject({
        revision: describe(z.string(), 'Its revision, as the ExternalArtifact has it.'),
        digest: describe(z.string(), 'The digest of the file.'),
        size: describe(count(), 'The size of the file in bytes.'),
        sourceRevision: describe(z.string(), 'The revision of the source that it was made of.'),
        sourceDigest: describe(z.string(), 'The digest of the source that it was made of.'),
        originRevision: describe(z.string(), 'The revision behind the source: a commit, where the source names one.'),
        gate: describe(z.string(), 'The Gate that let it out.'),
        decision: describe(z.string(), 'What the decision is called in the log and in the artifact’s metadata.'),
        time: describe(z.string(), 'When its content was let out first, as RFC 3339.'),
        rules: describe(z.string(), 'The digest of the rules that it was judged by last.'),
      }),
    ),
    'What was let out last, and is served.',
  ),
  inputs: describe(z.optional(z.string()), 'A digest of all that the last verdict rests on, but for the rules.'),
  gate: describe(z.optional(z.string()), 'The Gate that judged.'),
  rules: describe(z.optional(z.string()), 'The digest of the rules that it judged by.'),
  verdict: describe(z.optional(z.enum(['allowed', 'denied', 'unevaluated'])), 'The last verdict.'),
  counts: describe(
    z.optional(
      z.strictObject({
        objects: describe(count(), 'Objects rendered.'),
        images: describe(count(), 'Different images that were let run, by their digests.'),
        denied: describe(count(), 'Findings that deny.'),
        errors: describe(count(), 'Checks that could not finish.'),
        warnings: describe(count(), 'Findings that only warn.'),
      }),
    ),
    'What the last verdict was about.',
  ),
  findings: describe(z.optional(z.array(z.string())), 'The first reasons, a line each.'),
  warnings: describe(z.optional(z.array(z.string())), 'The first warnings, a line each; they hold nothing back.'),
  history: describe(z.optional(z.array(Verdict)), 'The last verdicts, the newest first.'),
});
export type GatedSourceStatus = z.infer<typeof GatedSourceStatus>;
