import { GateError } from '../core/errors.ts';
import type { Download, Exec, HostCredentials, Proxies } from '../core/ports.ts';
import type { SourceTree } from '../core/source.ts';
import { attempt, type Engine } from './engine.ts';
import { type Room, rendererEnvironment } from './environment.ts';
import type { Address } from './places.ts';
import type { Reading } from './reading.ts';
import type { RenderRequest } from './request.ts';
import type { RenderSettings } from './settings.ts';

/** The platform's store. */
export interface CredentialStore {
  readonly find: (address: Address) => HostCredentials | undefined;
  /** Every secret in it, so that no message shows one. */
  readonly secrets: readonly string[];
}

export const NO_CREDENTIALS: CredentialStore = { find: () => undefined, secrets: [] };

/** The world, as rendering sees it. */
export interface RenderPorts {
  readonly exec: Exec;
  /** Absolute path of this run's private folder; it exists, and whoever made it removes it. */
  readonly workspace: string;
  /** The absolute path of a program, by its name on the platform's PATH or by an absolute path. */
  readonly findProgram: (name: string) => string | undefined;
  /**
   * The process's own environment. Of it are used, and only for programs that fetch: PATH, the proxies, and what Argo CD
   * gives with `provideGitCreds`. No renderer sees any of it.
   */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Makes a path of the configuration absolute. */
  readonly resolvePath: (path: string) => string;
  readonly download: Download;
  /** `setpriv` of util-linux, if it is there: helm started by kustomize then dies with it. */
  readonly setpriv: string | undefined;
}

/** One rendering, as its parts see it. */
export interface RenderContext {
  readonly request: RenderRequest;
  readonly settings: RenderSettings;
  readonly ports: RenderPorts;
  readonly tree: SourceTree;
  /** The application's folder: real path in the tree. */
  readonly path: string;
  readonly room: Room;
  readonly credentials: CredentialStore;
  readonly proxies: Proxies;
  readonly engine: Engine;
  readonly reading: Reading;
}

const INSTALL = {
  kustomize:
    'Install kustomize (https://kubectl.docs.kubernetes.io/installation/kustomize/) there, or name it in spec.render.kustomize.path of the Gate.',
  helm: 'Install helm 3 or 4 (https://helm.sh/docs/intro/install/) there, or name it in spec.render.helm.path of the Gate.',
  git: 'Install git there: remote bases are fetched with it.',
};
/** Not the machine of whoever wrote the source: they are told this too, and can do nothing about it. */
const THERE = 'where the gate runs, in its container or on its machine';

/** The absolute path of a renderer. Throws RENDERER_MISSING, which says how to get it. */
export function findRenderer(name: 'kustomize' | 'helm' | 'git', settings: RenderSettings, ports: RenderPorts): string {
  const chosen = name === 'git' ? undefined : settings[name].path;
  const program = ports.findProgram(chosen ?? name);
  if (program !== undefined) return program;
  const what =
    chosen === undefined
      ? `${name} is not on PATH ${THERE}`
      : `spec.render.${name}.path of the Gate does not name a program ${THERE}`;
  throw new GateError('RENDERER_MISSING', what, { mend: INSTALL[name] });
}

const VERSION_PATIENCE_MS = 5000;

/** What a renderer says its version is; `unknown` where it does not say. Never rejects: it decides nothing. */
export async function versionOf(name: 'kustomize' | 'helm', program: string, context: RenderContext): Promise<string> {
  const args = name === 'kustomize' ? ['version'] : ['version', '--template', '{{.Version}}'];
  const env = rendererEnvironment(context.room);
  const patience = AbortSignal.timeout(VERSION_PATIENCE_MS);
  const engine = { ...context.engine, signal: AbortSignal.any([context.engine.signal, patience]) };
  const result = await attempt(engine, {
    program,
    args,
    cwd: context.room.root,
    env,
    name: `${name} version`,
  });
  const text = result.kind === 'exited' && result.code === 0 ? result.stdout.toString('utf8').trim() : '';
  return /^[\w.+-]{1,64}$/.test(text) ? text : 'unknown';
}

/**
 * The version of a cluster as Argo CD hands it on: its numbers alone, without what a vendor appends. Throws
 * PARAMETER_INVALID for what is no version.
 */
export function plainKubeVersion(version: string): string {
  if (version === '') return '';
  const numbers = /^\s*v?(\d+(?:\.\d+)+)/.exec(version)?.[1];
  if (numbers === undefined) {
    throw new GateError('PARAMETER_INVALID', `${JSON.stringify(version.slice(0, 50))} is not a Kubernetes version`);
  }
  return numbers;
}

/**
 * Refuses a text that helm or kustomize would not take for what it is: a flag, or (release names are templates to helm,
 * with functions that read the environment and ask the network) a template.
 */
export function refuseTrick(text: string, what: string): string {
  if (text.startsWith('-') || text.includes('{{') || /[\u0000-\u001f]/.test(text)) {
    throw new GateError('RENDER_ARGUMENT_REFUSED', `${what} may not be ${JSON.stringify(text.slice(0, 100))}`);
  }
  return text;
}
