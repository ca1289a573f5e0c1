import { isObject, type JsonObject, type JsonPath, objectFrom } from '../../../core/json.ts';
import type { GroupVersionKind, PolicyRequest, UserInfo } from '../kube/request.ts';

/** An object that nobody renders: an object in the set would create it. */
export interface Created {
  /** For messages: `the Pod`. */
  readonly what: string;
  /** Whether it stands between a workload and its Pods. */
  readonly createsPods: boolean;
  readonly request: PolicyRequest;
  /** Where in the object of the set stands what it has at a path. */
  readonly place: (path: JsonPath) => JsonPath;
}

/** The hash of a template, which only the controller can tell. */
export const madeUpHash = '0000000000';

/** The API server cuts what a name is generated from, so that five characters more make 63. */
const maxPrefix = 58;

interface Facts {
  readonly kind: GroupVersionKind;
  readonly plural: string;
  /** What every name that the cluster makes up for it begins with; undefined where it has a name of its own. */
  readonly prefix: string | undefined;
  readonly userInfo: UserInfo | undefined;
}

/** The request by which a controller would create it, in the namespace of what it was created for. */
export function createRequest(object: JsonObject, by: PolicyRequest, facts: Facts): PolicyRequest {
  const { kind, plural, prefix, userInfo } = facts;
  const metadata = object['metadata'];
  const name = isObject(metadata) && typeof metadata['name'] === 'string' ? metadata['name'] : '';
  return {
    operation: 'CREATE',
    kind,
    resource: { group: kind.group, version: kind.version, resource: plural },
    subresource: '',
    name,
    ...(prefix !== undefined && { namePrefix: prefix.slice(0, maxPrefix) }),
    namespace: by.namespace,
    namespaced: true,
    object,
    oldObject: null,
    userInfo,
  };
}

/** The object without a name that completing it has made up: the cluster's would be another one. */
export function nameless(object: JsonObject): JsonObject {
  const metadata = isObject(object['metadata']) ? object['metadata'] : objectFrom([]);
  const kept = objectFrom(Object.entries(metadata).filter(([key]) => key !== 'name'));
  return objectFrom(Object.entries(object).map(([key, value]) => [key, key === 'metadata' ? kept : value] as const));
}

/** `fields` are where its fields stand; what is in none of them is at `otherwise`. */
export function placeIn(fields: Readonly<Record<string, JsonPath>>, otherwise: JsonPath): Created['place'] {
  return ([field, ...rest]) => {
    const at = typeof field === 'string' && Object.hasOwn(fields, field) ? fields[field] : undefined;
    return at === undefined ? otherwise : [...at, ...rest];
  };
}

export function serviceAccount(name: string): UserInfo {
  return {
    username: `system:serviceaccount:kube-system:${name}`,
    uid: '',
    groups: ['system:serviceaccounts', 'system:serviceaccounts:kube-system', 'system:authenticated'],
    extra: {},
    roles: [],
    clusterRoles: [],
  };
}
