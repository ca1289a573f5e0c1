import { lackingError } from '../../cel/error.ts';
import type { Bindings } from '../../cel/frame.ts';
import { fromJson } from '../../cel/json.ts';
import type { CelValue } from '../../cel/values.ts';
import { RequestMap } from '../../kube/admission-values.ts';
import { namespaceObject } from '../../kube/cluster.ts';
import type { PolicyRequest } from '../../kube/request.ts';
import type { ResourceTable } from '../../kube/resources.ts';
import type { PolicyWorld } from '../../rule.ts';
import { contextValue } from './contexts.ts';

/** What a policy is asked about. In mode JSON there is an object alone. */
export interface Subject {
  readonly request: PolicyRequest;
  readonly world: PolicyWorld;
  readonly resources: ResourceTable;
  readonly mode: 'Kubernetes' | 'JSON';
  /** A Pod that was made up of a template: there what is absent is null, and otherwise it is an object without fields. */
  readonly synthetic: boolean;
}

/** The values of `object`, `oldObject`, `request` and `namespaceObject`; each is made when it is first read. */
export function subjectBindings(subject: Subject): Bindings {
  const { request, world, resources, mode, synthetic } = subject;
  const known = new Map<string, CelValue>();
  const absent = synthetic ? null : fromJson({});
  const make = (name: string): CelValue | undefined => {
    switch (name) {
      case 'object':
        return request.object === null ? absent : fromJson(request.object);
      case 'oldObject':
        if (mode === 'JSON') return null;
        return request.oldObject === null ? absent : fromJson(request.oldObject);
      case 'request':
        return mode === 'JSON' ? null : new RequestMap(request, true);
      case 'namespaceObject':
        return mode === 'JSON' ? null : namespaceValue(subject);
      default:
        return contextValue(name, world, resources);
    }
  };
  return (name) => {
    const found = known.get(name);
    if (found !== undefined) return found;
    const made = make(name);
    if (made !== undefined) known.set(name, made);
    return made;
  };
}

/** Null for what is in no Namespace, and for a Namespace that does not exist yet. */
function namespaceValue({ request, world: { cluster } }: Subject): CelValue {
  const { namespace } = request;
  if (namespace === '') return null;
  const found = namespaceObject(cluster, namespace);
  if (found !== undefined) return fromJson(found);
  const isOne = request.kind.group === '' && request.kind.kind === 'Namespace';
  if (isOne || cluster.isComplete({ group: '', kind: 'Namespace' })) return null;
  throw lackingError(
    'snapshot',
    `namespaceObject is not known: the snapshot does not hold the namespace ${JSON.stringify(namespace)}`,
  );
}
