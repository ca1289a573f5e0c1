import { byUtf8, isObject, type JsonObject, type JsonPath, type JsonValue, objectFrom } from '../../../../core/json.ts';
import { type Field, type FieldType, fieldsOf, typeOfKind } from '../../kube/builtin-types.ts';
import { parseGoDuration } from '../../values/go-duration.ts';
import { parseGoTime, rfc3339 } from '../../values/go-time.ts';
import { parseQuantity } from '../../values/quantity.ts';
import { fieldName, PodShapeError } from './pod.ts';

/**
 * The object as Kyverno decodes it before it looks for a Pod in it: a workload with a template is read as a Deployment.
 * Names of fields count in any case, the exact one over the others. Throws PodShapeError for what cannot be decoded,
 * wherever in the object it stands. What needs no change comes back as it is.
 */
export function decodeWorkload(kind: string, object: JsonObject): JsonObject {
  const struct =
    kind === 'Pod'
      ? typeOfKind('v1', 'Pod')
      : kind === 'CronJob'
        ? typeOfKind('batch/v1', 'CronJob')
        : typeOfKind('apps/v1', 'Deployment');
  if (struct === undefined) throw new TypeError('the table of types has no workloads');
  return decodeStruct(struct, object, []);
}

interface Struct {
  readonly exact: ReadonlyMap<string, Field>;
  readonly folded: ReadonlyMap<string, Field>;
}

const structs = new Map<string, Struct>();

function structOf(name: string): Struct {
  const known = structs.get(name);
  if (known) return known;
  const fields = fieldsOf(name);
  const made = {
    exact: new Map(fields.map((field) => [field.name, field])),
    folded: new Map(fields.map((field) => [fold(field.name), field])),
  };
  structs.set(name, made);
  return made;
}

/** Go folds the long s and the sign for Kelvin too. */
function fold(name: string): string {
  return name.toUpperCase().toLowerCase();
}

function decodeStruct(name: string, value: JsonObject, path: (string | number)[]): JsonObject {
  const struct = structOf(name);
  const keys = Object.keys(value);
  let changed: Map<string, JsonValue> | undefined;
  for (const key of keys) {
    const field = struct.exact.get(key);
    const own = value[key] as JsonValue;
    if (!field) {
      if (struct.folded.has(fold(key))) return decodeFolded(struct, value, path);
      continue;
    }
    path.push(key);
    const decoded = decode(field.type, own, path);
    path.pop();
    if (decoded !== own) {
      changed ??= new Map();
      changed.set(key, decoded);
    }
  }
  if (!changed) return value;
  return objectFrom(keys.map((key) => [key, changed.get(key) ?? (value[key] as JsonValue)]));
}

/** Go takes the keys in the order of their bytes, so that a name in small letters comes after others. */
function decodeFolded(struct: Struct, value: JsonObject, path: (string | number)[]): JsonObject {
  const made = new Map<string, JsonValue>();
  for (const key of Object.keys(value).sort(byUtf8)) {
    const field = struct.exact.get(key) ?? struct.folded.get(fold(key));
    if (!field) continue;
    path.push(key);
    made.set(field.name, decode(field.type, value[key] as JsonValue, path));
    path.pop();
  }
  return objectFrom(made);
}

function decode(type: FieldType, value: JsonValue, path: (string | number)[]): JsonValue {
  if (value === null) return value;
  switch (type.kind) {
    case 'pointer':
      return decode(type.to, value, path);
    case 'struct':
      return isObject(value) ? decodeStruct(type.name, value, path) : refuse(path, 'an object');
    case 'list':
      return Array.isArray(value)
        ? decodeItems(type.item, value as readonly JsonValue[], path)
        : refuse(path, 'a list');
    case 'map':
      return isObject(value) ? decodeValues(type.value, value, path) : refuse(path, 'an object');
    default:
      return isScalar(type, value) ? value : refuse(path, `a value of the type ${type.kind}`);
  }
}

function decodeItems(type: FieldType, items: readonly JsonValue[], path: (string | number)[]): JsonValue {
  let isChanged = false;
  const decoded = items.map((item, index) => {
    path.push(index);
    const made = decode(type, item, path);
    path.pop();
    isChanged ||= made !== item;
    return made;
  });
  return isChanged ? decoded : items;
}

function decodeValues(type: FieldType, object: JsonObject, path: (string | number)[]): JsonValue {
  for (const key of Object.keys(object)) {
    path.push(key);
    decode(type, object[key] as JsonValue, path);
    path.pop();
  }
  return object;
}

function refuse(path: JsonPath, wanted: string): never {
  throw new PodShapeError(`${fieldName(path)} is not ${wanted}`);
}

function isScalar(type: FieldType, value: JsonValue): boolean {
  switch (type.kind) {
    case 'any':
      return true;
    case 'string':
      return typeof value === 'string';
    case 'bool':
      return typeof value === 'boolean';
    case 'integer':
      return isInteger(value) && value >= type.min && value <= type.max;
    case 'float':
      return typeof value === 'number' || typeof value === 'bigint';
    case 'int-or-string':
      return typeof value === 'string' || (isInteger(value) && value >= -(2 ** 31) && value < 2 ** 31);
    case 'quantity':
      return ['string', 'number', 'bigint'].includes(typeof value) && parseQuantity(String(value).trim()) !== undefined;
    case 'bytes':
      return typeof value === 'string' && /^[A-Za-z0-9+/\r\n]*={0,2}[\r\n]*$/.test(value);
    case 'time':
      return typeof value === 'string' && parseGoTime(rfc3339, value) !== undefined;
    case 'duration':
      return typeof value === 'string' && parseGoDuration(value) !== undefined;
    default:
      return false;
  }
}

function isInteger(value: JsonValue): value is number | bigint {
  return typeof value === 'bigint' || Number.isInteger(value);
}
