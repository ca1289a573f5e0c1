/**
 * A whole Flux on loopback, every part of it real: etcd, kube-apiserver with RBAC, source-controller,
 * kustomize-controller, and a Git repository. Nothing else of a cluster runs, so Deployments never become Pods and
 * what is deleted leaves its dependents behind.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { type Component, freePorts, startComponent, tail, waitFor } from '../argocd/component.ts';
import { moduleFolder } from '../go-modules.ts';
import { type Client, conditionOf, openClient, type Reference, type Writable } from '../kubernetes/client.ts';
import { type KubernetesServer, serviceAccount, startKubernetes, type User } from '../kubernetes/cluster.ts';
import { findTool, tool } from '../tools/resolve.ts';
import { type GitServer, startGitServer } from './git-server.ts';
import { deployerOf, fluxRbac } from './rbac.ts';

/** Who asks the API server, besides its administrator `admin`. */
export const USERS = {
  sourceController: serviceAccount('flux-system', 'source-controller'),
  kustomizeController: serviceAccount('flux-system', 'kustomize-controller'),
  /** The gated source's own account. What it may do is what the shipped manifests give it. */
  syncgate: serviceAccount('syncgate-system', 'syncgate'),
  /** The webhook's. */
  admission: serviceAccount('syncgate-system', 'syncgate-admission'),
  /** Somebody who administers the namespace `apps`, and nothing else. */
  tenant: serviceAccount('apps', 'tenant'),
} as const satisfies Record<string, User>;

export interface FluxOptions {
  /** Whether consumers may use ExternalArtifacts: Flux says no if it is not asked. */
  readonly externalArtifact?: boolean;
  /** Whether the controllers of Flux run; without them there are the API server and the kinds. */
  readonly controllers?: boolean;
  readonly apiServerArgs?: readonly string[];
  /** `flux-system`, `apps` and `syncgate-system` where nothing is said. */
  readonly namespaces?: readonly string[];
}

/** A program that can be taken away and had back. */
interface Program {
  /** With further arguments, which win over those that it has. */
  start(more?: readonly string[]): Promise<void>;
  stop(): Promise<void>;
  log(): string;
  readonly pid: number;
}

export interface Flux extends AsyncDisposable {
  readonly server: KubernetesServer;
  readonly admin: Client;
  readonly git: GitServer;
  readonly sourceController: Program;
  readonly kustomizeController: Program;
  /** A client with the token of a user of `USERS`. */
  as(user: User): Client;
  /** The last words of every component, for the message of a failed test. */
  logs(): string;
  stop(): Promise<void>;
}

/** Starts all of it, and creates its namespaces. */
export async function startFlux(options: FluxOptions = {}): Promise<Flux> {
  const folder = mkdtempSync(join(tmpdir(), 'syncgate-flux-'));
  const removeWithTests = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', removeWithTests);
  const clients: Client[] = [];
  const ends: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (const end of ends.toReversed()) await end();
    for (const client of clients) client[Symbol.dispose]();
    process.off('exit', removeWithTests);
    removeWithTests();
  };
  try {
    const server = await startKubernetes({
      users: Object.values(USERS),
      ...(options.apiServerArgs !== undefined && { apiServerArgs: options.apiServerArgs }),
    });
    ends.push(server.stop);
    const as = (user: User | { readonly name: 'admin' }) => {
      const client = openClient(server, user.name);
      clients.push(client);
      return client;
    };
    const admin = as({ name: 'admin' });
    const git = await startGitServer();
    ends.push(git.stop);
    const { namespaces = ['flux-system', 'apps', 'syncgate-system'] } = options;
    for (const name of namespaces) {
      await admin.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    }
    const roles = namespaces.includes('apps') ? [...fluxRbac, ...tenantRbac, ...deployerOf('apps')] : fluxRbac;
    for (const object of roles) await admin.apply(object);
    await applyFluxKinds(admin);
    const sourceController = await sourceControllerOf(server, folder);
    const kustomizeController = await kustomizeControllerOf(server, folder, options.externalArtifact ?? true);
    ends.push(sourceController.stop, kustomizeController.stop);
    if (options.controllers !== false) await Promise.all([sourceController.start(), kustomizeController.start()]);
    const logs = () =>
      [
        ...server.components.map((component) => [component.name, component.log()]),
        ['source-controller', sourceController.log()],
        ['kustomize-controller', kustomizeController.log()],
      ]
        .map(([name, log = '']) => `--- ${name}\n${tail(log)}`)
        .join('\n');
    return {
      ...{ server, admin, git, sourceController, kustomizeController, as, logs, stop },
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Teaches a server the kinds of source-controller and kustomize-controller, and waits until it serves them. */
export async function applyFluxKinds(admin: Client): Promise<void> {
  const definitions = (
    await Promise.all([definitionsOf('source-controller'), definitionsOf('kustomize-controller')])
  ).flat();
  await Promise.all(definitions.map((definition) => admin.apply(definition)));
  for (const definition of definitions) await served(admin, definition);
}

/** Waits until the kind of a CustomResourceDefinition is served. */
export async function served(admin: Client, definition: Reference): Promise<void> {
  await admin.until(definition, 'to be established', (live) => conditionOf(live, 'Established')?.status === 'True');
  const { group, versions, names } = (await admin.get(definition))?.['spec'] ?? {};
  await waitFor(`${definition.metadata.name} to be served`, 30_000, async () => {
    const { status } = await admin.send('GET', `/apis/${group}/${versions[0].name}/${names.plural}`);
    return status === 200 ? true : undefined;
  });
}

/** The module that a controller is built from holds the definitions of its kinds. */
async function definitionsOf(name: 'source-controller' | 'kustomize-controller'): Promise<Writable[]> {
  const module = await moduleFolder(`github.com/fluxcd/${name}@${findTool(name).version}`);
  const folder = join(module, 'config/crd/bases');
  return readdirSync(folder).flatMap((file) =>
    parseAllDocuments(readFileSync(join(folder, file), 'utf8')).map((document) => document.toJS() as Writable),
  );
}

async function sourceControllerOf(server: KubernetesServer, folder: string): Promise<Program> {
  const [storage, metrics, health] = (await freePorts(3)) as [number, number, number];
  const path = join(folder, 'sources');
  mkdirSync(path);
  return await controller('source-controller', server.kubeconfigFileOf(USERS.sourceController.name), folder, health, [
    ...[`--storage-path=${path}`, `--storage-addr=127.0.0.1:${storage}`, `--storage-adv-addr=127.0.0.1:${storage}`],
    ...[`--metrics-addr=127.0.0.1:${metrics}`, `--health-addr=127.0.0.1:${health}`],
    ...['--requeue-dependency=1s', '--min-retry-delay=200ms', '--max-retry-delay=2s', '--events-addr='],
  ]);
}

async function kustomizeControllerOf(server: KubernetesServer, folder: string, external: boolean): Promise<Program> {
  const [metrics, health] = (await freePorts(2)) as [number, number];
  const kubeconfig = server.kubeconfigFileOf(USERS.kustomizeController.name);
  return await controller('kustomize-controller', kubeconfig, folder, health, [
    ...[`--metrics-addr=127.0.0.1:${metrics}`, `--health-addr=127.0.0.1:${health}`],
    ...['--requeue-dependency=1s', '--min-retry-delay=200ms', '--max-retry-delay=2s', '--events-addr='],
    ...['--http-retry=1', ...(external ? ['--feature-gates=ExternalArtifact=true'] : [])],
  ]);
}

async function controller(
  name: 'source-controller' | 'kustomize-controller',
  kubeconfig: string,
  folder: string,
  health: number,
  args: readonly string[],
): Promise<Program> {
  const temporary = join(folder, `${name}-tmp`);
  mkdirSync(temporary);
  const program = await tool(name);
  let component: Component | undefined;
  let before = '';
  return {
    async start(more = []) {
      component = await startComponent({
        name,
        program,
        args: [...args, ...more],
        env: { KUBECONFIG: kubeconfig, HOME: folder, TMPDIR: temporary, RUNTIME_NAMESPACE: 'flux-system' },
        ready: async () => (await fetch(`http://127.0.0.1:${health}/readyz`)).ok,
      });
    },
    async stop() {
      before += component?.log() ?? '';
      await component?.stop();
      component = undefined;
    },
    log: () => before + (component?.log() ?? ''),
    get pid() {
      return component?.pid ?? -1;
    },
  };
}

const tenantRbac = [
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { name: 'tenant', namespace: 'apps' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ kind: 'ServiceAccount', name: 'tenant', namespace: 'apps' }],
  },
] as const;
