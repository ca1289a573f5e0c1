import { isDeepStrictEqual } from 'node:util';
import { GateError } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json.ts';
import { apiVersionOf, type Kube, KubeError, type KubeObject, type ObjectKey, valueAt } from '../../core/kube.ts';
import { isAsMade, isOurs, objectBody, saysArtifact } from './artifact.ts';
import { type Saying, withConditions } from './conditions.ts';
import { type Condition, GATED_SOURCE } from './gated-source.ts';
import { Hindrance } from './hindrance.ts';
import { EXTERNAL_ARTIFACT } from './sources.ts';

/** The ExternalArtifact as the API server has it now. Throws a Hindrance where it is somebody else's. */
export async function readArtifact(kube: Kube, key: ObjectKey, signal: AbortSignal): Promise<KubeObject | undefined> {
  const live = await kube.get(EXTERNAL_ARTIFACT, key, signal);
  if (live === undefined || isOurs(live)) return live;
  throw new Hindrance(
    'ArtifactNameTaken',
    new GateError('FLUX_ARTIFACT_TAKEN', `ExternalArtifact ${key.namespace}/${key.name} was not made by the gate`),
    'retry',
    'source',
  );
}

/** Makes the ExternalArtifact, or mends it; asks nothing of the API server where it is as it should be. */
export async function ensureArtifact(
  kube: Kube,
  source: KubeObject,
  live: KubeObject | undefined,
  signal: AbortSignal,
): Promise<KubeObject> {
  if (live !== undefined && isAsMade(live, source)) return live;
  signal.throwIfAborted();
  const former = live?.metadata.ownerReferences?.some(
    ({ uid, kind }) => kind === GATED_SOURCE.kind && uid !== source.metadata.uid,
  );
  // What an earlier GatedSource of this name has left would be collected with it, and an object has one controller only.
  if (live !== undefined && former === true) await deleteArtifact(kube, live, signal);
  if (live === undefined || former === true) {
    try {
      // Created and not applied: what somebody else has just made under this name is not taken over.
      return await kube.create(EXTERNAL_ARTIFACT, objectBody(source), { signal });
    } catch (error) {
      if (error instanceof KubeError && error.reason === 'AlreadyExists') {
        throw new KubeError(409, 'Conflict', error.message, { cause: error });
      }
      throw error;
    }
  }
  const body = objectBody(source);
  const { resourceVersion } = live.metadata;
  const locked = {
    ...body,
    metadata: { ...(body['metadata'] as JsonObject), ...(resourceVersion && { resourceVersion }) },
  };
  return kube.apply(EXTERNAL_ARTIFACT, locked, { signal });
}

/** Deletes this very object; one that is gone is no error. */
export async function deleteArtifact(kube: Kube, live: KubeObject, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { name, namespace = '', uid } = live.metadata;
  await kube.delete(EXTERNAL_ARTIFACT, { namespace, name }, { ...(uid !== undefined && { uid }), signal });
}

/**
 * Writes the status of the ExternalArtifact: the artifact (undefined takes it away) and whether it is ready. The version
 * that was read is a lock, so that nobody who has lost the leadership writes over what a later leader wrote. It is replaced and not applied: what
 * somebody else has put there would stay otherwise, and consumers read all of it.
 */
export async function writeArtifactStatus(
  kube: Kube,
  live: KubeObject,
  artifact: JsonObject | undefined,
  saying: Saying,
  now: number,
  signal: AbortSignal,
): Promise<KubeObject> {
  const before = conditionsOf(live);
  const conditions = withConditions(before, [saying], undefined, now);
  if (saysArtifact(live, artifact) && isDeepStrictEqual(before, conditions)) return live;
  signal.throwIfAborted();
  const { name, namespace = '', resourceVersion = '' } = live.metadata;
  return kube.replace(
    EXTERNAL_ARTIFACT,
    {
      apiVersion: apiVersionOf(EXTERNAL_ARTIFACT),
      kind: EXTERNAL_ARTIFACT.kind,
      metadata: { name, namespace, resourceVersion },
      status: {
        ...(artifact === undefined ? {} : { artifact }),
        conditions: conditions.map((each) => ({ ...each })) as JsonObject[],
      },
    },
    { subresource: 'status', signal },
  );
}

export function conditionsOf(object: KubeObject): readonly Condition[] {
  const conditions = valueAt(object, 'status', 'conditions');
  return Array.isArray(conditions) ? (conditions as unknown as Condition[]) : [];
}
