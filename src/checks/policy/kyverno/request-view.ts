import { isObject, type JsonObject, type JsonValue } from '../../../core/json.ts';
import { namespaceObject } from '../kube/cluster.ts';
import type { PolicyRequest, UserInfo } from '../kube/request.ts';
import type { PolicyWorld } from '../rule.ts';
import type { Labels } from '../values/label-selector.ts';
import type { JmesPorts } from './jmespath/function.ts';
import { withFloats } from './jmespath/numbers.ts';
import { noIdentity, noRoles, Unanswerable } from './unanswerable.ts';

/**
 * A request as Kyverno's rules look at it. It is made once for a request and serves every policy; what costs something
 * is found out when it is first asked for.
 */
export interface RequestView {
  readonly request: PolicyRequest;
  readonly world: PolicyWorld;
  readonly ports: JmesPorts;
  /** What is judged: the new object, or on DELETE the old one. Null where a test took both away. */
  readonly resource: JsonObject | null;
  readonly object: JsonObject | null;
  readonly oldObject: JsonObject | null;
  /** `metadata.name`, or what the name is generated from. */
  readonly name: string;
  readonly namespace: string;
  /** The kind that the object itself says, which is not the request's where a subresource is meant. */
  readonly kind: string;
  readonly labels: Labels;
  readonly annotations: Labels;
  /** The labels of its Namespace. Throws Unanswerable where the gate has no such Namespace in its snapshot. */
  namespaceLabels(): Labels;
  /** Who asks; undefined in a test that does not say. Throws Unanswerable in a gate that was not told. */
  userInfo(): UserInfo | undefined;
  /**
   * The top of what variables are looked up in, without the context of any rule. It is shared: copy it to add to it.
   */
  readonly root: JsonObject;
}

const views = new WeakMap<PolicyRequest, RequestView[]>();

export function viewOf(request: PolicyRequest, world: PolicyWorld): RequestView {
  const known = views.get(request)?.find((view) => view.world === world);
  if (known !== undefined) return known;
  const view = world.supplied === undefined ? gateView(request, world) : testView(request, world);
  // The same object is judged again when more is known of its images: two worlds, and not many more, ask of one request.
  views.set(request, [view, ...(views.get(request) ?? []).slice(0, 3)]);
  return view;
}

/**
 * The same request as if the old object were only now created, by `userInfo`; what a test supplies stays as it is.
 * Undefined where there is no old object.
 */
export function asCreatedBefore(view: RequestView, userInfo: UserInfo | undefined): RequestView | undefined {
  const { oldObject, world } = view;
  if (oldObject === null) return undefined;
  const root = copyOf(view.root);
  const body = copyOf(objectAt(view.root, 'request') ?? {});
  body['object'] = oldObject;
  body['oldObject'] = null;
  body['operation'] = 'CREATE';
  root['request'] = body;
  const request: PolicyRequest = { ...view.request, operation: 'CREATE', object: oldObject, oldObject: null, userInfo };
  return makeView(request, world, oldObject, null, root);
}

function gateView(request: PolicyRequest, world: PolicyWorld): RequestView {
  const { object, oldObject } = request;
  return makeView(request, world, object, oldObject, admissionRoot(request));
}

function makeView(
  request: PolicyRequest,
  world: PolicyWorld,
  object: JsonObject | null,
  oldObject: JsonObject | null,
  root: JsonObject,
): RequestView {
  const resource = object ?? oldObject;
  const metadata = objectAt(resource, 'metadata');
  const namespace = request.namespaced ? request.namespace : '';
  let namespaceLabels: Labels | undefined;
  return {
    request,
    world,
    ports: { now: world.now, random: world.random },
    resource,
    object,
    oldObject,
    root,
    name: textAt(metadata, 'name') || textAt(metadata, 'generateName'),
    namespace,
    kind: textAt(resource, 'kind'),
    labels: stringMap(own(metadata, 'labels')),
    annotations: stringMap(own(metadata, 'annotations')),
    namespaceLabels() {
      if (namespaceLabels !== undefined) return namespaceLabels;
      const found = namespace === '' ? undefined : namespaceObject(world.cluster, namespace);
      if (found === undefined && namespace !== '' && world.supplied === undefined) {
        throw new Unanswerable(
          `the rule selects by the labels of Namespace ${JSON.stringify(namespace)}, which the snapshot of the cluster does not hold`,
          'snapshot',
        );
      }
      namespaceLabels = stringMap(own(objectAt(found, 'metadata'), 'labels'));
      return namespaceLabels;
    },
    userInfo() {
      if (request.userInfo === undefined && world.supplied === undefined) {
        throw new Unanswerable(noIdentity, 'identity');
      }
      return request.userInfo;
    },
  };
}

/** The admission request as the API server sends it; what the server leaves out when empty is absent. */
function admissionRoot(request: PolicyRequest): JsonObject {
  const { kind, resource, subresource, name, namespace, userInfo } = request;
  const body = record({
    kind: record({ ...kind }),
    resource: record({ ...resource }),
    requestKind: record({ ...kind }),
    requestResource: record({ ...resource }),
  });
  if (subresource !== '') Object.assign(body, { subResource: subresource, requestSubResource: subresource });
  if (name !== '') body['name'] = name;
  if (namespace !== '') body['namespace'] = namespace;
  body['operation'] = request.operation;
  body['object'] = withFloats(request.object);
  body['oldObject'] = withFloats(request.oldObject);
  body['dryRun'] = request.dryRun === true;
  if (request.options !== undefined) body['options'] = request.options;
  const root = record({ request: body });
  if (userInfo !== undefined) {
    addIdentity(root, body, userInfo);
  } else {
    for (const field of ofRequest) refuseToTell(body, field);
    for (const field of ofRoot) refuseToTell(root, field);
  }
  return root;
}

const ofRequest = ['userInfo', 'roles', 'clusterRoles'];
const ofRoot = ['serviceAccountName', 'serviceAccountNamespace'];
const untold: ReadonlySet<string> = new Set([...ofRequest, ...ofRoot]);

/** Reading it throws, so that no `|| 'somebody'` makes an answer of a question that has none. */
function refuseToTell(object: Record<string, JsonValue>, field: string, why = noIdentity): void {
  Object.defineProperty(object, field, {
    enumerable: true,
    configurable: true,
    get(): never {
      throw new Unanswerable(why, 'identity');
    },
  });
}

function addIdentity(root: Record<string, JsonValue>, body: Record<string, JsonValue>, userInfo: UserInfo): void {
  const { username, uid, groups, extra, roles, clusterRoles } = userInfo;
  const user = record({});
  if (username !== '') user['username'] = username;
  if (uid !== '') user['uid'] = uid;
  if (groups.length > 0) user['groups'] = groups;
  if (Object.keys(extra).length > 0) user['extra'] = record({ ...extra });
  body['userInfo'] = user;
  if (roles === undefined) refuseToTell(body, 'roles', noRoles);
  else if (roles.length > 0) body['roles'] = roles;
  if (clusterRoles === undefined) refuseToTell(body, 'clusterRoles', noRoles);
  else if (clusterRoles.length > 0) body['clusterRoles'] = clusterRoles;
  const [prefix, account] = [username.slice(0, serviceAccount.length), username.slice(serviceAccount.length)];
  const [namespace = '', name = ''] = prefix.length === serviceAccount.length ? account.split(':') : [];
  const whole = account.includes(':');
  root['serviceAccountName'] = whole ? name : '';
  root['serviceAccountNamespace'] = whole ? namespace : '';
}

const serviceAccount = 'system:serviceaccount:';

/** What the command of Kyverno puts into the context: less than an admission request holds, and what the test says. */
function testView(request: PolicyRequest, world: PolicyWorld): RequestView {
  const body = record({});
  if (request.operation !== 'DELETE') body['object'] = request.object;
  if (request.operation === 'UPDATE' || request.operation === 'DELETE') body['oldObject'] = request.oldObject;
  body['namespace'] = request.operation === 'DELETE' || !request.namespaced ? '' : request.namespace;
  const root = record({ request: body });
  if (request.userInfo !== undefined) addIdentity(root, body, request.userInfo);
  body['operation'] = request.operation;
  const merged = withVariables(root, world.supplied?.variables ?? []);
  const after = objectAt(merged, 'request');
  const isDelete = request.operation === 'DELETE';
  const object = isDelete ? null : objectAt(after, 'object');
  const oldObject = isDelete || request.operation === 'UPDATE' ? objectAt(after, 'oldObject') : null;
  return makeView(request, world, object ?? null, oldObject ?? null, merged);
}

/** A copy in which every variable has its value. Maps are merged; what is not on a path is shared. */
export function withVariables(
  root: JsonObject,
  variables: readonly { readonly path: readonly string[]; readonly value: JsonValue }[],
): JsonObject {
  let made = root;
  for (const { path, value } of variables) {
    let pushed = value;
    for (const key of [...path].reverse()) pushed = record({ [key]: pushed });
    made = merge(made, pushed as JsonObject);
  }
  return made;
}

function merge(into: JsonObject, from: JsonObject): JsonObject {
  const made = copyOf(into);
  for (const key of Object.keys(from)) {
    const value = from[key] as JsonValue;
    const there = own(made, key);
    made[key] = isObject(value) && isObject(there) ? merge(there, value) : value;
  }
  return made;
}

/** A shallow copy without a prototype. */
export function copyOf(object: JsonObject): Record<string, JsonValue> {
  const made: Record<string, JsonValue> = Object.create(null);
  for (const key of Object.keys(object)) {
    const refusal = untold.has(key) ? Object.getOwnPropertyDescriptor(object, key) : undefined;
    if (refusal?.get === undefined) made[key] = object[key] as JsonValue;
    else Object.defineProperty(made, key, refusal);
  }
  return made;
}

function record(entries: { readonly [key: string]: JsonValue }): Record<string, JsonValue> {
  const made: Record<string, JsonValue> = Object.create(null);
  for (const key of Object.keys(entries)) made[key] = entries[key] as JsonValue;
  return made;
}

function own(object: JsonObject | null | undefined, key: string): JsonValue | undefined {
  return object !== null && object !== undefined && Object.hasOwn(object, key) ? object[key] : undefined;
}

function objectAt(object: JsonObject | null | undefined, key: string): JsonObject | undefined {
  const value = own(object, key);
  return isObject(value) ? value : undefined;
}

function textAt(object: JsonObject | null | undefined, key: string): string {
  const value = own(object, key);
  return typeof value === 'string' ? value : '';
}

/** As the client of Kubernetes reads labels and annotations: one value that is no string makes all of them unreadable. */
function stringMap(value: JsonValue | undefined): Labels {
  const made: Record<string, string> = Object.create(null);
  if (!isObject(value)) return made;
  for (const key of Object.keys(value)) {
    const each = value[key];
    // Null is read as the empty string.
    if (each !== null && typeof each !== 'string') return Object.create(null);
    made[key] = each ?? '';
  }
  return made;
}
