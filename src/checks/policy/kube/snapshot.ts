import { GateError } from '../../../core/errors.ts';
import { canonicalJson, isObject, type JsonObject } from '../../../core/json.ts';
import { objectsIn, platformDocuments, type ReadDocuments } from '../document.ts';
import { createReader, findFiles } from '../folder.ts';
import type { Cluster } from './cluster.ts';
import type { GroupVersionKind } from './request.ts';
import { groupVersionKind } from './resources.ts';

const invalid = 'SNAPSHOT_INVALID';

type GroupKind = Pick<GroupVersionKind, 'group' | 'kind'>;

/** An object of a snapshot, and the file that it stands in. */
export interface SnapshotObject {
  readonly object: JsonObject;
  readonly place: string;
}

/**
 * The objects of a snapshot from files of manifests, with lists such as `kubectl get -o yaml` prints them taken apart.
 * Throws SNAPSHOT_INVALID for what is no object, and POLICY_MISSING or POLICY_FILE_REFUSED for files.
 */
export function readSnapshot(paths: readonly string[], documentsIn: ReadDocuments): SnapshotObject[] {
  const read = createReader();
  return findFiles(paths)
    .flatMap(({ files }) => files)
    .filter(({ name }) => /\.(ya?ml|json)$/.test(name))
    .flatMap((file) => objectsIn(file.name, platformDocuments(file.name, read(file), documentsIn, invalid), invalid))
    .map((document) => {
      const place = document.locate([]);
      if (nameOf(document.value) !== '') return { object: document.value, place };
      throw new GateError('SNAPSHOT_INVALID', `${place}: this object has no name`, { place });
    });
}

/**
 * A cluster of these objects. `complete` names kinds as the settings do. Two objects of one identity are
 * SNAPSHOT_INVALID, unless they are the same.
 */
export function createCluster(objects: readonly SnapshotObject[], complete: readonly string[]): Cluster {
  const byIdentity = new Map<string, SnapshotObject>();
  for (const each of objects) {
    const key = identityKey(kindOf(each.object), namespaceOf(each.object), nameOf(each.object));
    const known = byIdentity.get(key);
    if (known !== undefined && canonicalJson(known.object) !== canonicalJson(each.object)) {
      const what = `${String(each.object['kind'])} ${nameOf(each.object)}`;
      throw new GateError('SNAPSHOT_INVALID', `${each.place}: ${what} is another one than that of ${known.place}`, {
        place: each.place,
      });
    }
    byIdentity.set(key, each);
  }
  const sorted = [...byIdentity].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, { object }]) => object);
  const byKind = Map.groupBy(sorted, (object) => kindKey(kindOf(object)));
  const whole = new Set(complete.map((name) => (name.includes('/') ? name : `/${name}`)));
  return {
    object: (kind, namespace, name) => byIdentity.get(identityKey(kind, namespace, name))?.object,
    list: (kind, namespace) =>
      (byKind.get(kindKey(kind)) ?? []).filter(
        (object) => namespace === undefined || namespaceOf(object) === namespace,
      ),
    isComplete: (kind) => whole.has(kindKey(kind)),
  };
}

/** The snapshot with rendered objects added. Throws SNAPSHOT_CLASH where both hold one, and not the same. */
export function withRendered(cluster: Cluster, rendered: readonly JsonObject[]): Cluster {
  for (const object of rendered) {
    const known = cluster.object(kindOf(object), namespaceOf(object), nameOf(object));
    if (known === undefined || canonicalJson(known) === canonicalJson(object)) continue;
    const what = `${String(object['kind'])} ${nameOf(object)}`;
    throw new GateError('SNAPSHOT_CLASH', `${what} is rendered, and the snapshot of the cluster has another one`);
  }
  const added = createCluster(
    rendered.map((object) => ({ object, place: 'the rendered set' })),
    [],
  );
  return {
    object: (kind, namespace, name) => cluster.object(kind, namespace, name) ?? added.object(kind, namespace, name),
    list(kind, namespace) {
      const known = cluster.list(kind, namespace);
      const taken = new Set(known.map((object) => `${namespaceOf(object)}/${nameOf(object)}`));
      const more = added
        .list(kind, namespace)
        .filter((object) => !taken.has(`${namespaceOf(object)}/${nameOf(object)}`));
      return [...known, ...more];
    },
    isComplete: (kind) => cluster.isComplete(kind),
  };
}

/** Group and kind as the settings name them: `ConfigMap`, `example.com/Limits`. */
export function isNamed(kinds: readonly string[], object: JsonObject): boolean {
  const key = kindKey(kindOf(object));
  return kinds.some((name) => (name.includes('/') ? name : `/${name}`) === key);
}

function kindOf(object: JsonObject): GroupKind {
  return groupVersionKind(String(object['apiVersion'] ?? ''), String(object['kind'] ?? ''));
}

function nameOf(object: JsonObject): string {
  return textIn(object, 'name');
}

function namespaceOf(object: JsonObject): string {
  return textIn(object, 'namespace');
}

function textIn(object: JsonObject, field: string): string {
  const metadata = object['metadata'];
  const value = isObject(metadata) && Object.hasOwn(metadata, field) ? metadata[field] : undefined;
  return typeof value === 'string' ? value : '';
}

function kindKey({ group, kind }: GroupKind): string {
  return `${group}/${kind}`;
}

/** A space can be in none of them. */
function identityKey(kind: GroupKind, namespace: string, name: string): string {
  return `${kindKey(kind)} ${namespace} ${name}`;
}
