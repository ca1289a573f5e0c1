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
/** What could not be loaded, for something was out of reach, may be had a little later. */
const retryMs = 60_000;
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
  readonly loadedAt: number;
  /** When it is to be loaded again although no file has changed, in milliseconds since the epoch. */
  readonly dueAt: number;
  readonly state:
    | ({ readonly kind: 'standing'; readonly gate: StandingGate } & Remarks)
    | { readonly kind: 'failed'; readonly why: string };
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

/**
 * Loads the Gate of a file, with all that it names. Throws where the file says no Gate; what is wrong with the rules, or
 * that they cannot be loaded in time, is its state.
 */
export async function loadGate(
  file: string,
  open: OpenConfig,
  signal: AbortSignal,
  timers: AlarmClock = monotonicClock,
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
  const givenUp = new AbortController();
  const opened = open(recorded, AbortSignal.any([signal, givenUp.signal]));
  const loading = await awaitRules(opened, signal, timers);
  if (loading.kind === 'failed') givenUp.abort();
  const deciding = watched().filter(({ name }) => !elsewhere.besides.has(name));
  const stampNow = stampOf(watched());
  const digestNow = contentDigest(deciding);
  // Asked last, so that it holds for those two as well. Written while it was read: nobody knows what of it was loaded. It
  // is loaded again, and until then its digest is that of no content: what it has judged is judged again.
  const isSettled = watched().every((each) => stampOf([each]) === stamps.get(each.path));
  const stamp = isSettled ? stampNow : '';
  const rules = isSettled ? digestNow : contentDigest([...deciding, { path: file, name: 'written while it was read' }]);
  const standing = standingGate(opened, config, rules);
  const loadedAt = Date.now();
  return {
    file,
    shown,
    name: config.name,
    config,
    governs,
    watched,
    stamp,
    rules,
    loadedAt,
    dueAt: loadedAt + againAfter(config, loading, loadedAt),
    state:
      loading.kind === 'loaded'
        ? { kind: 'standing', gate: standing.gate, ...loading.remarks }
        : { kind: 'failed', why: loading.why },
    close: async () => {
      await standing.idle();
      await opened.close();
    },
  };
}

/** What came of loading the rules. */
type Loading =
  | { readonly kind: 'loaded'; readonly remarks: Remarks; readonly roots: RootsStanding }
  | { readonly kind: 'failed'; readonly why: string; readonly isLate: boolean };

async function awaitRules(opened: OpenGate, signal: AbortSignal, timers: AlarmClock): Promise<Loading> {
  const late = new GateError('CHECK_TIMEOUT', `its rules were not loaded within ${loadMs / 1000} s`, {
    mend: 'It is tried again each minute; find out what they wait for.',
  });
  const deadline = { milliseconds: loadMs, late: () => late, graceMs: 0, clock: timers };
  try {
    return await withDeadline(signal, deadline, async () => {
      await opened.loaded();
      const [described, { warnings, roots }] = await Promise.all([opened.describe(), opened.trust()]);
      return { kind: 'loaded', remarks: remarksOf(described, warnings), roots };
    });
  } catch (error) {
    signal.throwIfAborted();
    return { kind: 'failed', why: reasonOf(error), isLate: error === late };
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

/** Whether what stands there now, by its stamp, is no longer what was loaded, or has to be fetched or looked at anew. */
export function isStale({ stamp, dueAt }: LoadedGate, stampNow: string | undefined, now: number): boolean {
  return stampNow !== stamp || now >= dueAt;
}

/** After how many milliseconds a Gate is loaded again. */
function againAfter({ spec: { images } }: GateConfig, loading: Loading, now: number): number {
  const refresh = images !== 'unchecked' && images.trustRoots.refresh;
  if (loading.kind === 'failed') return refresh || loading.isLate ? retryMs : trustMs;
  if (images === 'unchecked') return Number.POSITIVE_INFINITY;
  const { expires, isFetched } = loading.roots;
  const refreshed = isFetched ? refreshMs : refetchMs;
  // From its end on a root is refused: a Gate that was loaded before must not go on with it.
  const left = expires === undefined ? Number.POSITIVE_INFINITY : Math.max(0, expires.getTime() - now);
  return Math.min(left, refresh ? refreshed : trustMs);
}

/** A failure in one line, with its mend, as it is told of a Gate. */
export function reasonOf(error: unknown): string {
  const known = asGateError(error, 'CONFIG_INVALID');
  return `${known.code} ${withMend(known)}`;
}
