import { type AlarmClock, monotonicClock } from '../../core/deadline.ts';
import { canonicalJson, type JsonObject, valueAt as jsonAt } from '../../core/json.ts';
import { FIELD_MANAGER, type Kube, KubeError, type ObjectKey } from '../../core/kube.ts';
import type { Log } from '../../core/telemetry.ts';
import { readCapabilities } from './capabilities.ts';
import type { KubePlace } from './credentials.ts';
import { FOLLOW_TIMES, type FollowTimes, follow } from './follow.ts';
import { readList, readObject } from './listing.ts';
import { listPath, objectPath } from './path.ts';
import { applyContentType, type KubeRequest, Requester, type RequesterLimits } from './requester.ts';

export interface OpenKubeOptions {
  /** The file that KUBECONFIG names. Where there is none, `service` must be given. */
  readonly kubeconfig?: string | undefined;
  /** The variables KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT of a Pod; `folder` only where it is another. */
  readonly service?: { readonly host: string; readonly port: string; readonly folder?: string } | undefined;
  readonly log: Log;
  /** How long credentials are kept is measured by it; the process's own time if nothing is said. */
  readonly clock?: Pick<AlarmClock, 'now'>;
  readonly limits?: Partial<RequesterLimits>;
  readonly times?: Partial<FollowTimes>;
}

/** A connection to one API server. `close` ends every watch and every connection. */
export interface OpenedKube extends Kube {
  close(): void;
}

const LIMITS: RequesterLimits = { requestMs: 30_000, answerBytes: 64 * 1024 * 1024 };
const maxWarnings = 64;

/**
 * Opens the API server of a kubeconfig, or of the cluster that this process is a Pod of. Nothing is asked yet. Throws
 * KubeError (`CredentialsInvalid`) where the credentials cannot be read.
 */
export async function openKube(options: OpenKubeOptions): Promise<OpenedKube> {
  // It is large, and only a process that stays needs it.
  const { createCredentialSource } = await import('./credentials.ts');
  const source = createCredentialSource(placeOf(options), options.clock ?? monotonicClock);
  const { tls } = await source.current();
  if (tls.rejectUnauthorized === false) options.log.warn('the API server is not asked for its certificate');
  const limits = { ...LIMITS, ...options.limits };
  const requester = new Requester(source, limits, onceEach(options.log));
  const closing = new AbortController();
  const ports = { requester, log: options.log, random: Math.random, times: { ...FOLLOW_TIMES, ...options.times } };
  const ask = async (request: KubeRequest) => readObject(await requester.ask(request));
  const write = { fieldManager: FIELD_MANAGER };
  return {
    async get(resource, key, signal) {
      const path = objectPath(resource, key);
      return await ask({ method: 'GET', path, signal }).catch(undefinedIfMissing);
    },
    async list(resource, { namespace, labelSelector, signal }) {
      return (await readList(requester, resource, { namespace, labelSelector }, signal)).items;
    },
    async create(resource, object, { subresource, signal }) {
      const key = keyOf(object);
      const path =
        subresource === undefined ? listPath(resource, key.namespace) : objectPath(resource, key, subresource);
      return await ask({ method: 'POST', path, query: write, body: canonicalJson(object), signal });
    },
    async apply(resource, object, { subresource, signal }) {
      const path = objectPath(resource, keyOf(object), subresource);
      const query = { ...write, force: 'true' };
      return await ask({
        method: 'PATCH',
        path,
        query,
        body: canonicalJson(object),
        contentType: applyContentType,
        signal,
      });
    },
    async mergePatch(resource, key, patch, { subresource, signal }) {
      return await ask({
        method: 'PATCH',
        path: objectPath(resource, key, subresource),
        query: write,
        body: canonicalJson(patch),
        contentType: 'application/merge-patch+json',
        signal,
      });
    },
    async replace(resource, object, { subresource, signal }) {
      const path = objectPath(resource, keyOf(object), subresource);
      return await ask({ method: 'PUT', path, query: write, body: canonicalJson(object), signal });
    },
    async delete(resource, key, { uid, signal }) {
      const body = canonicalJson({
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        propagationPolicy: 'Background',
        ...(uid !== undefined && { preconditions: { uid } }),
      });
      await requester
        .ask({ method: 'DELETE', path: objectPath(resource, key), body, signal })
        .catch(undefinedIfMissing);
    },
    watch(resource, given) {
      return follow(ports, resource, { ...given, signal: AbortSignal.any([given.signal, closing.signal]) });
    },
    capabilities: (signal) => readCapabilities(requester, signal),
    close() {
      closing.abort();
      requester.close();
    },
  };
}

function placeOf({ kubeconfig, service }: OpenKubeOptions): KubePlace {
  if (kubeconfig !== undefined && kubeconfig !== '') return { kind: 'kubeconfig', file: kubeconfig };
  if (service !== undefined) return { kind: 'in-cluster', ...service };
  throw new KubeError(
    0,
    'CredentialsInvalid',
    'there is no cluster: this is no Pod of one, and KUBECONFIG names no kubeconfig',
  );
}

function keyOf(object: JsonObject): ObjectKey {
  const namespace = jsonAt(object, ['metadata', 'namespace']);
  const name = jsonAt(object, ['metadata', 'name']);
  return { namespace: typeof namespace === 'string' ? namespace : '', name: typeof name === 'string' ? name : '' };
}

function undefinedIfMissing(error: unknown): undefined {
  if (error instanceof KubeError && error.status === 404) return undefined;
  throw error;
}

/** The API server repeats a warning with every request. */
function onceEach(log: Log): (text: string) => void {
  const told = new Set<string>();
  return (text) => {
    if (told.has(text) || told.size >= maxWarnings) return;
    told.add(text);
    log.warn('the API server warns', { warning: text });
  };
}
