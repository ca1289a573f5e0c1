import { isObject, type JsonObject, type JsonValue, objectFrom } from '../../../src/core/json.ts';

/** What the server makes up: identities, times, addresses, the names of volumes. Both sides get one spelling of it. */
export function normalized(object: JsonObject): JsonValue {
  const uid = (object['metadata'] as JsonObject)['uid'];
  const name = (object['metadata'] as JsonObject)['name'];
  const generated = (object['metadata'] as JsonObject)['generateName'];
  const walk = (value: JsonValue, key: string): JsonValue => {
    if (Array.isArray(value)) return value.map((item) => walk(item, key));
    if (isObject(value)) {
      const keys = Object.keys(value).filter((each) => each !== 'managedFields');
      return objectFrom(keys.sort().map((each) => [each, walk(value[each] as JsonValue, each)] as const));
    }
    if (key === 'creationTimestamp' && value !== null) return '(time)';
    if (key === 'lastPhaseTransitionTime' || key === 'lastTransitionTime') return '(time)';
    if (key === 'nodePort' || key === 'healthCheckNodePort') return '(port)';
    if ((key === 'clusterIP' || key === 'clusterIPs') && value !== 'None') return '(address)';
    if (typeof value !== 'string') return value;
    if (uid !== undefined && value === uid) return '(uid)';
    if (generated !== undefined && value === name) return '(name)';
    return value.replace(/^kube-api-access-.{5}$/, 'kube-api-access-(random)');
  };
  return walk(object, '');
}
