/** What everybody may rely on of a `Kube`: held against the real API server and against its double. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/core/json.ts';
import {
  apiVersionOf,
  type Kube,
  type KubeError,
  type KubeObject,
  type KubeResource,
  type ObjectKey,
  valueAt,
} from '../../../src/core/kube.ts';
import { waitFor } from '../argocd/component.ts';

export const WIDGETS: KubeResource = {
  group: 'test.syncgate.dev',
  version: 'v1',
  kind: 'Widget',
  plural: 'widgets',
  namespaced: true,
};
const CONFIG_MAPS: KubeResource = {
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  namespaced: true,
};
export const NAMESPACES: KubeResource = {
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  namespaced: false,
};
const DEFINITIONS: KubeResource = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  namespaced: false,
};

/** A kind with a status of its own, as every kind that a controller works on has. */
const WIDGET_DEFINITION: JsonObject = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.test.syncgate.dev' },
  spec: {
    group: 'test.syncgate.dev',
    scope: 'Namespaced',
    names: { kind: 'Widget', plural: 'widgets', singular: 'widget', listKind: 'WidgetList' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
              status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
            },
          },
        },
      },
    ],
  },
};

/** Teaches a real API server the kind, and waits until it is served. */
export async function serveWidgets(kube: Kube): Promise<void> {
  const signal = AbortSignal.timeout(60_000);
  await kube.apply(DEFINITIONS, WIDGET_DEFINITION, { signal });
  await waitFor('widgets to be served', 60_000, async () => {
    await kube.list(WIDGETS, { signal });
    return true;
  });
}

interface Opened {
  readonly kube: Kube;
  close(): Promise<void>;
}

export function describeKube(title: string, open: () => Promise<Opened>): void {
  describe(title, () => {
    let opened: Opened;
    let kube: Kube;
    const signal = new AbortController().signal;

    beforeAll(async () => {
      opened = await open();
      kube = opened.kube;
    });
    afterAll(() => opened?.close());

    const freshNamespace = async () => {
      const name = `t-${randomBytes(4).toString('hex')}`;
      await kube.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }, { signal });
      return name;
    };
    const widget = (namespace: string, name: string, rest: JsonObject = {}, metadata: JsonObject = {}): JsonObject => ({
      apiVersion: apiVersionOf(WIDGETS),
      kind: 'Widget',
      metadata: { name, namespace, ...metadata },
      ...rest,
    });
    const read = async (namespace: string, name: string) =>
      (await kube.get(WIDGETS, { namespace, name }, signal)) as KubeObject;
    const refusal = async (promise: Promise<unknown>) => {
      const error = await promise.then(
        () => undefined,
        (thrown: KubeError) => thrown,
      );
      return error === undefined ? undefined : [error.status, error.reason];
    };

    describe('objects', () => {
      it('are created with an identity, and read back', async () => {
        const namespace = await freshNamespace();
        const made = await kube.create(WIDGETS, widget(namespace, 'a', { spec: { size: 1 } }), { signal });
        expect(made).toMatchObject({ apiVersion: 'test.syncgate.dev/v1', kind: 'Widget', spec: { size: 1 } });
        expect(made.metadata).toMatchObject({ name: 'a', namespace, generation: 1 });
        expect(made.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
        expect(made.metadata.resourceVersion).toMatch(/^\d+$/);
        expect(made.metadata.creationTimestamp).toMatch(/^\d{4}-.*Z$/);
        expect(await read(namespace, 'a')).toEqual(made);
      });

      it('that are not there are undefined', async () => {
        expect(await kube.get(WIDGETS, { namespace: 'nowhere', name: 'nothing' }, signal)).toBeUndefined();
      });

      it.each(['..', '.', '', 'a/b', 'a%2fb'])('of the name %j are asked of nobody', async (name) => {
        expect(await refusal(kube.get(WIDGETS, { namespace: 'default', name }, signal))).toEqual([400, 'BadRequest']);
        expect(await refusal(kube.get(WIDGETS, { namespace: name, name: 'a' }, signal))).toEqual([400, 'BadRequest']);
      });

      it('are not created twice', async () => {
        const namespace = await freshNamespace();
        await kube.create(WIDGETS, widget(namespace, 'a'), { signal });
        expect(await refusal(kube.create(WIDGETS, widget(namespace, 'a'), { signal }))).toEqual([409, 'AlreadyExists']);
      });

      it('are listed by namespace and label, with what they are', async () => {
        const namespace = await freshNamespace();
        await kube.create(WIDGETS, widget(namespace, 'a', {}, { labels: { x: '1' } }), { signal });
        await kube.create(WIDGETS, widget(namespace, 'b', {}, { labels: { x: '2' } }), { signal });
        const names = async (labelSelector?: string) =>
          (await kube.list(WIDGETS, { namespace, signal, ...(labelSelector !== undefined && { labelSelector }) })).map(
            ({ kind, metadata }) => `${kind}/${metadata.name}`,
          );
        expect((await names()).sort()).toEqual(['Widget/a', 'Widget/b']);
        expect(await names('x=2')).toEqual(['Widget/b']);
        expect(await names('x in (1,3)')).toEqual(['Widget/a']);
        expect(await names('!x')).toEqual([]);
        const maps = await kube.create(
          CONFIG_MAPS,
          { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'm', namespace } },
          { signal },
        );
        const [map] = await kube.list(CONFIG_MAPS, { namespace, labelSelector: '!none', signal });
        expect([map?.apiVersion, map?.kind]).toEqual(['v1', 'ConfigMap']);
        expect(maps.metadata.generation).toBeUndefined();
      });

      it('a request that was given up before is not sent', async () => {
        const namespace = await freshNamespace();
        const given = AbortSignal.abort();
        const creating = kube.create(WIDGETS, widget(namespace, 'a'), { signal: given });
        expect(await refusal(creating)).toEqual([0, 'Aborted']);
        expect(await read(namespace, 'a')).toBeUndefined();
      });
    });

    describe('apply', () => {
      it('creates, changes, takes away what it set before, and leaves what others set', async () => {
        const namespace = await freshNamespace();
        const key = { namespace, name: 'a' };
        const first = widget(namespace, 'a', { spec: { one: 1, two: { deep: 2 } } }, { labels: { l: 'x' } });
        const made = await kube.apply(WIDGETS, first, { signal });
        expect(made).toMatchObject({ spec: { one: 1, two: { deep: 2 } }, metadata: { generation: 1 } });
        await kube.mergePatch(WIDGETS, key, { metadata: { annotations: { by: 'another' } } }, { signal });
        const second = await kube.apply(WIDGETS, widget(namespace, 'a', { spec: { one: 2 } }), { signal });
        expect(second['spec']).toEqual({ one: 2 });
        expect(second.metadata).toMatchObject({ generation: 2, annotations: { by: 'another' } });
        expect(second.metadata.labels).toBeUndefined();
      });

      it('of the same changes nothing, not even the version', async () => {
        const namespace = await freshNamespace();
        const object = widget(namespace, 'a', { spec: { one: 1, list: [1, { two: 2 }] } });
        const made = await kube.apply(WIDGETS, object, { signal });
        const again = await kube.apply(WIDGETS, object, { signal });
        expect(again.metadata.resourceVersion).toBe(made.metadata.resourceVersion);
      });

      it('with a version is a lock', async () => {
        const namespace = await freshNamespace();
        const made = await kube.apply(WIDGETS, widget(namespace, 'a', { spec: { one: 1 } }), { signal });
        const resourceVersion = made.metadata.resourceVersion as string;
        const locked = (one: number) => widget(namespace, 'a', { spec: { one } }, { resourceVersion });
        await kube.apply(WIDGETS, locked(2), { signal });
        expect(await refusal(kube.apply(WIDGETS, locked(3), { signal }))).toEqual([409, 'Conflict']);
        expect((await read(namespace, 'a'))['spec']).toEqual({ one: 2 });
      });

      it('makes what was deleted anew in spite of its version, but not in spite of its uid', async () => {
        const namespace = await freshNamespace();
        const { metadata } = await kube.apply(WIDGETS, widget(namespace, 'a'), { signal });
        const { uid, resourceVersion } = metadata as { uid: string; resourceVersion: string };
        await kube.delete(WIDGETS, { namespace, name: 'a' }, { signal });
        const same = widget(namespace, 'a', {}, { uid, resourceVersion });
        expect(await refusal(kube.apply(WIDGETS, same, { signal }))).toEqual([409, 'Conflict']);
        expect(await read(namespace, 'a')).toBeUndefined();
        await kube.apply(WIDGETS, widget(namespace, 'a', {}, { resourceVersion }), { signal });
        expect((await read(namespace, 'a')).metadata.uid).not.toBe(uid);
      });

      it('keeps finalizers and owners of others', async () => {
        const namespace = await freshNamespace();
        const owner = (name: string, n: number) => ({
          apiVersion: 'v1',
          kind: 'ConfigMap',
          name,
          uid: `00000000-0000-0000-0000-00000000000${n}`,
        });
        const theirs = { finalizers: ['a.example/theirs'], ownerReferences: [owner('theirs', 1)] };
        await kube.create(WIDGETS, widget(namespace, 'a', {}, theirs), { signal });
        const ours = { finalizers: ['a.example/ours'], ownerReferences: [owner('ours', 2)] };
        const both = await kube.apply(WIDGETS, widget(namespace, 'a', {}, ours), { signal });
        expect([...(both.metadata.finalizers ?? [])].sort()).toEqual(['a.example/ours', 'a.example/theirs']);
        expect(both.metadata.ownerReferences?.map(({ name }) => name).sort()).toEqual(['ours', 'theirs']);
        const left = await kube.apply(WIDGETS, widget(namespace, 'a'), { signal });
        expect(left.metadata).toMatchObject(theirs);
        expect(left.metadata.ownerReferences).toHaveLength(1);
        await kube.mergePatch(WIDGETS, { namespace, name: 'a' }, { metadata: { finalizers: null } }, { signal });
      });

      it('exchanges lists whole', async () => {
        const namespace = await freshNamespace();
        await kube.apply(WIDGETS, widget(namespace, 'a', { spec: { list: [1, 2, 3] } }), { signal });
        const made = await kube.apply(WIDGETS, widget(namespace, 'a', { spec: { list: [4] } }), { signal });
        expect(made['spec']).toEqual({ list: [4] });
      });
    });

    describe('status', () => {
      it('is written apart from the rest, and has no generation', async () => {
        const namespace = await freshNamespace();
        const options = { subresource: 'status', signal };
        const made = await kube.create(WIDGETS, widget(namespace, 'a', { spec: { s: 1 }, status: { no: 1 } }), {
          signal,
        });
        expect(made['status']).toBeUndefined();
        const status = widget(namespace, 'a', { spec: { s: 9 }, status: { phase: 'x' } });
        const written = await kube.apply(WIDGETS, status, options);
        expect(written).toMatchObject({ spec: { s: 1 }, status: { phase: 'x' }, metadata: { generation: 1 } });
        const main = await kube.apply(WIDGETS, widget(namespace, 'a', { spec: { s: 2 }, status: { phase: 'y' } }), {
          signal,
        });
        expect(main).toMatchObject({ spec: { s: 2 }, status: { phase: 'x' }, metadata: { generation: 2 } });
        const emptied = await kube.apply(WIDGETS, widget(namespace, 'a', { status: { other: 1 } }), options);
        expect(emptied['status']).toEqual({ other: 1 });
        expect(emptied['spec']).toEqual({ s: 2 });
      });

      it('of nothing is not there, and makes nothing', async () => {
        const namespace = await freshNamespace();
        const status = widget(namespace, 'a', { status: { phase: 'x' } });
        const options = { subresource: 'status', signal };
        expect(await refusal(kube.apply(WIDGETS, status, options))).toEqual([404, 'NotFound']);
        expect(await read(namespace, 'a')).toBeUndefined();
      });

      it('is replaced under a lock', async () => {
        const namespace = await freshNamespace();
        const options = { subresource: 'status', signal };
        const made = await kube.create(WIDGETS, widget(namespace, 'a', { spec: { s: 1 } }), { signal });
        const resourceVersion = made.metadata.resourceVersion as string;
        const status = (phase: string) => widget(namespace, 'a', { status: { phase } }, { resourceVersion });
        await kube.replace(WIDGETS, status('x'), options);
        expect(await refusal(kube.replace(WIDGETS, status('y'), options))).toEqual([409, 'Conflict']);
        expect(await read(namespace, 'a')).toMatchObject({ spec: { s: 1 }, status: { phase: 'x' } });
      });
    });

    describe('patches and replacements', () => {
      it('merge, and take away by null', async () => {
        const namespace = await freshNamespace();
        const key = { namespace, name: 'a' };
        await kube.create(WIDGETS, widget(namespace, 'a', { spec: { one: 1, two: 2, list: [1] } }), { signal });
        const patched = await kube.mergePatch(WIDGETS, key, { spec: { two: null, list: [2], three: {} } }, { signal });
        expect(patched['spec']).toEqual({ one: 1, list: [2], three: {} });
        expect(patched.metadata.generation).toBe(2);
      });

      it('hold to a version and to a uid', async () => {
        const namespace = await freshNamespace();
        const key = { namespace, name: 'a' };
        const made = await kube.create(WIDGETS, widget(namespace, 'a'), { signal });
        const stale = { metadata: { resourceVersion: '1', labels: { a: 'b' } } };
        expect(await refusal(kube.mergePatch(WIDGETS, key, stale, { signal }))).toEqual([409, 'Conflict']);
        const uid = '00000000-0000-0000-0000-000000000000';
        expect(await refusal(kube.mergePatch(WIDGETS, key, { metadata: { uid } }, { signal }))).toEqual([
          422,
          'Invalid',
        ]);
        const other = widget(namespace, 'a', {}, { uid });
        expect(await refusal(kube.apply(WIDGETS, other, { signal }))).toEqual([422, 'Invalid']);
        // An object of a custom kind is never replaced without the version that it replaces.
        expect(await refusal(kube.replace(WIDGETS, widget(namespace, 'a'), { signal }))).toEqual([422, 'Invalid']);
        const resourceVersion = made.metadata.resourceVersion as string;
        const versioned = widget(namespace, 'a', {}, { uid, resourceVersion });
        expect(await refusal(kube.replace(WIDGETS, versioned, { signal }))).toEqual([409, 'Conflict']);
        expect(await refusal(kube.apply(WIDGETS, widget(namespace, 'b', {}, { uid }), { signal }))).toEqual([
          409,
          'Conflict',
        ]);
      });

      it('of nothing are not there', async () => {
        const namespace = await freshNamespace();
        const key = { namespace, name: 'a' };
        expect(await refusal(kube.mergePatch(WIDGETS, key, {}, { signal }))).toEqual([404, 'NotFound']);
        const stale = widget(namespace, 'a', {}, { resourceVersion: '1' });
        expect((await refusal(kube.replace(WIDGETS, stale, { signal })))?.[0]).toBeOneOf([404, 409]);
      });

      it('replace all but status', async () => {
        const namespace = await freshNamespace();
        const made = await kube.create(WIDGETS, widget(namespace, 'a', { spec: { one: 1 } }, { labels: { a: 'b' } }), {
          signal,
        });
        const status = widget(namespace, 'a', { status: { phase: 'x' } });
        const now = await kube.apply(WIDGETS, status, { subresource: 'status', signal });
        const resourceVersion = now.metadata.resourceVersion as string;
        const replaced = await kube.replace(
          WIDGETS,
          widget(namespace, 'a', { spec: { two: 2 } }, { resourceVersion }),
          { signal },
        );
        expect(replaced).toMatchObject({ spec: { two: 2 }, status: { phase: 'x' }, metadata: { generation: 2 } });
        expect(replaced.metadata.labels).toBeUndefined();
        expect(replaced.metadata.uid).toBe(made.metadata.uid);
      });
    });

    describe('deletion', () => {
      it('of nothing is no error; of something it is gone', async () => {
        const namespace = await freshNamespace();
        const key = { namespace, name: 'a' };
        await kube.delete(WIDGETS, key, { signal });
        await kube.create(WIDGETS, widget(namespace, 'a'), { signal });
        await kube.delete(WIDGETS, key, { signal });
        expect(await read(namespace, 'a')).toBeUndefined();
      });

      it('by uid takes no other object', async () => {
        const namespace = await freshNamespace();
        const key = { namespace, name: 'a' };
        const made = await kube.create(WIDGETS, widget(namespace, 'a'), { signal });
        const other = '00000000-0000-0000-0000-000000000000';
        expect(await refusal(kube.delete(WIDGETS, key, { uid: other, signal }))).toEqual([409, 'Conflict']);
        expect(await read(namespace, 'a')).toBeDefined();
        await kube.delete(WIDGETS, key, { uid: made.metadata.uid as string, signal });
        expect(await read(namespace, 'a')).toBeUndefined();
      });

      it('waits for finalizers, and ends with the last', async () => {
        const namespace = await freshNamespace();
        const key = { namespace, name: 'a' };
        const finalizers = ['syncgate.dev/finalizer'];
        await kube.create(WIDGETS, widget(namespace, 'a', { spec: { one: 1 } }, { finalizers }), { signal });
        await kube.delete(WIDGETS, key, { signal });
        const going = await read(namespace, 'a');
        expect(going.metadata.deletionTimestamp).toMatch(/Z$/);
        expect(going.metadata.generation).toBe(2);
        await kube.mergePatch(WIDGETS, key, { metadata: { finalizers: null } }, { signal });
        expect(await read(namespace, 'a')).toBeUndefined();
      });

      it('applied finalizers go when they are applied no more', async () => {
        const namespace = await freshNamespace();
        const finalizers = ['syncgate.dev/finalizer'];
        await kube.apply(WIDGETS, widget(namespace, 'a', {}, { finalizers }), { signal });
        await kube.delete(WIDGETS, { namespace, name: 'a' }, { signal });
        expect(await read(namespace, 'a')).toBeDefined();
        await kube.apply(WIDGETS, widget(namespace, 'a'), { signal });
        expect(await read(namespace, 'a')).toBeUndefined();
      });

      it('lets nobody add a finalizer', async () => {
        const namespace = await freshNamespace();
        const key = { namespace, name: 'a' };
        const finalizers = ['syncgate.dev/one'];
        await kube.create(WIDGETS, widget(namespace, 'a', {}, { finalizers }), { signal });
        await kube.delete(WIDGETS, key, { signal });
        const more = { metadata: { finalizers: [...finalizers, 'syncgate.dev/two'] } };
        expect(await refusal(kube.mergePatch(WIDGETS, key, more, { signal }))).toEqual([422, 'Invalid']);
        await kube.mergePatch(WIDGETS, key, { metadata: { finalizers: [] } }, { signal });
        expect(await read(namespace, 'a')).toBeUndefined();
      });

      it('a new object of the name has a new uid', async () => {
        const namespace = await freshNamespace();
        const first = await kube.create(WIDGETS, widget(namespace, 'a'), { signal });
        await kube.delete(WIDGETS, { namespace, name: 'a' }, { signal });
        const second = await kube.create(WIDGETS, widget(namespace, 'a'), { signal });
        expect(second.metadata.uid).not.toBe(first.metadata.uid);
      });
    });

    describe('watch', () => {
      interface Change {
        readonly what: string;
        readonly before: unknown;
      }
      const observe = (namespace: string, options: { readonly labelSelector?: string } = {}) => {
        const changes: Change[] = [];
        const cache = kube.watch(WIDGETS, {
          namespace,
          ...options,
          signal,
          onChange: (key: ObjectKey, object, before) => {
            // What is told is what the copy holds.
            expect(cache.get(key)).toEqual(object);
            const now = object === undefined ? 'gone' : JSON.stringify(valueAt(object, 'spec', 'n') ?? null);
            changes.push({ what: `${key.name}: ${now}`, before: valueAt(before, 'spec', 'n') });
          },
        });
        const until = (count: number) =>
          waitFor(`${count} changes (${JSON.stringify(changes)})`, 20_000, () => changes.length >= count || undefined);
        return { cache, changes, until };
      };

      it('reads what is there, and then tells of every change', async () => {
        const namespace = await freshNamespace();
        const key = { namespace, name: 'a' };
        await kube.create(WIDGETS, widget(namespace, 'a', { spec: { n: 1 } }), { signal });
        const { cache, changes, until } = observe(namespace);
        await cache.synced;
        expect(cache.list().map(({ metadata }) => metadata.name)).toEqual(['a']);
        expect(cache.isCurrent()).toBe(true);
        await kube.mergePatch(WIDGETS, key, { spec: { n: 2 } }, { signal });
        await kube.create(WIDGETS, widget(namespace, 'b', { spec: { n: 3 } }), { signal });
        await until(3);
        await kube.delete(WIDGETS, key, { signal });
        await until(4);
        expect(changes).toEqual([
          { what: 'a: 1', before: undefined },
          { what: 'a: 2', before: 1 },
          { what: 'b: 3', before: undefined },
          { what: 'a: gone', before: 2 },
        ]);
        expect(cache.list()).toHaveLength(1);
        expect(cache.get({ namespace, name: 'b' })).toEqual(withoutManagers(await read(namespace, 'b')));
        cache.stop();
      });

      it('of labels loses what no longer has them', async () => {
        const namespace = await freshNamespace();
        const { cache, changes, until } = observe(namespace, { labelSelector: 'on=yes' });
        await cache.synced;
        await kube.create(WIDGETS, widget(namespace, 'off', { spec: { n: 1 } }), { signal });
        await kube.create(WIDGETS, widget(namespace, 'a', { spec: { n: 1 } }, { labels: { on: 'yes' } }), { signal });
        await until(1);
        const key = { namespace, name: 'a' };
        await kube.mergePatch(WIDGETS, key, { metadata: { labels: { on: null } } }, { signal });
        await until(2);
        expect(changes.map(({ what }) => what)).toEqual(['a: 1', 'a: gone']);
        cache.stop();
      });

      it('tells nothing after it was stopped, and is not current then', async () => {
        const namespace = await freshNamespace();
        const { cache, changes } = observe(namespace);
        await cache.synced;
        cache.stop();
        await kube.create(WIDGETS, widget(namespace, 'a'), { signal });
        await new Promise((next) => setTimeout(next, 200));
        expect(changes).toEqual([]);
        expect(cache.isCurrent()).toBe(false);
      });

      it('ends with its signal: before the first list, `synced` rejects', async () => {
        const ended = AbortSignal.abort();
        const cache = kube.watch(WIDGETS, { signal: ended, onChange() {} });
        await expect(cache.synced).rejects.toMatchObject({ reason: 'Aborted' });
        expect(cache.isCurrent()).toBe(false);
      });

      it('holds no more of an object than is asked for, and tells of every change all the same', async () => {
        const namespace = await freshNamespace();
        const seen: unknown[] = [];
        const cache = kube.watch(WIDGETS, {
          namespace,
          signal,
          keep: ({ apiVersion, kind, metadata }) => ({ apiVersion, kind, metadata }),
          onChange: (_, object) => seen.push(valueAt(object, 'spec') ?? 'none'),
        });
        await cache.synced;
        await kube.create(WIDGETS, widget(namespace, 'a', { spec: { n: 1 } }), { signal });
        await kube.mergePatch(WIDGETS, { namespace, name: 'a' }, { spec: { n: 2 } }, { signal });
        await waitFor('both', 20_000, () => seen.length === 2 || undefined);
        expect(seen).toEqual(['none', 'none']);
        expect(cache.get({ namespace, name: 'a' })).not.toHaveProperty('spec');
        cache.stop();
      });

      it('outlives whoever throws at a change', async () => {
        const namespace = await freshNamespace();
        let told = 0;
        const cache = kube.watch(WIDGETS, {
          namespace,
          signal,
          onChange: () => {
            told++;
            throw new Error('no');
          },
        });
        await cache.synced;
        await kube.create(WIDGETS, widget(namespace, 'a'), { signal });
        await kube.create(WIDGETS, widget(namespace, 'b'), { signal });
        await waitFor('both', 20_000, () => told === 2 || undefined);
        expect(cache.list()).toHaveLength(2);
        cache.stop();
      });
    });

    it('says what the cluster can', async () => {
      const { version, apiVersions } = await kube.capabilities(signal);
      expect(version).toMatch(/^v1\.\d+\.\d+/);
      const some = ['v1', 'v1/Pod', 'apps/v1', 'apps/v1/Deployment', 'test.syncgate.dev/v1/Widget'];
      expect(apiVersions).toEqual(expect.arrayContaining(some));
      expect(new Set(apiVersions).size).toBe(apiVersions.length);
    });
  });
}

/** As a copy holds an object. */
export function withoutManagers(object: KubeObject): KubeObject {
  const { managedFields: _, ...metadata } = object.metadata as KubeObject['metadata'] & { managedFields?: unknown };
  return { ...object, metadata };
}
