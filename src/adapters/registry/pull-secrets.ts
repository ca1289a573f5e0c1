import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { GateError } from '../../core/errors.ts';
import { type Credentials, type DockerConfig, entryFor, type FoundEntry, readDockerConfig } from './docker-config.ts';
import type { Host } from './hosts.ts';
import { rereadOnChange } from './platform-file.ts';

/** Kubernetes pull secrets in the gate's own store. */
export interface PullSecrets {
  /** Of these secrets, in their order; undefined where none of them has an entry for the repository. */
  named(names: readonly string[], host: Host, path: string): Promise<Credentials | undefined>;
  /** Of whatever secret names the repository most closely. */
  any(host: Host, path: string): Promise<Credentials | undefined>;
}

/** The two types of secret that Kubernetes pulls with, by their key, which is a file where they are mounted. */
const forms = [
  ['.dockerconfigjson', 'config'],
  ['.dockercfg', 'auths'],
] as const;
const maxSecrets = 256;

/**
 * The secrets below a folder, `<folder>/<name>/.dockerconfigjson` or `.dockercfg`; without a folder there are none. Only
 * their `auths` count, as Kubernetes has it: a Secret runs no program. Throws REGISTRY_SETTINGS_INVALID for one that is
 * named and not there, or cannot be used.
 */
export function createPullSecrets(folder: string | undefined): PullSecrets {
  const known = new Map<string, () => Promise<DockerConfig>>();

  const secret = async (name: string): Promise<DockerConfig> => {
    // The name of an object in Kubernetes; as a file name it must lead nowhere else.
    if (folder === undefined || !/^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/.test(name) || name.includes('..')) {
      const why = folder === undefined ? 'there is no store of them' : 'no Secret has that name';
      throw invalid(`the pull secret ${JSON.stringify(name.slice(0, 80))} cannot be used: ${why}`, {
        mend: 'Name the folder that holds it in registryPullSecrets, mounted at <name>/.dockerconfigjson.',
      });
    }
    let read = known.get(name);
    if (read === undefined) {
      const paths = forms.map(([file]) => join(folder, name, file));
      read = rereadOnChange(paths, async () => await readSecret(folder, name));
      known.set(name, read);
    }
    return await read();
  };

  return {
    async named(names, host, path) {
      // All of them are read, found or not: a policy that names a secret which is not there is a mistake that must show.
      const configs = await Promise.all(names.map(secret));
      for (const { auths } of configs) {
        const entry = entryFor(auths, host, path);
        if (entry?.credentials !== undefined) return entry.credentials;
      }
      return undefined;
    },

    async any(host, path) {
      if (folder === undefined) return undefined;
      let best: FoundEntry | undefined;
      for (const name of await secretsIn(folder)) {
        const entry = entryFor((await secret(name)).auths, host, path);
        if (entry?.credentials !== undefined && (best === undefined || entry.length > best.length)) best = entry;
      }
      return best?.credentials;
    },
  };
}

async function readSecret(folder: string, name: string): Promise<DockerConfig> {
  const present: string[] = await readdir(join(folder, name)).catch(() => []);
  const form = forms.find(([file]) => present.includes(file));
  if (form === undefined) {
    throw invalid(`the pull secret ${name} holds neither .dockerconfigjson nor .dockercfg`, {
      mend: 'Mount a Secret of type kubernetes.io/dockerconfigjson there.',
    });
  }
  return await readDockerConfig(join(folder, name, form[0]), `the pull secret ${name}`, form[1]);
}

async function secretsIn(folder: string): Promise<readonly string[]> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw invalid(`the folder of registryPullSecrets cannot be read (${code})`);
  }
  // `..data` and its like are how Kubernetes mounts; they are no secrets.
  const secrets = names.filter((name) => !name.startsWith('.')).sort();
  if (secrets.length <= maxSecrets) return secrets;
  throw invalid(`registryPullSecrets holds ${secrets.length} secrets, and at most ${maxSecrets} are read`);
}

function invalid(message: string, more: { mend?: string } = {}): GateError {
  return new GateError('REGISTRY_SETTINGS_INVALID', message, more);
}
