import { isDeepStrictEqual } from 'node:util';
import type { JsonObject } from '../../core/json.ts';
import { apiVersionOf, type KubeObject, type ObjectKey, valueAt } from '../../core/kube.ts';
import { GATED_SOURCE, type GatedSourceStatus } from './gated-source.ts';
import { EXTERNAL_ARTIFACT } from './sources.ts';

/** What was let out last: enough to write `status.artifact` of the ExternalArtifact anew, to the letter. */
export type ArtifactRecord = NonNullable<GatedSourceStatus['artifact']>;

const MANAGED_BY = 'app.kubernetes.io/managed-by';
const ORIGIN = 'org.opencontainers.image.revision';
const OURS = 'syncgate.dev';

/** `externalartifact/<namespace>/<name>/<hex>.tar.gz`: the file's path in the store and in its URL. */
export function artifactPath({ namespace, name }: ObjectKey, digest: string): string {
  return `externalartifact/${namespace}/${name}/${hexOf(digest)}.tar.gz`;
}

export function hexOf(digest: string): string {
  return digest.slice(digest.indexOf(':') + 1);
}

export function artifactUrl(host: string, key: ObjectKey, digest: string): string {
  return `http://${host}/${artifactPath(key, digest)}`;
}

/** `status.artifact` of the ExternalArtifact. */
export function artifactBody(record: ArtifactRecord, key: ObjectKey, host: string): JsonObject {
  return {
    digest: record.digest,
    lastUpdateTime: record.time,
    metadata: {
      [ORIGIN]: record.originRevision,
      [`${OURS}/decision`]: record.decision,
      [`${OURS}/gate`]: record.gate,
      [`${OURS}/source-digest`]: record.sourceDigest,
      [`${OURS}/source-revision`]: record.sourceRevision,
    },
    path: artifactPath(key, record.digest),
    revision: record.revision,
    size: record.size,
    url: artifactUrl(host, key, record.digest),
  };
}

/**
 * What an ExternalArtifact says was let out, where it is in every part as the gate would have written it; undefined for
 * anything else. By which rules it was judged last it does not say.
 */
export function recordOf(artifact: KubeObject | undefined, key: ObjectKey, host: string): ArtifactRecord | undefined {
  const text = (...path: readonly string[]) => {
    const value = valueAt(artifact, 'status', 'artifact', ...path);
    return typeof value === 'string' ? value : '';
  };
  const size = valueAt(artifact, 'status', 'artifact', 'size');
  const record: ArtifactRecord = {
    revision: text('revision'),
    digest: text('digest'),
    size: typeof size === 'number' ? size : 0,
    sourceRevision: text('metadata', `${OURS}/source-revision`),
    sourceDigest: text('metadata', `${OURS}/source-digest`),
    originRevision: text('metadata', ORIGIN),
    gate: text('metadata', `${OURS}/gate`),
    decision: text('metadata', `${OURS}/decision`),
    time: text('lastUpdateTime'),
    rules: '',
  };
  if (!/^sha256:[0-9a-f]{64}$/.test(record.digest)) return undefined;
  return saysArtifact(artifact, artifactBody(record, key, host)) ? record : undefined;
}

/** Whether `status.artifact` is exactly this; undefined stands for none. */
export function saysArtifact(artifact: KubeObject | undefined, body: JsonObject | undefined): boolean {
  return isDeepStrictEqual(valueAt(artifact, 'status', 'artifact') ?? undefined, body);
}

/** The ExternalArtifact itself, without its status. */
export function objectBody(source: KubeObject): JsonObject {
  const { name, namespace = '', uid = '' } = source.metadata;
  const apiVersion = apiVersionOf(GATED_SOURCE);
  return {
    apiVersion: apiVersionOf(EXTERNAL_ARTIFACT),
    kind: EXTERNAL_ARTIFACT.kind,
    metadata: {
      name,
      namespace,
      labels: { [MANAGED_BY]: 'syncgate' },
      ownerReferences: [{ apiVersion, kind: GATED_SOURCE.kind, name, uid, controller: true }],
    },
    spec: { sourceRef: { apiVersion, kind: GATED_SOURCE.kind, name, namespace } },
  };
}

/** Whether the ExternalArtifact is there as `objectBody` would make it. */
export function isAsMade(artifact: KubeObject, source: KubeObject): boolean {
  const made = objectBody(source);
  return (
    artifact.metadata.labels?.[MANAGED_BY] === 'syncgate' &&
    (artifact.metadata.ownerReferences ?? []).some(
      ({ uid, kind, controller }) => uid === source.metadata.uid && kind === GATED_SOURCE.kind && controller === true,
    ) &&
    isDeepStrictEqual(valueAt(artifact, 'spec'), made['spec'])
  );
}

/** Whether the gate made it. One of another maker is never taken over. */
export function isOurs(artifact: KubeObject): boolean {
  return (
    artifact.metadata.labels?.[MANAGED_BY] === 'syncgate' ||
    (artifact.metadata.ownerReferences ?? []).some(
      ({ apiVersion, kind }) => kind === GATED_SOURCE.kind && apiVersion.startsWith(`${GATED_SOURCE.group}/`),
    )
  );
}
