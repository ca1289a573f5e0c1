import { isObject, type JsonObject, type JsonValue, objectFrom } from '../../../core/json.ts';
import { lackingError } from '../cel/error.ts';
import { fromJson } from '../cel/json.ts';
import type { CelValue } from '../cel/values.ts';
import { RequestMap } from '../kube/admission-values.ts';
import { type Cluster, namespaceObject } from '../kube/cluster.ts';
import { completeStored } from '../kube/completion.ts';
import type { PolicyRequest } from '../kube/request.ts';
import type { Bindings } from './validator.ts';

/** What one run is about: a request, with its objects in the version that the policy wants to see. */
export interface Subject {
  readonly request: PolicyRequest;
  readonly matched: Pick<PolicyRequest, 'kind' | 'resource'>;
  readonly object: JsonObject | null;
  readonly oldObject: JsonObject | null;
  readonly params: JsonObject | null;
  readonly cluster: Cluster;
}

/** What the API server says of the request itself; who the field manager is, it alone knows. */
const OPTIONS: Readonly<Record<string, JsonValue>> = {
  CREATE: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
  UPDATE: { kind: 'UpdateOptions', apiVersion: 'meta.k8s.io/v1' },
  DELETE: { kind: 'DeleteOptions', apiVersion: 'meta.k8s.io/v1' },
};

/** The values of `object`, `oldObject`, `request`, `namespaceObject` and `params`, each made when it is first read. */
export function bindingsOf(subject: Subject): Bindings {
  const { request, matched, object, oldObject, params, cluster } = subject;
  const known = new Map<string, CelValue>();
  const make = (name: string): CelValue | undefined => {
    switch (name) {
      case 'object':
        return object === null ? null : fromJson(object);
      case 'oldObject':
        return oldObject === null ? null : fromJson(oldObject);
      case 'params':
        return params === null ? null : fromJson(params);
      case 'request':
        return new RequestMap(request, false, matched, OPTIONS[request.operation] ?? null);
      case 'namespaceObject':
        return namespaceValue(request, cluster);
      default:
        return undefined;
    }
  };
  return (name) => {
    let value = known.get(name);
    if (value === undefined) {
      value = make(name);
      if (value !== undefined) known.set(name, value);
    }
    return value;
  };
}

/** Null for what is in no Namespace. A Namespace is in none, although its request names it. */
function namespaceValue({ namespace, kind }: PolicyRequest, cluster: Cluster): CelValue {
  if (namespace === '' || (kind.group === '' && kind.version === 'v1' && kind.kind === 'Namespace')) return null;
  const found = namespaceObject(cluster, namespace);
  if (found === undefined) {
    throw lackingError(
      'snapshot',
      `namespaceObject is not known: the snapshot does not hold the namespace ${JSON.stringify(namespace)}`,
    );
  }
  const object = completeStored(found);
  const metadata = isObject(object['metadata']) ? object['metadata'] : {};
  const shown = Object.entries(metadata).filter(([key]) => key !== 'managedFields' && key !== 'ownerReferences');
  return fromJson(
    objectFrom([...Object.entries(object).filter(([key]) => !HIDDEN.has(key)), ['metadata', objectFrom(shown)]]),
  );
}

/** The server makes a Namespace of its own for policies, which has no type. */
const HIDDEN = new Set(['metadata', 'apiVersion', 'kind']);
