import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { contentDigest, stampOf, type WatchedPath } from '../adapters/watched-files.ts';
import type { RootsStanding } from '../checks/images/policy/shelf.ts';
import type { PolicyDescription } from '../checks/policy/dialect.ts';
import { compileSelector, type LabelMatcher } from '../checks/policy/values/label-selector.ts';
import { matchesWildcard } from '../checks/policy/values/wildcard.ts';
import { type GateConfig, loadConfig, type NamespaceSelection } from '../config.ts';
import { type AlarmClock, monotonicClock, withDeadline } from '../core/deadline.ts';
import type { Finding } from '../core/decision.ts';
import { asGateError, type Code, GateError } from '../core/errors.ts';
import type { JsonObject, JsonPath } from '../core/json.ts';
import type { NamespaceFacts, StandingGate } from '../gates.ts';
import { plainRequest } from '../render/request.ts';
import { withMend } from '../report/text.ts';
import type { OpenGate } from './gate.ts';

const hourMs = 3600 * 1000;
/** What roots of trust are fetched from elsewhere is fetched again this often. */
const refreshMs = 6 * hourMs;
/**
 * What could not be loaded may be had a little later, whatever it was: a disk that was full, an engine that was killed, a
 * server that was away. Each time that it fails again twice as much later, up to the second.
 */
export const retryMs = 60_000;
const retryAtMostMs = 300_000;
/** There is less haste where roots that were fetched before still hold. */
const refetchMs = 300_000;
/** Roots grow old with no file changing. */
const trustMs = 24 * hourMs;

/** Rules that have not been loaded by then are given up; so long the Gates beside them wait. */
const loadMs = 120_000;

/** One Gate as it was loaded: it judges, or it says why it cannot. */
export interface LoadedGate {
  readonly file: string;
  /** The file as the platform calls it: `production.yaml`. */
  readonly shown: string;
  readonly name: string;
  readonly config: GateConfig;
  readonly governs: (namespace: NamespaceFacts) => boolean;
  readonly watched: () => readonly WatchedPath[];
  readonly stamp: string;
  readonly rules: string;
  /** Milliseconds since the epoch. */
  readonly loadedAt: number;
  /** When it is to be loaded again although no file has changed, by the clock that it was loaded with. */
  readonly dueAt: number;
  readonly state:
    | ({ readonly kind: 'standing'; readonly gate: StandingGate; readonly roots: RootsStanding } & Remarks)
    /** How often in a row it has failed now, and why the last time. */
    | { readonly kind: 'failed'; readonly why: string; readonly times: number };
  close(): Promise<void>;
}

/** What the platform should know of rules that judge. */
interface Remarks {
  /** Rules that give no verdict, and why: `ClusterPolicy add-labels add-team (it changes objects)`. */
  readonly notEvaluated: readonly string[];
  /** Of policies, trust and roots; they change no verdict. */
  readonly warnings: readonly { readonly code: Code; readonly text: string }[];
}

/** Opens the gate of a configuration, for many verdicts. */
export type OpenConfig = (config: GateConfig, signal: AbortSignal) => OpenGate;

export interface GateLoading {
  /** Where it is loaded again, the one before. */
  readonly before?: LoadedGate | undefined;
  /** The process's own if nothing is said. */
  readonly timers?: AlarmClock;
}

/**
 * Loads the Gate of a file, with all that it names. Throws where the file says no Gate; what is wrong with the rules, or
 * that they cannot be loaded now or in time, is its state.
 */
export async function loadGate(
  file: string,
  open: OpenConfig,
  signal: AbortSignal,
  { before, timers = monotonicClock }: GateLoading = {},
): Promise<LoadedGate> {
  const own: WatchedPath = { path: file, name: 'gate' };
  const paths = new Map<string, WatchedPath>([[file, own]]);
  /** How each was before it was read. */
  const stamps = new Map<string, string>([[file, stampOf([own])]]);
  // Statuses tell it to teams, for whom a path of this machine means nothing.
  const shown = basename(file);
  const config = await loadConfig(file, async (path) => readFileSync(path, 'utf8'), shown);
  const { namespaces } = config.spec;
  if (namespaces === undefined) {
    const place = placeIn(config, ['spec']);
    throw new GateError('CONFIG_INVALID', `${place}: it does not say which namespaces it governs`, {
      place,
      mend: 'Write spec.namespaces.',
    });
  }
  const governs = selection(namespaces, config);
  const elsewhere = settingsOfRegistries(config);
  const recorded: GateConfig = {
    ...config,
    resolvePath(path) {
      const absolute = config.resolvePath(path);
      // A mirror is named by digests, and a cache is written by the gate itself.
      if (elsewhere.large.has(path)) return absolute;
      const named = { path: absolute, name: path };
      paths.set(absolute, named);
      if (!stamps.has(absolute)) stamps.set(absolute, stampOf([named]));
      return absolute;
    },
  };
  const watched = () => [...paths.values()];
  const loading = await loadRules((stop) => open(recorded, stop), signal, timers);
  const deciding = watched().filter(({ name }) => !elsewhere.besides.has(name));
  const stampNow = stampOf(watched());
  const digestNow = contentDigest(deciding);
  // Asked last, so that it holds for those two as well. Written while it was read: nobody knows what of it was loaded. It
  // is loaded again, and until then its digest is that of no content: what it has judged is judged again.
  const isSettled = watched().every((each) => stampOf([each]) === stamps.get(each.path));
  const stamp = isSettled ? stampNow : '';
  const rules = isSettled ? digestNow : contentDigest([...deciding, { path: file, name: 'written while it was read' }]);
  const loadedAt = Date.now();
  const about = { file, shown, name: config.name, config, governs, watched, stamp, rules, loadedAt };
  if (loading.kind === 'failed') {
    const times = before?.state.kind === 'failed' && before.stamp === stamp ? before.state.times + 1 : 1;
    const dueAt = timers.now() + Math.min(retryMs * 2 ** (times - 1), retryAtMostMs);
    return { ...about, dueAt, state: { kind: 'failed', why: loading.why, times }, close: loading.close };
  }
  const { opened, remarks, roots } = loading;
  const standing = standingGate(opened, config, rules);
  return {
    ...about,
    dueAt: timers.now() + againAfter(config, roots, loadedAt),
    state: { kind: 'standing', gate: standing.gate, roots, ...remarks },
    close: async () => {
      await standing.idle();
      await opened.close();
    },
  };
}

/** What came of loading the rules. */
type Loading =
  | { readonly kind: 'loaded'; readonly opened: OpenGate; readonly remarks: Remarks; readonly roots: RootsStanding }
  | { readonly kind: 'failed'; readonly why: string; readonly close: () => Promise<void> };

async function loadRules(
  open: (stop: AbortSignal) => OpenGate,
  signal: AbortSignal,
  timers: AlarmClock,
): Promise<Loading> {
  const givenUp = new AbortController();
  let opened: OpenGate | undefined;
  const late = () =>
    new GateError('CHECK_TIMEOUT', `its rules were not loaded within ${loadMs / 1000} s`, {
      mend: 'It is tried again within minutes; find out what they wait for.',
    });
  try {
    const gate = open(AbortSignal.any([signal, givenUp.signal]));
    opened = gate;
    return await withDeadline(signal, { milliseconds: loadMs, late, graceMs: 0, clock: timers }, async () => {
      await gate.loaded();
      const [described, { warnings, roots }] = await Promise.all([gate.describe(), gate.trust()]);
      return { kind: 'loaded', opened: gate, remarks: remarksOf(described, warnings), roots };
    });
  } catch (error) {
    signal.throwIfAborted();
    givenUp.abort();
    return { kind: 'failed', why: reasonOf(error), close: async () => opened?.close() };
  }
}

function standingGate(opened: OpenGate, config: GateConfig, rules: string) {
  const { timeoutSeconds } = config.spec;
  const running = new Set<Promise<unknown>>();
  const late = () => new GateError('CHECK_TIMEOUT', `no verdict within ${timeoutSeconds} s`);
  const bounded = <Answer>(outer: AbortSignal, use: (signal: AbortSignal) => Promise<Answer>): Promise<Answer> => {
    const answer = withDeadline(outer, { milliseconds: timeoutSeconds * 1000, late }, use);
    running.add(answer);
    void answer.catch(() => {}).finally(() => running.delete(answer));
    return answer;
  };
  const gate: StandingGate = {
    name: config.name,
    rules,
    rememberMs: config.spec.admission.rememberSeconds * 1000,
    judge: (request, signal, belongs) => bounded(signal, (stop) => opened.judge(request, 'yaml', stop, belongs)),
    async judgeAgain(manifests, destinationNamespace, signal) {
      const request = {
        ...plainRequest({ kind: 'stdin', bytes: manifests, name: 'manifests.yaml' }),
        destinationNamespace,
      };
      return (await bounded(signal, (stop) => opened.judge(request, 'yaml', stop))).decision;
    },
    // Its own deadline is the shorter one, and it asks often: no promise is made for each.
    judgeObject: (admitted, signal) => opened.judgeObject(admitted, signal),
  };
  return {
    gate,
    idle: async () => {
      await Promise.race([Promise.allSettled([...running]), delay(timeoutSeconds * 1000, undefined, { ref: false })]);
    },
  };
}

function remarksOf(described: readonly PolicyDescription[], trust: readonly Finding[]): Remarks {
  const notEvaluated = described.flatMap(({ policy, rules }) =>
    rules.flatMap(({ name, notEvaluated: why }) =>
      why === undefined ? [] : [`${policy}${name === '' ? '' : ` ${name}`} (${why})`],
    ),
  );
  const hazards = described.flatMap(({ policy, warnings }) =>
    warnings.map((text) => ({ code: 'POLICY_HAZARD' as const, text: `${policy}: ${text}` })),
  );
  const ofTrust = trust.map((finding) => ({ code: finding.code, text: `${finding.rule}: ${withMend(finding)}` }));
  return { notEvaluated, warnings: [...ofTrust, ...hazards] };
}

/** Which namespaces a Gate governs. Where names and labels are both given, both must fit. */
function selection({ names, selector, clusterObjects }: NamespaceSelection, config: GateConfig) {
  const refuse = (field: JsonPath, what: string, mend: string) => {
    const place = placeIn(config, field);
    return new GateError('CONFIG_INVALID', `${place}: ${field.join('.')}${what}`, { place, mend });
  };
  if (names === undefined && selector === undefined && !clusterObjects) {
    const mend = "Write names, a selector or clusterObjects in it; names: ['*'] selects every namespace.";
    throw refuse(['spec', 'namespaces'], ' selects nothing', mend);
  }
  let matcher: LabelMatcher = () => true;
  if (selector !== undefined) {
    try {
      matcher = compileSelector(selector as JsonObject);
    } catch (error) {
      const mend = 'Write matchLabels or matchExpressions in it, as in any label selector.';
      throw refuse(['spec', 'namespaces', 'selector'], `: ${(error as Error).message}`, mend);
    }
  }
  if (names === undefined && selector === undefined) return () => false;
  return ({ name, labels }: NamespaceFacts): boolean =>
    (names === undefined || names.some((pattern) => matchesWildcard(pattern, name))) && matcher(labels);
}

function placeIn({ locate, name }: GateConfig, field: JsonPath): string {
  return locate?.(field) ?? name;
}

/** Paths that say where registries are and who reads them: no verdict depends on them, but that there is one. */
function settingsOfRegistries({ spec }: GateConfig) {
  const besides = new Set<string>();
  const add = (value: unknown): void => {
    if (typeof value === 'string') besides.add(value);
    else if (typeof value === 'object' && value !== null) for (const each of Object.values(value)) add(each);
  };
  for (const part of [spec.registries, spec.registryCredentials, spec.registryPullSecrets, spec.registryCache])
    add(part);
  add(spec.render.credentials);
  const large = new Set<string>();
  if (spec.registryCache !== undefined) large.add(spec.registryCache.folder);
  for (const registry of spec.registries) if ('layout' in registry && registry.layout) large.add(registry.layout);
  return { besides, large };
}

/** Whether it judges by roots that have expired: from that moment on nobody may be let in by them. */
export function hasExpired({ state }: LoadedGate, now: number): boolean {
  if (state.kind === 'failed') return false;
  const { expires } = state.roots;
  return expires !== undefined && expires.getTime() <= now;
}

/** After how many milliseconds a Gate that judges is loaded again. */
function againAfter({ spec: { images } }: GateConfig, { expires, isFetched }: RootsStanding, now: number): number {
  if (images === 'unchecked') return Number.POSITIVE_INFINITY;
  const refreshed = isFetched ? refreshMs : refetchMs;
  const left = expires === undefined ? Number.POSITIVE_INFINITY : Math.max(0, expires.getTime() - now);
  return Math.min(left, images.trustRoots.refresh ? refreshed : trustMs);
}

/** A failure in one line, with its mend, as it is told of a Gate. */
export function reasonOf(error: unknown): string {
  const known = asGateError(error, 'CONFIG_INVALID');
  return `${known.code} ${withMend(known)}`;
}
