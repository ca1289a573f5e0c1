import { isIPv4, isIPv6 } from 'node:net';
import { type Kube, KubeError, type KubeResource, valueAt } from '../../core/kube.ts';
import type { Log } from '../../core/telemetry.ts';
import type { Leadership } from './leader.ts';
import { pause } from './pause.ts';

export interface EndpointOptions {
  readonly kube: Kube;
  readonly leadership: Pick<Leadership, 'isLeader' | 'onChange'>;
  readonly namespace: string;
  /** Of the EndpointSlice, which must be there: nothing else may be written, and nothing is made. */
  readonly name: string;
  readonly podName: string;
  readonly podIp: string;
  readonly log: Log;
  /** How often it is looked at while this replica leads, in milliseconds. */
  readonly everyMs?: number;
  readonly retryMs?: number;
}

const SLICES: KubeResource = {
  group: 'discovery.k8s.io',
  version: 'v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  namespaced: true,
};
const deadlineMs = 10_000;

/**
 * While this replica leads, the slice names its Pod and no other: as soon as it leads, and again whenever somebody has
 * changed it. It is left as it is when another leads, who writes it himself. Answers with what ends it.
 */
export function keepEndpoint(options: EndpointOptions): { stop(): Promise<void> } {
  const { kube, leadership, namespace, name, podName, podIp, everyMs = 30_000, retryMs = 2_000 } = options;
  const log = options.log.with({ endpointSlice: `${namespace}/${name}` });
  const key = { namespace, name };
  const end = new AbortController();
  let wake = new AbortController();
  let complaint: string | undefined;
  const unlisten = leadership.onChange(() => wake.abort());

  const keep = async (signal: AbortSignal): Promise<void> => {
    const slice = await kube.get(SLICES, key, signal);
    if (slice === undefined) throw new Error('it is not there; apply the manifests of syncgate');
    const type = valueAt(slice, 'addressType');
    if (!(type === 'IPv4' ? isIPv4(podIp) : type === 'IPv6' && isIPv6(podIp))) {
      throw new Error(`it is for ${String(type)}, and the address of this Pod is another; set its addressType`);
    }
    const endpoints = valueAt(slice, 'endpoints');
    const isOurs =
      Array.isArray(endpoints) &&
      endpoints.length === 1 &&
      valueAt(endpoints, 0, 'addresses', 0) === podIp &&
      valueAt(endpoints, 0, 'conditions', 'ready') === true &&
      valueAt(endpoints, 0, 'targetRef', 'name') === podName;
    if (isOurs || !leadership.isLeader()) return;
    const endpoint = {
      addresses: [podIp],
      conditions: { ready: true },
      targetRef: { kind: 'Pod', namespace, name: podName },
    };
    const wanted = {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: key,
      addressType: String(type),
      endpoints: [endpoint],
    };
    await kube.apply(SLICES, wanted, { signal });
    log.info('consumers are led to this replica', { address: podIp });
  };

  const run = async () => {
    while (!end.signal.aborted) {
      wake = new AbortController();
      let waitMs = everyMs;
      try {
        if (leadership.isLeader()) await keep(AbortSignal.any([end.signal, AbortSignal.timeout(deadlineMs)]));
        complaint = undefined;
      } catch (error) {
        waitMs = retryMs;
        const why = error instanceof KubeError ? `${error.reason}: ${error.message}` : (error as Error).message;
        if (why !== complaint && !end.signal.aborted) log.error('consumers cannot be led to this replica', { why });
        complaint = why;
      }
      await pause(waitMs, AbortSignal.any([end.signal, wake.signal]));
    }
  };
  const running = run();
  return {
    async stop() {
      end.abort();
      unlisten();
      await running;
    },
  };
}
