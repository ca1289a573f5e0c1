import type { KubeObject, KubeResource, ObjectKey } from '../../core/kube.ts';
import { valueAt } from '../../core/kube.ts';
import type { SourceKind } from './gated-source.ts';
import { cutBytes } from './messages.ts';

const PLURALS: Readonly<Record<SourceKind, string>> = {
  GitRepository: 'gitrepositories',
  OCIRepository: 'ocirepositories',
  Bucket: 'buckets',
  HelmChart: 'helmcharts',
  ExternalArtifact: 'externalartifacts',
};

/** A kind of source.toolkit.fluxcd.io/v1. */
export function sourceResource(kind: SourceKind): KubeResource {
  return { group: 'source.toolkit.fluxcd.io', version: 'v1', kind, plural: PLURALS[kind], namespaced: true };
}

/** The object that consumers read: written by the gate, under the name of the GatedSource. */
export const EXTERNAL_ARTIFACT = sourceResource('ExternalArtifact');

/** The one who applies what an ExternalArtifact holds. */
export const KUSTOMIZATION: KubeResource = {
  group: 'kustomize.toolkit.fluxcd.io',
  version: 'v1',
  kind: 'Kustomization',
  plural: 'kustomizations',
  namespaced: true,
};

export const NAMESPACE: KubeResource = {
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  namespaced: false,
};

/** What a source says that it holds (`status.artifact`). Not one value of it is trusted before it is checked. */
export interface SourceArtifact {
  readonly url: string;
  readonly digest: string;
  readonly revision: string;
  /** The revision of what the source was made of, where it says so: a commit behind an OCI artifact. */
  readonly originRevision: string | undefined;
}

/** What moves the cursor, ends a line or turns the direction of a text around, in a log, a condition or a chat. */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

/** What a source says of itself where it is not ready, in one line; undefined where it says nothing of it. */
export function readyMessage(source: KubeObject): string | undefined {
  const conditions = valueAt(source, 'status', 'conditions');
  const ready = Array.isArray(conditions) ? conditions.find((each) => valueAt(each, 'type') === 'Ready') : undefined;
  const message = ready === undefined || valueAt(ready, 'status') === 'True' ? undefined : valueAt(ready, 'message');
  if (typeof message !== 'string' || message === '') return undefined;
  return cutBytes([...message].map((each) => (UNPRINTABLE.test(each) ? ' ' : each)).join(''), 500);
}

/** Undefined where the source holds nothing yet, or what it says is no artifact. */
export function artifactOf(source: KubeObject): SourceArtifact | undefined {
  const text = (...path: readonly string[]) => {
    const value = valueAt(source, 'status', 'artifact', ...path);
    const isText = typeof value === 'string' && value.length > 0 && value.length <= 4096;
    return isText && !UNPRINTABLE.test(value) ? value : undefined;
  };
  const [url, digest, revision] = [text('url'), text('digest'), text('revision')];
  if (url === undefined || digest === undefined || revision === undefined) return undefined;
  return { url, digest, revision, originRevision: text('metadata', 'org.opencontainers.image.revision') };
}

/**
 * Whether an address ends in `/<kind>/<namespace>/<name>/<file>`, as the storage of every controller of Flux has it
 * (fluxcd/pkg/artifact, ArtifactPath). Whoever may write the status of a source could otherwise have the gate, which
 * source-controller lets in, read the sources of others. An ExternalArtifact may be of a maker that calls its kind
 * otherwise. What the server would decode is refused: it would be another path to it.
 */
export function isAddressOf(kind: SourceKind, { namespace, name }: ObjectKey, url: URL): boolean {
  const [of, where, what, file] = url.pathname.split('/').slice(1).slice(-4);
  const isKind = kind === 'ExternalArtifact' ? of !== '' : of === kind.toLowerCase();
  const isFile = file !== undefined && file !== '' && !url.pathname.includes('%');
  return isKind && where === namespace && what === name && isFile;
}

/**
 * What people call a revision: `main` of `main@sha1:…`, `6.0.3` of a chart, `latest` where there is only a digest. It
 * becomes a part of the artifact's revision, in which consumers look for `@` and `:`.
 */
export function humanPart(revision: string): string {
  const [before = ''] = revision.split('@', 1);
  const name = before.includes(':') ? '' : before.replace(/[^A-Za-z0-9._/+-]/g, '-').slice(0, 128);
  return name === '' ? 'latest' : name;
}

/** `<kind>/<namespace>/<name>`: by what GatedSources are found when a source changes. */
export function sourceIndexKey(kind: string, key: ObjectKey): string {
  return `${kind}/${key.namespace}/${key.name}`;
}

/** `namespace/name`, as the queue has it. */
export function keyText({ namespace, name }: ObjectKey): string {
  return `${namespace}/${name}`;
}

export function keyOf(text: string): ObjectKey {
  const slash = text.indexOf('/');
  return { namespace: text.slice(0, slash), name: text.slice(slash + 1) };
}
