import { setTimeout as delay } from 'node:timers/promises';
import { type AlarmClock, monotonicClock } from '../core/deadline.ts';
import { GateError } from '../core/errors.ts';
import type { GaugeName, Log, MetricLabels, Metrics } from '../core/telemetry.ts';
import type { Gates, Governing } from '../gates.ts';
import { openGate } from './gate.ts';
import { createUnrest, folderStamp, gateFiles, lookAt } from './gate-files.ts';
import { hasExpired, type LoadedGate, loadGate, type OpenConfig, reasonOf, retryMs } from './loaded-gate.ts';
import type { World } from './world.ts';

export interface GatesOptions {
  /** Every `*.yaml`, `*.yml` and `*.json` in it is one Gate. */
  readonly folder: string;
  /** How often the files are looked at. A change counts once two looks in a row have seen the same. */
  readonly pollMs: number;
}

export interface GatesPorts {
  readonly world: World;
  readonly log: Log;
  readonly metrics: Metrics;
  /** The product's own if nothing is said. */
  readonly open?: OpenConfig;
  /** The process's own if nothing is said. */
  readonly timers?: AlarmClock;
}

/** The Gates of one look at the folder. */
type GateSet =
  | { readonly kind: 'loaded'; readonly gates: readonly LoadedGate[] }
  /** One file cannot be read as a Gate: nobody knows which namespaces it would govern. */
  | {
      readonly kind: 'failed';
      readonly why: string;
      /** How many things are wrong. */
      readonly failures: number;
      readonly gates: readonly LoadedGate[];
      /** When it is read again although no file has changed: what failed may have been the machine. */
      readonly dueAt: number;
    };

const folderMend = 'Mount the files of the Gates there, or name their folder with --gates.';
/** So many of what a Gate does not evaluate, or warns of, are named. */
const namedAtMost = 5;

/**
 * Opens the Gates of a folder and follows their files: a Gate whose rules change is loaded anew beside the old one, and
 * then takes its place. What cannot be loaded judges nothing any more: the rules that held before are not those that the
 * platform wants now. Never throws for what is in the files; the answer of every Gate says it.
 */
export async function openGates(
  options: GatesOptions,
  {
    world,
    log,
    metrics,
    open = openStanding({ ...world, metrics, fetchedRoots: new Map() }),
    timers = monotonicClock,
  }: GatesPorts,
  signal: AbortSignal,
): Promise<Gates> {
  const over = new AbortController();
  const stop = AbortSignal.any([signal, over.signal]);
  const listeners = new Set<(names: readonly string[]) => void>();
  const load: LoadFile = (file, before) => loadGate(file, open, stop, { before, timers });
  let stamp = folderStamp(options.folder);
  let current = await loadSet(options.folder, [], [], load, timers, stop);
  tell(current, undefined, log, metrics);

  const unrest = createUnrest(timers);
  let seen = lookAt(options.folder, current.gates);
  const lookAgain = async () => {
    const now = lookAt(options.folder, current.gates);
    const before = current;
    const isSettled = unrest.settled(seen, now, stamp);
    seen = now;
    const at = timers.now();
    const stale = before.gates.filter(
      (gate) =>
        at >= gate.dueAt || hasExpired(gate, Date.now()) || (now.gates.get(gate) !== gate.stamp && isSettled(gate)),
    );
    const isNew = now.folder !== stamp;
    // A file that is being written is no Gate yet, and without it none would judge.
    if (isNew && !isSettled('folder')) return;
    if (!isNew && stale.length === 0 && !(before.kind === 'failed' && at >= before.dueAt)) return;
    const kept = before.gates.filter((gate) => !stale.includes(gate));
    current = await loadSet(options.folder, kept, before.gates, load, timers, stop);
    stamp = now.folder;
    seen = lookAt(options.folder, current.gates);
    tell(current, before, log, metrics);
    const stays = new Set(current.gates);
    for (const gate of before.gates) if (!stays.has(gate)) void gate.close();
    const changed = changedNames(before.gates, current.gates);
    // What is told of a Gate that fails stands in statuses.
    if (changed.length > 0 || whyOf(before) !== whyOf(current)) {
      for (const listener of listeners) listener(changed);
    }
  };
  const follow = async () => {
    for (;;) {
      await delay(options.pollMs, undefined, { signal: stop, ref: false });
      try {
        await lookAgain();
      } catch (error) {
        stop.throwIfAborted();
        // Whatever it was: rules that nobody follows any more would be those of today for ever.
        log.error('the files of the Gates could not be looked at', { error: String(error) });
      }
    }
  };
  const following = follow().catch(() => {});

  return {
    of: (namespace) => governing(current, (gate) => gate.governs(namespace)),
    ofCluster: () => governing(current, ({ config }) => config.spec.namespaces?.clusterObjects === true),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async close() {
      over.abort();
      await following;
      await Promise.all(current.gates.map((gate) => gate.close()));
    },
  };
}

/** Roots that were fetched are kept from one Gate to the next that is loaded in its place. */
function openStanding(world: World): OpenConfig {
  return (config, stop) => openGate(config, world, stop, 'many verdicts');
}

function governing(set: GateSet, governs: (gate: LoadedGate) => boolean): Governing {
  if (set.kind === 'failed') return { kind: 'unavailable', why: set.why };
  const [only, ...others] = set.gates.filter(governs);
  if (only === undefined) return { kind: 'none' };
  if (others.length > 0) return { kind: 'several', names: [only, ...others].map(({ name }) => name) };
  const { state } = only;
  if (state.kind === 'failed') return unavailable(only, state.why);
  if (hasExpired(only, Date.now())) return unavailable(only, reasonOf(expired(state.roots.expires)));
  return { kind: 'one', gate: state.gate };
}

function unavailable({ name, shown }: LoadedGate, why: string): Governing {
  return { kind: 'unavailable', why: `Gate ${name} (${shown}): ${why}` };
}

function expired(at: Date | undefined): GateError {
  return new GateError('IMAGE_TRUST_ROOT_EXPIRED', `a root of trust expired at ${at?.toISOString()}`);
}

function whyOf(set: GateSet): string | undefined {
  return set.kind === 'failed' ? set.why : undefined;
}

/** Loads the Gate of a file; where it was loaded already, in the place of that one. */
type LoadFile = (file: string, before: LoadedGate | undefined) => Promise<LoadedGate>;

/** Loads every Gate of the folder, but for those of `kept`, which are as they were. */
async function loadSet(
  folder: string,
  kept: readonly LoadedGate[],
  before: readonly LoadedGate[],
  load: LoadFile,
  timers: AlarmClock,
  signal: AbortSignal,
): Promise<GateSet> {
  const gates: LoadedGate[] = [];
  const failures: string[] = [];
  let files: readonly string[] = [];
  try {
    files = gateFiles(folder);
    if (files.length === 0) throw missing('holds no Gate: no file in it ends in .yaml, .yml or .json');
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    failures.push(reasonOf(error instanceof GateError ? error : missing(`cannot be read (${code})`, error)));
  }
  for (const file of files) {
    const ofFile = (gate: LoadedGate) => gate.file === file;
    try {
      gates.push(kept.find(ofFile) ?? (await load(file, before.find(ofFile))));
    } catch (error) {
      signal.throwIfAborted();
      failures.push(reasonOf(error));
    }
  }
  failures.push(...sharedNames(gates).map(reasonOf));
  if (failures.length === 0) return { kind: 'loaded', gates };
  const dueAt = timers.now() + retryMs;
  return { kind: 'failed', why: failures.join(' | '), failures: failures.length, gates, dueAt };
}

function missing(what: string, cause?: unknown): GateError {
  return new GateError('CONFIG_MISSING', `the folder of the Gates ${what}`, { mend: folderMend, cause });
}

/** Two Gates of one name: reports and statuses would say one and mean the other. */
function sharedNames(gates: readonly LoadedGate[]): GateError[] {
  const byName = new Map<string, LoadedGate[]>();
  for (const gate of gates) byName.set(gate.name, [...(byName.get(gate.name) ?? []), gate]);
  return [...byName].flatMap(([name, [first, ...others]]) =>
    others.map(({ config, shown }) => {
      const place = config.locate?.(['metadata', 'name']) ?? shown;
      const message = `${place}: metadata.name: two Gates are called ${name}, the other in ${first?.shown}`;
      return new GateError('CONFIG_INVALID', message, { place, mend: 'Give each Gate a name of its own.' });
    }),
  );
}

function changedNames(before: readonly LoadedGate[], after: readonly LoadedGate[]): string[] {
  const ruled = (gates: readonly LoadedGate[]) =>
    new Map(gates.map(({ name, rules, state }) => [name, state.kind === 'failed' ? `${rules} ${state.why}` : rules]));
  const [old, fresh] = [ruled(before), ruled(after)];
  return [...new Set([...old.keys(), ...fresh.keys()])].filter((name) => old.get(name) !== fresh.get(name));
}

/** Says what is new since the last look, and measures what there is. */
function tell(set: GateSet, before: GateSet | undefined, log: Log, metrics: Metrics): void {
  if (set.kind === 'failed' && (before === undefined || whyOf(before) !== set.why)) {
    log.error('the Gates cannot be loaded; everything is refused', { why: set.why });
  }
  const known = new Set(before?.gates);
  for (const gate of set.gates) if (!known.has(gate)) tellGate(gate, log);
  measure(set, before, metrics);
}

function tellGate({ name, shown, rules, state }: LoadedGate, log: Log): void {
  const about = { gate: name, file: shown };
  if (state.kind === 'failed') {
    log.error('the rules of a Gate cannot be loaded; what it governs is refused', { ...about, why: state.why });
    return;
  }
  const { notEvaluated, warnings } = state;
  log.info('Gate loaded', { ...about, rules, notEvaluated: notEvaluated.length, warnings: warnings.length });
  if (notEvaluated.length > 0) {
    const first = notEvaluated.slice(0, namedAtMost);
    log.warn('rules of a Gate are not evaluated', { ...about, count: notEvaluated.length, first });
  }
  if (warnings.length > 0) {
    const first = warnings.slice(0, namedAtMost).map(({ code, text }) => `${code} ${text}`);
    log.warn('the rules of a Gate hold a hazard', { ...about, count: warnings.length, first });
  }
}

function measure(set: GateSet, before: GateSet | undefined, metrics: Metrics): void {
  const failed = set.gates.filter(({ state }) => state.kind === 'failed').length;
  const failures = failed + (set.kind === 'failed' ? set.failures : 0);
  metrics.set('syncgate_gates_loaded', {}, set.kind === 'failed' ? 0 : set.gates.length - failed);
  metrics.set('syncgate_gates_failed', {}, failures);
  // Of rules that are not whole nobody shall read that they are the newest.
  if (failures === 0) metrics.set('syncgate_rules_loaded_timestamp_seconds', {}, Math.floor(Date.now() / 1000));
  const now = seriesOf(set);
  const gone = [...seriesOf(before)].filter(([id]) => !now.has(id));
  for (const [, { name, labels }] of gone) metrics.forget(name, labels);
  for (const [, { name, labels, value }] of now) metrics.set(name, labels, value);
}

interface Series {
  readonly name: GaugeName & `syncgate_${'gate' | 'trust_roots'}_${string}`;
  readonly labels: MetricLabels;
  readonly value: number;
}

/** What is measured of each Gate that stands. */
function seriesOf(set: GateSet | undefined): ReadonlyMap<string, Series> {
  const series = new Map<string, Series>();
  const put = (each: Series) => series.set(JSON.stringify([each.name, each.labels]), each);
  for (const { name: gate, state, loadedAt } of set?.gates ?? []) {
    if (state.kind === 'failed') continue;
    const putTime = (name: Series['name'], at: number) => put({ name, labels: { gate }, value: Math.floor(at / 1000) });
    putTime('syncgate_gate_loaded_timestamp_seconds', loadedAt);
    const { asOf, expires } = state.roots;
    if (asOf !== undefined) putTime('syncgate_trust_roots_timestamp_seconds', asOf.getTime());
    if (expires !== undefined) putTime('syncgate_trust_roots_expiry_timestamp_seconds', expires.getTime());
    const codes = state.warnings.map(({ code }) => code);
    for (const code of new Set(codes)) {
      const value = codes.filter((each) => each === code).length;
      put({ name: 'syncgate_gate_warnings', labels: { gate, code }, value });
    }
  }
  return series;
}
