import { isObject, type JsonObject, type JsonPath, type JsonValue } from '../../../core/json.ts';
import { formatGoTime, parseGoTime, rfc3339, utcTime } from '../values/go-time.ts';
import {
  compareQuantities,
  formatQuantity,
  parseQuantity,
  type Quantity,
  quantityFromDecimal,
} from '../values/quantity.ts';
import { type Field, type FieldType, fieldsOf } from './builtin-types.ts';

/** A value that the API server would not decode: it refuses the whole object. */
export interface Fault {
  readonly path: JsonPath;
  readonly message: string;
}

/** A struct while it is completed; a field that is not there is Go's zero value, or nil. */
export type Draft = Record<string, JsonValue>;

/** The way up from a value; undefined for the whole object. Paths are made of it only where something is wrong. */
export interface Trail {
  readonly above: Trail | undefined;
  readonly key: string | number;
}

/** One object being completed. */
export interface Completing {
  readonly faults: Fault[];
  /** Fields that the table does not know stay as they are, where the server may know more than the table. */
  readonly keepsUnknown?: boolean;
  /** Called with each struct once its fields are decoded: the innermost first. */
  finish(struct: string, draft: Draft, completing: Completing, trail: Trail | undefined): void;
  /** A struct that only defaults fill. It is shared and must not be changed. */
  empty(struct: string): JsonObject;
}

/** What is to be done for a struct besides decoding the fields that are there. */
interface Plan {
  readonly fields: ReadonlyMap<string, Field>;
  /** Structs that are no pointers: they are there although nobody wrote them. */
  readonly structs: readonly { readonly name: string; readonly struct: string }[];
  /** Fields that are written although they are empty. */
  readonly zeros: readonly { readonly name: string; readonly zero: JsonValue }[];
}

const plans = new Map<string, Plan>();

function planOf(struct: string): Plan {
  let plan = plans.get(struct);
  if (plan === undefined) {
    const fields = fieldsOf(struct);
    plan = {
      fields: new Map(fields.map((field) => [field.name, field])),
      structs: fields.flatMap(({ name, type }) => (type.kind === 'struct' ? [{ name, struct: type.name }] : [])),
      zeros: fields
        .filter(
          ({ type, omitEmpty, omitZero }) => !omitZero && type.kind !== 'struct' && (!omitEmpty || isStruct(type)),
        )
        .map(({ name, type }) => ({ name, zero: zeroOf(type) })),
    };
    plans.set(struct, plan);
  }
  return plan;
}

/**
 * The value as a built-in struct's decoder reads it and its encoder writes it: unknown fields are gone (or kept), null and empty
 * are absent where Go leaves them out, quantities and times are canonical. `completing` sets the defaults in between.
 * What cannot be decoded stays as it is, and is told in its `faults`.
 */
export function structured(struct: string, value: JsonObject, completing: Completing, trail?: Trail): JsonObject {
  const { fields, structs, zeros } = planOf(struct);
  // Its keys are names of fields, so nothing that is inherited can be met or hidden; unknown ones may be called anything.
  const draft: Draft = completing.keepsUnknown === true ? Object.create(null) : {};
  for (const key of Object.keys(value)) {
    const field = fields.get(key);
    const raw = value[key] as JsonValue;
    if (raw === null) continue;
    if (field === undefined) {
      if (completing.keepsUnknown === true) draft[key] = raw;
      continue;
    }
    const rounds = isResourceList(struct, field.type);
    const decoded = decode(field.type, raw, completing, trail, key, rounds);
    if (decoded !== undefined && !(field.omitEmpty && isEmptyCollection(field.type, decoded))) draft[key] = decoded;
  }
  for (const { name, struct: inner } of structs) draft[name] ??= completing.empty(inner);
  completing.finish(struct, draft, completing, trail);
  for (const { name, zero } of zeros) if (draft[name] === undefined) draft[name] = zero;
  return draft;
}

/** Undefined where Go has the zero value of a plain type. `key` is where the value stands below `above`. */
function decode(
  type: FieldType,
  raw: JsonValue,
  completing: Completing,
  above: Trail | undefined,
  key: string | number,
  rounds: boolean,
): JsonValue | undefined {
  switch (type.kind) {
    case 'pointer':
      return decode(type.to, raw, completing, above, key, rounds) ?? zeroOf(type.to);
    case 'struct':
      if (!isObject(raw)) return misfit(raw, 'a mapping', completing, above, key);
      return structured(type.name, raw, completing, { above, key });
    case 'list': {
      if (!Array.isArray(raw)) return misfit(raw, 'a list', completing, above, key);
      const trail = { above, key };
      return (raw as readonly JsonValue[]).map((item, index) =>
        inside(type.item, item, completing, trail, index, rounds),
      );
    }
    case 'map': {
      if (!isObject(raw)) return misfit(raw, 'a mapping', completing, above, key);
      const trail = { above, key };
      const made: Draft = Object.create(null);
      for (const each of Object.keys(raw)) {
        made[each] = inside(type.value, raw[each] as JsonValue, completing, trail, each, rounds);
      }
      return made;
    }
    default:
      return scalar(type, raw, completing, above, key, rounds);
  }
}

/** An item of a list or a value of a map, which is there even where it is null or zero. */
function inside(
  type: FieldType,
  raw: JsonValue,
  completing: Completing,
  trail: Trail,
  key: string | number,
  rounds: boolean,
): JsonValue {
  if (raw === null) return type.kind === 'struct' ? completing.empty(type.name) : zeroOf(type);
  return decode(type, raw, completing, trail, key, rounds) ?? zeroOf(type);
}

function scalar(
  type: FieldType,
  raw: JsonValue,
  completing: Completing,
  above: Trail | undefined,
  key: string | number,
  rounds: boolean,
): JsonValue | undefined {
  const refuse = (wanted: string) => misfit(raw, wanted, completing, above, key);
  switch (type.kind) {
    case 'string':
      if (typeof raw !== 'string') return refuse('a string');
      return raw === '' ? undefined : raw;
    case 'bool':
      if (typeof raw !== 'boolean') return refuse('true or false');
      return raw ? true : undefined;
    case 'integer':
      if (!isInteger(raw) || raw < type.min || raw > type.max) return refuse('an integer');
      return raw === 0 || raw === 0n ? undefined : raw;
    case 'float':
      if (typeof raw !== 'number' && typeof raw !== 'bigint') return refuse('a number');
      return raw === 0 ? undefined : raw;
    case 'int-or-string':
      return typeof raw === 'string' || isInteger(raw) ? raw : refuse('an integer or a string');
    case 'quantity':
      return canonicalQuantity(raw, rounds) ?? refuse('a quantity');
    case 'bytes':
      return (typeof raw === 'string' ? canonicalBase64(raw) : undefined) ?? refuse('base64 text');
    case 'time':
      return canonicalTime(raw, type.fraction) ?? refuse('a time of RFC 3339');
    case 'duration':
      return typeof raw === 'string' ? raw : refuse('a duration');
    default:
      return raw;
  }
}

/** Go's zero value as JSON; null for what is nil. */
function zeroOf(type: FieldType): JsonValue {
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

/** What is a struct in Go, although it is written as a string or a number. */
function isStruct(type: FieldType): boolean {
  return ['quantity', 'int-or-string', 'duration', 'time'].includes(type.kind);
}

function isEmptyCollection(type: FieldType, value: JsonValue): boolean {
  if (type.kind === 'list') return Array.isArray(value) && value.length === 0;
  return type.kind === 'map' && isObject(value) && Object.keys(value).length === 0;
}

function isInteger(value: JsonValue): value is number | bigint {
  return typeof value === 'bigint' || Number.isInteger(value);
}

/** Amounts are written in few ways, again and again. */
const amounts = new Map<string, string>();
const MAX_AMOUNTS = 10_000;

/** `1024Mi` is `1Gi`, `0.5` is `500m`. With `rounds` nothing is left below the thousandth. */
function canonicalQuantity(raw: JsonValue, rounds: boolean): string | undefined {
  if (typeof raw === 'object' || typeof raw === 'boolean') return undefined;
  const written = typeof raw === 'string' ? raw.trim() : String(raw);
  const key = rounds ? `~${written}` : written;
  const known = amounts.get(key);
  if (known !== undefined) return known;
  const parsed = parseQuantity(written);
  if (parsed === undefined) return undefined;
  const made = formatQuantity(rounds ? roundedUp(parsed) : parsed);
  if (amounts.size >= MAX_AMOUNTS) amounts.clear();
  amounts.set(key, made);
  return made;
}

/** The lists of resources of Pods, claims, quotas and nodes are rounded; other groups leave theirs as they are. */
function isResourceList(struct: string, type: FieldType): boolean {
  return type.kind === 'map' && type.value.kind === 'quantity' && struct.startsWith('core.v1.');
}

function roundedUp(parsed: Quantity): Quantity {
  if (parsed.exponent >= -3) return parsed;
  const divisor = 10n ** BigInt(-3 - parsed.exponent);
  const floor = parsed.value / divisor;
  if (floor * divisor === parsed.value) return parsed;
  const rounded = quantityFromDecimal(parsed.value > 0n ? floor + 1n : floor - 1n, 3, parsed.format);
  return compareQuantities(rounded, parsed) === 0 ? parsed : rounded;
}

function canonicalBase64(raw: string): string | undefined {
  const text = raw.replace(/[\r\n]/g, '');
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) return undefined;
  return Buffer.from(text, 'base64').toString('base64');
}

function canonicalTime(raw: JsonValue, fraction: boolean): string | undefined {
  const parsed = typeof raw === 'string' ? parseGoTime(rfc3339, raw) : undefined;
  if (parsed === undefined) return undefined;
  return formatGoTime(fraction ? '2006-01-02T15:04:05.000000Z07:00' : rfc3339, utcTime(parsed.nanoseconds));
}

function misfit(
  raw: JsonValue,
  wanted: string,
  { faults }: Completing,
  above: Trail | undefined,
  key: string | number,
): JsonValue {
  const path: (string | number)[] = [key];
  for (let at = above; at !== undefined; at = at.above) path.unshift(at.key);
  faults.push({ path, message: `${path.join('.')} is not ${wanted}` });
  return raw;
}
