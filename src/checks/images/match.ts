import { isObject, type JsonObject, type JsonPath, type JsonValue, valueAt } from '../../core/json.ts';
import type { Manifest } from '../../core/manifest.ts';
import { runsNothing, workloads } from './extract/kinds.ts';
import type { ImagePolicy, LabelSelector, ResourceMatch } from './policy/model.ts';

/**
 * What an admission webhook would be shown of an object: the object itself, and whatever the cluster makes of it until
 * a container runs (a Deployment makes ReplicaSets, and these make Pods).
 */
export interface Subject {
  readonly group: string;
  readonly version: string;
  /** The names that its resource may go by, in lower case and plural. */
  readonly resources: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** Whether the label may be added or changed by a controller, so that what stands here does not settle it. */
  readonly mayChange: (label: string) => boolean;
  /** For policies that look at the object; null where it cannot be known what it will be. */
  readonly shown: { readonly spec: JsonValue; readonly metadata: JsonValue; readonly typemeta: JsonValue };
}

/**
 * Whether a policy has a say on an object. `possible`: only the cluster will tell. Such a policy must be satisfied, and
 * by itself it vouches for nothing.
 */
export type Selection = 'certain' | 'possible' | 'none';

const kindsOfPods = ['pods'];
/** Labels that the built-in controllers give to what they make. */
const controllerLabels: ReadonlySet<string> = new Set([
  'pod-template-hash',
  'controller-revision-hash',
  'pod-template-generation',
  'statefulset.kubernetes.io/pod-name',
  'apps.kubernetes.io/pod-index',
  'controller-uid',
  'job-name',
  'batch.kubernetes.io/controller-uid',
  'batch.kubernetes.io/job-name',
  'batch.kubernetes.io/job-completion-index',
  'batch.kubernetes.io/cronjob-scheduled-timestamp',
]);

/** What runs an image of which nothing is known but its name: a Pod with any labels. */
export function bareImage(): readonly Subject[] {
  return [podOfCustom({})];
}

/** What policies may be about when they look at this object; the object itself comes first. */
export function subjectsOf(manifest: Manifest): readonly Subject[] {
  const { object, identity } = manifest;
  const { group, version } = groupVersionOf(identity.apiVersion);
  const groupKind = `${group}/${identity.kind}`;
  const own = subjectOf(object, {
    group,
    version,
    resources: pluralsOf(identity.kind),
    typemeta: { apiVersion: identity.apiVersion, kind: identity.kind },
    mayChange: () => false,
  });
  if (groupKind === '/Pod') return [own];
  const path = Object.hasOwn(workloads, groupKind) ? workloads[groupKind] : undefined;
  if (path !== undefined) return [own, ...madeBy(identity.kind, object, path)];
  return runsNothing(groupKind) ? [own] : [own, podOfCustom(object)];
}

/** What a built-in workload makes, down to its Pods. */
function madeBy(kind: string, object: JsonObject, podSpecPath: JsonPath): Subject[] {
  const made: Subject[] = [];
  const mayChange = (label: string) => controllerLabels.has(label);
  if (kind === 'CronJob') {
    made.push(
      subjectOf(valueAt(object, ['spec', 'jobTemplate']), {
        group: 'batch',
        version: 'v1',
        resources: ['jobs'],
        typemeta: { apiVersion: 'batch/v1', kind: 'Job' },
        mayChange,
      }),
    );
  }
  const template = valueAt(object, podSpecPath.slice(0, -1));
  if (kind === 'Deployment') {
    const replicaSet = subjectOf(template, {
      group: 'apps',
      version: 'v1',
      resources: ['replicasets'],
      typemeta: { apiVersion: 'apps/v1', kind: 'ReplicaSet' },
      mayChange,
    });
    made.push({ ...replicaSet, shown: { ...replicaSet.shown, spec: isObject(template) ? { template } : null } });
  }
  made.push(subjectOf(template, { ...pod, mayChange }));
  return made;
}

const pod = {
  group: '',
  version: 'v1',
  resources: kindsOfPods,
  typemeta: { apiVersion: 'v1', kind: 'Pod' },
} as const;

/**
 * The Pods of a kind that is not built in. Most have a template that their controller copies; nothing says that it adds
 * no label, or makes no Pod without one.
 */
function podOfCustom(object: JsonObject): Subject {
  return subjectOf(valueAt(object, ['spec', 'template']), { ...pod, mayChange: () => true });
}

function subjectOf(
  holder: JsonValue | undefined,
  what: Pick<Subject, 'group' | 'version' | 'resources' | 'mayChange'> & { readonly typemeta: JsonValue },
): Subject {
  const { typemeta, ...is } = what;
  const metadata = isObject(holder) ? (holder['metadata'] ?? {}) : {};
  const labels = isObject(metadata) ? (metadata['labels'] ?? {}) : {};
  const texts = isObject(labels) ? Object.entries(labels).filter(([, value]) => typeof value === 'string') : [];
  return {
    ...is,
    labels: Object.fromEntries(texts) as Record<string, string>,
    shown: { spec: isObject(holder) ? (holder['spec'] ?? null) : null, metadata, typemeta },
  };
}

/** The subjects that the policy looks at; all of them where it does not say. */
export function selectedSubjects(policy: ImagePolicy, subjects: readonly Subject[]): readonly Subject[] {
  if (policy.match.length === 0) return subjects;
  return subjects.filter((subject) => selectionOf(policy.match, subject) !== 'none');
}

/** Whether the policy has a say on any of the subjects. */
export function selection(policy: ImagePolicy, subjects: readonly Subject[]): Selection {
  if (policy.match.length === 0) return 'certain';
  return strongest(subjects.map((subject) => selectionOf(policy.match, subject)));
}

/**
 * Objects that no policy tells apart: their images are decided once. Where a policy looks at the object itself, each
 * is told apart.
 */
export class PolicyGroups {
  readonly #policies: readonly ImagePolicy[];

  constructor(policies: readonly ImagePolicy[]) {
    this.#policies = policies;
  }

  of(manifest: Manifest, subjects: readonly Subject[]): string {
    let seen = false;
    const selections = this.#policies.map((policy) => {
      const { match, content } = policy;
      const selected = selection(policy, subjects);
      if (selected === 'none') return 'n';
      seen ||=
        content?.includeSpec === true || content?.includeObjectMeta === true || content?.includeTypeMeta === true;
      return match.length === 0 ? '-' : selected === 'certain' ? 'c' : 'p';
    });
    return `${selections.join('')}${seen ? manifest.index : ''}`;
  }
}

function selectionOf(matches: readonly ResourceMatch[], subject: Subject): Selection {
  return strongest(
    matches.map((match) => {
      const resource = resourceSelection(match, subject);
      if (resource === 'none' || match.selector === undefined) return resource;
      return weakest([resource, labelSelection(match.selector, subject)]);
    }),
  );
}

/** Groups that served one and the same workloads: a cluster that serves both converts between them. */
const sameWorkloads: ReadonlySet<string> = new Set(['apps', 'extensions']);

function resourceSelection(match: ResourceMatch, subject: Subject): Selection {
  // Upstream compares both as they are written, and no resource or version is empty.
  if (!subject.resources.includes(match.resource) || match.version === '') return 'none';
  if (match.group !== subject.group) {
    return sameWorkloads.has(match.group) && sameWorkloads.has(subject.group) ? 'possible' : 'none';
  }
  // A webhook is shown the version that it asked for, whichever the object was written in.
  return match.version === '*' || match.version === subject.version ? 'certain' : 'possible';
}

function labelSelection(selector: LabelSelector, { labels, mayChange }: Subject): Selection {
  const has = (key: string) => Object.hasOwn(labels, key);
  /** A demand that a label be there holds on what stands here; that it be away, only where nobody adds it. */
  const positive = (key: string, holds: boolean): Selection => {
    if (holds) return 'certain';
    return mayChange(key) ? 'possible' : 'none';
  };
  const negative = (key: string, holds: boolean): Selection => {
    if (mayChange(key)) return 'possible';
    return holds ? 'certain' : 'none';
  };
  return weakest([
    ...Object.entries(selector.matchLabels).map(([key, value]) => positive(key, has(key) && labels[key] === value)),
    ...selector.matchExpressions.map(({ key, operator, values }): Selection => {
      switch (operator) {
        case 'In':
          return positive(key, has(key) && values.includes(labels[key] as string));
        case 'Exists':
          return positive(key, has(key));
        case 'NotIn':
          return negative(key, !has(key) || !values.includes(labels[key] as string));
        case 'DoesNotExist':
          return negative(key, !has(key));
        default:
          return operator satisfies never;
      }
    }),
  ]);
}

function strongest(selections: readonly Selection[]): Selection {
  if (selections.includes('certain')) return 'certain';
  return selections.includes('possible') ? 'possible' : 'none';
}

function weakest(selections: readonly Selection[]): Selection {
  if (selections.includes('none')) return 'none';
  return selections.includes('possible') ? 'possible' : 'certain';
}

function groupVersionOf(apiVersion: string): { readonly group: string; readonly version: string } {
  const slash = apiVersion.indexOf('/');
  return slash < 0
    ? { group: '', version: apiVersion }
    : { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) };
}

/**
 * What the resource of a kind may be called. policy-controller guesses too, by the first two of these rules
 * (apimachinery's UnsafeGuessKindToResource); the others are what a definition of a kind may say instead. The rendered
 * set is not asked: a definition in it could rename a kind out of a policy's sight.
 */
function pluralsOf(kind: string): readonly string[] {
  const name = kind.toLowerCase();
  const guessed = name.endsWith('s') ? `${name}es` : name.endsWith('y') ? `${name.slice(0, -1)}ies` : `${name}s`;
  return [...new Set([guessed, `${name}s`, `${name}es`, name])];
}
