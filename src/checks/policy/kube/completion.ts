import { isObject, type JsonObject, type JsonValue, objectFrom } from '../../../core/json.ts';
import { formatGoTime, rfc3339, timeFromMilliseconds } from '../values/go-time.ts';
import { TABLE_MINOR, typeOfKind } from './builtin-types.ts';
import { completeBySchema } from './custom-schema.ts';
import { completing } from './defaults.ts';
import { entriesOf, madeUpUid, text } from './draft.ts';
import { groupVersionKind, type ResourceTable } from './resources.ts';
import { type Fault, structured } from './typed-values.ts';

export interface Completion {
  readonly object: JsonObject;
  /** Values that the API server would not decode; they are left as they are, and it would refuse the object. */
  readonly faults: readonly Fault[];
}

export interface CompletionOptions {
  /** Milliseconds since the epoch, for `creationTimestamp`; 0 where it is left out. */
  readonly now?: number;
  /** For the schemas of custom resources; without a definition they get metadata alone. */
  readonly resources?: ResourceTable;
  /**
   * The version of the cluster, as `1.36`. Of a built-in kind, one that is newer than the table of types may know fields
   * that the table does not: they are kept.
   */
  readonly kubernetes?: string;
}

/**
 * The object as policies see it in a cluster when it is created: defaults set, quantities and times in canonical form,
 * what the server sets (uid, time, generation, status) there with made-up values, and unknown fields of built-in kinds
 * gone, unless the cluster may know them. The given object is not changed. What a cluster's own settings add (limit ranges, default storage classes,
 * webhooks) is not known here.
 */
export function completeObject(object: JsonObject, options: CompletionOptions): Completion {
  const [apiVersion, kind] = [text(object['apiVersion']), text(object['kind'])];
  const struct = typeOfKind(apiVersion, kind);
  const stated = struct !== undefined && `${apiVersion}/${kind}` !== 'v1/Node' ? withoutStatus(object) : object;
  const made = withMetadata(stated, apiVersion, options.now ?? 0);
  if (struct !== undefined) {
    const rules = { ...completing(`${apiVersion}/${kind}`), keepsUnknown: isNewer(options.kubernetes) };
    return { object: structured(struct, made, rules), faults: rules.faults };
  }
  const { group, version } = groupVersionKind(apiVersion, kind);
  const definition = options.resources?.definition(group, kind);
  return { object: definition === undefined ? made : completeBySchema(made, definition, version), faults: [] };
}

function isNewer(kubernetes: string | undefined): boolean {
  return kubernetes !== undefined && Number(kubernetes.split('.')[1]) > TABLE_MINOR;
}

/** A parameter or a Namespace, which is stored already: typed and defaulted, with the metadata that it has. */
export function completeStored(object: JsonObject): JsonObject {
  const [apiVersion, kind] = [text(object['apiVersion']), text(object['kind'])];
  const struct = typeOfKind(apiVersion, kind);
  return struct === undefined ? object : structured(struct, object, completing(`${apiVersion}/${kind}`));
}

/** Nobody but a Node states its own status when it is created; the server clears it. */
function withoutStatus(object: JsonObject): JsonObject {
  return objectFrom(Object.entries(object).filter(([key]) => key !== 'status'));
}

function withMetadata(object: JsonObject, apiVersion: string, now: number): JsonObject {
  const given = isObject(object['metadata']) ? object['metadata'] : undefined;
  if (given === undefined && object['metadata'] !== undefined && object['metadata'] !== null) return object;
  const time = timeAt(Math.floor(now / 1000));
  const name = text(given?.['name']);
  const base = text(given?.['generateName']);
  const kept = entriesOf(given).filter(([key]) => !SERVER_SET.has(key));
  const manager = { apiVersion, fieldsType: 'FieldsV1', fieldsV1: {}, manager: 'syncgate', operation: 'Update', time };
  const metadata: (readonly [string, JsonValue])[] = [
    ...kept,
    ...(name === '' && base !== '' ? [['name', `${base.slice(0, 58)}00000`] as const] : []),
    ['uid', madeUpUid],
    ['creationTimestamp', time],
    ['managedFields', [manager]],
  ];
  return objectFrom([
    ...Object.entries(object).filter(([key]) => key !== 'metadata'),
    ['metadata', objectFrom(metadata)],
  ]);
}

/** All objects of a set are made in one moment. */
let moment = { second: Number.NaN, text: '' };

function timeAt(second: number): string {
  if (moment.second !== second) {
    moment = { second, text: formatGoTime(rfc3339, timeFromMilliseconds(second * 1000)) };
  }
  return moment.text;
}

/** Whatever an author writes there, the server sets or clears when an object is created. */
const SERVER_SET = new Set([
  'uid',
  'creationTimestamp',
  'generation',
  'managedFields',
  'resourceVersion',
  'selfLink',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
]);
