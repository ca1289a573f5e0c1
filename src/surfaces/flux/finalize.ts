import { type KubeObject, type ObjectKey, valueAt } from '../../core/kube.ts';
import { isOurs } from './artifact.ts';
import { GATED_SOURCE } from './gated-source.ts';
import { deleteArtifact } from './publish.ts';
import type { ReconcilerPorts } from './run.ts';
import { EXTERNAL_ARTIFACT } from './sources.ts';

const FINALIZER = 'syncgate.dev/finalizer';

type FinalizePorts = Pick<ReconcilerPorts, 'kube' | 'store' | 'metrics' | 'compliances'>;

/** Has the deletion of the GatedSource wait until what it left is gone. Answers with the object as it is now. */
export async function ensureFinalizer(
  { kube }: FinalizePorts,
  source: KubeObject,
  signal: AbortSignal,
): Promise<KubeObject> {
  const { finalizers = [], name, namespace = '', resourceVersion = '' } = source.metadata;
  if (finalizers.includes(FINALIZER)) return source;
  signal.throwIfAborted();
  // The list is written whole, so the version that was read is a lock: no other finalizer is lost.
  const patch = { metadata: { finalizers: [...finalizers, FINALIZER], resourceVersion } };
  return kube.mergePatch(GATED_SOURCE, { namespace, name }, patch, { signal });
}

/**
 * Ends a GatedSource that is being deleted: its ExternalArtifact and its files go first, for nothing else may be there
 * that collects them, and then it may go itself.
 */
export async function finalize(ports: FinalizePorts, source: KubeObject, signal: AbortSignal): Promise<void> {
  const { finalizers = [], name, namespace = '', resourceVersion = '' } = source.metadata;
  if (!finalizers.includes(FINALIZER)) return;
  await removeLeftovers(ports, { namespace, name }, signal);
  signal.throwIfAborted();
  const rest = finalizers.filter((each) => each !== FINALIZER);
  const patch = { metadata: { finalizers: rest, resourceVersion } };
  await ports.kube.mergePatch(GATED_SOURCE, { namespace, name }, patch, { signal });
}

/** What a GatedSource has left behind that is gone without having been ended. */
export async function cleanUp(ports: FinalizePorts, key: ObjectKey, signal: AbortSignal): Promise<void> {
  const live = await ports.kube.get(GATED_SOURCE, key, signal);
  if (live !== undefined) return;
  await removeLeftovers(ports, key, signal);
}

/**
 * Takes away what an earlier GatedSource of this name has left. `left` is what was seen last. One that is suspended would
 * keep it otherwise, and no change of the rules would ever reach what no status names.
 */
export async function removeFormer(
  ports: FinalizePorts,
  source: KubeObject,
  left: KubeObject | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { name, namespace = '', uid } = source.metadata;
  const key = { namespace, name };
  if (!isOfFormer(left, uid) || !isOfFormer(await ports.kube.get(EXTERNAL_ARTIFACT, key, signal), uid)) return;
  await removeLeftovers(ports, key, signal);
}

function isOfFormer(artifact: KubeObject | undefined, uid: string | undefined): boolean {
  const owners = artifact?.metadata.ownerReferences ?? [];
  return owners.some((owner) => owner.kind === GATED_SOURCE.kind && owner.uid !== uid);
}

async function removeLeftovers(ports: FinalizePorts, key: ObjectKey, signal: AbortSignal): Promise<void> {
  const { kube, store, metrics, compliances } = ports;
  const artifact = await kube.get(EXTERNAL_ARTIFACT, key, signal);
  if (artifact !== undefined && isOurs(artifact) && belongsTo(artifact, key)) {
    await deleteArtifact(kube, artifact, signal);
  }
  signal.throwIfAborted();
  await store.remove(key);
  compliances.forget(key);
  metrics.forget('syncgate_artifact_bytes', { namespace: key.namespace, name: key.name });
}

/** It says that it was made of a GatedSource of this name. */
function belongsTo(artifact: KubeObject, { name }: ObjectKey): boolean {
  return (
    valueAt(artifact, 'spec', 'sourceRef', 'kind') === GATED_SOURCE.kind &&
    valueAt(artifact, 'spec', 'sourceRef', 'name') === name
  );
}
