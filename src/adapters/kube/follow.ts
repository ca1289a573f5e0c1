import { whenAborted } from '../../core/abort.ts';
import {
  type KubeCache,
  KubeError,
  type KubeObject,
  type KubeResource,
  type ObjectKey,
  valueAt,
  type WatchOptions,
} from '../../core/kube.ts';
import type { Log } from '../../core/telemetry.ts';
import { createBackoff } from './backoff.ts';
import { linesOf } from './lines.ts';
import { readList, readObject } from './listing.ts';
import { listPath } from './path.ts';
import { pause } from './pause.ts';
import { errorFromStatus } from './refusal.ts';
import type { KubeStream, Requester } from './requester.ts';

export interface FollowTimes {
  /** Seconds after which the server ends a watch: at least, and up to twice that, so that not all end at once. */
  readonly watchSeconds: number;
  /** A watch on which nothing came for so long is dropped and resumed. The server sends a bookmark each minute. */
  readonly idleMs: number;
  /** The whole list is read again after this time, whatever the watch has said. */
  readonly relistMs: number;
  readonly firstBackoffMs: number;
  readonly mostBackoffMs: number;
}

export const FOLLOW_TIMES: FollowTimes = {
  watchSeconds: 300,
  idleMs: 150_000,
  relistMs: 3_600_000,
  firstBackoffMs: 250,
  mostBackoffMs: 15_000,
};

/** How long a copy counts as current between a list, or a watch that the server ended in good order, and the next watch. */
const changeoverMs = 2_000;
/** A watch that ends sooner than this did not work, whatever the server says. */
const briefMs = 1_000;
/** An object is at most 3 MiB on the wire; as JSON in an event it may be longer. */
const maxEventBytes = 16 * 1024 * 1024;

export interface FollowPorts {
  readonly requester: Requester;
  readonly log: Log;
  readonly random: () => number;
  readonly times: FollowTimes;
}

/**
 * A local copy of a list: read whole, then kept by a watch that is resumed where it ended. Where the server no longer knows
 * that place (410), or says what cannot be read, the list is read again and compared, so that no change is lost: an object
 * that was exchanged for another of its name meanwhile is one change between two uids. `managedFields` are left out.
 */
export function follow(ports: FollowPorts, resource: KubeResource, options: WatchOptions): KubeCache {
  const { requester, times } = ports;
  const log = ports.log.with({ resource: resource.plural });
  const objects = new Map<string, KubeObject>();
  const end = new AbortController();
  const { signal } = end;
  const stop = () => end.abort();
  const unlink = options.signal.aborted ? () => {} : whenAborted(options.signal, stop);
  if (options.signal.aborted) stop();
  const backoff = createBackoff(times.firstBackoffMs, times.mostBackoffMs, ports.random);
  const synced = Promise.withResolvers<void>();
  // Not everybody waits for it.
  synced.promise.catch(() => {});
  let state: 'unread' | 'following' | 'lost' = 'unread';
  let endedAt = Number.NEGATIVE_INFINITY;
  let complaint: string | undefined;

  const set = (object: KubeObject) => {
    const key = keyOf(object);
    const before = objects.get(idOf(key));
    const { managedFields: _, ...metadata } = object.metadata as KubeObject['metadata'] & { managedFields?: unknown };
    const whole = { ...object, metadata };
    const kept = options.keep?.(whole) ?? whole;
    objects.set(idOf(key), kept);
    const isSame =
      before?.metadata.uid === metadata.uid && before?.metadata.resourceVersion === metadata.resourceVersion;
    if (!isSame) tell(key, kept, before);
  };
  const remove = (key: ObjectKey) => {
    const before = objects.get(idOf(key));
    if (before === undefined) return;
    objects.delete(idOf(key));
    tell(key, undefined, before);
  };
  const tell: WatchOptions['onChange'] = (key, object, before) => {
    if (signal.aborted) return;
    try {
      options.onChange(key, object, before);
    } catch (error) {
      log.error('a change could not be taken in', { error: String(error), namespace: key.namespace, name: key.name });
    }
  };

  const list = async (): Promise<string> => {
    const { items, resourceVersion } = await readList(requester, resource, options, signal);
    signal.throwIfAborted();
    const gone = new Set(objects.keys());
    for (const item of items) gone.delete(idOf(keyOf(item)));
    for (const id of gone) remove(keyOf(objects.get(id) as KubeObject));
    for (const item of items) set(item);
    return resourceVersion;
  };

  /** Follows from a version until the watch ends; the version it came to. Throws `Relist` where there is no going on. */
  const watch = async (from: string, reached: (version: string) => void): Promise<void> => {
    const seconds = Math.ceil(times.watchSeconds * (1 + ports.random()));
    const stream = await requester.stream({
      method: 'GET',
      path: listPath(resource, options.namespace),
      query: {
        watch: '1',
        allowWatchBookmarks: 'true',
        labelSelector: options.labelSelector,
        resourceVersion: from,
        timeoutSeconds: String(seconds),
      },
      signal,
    });
    recovered();
    const began = performance.now();
    const idle = new IdleTimer(stream, times.idleMs);
    try {
      for await (const line of linesOf(idle.watched(stream.chunks), maxEventBytes, tooLong)) {
        if (signal.aborted) return;
        if (line.trim() === '') continue;
        reached(take(line));
        backoff.reset();
      }
    } finally {
      idle.end();
      stream.close();
    }
    endedAt = performance.now();
    state = 'lost';
    if (endedAt - began > briefMs) backoff.reset();
    else await pause(backoff.next(), signal);
  };

  const take = (line: string): string => {
    const event = parse(line);
    const type = valueAt(event, 'type');
    const object = valueAt(event, 'object');
    if (type === 'ERROR') {
      const error = errorFromStatus(0, object);
      if (error.status === 429) throw error;
      throw new Relist(error.message);
    }
    const version = valueAt(object, 'metadata', 'resourceVersion');
    if (typeof version !== 'string') throw new Relist('an event of the watch has no version');
    if (type === 'BOOKMARK') return version;
    if (typeof valueAt(object, 'metadata', 'name') !== 'string') throw new Relist('an event of the watch has no name');
    const read = readObject(object, resource);
    if (type === 'DELETED') remove(keyOf(read));
    else if (type === 'ADDED' || type === 'MODIFIED') set(read);
    else throw new Relist('an event of the watch is of no known type');
    return version;
  };

  const recovered = () => {
    state = 'following';
    if (complaint !== undefined) log.info('following again');
    complaint = undefined;
  };

  const run = async () => {
    let version: string | undefined;
    let relistAt = 0;
    while (!signal.aborted) {
      try {
        if (version === undefined || performance.now() > relistAt) {
          version = await list();
          endedAt = performance.now();
          state = 'lost';
          relistAt = endedAt + times.relistMs * (1 + ports.random());
          synced.resolve();
        }
        await watch(version, (reached) => {
          version = reached;
        });
      } catch (error) {
        if (signal.aborted) break;
        state = 'lost';
        endedAt = Number.NEGATIVE_INFINITY;
        if (!isResumable(error)) version = undefined;
        const why = messageOf(error);
        if (error instanceof Relist) log.debug('reading the list again', { why });
        else if (why !== complaint) {
          complaint = why;
          log.warn('cannot be followed; trying again', { why });
        }
        // Never in a tight circle: a server may forget faster than it answers.
        await pause(backoff.next(), signal);
      }
    }
    unlink();
    state = 'lost';
    endedAt = Number.NEGATIVE_INFINITY;
    synced.reject(new KubeError(0, 'Aborted', `following ${resource.plural} was given up`));
  };
  void run();

  return {
    get: (key) => objects.get(idOf(key)),
    list: () => [...objects.values()],
    synced: synced.promise,
    isCurrent: () => state === 'following' || (state === 'lost' && performance.now() - endedAt < changeoverMs),
    stop,
  };
}

/** The list must be read again. */
class Relist extends Error {}

/**
 * Whether a watch goes on from where it was. Not after the server could not be reached at all: what comes back may have been
 * restored from a backup, and a watch from a version that lies ahead of it is silent for ever.
 */
function isResumable(error: unknown): boolean {
  if (error instanceof Relist) return false;
  if (!(error instanceof KubeError)) return true; // the connection was cut
  if (error.status === 0) return error.reason !== 'Unreachable';
  return error.status === 401 || error.status === 403 || error.status === 429 || error.status >= 500;
}

function tooLong(): Error {
  return new Relist(`an event of the watch is longer than ${maxEventBytes} bytes`);
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw new Relist('an event of the watch is not JSON');
  }
}

/** Ends a stream on which nothing comes, as if the server had ended it. */
class IdleTimer {
  readonly #stream: KubeStream;
  readonly #timer: NodeJS.Timeout;
  #fired = false;

  constructor(stream: KubeStream, ms: number) {
    this.#stream = stream;
    this.#timer = setTimeout(() => {
      this.#fired = true;
      stream.close();
    }, ms);
  }

  async *watched(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    try {
      for await (const chunk of chunks) {
        this.#timer.refresh();
        yield chunk;
      }
    } catch (error) {
      if (!this.#fired) throw error;
    }
  }

  end(): void {
    clearTimeout(this.#timer);
    if (!this.#fired) this.#stream.close();
  }
}

function keyOf({ metadata }: KubeObject): ObjectKey {
  return { namespace: metadata.namespace ?? '', name: metadata.name };
}

function idOf({ namespace, name }: ObjectKey): string {
  return `${namespace}/${name}`;
}

function messageOf(error: unknown): string {
  if (error instanceof KubeError || error instanceof Relist) return error.message;
  return `the connection was cut (${(error as NodeJS.ErrnoException).code ?? 'without a reason'})`;
}
