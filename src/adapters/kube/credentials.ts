import { createHash } from 'node:crypto';
import type { RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import type { AlarmClock } from '../../core/deadline.ts';
import { KubeError } from '../../core/kube.ts';

/** Where the API server is, and who asks it. */
export type KubePlace =
  | { readonly kind: 'kubeconfig'; readonly file: string }
  /** What every Pod is given: the variables KUBERNETES_SERVICE_HOST and _PORT, and the folder of its ServiceAccount. */
  | { readonly kind: 'in-cluster'; readonly host: string; readonly port: string; readonly folder?: string };

export interface Credentials {
  readonly server: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TlsIdentity;
  /** Differs when `tls` does: connections made under another one are not used again. */
  readonly identity: string;
}

interface TlsIdentity {
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}

export interface CredentialSource {
  /** Throws KubeError (status 0, `CredentialsInvalid`) where they cannot be read. */
  current(): Promise<Credentials>;
  /** They were refused: the next `current` reads the files again. */
  refused(used: Credentials): void;
}

const serviceAccountFolder = '/var/run/secrets/kubernetes.io/serviceaccount';
/** As client-go: the kubelet renews a token when a fifth of its life is left. */
const keptMs = 60_000;

/**
 * Reads the credentials again every minute and after a refusal, so that tokens and certificates may rotate. What would
 * run a program or ask a third party for a token is refused: it could be bounded by nothing here.
 */
export function createCredentialSource(place: KubePlace, clock: Pick<AlarmClock, 'now'>): CredentialSource {
  let kept: { readonly credentials: Credentials; readonly until: number } | undefined;
  return {
    async current() {
      if (kept !== undefined && clock.now() < kept.until) return kept.credentials;
      const credentials = await read(place);
      kept = { credentials, until: clock.now() + keptMs };
      return credentials;
    },
    refused(used) {
      if (kept?.credentials === used) kept = undefined;
    },
  };
}

async function read(place: KubePlace): Promise<Credentials> {
  const config = load(place);
  const cluster = config.getCurrentCluster();
  const user = config.getCurrentUser();
  if (!cluster || !user) throw invalid('the kubeconfig has no current cluster or user; set current-context');
  if (cluster.proxyUrl) throw invalid('the kubeconfig has a proxy-url, which is not supported; remove it');
  const provider: unknown = user.authProvider;
  if (user.exec || (provider && place.kind === 'kubeconfig')) {
    throw invalid('the kubeconfig gets its credentials from a program or a provider; give it a token or a certificate');
  }
  if (!URL.canParse(cluster.server)) throw invalid('the address of the API server is not a URL');
  const server = new URL(cluster.server);
  if (server.protocol !== 'https:') throw invalid('the address of the API server is not https');
  const options: RequestOptions = {};
  try {
    await config.applyToHTTPSOptions(options);
  } catch (error) {
    throw invalid(`a file of the credentials cannot be read (${codeOf(error)})`, error);
  }
  const { headers: given = {}, auth, ca, cert, key, servername, rejectUnauthorized } = options;
  const headers = Object.fromEntries(
    Object.entries(given).map(([name, value]) => [name.toLowerCase(), String(value).trim()]),
  );
  if (typeof auth === 'string') headers['authorization'] = `Basic ${Buffer.from(auth).toString('base64')}`;
  const tls = Object.fromEntries(
    Object.entries({ ca, cert, key, servername, rejectUnauthorized }).filter(([, value]) => value !== undefined),
  ) as TlsIdentity;
  return { server, headers, tls, identity: identityOf(server, tls) };
}

function load(place: KubePlace): KubeConfig {
  const config = new KubeConfig();
  if (place.kind === 'kubeconfig') {
    try {
      config.loadFromFile(place.file);
    } catch (error) {
      throw invalid(`the kubeconfig cannot be read (${codeOf(error)})`, error);
    }
    return config;
  }
  const { host, port, folder = serviceAccountFolder } = place;
  const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  config.loadFromClusterAndUser(
    { name: 'in-cluster', server: `https://${authority}`, caFile: `${folder}/ca.crt`, skipTLSVerify: false },
    { name: 'in-cluster', authProvider: { name: 'tokenFile', config: { tokenFile: `${folder}/token` } } },
  );
  return config;
}

function identityOf(server: URL, tls: TlsIdentity): string {
  const hash = createHash('sha256').update(server.origin);
  for (const each of [tls.ca, tls.cert, tls.key, tls.servername, String(tls.rejectUnauthorized)]) {
    const bytes = Buffer.from(each ?? '');
    hash.update(`\n${bytes.length}\n`).update(bytes);
  }
  return hash.digest('hex');
}

function invalid(message: string, cause?: unknown): KubeError {
  return new KubeError(0, 'CredentialsInvalid', message, { cause });
}

/** Messages of the file system and of the YAML reader quote paths and lines of the file, tokens included. */
function codeOf(error: unknown): string {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return code ?? 'it is not a kubeconfig';
}
