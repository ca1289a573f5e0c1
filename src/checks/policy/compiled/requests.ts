import { isObject, type JsonObject } from '../../../core/json.ts';
import type { AdmissionRequest, JudgedObject } from '../../../core/rendered.ts';
import type { PolicyRequest, UserInfo } from '../kube/request.ts';
import { groupVersionKind, type ResourceTable } from '../kube/resources.ts';

/** The request by which a rendered object would reach the API server. */
export function requestFor(
  object: JsonObject,
  live: JsonObject | undefined,
  resources: ResourceTable,
  userInfo: UserInfo | undefined,
): PolicyRequest {
  const kind = groupVersionKind(text(object['apiVersion']), text(object['kind']));
  const { resource, namespaced } = resources.ofKind(kind);
  const metadata = isObject(object['metadata']) ? object['metadata'] : undefined;
  const name = text(metadata?.['name']);
  // A Namespace is asked about in itself (apiserver: the request info of a namespace names it as the namespace too).
  const isNamespace = kind.group === '' && kind.kind === 'Namespace';
  return {
    operation: live === undefined ? 'CREATE' : 'UPDATE',
    kind,
    resource,
    subresource: '',
    name,
    namespace: isNamespace ? name : namespaced ? text(metadata?.['namespace']) : '',
    namespaced,
    object,
    oldObject: live ?? null,
    userInfo,
  };
}

/**
 * The request that an API server told of, about the object as it stands there: nothing is filled in. Which Roles are
 * bound to its user no admission request says; of the identity that the platform configured, the platform says it.
 */
export function admissionRequestFor(
  object: JsonObject,
  live: JsonObject | undefined,
  admission: AdmissionRequest,
  configured: UserInfo | undefined,
): PolicyRequest {
  const { operation, resource, subresource, namespace, userInfo, dryRun, options } = admission;
  const kind = groupVersionKind(text(object['apiVersion']), text(object['kind']));
  const metadata = isObject(object['metadata']) ? object['metadata'] : undefined;
  const isConfigured = configured?.username === userInfo.username;
  return {
    operation,
    kind,
    resource,
    subresource,
    name: text(metadata?.['name']),
    namespace,
    namespaced: namespace !== '' && !(kind.group === '' && kind.kind === 'Namespace'),
    object,
    oldObject: live ?? null,
    userInfo: {
      ...userInfo,
      roles: isConfigured ? configured.roles : undefined,
      clusterRoles: isConfigured ? configured.clusterRoles : undefined,
    },
    ...(dryRun !== undefined && { dryRun }),
    ...(options !== undefined && { options }),
  };
}

/** The object as it was written, before its images were pinned; undefined where nothing was. */
export function asWritten({ object, written }: JudgedObject): JsonObject | undefined {
  return written === object ? undefined : written;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
