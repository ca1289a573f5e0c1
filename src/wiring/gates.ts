import { readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { stampOf } from '../adapters/watched-files.ts';
import type { Log, Metrics } from '../core/telemetry.ts';
import type { Gates, Governing } from '../gates.ts';
import { openGate } from './gate.ts';
import { isStale, type LoadedGate, loadGate, type OpenConfig, reasonOf } from './loaded-gate.ts';
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
}

/** The Gates of one look at the folder. */
type GateSet =
  | { readonly kind: 'loaded'; readonly gates: readonly LoadedGate[] }
  /** One file cannot be read as a Gate: nobody knows which namespaces it would govern. */
  | { readonly kind: 'failed'; readonly why: string; readonly gates: readonly LoadedGate[] };

/**
 * Opens the Gates of a folder and follows their files: a Gate whose rules change is loaded anew beside the old one, and
 * then takes its place. What cannot be loaded judges nothing any more: the rules that held before are not those that the
 * platform wants now. Never throws for what is in the files; the answer of every Gate says it.
 */
export async function openGates(
  options: GatesOptions,
  { world, log, metrics, open = (config, stop) => openGate(config, world, stop, 'many verdicts') }: GatesPorts,
  signal: AbortSignal,
): Promise<Gates> {
  const over = new AbortController();
  const stop = AbortSignal.any([signal, over.signal]);
  const listeners = new Set<(names: readonly string[]) => void>();
  let stamp = folderStamp(options.folder);
  let current = await loadSet(options.folder, [], open, stop);
  tell(current, log, metrics);

  const follow = async () => {
    let seen = lookAt(options.folder, current);
    for (;;) {
      await delay(options.pollMs, undefined, { signal: stop, ref: false });
      const now = lookAt(options.folder, current);
      const settled = isSameLook(now, seen);
      seen = now;
      // Files that are being written are left alone until they stay as they are.
      if (!settled) continue;
      const stale = current.gates.filter((gate) => isStale(gate, now.gates.get(gate)));
      if (now.folder === stamp && stale.length === 0) {
        tellAge(current, metrics);
        continue;
      }
      const before = current;
      current = await loadSet(
        options.folder,
        before.gates.filter((gate) => !stale.includes(gate)),
        open,
        stop,
      );
      stamp = now.folder;
      seen = lookAt(options.folder, current);
      tell(current, log, metrics);
      const changed = changedNames(before.gates, current.gates);
      if (changed.length > 0 || before.kind !== current.kind) {
        for (const listener of listeners) listener(changed);
      }
      const kept = new Set(current.gates);
      for (const gate of before.gates) if (!kept.has(gate)) void gate.close();
    }
  };
  const following = follow().catch((error: unknown) => {
    if (!stop.aborted) log.error('the files of the Gates are no longer followed', { error: String(error) });
  });

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

function governing(set: GateSet, governs: (gate: LoadedGate) => boolean): Governing {
  if (set.kind === 'failed') return { kind: 'unavailable', why: set.why };
  const [only, ...others] = set.gates.filter(governs);
  if (only === undefined) return { kind: 'none' };
  if (others.length > 0) return { kind: 'several', names: [only, ...others].map(({ name }) => name) };
  return only.state.kind === 'standing'
    ? { kind: 'one', gate: only.state.gate }
    : { kind: 'unavailable', why: `Gate ${only.name}: ${only.state.why}` };
}

/** Loads every Gate of the folder, but for those of `kept`, which are as they were. */
async function loadSet(
  folder: string,
  kept: readonly LoadedGate[],
  open: OpenConfig,
  signal: AbortSignal,
): Promise<GateSet> {
  const gates: LoadedGate[] = [];
  const failures: string[] = [];
  let files: readonly string[] = [];
  try {
    files = gateFiles(folder);
    if (files.length === 0) failures.push(`${basename(folder)} holds no Gate`);
  } catch (error) {
    failures.push(`the Gates cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`);
  }
  for (const file of files) {
    const known = kept.find((gate) => gate.file === file);
    try {
      gates.push(known ?? (await loadGate(file, open, signal)));
    } catch (error) {
      signal.throwIfAborted();
      failures.push(reasonOf(error));
    }
  }
  const names = gates.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) failures.push(`two Gates are called ${twice}`);
  return failures.length === 0 ? { kind: 'loaded', gates } : { kind: 'failed', why: failures.join('; '), gates };
}

function gateFiles(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => /^[^.].*\.(ya?ml|json)$/.test(name))
    .sort()
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());
}

function folderStamp(folder: string): string {
  try {
    return stampOf(gateFiles(folder).map((path) => ({ path, name: basename(path) })));
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}

/** The files as they are at one moment: of the folder of Gates, and of all that each Gate names. */
interface Look {
  readonly folder: string;
  readonly gates: ReadonlyMap<LoadedGate, string>;
}

function lookAt(folder: string, set: GateSet): Look {
  return { folder: folderStamp(folder), gates: new Map(set.gates.map((gate) => [gate, stampOf(gate.watched())])) };
}

function isSameLook(a: Look, b: Look): boolean {
  return (
    a.folder === b.folder &&
    a.gates.size === b.gates.size &&
    [...a.gates].every(([gate, at]) => b.gates.get(gate) === at)
  );
}

function changedNames(before: readonly LoadedGate[], after: readonly LoadedGate[]): string[] {
  const ruled = (gates: readonly LoadedGate[]) =>
    new Map(gates.map(({ name, rules, state }) => [name, `${rules} ${state.kind}`]));
  const [old, fresh] = [ruled(before), ruled(after)];
  return [...new Set([...old.keys(), ...fresh.keys()])].filter((name) => old.get(name) !== fresh.get(name));
}

function tell(set: GateSet, log: Log, metrics: Metrics): void {
  if (set.kind === 'failed') log.error('the Gates cannot be loaded; everything is refused', { why: set.why });
  for (const { name, rules, state } of set.gates) {
    if (state.kind === 'standing') log.info('Gate loaded', { gate: name, rules });
    else log.error('the rules of a Gate cannot be loaded; what it governs is refused', { gate: name, why: state.why });
  }
  const standing = set.kind === 'failed' ? [] : set.gates.filter(({ state }) => state.kind === 'standing');
  metrics.set('syncgate_gates_loaded', {}, standing.length);
  metrics.set('syncgate_rules_loaded_timestamp_seconds', {}, Math.floor(Date.now() / 1000));
  tellAge(set, metrics);
}

function tellAge(set: GateSet, metrics: Metrics): void {
  for (const { name, loadedAt } of set.gates) {
    metrics.set('syncgate_trust_root_age_seconds', { root: name }, Math.round((Date.now() - loadedAt) / 1000));
  }
}
