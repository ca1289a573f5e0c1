import { isObject, type JsonObject, type JsonPath, valueAt } from '../../../core/json.ts';
import type { Manifest } from '../../../core/manifest.ts';
import { deliveryOf, isDelivering } from './delivering.ts';
import { type CustomField, customFields, runsNothing, workloads } from './kinds.ts';
import { addSuspects, readContainerStrings, readImageField, readPodSpec } from './pod-spec.ts';
import { hintOf, promisesImage } from './suspect.ts';
import { type FieldProblem, type ImageUse, Uses } from './use.ts';
import { valuesAt, walk } from './walk.ts';

/** All that an object would have run, as far as it tells. */
export interface Extraction {
  readonly uses: readonly ImageUse[];
  readonly problems: readonly FieldProblem[];
  /** What it delivers that the gate does not see, as a clause. */
  readonly delivers: string | undefined;
}

/**
 * The images of one object: every field of the built-in workloads, the fields of common custom resources, anything
 * shaped like a PodSpec in kinds that are not built in, and what merely looks like an image, as suspected. No claim of
 * the object is heeded: not annotations that say it was verified, not a deletionTimestamp, not labels.
 * Throws CHECK_TIMEOUT when `isOver` says so, and MANIFEST_TOO_MANY for an object that would take seconds to read.
 */
export function extractImages(
  manifest: Manifest,
  allowedDelivering: readonly string[],
  isOver?: () => boolean,
): Extraction {
  const { object, identity } = manifest;
  if (!isObject(object)) throw new TypeError('a manifest without an object has no images to read');
  const groupKind = `${groupOf(identity.apiVersion)}/${identity.kind}`;
  const uses = new Uses(isOver);
  const podSpecPath = Object.hasOwn(workloads, groupKind) ? workloads[groupKind] : undefined;
  if (podSpecPath !== undefined) readWorkload(object, podSpecPath, uses);
  else if (!runsNothing(groupKind)) readCustom(object, groupKind, uses);
  // Injectors such as Linkerd's read those of the namespace for every pod in it.
  else if (groupKind === '/Namespace') readAnnotations(object, [], uses);
  return { uses: uses.uses, problems: uses.problems, delivers: deliveryOf(groupKind, object, allowedDelivering) };
}

function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? '' : apiVersion.slice(0, slash);
}

function readWorkload(object: JsonObject, podSpecPath: JsonPath, uses: Uses): void {
  for (let depth = 1; depth <= podSpecPath.length; depth++) {
    const path = podSpecPath.slice(0, depth);
    const value = valueAt(object, path);
    // Null and absent are the same to the API server.
    if (value === undefined || value === null) break;
    if (!isObject(value)) uses.refuse(path, 'is not an object');
    else if (depth === podSpecPath.length) readPodSpec(value, path, true, uses);
  }
  for (let depth = 0; depth < podSpecPath.length; depth++) readAnnotations(object, podSpecPath.slice(0, depth), uses);
}

/**
 * Annotations such as `sidecar.istio.io/proxyImage` tell an injecting webhook which image to add to the pod, and
 * `config.linkerd.io/image-registry` from where to take it.
 */
function readAnnotations(object: JsonObject, holder: JsonPath, uses: Uses): void {
  const path = [...holder, 'metadata', 'annotations'];
  const annotations = valueAt(object, path);
  if (!isObject(annotations)) return;
  for (const [key, value] of Object.entries(annotations)) {
    const name = key.slice(key.lastIndexOf('/') + 1);
    if (promisesImage(name)) addSuspects(value, [...path, key], name, 'argsAndEnv', uses);
    else if (/image-?registry$/i.test(name)) addSuspects(value, [...path, key], 'image', 'argsAndEnv', uses);
  }
}

function readCustom(object: JsonObject, groupKind: string, uses: Uses): void {
  for (const field of customFields) {
    if (isFor(field, groupKind)) readCustomField(object, field, uses);
  }
  for (const [value, path] of walk(object)) {
    if (!isObject(value)) continue;
    // An operator's template may be a part that it completes, so a container without an image is no problem there.
    if (isPodSpecShaped(value)) readPodSpec(value, path, false, uses);
    else if (isContainerShaped(value)) readContainerStrings(value, path, uses);
  }
  // An object that delivers others is denied for that, or allowed because they are judged elsewhere: to guess at the
  // values in it would add nothing to the one, and take back the other.
  if (isDelivering(groupKind)) return;
  readAnnotations(object, [], uses);
  for (const [value, path] of walk(object)) {
    if (path[0] === 'metadata' || (path.length === 1 && (path[0] === 'apiVersion' || path[0] === 'kind'))) continue;
    if (isObject(value)) {
      readSplitImage(value, path, uses);
      readNamedValue(value, path, uses);
    }
    addSuspects(value, path, hintOf(path), 'unknownKinds', uses);
  }
}

function isFor(field: CustomField, groupKind: string): boolean {
  const [group] = groupKind.split('/');
  return field.kind === groupKind || field.kind === `${group}/*`;
}

function readCustomField(object: JsonObject, field: CustomField, uses: Uses): void {
  const name = field.path.at(-1) as string;
  const how = {
    ...(field.scheme === undefined ? {} : { scheme: field.scheme }),
    ...(field.pinAs === undefined ? {} : { pinAs: field.pinAs }),
  };
  for (const [holder, path] of valuesAt(object, field.path.slice(0, -1))) {
    if (isObject(holder)) readImageField(holder, name, path, false, uses, how);
  }
}

function isPodSpecShaped(value: JsonObject): boolean {
  return ['containers', 'initContainers', 'ephemeralContainers'].some((list) => {
    const found = value[list];
    return Array.isArray(found) && found.some((element) => isObject(element));
  });
}

/** An object with an image and arguments is a container by another name. */
function isContainerShaped(value: JsonObject): boolean {
  return typeof value['image'] === 'string' && ['args', 'command', 'env'].some((field) => Array.isArray(value[field]));
}

/** `{ name: RELATED_IMAGE_PROXY, value: team/proxy:v1 }`, as parameters and environments are listed. */
function readNamedValue(pair: JsonObject, path: JsonPath, uses: Uses): void {
  const { name, value } = pair;
  if (typeof name === 'string') addSuspects(value, [...path, 'value'], name, 'unknownKinds', uses);
}

/** `image: { repository: quay.io/x, tag: v1 }`, the habit of Helm values, as one suspected image. */
function readSplitImage(value: JsonObject, path: JsonPath, uses: Uses): void {
  const repository = value['repository'] ?? (promisesImage(hintOf(path)) ? value['name'] : undefined);
  if (typeof repository !== 'string') return;
  const [registry, tag, digest] = [
    value['registry'],
    value['tag'] ?? value['version'],
    value['digest'] ?? value['sha256'],
  ];
  if (typeof tag !== 'string' && typeof digest !== 'string' && !promisesImage(hintOf(path))) return;
  const name = typeof registry === 'string' && registry !== '' ? `${registry}/${repository}` : repository;
  const text = `${name}${typeof tag === 'string' && tag !== '' ? `:${tag}` : ''}${typeof digest === 'string' && digest !== '' ? `@${digest}` : ''}`;
  uses.add({
    path: [...path, Object.hasOwn(value, 'repository') ? 'repository' : 'name'],
    text,
    suspected: 'unknownKinds',
  });
}
