import { createExec, findLaunchers } from '../adapters/exec.ts';
import type { Mirrored } from '../adapters/registry/mirror.ts';
import type { Registries } from '../adapters/registry/registries.ts';
import type { GateConfig } from '../config.ts';
import type { ImageReference, Repository } from '../core/image.ts';
import type { Exec, Proxies } from '../core/ports.ts';
import { type Lifetime, systemClock, type World } from './world.ts';

/** What a configuration says of registries; the rest of it is not looked at. */
export interface RegistryConfig {
  readonly spec: Pick<
    GateConfig['spec'],
    'registries' | 'registryCredentials' | 'registryPullSecrets' | 'registryCache'
  >;
  readonly resolvePath: GateConfig['resolvePath'];
}

/**
 * The registries that a configuration describes. REGISTRY_AUTH_FILE and the proxies are those of this process's environment,
 * which is the platform's: an application can set no variable in it.
 */
export async function openRegistries(
  { spec, resolvePath }: RegistryConfig,
  { env, metrics }: World,
  exec: Exec = createExec(findLaunchers()),
  lifetime: Lifetime = 'one verdict',
): Promise<Registries> {
  const [{ createRegistries }, { systemNetwork }] = await Promise.all([
    import('../adapters/registry/registries.ts'),
    import('../adapters/registry/system-ports.ts'),
  ]);
  return createRegistries(
    {
      registries: spec.registries,
      credentials: spec.registryCredentials,
      pullSecrets: spec.registryPullSecrets,
      cache: spec.registryCache,
      authFile: env['REGISTRY_AUTH_FILE'],
      lifetime,
    },
    {
      clock: systemClock,
      ...systemNetwork,
      exec,
      helperEnvironment: helperEnvironment(env),
      proxies: proxiesOf(env),
      resolvePath,
      metrics,
    },
  );
}

/** Copies images into a folder of layouts. */
export interface OpenMirror {
  mirror(image: ImageReference, sources: readonly Repository[], signal: AbortSignal): Promise<Mirrored>;
  close(): void;
}

/** Copies from the registries of a configuration; without one, from public ones. */
export async function openMirror(
  config: RegistryConfig | undefined,
  world: World,
  folder: string,
): Promise<OpenMirror> {
  const { mirrorImage } = await import('../adapters/registry/mirror.ts');
  const none = { registries: [], registryCredentials: undefined, registryPullSecrets: undefined };
  const registries = await openRegistries(
    config ?? { spec: { ...none, registryCache: undefined }, resolvePath: (path) => path },
    world,
  );
  return {
    // A run for each: what one image may cost is bounded, and what it holds is let go of.
    mirror: (image, sources, signal) => mirrorImage(image, sources, folder, registries.forRun(), signal),
    close: () => registries.close(),
  };
}

/** The proxies that this process was given. */
export function proxiesOf(env: World['env']): Proxies {
  return {
    https: env['HTTPS_PROXY'] ?? env['https_proxy'],
    http: env['HTTP_PROXY'] ?? env['http_proxy'],
    none: env['NO_PROXY'] ?? env['no_proxy'],
  };
}

/** How credential helpers of clouds learn who they are (workload identity), where to ask, and through what. */
const forHelpers = /^(?:PATH|(?:AWS|AZURE|GOOGLE|CLOUDSDK|GCE)_[A-Z0-9_]+|SSL_CERT_(?:FILE|DIR)|(?:https?|no)_proxy)$/i;

function helperEnvironment(env: World['env']): Record<string, string> {
  const passed = Object.entries(env).filter((entry): entry is [string, string] => {
    return entry[1] !== undefined && forHelpers.test(entry[0]);
  });
  return { HOME: env['HOME'] ?? '/', ...Object.fromEntries(passed) };
}
