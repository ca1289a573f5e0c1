import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Certificates } from '../adapters/certificates/certificates.ts';
import { openClientAuthority } from '../adapters/certificates/client-authority.ts';
import { startServer } from '../adapters/http-server.ts';
import { aborted } from '../core/abort.ts';
import { asGateError } from '../core/errors.ts';
import type { Kube, KubeObject, KubeResource } from '../core/kube.ts';
import type { NamespaceFacts } from '../gates.ts';
import { createMemory } from '../surfaces/admission/memory.ts';
import { createReviewer, type Namespaces } from '../surfaces/admission/reviewer.ts';
import type { Service, ServiceParts } from './service.ts';
import { systemClock } from './world.ts';

type AdmissionParts = Pick<ServiceParts, 'options' | 'kube' | 'gates' | 'log' | 'metrics'>;

/** The webhook while it listens. */
export interface OpenAdmission extends Service {
  readonly address: { readonly host: string; readonly port: number };
}

const namespaceResource: KubeResource = {
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  namespaced: false,
};

/** Namespaces without which the cluster, Flux or the gate itself could not come up again. */
const alwaysExcluded = ['kube-system', 'flux-system'];

/** API servers have one connection for each request that is under way, and hundreds wait in a burst. */
const maxConnections = 2048;
/** Longer than Go's clients keep a connection (90 s): or both would use and close one at the same moment. */
const keepAliveMs = 120_000;
/** How often a renewed certificate, or another authority of clients, is looked for. */
const certificatesPollMs = 30_000;
/** Until all who ask know that this replica is leaving, it goes on answering. */
const usualLeavingMs = 3_000;
/** What is judged then may end: a little more than an API server waits for it. */
const graceMs = 15_000;

export interface AdmissionHooks {
  readonly openCertificates?: (parts: AdmissionParts, signal: AbortSignal) => Promise<Certificates>;
  readonly leavingMs?: number;
  readonly pollMs?: number;
}

/**
 * Opens the webhook: it listens when this settles. Rejects where the address, the certificate or the authority of its
 * clients cannot be used, and when the signal aborts while it waits for a certificate.
 */
export async function openAdmission(
  { options, kube, gates, log, metrics }: AdmissionParts,
  signal: AbortSignal,
  { openCertificates = certificatesOf, leavingMs = usualLeavingMs, pollMs = certificatesPollMs }: AdmissionHooks = {},
): Promise<OpenAdmission> {
  const { createAdmissionApp } = await import('../surfaces/http/admission.ts');
  const now = () => performance.now();
  const over = new AbortController();
  const certificates = await openCertificates({ options, kube, gates, log, metrics }, signal);
  const namespaces = followNamespaces(kube, over.signal);
  const review = createReviewer({
    gates,
    namespaces,
    match: options.admissionMatch,
    excluded: [...alwaysExcluded, options.namespace],
    memory: createMemory(now),
    rememberMs: ({ rememberMs = 0 }) => rememberMs,
    log,
    metrics,
    now,
  });
  let leaving = false;
  const app = createAdmissionApp({ review, signal: over.signal, isLeaving: () => leaving, log, now });
  const clients =
    options.admissionClientCa === undefined
      ? undefined
      : await openClientAuthority({
          path: options.admissionClientCa,
          shown: '--admission-client-ca',
          log,
          pause,
          everyMs: pollMs,
        });
  const server = await startServer({
    address: options.admissionAddress,
    listener: app,
    tls: {
      ...certificates.current,
      ...(clients !== undefined && { clientCa: clients.current }),
      ...(options.admissionClientName !== undefined && { clientName: options.admissionClientName }),
    },
    maxConnections,
    // Behind one address may be every API server of the cluster.
    maxConnectionsPerAddress: maxConnections * 0.75,
    keepAliveMs,
  });
  const forget = certificates.onCertificate((certificate) => {
    try {
      server.setCertificate(certificate);
      log.info('the webhook serves a new certificate');
    } catch (error) {
      // The old one goes on serving: it is better than none.
      log.error('a new certificate cannot be used', { error: asGateError(error).message });
    }
  });
  clients?.onChange((authority) => {
    server.setClientCa(authority);
    log.info('the webhook lets in clients of another authority');
  });
  log.info('the webhook listens', { address: options.admissionAddress, match: options.admissionMatch });
  return {
    name: 'admission',
    address: { host: server.host, port: server.port },
    unready: () =>
      leaving ? 'the webhook is leaving' : namespaces.isSynced() ? undefined : 'the Namespaces are not known yet',
    async run(stop) {
      await aborted(stop);
      leaving = true;
      await delay(leavingMs);
      await server.close(graceMs);
      forget();
      certificates.close();
      clients?.close();
      over.abort();
      namespaces.stop();
    },
  };
}

/** Those of a mounted folder, or of an authority of the webhook's own. */
async function certificatesOf(
  { options, kube, log, metrics }: AdmissionParts,
  signal: AbortSignal,
): Promise<Certificates> {
  const { openMountedCertificates, openOwnCertificates } = await import('../adapters/certificates/certificates.ts');
  const common = { clock: systemClock, log, metrics, pause, everyMs: certificatesPollMs };
  const { admissionCertificates: folder, namespace } = options;
  const service = `syncgate-admission.${namespace}.svc`;
  if (folder !== undefined) {
    const mounted = { folder: resolve(folder), shown: folder, names: [service] };
    return await openMountedCertificates({ ...common, ...mounted });
  }
  const names = [service, `${service}.cluster.local`];
  return await openOwnCertificates({
    ...common,
    signal,
    kube,
    namespace,
    secret: 'syncgate-admission-tls',
    configuration: 'syncgate',
    names,
  });
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal, ref: false }).catch(() => {});
}

interface FollowedNamespaces extends Namespaces {
  isSynced(): boolean;
  stop(): void;
}

/** Labels of Namespaces decide whose rules hold: what the local copy does not have for certain, the API server is asked. */
function followNamespaces(kube: Kube, signal: AbortSignal): FollowedNamespaces {
  const copy = kube.watch(namespaceResource, { onChange() {}, signal });
  let synced = false;
  copy.synced.then(
    () => {
      synced = true;
    },
    () => {},
  );
  return {
    known(name) {
      const found = synced && copy.isCurrent() ? copy.get({ namespace: '', name }) : undefined;
      return found === undefined ? undefined : factsOf(found);
    },
    async find(name, stop) {
      const found = await kube.get(namespaceResource, { namespace: '', name }, stop);
      return found === undefined ? undefined : factsOf(found);
    },
    isSynced: () => synced,
    stop: () => copy.stop(),
  };
}

function factsOf({ metadata }: KubeObject): NamespaceFacts {
  return { name: metadata.name, labels: metadata.labels ?? {} };
}
