import { describePath, type JsonPath } from '../../../../core/json.ts';
import type { SettingsDocument } from '../../../../core/settings-file.ts';
import { refusal } from '../complaint.ts';
import { readSelector } from '../match.ts';
import type { ResourceMatch } from '../model.ts';
import type { MatchSpec, ResourcesSpec } from './kyverno-schema.ts';
import { unsupported } from './refuse.ts';

/** The kinds that Kyverno finds images in without imageExtractors. */
const kinds: Readonly<Record<string, readonly [group: string, resource: string]>> = {
  Pod: ['', 'pods'],
  ReplicationController: ['', 'replicationcontrollers'],
  Deployment: ['apps', 'deployments'],
  StatefulSet: ['apps', 'statefulsets'],
  DaemonSet: ['apps', 'daemonsets'],
  ReplicaSet: ['apps', 'replicasets'],
  Job: ['batch', 'jobs'],
  CronJob: ['batch', 'cronjobs'],
};

/**
 * The objects that a rule is for: kinds of workloads, by their labels if it says so, without the kinds that it excludes.
 * Empty means all. A rule for Pods is one for whatever makes Pods, as Kyverno's own generated rules are.
 */
export function readKyvernoMatch(
  document: SettingsDocument,
  path: JsonPath,
  match: MatchSpec,
  exclude: MatchSpec | undefined,
): ResourceMatch[] {
  const matches: ResourceMatch[] = [];
  let isAll = false;
  for (const [where, resources] of filtersOf(document, [...path, 'match'], match)) {
    checkOperations(document, where, resources);
    const selector =
      resources.selector === undefined ? undefined : readSelector(document, [...where, 'selector'], resources.selector);
    for (const [i, kind] of resources.kinds.entries()) {
      if (kind === '*' && selector === undefined) isAll = true;
      const found = readKind(document, [...where, 'kinds', i], kind);
      matches.push(...found.map((each) => (selector === undefined ? each : { ...each, selector })));
    }
  }
  if (matches.length === 0) {
    const why = `${describePath([...path, 'match'])} names no kind, so the rule is for nothing`;
    throw refusal(document, [...path, 'match'], 'IMAGE_POLICY_INVALID', why);
  }
  const excluded = excludedResources(document, [...path, 'exclude'], exclude);
  if (excluded.size === 0) return isAll ? [] : matches;
  if (isAll)
    throw unsupported(document, [...path, 'exclude'], 'all kinds but some cannot be told', 'Name the kinds in match.');
  const left = matches.filter(({ resource }) => !excluded.has(resource));
  if (left.length > 0) return left;
  const why = `${describePath([...path, 'exclude'])} leaves no kind of those in match`;
  throw refusal(document, [...path, 'exclude'], 'IMAGE_POLICY_INVALID', why);
}

function filtersOf(document: SettingsDocument, path: JsonPath, match: MatchSpec): [JsonPath, ResourcesSpec][] {
  const { any = [], all = [], resources } = match;
  const given = [any.length > 0, all.length > 0, resources !== undefined].filter(Boolean).length;
  if (given > 1) {
    const why = `${describePath(path)} has more than one of any, all and resources`;
    throw refusal(document, path, 'IMAGE_POLICY_INVALID', why);
  }
  if (all.length > 1)
    throw unsupported(document, [...path, 'all'], 'several filters at once are', 'Write one filter, or any.');
  return [
    ...any.map((filter, i): [JsonPath, ResourcesSpec] => [[...path, 'any', i, 'resources'], filter.resources]),
    ...all.map((filter, i): [JsonPath, ResourcesSpec] => [[...path, 'all', i, 'resources'], filter.resources]),
    ...(resources === undefined ? [] : [[[...path, 'resources'], resources] as [JsonPath, ResourcesSpec]]),
  ];
}

/** A sync creates and updates. */
function checkOperations(document: SettingsDocument, path: JsonPath, { operations }: ResourcesSpec): void {
  if (operations === undefined || operations.length === 0) return;
  if (operations.includes('CREATE') && operations.includes('UPDATE')) return;
  const mend = 'Name CREATE and UPDATE, or leave operations out.';
  throw unsupported(document, [...path, 'operations'], 'a sync creates and updates', mend);
}

/** `Kind`, `version/Kind` or `group/version/Kind` (Kyverno's ParseKindSelector). */
function readKind(document: SettingsDocument, path: JsonPath, written: string): ResourceMatch[] {
  if (written === '*') {
    return Object.values(kinds).map(([group, resource]) => ({ group, version: '*', resource }));
  }
  const parts = written.split('/');
  const kind = parts.at(-1) ?? '';
  const [version = '*'] = parts.slice(-2, -1);
  const [group] = parts.slice(-3, -2);
  const known = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
  if (known === undefined || parts.length > 3 || !/^(?:v\d(?:(?:alpha|beta)\d)?|\*)$/.test(version)) {
    const list = Object.keys(kinds).join(', ');
    throw unsupported(
      document,
      path,
      `only ${list} and * are`,
      'Name kinds of workloads, without subresources or wildcards.',
    );
  }
  if (group !== undefined && group !== '*' && group !== known[0]) {
    const why = `${describePath(path)} matches nothing: ${kind} is in the group ${JSON.stringify(known[0])}`;
    throw refusal(document, path, 'IMAGE_POLICY_INVALID', why);
  }
  return [{ group: known[0], version, resource: known[1] }];
}

function excludedResources(document: SettingsDocument, path: JsonPath, exclude: MatchSpec | undefined): Set<string> {
  const excluded = new Set<string>();
  if (exclude === undefined) return excluded;
  for (const [where, resources] of filtersOf(document, path, exclude)) {
    for (const field of ['selector', 'operations'] as const) {
      if (resources[field] === undefined) continue;
      throw unsupported(document, [...where, field], 'only whole kinds are left out', 'Narrow match instead.');
    }
    for (const [i, kind] of resources.kinds.entries()) {
      for (const { version, resource } of readKind(document, [...where, 'kinds', i], kind)) {
        if (version !== '*') throw unsupported(document, [...where, 'kinds', i], 'only whole kinds are left out');
        excluded.add(resource);
      }
    }
  }
  return excluded;
}
