import { isObject, type JsonObject, type JsonPath, type JsonValue, objectFrom } from '../../../core/json.ts';
import { formatGoTime, parseGoTime, rfc3339, utcTime } from '../values/go-time.ts';
import { compareQuantities, formatQuantity, parseQuantity, quantityFromDecimal } from '../values/quantity.ts';
import { type FieldType, fieldsOf } from './builtin-types.ts';

/** A value that the API server would not decode: it refuses the whole object. */
export interface Fault {
  readonly path: JsonPath;
  readonly message: string;
}

/** A struct while it is completed; a field that is not there is Go's zero value, or nil. */
export type Draft = Record<string, JsonValue>;

/** What is done to each struct once its fields are decoded: the innermost first. */
export type Finish = (struct: string, draft: Draft, path: JsonPath) => void;

/**
 * The value as a built-in struct's decoder reads it and its encoder writes it: unknown fields are gone, null and empty
 * are absent where Go leaves them out, quantities and times are canonical. `finish` sets the defaults in between. What
 * cannot be decoded stays as it is, and is told in `faults`.
 */
export function structured(
  struct: string,
  value: JsonObject,
  finish: Finish,
  faults: Fault[],
  path: JsonPath = [],
): JsonObject {
  const draft: Draft = Object.create(null);
  for (const { name, type } of fieldsOf(struct)) {
    const raw = Object.hasOwn(value, name) ? (value[name] as JsonValue) : null;
    const decoded = decode(type, raw, finish, faults, [...path, name]);
    if (decoded !== undefined) draft[name] = isResourceList(struct, type) ? allRoundedUp(decoded) : decoded;
  }
  finish(struct, draft, path);
  return written(struct, draft);
}

/** A struct that only defaults fill. */
export function emptyStruct(struct: string, finish: Finish, path: JsonPath): JsonObject {
  return structured(struct, Object.create(null), finish, [], path);
}

/** Undefined where Go has the zero value of a plain type, or nil. */
function decode(
  type: FieldType,
  raw: JsonValue,
  finish: Finish,
  faults: Fault[],
  path: JsonPath,
): JsonValue | undefined {
  if (type.kind === 'struct' && raw === null) return structured(type.name, Object.create(null), finish, faults, path);
  if (raw === null) return undefined;
  switch (type.kind) {
    case 'pointer':
      return decode(type.to, raw, finish, faults, path) ?? zeroOf(type.to);
    case 'struct':
      if (!isObject(raw)) return misfit(raw, 'a mapping', faults, path);
      return structured(type.name, raw, finish, faults, path);
    case 'list': {
      if (!Array.isArray(raw)) return misfit(raw, 'a list', faults, path);
      return (raw as readonly JsonValue[]).map(
        (item, index) => decode(type.item, item, finish, faults, [...path, index]) ?? zeroOf(type.item),
      );
    }
    case 'map': {
      if (!isObject(raw)) return misfit(raw, 'a mapping', faults, path);
      const made: Draft = Object.create(null);
      for (const key of Object.keys(raw)) {
        const value = raw[key] as JsonValue;
        const decoded = decode(type.value, value, finish, faults, [...path, key]) ?? zeroOf(type.value);
        made[key] = decoded;
      }
      return made;
    }
    default:
      return scalar(type, raw, faults, path);
  }
}

function scalar(type: FieldType, raw: JsonValue, faults: Fault[], path: JsonPath): JsonValue | undefined {
  switch (type.kind) {
    case 'any':
      return raw;
    case 'string':
      if (typeof raw !== 'string') return misfit(raw, 'a string', faults, path);
      return raw === '' ? undefined : raw;
    case 'bool':
      if (typeof raw !== 'boolean') return misfit(raw, 'true or false', faults, path);
      return raw ? true : undefined;
    case 'integer':
      if (!isInteger(raw) || raw < type.min || raw > type.max) return misfit(raw, 'an integer', faults, path);
      return raw === 0 || raw === 0n ? undefined : raw;
    case 'float':
      if (typeof raw !== 'number' && typeof raw !== 'bigint') return misfit(raw, 'a number', faults, path);
      return raw === 0 ? undefined : raw;
    case 'int-or-string':
      if (typeof raw === 'string') return raw;
      return isInteger(raw) ? raw : misfit(raw, 'an integer or a string', faults, path);
    case 'quantity':
      return quantity(raw, faults, path);
    case 'bytes':
      return typeof raw === 'string' ? base64(raw, faults, path) : misfit(raw, 'base64 text', faults, path);
    case 'time':
      return time(raw, type.fraction, faults, path);
    case 'duration':
      return typeof raw === 'string' ? raw : misfit(raw, 'a duration', faults, path);
    default:
      return raw;
  }
}

/** Go's zero value as JSON; null for what is nil. */
export function zeroOf(type: FieldType): JsonValue {
  switch (type.kind) {
    case 'string':
      return '';
    case 'bool':
      return false;
    case 'integer':
    case 'float':
    case 'int-or-string':
      return 0;
    case 'quantity':
      return '0';
    case 'duration':
      return '0s';
    default:
      return null;
  }
}

function written(struct: string, draft: Draft): JsonObject {
  const made: Draft = Object.create(null);
  for (const { name, type, omitEmpty, omitZero } of fieldsOf(struct)) {
    const value = draft[name];
    if (value === undefined) {
      if (!omitZero && (!omitEmpty || isStruct(type))) made[name] = zeroOf(type);
    } else if (!omitEmpty || !isEmptyCollection(type, value)) {
      made[name] = value;
    }
  }
  return made;
}

/** What is a struct in Go, although it is written as a string or a number. */
function isStruct(type: FieldType): boolean {
  return ['quantity', 'int-or-string', 'duration', 'time'].includes(type.kind);
}

function isEmptyCollection(type: FieldType, value: JsonValue): boolean {
  if (type.kind === 'list') return (value as readonly JsonValue[]).length === 0;
  return type.kind === 'map' && Object.keys(value as JsonObject).length === 0;
}

function isInteger(value: JsonValue): value is number | bigint {
  return typeof value === 'bigint' || Number.isInteger(value);
}

/** `1024Mi` is `1Gi`, `0.5` is `500m`. */
function quantity(raw: JsonValue, faults: Fault[], path: JsonPath): JsonValue {
  const text =
    typeof raw === 'string' ? raw.trim() : typeof raw === 'object' || typeof raw === 'boolean' ? '' : String(raw);
  const parsed = parseQuantity(text);
  return parsed === undefined ? misfit(raw, 'a quantity', faults, path) : formatQuantity(parsed);
}

/** The lists of resources of Pods, claims, quotas and nodes; other groups leave theirs as they are. */
function isResourceList(struct: string, type: FieldType): boolean {
  return type.kind === 'map' && type.value.kind === 'quantity' && struct.startsWith('core.v1.');
}

function allRoundedUp(amounts: JsonValue): JsonValue {
  if (!isObject(amounts)) return amounts;
  return objectFrom(Object.keys(amounts).map((name) => [name, roundedUp(amounts[name] as JsonValue)] as const));
}

/** In lists of resources a quantity has no digits below the thousandth. */
function roundedUp(value: JsonValue): JsonValue {
  const parsed = typeof value === 'string' ? parseQuantity(value) : undefined;
  if (parsed === undefined || parsed.exponent >= -3) return value;
  const divisor = 10n ** BigInt(-3 - parsed.exponent);
  const floor = parsed.value / divisor;
  const exact = floor * divisor === parsed.value;
  if (exact) return value;
  const unscaled = parsed.value > 0n ? floor + 1n : floor - 1n;
  const rounded = quantityFromDecimal(unscaled, 3, parsed.format);
  return compareQuantities(rounded, parsed) === 0 ? value : formatQuantity(rounded);
}

function base64(raw: string, faults: Fault[], path: JsonPath): JsonValue {
  const text = raw.replace(/[\r\n]/g, '');
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) return misfit(raw, 'base64 text', faults, path);
  return Buffer.from(text, 'base64').toString('base64');
}

function time(raw: JsonValue, fraction: boolean, faults: Fault[], path: JsonPath): JsonValue {
  const layout = fraction ? '2006-01-02T15:04:05.000000Z07:00' : rfc3339;
  const parsed = typeof raw === 'string' ? parseGoTime(rfc3339, raw) : undefined;
  if (parsed === undefined) return misfit(raw, 'a time of RFC 3339', faults, path);
  return formatGoTime(layout, utcTime(parsed.nanoseconds));
}

function misfit(raw: JsonValue, wanted: string, faults: Fault[], path: JsonPath): JsonValue {
  faults.push({ path, message: `${path.join('.')} is not ${wanted}` });
  return raw;
}
