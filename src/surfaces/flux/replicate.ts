import { asGateError } from '../../core/errors.ts';
import type { ObjectKey } from '../../core/kube.ts';
import type { Log } from '../../core/telemetry.ts';
import { type ArtifactRecord, artifactPath, artifactUrl, hexOf, isOurs, recordOf } from './artifact.ts';
import { statusOf } from './own-status.ts';
import type { ArtifactStore, DownloadArtifact, Timers } from './ports.ts';
import { createQueue, type Outcome } from './queue.ts';
import type { ClusterView } from './run.ts';
import { keyOf, keyText } from './sources.ts';
import { inTime } from './verdict.ts';

export interface ReplicationPorts {
  readonly view: ClusterView;
  /** Whether the copies of the cluster's objects are whole and follow it now: else nothing is removed. */
  readonly isCurrent: () => boolean;
  readonly isLeader: () => boolean;
  readonly store: ArtifactStore;
  readonly download: DownloadArtifact;
  /** Hosts, with ports, of the other replicas. */
  readonly peers: readonly string[];
  readonly log: Log;
  readonly timers: Timers;
}

export interface ReplicationSettings {
  readonly advertisedHost: string;
  readonly retention: { readonly ttlMs: number; readonly records: number };
  readonly maxDownloadBytes: number;
}

export interface Replication {
  /** Looks at the artifact of a key soon. */
  changed(key: ObjectKey): void;
  /** Gets a file from another replica; false where none has it. */
  recover(path: string, digest: string, signal: AbortSignal): Promise<boolean>;
  stop(): Promise<void>;
}

/** A file is stored before anything names it: one that is younger than this is never taken for a leftover. */
const MIN_AGE = 60_000;
const SWEEP_EVERY = 30_000;
const DOWNLOAD_LIMIT = 60_000;

/**
 * Keeps a copy of every artifact that was let out, so that whoever leads next can serve it though the newest revision
 * is refused; and removes what nothing names any more. What is copied is what the leader serves under its own address,
 * and nothing else, with the digest that the ExternalArtifact says.
 */
export function createReplication(
  { view, isCurrent, isLeader, store, download, peers, log, timers }: ReplicationPorts,
  { advertisedHost, retention, maxDownloadBytes }: ReplicationSettings,
  signal: AbortSignal,
): Replication {
  const queue = createQueue(copy, { concurrency: 2, backoff: { first: 500, most: 60_000 }, timers });
  let cancelSweep = timers.after(SWEEP_EVERY, sweep);

  /** What is served for a key, as far as it is the gate's own word. */
  function servedOf(key: ObjectKey): ArtifactRecord | undefined {
    const artifact = view.artifact(key);
    return artifact !== undefined && isOurs(artifact) ? recordOf(artifact, key, advertisedHost) : undefined;
  }

  async function copy(id: string): Promise<Outcome> {
    const key = keyOf(id);
    const record = servedOf(key);
    if (record === undefined || signal.aborted || isLeader()) return { kind: 'done' };
    const path = artifactPath(key, record.digest);
    if (store.get(path) !== undefined) return { kind: 'done' };
    const urls = [artifactUrl(advertisedHost, key, record.digest), ...peers.map((host) => `http://${host}/${path}`)];
    if (await fetchFirst(urls, path, record.digest, signal)) {
      log.info('copied', { namespace: key.namespace, name: key.name, artifact: record.digest });
      return { kind: 'done' };
    }
    return { kind: 'failed' };
  }

  async function fetchFirst(
    urls: readonly string[],
    path: string,
    digest: string,
    stop: AbortSignal,
  ): Promise<boolean> {
    for (const url of urls) {
      if (stop.aborted) return false;
      try {
        const file = store.temporary();
        const ask = (within: AbortSignal) =>
          download({ url, digest, file, maxBytes: maxDownloadBytes, signal: within });
        const answer = await inTime(ask, DOWNLOAD_LIMIT, timers, stop);
        if (answer.kind !== 'stored') continue;
        const stored = await store.adopt(path, { file });
        if (stored.digest === digest) return true;
      } catch (error) {
        log.debug('not copied', { url, why: asGateError(error).message });
      }
    }
    return false;
  }

  function sweep(): void {
    void sweepOnce()
      .catch((error: unknown) => log.warn('old artifacts could not be removed', { why: asGateError(error).message }))
      .finally(() => {
        if (!signal.aborted) cancelSweep = timers.after(SWEEP_EVERY, sweep);
      });
  }

  async function sweepOnce(): Promise<void> {
    const keys = new Map(store.list().map((file) => [keyText(file), { namespace: file.namespace, name: file.name }]));
    for (const key of keys.values()) {
      if (signal.aborted || !isCurrent()) return;
      await sweepKey(key);
    }
  }

  async function sweepKey(key: ObjectKey): Promise<void> {
    const source = view.gatedSource(key);
    const named = [servedOf(key)?.digest, source && statusOf(source).artifact?.digest].filter(
      (digest) => digest !== undefined,
    );
    const maxAgeMs = Math.max(retention.ttlMs, MIN_AGE);
    const { records } = retention;
    // The last of a source that is there stays though nothing names it: it may be about to be named.
    if (source !== undefined || named.length > 0) {
      const young = store.list(key).filter(({ storedAt }) => timers.wallTime() - storedAt < MIN_AGE);
      const keep = new Set([...named.map(hexOf), ...young.map(({ hex }) => hex)]);
      await store.collect(key, { keep, maxAgeMs, records });
      return;
    }
    if (store.list(key).every(({ storedAt }) => timers.wallTime() - storedAt >= maxAgeMs)) await store.remove(key);
  }

  return {
    changed: (key) => queue.add(keyText(key)),
    recover: (path, digest, stop) =>
      fetchFirst(
        peers.map((host) => `http://${host}/${path}`),
        path,
        digest,
        stop,
      ),
    async stop() {
      cancelSweep();
      await queue.drain();
    },
  };
}
