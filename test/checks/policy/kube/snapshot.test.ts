import { afterAll, describe, expect, it } from 'vitest';
import type { ReadDocuments } from '../../../../src/checks/policy/document.ts';
import { createCluster, isNamed, readSnapshot, withRendered } from '../../../../src/checks/policy/kube/snapshot.ts';
import type { JsonObject } from '../../../../src/core/json.ts';
import { parseDocuments } from '../../../../src/manifests/parse.ts';
import { defaultManifestSettings } from '../../../../src/manifests/settings.ts';
import { folderOf } from '../../../support/policies.ts';
import { thrownBy } from '../../../support/thrown.ts';

const read: ReadDocuments = (file, bytes) => parseDocuments({ file, bytes, marks: 'none' }, defaultManifestSettings);
const folders: ReturnType<typeof folderOf>[] = [];
afterAll(() => {
  for (const folder of folders) folder.remove();
});

function snapshotOf(files: Record<string, string>) {
  const folder = folderOf(files);
  folders.push(folder);
  return readSnapshot([folder.path], read);
}

function object(kind: string, name: string, more: JsonObject = {}, namespace?: string): JsonObject {
  return { apiVersion: 'v1', kind, metadata: { name, ...(namespace !== undefined && { namespace }) }, ...more };
}

const placed = (...objects: readonly JsonObject[]) =>
  objects.map((each, i) => ({ object: each, place: `c.yaml:${i}` }));
const configMaps = { group: '', kind: 'ConfigMap' };

describe('files of a snapshot', () => {
  it('are read with their lists taken apart, and what is no manifest is left alone', () => {
    const found = snapshotOf({
      'ns.yaml':
        'apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: b}\n',
      'list.json': JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [object('ConfigMap', 'c', {}, 'a')] }),
      'README.md': 'no manifest',
    });
    expect(found.map((each) => (each.object['metadata'] as JsonObject)['name'])).toEqual(['c', 'a', 'b']);
  });

  it.each([
    ['no object', 'x: 1', /x\.yaml:1:1: an object with an apiVersion and a kind/],
    ['an object without a name', 'apiVersion: v1\nkind: Namespace\n', /x\.yaml:1:1: this object has no name/],
    ['an item that is none', 'apiVersion: v1\nkind: List\nitems: [3]\n', /an object with an apiVersion and a kind/],
  ])('with %s are refused', (_, text, message) => {
    expect(thrownBy(() => snapshotOf({ 'x.yaml': text }))).toMatchObject({
      code: 'SNAPSHOT_INVALID',
      message: expect.stringMatching(message),
    });
  });
});

describe('a cluster of a snapshot', () => {
  const cluster = createCluster(
    placed(
      object('ConfigMap', 'b', {}, 'shop'),
      object('ConfigMap', 'a', {}, 'shop'),
      object('ConfigMap', 'a', {}, 'x'),
    ),
    ['ConfigMap', 'example.com/Limits'],
  );

  it('finds by kind, namespace and name', () => {
    expect(cluster.object(configMaps, 'shop', 'a')).toBeDefined();
    expect(cluster.object(configMaps, 'shop', 'c')).toBeUndefined();
    expect(cluster.object({ group: 'apps', kind: 'ConfigMap' }, 'shop', 'a')).toBeUndefined();
  });

  it('lists in the order of names, of one namespace or of all', () => {
    const names = (namespace?: string) =>
      cluster.list(configMaps, namespace).map(({ metadata }) => JSON.stringify(metadata));
    expect(names('shop')).toEqual(['{"name":"a","namespace":"shop"}', '{"name":"b","namespace":"shop"}']);
    expect(names()).toHaveLength(3);
  });

  it('is whole for the kinds that are named, and for no other', () => {
    expect(cluster.isComplete(configMaps)).toBe(true);
    expect(cluster.isComplete({ group: 'example.com', kind: 'Limits' })).toBe(true);
    expect(cluster.isComplete({ group: '', kind: 'Namespace' })).toBe(false);
  });

  it('holds no two objects that differ under one name', () => {
    const twice = () =>
      createCluster(placed(object('ConfigMap', 'a'), object('ConfigMap', 'a', { data: { x: '1' } })), []);
    expect(thrownBy(twice)).toMatchObject({
      code: 'SNAPSHOT_INVALID',
      message: expect.stringMatching(/^c\.yaml:1: .* of c\.yaml:0$/),
    });
    expect(createCluster(placed(object('ConfigMap', 'a'), object('ConfigMap', 'a')), []).list(configMaps)).toHaveLength(
      1,
    );
  });
});

describe('rendered objects beside a snapshot', () => {
  const cluster = createCluster(placed(object('ConfigMap', 'a', { data: { x: '1' } }, 'shop')), ['ConfigMap']);

  it('are added, and the same object once', () => {
    const both = withRendered(cluster, [
      object('ConfigMap', 'a', { data: { x: '1' } }, 'shop'),
      object('ConfigMap', 'b', {}, 'shop'),
    ]);
    expect(both.list(configMaps, 'shop')).toHaveLength(2);
    expect(both.object(configMaps, 'shop', 'b')).toBeDefined();
    expect(both.isComplete(configMaps)).toBe(true);
  });

  it('clash with another object of their name', () => {
    const clash = () => withRendered(cluster, [object('ConfigMap', 'a', { data: { x: '2' } }, 'shop')]);
    expect(thrownBy(clash)).toMatchObject({ code: 'SNAPSHOT_CLASH', message: expect.stringContaining('ConfigMap a') });
  });

  it.each([
    [['ConfigMap'], true],
    [['example.com/ConfigMap', 'Secret'], false],
  ])('of the kinds %j only', (kinds, named) => expect(isNamed(kinds, object('ConfigMap', 'a'))).toBe(named));
});
