/**
 * A whole Argo CD on loopback, every part of it real: etcd, kube-apiserver, Redis, repo-server, application-controller.
 * Nothing else of a cluster runs: Deployments are stored and never become Pods, which is all that a sync needs.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { KubernetesObject, KubernetesObjectApi } from '@kubernetes/client-node';
import { parseAllDocuments } from 'yaml';
import { type KubernetesServer, startKubernetes } from '../kubernetes/cluster.ts';
import { tool } from '../tools/resolve.ts';
import { type Component, freePorts, startComponent, tail, waitFor } from './component.ts';

const run = promisify(execFile);
const argoModule = resolve(import.meta.dirname, '../tools/go/argocd');

export interface ControlPlane extends KubernetesServer {
  /** Creates the object, or brings it to this state. */
  apply(object: KubernetesObject): Promise<void>;
  /** The last words of every component, for the message of a failed test. */
  logs(): string;
}

export interface ControlPlaneOptions {
  /** The folder in which the repo-server finds the sockets of plugins. */
  readonly pluginSockets: string;
}

/** Argo CD with the namespaces `argocd` and `apps`, and a project `default` that allows everything. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const folder = mkdtempSync(join(tmpdir(), 'syncgate-argocd-'));
  const kubernetes = await startKubernetes();
  const components: Component[] = [];
  const stop = async () => {
    for (const component of components.toReversed()) await component.stop();
    await kubernetes.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  const apply = (object: KubernetesObject) => applyObject(kubernetes.api, object);
  try {
    await applyArgoCrds(kubernetes.api);
    for (const object of argoSettings()) await apply(object);
    await apply(defaultProject());
    const ports = (await freePorts(4)) as [number, number, number, number];
    const [redis, repoServer, repoMetrics, controllerMetrics] = ports;
    components.push(await startRedis(redis));
    const env = await argoEnvironment(folder);
    components.push(
      await startComponent({
        name: 'argocd-repo-server',
        program: await tool('argocd'),
        args: [
          ...['--redis', `127.0.0.1:${redis}`, '--address', '127.0.0.1', '--port', `${repoServer}`],
          ...['--metrics-address', '127.0.0.1', '--metrics-port', `${repoMetrics}`],
          ...['--revision-cache-expiration', '1s'], // else a new commit is seen after three minutes
        ],
        env: { ...env, ARGOCD_BINARY_NAME: 'argocd-repo-server', ARGOCD_PLUGINSOCKFILEPATH: options.pluginSockets },
        ready: () => listens(repoServer),
      }),
      await startComponent({
        name: 'argocd-application-controller',
        program: await tool('argocd'),
        args: [
          ...['--kubeconfig', kubernetes.kubeconfigFile, '--namespace', 'argocd', '--redis', `127.0.0.1:${redis}`],
          ...['--repo-server', `127.0.0.1:${repoServer}`, '--metrics-port', `${controllerMetrics}`],
          ...['--app-resync', '10', '--repo-error-grace-period-seconds', '0'],
        ],
        env: {
          ...env,
          ARGOCD_BINARY_NAME: 'argocd-application-controller',
          KUBECONFIG: kubernetes.kubeconfigFile,
          ARGOCD_CONTROLLER_REPLICAS: '1',
        },
        ready: () => listens(controllerMetrics),
      }),
    );
  } catch (error) {
    await stop();
    throw error;
  }
  const all = [...kubernetes.components, ...components];
  return {
    ...kubernetes,
    components: all,
    apply,
    logs: () => all.map((component) => `--- ${component.name}\n${tail(component.log())}`).join('\n'),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Creates the object, or replaces what is there (server-side apply would leave fields of other owners behind). */
async function applyObject(api: KubernetesObjectApi, object: KubernetesObject): Promise<void> {
  try {
    await api.create(object);
  } catch (error) {
    if (!isStatus(error, 409)) throw error;
    const metadata = { name: object.metadata?.name ?? '', namespace: object.metadata?.namespace ?? '' };
    const live = await api.read({ ...object, metadata });
    const version = live.metadata?.resourceVersion;
    await api.replace({ ...object, metadata: { ...object.metadata, ...(version && { resourceVersion: version }) } });
  }
}

export function isStatus(error: unknown, status: number): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === status;
}

/** The folder of a file in the Argo CD module that the tests' argocd is built from. */
export async function argoModuleFolder(): Promise<string> {
  const args = ['mod', 'download', '-json', 'github.com/argoproj/argo-cd/v3'];
  const { stdout } = await run('go', args, { cwd: argoModule, maxBuffer: 1024 * 1024 });
  const { Dir } = JSON.parse(stdout) as { Dir?: string };
  if (Dir === undefined) throw new Error('`go mod download` did not say where the Argo CD module is');
  return Dir;
}

async function startRedis(port: number): Promise<Component> {
  return await startComponent({
    name: 'redis-server',
    program: await tool('redis-server'),
    args: ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
    env: { PATH: process.env['PATH'] ?? '' },
    ready: () => listens(port),
  });
}

async function argoEnvironment(folder: string): Promise<Record<string, string>> {
  const temporary = join(folder, 'tmp');
  mkdirSync(temporary, { recursive: true });
  return {
    // git-verify-wrapper.sh is ours.
    PATH: [join(import.meta.dirname, 'bin'), process.env['PATH'] ?? ''].join(delimiter),
    HOME: folder,
    TMPDIR: temporary,
    ARGOCD_GPG_ENABLED: 'false',
    ARGOCD_FAKE_IN_CLUSTER: 'true',
  };
}

function listens(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      done(true);
    });
    socket.once('error', () => done(false));
  });
}

async function argoCrds(): Promise<KubernetesObject[]> {
  const folder = join(await argoModuleFolder(), 'manifests/crds');
  const files = ['application-crd.yaml', 'applicationset-crd.yaml', 'appproject-crd.yaml'];
  return files.flatMap((file) =>
    parseAllDocuments(readFileSync(join(folder, file), 'utf8')).map((document) => document.toJS() as KubernetesObject),
  );
}

/** Teaches a server Argo CD's kinds, and waits until it serves them. */
export async function applyArgoCrds(api: KubernetesObjectApi): Promise<void> {
  for (const object of await argoCrds()) await applyObject(api, object);
  for (const kind of ['Application', 'ApplicationSet', 'AppProject']) {
    await waitFor(`${kind} to be served`, 60_000, async () => {
      await api.list('argoproj.io/v1alpha1', kind, 'default');
      return true;
    });
  }
}

function argoSettings(): KubernetesObject[] {
  const metadata = (name: string) => ({
    name,
    namespace: 'argocd',
    labels: { 'app.kubernetes.io/part-of': 'argocd' },
  });
  const objects: unknown[] = [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'argocd' } },
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'apps' } },
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: metadata('argocd-cm'), data: {} },
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: metadata('argocd-rbac-cm'), data: {} },
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: metadata('argocd-secret'),
      stringData: { 'server.secretkey': 'test' },
    },
  ];
  return objects as KubernetesObject[];
}

function defaultProject(): KubernetesObject {
  return {
    apiVersion: 'argoproj.io/v1alpha1',
    kind: 'AppProject',
    metadata: { name: 'default', namespace: 'argocd' },
    spec: {
      sourceRepos: ['*'],
      destinations: [{ server: '*', namespace: '*' }],
      clusterResourceWhitelist: [{ group: '*', kind: '*' }],
    },
  } as KubernetesObject;
}
