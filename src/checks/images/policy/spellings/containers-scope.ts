import type { ImageScope } from '../model.ts';

/** The key of a scope in `transports.docker`; undefined for the policy's `default`. */
export type ScopeKey = string | undefined;

/**
 * Which images each scope of a `policy.json` is for. Of the scopes that an image is in, the most specific one alone
 * counts (containers-policy.json(5)): the whole reference, its repository, each namespace above it, the host, the
 * host's domains as `*.example.com`, the empty scope, `default`.
 */
export function scopesOf(keys: readonly string[]): (key: ScopeKey) => ImageScope {
  const known = new Set(keys);
  const choose = (candidates: readonly string[]): ScopeKey => candidates.find((each) => known.has(each));
  return (key) => ({
    text: key === undefined ? 'default' : `docker ${key === '' ? '(every image)' : key}`,
    matches: (canonicalName) => choose(candidatesOf(containersName(canonicalName))) === key,
    couldMatchDigest(repositoryName) {
      const repository = containersName(repositoryName);
      const digests = `${repository}@sha256:`;
      // A digest of its own is more specific than whatever else there is.
      if (key?.startsWith(digests) && /^[0-9a-f]{64}$/.test(key.slice(digests.length))) return true;
      return choose([...namespacesOf(repository), '']) === key;
    },
  });
}

/** Docker Hub is `docker.io` here. */
function containersName(canonicalName: string): string {
  return canonicalName.startsWith('index.docker.io/') ? canonicalName.slice('index.'.length) : canonicalName;
}

function candidatesOf(name: string): string[] {
  const at = name.indexOf('@');
  const colon = name.lastIndexOf(':');
  const repository = at >= 0 ? name.slice(0, at) : colon > name.lastIndexOf('/') ? name.slice(0, colon) : name;
  return [name, ...namespacesOf(repository), ''];
}

/** go.podman.io/image `policyconfiguration.DockerReferenceNamespaces`. */
function namespacesOf(repository: string): string[] {
  const found: string[] = [];
  let name = repository;
  for (;;) {
    found.push(name);
    const slash = name.lastIndexOf('/');
    if (slash < 0) break;
    name = name.slice(0, slash);
  }
  const port = name.indexOf(':');
  let host = port < 0 ? name : name.slice(0, port);
  for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.')) {
    host = host.slice(dot + 1);
    found.push(`*.${host}`);
  }
  return found;
}

/** Why a scope can match no image by its canonical name, however the image is spelled; undefined if it can. */
export function scopeProblem(key: string): string | undefined {
  if (key === '') return undefined;
  const [host = ''] = key.split('/');
  if (host === 'index.docker.io' || host === 'registry-1.docker.io' || host === 'registry.hub.docker.com') {
    return `Docker Hub is called docker.io in a policy.json, not ${host}`;
  }
  if (/[A-Z]/.test(host) || /\.(?::\d+)?$/.test(host) || host.endsWith(':443')) {
    return 'hosts are compared in lower case, without a trailing dot or :443';
  }
  if (host.startsWith('*') && host !== key) return 'a scope with * is a domain alone, such as *.example.com';
  if (host.slice(host.startsWith('*.') ? 2 : 0).includes('*')) return 'only the first part of a host can be *';
  const slash = key.indexOf('/');
  if (!/[.:]/.test(host) && host !== 'localhost') {
    return 'it begins with no registry host; names of Docker Hub begin with docker.io/';
  }
  if (
    slash >= 0 &&
    !/^[a-z0-9._/-]+(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}|@sha256:[0-9a-f]{64})?$/.test(key.slice(slash + 1))
  ) {
    return 'what follows the host is no repository, tag or sha256 digest';
  }
  if (key.endsWith('/') || key.includes('//')) return 'it has an empty part';
  return undefined;
}
