import { isObject, type JsonObject } from '../../../../core/json.ts';
import type { Cluster } from '../../kube/cluster.ts';
import { convertObject } from '../../kube/conversion.ts';
import { compileMatchConstraints, type MatchAnswer, type MatchConstraints } from '../../kube/match-constraints.ts';
import type { MatchResources } from '../../kube/match-resources.ts';
import type { PolicyRequest } from '../../kube/request.ts';
import { apiVersionOf, type ResourceTable } from '../../kube/resources.ts';
import type { PolicyWorld } from '../../rule.ts';

/**
 * Match constraints as Kyverno's engine asks them. It differs from the API server in two ways: a Namespace that does not
 * exist has the one label that every Namespace has, and a rule for names also takes what has a generateName that begins
 * with one of them.
 */
export function compileKyvernoConstraints(value: MatchResources, resources: ResourceTable): MatchConstraints {
  const compiled = compileMatchConstraints(value, resources);
  const names = [...(value.resourceRules ?? []), ...(value.excludeResourceRules ?? [])].flatMap(
    ({ resourceNames }) => resourceNames ?? [],
  );
  return {
    ...compiled,
    match(request, cluster) {
      const answer = compiled.match(request, withNamespace(cluster, request.namespace));
      if (answer.kind !== 'no' || request.name !== '' || names.length === 0) return answer;
      return matchGenerated(compiled, request, cluster, names);
    },
  };
}

/**
 * The request as a rule about another version of its kind sees it: the API server converts the object for Kyverno. Text
 * says why it cannot be converted here. In a test of policies nobody converts.
 */
export function requestSeen(
  request: PolicyRequest,
  as: Extract<MatchAnswer, { kind: 'match' }>['as'],
  resources: ResourceTable,
  world: PolicyWorld,
): PolicyRequest | string {
  const { kind, object, oldObject } = request;
  if (world.supplied !== undefined || (as.kind.version === kind.version && as.kind.group === kind.group))
    return request;
  const convert = (each: JsonObject | null) => (each === null ? null : convertObject(each, as.kind, resources));
  const [converted, old] = [convert(object), convert(oldObject)];
  if (converted === undefined || old === undefined) {
    return `${kind.kind} of ${apiVersionOf(kind)} cannot be converted to ${apiVersionOf(as.kind)} here`;
  }
  return { ...request, kind: as.kind, resource: as.resource, object: converted, oldObject: old };
}

function matchGenerated(
  compiled: MatchConstraints,
  request: PolicyRequest,
  cluster: Cluster,
  names: readonly string[],
): MatchAnswer {
  const metadata = request.object === null ? undefined : request.object['metadata'];
  const prefix = isObject(metadata) ? metadata['generateName'] : undefined;
  if (typeof prefix !== 'string') return { kind: 'no' };
  for (const name of new Set(names)) {
    if (!prefix.startsWith(name)) continue;
    const answer = compiled.match({ ...request, name }, withNamespace(cluster, request.namespace));
    if (answer.kind !== 'no') return answer;
  }
  return { kind: 'no' };
}

/** Only where the snapshot speaks for all Namespaces: else what it does not hold is not known. */
function withNamespace(cluster: Cluster, name: string): Cluster {
  if (name === '' || !cluster.isComplete({ group: '', kind: 'Namespace' })) return cluster;
  return {
    list: (kind, namespace) => cluster.list(kind, namespace),
    isComplete: (kind) => cluster.isComplete(kind),
    object(kind, namespace, asked) {
      const found = cluster.object(kind, namespace, asked);
      if (found !== undefined || kind.group !== '' || kind.kind !== 'Namespace') return found;
      return { metadata: { name: asked, labels: { 'kubernetes.io/metadata.name': asked } } } satisfies JsonObject;
    },
  };
}
