import { GateError } from '../../../core/errors.ts';
import { type Digest, parseDigest } from '../../../core/image.ts';
import { isObject, type JsonObject, type JsonValue, objectFrom } from '../../../core/json.ts';
import type { ReadRepository, Registry } from '../../../core/ports.ts';
import { configFileOf } from './config-file.ts';
import { Malformed, parseStrictJson } from './json.ts';

/** Bytes of one config; those of real images have a few thousand. */
const maxConfigBytes = 1024 * 1024;
/** Platforms of one image, and indexes in indexes. */
const maxPlatforms = 64;
const maxDepth = 3;

/**
 * The fields that runtimes read. Go takes a field in any case, and of several the last: what runs would be another user
 * than the `User` that a policy is shown, if `user` stands beside it or alone. No tool writes them so.
 */
const fieldsOf = {
  manifest: ['schemaVersion', 'mediaType', 'config', 'layers', 'manifests', 'subject', 'artifactType', 'annotations'],
  descriptor: ['mediaType', 'digest', 'size', 'urls', 'annotations', 'data', 'platform', 'artifactType'],
  platform: ['architecture', 'os', 'os.version', 'os.features', 'variant', 'features'],
  document: [
    ...['architecture', 'author', 'config', 'container', 'created', 'docker_version', 'history', 'os', 'os.features'],
    ...['os.version', 'rootfs', 'variant'],
  ],
  config: [
    ...['ArgsEscaped', 'AttachStderr', 'AttachStdin', 'AttachStdout', 'Cmd', 'Domainname', 'Entrypoint', 'Env'],
    ...['ExposedPorts', 'Healthcheck', 'Hostname', 'Image', 'Labels', 'MacAddress', 'NetworkDisabled', 'OnBuild'],
    ...['OpenStdin', 'Shell', 'StdinOnce', 'StopSignal', 'Tty', 'User', 'Volumes', 'WorkingDir'],
  ],
  healthcheck: ['Test', 'Interval', 'Timeout', 'StartPeriod', 'StartInterval', 'Retries'],
} as const;

const indexTypes = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
];

/**
 * The config of every platform of an image, by `os/architecture[/variant][:os.version]`, as policies with
 * `fetchConfigFile` see it. Manifests of attestations (platform unknown/unknown) are left out, because no node runs
 * them. Throws IMAGE_UNVERIFIABLE and REGISTRY_* for anything that cannot be read whole; nothing is ever left out
 * because it cannot be read.
 */
export async function readImageConfigs(
  repository: ReadRepository,
  digest: Digest,
  registry: Registry,
  signal: AbortSignal,
): Promise<JsonObject> {
  const configs = new Map<string, JsonValue>();
  await walk(digest, 0, undefined);
  if (configs.size === 0) throw unreadable('it has no platform');
  return objectFrom([...configs].sort(([a], [b]) => (a < b ? -1 : 1)));

  async function walk(at: Digest, depth: number, said: JsonValue | undefined): Promise<void> {
    const found = await registry.manifest(repository, at, signal);
    if (found === undefined) throw unreadable(`the registry does not have ${at.slice(0, 19)}…`);
    const manifest = read(found.bytes, 'its manifest');
    demandSpelling(manifest, 'manifest');
    const children = manifest['manifests'];
    if (children === undefined) return await addConfig(manifest, said);
    if (depth >= maxDepth) throw unreadable(`its indexes are nested more than ${maxDepth} deep`);
    if (!Array.isArray(children)) throw unreadable('its index is malformed');
    if (children.length > maxPlatforms) {
      throw unreadable(`its index names ${children.length} manifests, and ${maxPlatforms} are read`);
    }
    for (const child of children as readonly JsonValue[]) {
      if (!isObject(child)) throw unreadable('its index is malformed');
      demandSpelling(child, 'descriptor');
      demandSpelling(child['platform'], 'platform');
      if (!isAttestation(child)) await walk(digestOf(child), depth + 1, child['platform'] ?? said);
    }
  }

  async function addConfig(manifest: JsonObject, said: JsonValue | undefined): Promise<void> {
    const { config } = manifest;
    if (!isObject(config)) throw unreadable('a platform of it has no config');
    demandSpelling(config, 'descriptor');
    const blob = await registry.blob(repository, digestOf(config), maxConfigBytes, signal);
    if (blob === undefined) throw unreadable('the registry does not have the config of a platform');
    const document = read(blob.bytes, 'its config');
    demandSpelling(document, 'document');
    const { config: ran } = document;
    demandSpelling(ran, 'config');
    if (isObject(ran)) demandSpelling(ran['Healthcheck'], 'healthcheck');
    const name = platformOf(document);
    demandPlatform(document, said, name);
    const known = configs.get(name);
    // Of two configs for one platform a policy would judge one, and a node could run the other.
    if (known !== undefined) throw unreadable(`it has two configs for ${name}`);
    if (configs.size >= maxPlatforms) throw unreadable(`it has more than ${maxPlatforms} platforms`);
    configs.set(name, written(document));
  }
}

/** Whether the index says that the manifest is BuildKit's attestation about another. */
function isAttestation({ platform, mediaType }: JsonObject): boolean {
  if (typeof mediaType === 'string' && indexTypes.includes(mediaType)) return false;
  return isObject(platform) && platform['os'] === 'unknown' && platform['architecture'] === 'unknown';
}

/**
 * Nodes choose by what the index says, policies by what the config says: where the two differ, a policy would judge the
 * config of another platform than the one that it names. Variants are left out by many builders, so they are not compared.
 */
function demandPlatform(config: JsonObject, said: JsonValue | undefined, name: string): void {
  if (said === undefined || said === null) return;
  if (!isObject(said)) throw unreadable('a platform of its index is malformed');
  for (const field of ['os', 'architecture']) {
    if (said[field] === config[field]) continue;
    throw unreadable(`its index calls a platform otherwise than its config, which says ${JSON.stringify(name)}`);
  }
}

/** As go-containerregistry's Platform.String() writes it. */
function platformOf(config: JsonObject): string {
  const text = (field: string) => {
    const value = config[field] ?? '';
    if (typeof value !== 'string') throw unreadable(`${field} of a config is not a string`);
    return value;
  };
  const [os, architecture, variant, version] = [text('os'), text('architecture'), text('variant'), text('os.version')];
  if (os === '') return '';
  const name = [os, architecture, variant].filter((part) => part !== '').join('/');
  return version === '' ? name : `${name}:${version}`;
}

function digestOf(descriptor: JsonObject): Digest {
  const { digest } = descriptor;
  if (typeof digest !== 'string') throw unreadable('a descriptor has no digest');
  return parseDigest(digest);
}

function read(bytes: Uint8Array, what: string): JsonObject {
  let value: JsonValue;
  try {
    value = parseStrictJson(bytes);
  } catch (error) {
    if (error instanceof Malformed) throw unreadable(`${what}: ${error.message}`);
    throw error;
  }
  if (!isObject(value)) throw unreadable(`${what} is not an object`);
  return value;
}

function written(document: JsonObject): JsonObject {
  try {
    return configFileOf(document);
  } catch (error) {
    if (error instanceof Malformed) throw unreadable(error.message);
    throw error;
  }
}

/** Throws where a field is there by another spelling than its own. */
function demandSpelling(value: JsonValue | undefined, what: keyof typeof fieldsOf): void {
  if (!isObject(value)) return;
  const known = new Map(fieldsOf[what].map((field) => [folded(field), field as string]));
  for (const key of Object.keys(value)) {
    const field = known.get(folded(key));
    if (field !== undefined && field !== key) {
      throw unreadable(`${JSON.stringify(field)} is written in another way, which runtimes read as the same`);
    }
  }
}

/** As Go's encoding/json compares names: the long s and the sign of Kelvin are letters too. */
function folded(name: string): string {
  return name.toUpperCase().toLowerCase();
}

function unreadable(why: string): GateError {
  return new GateError('IMAGE_UNVERIFIABLE', `its config cannot be read: ${why}`);
}
