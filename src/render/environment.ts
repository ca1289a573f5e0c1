import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import type { Proxies } from '../core/ports.ts';
import { writeError } from './copy.ts';

/** The folders of one run: nothing of the user's own home, caches or configuration is seen by a renderer. */
export interface Room {
  readonly root: string;
  readonly tree: string;
  readonly home: string;
  readonly temporary: string;
  /** A folder that is never made, for everything that must not be found. */
  readonly empty: string;
  readonly helm: string;
  readonly values: string;
  readonly programs: string;
}

/**
 * Makes the folder of one rendering inside the run's private one. The folders in it are made by whoever writes there: the
 * programs need no more than their names, and each costs time.
 */
export function createRoom(workspace: string): Room {
  try {
    const root = mkdtempSync(join(workspace, 'render-'));
    const room: Room = {
      root,
      tree: join(root, 'tree'),
      home: join(root, 'home'),
      temporary: join(root, 'tmp'),
      empty: join(root, 'empty'),
      helm: join(root, 'helm'),
      values: join(root, 'values'),
      programs: join(root, 'bin'),
    };
    return room;
  } catch (error) {
    throw writeError(error);
  }
}

/** A port on which nobody answers: what a renderer tries to fetch over a proxy ends here. */
const NOWHERE = 'http://127.0.0.1:9';

/**
 * The whole environment of a renderer. PATH is an empty folder, so it finds no git, no helm, no plugin and no
 * credential helper; proxies lead nowhere; every folder that kustomize and helm ask for is private and empty.
 */
export function rendererEnvironment(room: Room): Record<string, string> {
  return {
    ...homes(room),
    PATH: room.empty,
    HTTP_PROXY: NOWHERE,
    HTTPS_PROXY: NOWHERE,
    ALL_PROXY: NOWHERE,
    NO_PROXY: '',
    http_proxy: NOWHERE,
    https_proxy: NOWHERE,
    no_proxy: '',
  };
}

/** The environment of a program that fetches; templates never run in it. */
export function fetchEnvironment(room: Room, searchPath: string, proxies: Proxies): Record<string, string> {
  const env: Record<string, string> = { ...homes(room), PATH: searchPath };
  const set = (name: string, value: string | undefined): void => {
    if (value === undefined || value === '') return;
    env[name] = value;
    env[name.toLowerCase()] = value;
  };
  set('HTTPS_PROXY', proxies.https);
  set('HTTP_PROXY', proxies.http);
  set('NO_PROXY', proxies.none);
  return env;
}

function homes(room: Room): Record<string, string> {
  return {
    LANG: 'C.UTF-8',
    HOME: room.home,
    TMPDIR: room.temporary,
    XDG_CONFIG_HOME: join(room.home, '.config'),
    XDG_CACHE_HOME: join(room.home, '.cache'),
    XDG_DATA_HOME: join(room.home, '.local', 'share'),
    KUSTOMIZE_PLUGIN_HOME: room.empty,
    KUBECONFIG: join(room.empty, 'kubeconfig'),
    HELM_CONFIG_HOME: join(room.helm, 'config'),
    HELM_CACHE_HOME: join(room.helm, 'cache'),
    HELM_DATA_HOME: join(room.helm, 'data'),
    HELM_PLUGINS: room.empty,
    HELM_REPOSITORY_CONFIG: join(room.helm, 'repositories.yaml'),
    HELM_REPOSITORY_CACHE: join(room.helm, 'cache', 'repository'),
    HELM_REGISTRY_CONFIG: join(room.helm, 'registry.json'),
  };
}
