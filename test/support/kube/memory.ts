/**
 * A double of the API server for fast tests, held to the real one by the same contract (contract.ts). What it does not do:
 * validate, convert or default anything, refuse to write into namespaces that are not there, collect garbage, or know
 * more field managers than one: what was applied once and is applied no more goes, though another had set it too.
 */
import { randomUUID } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { listPath, objectPath } from '../../../src/adapters/kube/path.ts';
import { canonicalJson, type JsonObject } from '../../../src/core/json.ts';
import {
  apiVersionOf,
  type Kube,
  type KubeCache,
  KubeError,
  type KubeObject,
  type KubeResource,
  type ObjectKey,
  type WatchOptions,
} from '../../../src/core/kube.ts';
import { applied, appliedSet, type Fields, isFields, isSame, mergePatched, selects } from './merge.ts';

interface KubeCall {
  readonly verb: 'get' | 'list' | 'create' | 'apply' | 'mergePatch' | 'replace' | 'delete' | 'capabilities';
  readonly resource: string;
  readonly key: ObjectKey;
  /** Empty for the object itself. */
  readonly subresource: string;
  /** What was sent, where anything was. */
  readonly body: JsonObject | undefined;
}

export interface MemoryKube extends Kube {
  /** Every call so far, those that were refused too. */
  readonly calls: readonly KubeCall[];
  /** Called before each call is carried out: it may wait, or throw what the call shall throw. */
  onCall: (call: KubeCall) => void | Promise<void>;
  /** What is there now, for the test to look at. */
  at(resource: KubeResource, key: ObjectKey): KubeObject | undefined;
  all(resource: KubeResource): readonly KubeObject[];
  /** Writes as somebody else would: the object with its status, whatever was there. */
  put(resource: KubeResource, object: JsonObject): KubeObject;
  /** Removes as somebody else would, finalizers or not. */
  remove(resource: KubeResource, key: ObjectKey): void;
  /** Cuts every watch: copies stay as they are, and are not current. */
  disconnect(): void;
  /** Watches come back: lists are read again, and what has changed meanwhile is told once. */
  reconnect(): void;
}

interface Stored {
  readonly object: KubeObject;
  /** What was last applied, to the object and to its status. */
  readonly applied: Readonly<Record<string, Fields>>;
}

interface Follower {
  readonly resource: KubeResource;
  /** What happened at one object: `undefined` where it is gone. */
  changed(key: ObjectKey, object: KubeObject | undefined): void;
  relist(): void;
}

export interface MemoryKubeOptions {
  readonly now?: () => number;
  readonly version?: string;
  /** Besides the kinds that objects were written of. */
  readonly apiVersions?: readonly string[];
}

const BUILT_IN = ['v1', 'v1/ConfigMap', 'v1/Namespace', 'v1/Pod', 'v1/Secret', 'apps/v1', 'apps/v1/Deployment'];

export function createMemoryKube(options: MemoryKubeOptions = {}): MemoryKube {
  const { now = Date.now, version = 'v1.36.3', apiVersions = [] } = options;
  const stores = new Map<string, Map<string, Stored>>();
  const known = new Set<string>([...BUILT_IN, ...apiVersions]);
  const followers = new Set<Follower>();
  const calls: KubeCall[] = [];
  let lastVersion = 1000;
  let connected = true;

  const storeOf = (resource: KubeResource) => {
    const id = `${resource.plural}.${resource.group}`;
    const store = stores.get(id) ?? new Map<string, Stored>();
    stores.set(id, store);
    return store;
  };
  const stamp = () => `${new Date(now()).toISOString().slice(0, 19)}Z`;
  const nextVersion = () => String(++lastVersion);

  const publish = (resource: KubeResource, key: ObjectKey, object: KubeObject | undefined) => {
    if (!connected) return;
    for (const each of followers) if (isSame(each.resource, resource)) each.changed(key, object);
  };

  const store = (resource: KubeResource, stored: Stored): KubeObject => {
    const { object } = stored;
    const key = keyOf(object);
    known.add(apiVersionOf(resource)).add(`${apiVersionOf(resource)}/${resource.kind}`);
    const { deletionTimestamp, finalizers = [] } = object.metadata;
    if (deletionTimestamp !== undefined && finalizers.length === 0) {
      storeOf(resource).delete(idOf(key));
      publish(resource, key, undefined);
    } else {
      storeOf(resource).set(idOf(key), { ...stored, object: frozen(object) });
      publish(resource, key, frozen(object));
    }
    return frozen(object);
  };

  /** A new state of what is there: `wanted` as the writer would have it. */
  const update = (resource: KubeResource, stored: Stored, wanted: Fields, subresource: string, ours?: Fields) => {
    const before = stored.object;
    const custom = isCustom(resource);
    const draft =
      subresource === 'status'
        ? { ...before, status: wanted['status'] }
        : { ...wanted, ...(custom && { status: before['status'] }) };
    const given = subresource === 'status' ? before.metadata : (wanted['metadata'] as KubeObject['metadata']);
    const { uid, resourceVersion, generation, creationTimestamp, deletionTimestamp, name, namespace } = before.metadata;
    const fixed = { uid, resourceVersion, generation, creationTimestamp, deletionTimestamp, name, namespace };
    const { labels, annotations, finalizers, ownerReferences } = given;
    const metadata = withoutEmpty({ labels, annotations, finalizers, ownerReferences, ...fixed });
    const next = withoutUndefined({ ...draft, metadata }) as KubeObject;
    if (deletionTimestamp !== undefined) {
      const had = before.metadata.finalizers ?? [];
      if ((finalizers ?? []).some((each) => !had.includes(each))) {
        throw refused(
          422,
          'Invalid',
          resource,
          keyOf(before),
          'no new finalizers can be added to what is being deleted',
        );
      }
    }
    const applied = ours === undefined ? stored.applied : { ...stored.applied, [subresource]: ours };
    if (isSame(next, before)) {
      storeOf(resource).set(idOf(keyOf(before)), { object: before, applied });
      return before;
    }
    const changed = custom && !isSame(content(next), content(before));
    return store(resource, {
      object: {
        ...next,
        metadata: {
          ...metadata,
          resourceVersion: nextVersion(),
          ...(changed && { generation: (generation ?? 0) + 1 }),
        } as KubeObject['metadata'],
      },
      applied,
    });
  };

  const make = (resource: KubeResource, wanted: Fields, ours?: Fields): KubeObject => {
    const custom = isCustom(resource);
    const { name, namespace, labels, annotations, finalizers, ownerReferences } = wanted[
      'metadata'
    ] as KubeObject['metadata'];
    const metadata = {
      name,
      ...(resource.namespaced && { namespace }),
      ...withoutEmpty({ labels, annotations, finalizers, ownerReferences }),
      uid: randomUUID(),
      resourceVersion: nextVersion(),
      creationTimestamp: stamp(),
      ...(custom && { generation: 1 }),
    };
    const { status, ...rest } = wanted;
    const kept = custom || status === undefined ? rest : { ...rest, status };
    const object = { apiVersion: apiVersionOf(resource), kind: resource.kind, ...kept, metadata } as KubeObject;
    return store(resource, { object, applied: ours === undefined ? {} : { '': ours } });
  };

  const call = async (
    made: Omit<KubeCall, 'body'> & { readonly body?: JsonObject | undefined },
    resource: KubeResource | undefined,
    signal: AbortSignal,
  ) => {
    if (resource !== undefined && made.verb !== 'list') objectPath(resource, made.key, made.subresource || undefined);
    if (resource !== undefined && made.verb === 'list') listPath(resource, made.key.namespace || undefined);
    const giveUp = () => {
      if (signal.aborted) throw new KubeError(0, 'Aborted', 'the request to the API server was given up');
    };
    giveUp();
    const complete = { ...made, body: made.body };
    calls.push(complete);
    await nextTurn();
    await kube.onCall(complete);
    giveUp();
  };

  const kube: MemoryKube = {
    calls,
    onCall: () => {},
    at: (resource, key) => storeOf(resource).get(idOf(key))?.object,
    all: (resource) => [...storeOf(resource).values()].map(({ object }) => object),
    put(resource, object) {
      const wanted = plain(object);
      const stored = storeOf(resource).get(idOf(keyOf(wanted)));
      if (stored === undefined) make(resource, wanted);
      else update(resource, stored, wanted, '');
      const made = storeOf(resource).get(idOf(keyOf(wanted)));
      if (made === undefined) throw new Error('what was put is gone at once');
      return wanted['status'] === undefined ? made.object : update(resource, made, wanted, 'status');
    },
    remove(resource, key) {
      if (storeOf(resource).delete(idOf(key))) publish(resource, key, undefined);
    },
    disconnect() {
      connected = false;
    },
    reconnect() {
      connected = true;
      for (const each of followers) each.relist();
    },

    async get(resource, key, signal) {
      await call({ verb: 'get', resource: resource.plural, key, subresource: '' }, resource, signal);
      return storeOf(resource).get(idOf(scoped(resource, key)))?.object;
    },
    async list(resource, { namespace, labelSelector, signal }) {
      const key = { namespace: namespace ?? '', name: '' };
      await call({ verb: 'list', resource: resource.plural, key, subresource: '' }, resource, signal);
      return kube.all(resource).filter((object) => isSelected(object, namespace, labelSelector));
    },
    async create(resource, object, { subresource = '', signal }) {
      const wanted = plain(object);
      const key = keyOf(wanted);
      await call({ verb: 'create', resource: resource.plural, key, subresource, body: object }, resource, signal);
      if (storeOf(resource).has(idOf(key))) throw refused(409, 'AlreadyExists', resource, key, 'already exists');
      return make(resource, wanted);
    },
    async apply(resource, object, { subresource = '', signal }) {
      const wanted = plain(object);
      const key = keyOf(wanted);
      await call({ verb: 'apply', resource: resource.plural, key, subresource, body: object }, resource, signal);
      const stored = storeOf(resource).get(idOf(key));
      const { uid } = wanted['metadata'] as KubeObject['metadata'];
      if (stored === undefined) {
        if (subresource !== '') throw refused(404, 'NotFound', resource, key, 'not found');
        if (uid !== undefined) throw conflict(resource, key);
        return make(resource, wanted, appliedPart(resource, wanted, ''));
      }
      lock(resource, stored, wanted);
      const ours = appliedPart(resource, wanted, subresource);
      return update(resource, stored, merged(stored, ours, subresource), subresource, ours);
    },
    async mergePatch(resource, key, patch, { subresource = '', signal }) {
      await call({ verb: 'mergePatch', resource: resource.plural, key, subresource, body: patch }, resource, signal);
      const stored = present(resource, key);
      const wanted = mergePatched(stored.object, plain(patch)) as Fields;
      lock(resource, stored, wanted);
      return update(resource, stored, wanted, subresource);
    },
    async replace(resource, object, { subresource = '', signal }) {
      const wanted = plain(object);
      const key = keyOf(wanted);
      await call({ verb: 'replace', resource: resource.plural, key, subresource, body: object }, resource, signal);
      const stored = present(resource, key);
      const { uid, resourceVersion } = wanted['metadata'] as KubeObject['metadata'];
      if (uid !== undefined && uid !== stored.object.metadata.uid) throw conflict(resource, key);
      if (isCustom(resource) && resourceVersion === undefined) {
        throw refused(422, 'Invalid', resource, key, 'metadata.resourceVersion: must be specified for an update');
      }
      lock(resource, stored, wanted);
      return update(resource, stored, wanted, subresource);
    },
    async delete(resource, key, { uid, signal }) {
      await call({ verb: 'delete', resource: resource.plural, key, subresource: '' }, resource, signal);
      const stored = storeOf(resource).get(idOf(key));
      if (stored === undefined) return;
      const { object } = stored;
      if (uid !== undefined && uid !== object.metadata.uid) throw conflict(resource, key);
      if (object.metadata.deletionTimestamp !== undefined) return;
      const { generation } = object.metadata;
      const metadata = {
        ...object.metadata,
        deletionTimestamp: stamp(),
        resourceVersion: nextVersion(),
        ...(generation !== undefined && { generation: generation + 1 }),
      };
      store(resource, { ...stored, object: { ...object, metadata } });
    },
    watch(resource, given) {
      const cache = createCache(
        resource,
        given,
        () => connected,
        () => kube.all(resource),
        followers,
      );
      return cache;
    },
    async capabilities(signal) {
      const key = { namespace: '', name: '' };
      await call({ verb: 'capabilities', resource: '', key, subresource: '' }, undefined, signal);
      return { version, apiVersions: [...known].sort() };
    },
  };
  return kube;

  function present(resource: KubeResource, key: ObjectKey): Stored {
    const stored = storeOf(resource).get(idOf(key));
    if (stored === undefined) throw refused(404, 'NotFound', resource, key, 'not found');
    return stored;
  }
}

function createCache(
  resource: KubeResource,
  options: WatchOptions,
  isConnected: () => boolean,
  all: () => readonly KubeObject[],
  followers: Set<Follower>,
): KubeCache {
  const objects = new Map<string, KubeObject>();
  const synced = Promise.withResolvers<void>();
  synced.promise.catch(() => {});
  let isSynced = false;
  let isCurrent = false;
  let stopped = false;
  // What happened is told later and in order, as by a server.
  let turn: Promise<unknown> = Promise.resolve();
  const later = (act: () => void) => {
    turn = turn.then(() => nextTurn()).then(() => (stopped ? undefined : act()));
  };
  const tell: WatchOptions['onChange'] = (key, object, before) => {
    try {
      options.onChange(key, object, before);
    } catch {
      // As the adapter, which logs it.
    }
  };
  const take = (key: ObjectKey, whole: KubeObject | undefined) => {
    const before = objects.get(idOf(key));
    const isKept = whole !== undefined && isSelected(whole, options.namespace, options.labelSelector);
    const object = whole && (options.keep?.(whole) ?? whole);
    if (!isKept || object === undefined) {
      if (before === undefined) return;
      objects.delete(idOf(key));
      tell(key, undefined, before);
    } else {
      objects.set(idOf(key), object);
      if (before?.metadata.resourceVersion !== object.metadata.resourceVersion) tell(key, object, before);
    }
  };
  const relist = () => {
    const found = all().filter((object) => isSelected(object, options.namespace, options.labelSelector));
    const ids = new Set(found.map((object) => idOf(keyOf(object))));
    for (const object of [...objects.values()]) if (!ids.has(idOf(keyOf(object)))) take(keyOf(object), undefined);
    for (const object of found) take(keyOf(object), object);
    isCurrent = true;
    isSynced = true;
    synced.resolve();
  };
  const follower: Follower = {
    resource,
    // Before the first list there is nothing to add to.
    changed: (key, object) => later(() => isSynced && take(key, object)),
    relist: () => later(relist),
  };
  const stop = () => {
    stopped = true;
    followers.delete(follower);
    synced.reject(new KubeError(0, 'Aborted', `following ${resource.plural} was given up`));
  };
  followers.add(follower);
  if (options.signal.aborted) stop();
  else options.signal.addEventListener('abort', stop, { once: true });
  if (isConnected()) follower.relist();
  return {
    get: (key) => objects.get(idOf(key)),
    list: () => [...objects.values()],
    synced: synced.promise,
    isCurrent: () => !stopped && isCurrent && isConnected(),
    stop,
  };
}

/** The part of what is applied that is remembered, to be taken away when it is applied no more. */
function appliedPart(resource: KubeResource, wanted: Fields, subresource: string): Fields {
  if (subresource === 'status') return { status: wanted['status'] };
  const { apiVersion: _, kind: __, status, metadata, ...rest } = wanted;
  const { labels, annotations, finalizers, ownerReferences } = metadata as KubeObject['metadata'];
  const owned = withoutUndefined({ labels, annotations, finalizers, ownerReferences });
  return { ...rest, metadata: owned, ...(!isCustom(resource) && status !== undefined && { status }) };
}

function merged({ object, applied: earlier }: Stored, ours: Fields, subresource: string): Fields {
  const before = earlier[subresource] ?? {};
  const next = applied(object, ours, before) as Fields;
  if (subresource !== '') return next;
  const list = (from: unknown, name: string) => {
    const metadata = isFields(from) ? from['metadata'] : undefined;
    const value = isFields(metadata) ? metadata[name] : undefined;
    return Array.isArray(value) ? value : [];
  };
  const set = (name: string, identity: (item: unknown) => unknown) =>
    appliedSet(list(object, name), list(ours, name), list(before, name), identity);
  const metadata = {
    ...(next['metadata'] as Fields),
    finalizers: set('finalizers', (item) => item),
    ownerReferences: set('ownerReferences', (item) => (item as { uid: string }).uid),
  };
  return { ...next, metadata };
}

function lock(resource: KubeResource, { object }: Stored, wanted: Fields): void {
  const { uid, resourceVersion } = (wanted['metadata'] ?? {}) as Partial<KubeObject['metadata']>;
  if (uid !== undefined && uid !== object.metadata.uid) {
    throw refused(422, 'Invalid', resource, keyOf(object), 'metadata.uid: field is immutable');
  }
  const isStale = resourceVersion !== undefined && resourceVersion !== object.metadata.resourceVersion;
  if (isStale) throw conflict(resource, keyOf(object));
}

/** Kinds that a CustomResourceDefinition makes: they have a generation, and a status apart. */
function isCustom({ group }: KubeResource): boolean {
  return group.includes('.') && !group.endsWith('.k8s.io');
}

function content({ metadata: _, status: __, ...rest }: KubeObject): Fields {
  return rest;
}

function scoped({ namespaced }: KubeResource, { namespace, name }: ObjectKey): ObjectKey {
  return { namespace: namespaced ? namespace : '', name };
}

function isSelected(object: KubeObject, namespace: string | undefined, selector: string | undefined): boolean {
  return (
    (namespace === undefined || object.metadata.namespace === namespace) && selects(selector, object.metadata.labels)
  );
}

function keyOf(object: Fields | KubeObject): ObjectKey {
  const { namespace = '', name = '' } = (object['metadata'] ?? {}) as Partial<KubeObject['metadata']>;
  return { namespace, name };
}

function idOf({ namespace, name }: ObjectKey): string {
  return `${namespace}/${name}`;
}

function refused(
  status: number,
  reason: string,
  { plural, group }: KubeResource,
  key: ObjectKey,
  why: string,
): KubeError {
  return new KubeError(status, reason, `${plural}${group === '' ? '' : `.${group}`} "${key.name}" ${why}`);
}

function conflict(resource: KubeResource, key: ObjectKey): KubeError {
  return refused(409, 'Conflict', resource, key, 'is another, or has been modified');
}

/** As it would have come over the wire. */
function plain(object: JsonObject): Fields {
  return JSON.parse(canonicalJson(object)) as Fields;
}

function withoutUndefined(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function withoutEmpty(fields: Fields): Fields {
  const isEmpty = (value: unknown) =>
    typeof value === 'object' && value !== null && Object.keys(value as object).length === 0;
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined && value !== null && !isEmpty(value)),
  );
}

/** Whoever changes an object that he was given is told so at once. */
function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const each of Object.values(value)) frozen(each);
  }
  return value;
}
