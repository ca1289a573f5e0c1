import { GateError } from '../../core/errors.ts';
import { type KubeObject, type ObjectKey, valueAt } from '../../core/kube.ts';
import { withMend } from '../../report/text.ts';
import { cutBytes } from './messages.ts';
import { conditionsOf } from './publish.ts';
import { keyText } from './sources.ts';

/** Kustomizations that may not read the artifact that they name. */
export interface Consumers {
  /** Takes a Kustomization as it is now; answers with the keys of artifacts about which something else is known now. */
  changed(key: ObjectKey, object: KubeObject | undefined): readonly string[];
  /** What is wrong and what mends it; undefined where nobody was refused. */
  refused(artifact: ObjectKey): string | undefined;
}

interface Refusal {
  readonly artifact: string;
  readonly text: string;
}

/**
 * Follows Kustomizations. That a controller may not read ExternalArtifacts at all, as is so by default, is said on the
 * Kustomization alone, where the owner of a GatedSource does not look.
 */
export function createConsumers(): Consumers {
  const refusals = new Map<string, Refusal>();
  return {
    changed(key, object) {
      const id = keyText(key);
      const before = refusals.get(id);
      const after = object && refusalOf(key, object);
      if (after === undefined) refusals.delete(id);
      else refusals.set(id, after);
      if (before?.artifact === after?.artifact && before?.text === after?.text) return [];
      return [before, after].flatMap((each) => (each === undefined ? [] : [each.artifact]));
    },
    refused(artifact) {
      const wanted = keyText(artifact);
      for (const refusal of refusals.values()) if (refusal.artifact === wanted) return refusal.text;
      return undefined;
    },
  };
}

function refusalOf(key: ObjectKey, object: KubeObject): Refusal | undefined {
  const named = (field: string) => {
    const value = valueAt(object, 'spec', 'sourceRef', field);
    return typeof value === 'string' ? value : undefined;
  };
  const name = named('name');
  if (named('kind') !== 'ExternalArtifact' || name === undefined) return undefined;
  // What others write in namespaces of their own is not said on a GatedSource of somebody else.
  if (![undefined, '', key.namespace].includes(named('namespace'))) return undefined;
  const denied = conditionsOf(object).find(({ type }) => type === 'Ready');
  if (denied?.status !== 'False' || denied.reason !== 'AccessDenied') return undefined;
  const said = cutBytes(String(denied.message), 512);
  const message = `Kustomization ${key.namespace}/${key.name} is refused the artifact: ${said}`;
  const error = new GateError('FLUX_CONSUMER_REFUSED', message);
  return { artifact: `${key.namespace}/${name}`, text: `${error.code}: ${withMend(error)}` };
}
