import { GateError } from '../../core/errors.ts';
import type { Repository } from '../../core/image.ts';
import type { Clock, Exec, Registry } from '../../core/ports.ts';
import { type Client, createClient } from './client.ts';
import { createCourier } from './courier.ts';
import { createCredentials } from './credentials.ts';
import { createHosts } from './hosts.ts';
import { createLayoutClient } from './layout.ts';
import { defaultLimits, type RegistryLimits } from './limits.ts';
import { askOnce } from './run.ts';
import type { RegistriesSettings, RegistryCredentials } from './settings.ts';
import { aborted, createTransport, type Lookup } from './transport.ts';

export interface RegistryPorts {
  readonly clock: Clock;
  readonly lookup: Lookup;
  /** Rejects when the signal aborts. */
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /** From 0 to 1, for the jitter of waits. */
  readonly random: () => number;
  /** Runs credential helpers; undefined refuses a credentials file that names one. */
  readonly exec: Exec | undefined;
  /** The whole environment of a credential helper. */
  readonly helperEnvironment: Readonly<Record<string, string>>;
  /** The absolute path of a path in the settings. */
  readonly resolvePath: (path: string) => string;
}

/** All registries behind one door, with connections, tokens and certificates that outlive a run. */
export interface Registries {
  /** The registries for one run: each question is asked once, and a tag means one digest. */
  forRun(): Registry;
  /** Closes idle connections. */
  close(): void;
}

/**
 * Routes each repository to the host or folder that the settings give it. Throws REGISTRY_SETTINGS_INVALID for settings
 * that cannot be meant; files that they name are read when a host is first asked.
 */
export function createRegistries(
  settings: { readonly registries: RegistriesSettings; readonly credentials: RegistryCredentials | undefined },
  ports: RegistryPorts,
  limits: RegistryLimits = defaultLimits,
): Registries {
  const hosts = createHosts(settings.registries, ports.resolvePath);
  const transport = createTransport(ports.lookup);
  const courier = createCourier({ ...ports, transport, limits });
  const findCredentials = createCredentials(settings.credentials, ports);
  const clients = new Map<string, Client>();

  const route = (repository: Repository, signal: AbortSignal): { readonly client: Client; readonly path: string } => {
    const { host, path, layout } = hosts.endpoint(repository);
    if (signal.aborted) throw aborted(signal, host);
    let client = clients.get(host.name);
    if (client === undefined) {
      client =
        layout === undefined
          ? createClient(host, { clock: ports.clock, courier, hosts, findCredentials, limits })
          : createLayoutClient(host.name, layout, limits);
      clients.set(host.name, client);
    }
    return { client, path: checkedPath(path) };
  };

  const registry: Registry = {
    async resolveTag(repository, tag, signal) {
      const { client, path } = route(repository, signal);
      return await client.resolveTag(path, checkedReference(tag), signal);
    },
    async manifest(repository, reference, signal) {
      const { client, path } = route(repository, signal);
      return await client.manifest(path, checkedReference(reference), signal);
    },
    async blob(repository, digest, maxBytes, signal) {
      const { client, path } = route(repository, signal);
      return await client.blob(path, checkedReference(digest), maxBytes, signal);
    },
    async referrers(repository, digest, signal) {
      const { client, path } = route(repository, signal);
      return await client.referrers(path, checkedReference(digest), signal);
    },
  };
  return { forRun: () => askOnce(registry, limits.runBytes), close: () => transport.close() };
}

/** Paths become URLs and file names: nothing that is parsed gets here malformed, and nothing malformed gets further. */
function checkedPath(path: string): string {
  if (path.length <= 512 && /^[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*$/.test(path))
    return path;
  throw new GateError('IMAGE_REFERENCE_INVALID', 'a repository path holds characters that no repository has');
}

function checkedReference<Reference extends string>(reference: Reference): Reference {
  if (/^(?:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}|sha256:[0-9a-f]{64})$/.test(reference)) return reference;
  throw new GateError('IMAGE_REFERENCE_INVALID', 'a tag or digest holds characters that none has');
}
