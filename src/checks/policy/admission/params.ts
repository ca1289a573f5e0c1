import { isObject, type JsonObject } from '../../../core/json.ts';
import { type Cluster, settingsName } from '../kube/cluster.ts';
import { completeStored } from '../kube/completion.ts';
import { labelsOf } from '../kube/match-constraints.ts';
import { groupVersionKind, type ResourceTable } from '../kube/resources.ts';
import type { Lacks } from '../lacks.ts';
import { compileSelector, type LabelMatcher } from '../values/label-selector.ts';
import type { AdmissionBinding, ParamKind } from './schema.ts';

type ParamRef = NonNullable<AdmissionBinding['spec']['paramRef']>;

/** The parameters of one run each; null where a run has none. An error is one of configuration, in the server's words. */
type FoundParams =
  | { readonly kind: 'params'; readonly params: readonly (JsonObject | null)[] }
  | { readonly kind: 'error'; readonly message: string; readonly lacks?: Lacks };

/** Finds the parameters for a request in a namespace (empty for what has none). */
export type FindParams = (namespace: string, cluster: Cluster) => FoundParams;

const NO_PARAMS: FoundParams = { kind: 'params', params: [null] };

/**
 * How a binding's parameters are found, in the platform's snapshot alone. That one is missing is an answer only where the
 * snapshot speaks for all objects of the kind; else it is an error, whatever `parameterNotFoundAction` says.
 */
export function paramFinder(
  paramKind: ParamKind | undefined,
  paramRef: ParamRef | undefined,
  resources: ResourceTable,
): FindParams {
  if (paramKind === undefined || paramRef === undefined) return () => NO_PARAMS;
  const kind = groupVersionKind(paramKind.apiVersion, paramKind.kind);
  const type = resources.ofKind(kind);
  const selects = paramRef.selector === undefined ? undefined : compileSelector(paramRef.selector as JsonObject);
  const wanted = paramRef.namespace ?? '';

  return (requested, cluster) => {
    const known = cluster.list(kind);
    if (type.source === 'guessed' && known.length === 0) {
      return {
        kind: 'error',
        message: `paramKind kind \`&ParamKind{APIVersion:${paramKind.apiVersion},Kind:${paramKind.kind},}\` not known`,
        lacks: 'snapshot',
      };
    }
    const namespaced = type.source === 'guessed' ? known.some((each) => namespaceOf(each) !== '') : type.namespaced;
    if (!namespaced && wanted !== '') {
      return { kind: 'error', message: 'paramRef.namespace must not be provided for a cluster-scoped `paramKind`' };
    }
    const namespace = namespaced ? wanted || requested : '';
    if (namespaced && namespace === '') {
      const message = 'cannot use namespaced paramRef in policy binding that matches cluster-scoped resources';
      return { kind: 'error', message };
    }
    const found = selects === undefined ? named(cluster, namespace) : selected(known, namespace, selects);
    if (found.length > 0) return { kind: 'params', params: found.map(completeStored) };
    if (!cluster.isComplete(kind)) {
      const name = paramRef.name ?? '';
      const which =
        selects === undefined
          ? `${settingsName(kind)} ${namespace === '' ? name : `${namespace}/${name}`}`
          : `a ${settingsName(kind)} that is selected${namespace === '' ? '' : ` in ${namespace}`}`;
      const message = `${which} is not in the snapshot, which does not speak for all of its kind`;
      return { kind: 'error', message, lacks: 'snapshot' };
    }
    if (paramRef.parameterNotFoundAction === 'Allow') return { kind: 'params', params: [] };
    return { kind: 'error', message: 'no params found for policy binding with `Deny` parameterNotFoundAction' };
  };

  function named(cluster: Cluster, namespace: string): readonly JsonObject[] {
    const object = cluster.object(kind, namespace, paramRef?.name ?? '');
    return object === undefined ? [] : [object];
  }
}

function selected(objects: readonly JsonObject[], namespace: string, selects: LabelMatcher): readonly JsonObject[] {
  return objects.filter((object) => namespaceOf(object) === namespace && selects(labelsOf(object)));
}

function namespaceOf(object: JsonObject): string {
  const metadata = object['metadata'];
  const namespace = isObject(metadata) ? metadata['namespace'] : undefined;
  return typeof namespace === 'string' ? namespace : '';
}
