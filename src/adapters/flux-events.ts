import type { Announce, Announcement } from '../core/events.ts';
import { type KubeObject, valueAt } from '../core/kube.ts';
import type { Clock } from '../core/ports.ts';
import type { Log, Metrics } from '../core/telemetry.ts';
import { createEventQueue, type Drop } from './event-queue.ts';
import { pause } from './kube/pause.ts';

export interface FluxEventsOptions {
  /** Of notification-controller: `http://notification-controller.flux-system.svc.cluster.local./`. */
  readonly address: string;
  /** Of this process: its Pod. */
  readonly instance: string;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** Milliseconds before the second try; each further wait is twice the one before. */
  readonly retryMs?: number;
}

export interface OpenedEvents {
  readonly announce: Announce;
  /** Tells what waits for at most so many milliseconds. */
  close(ms: number): Promise<void>;
}

/** The Event of event.toolkit.fluxcd.io (fluxcd/pkg/apis/event/v1beta1). */
interface FluxEvent {
  readonly involvedObject: Readonly<Record<string, string>>;
  readonly severity: 'info' | 'error';
  readonly timestamp: string;
  readonly message: string;
  readonly reason: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly reportingController: string;
  readonly reportingInstance: string;
}

const artifactGroup = 'source.toolkit.fluxcd.io';
const eventGroup = 'event.toolkit.fluxcd.io';
const waitingAtMost = 1000;
const requestMs = 5_000;
const maxTries = 4;
const maxMessage = 39_000;
const maxMetadata = 1024;
const maxAnnotations = 16;
/**
 * What nobody who may annotate an object decides here: for which commit it is said that it has passed. Flux takes these
 * from annotations; the gate says them of what it has judged.
 */
const ownKeys: readonly string[] = ['revision', 'originRevision', 'commit', 'commit_status', 'token'];

/**
 * Tells Flux's notification-controller, about the ExternalArtifact: alerts cannot select kinds that are not Flux's. Each is
 * posted as Flux's own controllers do it: 5 seconds, again after lost connections and failures of the server, never after
 * 429, by which it says that it knows the event. Throws nothing but for an address that is no URL.
 */
export function createFluxEvents(options: FluxEventsOptions): OpenedEvents {
  const { log, metrics, clock, instance, retryMs = 1000 } = options;
  const url = new URL(options.address);
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new TypeError('the address is neither http nor https');
  const queue = createEventQueue<FluxEvent>({
    most: waitingAtMost,
    log: log.with({ receiver: url.host }),
    metrics,
    mends: {
      failed:
        'Check that notification-controller runs at --events-address, and that DNS and the network let the gate reach it.',
      refused: 'Check that --events-address names notification-controller, and that it is one of Flux 2.7 or newer.',
    },
    tell: async (event, signal) => {
      const body = JSON.stringify(event);
      for (let tries = 1; ; tries++) {
        const answer = await post(url, body, signal);
        if (typeof answer === 'number' && answer < 500) return outcome(answer);
        if (signal.aborted) return { reason: 'closed' };
        if (tries === maxTries || answer === 501) return { reason: 'failed', cause: String(answer) };
        await pause(retryMs * 2 ** (tries - 1), signal);
      }
    },
  });
  return {
    announce: (announcement) => queue.add(fluxEvent(announcement, clock.now(), instance)),
    close: (ms) => queue.close(ms),
  };
}

/** 202 is what it answers; any success is one. */
function outcome(status: number): Drop | undefined {
  const isTold = (status >= 200 && status < 300) || status === 429;
  return isTold ? undefined : { reason: 'refused', cause: String(status) };
}

export function fluxEvent(announcement: Announcement, now: number, instance: string): FluxEvent {
  const { source, artifact, severity, reason, message, revision, originRevision } = announcement;
  const { namespace = '', name, resourceVersion } = source.metadata;
  const uid = artifact?.metadata.uid;
  const told = {
    [`${artifactGroup}/revision`]: revision,
    [`${artifactGroup}/originRevision`]: originRevision,
    // What is said again of the same revision is an event of its own: it was something else meanwhile.
    [`${artifactGroup}/token`]: resourceVersion,
    // Without it, no success ever reaches a commit.
    [`${artifactGroup}/commit_status`]: severity === 'info' ? 'update' : undefined,
  };
  const metadata = Object.fromEntries(
    Object.entries({ ...annotationsOf(source), ...told }).flatMap(([key, value]) =>
      value === undefined || value === '' ? [] : [[key, text(value, maxMetadata)] as const],
    ),
  );
  return {
    involvedObject: {
      apiVersion: `${artifactGroup}/v1`,
      kind: 'ExternalArtifact',
      name,
      namespace,
      ...(uid !== undefined && { uid }),
    },
    severity,
    timestamp: `${new Date(now).toISOString().slice(0, 19)}Z`,
    message: text(message, maxMessage),
    reason: text(reason, 128),
    metadata,
    reportingController: 'syncgate',
    reportingInstance: instance,
  };
}

/** As Flux does it: annotations of its group go along, such as the change request that a message belongs to. */
function annotationsOf(source: KubeObject): Record<string, string> {
  const annotations = valueAt(source, 'metadata', 'annotations');
  const entries = Object.entries((annotations ?? {}) as Record<string, unknown>).flatMap(([key, value]) => {
    const [group, name = ''] = key.split('/');
    const isTaken = group === eventGroup && !ownKeys.includes(name) && typeof value === 'string';
    return isTaken ? [[key, value] as const] : [];
  });
  return Object.fromEntries(entries.slice(0, maxAnnotations));
}

/** Half of a character would be another one once it has been encoded. */
function text(value: string, length: number): string {
  return value.slice(0, length).toWellFormed();
}

/** The status of the answer, or why there was none (`ENOTFOUND`). Redirects are not followed. */
async function post(url: URL, body: string, signal: AbortSignal): Promise<number | string> {
  const { request } = url.protocol === 'https:' ? await import('node:https') : await import('node:http');
  const limit = AbortSignal.any([signal, AbortSignal.timeout(requestMs)]);
  return await new Promise((done) => {
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      'user-agent': 'syncgate',
    };
    const asked = request(url, { method: 'POST', headers, signal: limit, agent: false }, (answer) => {
      done(answer.statusCode ?? 'no status');
      // Nothing in it is of use, and it may be endless.
      answer.on('error', () => {}).destroy();
    });
    asked.on('error', (error: NodeJS.ErrnoException) => {
      done(limit.aborted ? `no answer within ${requestMs / 1000} s` : (error.code ?? 'unknown error'));
    });
    asked.end(body);
  });
}
