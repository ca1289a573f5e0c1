import { isObject, type JsonObject, type JsonValue, objectFrom } from '../../../../core/json.ts';
import type { MatchResources } from '../../kube/match-resources.ts';

/**
 * Kyverno carries a policy for Pods over to what makes Pods: the policy's text is rewritten so that it reads the template.
 * The rewriting goes by text and not by syntax, so it also meets messages and literals; a verdict in a cluster depends on
 * that, and so it is done here in the same way (github.com/kyverno/kyverno, pkg/cel/autogen, 1.19).
 */

/** A policy for the workloads of one shape. */
export interface Carried<Spec> {
  /** `extract`: the policy stays as it is, and judges the Pods that the templates inside the object stand for. */
  readonly shape: 'template' | 'cronjob' | 'extract';
  readonly targets: readonly Target[];
  readonly spec: Spec;
}

interface Target {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  /** What can be told from the name of the resource; undefined for custom resources. */
  readonly kind: string | undefined;
}

const apps = (resource: string, kind: string): Target => ({ group: 'apps', version: 'v1', resource, kind });
const templates: readonly Target[] = [
  apps('daemonsets', 'DaemonSet'),
  apps('deployments', 'Deployment'),
  apps('replicasets', 'ReplicaSet'),
  apps('statefulsets', 'StatefulSet'),
  { group: 'batch', version: 'v1', resource: 'jobs', kind: 'Job' },
];
const cronJobs: Target = { group: 'batch', version: 'v1', resource: 'cronjobs', kind: 'CronJob' };

const podTemplate: Readonly<Record<'template' | 'cronjob', string>> = {
  template: 'spec.template',
  cronjob: 'spec.jobTemplate.spec.template',
};

/** What autogen needs to know of a spec; the rest of it is only rewritten. */
export interface CarriableSpec {
  readonly matchConstraints?: MatchResources | undefined;
  readonly autogen?:
    | { readonly podControllers?: { readonly controllers?: readonly string[] | undefined } | undefined }
    | undefined;
}

/** The policies that a policy stands for besides itself. Empty where it is not about Pods alone. */
export function carryOver<Spec extends CarriableSpec>(spec: Spec): readonly Carried<Spec>[] {
  const constraints = spec.matchConstraints;
  if (constraints === undefined || !isForPodsAlone(constraints)) return [];
  const names = spec.autogen?.podControllers?.controllers;
  const chosen = new Set(names ?? [...templates, cronJobs].map(({ resource }) => resource));
  const carried: Carried<Spec>[] = [];
  const add = (shape: Carried<Spec>['shape'], targets: readonly Target[]) => {
    if (targets.length === 0) return;
    const narrowed = { ...spec, matchConstraints: constraintsFor(targets, constraints) };
    carried.push({ shape, targets, spec: shape === 'extract' ? narrowed : rewriteSpec(narrowed, shape) });
  };
  add('cronjob', chosen.has(cronJobs.resource) ? [cronJobs] : []);
  add(
    'template',
    templates.filter(({ resource }) => chosen.has(resource)),
  );
  const known = new Set([...templates, cronJobs].map(({ resource }) => resource));
  const custom = [...chosen].filter((name) => !known.has(name)).map(readCustom);
  add(
    'extract',
    custom.filter((target) => target !== undefined),
  );
  return carried;
}

/** What a name among `controllers` means. */
export function readController(name: string): 'known' | 'custom' | 'no effect' | 'unknown' {
  const all = [...templates, cronJobs];
  if (all.some(({ resource }) => resource === name)) return 'known';
  if (readCustom(name) !== undefined) return 'custom';
  // A cluster finds the kind by such a name, and then makes a rule for a resource that is written like it: there is none.
  const kinds = [...all.map(({ kind }) => kind), 'ReplicationController', 'Pod'];
  const same = (kind: string | undefined) => kind?.toLowerCase() === name.toLowerCase();
  return kinds.some(same) || all.some(({ resource }) => resource === name.toLowerCase()) ? 'no effect' : 'unknown';
}

/** `jobsets.v1alpha2.jobset.x-k8s.io` */
function readCustom(name: string): Target | undefined {
  const [resource, version, ...group] = name.split('.');
  if (!resource || !version || group.join('.') === '') return undefined;
  return { group: group.join('.'), version, resource, kind: undefined };
}

function isForPodsAlone(constraints: MatchResources): boolean {
  const { objectSelector, excludeResourceRules = [], resourceRules = [] } = constraints;
  const { matchLabels = {}, matchExpressions = [] } = objectSelector ?? {};
  const [rule] = resourceRules;
  if (Object.keys(matchLabels).length > 0 || matchExpressions.length > 0 || excludeResourceRules.length > 0)
    return false;
  if (rule === undefined || resourceRules.length !== 1 || (rule.resourceNames ?? []).length > 0) return false;
  const is = (values: readonly string[], only: string) => values.length === 1 && values[0] === only;
  return is(rule.apiGroups, '') && is(rule.apiVersions, 'v1') && is(rule.resources, 'pods');
}

/** The operations and the selector of namespaces stay; everything else about the match is new. */
function constraintsFor(
  targets: readonly Target[],
  { resourceRules, namespaceSelector }: MatchResources,
): MatchResources {
  const operations = resourceRules?.[0]?.operations ?? [];
  const groups = Map.groupBy(targets, ({ group, version }) => `${group}/${version}`);
  return {
    resourceRules: [...groups.values()].map((members) => ({
      apiGroups: [members[0]?.group ?? ''],
      apiVersions: [members[0]?.version ?? ''],
      resources: members.map(({ resource }) => resource),
      operations,
    })),
    ...(namespaceSelector !== undefined && { namespaceSelector }),
  };
}

function rewriteSpec<Spec>(spec: Spec, shape: 'template' | 'cronjob'): Spec {
  return rewriteValue(spec as JsonObject, shape) as Spec;
}

function rewriteValue(value: JsonValue, shape: 'template' | 'cronjob'): JsonValue {
  if (typeof value === 'string') return rewriteText(value, shape);
  if (Array.isArray(value)) return value.map((each: JsonValue) => rewriteValue(each, shape));
  if (!isObject(value)) return value;
  return objectFrom(
    Object.entries(value)
      .filter(([, each]) => each !== undefined)
      .map(([key, each]) => [rewriteText(key, shape), rewriteValue(each, shape)]),
  );
}

/** One text of a policy as it reads for the workloads of a shape. */
function rewriteText(text: string, shape: 'template' | 'cronjob'): string {
  let written = text;
  for (const field of ['spec', 'metadata']) {
    for (const root of ['object', 'oldObject']) {
      written = replaceUnprotected(written, `${root}.${field}`, `${root}.${podTemplate[shape]}.${field}`);
    }
  }
  return written;
}

/** `object.metadata.namespace` stays: a template has no namespace of its own. */
function replaceUnprotected(text: string, from: string, to: string): string {
  let made = '';
  let rest = text;
  for (let at = rest.indexOf(from); at >= 0; at = rest.indexOf(from)) {
    const after = rest.slice(at + from.length);
    made += rest.slice(0, at) + (isNamespaceField(after) ? from : to);
    rest = after;
  }
  return made + rest;
}

function isNamespaceField(rest: string): boolean {
  return rest.startsWith('.namespace') && !/^[A-Za-z0-9_]/.test(rest.slice('.namespace'.length));
}
