import { isObject, type JsonObject, type JsonValue } from '../../../core/json.ts';
import type { Lacks } from '../lacks.ts';
import { compileSelector, SelectorError } from '../values/label-selector.ts';
import { type Cluster, namespaceObject } from './cluster.ts';
import type { MatchResources, NamedRule } from './match-resources.ts';
import type { GroupVersionKind, GroupVersionResource, Operation, PolicyRequest } from './request.ts';
import { plausiblePlurals, type ResourceTable, type ResourceType } from './resources.ts';
import { type NameAnswer, unknownName } from './unknown-name.ts';

/**
 * Whether a request is matched. `as` is the version in which the rule wants to see the object: another one than the
 * request's where `matchPolicy: Equivalent` matched a rule about it. An `error` is one of configuration: it obeys the
 * policy's `failurePolicy`, and the message is the API server's own where it has one.
 */
export type MatchAnswer =
  | { readonly kind: 'no' }
  | { readonly kind: 'match'; readonly as: Pick<ResourceType, 'kind' | 'resource'> }
  | { readonly kind: 'error'; readonly message: string; readonly lacks?: Lacks };

/** `matchConstraints` or `matchResources`, ready to be asked. */
export interface MatchConstraints {
  /** By kind alone: no for a kind that no request could match. */
  concerns(kind: GroupVersionKind, resource: GroupVersionResource, subresource: string): boolean;
  /** The operations that some rule names; empty where every request is meant. */
  readonly operations: readonly string[];
  match(request: PolicyRequest, cluster: Cluster): MatchAnswer;
}

const NO: MatchAnswer = { kind: 'no' };

/**
 * Matching of admission policies, as k8s.io/apiserver's plugin does it: both selectors, the rules that take out, the
 * rules that take in; an error of a selector counts only where everything else matches. Without `resourceRules` every
 * resource matches. The value must have passed the schema.
 */
export function compileMatchConstraints(value: MatchResources, resources: ResourceTable): MatchConstraints {
  const equivalent = value.matchPolicy !== 'Exact';
  const included = (value.resourceRules ?? []).map((rule) => ({ ...rule, takesIn: true, equivalent }));
  const excluded = (value.excludeResourceRules ?? []).map((rule) => ({ ...rule, takesIn: false, equivalent }));
  const inNamespace = selectorOf(value, 'namespaceSelector');
  const onObject = selectorOf(value, 'objectSelector');

  return {
    operations: [...new Set(included.flatMap(({ operations }) => operations))],
    concerns(kind, resource, subresource) {
      if (included.length === 0) return true;
      const forms = equivalent ? [{ kind, resource }, ...resources.equivalents(resource)] : [{ kind, resource }];
      return included.some((rule) => forms.some((form) => namesResource(rule, form, subresource, resources) !== 'no'));
    },
    match(request, cluster) {
      const namespace = inNamespace === undefined ? true : matchesNamespace(request, cluster, inNamespace);
      if (namespace === false) return NO;
      if (onObject !== undefined && !matchesEither(request, onObject)) return NO;
      const out = matchRules(excluded, request, equivalent, resources);
      if (out.kind === 'match') return NO;
      const answer: MatchAnswer =
        included.length === 0
          ? { kind: 'match', as: { kind: request.kind, resource: request.resource } }
          : matchRules(included, request, equivalent, resources);
      if (answer.kind === 'match' && out.kind === 'error') return out;
      return answer.kind === 'match' && namespace !== true ? namespace : answer;
    },
  };
}

/** A rule of either list. */
interface Rule extends NamedRule {
  /** Whether it is also about the other versions of what it names. */
  readonly equivalent: boolean;
  readonly takesIn: boolean;
}

type Selector = (labels: Readonly<Record<string, string>>) => boolean;

/** Undefined where the selector is empty, and so selects everything. Throws SelectorError with the place of the selector. */
function selectorOf(value: MatchResources, field: 'namespaceSelector' | 'objectSelector'): Selector | undefined {
  const selector = value[field];
  if (selector === undefined) return undefined;
  const empty = Object.keys(selector.matchLabels ?? {}).length === 0 && (selector.matchExpressions ?? []).length === 0;
  if (empty) return undefined;
  try {
    return compileSelector(selector as JsonObject);
  } catch (error) {
    if (error instanceof SelectorError) throw new SelectorError(error.message, [field, ...error.path]);
    throw error;
  }
}

function matchRules(
  rules: readonly Rule[],
  request: PolicyRequest,
  equivalent: boolean,
  resources: ResourceTable,
): MatchAnswer {
  const exact = matchForm(rules, request, { kind: request.kind, resource: request.resource }, resources);
  if (exact.kind !== 'no' || !equivalent) return exact;
  const others = resources.equivalents(request.resource);
  if (others.length === 0) return NO;
  for (const rule of rules) {
    for (const form of others) {
      const answer = matchForm([rule], request, form, resources);
      if (answer.kind !== 'no') return answer;
    }
  }
  return NO;
}

function matchForm(
  rules: readonly Rule[],
  request: PolicyRequest,
  form: Pick<ResourceType, 'kind' | 'resource'>,
  resources: ResourceTable,
): MatchAnswer {
  let doubt: MatchAnswer = NO;
  for (const rule of rules) {
    const scoped = takesScope(rule, request, resources);
    if (!takesOperation(rule, request.operation) || scoped === 'no') continue;
    const named = namesResource(rule, form, request.subresource, resources);
    const called = takesName(rule, request);
    if (named === 'no' || called === 'no') continue;
    if (called === 'unknown') {
      doubt = { kind: 'error', message: unknownName(request) };
      continue;
    }
    if (named === 'yes' && scoped === 'yes') return { kind: 'match', as: form };
    const { group, kind } = form.kind;
    doubt = {
      kind: 'error',
      message: `the resource of ${kind} (${group}) is not known: its CustomResourceDefinition is not in the snapshot`,
      lacks: 'snapshot',
    };
  }
  return doubt;
}

function takesOperation({ operations }: NamedRule, operation: Operation): boolean {
  return operations.includes('*') || operations.includes(operation);
}

/**
 * A Namespace counts as without a namespace, although its requests carry its own name as one. Whether a kind that nobody
 * knows lives in namespaces is known only where the platform says that it does not.
 */
function takesScope(
  { scope }: NamedRule,
  { resource, namespace, namespaced }: PolicyRequest,
  resources: ResourceTable,
): 'yes' | 'no' | 'unknown' {
  if (scope === undefined || scope === '*') return 'yes';
  if (namespaced && isUnknown(resource, resources)) return 'unknown';
  const ofCluster = isNamespaces(resource) || namespace === '';
  return (scope === 'Cluster') === ofCluster ? 'yes' : 'no';
}

/** Whether nobody knows the type: neither its plural, nor its versions, nor its scope. */
function isUnknown({ group, resource }: GroupVersionResource, resources: ResourceTable): boolean {
  return resource === '' && !resources.knowsWholeGroup(group);
}

/** A rule that takes objects out has to be about every name that the cluster could give; one that takes in, about the first. */
function takesName({ resourceNames = [], takesIn }: Rule, { name, namePrefix }: PolicyRequest): NameAnswer {
  if (resourceNames.length === 0) return 'yes';
  if (resourceNames.includes(name) && (takesIn || namePrefix === undefined)) return 'yes';
  if (namePrefix === undefined) return 'no';
  return resourceNames.some((each) => each.startsWith(namePrefix) && each !== namePrefix) ? 'unknown' : 'no';
}

/**
 * Whether group, version and resource are among those of the rule. `unknown`: the kind's plural is not known, and one of
 * the rule's resources could be it; or its versions are not, and a rule about another one could be about it too. What is plausible as its plural counts as it, for a rule that takes objects in; what
 * another kind of the group is called does not.
 */
function namesResource(
  rule: Rule,
  { kind, resource }: Pick<ResourceType, 'kind' | 'resource'>,
  subresource: string,
  resources: ResourceTable,
): 'yes' | 'no' | 'unknown' {
  const unknown = isUnknown(resource, resources);
  const versionFits = takes(rule.apiVersions, resource.version);
  if (!takes(rule.apiGroups, resource.group) || !(versionFits || (unknown && rule.equivalent))) return 'no';
  const yes = versionFits ? 'yes' : 'unknown';
  let answer: 'no' | 'unknown' = 'no';
  for (const each of rule.resources) {
    const slash = each.indexOf('/');
    const [name, sub] = slash < 0 ? [each, ''] : [each.slice(0, slash), each.slice(slash + 1)];
    if (sub !== '*' && sub !== subresource) continue;
    if (name === '*' || (resource.resource !== '' && name === resource.resource)) return yes;
    if (!unknown) continue;
    const known = resources.ofResource({ ...resource, resource: name });
    if (known !== undefined && known.kind.kind !== kind.kind) continue;
    if (rule.takesIn && plausiblePlurals(kind.kind).includes(name)) return yes;
    answer = 'unknown';
  }
  return answer;
}

function takes(items: readonly string[], value: string): boolean {
  return items.includes('*') || items.includes(value);
}

function isNamespaces({ group, version, resource }: GroupVersionResource): boolean {
  return group === '' && version === 'v1' && resource === 'namespaces';
}

function matchesNamespace(
  request: PolicyRequest,
  cluster: Cluster,
  selector: Selector,
): boolean | Extract<MatchAnswer, { kind: 'error' }> {
  const aboutNamespaces = request.resource.resource === 'namespaces';
  // What has no namespace is never left out by a selector of namespaces.
  if (request.namespace === '' && !aboutNamespaces) return true;
  if (
    aboutNamespaces &&
    request.subresource === '' &&
    (request.operation === 'CREATE' || request.operation === 'UPDATE')
  ) {
    return selector(labelsOf(request.object));
  }
  const found = namespaceObject(cluster, request.namespace);
  if (found !== undefined) return selector(labelsOf(found));
  const name = JSON.stringify(request.namespace);
  if (cluster.isComplete({ group: '', kind: 'Namespace' })) {
    return { kind: 'error', message: `namespaces ${name} not found` };
  }
  const message = `the labels of namespace ${name} are not known: the snapshot does not hold it`;
  return { kind: 'error', message, lacks: 'snapshot' };
}

function matchesEither({ object, oldObject }: PolicyRequest, selector: Selector): boolean {
  return (object !== null && selector(labelsOf(object))) || (oldObject !== null && selector(labelsOf(oldObject)));
}

/** `metadata.labels`, as far as they are strings. */
export function labelsOf(object: JsonObject | null): Readonly<Record<string, string>> {
  const metadata = object === null || !Object.hasOwn(object, 'metadata') ? undefined : object['metadata'];
  const labels = isObject(metadata) && Object.hasOwn(metadata, 'labels') ? metadata['labels'] : undefined;
  if (!isObject(labels)) return {};
  const kept: Record<string, string> = Object.create(null);
  for (const [key, value] of Object.entries(labels) as [string, JsonValue][])
    if (typeof value === 'string') kept[key] = value;
  return kept;
}
