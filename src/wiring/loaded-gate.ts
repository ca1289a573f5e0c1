import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { contentDigest, stampOf, type WatchedPath } from '../adapters/watched-files.ts';
import { compileSelector, type LabelMatcher } from '../checks/policy/values/label-selector.ts';
import { matchesWildcard } from '../checks/policy/values/wildcard.ts';
import { type GateConfig, loadConfig, type NamespaceSelection } from '../config.ts';
import { withDeadline } from '../core/deadline.ts';
import { asGateError, GateError } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';
import type { NamespaceFacts, StandingGate } from '../gates.ts';
import { plainRequest } from '../render/request.ts';
import type { OpenGate } from './gate.ts';

/** What roots of trust are fetched from elsewhere is fetched again this often. */
const refreshMs = 6 * 3600 * 1000;

/** One Gate as it was loaded: it judges, or it says why it cannot. */
export interface LoadedGate {
  readonly file: string;
  readonly name: string;
  readonly config: GateConfig;
  readonly governs: (namespace: NamespaceFacts) => boolean;
  readonly watched: () => readonly WatchedPath[];
  readonly stamp: string;
  readonly rules: string;
  readonly loadedAt: number;
  readonly state: { readonly kind: 'standing'; readonly gate: StandingGate } | { readonly kind: 'failed'; why: string };
  close(): Promise<void>;
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
  const config = await loadConfig(file, async (path) => readFileSync(path, 'utf8'));
  const { namespaces } = config.spec;
  if (namespaces === undefined) {
    throw new GateError('CONFIG_INVALID', `${basename(file)} does not say which namespaces it governs`, {
      place: file,
      mend: 'Write spec.namespaces.',
    });
  }
  const governs = selection(namespaces, file);
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
  try {
    await opened.loaded();
  } catch (error) {
    signal.throwIfAborted();
    failure = reasonOf(error);
  }
  // Written while it was read: nobody knows what of it was loaded. It is loaded again, and until then its digest is that
  // of no content: what it has judged is judged again.
  const isSettled = watched().every((each) => stampOf([each]) === stamps.get(each.path));
  const stamp = isSettled ? stampOf(watched()) : '';
  const deciding = watched().filter(({ name }) => !elsewhere.besides.has(name));
  const rules = contentDigest(isSettled ? deciding : [...deciding, { path: file, name: 'written while it was read' }]);
  const standing = standingGate(opened, config, rules);
  return {
    file,
    name: config.name,
    config,
    governs,
    watched,
    stamp,
    rules,
    loadedAt: Date.now(),
    state: failure === undefined ? { kind: 'standing', gate: standing.gate } : { kind: 'failed', why: failure },
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
    judge: (request, signal) => bounded(signal, (stop) => opened.judge(request, 'yaml', stop)),
    async judgeAgain(manifests, destinationNamespace, signal) {
      const request = { ...plainRequest({ kind: 'stdin', bytes: manifests }), destinationNamespace };
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

/** Which namespaces a Gate governs. Where names and labels are both given, both must fit. */
function selection({ names, selector, clusterObjects }: NamespaceSelection, file: string) {
  const refuse = (what: string) => new GateError('CONFIG_INVALID', `${basename(file)}: ${what}`, { place: file });
  if (names === undefined && selector === undefined && !clusterObjects) {
    throw refuse("spec.namespaces selects nothing; names: ['*'] selects every namespace");
  }
  let matcher: LabelMatcher = () => true;
  if (selector !== undefined) {
    try {
      matcher = compileSelector(selector as JsonObject);
    } catch (error) {
      throw refuse(`spec.namespaces.selector: ${(error as Error).message}`);
    }
  }
  if (names === undefined && selector === undefined) return () => false;
  return ({ name, labels }: NamespaceFacts): boolean =>
    (names === undefined || names.some((pattern) => matchesWildcard(pattern, name))) && matcher(labels);
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

/** Whether what stands there now, by its stamp, is no longer what was loaded. */
export function isStale({ stamp, config, loadedAt }: LoadedGate, now: string | undefined): boolean {
  const { images } = config.spec;
  const refreshes = images !== 'unchecked' && images.trustRoots.refresh;
  return now !== stamp || (refreshes && Date.now() - loadedAt > refreshMs);
}

/** A failure in one line, as it is told of a Gate. */
export function reasonOf(error: unknown): string {
  const { code, message } = asGateError(error, 'CONFIG_INVALID');
  return `${code} ${message}`;
}
