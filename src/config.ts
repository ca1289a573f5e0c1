import { dirname, isAbsolute, resolve } from 'node:path';
import * as z from 'zod/mini';
import {
  RegistriesSettings,
  RegistryCache,
  RegistryCredentials,
  RegistryPullSecrets,
} from './adapters/registry/settings.ts';
import { ImagesSettings } from './checks/images/settings.ts';
import { EvaluationSettings } from './checks/policy/compiled/settings.ts';
import { ClusterSettings } from './checks/policy/kube/settings.ts';
import { RegoSettings } from './checks/policy/rego/settings.ts';
import { GateError } from './core/errors.ts';
import type { JsonPath } from './core/json.ts';
import { describePlace } from './core/manifest.ts';
import { readSettings, validateSettings } from './core/settings-file.ts';
import { ManifestSettings } from './manifests/settings.ts';
import { RenderSettings } from './render/settings.ts';

const PolicySource = z.strictObject({
  path: z
    .string()
    .check(
      z.minLength(1),
      z.describe('A file or a folder of policies, relative to this file. Every dialect is recognised by its contents.'),
    ),
});

/** Which namespaces a Gate governs, where there are several: only the platform writes it, and only here. */
const NamespaceSelection = z.strictObject({
  names: z
    .optional(z.array(z.string().check(z.minLength(1), z.maxLength(63))).check(z.minLength(1)))
    .check(z.describe('Names of namespaces, in which `*` stands for any text: `team-*`. One of them must fit.')),
  selector: z
    .optional(z.looseObject({}))
    .check(
      z.describe(
        'A label selector (`matchLabels`, `matchExpressions`) for the labels that the cluster has of the namespace. Whoever may label namespaces chooses their Gate by it.',
      ),
    ),
  clusterObjects: z
    ._default(z.boolean(), false)
    .check(z.describe('Whether this Gate also judges objects that are in no namespace, where the webhook meets them.')),
});
export type NamespaceSelection = z.infer<typeof NamespaceSelection>;

/** What differs where one object is judged that is about to be stored, and nothing can be written into it. */
const AdmissionSettings = z.strictObject({
  unpinned: z
    ._default(z.enum(['deny', 'verify']), 'deny')
    .check(
      z.describe(
        'What becomes of a verified image without a digest. `deny`: its tag may point elsewhere when a node pulls it. `verify`: it may run by what the tag points to now.',
      ),
    ),
  rememberSeconds: z
    ._default(z.number().check(z.int(), z.minimum(0), z.maximum(3600)), 900)
    .check(
      z.describe(
        'How long it is remembered that an object which is already there may stay as it is. Only requests that change nothing are answered from memory; 0 remembers none.',
      ),
    ),
});

const Spec = z.strictObject({
  namespaces: z
    .optional(NamespaceSelection)
    .check(
      z.describe(
        'The namespaces that this Gate governs for `syncgate serve`, by name, by labels, or where both are given by both. Exactly one Gate must govern a namespace. Commands and the Argo CD plugin are given their Gate and do not look at it.',
      ),
    ),
  policies: z
    .array(PolicySource)
    .check(z.describe('Where the policies are. `[]` says that there are none; leaving it out is an error.')),
  images: z
    .union([z.literal('unchecked'), ImagesSettings])
    .check(
      z.describe(
        'How images are verified. `unchecked` says that none is, and that none is pinned; there is no default.',
      ),
    ),
  registries: z._default(RegistriesSettings, () => []).check(z.describe('What is known of each registry.')),
  registryCredentials: z.optional(RegistryCredentials),
  registryPullSecrets: z.optional(RegistryPullSecrets),
  registryCache: z
    .optional(RegistryCache)
    .check(
      z.describe(
        'Keeps manifests and signatures by digest for the runs after this one. What is read back is hashed again.',
      ),
    ),
  render: z._default(RenderSettings, () => RenderSettings.parse({})).check(z.describe('How sources are rendered.')),
  manifests: z
    ._default(ManifestSettings, () => ManifestSettings.parse({}))
    .check(z.describe('Bounds of a rendered set, and what is known of its kinds.')),
  rego: z._default(RegoSettings, () => RegoSettings.parse({})).check(z.describe('How Rego policies are run.')),
  cluster: z
    ._default(ClusterSettings, () => ClusterSettings.parse({}))
    .check(z.describe('What policies may know of the cluster that the manifests are for.')),
  evaluation: z
    ._default(EvaluationSettings, () => EvaluationSettings.parse({}))
    .check(z.describe('How policies of Kyverno and of Kubernetes itself are evaluated.')),
  admission: z
    ._default(AdmissionSettings, () => AdmissionSettings.parse({}))
    .check(z.describe('How the webhook of `syncgate serve --admission` judges one object.')),
  timeoutSeconds: z
    ._default(z.number().check(z.int(), z.minimum(1), z.maximum(3600)), 40)
    .check(
      z.describe(
        'How long one verdict may take in all. The default leaves Argo CD, which allows 60 seconds, time for fetching.',
      ),
    ),
});

/** The platform's one file: `kind: Gate`. Unknown keys are errors, and a security choice has no default. */
export const GateDocument = z.strictObject({
  apiVersion: z.literal('syncgate.dev/v1alpha1'),
  kind: z.literal('Gate'),
  metadata: z.strictObject({
    name: z.string().check(z.minLength(1), z.maxLength(253), z.describe('What reports call this gate.')),
  }),
  spec: Spec,
});
export type GateDocument = z.infer<typeof GateDocument>;

/** A Gate as it was loaded. */
export interface GateConfig {
  readonly name: string;
  readonly spec: GateDocument['spec'];
  /** Resolves a path of the configuration against the folder of its file. */
  readonly resolvePath: (path: string) => string;
  /** `gate.yaml:7:13`, where a value of the file stands; left out where there is no file. */
  readonly locate?: (path: JsonPath) => string;
}

/** A Gate that says nothing: no policies, no images verified, registries as they are for everybody. */
export function emptyConfig(resolvePath: (path: string) => string): GateConfig {
  const spec = Spec.parse({ policies: [], images: 'unchecked' });
  return { name: 'none', spec, resolvePath };
}

/**
 * Reads the Gate from `path`, which messages call `shown`. Throws CONFIG_MISSING if it is not there, CONFIG_INVALID with
 * line and column if it is not exactly one valid Gate.
 */
export async function loadConfig(
  path: string,
  readText: (path: string) => Promise<string>,
  shown = path,
): Promise<GateConfig> {
  let text: string;
  try {
    text = await readText(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why =
      code === 'ENOENT'
        ? 'does not exist'
        : code === 'EISDIR'
          ? 'is a folder'
          : `cannot be read: ${String(code ?? error)}`;
    throw new GateError('CONFIG_MISSING', `the configuration ${shown === '' ? '""' : shown} ${why}`, { cause: error });
  }
  const [document, second] = readSettings(text, shown, 'CONFIG_INVALID');
  if (document === undefined || typeof document.value !== 'object' || document.value === null) {
    throw new GateError('CONFIG_INVALID', `${shown} holds no Gate`, { place: shown });
  }
  if (second !== undefined) {
    throw new GateError('CONFIG_INVALID', `${shown} holds more than one document; a gate has one configuration`, {
      place: shown,
    });
  }
  const gate = validateSettings(GateDocument, document, 'CONFIG_INVALID');
  const folder = dirname(resolve(path));
  return {
    name: gate.metadata.name,
    spec: gate.spec,
    resolvePath: (relative) => (isAbsolute(relative) ? relative : resolve(folder, relative)),
    locate: (field) => describePlace(document.locate(field)),
  };
}
