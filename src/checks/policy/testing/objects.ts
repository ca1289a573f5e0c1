import { isObject, type JsonObject, type JsonValue, objectFrom } from '../../../core/json.ts';
import type { PolicyDocument } from '../document.ts';
import type { GroupVersionKind } from '../kube/request.ts';
import { groupVersionKind, type ResourceTable } from '../kube/resources.ts';

/** An object that a test judges. */
export interface TestedObject {
  readonly kind: GroupVersionKind;
  /** `apps/v1` */
  readonly apiVersion: string;
  /** Empty for what has none. */
  readonly namespace: string;
  /** Empty where the server would make one up. */
  readonly name: string;
  readonly object: JsonObject;
  /** Where it stands. */
  readonly place: string;
}

/** `Deployment shop/web`, as rows are reported. */
export function describeTested({ kind, namespace, name }: TestedObject): string {
  return `${kind.kind || 'JSON'} ${namespace === '' ? '' : `${namespace}/`}${name}`;
}

/**
 * The object as `kyverno test` judges it: what can have a namespace and names none is in `default`, and maps that were
 * left empty (`annotations:`) are maps. Nothing else is filled in.
 */
export function testedObject(document: PolicyDocument, table: ResourceTable): TestedObject {
  const { apiVersion, kind } = document.value as { apiVersion: string; kind: string };
  const gvk = groupVersionKind(apiVersion, kind);
  const written = metadataText(document.value, 'namespace');
  const namespace = written === '' && table.ofKind(gvk).namespaced ? 'default' : written;
  const object = withMaps(namespace === written ? document.value : withNamespace(document.value, namespace));
  const name = metadataText(document.value, 'name');
  return { kind: gvk, apiVersion, namespace, name, object, place: document.locate([]) };
}

function metadataText(object: JsonObject, key: string): string {
  const metadata = Object.hasOwn(object, 'metadata') ? object['metadata'] : undefined;
  if (!isObject(metadata) || !Object.hasOwn(metadata, key)) return '';
  const value = metadata[key];
  return typeof value === 'string' ? value : '';
}

function withNamespace(object: JsonObject, namespace: string): JsonObject {
  const metadata = Object.hasOwn(object, 'metadata') ? object['metadata'] : undefined;
  // What is no map is left for the rules to stumble over.
  if (metadata !== undefined && metadata !== null && !isObject(metadata)) return object;
  const entries = Object.entries(metadata ?? {}).filter(([key]) => key !== 'namespace');
  const made = objectFrom([...entries, ['namespace', namespace]]);
  return objectFrom([...Object.entries(object).filter(([key]) => key !== 'metadata'), ['metadata', made]]);
}

const maps: ReadonlySet<string> = new Set([
  'annotations',
  'labels',
  'matchLabels',
  'nodeSelector',
  'data',
  'stringData',
]);

/** Values that share what did not change. */
function withMaps(object: JsonObject): JsonObject {
  let changed = false;
  const entries = Object.entries(object).map(([key, value]): [string, JsonValue] => {
    const made = value === null && maps.has(key) ? objectFrom([]) : mapsIn(value);
    if (made !== value) changed = true;
    return [key, made];
  });
  return changed ? objectFrom(entries) : object;
}

function mapsIn(value: JsonValue): JsonValue {
  if (isObject(value)) return withMaps(value);
  if (!Array.isArray(value)) return value;
  const items = value.map((item: JsonValue) => (isObject(item) ? withMaps(item) : item));
  return items.some((item, i) => item !== value[i]) ? items : value;
}

/**
 * JSON that is no Kubernetes object, for policies whose evaluation mode is JSON. It has no kind, and is called by the file
 * that it stands in, as the test writes it.
 */
export function testedPayload(value: JsonObject, name: string, place: string): TestedObject {
  const kind = { group: '', version: '', kind: '' };
  return { kind, apiVersion: '', namespace: '', name, object: value, place };
}
