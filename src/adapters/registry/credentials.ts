import { GateError } from '../../core/errors.ts';
import { isObject, type JsonObject } from '../../core/json.ts';
import type { Exec } from '../../core/ports.ts';
import { canonicalHost, type Host, readPlatformFile } from './hosts.ts';
import type { RegistryCredentials, RegistryEntry } from './settings.ts';

/** What a registry or its token service is shown. */
export type Credentials =
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  /** A refresh token for the token service, never for the registry. */
  | { readonly kind: 'identity'; readonly token: string }
  /** A bearer token that is ready to use. */
  | { readonly kind: 'bearer'; readonly token: string };

export interface CredentialPorts {
  /** Runs credential helpers; without it, a file that names one is refused. */
  readonly exec: Exec | undefined;
  /** The whole environment of a credential helper. */
  readonly helperEnvironment: Readonly<Record<string, string>>;
  readonly resolvePath: (path: string) => string;
}

/** Finds the credentials for a repository on a host; undefined for none. Hosts match exactly, never by substring. */
export type FindCredentials = (host: Host, path: string, signal: AbortSignal) => Promise<Credentials | undefined>;

type Source = NonNullable<RegistryEntry['credentials']>;

const helperTimeoutMs = 10_000;

/**
 * Credentials of a host's own entry, or else of the common file. Files are read once. Throws REGISTRY_SETTINGS_INVALID
 * for a file that cannot be used, and REGISTRY_HELPER_FAILED for a credential helper that did not answer.
 */
export function createCredentials(common: RegistryCredentials | undefined, ports: CredentialPorts): FindCredentials {
  const found = new Map<string, Promise<Credentials | undefined>>();
  const configs = new Map<string, Promise<JsonObject>>();

  const find = async (source: Source, host: Host, path: string, signal: AbortSignal) => {
    if (typeof source === 'object' && 'usernameFile' in source) {
      return await readPassword(source, host, ports.resolvePath);
    }
    const file = typeof source === 'string' ? source : source.dockerConfig;
    const helpers = (typeof source === 'string' ? undefined : source.helpers) ?? {};
    let config = configs.get(file);
    if (config === undefined) {
      config = readDockerConfig(ports.resolvePath(file));
      configs.set(file, config);
    }
    return await fromDockerConfig(await config, host, path, async (helper, server) => {
      return await askHelper(
        helper,
        Object.hasOwn(helpers, helper) ? helpers[helper] : undefined,
        server,
        ports,
        signal,
      );
    });
  };

  return async (host, path, signal) => {
    const source = host.entry?.credentials ?? common;
    if (source === undefined) return undefined;
    const key = `${host.name}/${path}`;
    const known = found.get(key);
    if (known !== undefined) return await known;
    const finding = find(source, host, path, signal);
    found.set(key, finding);
    // A helper that failed once may answer the next time.
    finding.catch(() => found.delete(key));
    return await finding;
  };
}

async function readPassword(
  source: { readonly usernameFile: string; readonly passwordFile: string },
  host: Host,
  resolvePath: (path: string) => string,
): Promise<Credentials> {
  const read = async (field: 'usernameFile' | 'passwordFile') => {
    const text = await readPlatformFile(resolvePath(source[field]), `${field} of registry ${host.name}`);
    return text.replace(/\r?\n$/, '');
  };
  const [username, password] = [await read('usernameFile'), await read('passwordFile')];
  if (username === '' || username.includes(':'))
    throw invalid(`the user name for registry ${host.name} is empty or holds a colon`);
  return { kind: 'password', username, password };
}

async function readDockerConfig(path: string): Promise<JsonObject> {
  const text = await readPlatformFile(path, 'the file of registry credentials');
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // The parser's message quotes what it read, which is a secret here.
    throw invalid('the file of registry credentials is not JSON');
  }
  if (!isObject(parsed)) throw invalid('the file of registry credentials is not a JSON object');
  for (const field of ['auths', 'credHelpers']) {
    if (parsed[field] !== undefined && !isObject(parsed[field])) {
      throw invalid(`${field} in the file of registry credentials is not an object`);
    }
  }
  return parsed;
}

/** As docker does: the helper of this host, else its entry in `auths`, else the helper of all hosts. */
async function fromDockerConfig(
  config: JsonObject,
  host: Host,
  path: string,
  ask: (helper: string, server: string) => Promise<Credentials | undefined>,
): Promise<Credentials | undefined> {
  const server = serverName(host);
  for (const [name, helper] of Object.entries((config['credHelpers'] ?? {}) as JsonObject)) {
    if (hostOfKey(name)?.host !== host.name) continue;
    if (typeof helper !== 'string') throw invalid(`credHelpers names no program for ${host.name}`);
    return await ask(helper, server);
  }
  const entry = entryFor((config['auths'] ?? {}) as JsonObject, host, path);
  if (entry !== undefined) return entry;
  const store = config['credsStore'];
  return typeof store === 'string' && store !== '' ? await ask(store, server) : undefined;
}

/** What docker calls a registry when it asks a helper. */
function serverName(host: Host): string {
  return host.name === 'index.docker.io' ? 'https://index.docker.io/v1/' : host.name;
}

/** The entry of this host; of several with a path (as podman and Kubernetes write them), the one closest to it. */
function entryFor(auths: JsonObject, host: Host, path: string): Credentials | undefined {
  let best: { readonly length: number; readonly entry: unknown } | undefined;
  for (const [key, entry] of Object.entries(auths)) {
    const at = hostOfKey(key);
    if (at?.host !== host.name) continue;
    if (at.path !== '' && path !== at.path && !path.startsWith(`${at.path}/`)) continue;
    if (best === undefined || at.path.length > best.length) best = { length: at.path.length, entry };
  }
  return best === undefined ? undefined : readEntry(best.entry, host);
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

/** The protocol of docker-credential-helpers: `get`, the server on stdin, JSON on stdout. */
async function askHelper(
  name: string,
  program: string | undefined,
  server: string,
  ports: CredentialPorts,
  signal: AbortSignal,
): Promise<Credentials | undefined> {
  const called = `the credential helper "${name.slice(0, 60)}"`;
  if (program === undefined || ports.exec === undefined) {
    throw new GateError(
      'REGISTRY_SETTINGS_INVALID',
      `${called} is named by the file of registry credentials, and no program is configured for it`,
      {
        mend: 'Name its absolute path under helpers beside dockerConfig, or put the credentials under auths.',
      },
    );
  }
  const result = await ports.exec({
    program,
    args: ['get'],
    cwd: '/',
    env: ports.helperEnvironment,
    stdin: server,
    maxOutputBytes: 64 * 1024,
    signal: AbortSignal.any([signal, AbortSignal.timeout(helperTimeoutMs)]),
  });
  // What a helper prints may hold secrets: none of it is repeated.
  if (result.kind === 'missing') throw failed(`${called} cannot be started`);
  if (result.kind === 'killed') throw failed(`${called} was stopped (${result.why})`);
  const printed = result.stdout.toString('utf8');
  if (result.code !== 0) {
    // The one message with a fixed meaning in the protocol.
    if (printed.trim() === 'credentials not found in native keychain') return undefined;
    throw failed(`${called} failed (exit code ${result.code})`);
  }
  const answer = parseObject(printed);
  const { Username: username, Secret: secret } = answer ?? {};
  if (typeof username !== 'string' || typeof secret !== 'string' || secret === '') {
    throw failed(`${called} did not answer with Username and Secret`);
  }
  return username === '<token>'
    ? { kind: 'identity', token: secret }
    : { kind: 'password', username, password: secret };
}

function parseObject(text: string): JsonObject | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return isObject(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function invalid(message: string): GateError {
  return new GateError('REGISTRY_SETTINGS_INVALID', message);
}

function failed(message: string): GateError {
  return new GateError('REGISTRY_HELPER_FAILED', message);
}
