import type { Clock } from '../../../core/ports.ts';
import type { Dialect, PolicyFile } from '../dialect.ts';
import { objectsIn, type PolicyDocument, platformDocuments, type ReadDocuments } from '../document.ts';
import type { ImageVerification } from '../image-answers.ts';
import type { ClusterSettings } from '../kube/settings.ts';
import { refuseDocument } from '../unsupported.ts';
import type { EvaluationSettings } from './settings.ts';

export interface CompiledSettings {
  readonly cluster: ClusterSettings;
  readonly evaluation: EvaluationSettings;
  /** Kinds without a namespace, besides the built-in ones. */
  readonly isClusterScoped: (group: string, kind: string) => boolean;
  readonly resolvePath: (path: string) => string;
}

export interface CompiledPorts {
  readonly clock: Clock;
  /** The reader that manifests are read with. */
  readonly readDocuments: ReadDocuments;
  /** Undefined where images are not checked: a policy that asks for signatures is then refused. */
  readonly images: (() => Promise<ImageVerification>) | undefined;
}

/** API groups whose policies are compiled, as they stand at the start of an apiVersion. */
const GROUPS = ['kyverno.io/', 'policies.kyverno.io/', 'admissionregistration.k8s.io/'];

/** Any spelling of an apiVersion of one of the groups; what only looks like one is refused when it is read. */
const mention = /apiVersion["']?\s*:\s*["']?(?:policies\.kyverno\.io|kyverno\.io|admissionregistration\.k8s\.io)\//;

/** Policies of Kyverno and of Kubernetes itself, which are compiled and judged in this process. */
export function compiledDialect(settings: CompiledSettings, ports: CompiledPorts): Dialect {
  return {
    name: 'Kyverno and ValidatingAdmissionPolicy',
    claims: ({ name, text }) => /\.(ya?ml|json)$/.test(name) && mention.test(text),
    async load(files, signal) {
      const documents = files.flatMap((file) => documentsOf(file, ports.readDocuments));
      const { loadCompiled } = await import('./load.ts');
      return loadCompiled(documents, settings, ports, signal);
    },
  };
}

/** Every document must be one of the groups: a file of policies holds nothing else that anybody could overlook. */
function documentsOf(file: PolicyFile, read: ReadDocuments): PolicyDocument[] {
  const bytes = Buffer.from(file.text, 'utf8');
  const documents = objectsIn(
    file.name,
    platformDocuments(file.name, bytes, read, 'POLICY_FILE_REFUSED'),
    'POLICY_INVALID',
  );
  for (const document of documents) {
    const { apiVersion, kind } = document.value as { readonly apiVersion: string; readonly kind: string };
    if (GROUPS.some((group) => apiVersion.startsWith(group))) continue;
    throw refuseDocument(
      { apiVersion, kind, place: document.locate([]) },
      'Rego, Kyverno and ValidatingAdmissionPolicy',
    );
  }
  return documents;
}
