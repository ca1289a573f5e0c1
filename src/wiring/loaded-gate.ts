import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { contentDigest, stampOf, type WatchedPath } from '../adapters/watched-files.ts';
import { compileSelector, type LabelMatcher } from '../checks/policy/values/label-selector.ts';
import { matchesWildcard } from '../checks/policy/values/wildcard.ts';
import { type GateConfig, loadConfig, type NamespaceSelection } from '../config.ts';
import { withDeadline } from '../core/deadline.ts';
import { asGateError, type Code, GateError } from '../core/errors.ts';
import type { JsonObject, JsonPath } from '../core/json.ts';
import type { NamespaceFacts, StandingGate } from '../gates.ts';
import { plainRequest } from '../render/request.ts';
import { withMend } from '../report/text.ts';
import type { OpenGate } from './gate.ts';

const hourMs = 3600 * 1000;
/** What roots of trust are fetched from elsewhere is fetched again this often. */
const refreshMs = 6 * hourMs;
/** What could not be fetched may be had a little later. */
const refetchMs = 60_000;
/** Roots grow old, and expire, with no file changing. */
const trustMs = 24 * hourMs;

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
 * Loads the Gate of a file, with all that it names. Throws where the file says no Gate; what is wrong with the rules is
 * its state.
 */
export async function loadGate(file: string, open: OpenConfig, signal: AbortSignal): Promise<LoadedGate> {
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
  const opened = open(recorded, signal);
  let failure: string | undefined;
  let remarks: Remarks = { notEvaluated: [], warnings: [] };
  try {
    await opened.loaded();
    remarks = await remarksOf(opened);
  } catch (error) {
    signal.throwIfAborted();
    failure = reasonOf(error);
  }
  const deciding = watched().filter(({ name }) => !elsewhere.besides.has(name));
  const stampNow = stampOf(watched());
  const digestNow = contentDigest(deciding);
  // Asked last, so that it holds for those two as well. Written while it was read: nobody knows what of it was loaded. It
  // is loaded again, and until then its digest is that of no content: what it has judged is judged again.
  const isSettled = watched().every((each) => stampOf([each]) === stamps.get(each.path));
  const stamp = isSettled ? stampNow : '';
  const rules = isSettled ? digestNow : contentDigest([...deciding, { path: file, name: 'written while it was read' }]);
  const standing = standingGate(opened, config, rules);
  return {
    file,
    shown,
    name: config.name,
    config,
    governs,
    watched,
    stamp,
    rules,
    loadedAt: Date.now(),
    state:
      failure === undefined ? { kind: 'standing', gate: standing.gate, ...remarks } : { kind: 'failed', why: failure },
    close: async () => {
      await standing.idle();
      await opened.close();
    },
  };
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

async function remarksOf(opened: OpenGate): Promise<Remarks> {
  const [described, trust] = await Promise.all([opened.describe(), opened.trustWarnings()]);
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
export function isStale(gate: LoadedGate, stamp: string | undefined, now: number): boolean {
  if (stamp !== gate.stamp) return true;
  const { images } = gate.config.spec;
  if (images === 'unchecked') return false;
  const age = now - gate.loadedAt;
  if (!images.trustRoots.refresh) return age > trustMs;
  return age > (gate.state.kind === 'failed' ? refetchMs : refreshMs);
}

/** A failure in one line, with its mend, as it is told of a Gate. */
export function reasonOf(error: unknown): string {
  const known = asGateError(error, 'CONFIG_INVALID');
  return `${known.code} ${withMend(known)}`;
}
