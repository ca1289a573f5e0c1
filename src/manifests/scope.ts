import { isObject, type JsonObject, type JsonValue, objectFrom } from '../core/json.ts';
import type { Manifest } from '../core/manifest.ts';
import type { JudgedObject } from '../core/rendered.ts';
import { clusterScopedKinds } from './cluster-scoped.ts';
import { groupOf } from './identity.ts';
import { repeated } from './parse.ts';
import type { ManifestSettings } from './settings.ts';

type Scopes = Pick<ManifestSettings, 'clusterScoped'>;

/** Whether a kind has no namespace: by the table of known kinds, and by the platform's own. */
export function isClusterScoped(apiVersion: string, kind: string, settings: Scopes): boolean {
  const group = groupOf(apiVersion);
  const known = Object.hasOwn(clusterScopedKinds, group) ? clusterScopedKinds[group] : undefined;
  if (known === 'every kind' || known?.includes(kind)) return true;
  return settings.clusterScoped.some((each) => each === `${group}/${kind}` || (group === '' && each === kind));
}

/**
 * The objects as the cluster will have them, for the policies: one without a namespace gets the destination's, and one
 * that can have none loses it, as Argo CD does both before it applies (controller/state.go); or a rule about namespaces
 * would miss the first and be misled by the second. The manifests stay as they were rendered. Without a
 * destination (or an empty one), a missing namespace stays missing.
 *
 * Throws MANIFEST_REPEATED where two objects become one this way.
 */
export function judgedObjects(
  manifests: readonly Manifest[],
  destinationNamespace: string | undefined,
  settings: Scopes,
): JudgedObject[] {
  const known = new Map<string, Manifest>();
  return manifests.map((manifest) => {
    const { identity } = manifest;
    const namespace = isClusterScoped(identity.apiVersion, identity.kind, settings)
      ? undefined
      : (identity.namespace ?? (destinationNamespace || undefined));
    if (!identity.name.endsWith('*')) {
      const key = [groupOf(identity.apiVersion), identity.kind, namespace ?? '', identity.name].join(' ');
      const first = known.get(key);
      if (first !== undefined) throw repeated(first, manifest);
      known.set(key, manifest);
    }
    const object = withNamespace(manifest.object, namespace);
    const written = manifest.written === undefined ? object : withNamespace(manifest.written, namespace);
    return { manifest, object, written };
  });
}

/** The object in another namespace, or in none. */
export function withNamespace(object: JsonObject, namespace: string | undefined): JsonObject {
  const metadata = object['metadata'];
  if (!isObject(metadata) || metadata['namespace'] === namespace) return object;
  const entries: (readonly [string, JsonValue])[] = Object.entries(metadata).filter(([key]) => key !== 'namespace');
  if (namespace !== undefined) entries.push(['namespace', namespace]);
  const judged = objectFrom(entries);
  return objectFrom(Object.entries(object).map(([key, value]) => [key, key === 'metadata' ? judged : value] as const));
}
