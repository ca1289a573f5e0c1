import type { JsonObject, JsonPath } from '../../../core/json.ts';
import { type PolicyDocument, policyError } from '../document.ts';
import type { GroupVersionKind, UserInfo } from '../kube/request.ts';
import { fitsOne, type NameAnswer, unknownName } from '../kube/unknown-name.ts';
import { compileSelector, type LabelMatcher, type Labels, SelectorError } from '../values/label-selector.ts';
import { matchesWildcard } from '../values/wildcard.ts';
import { type KindSelector, parseKindSelector, selectsKind } from './kind-selector.ts';
import type { RequestView } from './request-view.ts';
import type { LabelSelector, MatchResources, ResourceDescription, ResourceFilter, Subject } from './schema.ts';
import { noRoles, Unanswerable } from './unanswerable.ts';

/** The match and exclude blocks of a rule. */
export interface Matcher {
  /**
   * Whether it could match objects of a kind, by its kinds alone: never no for a kind of which one object matches.
   */
  concerns(kind: GroupVersionKind, subresource: string): boolean;
  /** The versions that its kinds name, as they are written: `v1`, `v1*`. Those that mean any version are left out. */
  readonly versions: readonly string[];
  /** Throws Unanswerable where it depends on what this gate was not told. */
  matches(view: RequestView): boolean;
}

type Test = (view: RequestView) => boolean;

/** One filter of a block: the resource, and who asks for it. */
interface Filter {
  /** Undefined where nothing is said of the resource. */
  readonly resource: Test | undefined;
  readonly user: ((user: UserInfo) => boolean) | undefined;
  readonly kinds: readonly KindSelector[] | undefined;
}

/**
 * Compiles `match` and `exclude` of a rule. `path` is where the rule stands in the document; a match block that names no
 * kind, and everything that Kyverno refuses in one, is a GateError with POLICY_INVALID.
 */
export function compileMatch(
  match: MatchResources,
  exclude: MatchResources | undefined,
  document: PolicyDocument,
  path: JsonPath,
): Matcher {
  const included = compileBlock(match, document, [...path, 'match'], true);
  const excluded = exclude === undefined ? undefined : compileBlock(exclude, document, [...path, 'exclude'], false);
  const isIncluded = matchTest(included);
  const isExcluded = excluded === undefined ? () => false : excludeTest(excluded);
  const named = included.filters.flatMap(({ kinds = [] }) => kinds.map(({ version }) => version));
  return {
    versions: [...new Set(named)].filter((version) => version !== '*'),
    concerns(kind, subresource) {
      const couldMatch = (filter: Filter) =>
        filter.kinds === undefined || filter.kinds.some((selector) => selectsKind(selector, kind, subresource));
      return included.combine === 'all' ? included.filters.every(couldMatch) : included.filters.some(couldMatch);
    },
    matches: (view) => view.resource !== null && isIncluded(view) && !isExcluded(view),
  };
}

interface Block {
  readonly combine: 'any' | 'all';
  readonly filters: readonly Filter[];
}

function compileBlock(block: MatchResources, document: PolicyDocument, path: JsonPath, isMatch: boolean): Block {
  const { any = [], all = [], ...direct } = block;
  if (any.length > 0 && all.length > 0) throw policyError(document, path, 'any and all cannot stand together');
  if ((any.length > 0 || all.length > 0) && direct.resources !== undefined) {
    throw policyError(
      document,
      [...path, 'resources'],
      'resources cannot stand beside any or all: put it into a filter',
    );
  }
  const [combine, filters, at]: ['any' | 'all', readonly ResourceFilter[], JsonPath] =
    any.length > 0
      ? ['any', any, [...path, 'any']]
      : all.length > 0
        ? ['all', all, [...path, 'all']]
        : ['any', [direct], path];
  return {
    combine,
    filters: filters.map((filter, index) =>
      compileFilter(filter, document, any.length + all.length > 0 ? [...at, index] : at, isMatch),
    ),
  };
}

function compileFilter(filter: ResourceFilter, document: PolicyDocument, path: JsonPath, needsKinds: boolean): Filter {
  const description = filter.resources ?? {};
  if (needsKinds && (description.kinds ?? []).length === 0) {
    throw policyError(document, path, 'the match block names no kind: resources.kinds is required');
  }
  return {
    resource: compileDescription(description, document, [...path, 'resources'], false, !needsKinds),
    user: compileUser(filter, document, path),
    kinds: (description.kinds ?? []).length === 0 ? undefined : kindsOf(description, document, [...path, 'resources']),
  };
}

function matchTest({ combine, filters }: Block): Test {
  const tests = filters.map(({ resource, user }): Test => {
    if (user === undefined) return resource ?? (() => false);
    // Kyverno looks past the conditions on the user where there is no user: a background scan has none.
    return (view) => {
      if (resource !== undefined && !resource(view)) return false;
      const info = view.userInfo();
      return info === undefined ? resource !== undefined : user(info);
    };
  });
  return combineTests(combine, tests);
}

function excludeTest({ combine, filters }: Block): Test {
  const tests = filters.map(({ resource, user }): Test => {
    if (user === undefined) return resource ?? (() => false);
    return (view) => {
      if (resource !== undefined && !resource(view)) return false;
      const info = view.userInfo();
      return info !== undefined && user(info);
    };
  });
  return combineTests(combine, tests);
}

function combineTests(combine: 'any' | 'all', tests: readonly Test[]): Test {
  const [only, second] = tests;
  if (only !== undefined && second === undefined) return only;
  return combine === 'any' ? (view) => tests.some((test) => test(view)) : (view) => tests.every((test) => test(view));
}

/**
 * A description of resources as one test; undefined where it says nothing. Used by exceptions too, which do not look at
 * operations and do not mind a Namespace: `forException`. With `takesOut` every name that a cluster could make up has to fit.
 */
export function compileDescription(
  description: ResourceDescription,
  document: PolicyDocument,
  path: JsonPath,
  forException = false,
  takesOut = forException,
): Test | undefined {
  const {
    name,
    names = [],
    namespaces = [],
    annotations = {},
    selector,
    namespaceSelector,
    operations = [],
  } = description;
  if (name !== undefined && name !== '' && names.length > 0) {
    throw policyError(document, [...path, 'name'], 'name and names cannot stand together');
  }
  const tests: Test[] = [];
  if (operations.length > 0 && !forException) {
    tests.push((view) => (operations as readonly string[]).includes(view.request.operation));
  }
  if ((description.kinds ?? []).length > 0) {
    const kinds = kindsOf(description, document, path);
    tests.push(({ request }) => kinds.some((kind) => selectsKind(kind, request.kind, request.subresource)));
  }
  const called = name !== undefined && name !== '' ? [name] : names;
  if (called.length > 0) tests.push((view) => nameAnswer(called, view, takesOut) !== 'no');
  if (namespaces.length > 0) {
    // A Namespace lies in none, and is meant by its own name.
    tests.push((view) => {
      const namespace = view.kind === 'Namespace' ? ownName(view) : view.namespace;
      return namespaces.some((each) => matchesWildcard(each, namespace));
    });
  }
  const wanted = Object.entries(annotations);
  if (wanted.length > 0) {
    tests.push((view) => wanted.every(([key, value]) => hasAnnotation(view.annotations, key, value)));
  }
  if (selector !== undefined) {
    const holds = selectorAt(selector, document, [...path, 'selector']);
    tests.push((view) => holds(view.labels));
  }
  if (namespaceSelector !== undefined) {
    const holds = selectorAt(namespaceSelector, document, [...path, 'namespaceSelector']);
    tests.push((view) => {
      if (view.kind === 'Namespace') return forException;
      return view.kind === '' || holds(view.namespaceLabels());
    });
  }
  // Only of what everything else is true of does it matter that nobody knows its name.
  if (called.length > 0) tests.push((view) => isCalled(called, view, takesOut));
  const said = tests.length > 0 || (forException && operations.length > 0);
  if (!said) return undefined;
  return (view) => tests.every((test) => test(view));
}

function nameAnswer(patterns: readonly string[], { name, request }: RequestView, takesOut: boolean): NameAnswer {
  const { namePrefix } = request;
  if (namePrefix === undefined || (request.name !== '' && !takesOut)) {
    if (patterns.some((each) => matchesWildcard(each, name))) return 'yes';
    if (namePrefix === undefined) return 'no';
  }
  return fitsOne(patterns, namePrefix);
}

/** Throws Unanswerable where some of the names that the cluster could make up would fit, and others would not. */
function isCalled(patterns: readonly string[], view: RequestView, takesOut: boolean): boolean {
  const answer = nameAnswer(patterns, view, takesOut);
  if (answer === 'unknown') throw new Unanswerable(unknownName(view.request), undefined);
  return answer === 'yes';
}

function ownName(view: RequestView): string {
  const metadata = view.resource?.['metadata'] as JsonObject | undefined;
  const name = metadata?.['name'];
  return typeof name === 'string' ? name : '';
}

function hasAnnotation(annotations: Labels, key: string, value: string): boolean {
  for (const name of Object.keys(annotations)) {
    if (matchesWildcard(key, name) && matchesWildcard(value, annotations[name] as string)) return true;
  }
  return false;
}

/** A label selector of a policy, in which `matchLabels` may hold wildcards. Throws POLICY_INVALID. */
export function selectorAt(selector: LabelSelector, document: PolicyDocument, path: JsonPath): LabelMatcher {
  try {
    return compileSelector(selector as JsonObject, { wildcards: true });
  } catch (error) {
    if (!(error instanceof SelectorError)) throw error;
    throw policyError(document, [...path, ...error.path], error.message);
  }
}

function kindsOf(description: ResourceDescription, document: PolicyDocument, path: JsonPath): KindSelector[] {
  return (description.kinds ?? []).map((text, index) => {
    const selector = parseKindSelector(text);
    if (selector !== undefined && selector.kind !== '') return selector;
    throw policyError(document, [...path, 'kinds', index], `${JSON.stringify(text)} is no kind`);
  });
}

/** The conditions on who asks, all of which must hold; undefined where there are none. */
export function compileUser(
  filter: ResourceFilter,
  document: PolicyDocument,
  path: JsonPath,
): ((user: UserInfo) => boolean) | undefined {
  const { roles = [], clusterRoles = [], subjects = [] } = filter;
  for (const [index, role] of roles.entries()) {
    if (role.split(':').length !== 2) {
      throw policyError(document, [...path, 'roles', index], 'a role is spelt namespace:name');
    }
  }
  for (const [index, subject] of subjects.entries()) {
    if (subject.kind === 'ServiceAccount' && (subject.namespace ?? '') === '') {
      throw policyError(document, [...path, 'subjects', index], 'a ServiceAccount needs its namespace');
    }
  }
  const tests: ((user: UserInfo) => boolean)[] = [];
  if (roles.length > 0) tests.push((user) => boundTo(user.roles).some((role) => roles.includes(role)));
  if (clusterRoles.length > 0) {
    tests.push((user) => boundTo(user.clusterRoles).some((role) => clusterRoles.includes(role)));
  }
  if (subjects.length > 0) tests.push((user) => subjects.some((subject) => isSubject(subject, user)));
  return tests.length === 0 ? undefined : (user) => tests.every((test) => test(user));
}

function boundTo(roles: readonly string[] | undefined): readonly string[] {
  if (roles === undefined) throw new Unanswerable(noRoles, 'identity');
  return roles;
}

function isSubject(subject: Subject, user: UserInfo): boolean {
  switch (subject.kind) {
    case 'ServiceAccount':
      return matchesWildcard(`system:serviceaccount:${subject.namespace ?? ''}:${subject.name}`, user.username);
    case 'Group':
      return user.groups.some((group) => matchesWildcard(subject.name, group));
    case 'User':
      return matchesWildcard(subject.name, user.username);
    default:
      return subject.kind satisfies never;
  }
}
