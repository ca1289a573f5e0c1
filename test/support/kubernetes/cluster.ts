/**
 * The API of a cluster of its own, every part of it real: etcd and kube-apiserver on loopback, RBAC on, a token for
 * each user. No other controller runs: nothing collects garbage, and namespaces that are deleted stay.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubeConfig, KubernetesObjectApi } from '@kubernetes/client-node';
import { type Component, freePorts, startComponent } from '../argocd/component.ts';
import { tool } from '../tools/resolve.ts';

/** Somebody with a token. What they may do is said by RBAC objects, but for the administrator. */
export interface User {
  readonly name: string;
  readonly groups: readonly string[];
}

export interface KubernetesServer extends AsyncDisposable {
  /** Of the administrator, as is what follows. */
  readonly api: KubernetesObjectApi;
  readonly kubeconfig: KubeConfig;
  readonly kubeconfigFile: string;
  readonly components: readonly Component[];
  /** `https://127.0.0.1:<port>` */
  readonly url: string;
  /** The certificate of the server's own authority, as PEM. */
  readonly authority: string;
  tokenOf(user: string): string;
  /** A kubeconfig with the token of a user that the server was started with. */
  kubeconfigFileOf(user: string): string;
  /** Ends the API server, as an upgrade of the control plane does; `start` has it back with all that it held. */
  readonly apiServer: { stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>; start(): Promise<void> };
  stop(): Promise<void>;
}

export interface KubernetesOptions {
  /** Whether Pods need a ServiceAccount, and get its token, as in a cluster. */
  readonly serviceAccounts?: boolean;
  /** Users besides the administrator `admin`. */
  readonly users?: readonly User[];
  /** Further arguments of the API server. */
  readonly apiServerArgs?: readonly string[];
}

/** A ServiceAccount as the API server sees it. */
export function serviceAccount(namespace: string, name: string): User {
  const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`];
  return { name: `system:serviceaccount:${namespace}:${name}`, groups };
}

/** etcd and kube-apiserver alone, with an administrator and the users of the options. */
export async function startKubernetes(options: KubernetesOptions = {}): Promise<KubernetesServer> {
  const folder = mkdtempSync(join(tmpdir(), 'syncgate-kube-'));
  const removeWithTests = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', removeWithTests);
  let etcd: Component | undefined;
  let apiServer: Component | undefined;
  const stop = async () => {
    await apiServer?.stop();
    await etcd?.stop();
    process.off('exit', removeWithTests);
    removeWithTests();
  };
  try {
    const [client, peer, secure] = (await freePorts(3)) as [number, number, number];
    const users = [{ name: 'admin', groups: ['system:masters'] }, ...(options.users ?? [])];
    const tokens = new Map(users.map(({ name }) => [name, randomBytes(16).toString('hex')]));
    const tokenOf = (user: string) => {
      const token = tokens.get(user);
      if (token === undefined) throw new Error(`the server was started without a user ${user}`);
      return token;
    };
    etcd = await startEtcd(join(folder, 'etcd'), client, peer);
    const place = join(folder, 'apiserver');
    mkdirSync(place);
    writeKeys(place);
    const rows = users.map(({ name, groups }) => `${tokenOf(name)},${name},${name},"${groups.join(',')}"`);
    writeFileSync(join(place, 'tokens.csv'), `${rows.join('\n')}\n`);
    const start = async () => {
      apiServer = await startApiServer(place, { etcd: client, port: secure, adminToken: tokenOf('admin') }, options);
    };
    await start();
    const url = `https://127.0.0.1:${secure}`;
    // The certificate of the server, then that of its authority.
    const authority = readFileSync(join(place, 'apiserver.crt'), 'utf8');
    const kubeconfigFileOf = (user: string) => {
      const file = join(folder, `kubeconfig-${user.replaceAll(':', '.')}.json`);
      writeFileSync(file, kubeconfigText(url, authority, tokenOf(user)));
      return file;
    };
    const kubeconfigFile = kubeconfigFileOf('admin');
    const kubeconfig = new KubeConfig();
    kubeconfig.loadFromFile(kubeconfigFile);
    const api = KubernetesObjectApi.makeApiClient(kubeconfig);
    return {
      api,
      kubeconfig,
      kubeconfigFile,
      get components() {
        return [etcd, apiServer].filter((each) => each !== undefined);
      },
      url,
      authority,
      tokenOf,
      kubeconfigFileOf,
      apiServer: {
        stop: async (signal) => {
          if (signal === 'SIGKILL') process.kill(apiServer?.pid ?? -1, 'SIGKILL');
          await apiServer?.stop();
        },
        start,
      },
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startEtcd(folder: string, client: number, peer: number): Promise<Component> {
  const [clientUrl, peerUrl] = [`http://127.0.0.1:${client}`, `http://127.0.0.1:${peer}`];
  return await startComponent({
    name: 'etcd',
    program: await tool('etcd'),
    args: [
      ...['--data-dir', folder, '--unsafe-no-fsync', '--listen-client-urls', clientUrl],
      ...['--advertise-client-urls', clientUrl, '--listen-peer-urls', peerUrl],
      ...['--initial-advertise-peer-urls', peerUrl, '--initial-cluster', `default=${peerUrl}`],
    ],
    env: {},
    ready: async () => (await fetch(`${clientUrl}/health`)).ok,
  });
}

/** The key that signs tokens of ServiceAccounts. */
function writeKeys(folder: string): void {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  writeFileSync(join(folder, 'sa.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
}

interface ApiServerPlace {
  readonly etcd: number;
  readonly port: number;
  readonly adminToken: string;
}

async function startApiServer(
  folder: string,
  { etcd, port, adminToken }: ApiServerPlace,
  { serviceAccounts = false, apiServerArgs = [] }: KubernetesOptions,
): Promise<Component> {
  const key = join(folder, 'sa.key');
  return await startComponent({
    name: 'kube-apiserver',
    program: await tool('kube-apiserver'),
    args: [
      ...['--etcd-servers', `http://127.0.0.1:${etcd}`, '--bind-address', '127.0.0.1', '--secure-port', `${port}`],
      ...['--cert-dir', folder, '--service-account-key-file', key, '--service-account-signing-key-file', key],
      ...['--service-account-issuer', 'https://kubernetes.default.svc'],
      ...['--token-auth-file', join(folder, 'tokens.csv'), '--authorization-mode', 'RBAC'],
      ...(serviceAccounts ? ['--allow-privileged=true'] : ['--disable-admission-plugins', 'ServiceAccount']),
      ...['--service-cluster-ip-range', '10.0.0.0/24', '--shutdown-send-retry-after', ...apiServerArgs],
    ],
    env: {},
    ready: () => isReady(port, adminToken),
  });
}

async function isReady(port: number, token: string): Promise<boolean> {
  return await new Promise((done) => {
    const options = {
      host: '127.0.0.1',
      port,
      path: '/readyz',
      rejectUnauthorized: false, // its certificate is its own, made a moment ago
      headers: { authorization: `Bearer ${token}` },
      timeout: 2_000,
    };
    const asked = request(options, (response) => {
      response.resume();
      done(response.statusCode === 200);
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => done(false));
    asked.end();
  });
}

function kubeconfigText(server: string, authority: string, token: string): string {
  const cluster = { server, 'certificate-authority-data': Buffer.from(authority).toString('base64') };
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster }],
    users: [{ name: 'user', user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'user' } }],
    'current-context': 'test',
  });
}
