import { randomUUID } from 'node:crypto';
import type { JsonObject } from '../../core/json.ts';
import { type Kube, KubeError, type KubeObject, type KubeResource, valueAt } from '../../core/kube.ts';
import type { Clock } from '../../core/ports.ts';
import type { Log, Metrics } from '../../core/telemetry.ts';
import { pause } from './pause.ts';

/** Which replica writes. */
export interface Leadership {
  /**
   * Whether this replica leads now, by its own clock: false as soon as it could not renew in time, even before anybody was
   * told. A write that began before may still arrive, so what must not be written twice needs a lock of its own.
   */
  isLeader(): boolean;
  /** Called after it has begun or ceased to lead. Answers with its removal. */
  onChange(listener: (leads: boolean) => void): () => void;
  /** Ceases to lead, and lets the next one begin at once. Call it when what a leader does has ended. */
  stop(): Promise<void>;
}

/** Milliseconds. As Kubernetes' own components have them. */
interface LeaderTimes {
  /** How long others wait for the leader to renew. */
  readonly leaseMs: number;
  /** How long the leader tries to renew before it ceases to lead; below `leaseMs`. */
  readonly renewMs: number;
  readonly retryMs: number;
}

const LEADER_TIMES: LeaderTimes = { leaseMs: 15_000, renewMs: 10_000, retryMs: 2_000 };

export interface LeaderOptions {
  readonly kube: Kube;
  readonly namespace: string;
  /** Of the Lease. */
  readonly name: string;
  /** Of this replica, for whoever reads the Lease. */
  readonly candidate: string;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** A clock that never jumps, in milliseconds: `performance.now`. */
  readonly ticks: () => number;
  readonly random: () => number;
  readonly times?: LeaderTimes;
}

const LEASES: KubeResource = {
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  namespaced: true,
};
/** What another candidate may ask for at most, whatever stands in the Lease. */
const mostLeaseMs = 600_000;

/**
 * Elects a leader by a Lease, as client-go does. Clocks of machines differ, so the times in a Lease are for people: another's
 * Lease is over when it did not change for as long as it says, by the clock of who looks; and the leader counts from before
 * it asked to renew. A replica that starts anew is another candidate, though it has the same name.
 */
export function elect(options: LeaderOptions): Leadership {
  const { kube, namespace, name, clock, ticks, metrics, times = LEADER_TIMES } = options;
  const identity = `${options.candidate}_${randomUUID()}`;
  const log = options.log.with({ lease: `${namespace}/${name}`, identity });
  const key = { namespace, name };
  const listeners = new Set<(leads: boolean) => void>();
  const end = new AbortController();
  let leads = false;
  let renewedAt = Number.NEGATIVE_INFINITY;
  /** The Lease as it was last seen, and since when it has been so. */
  let seen: { readonly lease: KubeObject; readonly at: number } | undefined;
  /** Whether `seen` is what we wrote ourselves last, and nothing has failed since. */
  let isFresh = false;
  let complaint: string | undefined;
  let expiry: NodeJS.Timeout | undefined;

  const isLeader = () => leads && ticks() - renewedAt < times.renewMs;

  const change = (next: boolean) => {
    if (leads === next) return;
    leads = next;
    metrics.set('syncgate_leader', {}, next ? 1 : 0);
    log.info(next ? 'leads now' : 'no longer leads');
    for (const listener of [...listeners]) {
      try {
        listener(next);
      } catch (error) {
        log.error('a change of the leader could not be taken in', { error: String(error) });
      }
    }
  };

  const look = (lease: KubeObject) => {
    const { uid, resourceVersion } = lease.metadata;
    const before = seen?.lease.metadata;
    if (before?.uid !== uid || before?.resourceVersion !== resourceVersion) seen = { lease, at: ticks() };
  };

  /** Whether another holds it, and has not let it lapse. */
  const isTaken = (lease: KubeObject, since: number) => {
    const holder = holderOf(lease);
    if (holder === '' || holder === identity) return false;
    const seconds = valueAt(lease, 'spec', 'leaseDurationSeconds');
    const ms = typeof seconds === 'number' ? Math.min(seconds * 1000, mostLeaseMs) : times.leaseMs;
    return ticks() - since < ms;
  };

  const record = (lease: KubeObject | undefined): JsonObject => {
    const now = microTime(clock.now());
    const isOurs = lease !== undefined && holderOf(lease) === identity;
    const transitions = Number(valueAt(lease, 'spec', 'leaseTransitions') ?? 0);
    const acquired = valueAt(lease, 'spec', 'acquireTime');
    return {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(times.leaseMs / 1000),
      acquireTime: isOurs && typeof acquired === 'string' ? acquired : now,
      renewTime: now,
      leaseTransitions: lease === undefined || isOurs ? transitions : transitions + 1,
    };
  };

  const write = async (lease: KubeObject, spec: JsonObject, signal: AbortSignal) => {
    const { resourceVersion } = lease.metadata;
    if (resourceVersion === undefined) throw new KubeError(0, 'AnswerInvalid', 'the Lease has no version');
    return await kube.replace(LEASES, leaseWith({ ...key, resourceVersion }, spec), { signal });
  };

  /** Makes or keeps the Lease ours. False where it is another's; throws where that is not known. */
  const hold = async (signal: AbortSignal): Promise<boolean> => {
    if (!isFresh) {
      const found = await kube.get(LEASES, key, signal);
      if (found === undefined) {
        look(await kube.create(LEASES, leaseWith(key, record(undefined)), { signal }));
        return true;
      }
      look(found);
    }
    const { lease, at } = seen as NonNullable<typeof seen>;
    if (isTaken(lease, at)) return false;
    look(await write(lease, record(lease), signal));
    return true;
  };

  const attempt = async () => {
    const asked = ticks();
    try {
      isFresh = await hold(AbortSignal.any([end.signal, AbortSignal.timeout(Math.ceil(times.renewMs / 2))]));
      complaint = undefined;
      if (isFresh) {
        renewedAt = asked;
        clearTimeout(expiry);
        expiry = setTimeout(() => change(isLeader()), Math.max(0, times.renewMs - (ticks() - asked)) + 1);
        // Not if the answer took so long that others may think it over.
        change(!end.signal.aborted && ticks() - asked < times.renewMs);
      } else change(false);
    } catch (error) {
      isFresh = false;
      if (end.signal.aborted) return;
      const why = error instanceof KubeError ? `${error.reason}: ${error.message}` : String(error);
      if (why !== complaint) log.warn('the Lease could not be renewed or acquired; trying again', { why });
      complaint = why;
      if (!isLeader()) change(false);
    }
  };

  const run = async () => {
    metrics.set('syncgate_leader', {}, 0);
    while (!end.signal.aborted) {
      await attempt();
      await pause(leads ? times.retryMs : times.retryMs * (1 + options.random()), end.signal);
    }
    clearTimeout(expiry);
    change(false);
  };

  const release = async () => {
    const signal = AbortSignal.timeout(Math.ceil(times.renewMs / 2));
    try {
      const lease = await kube.get(LEASES, key, signal);
      if (lease === undefined || holderOf(lease) !== identity) return;
      await write(lease, { ...record(lease), holderIdentity: '', leaseDurationSeconds: 1 }, signal);
    } catch (error) {
      // The next leader has to wait until it lapses; that is all.
      log.warn('the Lease could not be released', { why: error instanceof KubeError ? error.reason : String(error) });
    }
  };

  const running = run();
  let stopped: Promise<void> | undefined;
  return {
    isLeader,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    stop() {
      end.abort();
      stopped ??= running.then(release);
      return stopped;
    },
  };
}

function holderOf(lease: KubeObject): string {
  const holder = valueAt(lease, 'spec', 'holderIdentity');
  return typeof holder === 'string' ? holder : '';
}

function leaseWith(metadata: JsonObject, spec: JsonObject): JsonObject {
  return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec };
}

/** As Kubernetes writes a MicroTime. */
function microTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z');
}
