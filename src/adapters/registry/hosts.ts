import { GateError } from '../../core/errors.ts';
import { parseImageReference, type Repository } from '../../core/image.ts';
import { readPlatformFile, rereadOnChange } from './platform-file.ts';
import type { RegistriesSettings, RegistryEntry } from './settings.ts';

/** What may be done with one host. There is one for every host that is asked, listed or not. */
export interface Host {
  /** As messages name it. */
  readonly name: string;
  /** Scheme, host and port of its API. */
  readonly origin: string;
  /** Only a listed host may have an address that is not public. */
  readonly listed: boolean;
  /** Whether the platform leads here: by its list, or from a host on it. Any other name an application has chosen. */
  readonly known: boolean;
  /** Its settings; none where it is not listed. */
  readonly entry: RegistryEntry | undefined;
  /** Certificates for TLS; undefined for the usual ones alone. Read again when they change; the same object until then. */
  certificates(): Promise<Certificates | undefined>;
}

export interface Certificates {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

/** Where the API of a repository is: on which host, and under which path. */
interface Endpoint {
  readonly host: Host;
  readonly path: string;
  /** Folder that stands for the registry. */
  readonly layout: string | undefined;
}

export interface Hosts {
  /** Where a repository is asked for, its mirror followed. */
  endpoint(repository: Repository): Endpoint;
  /** The host that a URL leads to. */
  of(url: URL): Host;
}

const dockerHub = 'index.docker.io';
const dockerHubApi = 'registry-1.docker.io';

/**
 * The hosts of the settings, by their canonical spelling: `GHCR.io:443` and `ghcr.io` are one. Throws
 * REGISTRY_SETTINGS_INVALID for what is not a host, for one that is listed twice, and for a mirror of a mirror.
 */
export function createHosts(settings: RegistriesSettings, resolvePath: (path: string) => string): Hosts {
  const byName = new Map<string, Host>();
  const byOrigin = new Map<string, Host>();
  for (const entry of settings) {
    const name = canonicalHost(entry.host);
    if (byName.has(name)) throw invalid(`registries lists ${name} twice`);
    const host = makeHost(name, entry, resolvePath);
    byName.set(name, host);
    // What a folder stands for is not on the network: a redirect there leads to a host that nobody listed.
    if (entry.layout === undefined) byOrigin.set(host.origin, host);
  }
  const mirrors = new Map<string, { host: Host; prefix: string }>();
  for (const [name, { entry }] of byName) {
    if (entry?.mirror === undefined) continue;
    const slash = `${entry.mirror}/`.indexOf('/');
    const target = canonicalHost(entry.mirror.slice(0, slash));
    const prefix = entry.mirror.slice(slash + 1).replace(/\/$/, '');
    const listed = byName.get(target)?.entry;
    if (listed?.mirror !== undefined) throw invalid(`the mirror of ${name} has a mirror itself`);
    if (listed?.layout !== undefined)
      throw invalid(`the mirror of ${name} is a layout; give ${name} that layout itself`);
    mirrors.set(name, { host: byName.get(target) ?? { ...unlistedHost(target), known: true }, prefix });
  }
  return {
    endpoint({ registry, path }) {
      const mirror = mirrors.get(registry);
      const host = mirror?.host ?? byName.get(registry) ?? unlistedHost(registry);
      const layout = host.entry?.layout;
      return {
        host,
        path: mirror === undefined || mirror.prefix === '' ? path : `${mirror.prefix}/${path}`,
        layout: layout === undefined ? undefined : resolvePath(layout),
      };
    },
    of: (url) => byOrigin.get(url.origin) ?? unlistedHost(url.host, url.origin),
  };
}

/** A registry host in the spelling of `Repository.registry`. Throws REGISTRY_SETTINGS_INVALID if it is no host. */
export function canonicalHost(text: string): string {
  // References are the one place that knows how hosts are spelled; a path of two parts keeps Docker Hub's implied one out.
  const name = text.includes('/') ? undefined : hostOfReference(`${text}/a/b`);
  if (name === undefined)
    throw invalid(`registries: "${text.slice(0, 100)}" is not a host as image references write it`);
  return name;
}

function hostOfReference(text: string): string | undefined {
  try {
    const { registry, path } = parseImageReference(text).repository;
    return path === 'a/b' ? registry : undefined;
  } catch {
    return undefined;
  }
}

function makeHost(name: string, entry: RegistryEntry, resolvePath: (path: string) => string): Host {
  const files = [entry.ca, entry.clientCert, entry.clientKey].filter((path) => path !== undefined).map(resolvePath);
  return {
    name,
    origin: originOf(name, entry.plainHttp === true ? 'http' : 'https'),
    listed: true,
    known: true,
    entry,
    certificates:
      files.length === 0
        ? async () => undefined
        : rereadOnChange(files, () => readCertificates(name, entry, resolvePath)),
  };
}

function unlistedHost(name: string, origin = originOf(name, 'https')): Host {
  return {
    name,
    origin,
    listed: false,
    known: false,
    entry: undefined,
    certificates: async () => undefined,
  };
}

function originOf(name: string, scheme: 'http' | 'https'): string {
  return new URL(`${scheme}://${name === dockerHub ? dockerHubApi : name}`).origin;
}

async function readCertificates(
  name: string,
  entry: RegistryEntry,
  resolvePath: (path: string) => string,
): Promise<Certificates> {
  const read = async (field: 'ca' | 'clientCert' | 'clientKey') => {
    const path = entry[field];
    if (path === undefined) return undefined;
    const text = await readPlatformFile(resolvePath(path), `${field} of registry ${name}`);
    if (!text.includes('-----BEGIN ')) throw invalid(`${field} of registry ${name} is not a PEM file`);
    return text;
  };
  return { ca: await read('ca'), cert: await read('clientCert'), key: await read('clientKey') };
}

function invalid(message: string): GateError {
  return new GateError('REGISTRY_SETTINGS_INVALID', message);
}
