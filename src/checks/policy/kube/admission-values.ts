import { type JsonObject, type JsonValue, objectFrom } from '../../../core/json.ts';
import { lackingError } from '../cel/error.ts';
import { fromJson } from '../cel/json.ts';
import { type CelKey, CelMap, type CelValue } from '../cel/values.ts';
import type { PolicyRequest, UserInfo } from './request.ts';

/**
 * `request` as policies see it: the fields that JSON of an AdmissionReview has, so that an empty one that Go leaves out is
 * not there either. Who asks is an error where no identity is configured, and not a name that a rule could allow.
 */
export class RequestMap extends CelMap {
  readonly #fields: ReadonlyMap<string, () => CelValue>;

  /**
   * `whole`: with the objects, as Kyverno gives them; the API server leaves them out. `matched`: the kind in whose version
   * the policy sees the object, where it is another one than that of the request. `options`: those of the request.
   */
  constructor(
    request: PolicyRequest,
    whole: boolean,
    matched: Pick<PolicyRequest, 'kind' | 'resource'> = request,
    options: JsonValue = null,
  ) {
    const { dryRun = false } = request;
    super();
    const { kind, resource, subresource, name, namespace, operation, object, oldObject, userInfo } = request;
    const json = (value: JsonValue) => () => fromJson(value);
    const gvk = json({ group: kind.group, version: kind.version, kind: kind.kind });
    const gvr = json({ group: resource.group, version: resource.version, resource: resource.resource });
    const seen = matched.kind;
    const from = matched.resource;
    const given = (key: string, value: string): [string, () => CelValue][] =>
      value === '' ? [] : [[key, () => value]];
    this.#fields = new Map<string, () => CelValue>([
      ['uid', () => ''],
      ['kind', json({ group: seen.group, version: seen.version, kind: seen.kind })],
      ['resource', json({ group: from.group, version: from.version, resource: from.resource })],
      ...given('subResource', subresource),
      ['requestKind', gvk],
      ['requestResource', gvr],
      ...given('requestSubResource', subresource),
      ...given('name', name),
      ...given('namespace', namespace),
      ['operation', () => operation],
      ['userInfo', () => fromJson(userInfoOf(userInfo))],
      ...(whole
        ? ([
            ['object', json(object)],
            ['oldObject', json(oldObject)],
          ] as [string, () => CelValue][])
        : []),
      ['dryRun', () => dryRun],
      ['options', json(request.options ?? options)],
    ]);
  }

  override get size(): number {
    return this.#fields.size;
  }

  override get(key: CelValue): CelValue | undefined {
    return typeof key === 'string' ? this.#fields.get(key)?.() : undefined;
  }

  override has(key: CelValue): boolean {
    return typeof key === 'string' && this.#fields.has(key);
  }

  override *keys(): IterableIterator<CelKey> {
    yield* this.#fields.keys();
  }
}

function userInfoOf(user: UserInfo | undefined): JsonObject {
  if (user === undefined) {
    throw lackingError(
      'identity',
      'request.userInfo is not known: no identity is configured for whoever applies the manifests',
    );
  }
  const { username, uid, groups, extra } = user;
  return objectFrom([
    ...(username === '' ? [] : [['username', username] as const]),
    ...(uid === '' ? [] : [['uid', uid] as const]),
    ...(groups.length === 0 ? [] : [['groups', groups] as const]),
    ...(Object.keys(extra).length === 0 ? [] : [['extra', objectFrom(Object.entries(extra))] as const]),
  ]);
}
