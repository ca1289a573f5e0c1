import type { Agent } from 'node:http';
import { GateError } from '../../core/errors.ts';
import type { Certificates, Host } from './hosts.ts';

/** The connections to one origin, kept open between requests. */
interface Connections {
  readonly agent: Agent;
  readonly certificates: Certificates | undefined;
  inUse: number;
  /** Nobody is to be given it any more. */
  retired: boolean;
}

/**
 * Agents by origin, so many at once: which hosts are asked is up to applications. One whose certificates have changed is
 * replaced. None is closed while something goes over it.
 */
export class Agents {
  readonly #kept = new Map<string, Connections>();
  readonly #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Calls `use` with the agent for an origin, reached through `proxy` if there is one. */
  async with<Answer>(
    url: URL,
    host: Host,
    proxy: URL | undefined,
    use: (agent: Agent) => Promise<Answer>,
  ): Promise<Answer> {
    const certificates = await host.certificates();
    const key = url.origin;
    let found = this.#kept.get(key);
    if (found !== undefined && found.certificates !== certificates) {
      this.#retire(key, found);
      found = undefined;
    }
    if (found === undefined) {
      found = { agent: makeAgent(url, host, certificates, proxy), certificates, inUse: 0, retired: false };
    } else this.#kept.delete(key);
    this.#kept.set(key, found);
    for (const [oldest, connections] of this.#kept) {
      if (this.#kept.size <= this.#capacity) break;
      if (oldest !== key) this.#retire(oldest, connections);
    }
    found.inUse += 1;
    try {
      return await use(found.agent);
    } finally {
      found.inUse -= 1;
      if (found.retired && found.inUse === 0) found.agent.destroy();
    }
  }

  /** Closes all connections. */
  close(): void {
    for (const { agent } of this.#kept.values()) agent.destroy();
    this.#kept.clear();
  }

  #retire(key: string, connections: Connections): void {
    connections.retired = true;
    if (this.#kept.get(key) === connections) this.#kept.delete(key);
    if (connections.inUse === 0) connections.agent.destroy();
  }
}

function makeAgent(url: URL, host: Host, own: Certificates | undefined, proxy: URL | undefined): Agent {
  if (url.protocol === 'http:') {
    const proxyEnv = proxy === undefined ? {} : { proxyEnv: { HTTP_PROXY: proxy.href } };
    return new (process.getBuiltinModule('node:http').Agent)({ keepAlive: true, ...proxyEnv });
  }
  const proxyEnv = proxy === undefined ? {} : { proxyEnv: { HTTPS_PROXY: proxy.href } };
  const { Agent } = process.getBuiltinModule('node:https');
  if (own === undefined) return new Agent({ keepAlive: true, ...proxyEnv });
  const { createSecureContext, getCACertificates } = process.getBuiltinModule('node:tls');
  try {
    const secureContext = createSecureContext({
      // `ca` replaces the usual roots, so they are named beside it.
      ...(own.ca === undefined ? {} : { ca: [...getCACertificates('default'), own.ca] }),
      ...(own.cert === undefined ? {} : { cert: own.cert, key: own.key }),
    });
    return new Agent({ keepAlive: true, secureContext, ...proxyEnv });
  } catch (error) {
    throw new GateError('REGISTRY_SETTINGS_INVALID', `the certificates of registry ${host.name} cannot be used`, {
      cause: error,
    });
  }
}
