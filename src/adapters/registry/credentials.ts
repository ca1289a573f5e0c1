import { isAbsolute } from 'node:path';
import { GateError } from '../../core/errors.ts';
import {
  type AskNamedHelper,
  type Credentials,
  type DockerConfig,
  fromDockerConfig,
  readDockerConfig,
  serverName,
} from './docker-config.ts';
import { createHelpers, type HelperPorts } from './helper.ts';
import type { Host } from './hosts.ts';
import { readPlatformFile, rereadOnChange } from './platform-file.ts';
import { createPullSecrets } from './pull-secrets.ts';
import type { RegistryCredentials, RegistryEntry } from './settings.ts';

export interface CredentialPorts extends HelperPorts {
  readonly resolvePath: (path: string) => string;
}

/** Where credentials come from that no entry of a host names. */
export interface CommonCredentials {
  /** `spec.registryCredentials`. */
  readonly credentials: RegistryCredentials | undefined;
  /** The value of REGISTRY_AUTH_FILE in the environment of this process. */
  readonly authFile?: string | undefined;
  /** `spec.registryPullSecrets`. */
  readonly pullSecrets?: string | undefined;
}

/** Finds the credentials for a repository on a host; undefined for none. Hosts match exactly, never by substring. */
export type FindCredentials = (host: Host, path: string, signal: AbortSignal) => Promise<Credentials | undefined>;

type Source = NonNullable<RegistryEntry['credentials']>;

/**
 * Credentials of the pull secrets that are named, in their order; else of the host's own entry; else of the common file,
 * which is that of the settings or else the one of REGISTRY_AUTH_FILE; else of any pull secret. A file is read again when
 * it has changed. Throws REGISTRY_SETTINGS_INVALID for a file that cannot be used, and REGISTRY_HELPER_FAILED for a
 * credential helper that did not answer.
 */
export function createCredentials(
  common: CommonCredentials,
  ports: CredentialPorts,
): (pullSecrets: readonly string[]) => FindCredentials {
  const askHelper = createHelpers(ports);
  const configs = new Map<string, () => Promise<DockerConfig>>();
  const passwords = new Map<string, () => Promise<Credentials>>();
  const pullSecrets = createPullSecrets(
    common.pullSecrets === undefined ? undefined : ports.resolvePath(common.pullSecrets),
  );

  const configAt = (path: string, what: string) =>
    remembered(configs, path, () => rereadOnChange([path], () => readDockerConfig(path, what, 'config')))();

  const namedHelper =
    (helpers: Readonly<Record<string, string>>, signal: AbortSignal): AskNamedHelper =>
    async (name, server) => {
      const called = `the credential helper "${name.slice(0, 60)}"`;
      const program = Object.hasOwn(helpers, name) ? helpers[name] : undefined;
      if (program !== undefined && ports.exec !== undefined) return await askHelper(program, called, server, signal);
      throw new GateError(
        'REGISTRY_SETTINGS_INVALID',
        `${called} is named by the file of registry credentials, and no program is configured for it`,
        { mend: 'Name its absolute path under helpers beside dockerConfig, or put the credentials under auths.' },
      );
    };

  const find = async (source: Source, host: Host, path: string, signal: AbortSignal) => {
    if (typeof source === 'object' && 'usernameFile' in source) {
      const files = [ports.resolvePath(source.usernameFile), ports.resolvePath(source.passwordFile)] as const;
      return await remembered(passwords, files.join('\0'), () =>
        rereadOnChange(files, () => readPassword(files, host)),
      )();
    }
    if (typeof source === 'object' && 'helper' in source) {
      return await askHelper(source.helper, `the credential helper of ${host.name}`, serverName(host), signal);
    }
    const file = ports.resolvePath(typeof source === 'string' ? source : source.dockerConfig);
    const helpers = (typeof source === 'string' ? undefined : source.helpers) ?? {};
    const config = await configAt(file, 'the file of registry credentials');
    return await fromDockerConfig(config, host, path, namedHelper(helpers, signal));
  };

  const findCommon: FindCredentials = async (host, path, signal) => {
    const { credentials, authFile } = common;
    if (typeof credentials === 'string' || (credentials !== undefined && 'dockerConfig' in credentials)) {
      return await find(credentials, host, path, signal);
    }
    if (authFile === undefined || authFile === '') return undefined;
    // Whose folder it would be relative to is not for the one to choose who wrote that folder.
    if (!isAbsolute(authFile)) throw invalid('REGISTRY_AUTH_FILE in the environment is not an absolute path');
    const config = await configAt(authFile, 'the file that REGISTRY_AUTH_FILE names');
    return await fromDockerConfig(config, host, path, namedHelper(credentials?.helpers ?? {}, signal));
  };

  return (names) => async (host, path, signal) => {
    const named = await pullSecrets.named(names, host, path);
    if (named !== undefined) return named;
    const own = host.entry?.credentials;
    if (own !== undefined) return await find(own, host, path, signal);
    return (await findCommon(host, path, signal)) ?? (await pullSecrets.any(host, path));
  };
}

function remembered<Value>(known: Map<string, Value>, key: string, make: () => Value): Value {
  const found = known.get(key) ?? make();
  known.set(key, found);
  return found;
}

async function readPassword([nameFile, passwordFile]: readonly [string, string], host: Host): Promise<Credentials> {
  const read = async (path: string, field: string) => {
    const text = await readPlatformFile(path, `${field} of registry ${host.name}`);
    return text.replace(/\r?\n$/, '');
  };
  const username = await read(nameFile, 'usernameFile');
  const password = await read(passwordFile, 'passwordFile');
  if (username === '' || username.includes(':'))
    throw invalid(`the user name for registry ${host.name} is empty or holds a colon`);
  return { kind: 'password', username, password };
}

function invalid(message: string): GateError {
  return new GateError('REGISTRY_SETTINGS_INVALID', message);
}
