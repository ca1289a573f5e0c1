/**
 * What Flux does to objects between building and applying them, done here instead, and what its next kustomize would do
 * to them behind the gate, refused: an object that leaves is the object that was judged.
 */
import { isObject, type JsonObject, type JsonValue, objectFrom } from '../core/json.ts';
import type { Manifest } from '../core/manifest.ts';
import { refuseEncrypted, refuseHooks, refuseRewritten } from './flux-refusals.ts';
import { groupOf } from './identity.ts';
import { repeated } from './parse.ts';
import { isClusterScoped, withNamespace } from './scope.ts';
import type { ManifestSettings } from './settings.ts';
import { type Substitution, substituteVariables } from './substitution.ts';

export interface FluxFinish {
  readonly substitution: Substitution | undefined;
  readonly commonMetadata: {
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  };
  /** Of a chart the namespace of its release: objects that may have a namespace and name none get it. */
  readonly releaseNamespace: string | undefined;
}

type Limits = Omit<ManifestSettings, 'maxObjects'>;

/**
 * The manifests as Flux would apply them, but for its own labels: variables replaced, a release's namespace filled in,
 * common metadata set. Kustomizations of kustomize itself are left out, as Flux does. Throws FLUX_* and
 * MANIFEST_REPEATED for what must not leave.
 */
export function finishForFlux(manifests: readonly Manifest[], finish: FluxFinish, limits: Limits): Manifest[] {
  const { substitution, commonMetadata, releaseNamespace } = finish;
  const built = substitution === undefined ? manifests : substituteVariables(manifests, substitution, limits);
  const kept = built.filter((manifest) => !isKustomization(manifest));
  const ownScopes = releaseNamespace === undefined ? new Set<string>() : scopesOf(kept);
  const finished = kept.map((manifest, index) => {
    refuseRewritten(manifest, 'as built');
    if (releaseNamespace !== undefined) refuseHooks(manifest);
    let { object, identity } = manifest;
    object = tidied(object);
    if (
      releaseNamespace !== undefined &&
      identity.namespace === undefined &&
      !hasNoNamespace(manifest, ownScopes, limits)
    ) {
      object = withNamespace(object, releaseNamespace);
      identity = { ...identity, namespace: releaseNamespace };
    }
    object = withTexts(withTexts(object, 'labels', commonMetadata.labels), 'annotations', commonMetadata.annotations);
    const done = { ...manifest, index, identity, object };
    refuseRewritten(done, 'with common metadata');
    refuseEncrypted(done);
    return done;
  });
  refuseRepeated(finished, limits);
  return finished;
}

/** A file of kustomize among the resources, which kustomize hands on and Flux passes over. */
function isKustomization({ identity }: Manifest): boolean {
  return identity.kind.toLowerCase() === 'kustomization' && groupOf(identity.apiVersion) === 'kustomize.config.k8s.io';
}

/** What kustomize's next run takes out, and nobody misses: notes of its own, and annotations that are none. */
const NOTES = ['config.kubernetes.io/origin', 'alpha.config.kubernetes.io/transformations'];

function tidied(object: JsonObject): JsonObject {
  const metadata = object['metadata'];
  if (!isObject(metadata) || !Object.hasOwn(metadata, 'annotations')) return object;
  const annotations = metadata['annotations'];
  const left = isObject(annotations) ? Object.entries(annotations).filter(([key]) => !NOTES.includes(key)) : [];
  if (isObject(annotations) && left.length > 0 && left.length === Object.keys(annotations).length) return object;
  const others = Object.entries(metadata).filter(([key]) => key !== 'annotations');
  const entries: [string, JsonValue][] = left.length === 0 ? others : [...others, ['annotations', objectFrom(left)]];
  return replaced(object, 'metadata', objectFrom(entries));
}

function withTexts(
  object: JsonObject,
  field: 'labels' | 'annotations',
  texts: Readonly<Record<string, string>>,
): JsonObject {
  if (Object.keys(texts).length === 0) return object;
  const metadata = object['metadata'];
  if (!isObject(metadata)) return object;
  const present = isObject(metadata[field] ?? null) ? (metadata[field] as JsonObject) : {};
  const merged = objectFrom([...Object.entries(present), ...Object.entries(texts)]);
  return replaced(object, 'metadata', replaced(metadata, field, merged));
}

function replaced(object: JsonObject, key: string, value: JsonValue): JsonObject {
  return objectFrom([...Object.entries(object).filter(([each]) => each !== key), [key, value]]);
}

/** The kinds that definitions of the set itself make cluster-scoped, as `group/Kind`. */
function scopesOf(manifests: readonly Manifest[]): Set<string> {
  const found = new Set<string>();
  for (const { identity, object } of manifests) {
    const spec = object['spec'];
    if (identity.kind !== 'CustomResourceDefinition' || !isObject(spec) || spec['scope'] !== 'Cluster') continue;
    const names = spec['names'];
    if (isObject(names)) found.add(`${spec['group']}/${names['kind']}`);
  }
  return found;
}

function hasNoNamespace({ identity }: Manifest, own: ReadonlySet<string>, limits: Limits): boolean {
  const { apiVersion, kind } = identity;
  return isClusterScoped(apiVersion, kind, limits) || own.has(`${groupOf(apiVersion)}/${kind}`);
}

/** To kustomize no namespace is the namespace `default`, and two objects that differ in nothing else are one. */
function refuseRepeated(manifests: readonly Manifest[], limits: Limits): void {
  const known = new Map<string, Manifest>();
  for (const manifest of manifests) {
    const { apiVersion, kind, namespace, name } = manifest.identity;
    const where = isClusterScoped(apiVersion, kind, limits) ? '' : (namespace ?? 'default');
    const key = [groupOf(apiVersion), kind, where, name].join(' ');
    const first = known.get(key);
    if (first !== undefined) throw repeated(first, manifest);
    known.set(key, manifest);
  }
}
