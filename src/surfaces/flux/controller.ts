import { aborted } from '../../core/abort.ts';
import { withDeadline } from '../../core/deadline.ts';
import { GateError } from '../../core/errors.ts';
import type { KubeObject, ObjectKey } from '../../core/kube.ts';
import { artifactBody, isOurs, saysArtifact } from './artifact.ts';
import { statusOf } from './own-status.ts';
import type { ReadManifests, Timers } from './ports.ts';
import { createQueue, type WorkQueue } from './queue.ts';
import { createReconciler } from './reconcile.ts';
import { createRejudge, type Rejudge } from './rejudge.ts';
import { createReplication, type Replication } from './replicate.ts';
import type { ReconcilerPorts, ReconcilerSettings } from './run.ts';
import { keyText } from './sources.ts';
import { boundedStorage, STORAGE_LIMIT } from './storage.ts';
import { type FollowedView, followCluster } from './view.ts';

export interface ControllerPorts extends Omit<ReconcilerPorts, 'view' | 'compliances' | 'recover'> {
  readonly readManifests: ReadManifests;
  /** Hosts, with ports, of the other replicas, which keep copies of the artifacts. */
  readonly peers: readonly string[];
}

export interface ControllerSettings extends ReconcilerSettings {
  /** How many sources are judged at once. */
  readonly concurrency: number;
}

/** The controller of gated sources, on one replica. */
export interface FluxController {
  /** Follows the cluster and keeps copies of what was let out, until the signal; settles when all of it has ended. */
  run(signal: AbortSignal): Promise<void>;
  /**
   * Leads: reconciles every GatedSource until the signal, which is the leadership's. Once it has aborted nothing is
   * written any more; settles when what was under way has ended. Rejects where that does not end, or where the storage
   * does not answer any more. `run` must have been called before.
   */
  lead(signal: AbortSignal): Promise<void>;
  /** What has not been read yet; undefined where everything is known that is needed. */
  unready(): string | undefined;
}

/** What is under way when a reign ends may wait for the storage once, and a little for the API server. */
const ENDING = STORAGE_LIMIT + 15_000;
const FIRST_WAIT = 500;
const LONGEST_WAIT = 5 * 60_000;
/** Sources that have to be judged anew all at once come one after the other, so that new revisions find a turn. */
const SPREAD = 10;

/** How long the first list of a kind of source is waited for. */
const SOURCES_LIMIT = 5_000;

export function createController(ports: ControllerPorts, settings: ControllerSettings): FluxController {
  const { kube, gates, timers, log, metrics } = ports;
  const disks = boundedStorage(ports, timers, (error) => leading?.fail(error));
  const { store } = disks;
  let view: FollowedView | undefined;
  let replication: Replication | undefined;
  /** Set while this replica leads. */
  let leading:
    | { readonly queue: WorkQueue; readonly rejudge: Rejudge; readonly fail: (why: GateError) => void }
    | undefined;

  function onArtifact(key: ObjectKey, object: KubeObject | undefined): void {
    replication?.changed(key);
    if (leading === undefined || view === undefined) return;
    if (object !== undefined && !isOurs(object)) return;
    const source = view.gatedSource(key);
    // What the controller wrote itself is as the own status says, or will say at once; anything else is looked at.
    const known = source && statusOf(source).artifact;
    const body = known && artifactBody(known, key, settings.advertisedHost);
    if (object !== undefined && source !== undefined && saysArtifact(object, body)) return;
    leading.queue.add(keyText(key), SPREAD);
  }

  return {
    async run(signal) {
      view = followCluster(kube, { onGatedSource: (id) => leading?.queue.add(id), onArtifact }, timers, signal);
      const followed = view;
      const { advertisedHost, retention, maxDownloadBytes } = settings;
      replication = createReplication(
        {
          view: followed,
          isCurrent: () => followed.missing().length === 0 && followed.isCurrent(),
          isLeader: () => leading !== undefined,
          store,
          download: ports.download,
          peers: ports.peers,
          log,
          timers,
        },
        { advertisedHost, retention, maxDownloadBytes },
        signal,
      );
      await aborted(signal);
      await replication.stop();
    },

    async lead(deposed) {
      const [followed, copies] = [view, replication];
      if (followed === undefined || copies === undefined) throw new Error('the cluster is not followed yet');
      try {
        await Promise.race([followed.synced, aborted(deposed)]);
        // A source that was not read yet looks like one that is not ready; but a kind that is not there is not waited for.
        let stop = () => {};
        const late = new Promise<void>((done) => {
          stop = timers.after(SOURCES_LIMIT, done);
        });
        await Promise.race([followed.othersRead, late, aborted(deposed)]);
        stop();
      } catch {
        // The copies end with the process.
      }
      if (deposed.aborted) return;
      const failing = new AbortController();
      const signal = AbortSignal.any([deposed, failing.signal]);
      const rejudge = createRejudge(
        {
          gates,
          view: followed,
          store,
          readManifests: ports.readManifests,
          announce: ports.announce,
          log,
          metrics,
          timers,
          onAnswer: (id) => queue.add(id),
        },
        signal,
      );
      const reconciler = createReconciler(
        {
          ...ports,
          ...disks,
          kube: followed.kube,
          view: followed,
          compliances: rejudge,
          recover: (path, digest, stop) => copies.recover(path, digest, stop),
        },
        settings,
      );
      const queue = createQueue((id) => reconciler.reconcile(id, signal), {
        concurrency: settings.concurrency,
        // Whatever one team's sources wait for, there is a turn left for the others.
        ofOneNamespace: Math.max(settings.concurrency - 1, 1),
        backoff: { first: FIRST_WAIT, most: LONGEST_WAIT },
        timers,
        onLength: (length) => metrics.set('syncgate_queue_length', {}, length),
      });
      leading = { queue, rejudge, fail: (why) => failing.abort(why) };
      const unsubscribe = gates.onChange((names) => onRules(followed, queue, names));
      try {
        for (const { metadata } of followed.gatedSources()) queue.add(idOf(metadata));
        // What is left of sources that went while nobody looked. Those of the others begin already, and would run twice.
        for (const artifact of followed.artifacts()) {
          const { namespace = '', name } = artifact.metadata;
          const isLeft = followed.gatedSource({ namespace, name }) === undefined;
          if (isLeft && isOurs(artifact)) queue.add(idOf(artifact.metadata));
        }
        await aborted(signal);
      } finally {
        unsubscribe();
        leading = undefined;
        await inTime(Promise.all([queue.drain(), rejudge.stop()]), timers);
      }
      failing.signal.throwIfAborted();
    },

    unready() {
      const missing = view?.missing() ?? ['the cluster'];
      return missing.length === 0 ? undefined : `not read yet: ${missing.join(', ')}`;
    },
  };

  /** Looks at every source that the rules concern: what is served is judged again, what was refused may pass now. */
  function onRules(followed: FollowedView, queue: WorkQueue, names: readonly string[]): void {
    let delay = 0;
    for (const source of followed.gatedSources()) {
      const { namespace = '', name } = source.metadata;
      const facts = followed.namespace(namespace);
      const governing = facts && gates.of(facts);
      const before = statusOf(source).gate;
      const concerned =
        governing?.kind !== 'one' || names.includes(governing.gate.name) || before !== governing.gate.name;
      if (!concerned) continue;
      delay += SPREAD;
      queue.add(`${namespace}/${name}`, delay);
    }
  }
}

/** Waits for work whose signal has aborted, and throws STORE_FAILED where it does not end: nothing else is without a deadline. */
async function inTime(ended: Promise<unknown>, timers: Timers): Promise<void> {
  const late = () =>
    new GateError('STORE_FAILED', `what was under way has not ended within ${ENDING / 1000} s after this replica led`, {
      mend: 'Look at the volumes of the Pod and at its node: the disk hangs.',
    });
  const outer = new AbortController().signal;
  await withDeadline(outer, { milliseconds: ENDING, late, graceMs: 0, clock: timers }, () => ended);
}

function idOf({ namespace = '', name }: { readonly namespace?: string; readonly name: string }): string {
  return `${namespace}/${name}`;
}
