import { isObject, type JsonObject, type JsonValue, objectFrom } from '../../../core/json.ts';
import { Malformed } from './json.ts';

/** How one value is read and written: undefined is Go's zero value, which is left out where it may be. */
type Shape = (value: JsonValue, where: string) => JsonValue | undefined;

/** A field, and what stands for it where it is missing or zero; undefined where nothing does. */
type Field = readonly [shape: Shape, zero?: JsonValue];

const zeroTime = '0001-01-01T00:00:00Z';

/**
 * The config of an image as policy-controller shows it to a policy: as go-containerregistry 0.20.3 writes the ConfigFile
 * that it read. Empty fields are left out, some that are missing are there, and what no runtime knows is not. `User`
 * is so either a user or not there: a policy that compares it with "root" is not satisfied by an empty one, which is
 * root. Throws Malformed where Go would not read it.
 */
export function configFileOf(document: JsonObject): JsonObject {
  return configFile(document, 'the config') as JsonObject;
}

const text: Shape = (value, where) => {
  if (typeof value !== 'string') throw new Malformed(`${where} is not a string`);
  return value === '' ? undefined : value;
};

const flag: Shape = (value, where) => {
  if (typeof value !== 'boolean') throw new Malformed(`${where} is not true or false`);
  return value || undefined;
};

const count: Shape = (value, where) => {
  if (typeof value !== 'bigint' && !Number.isSafeInteger(value)) throw new Malformed(`${where} is not a whole number`);
  return value === 0 || value === 0n ? undefined : value;
};

/** Without the zeros at the end of a fraction, and to the nanosecond. */
const time: Shape = (value, where) => {
  const found = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/.exec(String(value));
  if (found === null || Number.isNaN(Date.parse(`${found[1]}Z`))) throw new Malformed(`${where} is not a time`);
  const fraction = (found[2] ?? '').slice(0, 9).replace(/0+$/, '');
  return `${found[1]}${fraction === '' ? '' : `.${fraction}`}${found[3]}`;
};

const hash: Shape = (value, where) => {
  if (typeof value !== 'string' || !/^sha256:[0-9a-f]{64}$/.test(value))
    throw new Malformed(`${where} is not a digest`);
  return value;
};

/** Those of the layers: an empty list stays one. */
const hashes: Shape = (value, where) => {
  if (!Array.isArray(value)) throw new Malformed(`${where} is not a list`);
  return (value as readonly JsonValue[]).map((each) => hash(each, where) ?? null);
};

/** Of a set only the keys are read. */
const nothing: Shape = (value, where) => {
  if (!isObject(value)) throw new Malformed(`${where} is not an object`);
  return undefined;
};

function listOf(item: Field): Shape {
  return (value, where) => {
    if (!Array.isArray(value)) throw new Malformed(`${where} is not a list`);
    const items = (value as readonly JsonValue[]).map((each, i) => read(item, each, `${where}[${i}]`) ?? null);
    return items.length === 0 ? undefined : items;
  };
}

function mapOf(item: Field): Shape {
  return (value, where) => {
    if (!isObject(value)) throw new Malformed(`${where} is not an object`);
    const entries = Object.entries(value).map(
      ([key, each]) => [key, read(item, each, `a value of ${where}`) ?? null] as const,
    );
    return entries.length === 0 ? undefined : objectFrom(entries);
  };
}

function structOf(fields: Readonly<Record<string, Field>>): Shape {
  return (value, where) => {
    if (!isObject(value)) throw new Malformed(`${where} is not an object`);
    return objectFrom(
      Object.entries(fields).flatMap(([name, field]) => {
        const written = read(field, value[name], `${where}.${name}`);
        return written === undefined ? [] : [[name, written] as const];
      }),
    );
  };
}

/** In Go null changes nothing: what is there is the zero value. */
function read([shape, zero]: Field, value: JsonValue | undefined, where: string): JsonValue | undefined {
  return (value === undefined || value === null ? undefined : shape(value, where)) ?? zero;
}

const texts: Field = [listOf([text, ''])];
const set: Field = [mapOf([nothing, objectFrom([])])];

const healthCheck = structOf({
  Test: texts,
  Interval: [count],
  Timeout: [count],
  StartPeriod: [count],
  Retries: [count],
});

const config = structOf({
  AttachStderr: [flag],
  AttachStdin: [flag],
  AttachStdout: [flag],
  Cmd: texts,
  Healthcheck: [healthCheck],
  Domainname: [text],
  Entrypoint: texts,
  Env: texts,
  Hostname: [text],
  Image: [text],
  Labels: [mapOf([text, ''])],
  OnBuild: texts,
  OpenStdin: [flag],
  StdinOnce: [flag],
  Tty: [flag],
  User: [text],
  Volumes: set,
  WorkingDir: [text],
  ExposedPorts: set,
  ArgsEscaped: [flag],
  NetworkDisabled: [flag],
  MacAddress: [text],
  StopSignal: [text],
  Shell: texts,
});

const layers = structOf({ type: [text, ''], diff_ids: [hashes, null] });

const step = structOf({
  author: [text],
  created: [time, zeroTime],
  created_by: [text],
  comment: [text],
  empty_layer: [flag],
});

const configFile = structOf({
  architecture: [text, ''],
  author: [text],
  container: [text],
  created: [time, zeroTime],
  docker_version: [text],
  history: [listOf([step, objectFrom([['created', zeroTime]])])],
  os: [text, ''],
  rootfs: [
    layers,
    objectFrom([
      ['type', ''],
      ['diff_ids', null],
    ]),
  ],
  config: [config, objectFrom([])],
  'os.version': [text],
  variant: [text],
  'os.features': texts,
});
