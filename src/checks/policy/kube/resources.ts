import { isObject, type JsonObject, type JsonValue } from '../../../core/json.ts';
import { BUILTIN_RESOURCES } from './builtin-resources.ts';
import type { GroupVersionKind, GroupVersionResource } from './request.ts';

/** What the server knows of one kind. */
export interface ResourceType {
  readonly kind: GroupVersionKind;
  /** Its plural is empty where it is not known: a custom resource without a definition, which a rule may still match. */
  readonly resource: GroupVersionResource;
  readonly namespaced: boolean;
  readonly subresources: readonly string[];
  /** `builtin` and `definition` are certain; `guessed` has a made-up plural or none. */
  readonly source: 'builtin' | 'definition' | 'guessed';
}

/** Kinds and their resources: the built-in ones, and those of the definitions in the platform's snapshot. */
export interface ResourceTable {
  /** Every kind has an answer. A version that is not served has the plural and scope of one that is. */
  ofKind(kind: GroupVersionKind): ResourceType;
  /** Undefined where the table does not hold the resource. */
  ofResource(resource: GroupVersionResource): ResourceType | undefined;
  /** Other versions of the same objects, whose rules of `matchPolicy: Equivalent` match these objects too. */
  equivalents(resource: GroupVersionResource): readonly ResourceType[];
  /** Whether every resource of the group is in the table: a kind that is not there cannot exist. */
  knowsWholeGroup(group: string): boolean;
  /** Everything in the table. */
  readonly types: readonly ResourceType[];
  /** The definition of a custom resource, for its schema. */
  definition(group: string, kind: string): JsonObject | undefined;
}

export interface ResourceTableOptions {
  /** CustomResourceDefinitions of the platform. One that gives a built-in kind another meaning is left out. */
  readonly definitions?: readonly JsonObject[];
  /** Kinds that are known to have no namespace, besides those of the table. */
  readonly isClusterScoped?: (group: string, kind: string) => boolean;
  /**
   * Makes up the plural of a kind without a definition, as the kyverno CLI does without a cluster. Never in a gate: a
   * rule could miss the kind by it.
   */
  readonly guess?: boolean;
}

const builtins = readBuiltins();
const builtinGroups: ReadonlySet<string> = new Set(builtins.map(({ kind }) => kind.group));

/** The same objects under two groups: `kubectl get events` reads either. */
const SAME_STORAGE: readonly (readonly [string, string])[] = [['/events', 'events.k8s.io/events']];

/** Builds the table once for a gate. Definitions that are malformed are left out; their kinds count as unknown. */
export function createResourceTable(options: ResourceTableOptions = {}): ResourceTable {
  const definitions = new Map<string, JsonObject>();
  const types = [...builtins];
  for (const definition of options.definitions ?? []) {
    const found = typesOf(definition).filter(({ kind }) => !builtinGroups.has(kind.group));
    types.push(...found);
    for (const { kind } of found) definitions.set(`${kind.group}/${kind.kind}`, definition);
  }
  const byKind = new Map(types.map((type) => [kindKey(type.kind), type]));
  const byResource = new Map(types.map((type) => [resourceKey(type.resource), type]));
  const versions = Map.groupBy(types, ({ resource }) => `${resource.group}/${resource.resource}`);
  const anyVersion = new Map(types.map((type) => [`${type.kind.group}/${type.kind.kind}`, type]));
  const twins = new Map(SAME_STORAGE.flatMap(([a, b]) => [[a, b] as const, [b, a] as const]));

  return {
    ofKind: (kind) => byKind.get(kindKey(kind)) ?? inferred(kind, anyVersion, options),
    ofResource: (resource) => byResource.get(resourceKey(resource)),
    equivalents(resource) {
      const key = `${resource.group}/${resource.resource}`;
      const twin = twins.get(key);
      const all = [...(versions.get(key) ?? []), ...((twin === undefined ? undefined : versions.get(twin)) ?? [])];
      return all.filter((type) => resourceKey(type.resource) !== resourceKey(resource));
    },
    knowsWholeGroup: (group) => builtinGroups.has(group),
    types,
    definition: (group, kind) => definitions.get(`${group}/${kind}`),
  };
}

/** `apps/v1` and `Deployment` as one value. */
export function groupVersionKind(apiVersion: string, kind: string): GroupVersionKind {
  const slash = apiVersion.lastIndexOf('/');
  return { group: slash < 0 ? '' : apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1), kind };
}

/** `apps/v1`, or `v1` for the core group. */
export function apiVersionOf({ group, version }: Pick<GroupVersionKind, 'group' | 'version'>): string {
  return group === '' ? version : `${group}/${version}`;
}

/** How a kind's plural is usually made; several, because the rule of the language has exceptions. */
export function plausiblePlurals(kind: string): readonly string[] {
  const singular = kind.toLowerCase();
  const plurals = [singular, `${singular}s`, `${singular}es`];
  return singular.endsWith('y') ? [...plurals, `${singular.slice(0, -1)}ies`] : plurals;
}

function inferred(
  kind: GroupVersionKind,
  anyVersion: ReadonlyMap<string, ResourceType>,
  options: ResourceTableOptions,
): ResourceType {
  const other = anyVersion.get(`${kind.group}/${kind.kind}`);
  if (other !== undefined) return { ...other, kind, resource: { ...other.resource, version: kind.version } };
  const resource = options.guess === true ? guessPlural(kind.kind) : '';
  const namespaced = options.isClusterScoped?.(kind.group, kind.kind) !== true;
  return {
    kind,
    resource: { group: kind.group, version: kind.version, resource },
    namespaced,
    subresources: [],
    source: 'guessed',
  };
}

/** The rule of apimachinery for a kind that no server was asked about. */
function guessPlural(kind: string): string {
  const singular = kind.toLowerCase();
  if (singular.endsWith('endpoints')) return singular;
  if (singular.endsWith('s')) return `${singular}es`;
  return singular.endsWith('y') ? `${singular.slice(0, -1)}ies` : `${singular}s`;
}

function readBuiltins(): readonly ResourceType[] {
  return BUILTIN_RESOURCES.map(([group, version, resource, kind, scope, subresources]) => ({
    kind: { group, version, kind },
    resource: { group, version, resource },
    namespaced: scope === 'Namespaced',
    subresources,
    source: 'builtin',
  }));
}

function typesOf(definition: JsonObject): ResourceType[] {
  const spec = definition['spec'];
  if (!isObject(spec) || !isObject(spec['names'])) return [];
  const { group, scope, versions } = spec;
  const { kind, plural } = spec['names'];
  if (typeof group !== 'string' || typeof kind !== 'string' || typeof plural !== 'string') return [];
  if ((scope !== 'Namespaced' && scope !== 'Cluster') || !Array.isArray(versions)) return [];
  return (versions as readonly JsonValue[]).flatMap((entry): ResourceType[] => {
    if (!isObject(entry) || typeof entry['name'] !== 'string' || entry['served'] !== true) return [];
    const version = entry['name'];
    const subresources = isObject(entry['subresources']) ? Object.keys(entry['subresources']) : [];
    return [
      {
        kind: { group, version, kind },
        resource: { group, version, resource: plural },
        namespaced: scope === 'Namespaced',
        subresources,
        source: 'definition',
      },
    ];
  });
}

function kindKey({ group, version, kind }: GroupVersionKind): string {
  return `${group}/${version}/${kind}`;
}

function resourceKey({ group, version, resource }: GroupVersionResource): string {
  return `${group}/${version}/${resource}`;
}
