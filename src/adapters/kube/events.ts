import { createHash, randomBytes } from 'node:crypto';
import { type AlarmClock, monotonicClock } from '../../core/deadline.ts';
import type { Announcement } from '../../core/events.ts';
import { type Kube, KubeError, type KubeResource } from '../../core/kube.ts';
import type { Clock } from '../../core/ports.ts';
import type { Log, Metrics } from '../../core/telemetry.ts';
import { createEventQueue } from '../event-queue.ts';
import type { OpenedEvents } from '../flux-events.ts';

export interface KubeEventsOptions {
  readonly kube: Kube;
  /** Of this process: its Pod. */
  readonly instance: string;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** What has been told is remembered by it; the process's own time if nothing is said. */
  readonly ticks?: AlarmClock['now'];
}

const EVENTS: KubeResource = { group: '', version: 'v1', kind: 'Event', plural: 'events', namespaced: true };
const waitingAtMost = 1000;
const requestMs = 10_000;
const maxMessageBytes = 1024;
/** The same again within this time is the same event, once more. */
const sameMs = 600_000;
const rememberedAtMost = 2048;
/** As client-go: 25 events about one object at once, and one more every five minutes. */
const burst = 25;
const refillMs = 300_000;

interface Written {
  readonly name: string;
  readonly count: number;
  readonly at: number;
}

/**
 * Tells who looks at the GatedSource (`kubectl describe`, `kubectl events`). What is said again only counts up, and what is
 * said too often about one object is dropped.
 */
export function createKubeEvents({
  kube,
  instance,
  log,
  metrics,
  clock,
  ticks = monotonicClock.now,
}: KubeEventsOptions): OpenedEvents {
  const written = new Map<string, Written>();
  const allowances = new Map<string, { readonly left: number; readonly at: number }>();

  const mayTell = (object: string): boolean => {
    const now = ticks();
    const { left, at } = allowances.get(object) ?? { left: burst, at: now };
    const refilled = Math.min(burst, left + (now - at) / refillMs);
    if (refilled < 1) return false;
    remember(allowances, object, { left: refilled - 1, at: now });
    return true;
  };

  const tell = async (announcement: Announcement, stop: AbortSignal): Promise<void> => {
    const signal = AbortSignal.any([stop, AbortSignal.timeout(requestMs)]);
    const { source, severity, reason } = announcement;
    const { namespace = '', name, uid = '', resourceVersion = '' } = source.metadata;
    const message = cut(announcement.message);
    const now = ticks();
    const timestamp = `${new Date(clock.now()).toISOString().slice(0, 19)}Z`;
    const id = createHash('sha256')
      .update(JSON.stringify([namespace, name, uid, severity, reason, message]))
      .digest('hex');
    const before = written.get(id);
    if (before !== undefined && now - before.at < sameMs) {
      const again = { ...before, count: before.count + 1, at: now };
      try {
        const patch = { count: again.count, lastTimestamp: timestamp };
        await kube.mergePatch(EVENTS, { namespace, name: before.name }, patch, { signal });
        remember(written, id, again);
        return;
      } catch (error) {
        // Events do not live long.
        if (!(error instanceof KubeError) || error.status !== 404) throw error;
      }
    }
    const eventName = `${name.slice(0, 200)}.${randomBytes(8).toString('hex')}`;
    await kube.create(
      EVENTS,
      {
        apiVersion: 'v1',
        kind: 'Event',
        metadata: { namespace, name: eventName, annotations: annotationsOf(announcement) },
        involvedObject: { apiVersion: source.apiVersion, kind: source.kind, namespace, name, uid, resourceVersion },
        type: severity === 'error' ? 'Warning' : 'Normal',
        reason: reason.slice(0, 128),
        message,
        count: 1,
        firstTimestamp: timestamp,
        lastTimestamp: timestamp,
        source: { component: 'syncgate' },
        reportingComponent: 'syncgate',
        reportingInstance: instance,
      },
      { signal },
    );
    remember(written, id, { name: eventName, count: 1, at: now });
  };

  const queue = createEventQueue<Announcement>({
    most: waitingAtMost,
    log: log.with({ receiver: 'the API server' }),
    metrics,
    mends: {
      failed: 'Look at the API server and the way to it.',
      refused: 'Let the account of the gate create and patch events: apply the roles of the overlay again.',
    },
    tell: async (announcement, signal) => {
      const { namespace = '', name } = announcement.source.metadata;
      if (!mayTell(`${namespace}/${name}`)) return { reason: 'full', cause: `more than ${burst} about one object` };
      try {
        await tell(announcement, signal);
        return undefined;
      } catch (error) {
        if (signal.aborted) return { reason: 'closed' };
        if (!(error instanceof KubeError)) return { reason: 'failed', cause: 'unknown error' };
        const isRefusal = error.status >= 400 && error.status < 500;
        return {
          reason: isRefusal ? 'refused' : 'failed',
          cause: error.status === 0 ? error.reason : `${error.status} ${error.reason}`,
        };
      }
    },
  });
  return { announce: (announcement) => queue.add(announcement), close: (ms) => queue.close(ms) };
}

function annotationsOf({ revision, originRevision }: Announcement): Record<string, string> {
  return {
    ...(revision !== undefined && { 'syncgate.dev/revision': revision.slice(0, 1024) }),
    ...(originRevision !== undefined && { 'syncgate.dev/originRevision': originRevision.slice(0, 1024) }),
  };
}

/** What was used last is kept. */
function remember<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= rememberedAtMost) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}

/** At most 1024 bytes, and no half of a character. */
function cut(message: string): string {
  const bytes = Buffer.from(message.toWellFormed());
  if (bytes.length <= maxMessageBytes) return bytes.toString();
  const kept = bytes.subarray(0, maxMessageBytes - 3).toString();
  return `${kept.replace(/\ufffd+$/, '')}…`;
}
