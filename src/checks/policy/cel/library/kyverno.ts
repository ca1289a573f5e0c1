import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { canonicalJson, isObject, type JsonValue } from '../../../../core/json.ts';
import { JmesError } from '../../kyverno/jmespath/error.ts';
import { randomText } from '../../kyverno/jmespath/functions/random.ts';
import { parseJsonText } from '../../kyverno/jmespath/json-text.ts';
import { parseYamlText, YamlTextError } from '../../kyverno/jmespath/yaml-text.ts';
import { timeFields, utcTime } from '../../values/go-time.ts';
import { CertificateError, decodeCertificate } from '../../values/x509.ts';
import type { CelHost, ConstantDeclaration, FunctionDeclaration, Overload } from '../declaration.ts';
import { CelError, evaluationError, ourError } from '../error.ts';
import { toJson } from '../json.ts';
import {
  abstractType,
  BYTES,
  type CelType,
  DOUBLE,
  DURATION,
  DYN,
  INT,
  listOf,
  mapOf,
  objectType,
  STRING,
  TIMESTAMP,
} from '../types.ts';
import {
  ArrayList,
  CelDuration,
  CelList,
  CelMap,
  CelObject,
  CelTimestamp,
  type CelValue,
  EntryMap,
} from '../values.ts';
import { declare, method, overload } from './overload.ts';

export const SERVICE_ACCOUNT = objectType('user.ServiceAccount');

/** Its fields have the names that they have in Go. */
class CelServiceAccount extends CelObject {
  readonly namespace: string;
  readonly name: string;

  constructor(namespace: string, name: string) {
    super();
    this.namespace = namespace;
    this.name = name;
  }

  override get type(): CelType {
    return SERVICE_ACCOUNT;
  }

  override equals(other: CelValue): boolean {
    return other instanceof CelServiceAccount && other.namespace === this.namespace && other.name === this.name;
  }

  override field(name: string): CelValue | undefined {
    return name === 'Name' ? this.name : name === 'Namespace' ? this.namespace : undefined;
  }
}

/** What `json` and `yaml` stand for: receivers of functions, and nothing else. */
class Receiver extends CelObject {
  readonly type: CelType;

  constructor(type: CelType) {
    super();
    this.type = type;
  }

  override equals(other: CelValue): boolean {
    return other === this;
  }
}

const JSON_TYPE = abstractType('json.Json');
const YAML_TYPE = abstractType('yaml.Yaml');

/** Kyverno's own constants. One of them has a name that a library was given by mistake; policies may read it. */
export const KYVERNO_CONSTANTS: readonly ConstantDeclaration[] = [
  { name: 'json', type: JSON_TYPE, value: new Receiver(JSON_TYPE) },
  { name: 'yaml', type: YAML_TYPE, value: new Receiver(YAML_TYPE) },
  { name: 'mylib_version', type: STRING, value: '' },
];

/** Kyverno's functions that need nothing from outside but the clock and chance, which the gate gives. */
export const KYVERNO_FUNCTIONS: readonly FunctionDeclaration[] = [
  ...bothNames('hash', 'sha1', digest('sha1')),
  ...bothNames('hash', 'sha256', digest('sha256')),
  ...bothNames('hash', 'md5', digest('md5')),
  ...bothNames('user', 'parseServiceAccount', (suffix) => [
    overload(`parse_service_account_string_${suffix}`, [STRING], SERVICE_ACCOUNT, parseServiceAccount),
  ]),
  ...bothNames('transform', 'listObjToMap', (suffix) => [
    overload(
      `list_of_object_to_map_${suffix}`,
      [listOf(DYN), listOf(DYN), STRING, STRING],
      mapOf(DYN, DYN),
      listObjectsToMap,
    ),
  ]),
  ...bothNames('random', 'random', (suffix) => [
    withHost(`random_string_${suffix}`, [STRING], STRING, (host, pattern) => random(pattern as string, host)),
    withHost(`random_string_default_expr_${suffix}`, [], STRING, (host) => random('[0-9a-z]{8}', host)),
  ]),
  declare('math.round', overload('math_round_float_int', [DOUBLE, INT], DOUBLE, round)),
  declare('unmarshal', method('unmarshal_string_dyn', [JSON_TYPE, DYN], DYN, unmarshal)),
  declare('marshal', method('marshal_dyn_string', [JSON_TYPE, DYN], STRING, marshal)),
  declare('parse', method('parse_string_dyn', [YAML_TYPE, STRING], DYN, parseYaml)),
  declare('x509.decode', overload('x509_decode_string', [STRING], DYN, decodeX509)),
  declare(
    'time.now',
    withHost('time_now', [], TIMESTAMP, ({ now }) => new CelTimestamp(BigInt(Math.trunc(now)) * 1_000_000n)),
  ),
  declare('time.toCron', overload('time_to_cron', [TIMESTAMP], STRING, toCron)),
  declare('time.truncate', overload('time_truncate', [TIMESTAMP, DURATION], TIMESTAMP, truncate)),
  declare('gzip.decompress', overload('decompress_bytes_string', [BYTES], STRING, decompress)),
];

/** Since 1.18 a function has a second name, which says its library. */
function bothNames(
  library: string,
  name: string,
  overloads: (suffix: string) => readonly Overload[],
): FunctionDeclaration[] {
  return [declare(name, ...overloads('non_prefixed')), declare(`${library}.${name}`, ...overloads('prefixed'))];
}

function withHost(
  id: string,
  parameters: readonly CelType[],
  result: CelType,
  callWithHost: (host: CelHost, ...args: CelValue[]) => CelValue,
): Overload {
  const call = (): never => {
    throw evaluationError(`${id} needs the gate`);
  };
  return { id, parameters, result, call, callWithHost };
}

function digest(algorithm: 'sha1' | 'sha256' | 'md5'): (suffix: string) => readonly Overload[] {
  return (suffix) => [
    overload(`${algorithm}_string_${suffix}`, [STRING], STRING, (text: string) =>
      createHash(algorithm).update(text).digest('hex'),
    ),
  ];
}

function parseServiceAccount(user: string): CelServiceAccount {
  const parts = /^system:serviceaccount:([^:]*):([\s\S]*)$/.exec(user);
  return new CelServiceAccount(parts?.[1] ?? '', parts?.[2] ?? '');
}

/** Keys from the objects of one list, values from those of the other at the same place; of equal keys the last. */
function listObjectsToMap(keys: CelList, values: CelList, keyName: string, valueName: string): CelMap {
  if (keys.size !== values.size) {
    throw evaluationError(`listObjToMap must take lists of equal length. list1: ${keys.size}, list2: ${values.size}`);
  }
  const made = new Map<string, CelValue>();
  for (let i = 0; i < keys.size; i++) {
    const [from, to] = [keys.at(i), values.at(i)];
    if (!(from instanceof CelMap) || !(to instanceof CelMap)) {
      throw evaluationError('object cannot be handled as a map string to any in the value object list');
    }
    const key = from.get(keyName);
    if (typeof key !== 'string') {
      throw evaluationError('the passed key name cannot be handled as a string in the key object list');
    }
    made.set(key, to.get(valueName) ?? null);
  }
  return new EntryMap(made);
}

function random(pattern: string, host: CelHost): string {
  let left = 1_000_000;
  const spend = (steps: number): void => {
    left -= steps;
    if (left < 0) throw new CelError('work', 'the pattern asks for too long a text');
  };
  try {
    return randomText(pattern, { now: host.now, random: host.random, spend });
  } catch (cause) {
    if (cause instanceof JmesError && cause.kind === 'limit') throw new CelError('work', cause.message);
    if (cause instanceof JmesError) throw evaluationError(cause.message);
    throw cause;
  }
}

/** To a number of decimals, halves away from zero. */
function round(value: number, decimals: bigint): number {
  const shift = 10 ** Number(decimals);
  const scaled = value * shift;
  const whole = Math.trunc(scaled);
  const rounded = Math.abs(scaled - whole) >= 0.5 ? whole + Math.sign(scaled) : whole;
  return rounded / shift;
}

function unmarshal(_json: CelValue, text: CelValue): CelValue {
  if (typeof text !== 'string') throw evaluationError("unsupported type conversion to 'string'");
  const value = parseJsonText(text);
  if (value === undefined) throw evaluationError('the text is no JSON');
  return withDoubles(value);
}

function parseYaml(_yaml: CelValue, text: string): CelValue {
  try {
    return withDoubles(parseYamlText(text));
  } catch (cause) {
    // Another reader may take what this one refuses.
    if (cause instanceof YamlTextError) throw ourError(cause.message);
    throw cause;
  }
}

function decodeX509(pem: string): CelValue {
  try {
    return withDoubles(decodeCertificate(pem));
  } catch (cause) {
    if (cause instanceof CertificateError) throw (cause.isUnknown ? ourError : evaluationError)(cause.message);
    throw cause;
  }
}

/** JSON as Go reads it without types: every number is a double. */
function withDoubles(value: JsonValue): CelValue {
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return new ArrayList(value.map((item) => withDoubles(item as JsonValue)));
  if (isObject(value))
    return new EntryMap(Object.keys(value).map((key) => [key, withDoubles(value[key] as JsonValue)]));
  return value as CelValue;
}

/** JSON with sorted keys, and with the escapes that Go writes for the sake of HTML. */
function marshal(_json: CelValue, value: CelValue): string {
  refuseKeys(value, 0);
  const escapes: Readonly<Record<string, string>> = { '<': '\\u003c', '>': '\\u003e', '&': '\\u0026' };
  return canonicalJson(toJson(value)).replace(
    /[<>&\u2028\u2029]/g,
    (letter) => escapes[letter] ?? `\\u${letter.charCodeAt(0).toString(16)}`,
  );
}

/** What JSON cannot hold, or holds in another way than Go writes it. */
function refuseKeys(value: CelValue, depth: number): void {
  if (depth > 500) throw new CelError('work', 'the value nests too deep');
  if (value instanceof CelList) for (const item of value) refuseKeys(item, depth + 1);
  if (value instanceof CelDuration) throw evaluationError('json: a duration has no JSON');
  if (!(value instanceof CelMap)) return;
  for (const key of value.keys()) {
    if (typeof key !== 'string') throw evaluationError('json: unsupported map key type');
    refuseKeys(value.get(key) as CelValue, depth + 1);
  }
}

function toCron({ nanoseconds, zone }: CelTimestamp): string {
  const { minute, hour, day, month, weekday } = timeFields({ ...utcTime(nanoseconds), offset: zone });
  return `${minute} ${hour} ${day} ${month} ${weekday}`;
}

/** The year 1, from which Go counts when it truncates. */
const YEAR_ONE = -62_135_596_800n * 1_000_000_000n;

function truncate({ nanoseconds, zone }: CelTimestamp, { nanoseconds: unit }: CelDuration): CelTimestamp {
  if (unit <= 0n) return new CelTimestamp(nanoseconds, zone);
  return new CelTimestamp(nanoseconds - ((nanoseconds - YEAR_ONE) % unit), zone);
}

/** No text may become larger: a kilobyte can hold a gigabyte. */
const MAX_TEXT = 10_000_000;

function decompress(bytes: Uint8Array): string {
  try {
    return gunzipSync(bytes, { maxOutputLength: MAX_TEXT }).toString('utf8');
  } catch (cause) {
    if (cause instanceof RangeError) throw new CelError('work', 'gzip: the text is too long');
    throw evaluationError(`gzip: ${cause instanceof Error ? cause.message : 'invalid data'}`);
  }
}
