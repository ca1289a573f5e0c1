import { KubeError, type KubeResource, type ObjectKey } from '../../core/kube.ts';

/**
 * The path of a resource's list: of one namespace, or of all where none is given. Names come from objects that anybody
 * may have written: one that cannot be a segment of a path is refused with 400, and nothing is sent.
 */
export function listPath(resource: KubeResource, namespace: string | undefined): string {
  const { group, version, plural, namespaced } = resource;
  const root = group === '' ? `/api/${segment(version)}` : `/apis/${segment(group)}/${segment(version)}`;
  const within = namespaced && namespace !== undefined ? `/namespaces/${segment(namespace)}` : '';
  return `${root}${within}/${segment(plural)}`;
}

/** The path of one object, or of a subresource of it. */
export function objectPath(resource: KubeResource, key: ObjectKey, subresource?: string): string {
  const list = listPath(resource, resource.namespaced ? key.namespace : undefined);
  return `${list}/${segment(key.name)}${subresource === undefined ? '' : `/${segment(subresource)}`}`;
}

/** As the API server's IsValidPathSegmentName: `..` would be taken as a step up, and `/` as another path. */
function segment(name: string): string {
  if (name === '' || name === '.' || name === '..' || /[/%]/.test(name) || name.length > 253) {
    throw new KubeError(400, 'BadRequest', `${JSON.stringify(name.slice(0, 64))} cannot be a name in the cluster`);
  }
  return encodeURIComponent(name);
}
