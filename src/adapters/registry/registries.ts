import { GateError } from '../../core/errors.ts';
import type { Clock, Exec, Proxies, ReadRepository, Registry } from '../../core/ports.ts';
import type { Metrics } from '../../core/telemetry.ts';
import { type Client, createClient } from './client.ts';
import { createCourier } from './courier.ts';
import { type CommonCredentials, createCredentials } from './credentials.ts';
import { createDiskCache } from './disk-cache.ts';
import { createHosts } from './hosts.ts';
import { createLayoutClient } from './layout.ts';
import { defaultLimits, type RegistryLimits } from './limits.ts';
import type { Lookup } from './lookup.ts';
import { createProxyFor } from './proxy.ts';
import { Recent } from './recent.ts';
import { askOnce } from './run.ts';
import type { RegistriesSettings, RegistryCache } from './settings.ts';
import { shareRuns } from './shared.ts';
import { aborted, createTransport } from './transport.ts';

export interface RegistryPorts {
  readonly clock: Clock;
  /** Milliseconds, from whenever, by a clock that nobody sets: what holds for so long is counted by it. */
  readonly elapsed: () => number;
  readonly lookup: Lookup;
  /** Rejects when the signal aborts. */
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /** From 0 to 1, for the jitter of waits. */
  readonly random: () => number;
  /** Runs credential helpers; undefined refuses a credentials file that names one. */
  readonly exec: Exec | undefined;
  /** The whole environment of a credential helper. */
  readonly helperEnvironment: Readonly<Record<string, string>>;
  /** Proxies of this process; without them every host is connected to directly. */
  readonly proxies?: Proxies;
  /** The absolute path of a path in the settings. */
  readonly resolvePath: (path: string) => string;
  /** Counts requests; nobody does where it is left out. */
  readonly metrics?: Metrics | undefined;
}

/** All registries behind one door, with connections, tokens and certificates that outlive a run. */
export interface Registries {
  /** The registries for one run: each question is asked once, and a tag means one digest. */
  forRun(): Registry;
  /** Closes idle connections. */
  close(): void;
}

export interface RegistrySettings extends CommonCredentials {
  readonly registries: RegistriesSettings;
  readonly cache?: RegistryCache | undefined;
  /** Whether this process lives for one verdict, or goes on. */
  readonly lifetime?: 'one verdict' | 'many verdicts';
}

/**
 * Routes each repository to the host or folder that the settings give it. Throws REGISTRY_SETTINGS_INVALID for settings
 * that cannot be meant; files that they name are read when a host is first asked.
 */
export function createRegistries(
  settings: RegistrySettings,
  ports: RegistryPorts,
  limits: RegistryLimits = defaultLimits,
): Registries {
  const { cache, lifetime = 'one verdict' } = settings;
  const hosts = createHosts(settings.registries, ports.resolvePath);
  const proxyFor = createProxyFor(ports.proxies ?? { https: undefined, http: undefined, none: undefined });
  const transport = createTransport(ports.lookup, proxyFor, limits.remembered, ({ listed }, result) =>
    ports.metrics?.count('syncgate_registry_requests_total', { registry: listed ? 'listed' : 'other', result }),
  );
  const courier = createCourier({ ...ports, transport, limits });
  const credentials = createCredentials(settings, ports);
  const clients = new Recent<Client>(limits.remembered);

  const route = (
    repository: ReadRepository,
    signal: AbortSignal,
  ): { readonly client: Client; readonly path: string } => {
    const { host, path, layout } = hosts.endpoint(repository);
    if (signal.aborted) throw aborted(signal, host);
    const { pullSecrets = [] } = repository;
    // What one Secret may read is no answer for another.
    const key = [host.name, ...pullSecrets].join(' ');
    let client = clients.get(key);
    if (client === undefined) {
      const findCredentials = credentials(pullSecrets);
      client =
        layout === undefined
          ? createClient(host, { elapsed: ports.elapsed, courier, hosts, findCredentials, limits })
          : createLayoutClient(host.name, layout, limits);
      clients.set(key, client);
    }
    return { client, path: checkedPath(path) };
  };

  const asked: Registry = {
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
  const shared = shareRuns(asked, {
    elapsed: ports.elapsed,
    memoryBytes: limits.memoryBytes,
    absentMs: lifetime === 'many verdicts' ? limits.absentMs : 0,
    disk: cache && createDiskCache(cache, ports.resolvePath(cache.folder), limits, ports.clock),
  });
  // A folder is at hand anyway, and what changes in it must show.
  const of = (repository: ReadRepository) => (hosts.endpoint(repository).layout === undefined ? shared : asked);
  const registry: Registry = {
    resolveTag: (repository, tag, signal) => of(repository).resolveTag(repository, tag, signal),
    manifest: (repository, reference, signal) => of(repository).manifest(repository, reference, signal),
    blob: (repository, digest, maxBytes, signal) => of(repository).blob(repository, digest, maxBytes, signal),
    referrers: (repository, digest, signal) => of(repository).referrers(repository, digest, signal),
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
