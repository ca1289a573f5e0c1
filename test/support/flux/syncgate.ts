/** The gate beside Flux: the built command, with the account and the rights that the shipped manifests give it. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { type Component, freePorts, startComponent } from '../argocd/component.ts';
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

/** Nothing here runs Pods, and a webhook must be where this test has it: what names either is left out. */
const notHere = new Set(['Deployment', 'StatefulSet', 'ValidatingWebhookConfiguration']);

/** Applies what is shipped, but for its workloads: kinds, accounts, roles, admission policies, Services. */
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
}

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
  /** Whether to wait until it says that it lives; it does where this is left out. */
  readonly wait?: boolean;
}

export interface Syncgate extends AsyncDisposable {
  readonly pid: number;
  readonly storage: string;
  /** The port at which artifacts are served. */
  readonly port: number;
  readonly health: string;
  log(): string;
  /** The measurements, as Prometheus reads them. */
  metrics(): Promise<string>;
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

/** Starts `syncgate serve --flux`, and waits until it says that it lives. */
export async function startSyncgate(flux: Flux, gates: GateFiles, options: SyncgateOptions = {}): Promise<Syncgate> {
  const own = options.storage === undefined ? mkdtempSync(join(tmpdir(), 'syncgate-data-')) : undefined;
  const storage = options.storage ?? own ?? '';
  mkdirSync(storage, { recursive: true });
  const [free, health] = (await freePorts(2)) as [number, number];
  const port = options.port ?? free;
  const program = options.program ?? [process.execPath, await builtCommand()];
  const podName = options.podName ?? 'syncgate-0';
  const line = [
    ...(options.through ?? []),
    ...program,
    ...['serve', '--flux', '--gates', gates.gates, '--namespace', 'syncgate-system', '--pod-name', podName],
    ...['--pod-ip', options.podIp ?? '10.0.9.1', '--storage-path', storage, '--storage-address', `127.0.0.1:${port}`],
    ...['--storage-advertised-host', options.advertised ?? `127.0.0.1:${port}`],
    ...['--health-address', `127.0.0.1:${health}`, '--leader-elect', String(options.elected ?? false)],
    ...(options.args ?? []),
  ];
  const [first = '', ...args] = line;
  const url = `http://127.0.0.1:${health}`;
  let component: Component;
  try {
    component = await startComponent({
      name: podName,
      program: first,
      args,
      env: {
        ...gates.env,
        KUBECONFIG: options.kubeconfig ?? flux.server.kubeconfigFileOf(USERS.syncgate.name),
        ...options.env,
      },
      ready: async () => options.wait === false || (await fetch(`${url}/healthz`)).ok,
    });
  } catch (error) {
    if (own !== undefined) rmSync(own, { recursive: true, force: true });
    throw error;
  }
  const stop = async (signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM') => {
    if (signal === 'SIGKILL') killIfThere(component.pid);
    await component.stop();
    if (own !== undefined) rmSync(own, { recursive: true, force: true });
  };
  return {
    ...{ pid: component.pid, storage, port, health: url, log: component.log, stop },
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
