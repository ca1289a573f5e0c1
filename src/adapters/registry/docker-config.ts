import { GateError } from '../../core/errors.ts';
import { isObject, type JsonObject } from '../../core/json.ts';
import { canonicalHost, type Host } from './hosts.ts';
import { readPlatformFile } from './platform-file.ts';

/** What a registry or its token service is shown. */
export type Credentials =
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  /** A refresh token for the token service, never for the registry. */
  | { readonly kind: 'identity'; readonly token: string }
  /** A bearer token that is ready to use. */
  | { readonly kind: 'bearer'; readonly token: string };

/** A docker `config.json`, or what Kubernetes makes of one, as far as its shape was checked. */
export interface DockerConfig {
  readonly auths: JsonObject;
  readonly credHelpers: JsonObject;
  readonly credsStore: string | undefined;
}

/** Asks a credential helper, by the name that the file has for it, about a server. */
export type AskNamedHelper = (helper: string, server: string) => Promise<Credentials | undefined>;

/** An entry of a file, and how much of the repository's path it names. */
export interface FoundEntry {
  readonly length: number;
  readonly credentials: Credentials | undefined;
}

/**
 * Reads a file in the shape of docker's `config.json`, or with `form: 'auths'` in that of a `.dockercfg`, which is the value
 * of `auths` alone. Throws REGISTRY_SETTINGS_INVALID, naming `what` and nothing that was read.
 */
export async function readDockerConfig(path: string, what: string, form: 'config' | 'auths'): Promise<DockerConfig> {
  const text = await readPlatformFile(path, what);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // The parser's message quotes what it read, which is a secret here.
    throw invalid(`${what} is not JSON`);
  }
  if (!isObject(parsed)) throw invalid(`${what} is not a JSON object`);
  if (form === 'auths') return { auths: parsed, credHelpers: {}, credsStore: undefined };
  const { auths = {}, credHelpers = {}, credsStore } = parsed;
  if (!isObject(auths)) throw invalid(`auths in ${what} is not an object`);
  if (!isObject(credHelpers)) throw invalid(`credHelpers in ${what} is not an object`);
  return {
    auths,
    credHelpers,
    credsStore: typeof credsStore === 'string' && credsStore !== '' ? credsStore : undefined,
  };
}

/** As docker does: the helper of this host, else its entry in `auths`, else the helper of all hosts. */
export async function fromDockerConfig(
  config: DockerConfig,
  host: Host,
  path: string,
  ask: AskNamedHelper,
): Promise<Credentials | undefined> {
  const server = serverName(host);
  for (const [name, helper] of Object.entries(config.credHelpers)) {
    if (hostOfKey(name)?.host !== host.name) continue;
    if (typeof helper !== 'string') throw invalid(`credHelpers names no program for ${host.name}`);
    return await ask(helper, server);
  }
  const entry = entryFor(config.auths, host, path);
  // As docker writes it beside a store: the entry says that somebody signed in, and the store has what with.
  if (entry?.credentials !== undefined) return entry.credentials;
  return config.credsStore === undefined ? undefined : await ask(config.credsStore, server);
}

/** What docker calls a registry when it asks a helper. */
export function serverName(host: Host): string {
  return host.name === 'index.docker.io' ? 'https://index.docker.io/v1/' : host.name;
}

/** The entry of this host; of several with a path (as podman and Kubernetes write them), the one closest to it. */
export function entryFor(auths: JsonObject, host: Host, path: string): FoundEntry | undefined {
  let best: { readonly length: number; readonly entry: unknown } | undefined;
  for (const [key, entry] of Object.entries(auths)) {
    const at = hostOfKey(key);
    if (at?.host !== host.name) continue;
    if (at.path !== '' && path !== at.path && !path.startsWith(`${at.path}/`)) continue;
    if (best === undefined || at.path.length > best.length) best = { length: at.path.length, entry };
  }
  return best === undefined ? undefined : { length: best.length, credentials: readEntry(best.entry, host) };
}

/** `https://index.docker.io/v1/`, `ghcr.io` and `quay.io/team` as host and path; undefined where the key names no host. */
function hostOfKey(key: string): { readonly host: string; readonly path: string } | undefined {
  const bare = key.replace(/^https?:\/\//, '');
  const slash = `${bare}/`.indexOf('/');
  const path = bare.slice(slash + 1).replace(/\/$/, '');
  try {
    return { host: canonicalHost(bare.slice(0, slash)), path: path === 'v1' || path === 'v2' ? '' : path };
  } catch {
    return undefined;
  }
}

function readEntry(entry: unknown, host: Host): Credentials | undefined {
  if (!isObject(entry)) throw invalid(`the entry of ${host.name} in the file of registry credentials is not an object`);
  const text = (field: string): string => {
    const value = entry[field] ?? '';
    if (typeof value !== 'string')
      throw invalid(`${field} of ${host.name} in the file of registry credentials is not a string`);
    return value;
  };
  if (text('registrytoken') !== '') return { kind: 'bearer', token: text('registrytoken') };
  if (text('identitytoken') !== '') return { kind: 'identity', token: text('identitytoken') };
  if (text('auth') !== '') {
    const decoded = Buffer.from(text('auth'), 'base64').toString('utf8');
    const colon = decoded.indexOf(':');
    if (colon < 1)
      throw invalid(`auth of ${host.name} in the file of registry credentials is not base64 of user:password`);
    // docker pads what it writes with NUL bytes, and drops them when it reads.
    return {
      kind: 'password',
      username: decoded.slice(0, colon),
      password: decoded.slice(colon + 1).replace(/\0+$/, ''),
    };
  }
  const username = text('username');
  return username === '' ? undefined : { kind: 'password', username, password: text('password') };
}

function invalid(message: string): GateError {
  return new GateError('REGISTRY_SETTINGS_INVALID', message);
}
