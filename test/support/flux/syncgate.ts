/** The gate beside Flux: the built command, with the account and the rights that the shipped manifests give it. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { parseAllDocuments, stringify } from 'yaml';
import { freePorts, startComponent } from '../argocd/component.ts';
import { builtCommand } from '../cli.ts';
import type { Writable } from '../kubernetes/client.ts';
import { tool } from '../tools/resolve.ts';
import { type Flux, served, USERS } from './flux.ts';
import type { GateFiles } from './gates.ts';

const run = promisify(execFile);
const projectRoot = resolve(import.meta.dirname, '../../..');

/** The objects of a folder of shipped manifests, as `kustomize build` has them. */
export async function shippedObjects(folder: string): Promise<readonly Writable[]> {
  const { stdout } = await run(await tool('kustomize'), ['build', join(projectRoot, folder)], { maxBuffer: 1e8 });
  return parseAllDocuments(stdout).map((document) => document.toJS() as Writable);
}

/** The objects of an overlay with components of `flux/components`, as somebody's own kustomization has them. */
export async function composedObjects(overlay: string, components: readonly string[]): Promise<readonly Writable[]> {
  const folder = mkdtempSync(join(tmpdir(), 'syncgate-composed-'));
  const from = (path: string) => relative(folder, join(projectRoot, 'flux', path));
  try {
    const resources = [from(`overlays/${overlay}`)];
    const composed = { resources, components: components.map((name) => from(`components/${name}`)) };
    writeFileSync(join(folder, 'kustomization.yaml'), stringify(composed));
    return await shippedObjects(relative(projectRoot, folder));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Nothing here runs Pods, and a webhook must be where this test has it: what names either is left out. */
const notHere = new Set(['Deployment', 'StatefulSet', 'ValidatingWebhookConfiguration']);

/** Applies what is shipped, but for its workloads: kinds, accounts, roles, admission policies, Services. Gates `apps`. */
export async function applyShipped(flux: Flux, folder = 'flux/overlays/source'): Promise<void> {
  const objects = (await shippedObjects(folder)).filter(({ kind }) => !notHere.has(kind));
  const isKind = ({ kind }: Writable) => kind === 'CustomResourceDefinition' || kind === 'Namespace';
  for (const object of objects.filter(isKind)) await flux.admin.apply(object, { fieldManager: 'kubectl' });
  for (const object of objects.filter(({ kind }) => kind === 'CustomResourceDefinition')) {
    await served(flux.admin, object);
  }
  for (const object of objects.filter((each) => !isKind(each))) {
    await flux.admin.apply(object, { fieldManager: 'kubectl' });
  }
  const labels = { 'syncgate.dev/gated': 'true' };
  const gated: Writable = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'apps' } };
  await flux.admin.apply({ ...gated, metadata: { ...gated.metadata, ...{ labels } } });
  await flux.admin.apply(valuesReader);
}

/** As a team lets the gate read its values. */
const valuesReader = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'RoleBinding',
  metadata: { name: 'syncgate-values', namespace: 'apps' },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'syncgate-values-reader' },
  subjects: [{ kind: 'ServiceAccount', name: 'syncgate', namespace: 'syncgate-system' }],
} as const;

export interface SyncgateOptions {
  /** Flags besides those that say where it stands. */
  readonly args?: readonly string[];
  /** A folder that stays when it ends: the volume of its Pod. Its own, and removed with it, where it is left out. */
  readonly storage?: string;
  /** Where artifacts are served; a free port where it is left out. */
  readonly port?: number;
  readonly podName?: string;
  /** The address of its Pod. Nothing listens there: the API server takes no loopback address in an EndpointSlice. */
  readonly podIp?: string;
  /** What consumers are told to ask; the replica itself where it is left out. */
  readonly advertised?: string;
  /** Whether there are others, of which one is elected. */
  readonly elected?: boolean;
  /** Programs and arguments that run the command, such as `prlimit … --`. */
  readonly through?: readonly string[];
  readonly kubeconfig?: string;
  /** Another program in its place, which takes the same arguments. */
  readonly program?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Whether to wait until it serves; it does where this is left out. */
  readonly wait?: boolean;
}

export interface Syncgate extends Served {
  readonly storage: string;
  /** The port at which artifacts are served. */
  readonly port: number;
}

/** Starts `syncgate serve --flux`, and waits until it serves. */
export async function startSyncgate(flux: Flux, gates: GateFiles, options: SyncgateOptions = {}): Promise<Syncgate> {
  const own = options.storage === undefined ? mkdtempSync(join(tmpdir(), 'syncgate-data-')) : undefined;
  const storage = options.storage ?? own ?? '';
  mkdirSync(storage, { recursive: true });
  const [free] = (await freePorts(1)) as [number];
  const port = options.port ?? free;
  const args = [
    ...['--flux', '--pod-ip', options.podIp ?? '10.0.9.1', '--storage-path', storage],
    ...[
      '--storage-address',
      `127.0.0.1:${port}`,
      '--storage-advertised-host',
      options.advertised ?? `127.0.0.1:${port}`,
    ],
    ...['--leader-elect', String(options.elected ?? false), ...(options.args ?? [])],
  ];
  const removeOwn = () => own !== undefined && rmSync(own, { recursive: true, force: true });
  try {
    const served = await serve(flux, gates, 'syncgate', args, options);
    const stop: Syncgate['stop'] = async (signal) => {
      await served.stop(signal);
      removeOwn();
    };
    return { ...served, storage, port, stop, [Symbol.asyncDispose]: () => stop() };
  } catch (error) {
    removeOwn();
    throw error;
  }
}

export interface Webhook extends Served {
  /** `https://127.0.0.1:<port>` */
  readonly url: string;
}

/** A certificate and its key in a folder, as a Secret is mounted; written anew whole. */
export function writeCertificate(folder: string, { cert, key }: { readonly cert: string; readonly key: string }): void {
  for (const [name, text] of [
    ['tls.crt', cert],
    ['tls.key', key],
  ] as const) {
    writeFileSync(join(folder, `${name}~`), text);
    renameSync(join(folder, `${name}~`), join(folder, name));
  }
}

/** Starts `syncgate serve --admission` with the certificate in a folder. */
export async function startWebhook(
  flux: Flux,
  gates: GateFiles,
  options: SyncgateOptions & { readonly certificates: string },
): Promise<Webhook> {
  const [free] = (await freePorts(1)) as [number];
  const port = options.port ?? free;
  const address = `127.0.0.1:${port}`;
  const args = ['--admission', '--admission-address', address, '--admission-certificates', options.certificates];
  const served = await serve(flux, gates, 'admission', [...args, ...(options.args ?? [])], options);
  return { ...served, url: `https://${address}` };
}

/** Applies a shipped webhook configuration, for a webhook that is a process of this machine and no Service. */
export async function applyWebhook(
  flux: Flux,
  objects: readonly Writable[],
  url: string,
  ...authorities: readonly string[]
): Promise<void> {
  const shipped = objects.find(({ kind }) => kind === 'ValidatingWebhookConfiguration');
  if (shipped === undefined) throw new Error('no webhook is shipped');
  const entries = shipped['webhooks'] as readonly { readonly clientConfig: { readonly service: { path: string } } }[];
  const webhooks = entries.map((entry) => ({
    ...entry,
    clientConfig: {
      url: `${url}${entry.clientConfig.service.path}`,
      caBundle: Buffer.from(authorities.join('')).toString('base64'),
    },
  }));
  await flux.admin.apply({ ...shipped, webhooks });
}

/** A process of `syncgate serve`. */
interface Served extends AsyncDisposable {
  readonly pid: number;
  readonly health: string;
  log(): string;
  /** The measurements, as Prometheus reads them. */
  metrics(): Promise<string>;
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

async function serve(
  flux: Flux,
  gates: GateFiles,
  user: 'syncgate' | 'admission',
  flags: readonly string[],
  options: SyncgateOptions,
): Promise<Served> {
  const [health] = (await freePorts(1)) as [number];
  const program = options.program ?? [process.execPath, await builtCommand()];
  const podName = options.podName ?? 'syncgate-0';
  const [first = '', ...args] = [
    ...(options.through ?? []),
    ...program,
    ...['serve', ...flags, '--gates', gates.gates, '--namespace', 'syncgate-system', '--pod-name', podName],
    ...['--health-address', `127.0.0.1:${health}`],
  ];
  const url = `http://127.0.0.1:${health}`;
  const component = await startComponent({
    name: podName,
    program: first,
    args,
    env: {
      ...gates.env,
      KUBECONFIG: options.kubeconfig ?? flux.server.kubeconfigFileOf(USERS[user].name),
      ...options.env,
    },
    // It lives before its ports are open.
    ready: async () =>
      options.wait === false ||
      ((await fetch(`${url}/healthz`)).ok && (await (await fetch(`${url}/readyz`)).text()) !== 'start\n'),
  });
  const stop: Served['stop'] = async (signal = 'SIGTERM') => {
    if (signal === 'SIGKILL') killIfThere(component.pid);
    await component.stop();
  };
  return {
    ...{ pid: component.pid, health: url, log: component.log, stop },
    metrics: async () => await (await fetch(`${url}/metrics`)).text(),
    [Symbol.asyncDispose]: () => stop(),
  };
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}
