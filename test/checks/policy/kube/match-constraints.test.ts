import { describe, expect, it } from 'vitest';
import { requestFor } from '../../../../src/checks/policy/compiled/requests.ts';
import type { Cluster } from '../../../../src/checks/policy/kube/cluster.ts';
import { compileMatchConstraints } from '../../../../src/checks/policy/kube/match-constraints.ts';
import { MatchResources } from '../../../../src/checks/policy/kube/match-resources.ts';
import type { PolicyRequest } from '../../../../src/checks/policy/kube/request.ts';
import { createResourceTable, groupVersionKind } from '../../../../src/checks/policy/kube/resources.ts';
import { createCluster } from '../../../../src/checks/policy/kube/snapshot.ts';
import type { JsonObject } from '../../../../src/core/json.ts';

const resources = createResourceTable();
const namespaces = [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', labels: { team: 'shop' } } },
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'bare' } },
];
const cluster = createCluster(
  namespaces.map((object) => ({ object, place: 'test' })),
  ['Namespace'],
);
const unsure = createCluster([], []);

const object = (apiVersion: string, kind: string, metadata: JsonObject): JsonObject => ({ apiVersion, kind, metadata });
const pod = object('v1', 'Pod', { name: 'web', namespace: 'shop', labels: { app: 'web' } });
const ask = (of: JsonObject, changes: Partial<PolicyRequest> = {}) => ({
  ...requestFor(of, undefined, resources, undefined),
  ...changes,
});
const rule = (changes: JsonObject = {}) => ({
  apiGroups: [''],
  apiVersions: ['v1'],
  operations: ['CREATE'],
  resources: ['pods'],
  ...changes,
});
const answer = (constraints: JsonObject, request: PolicyRequest, world: Cluster = cluster) =>
  compileMatchConstraints(MatchResources.parse(constraints), resources).match(request, world);

describe('a request is matched', () => {
  it.each<[string, JsonObject, PolicyRequest, 'match' | 'no']>([
    ['by its resource', { resourceRules: [rule()] }, ask(pod), 'match'],
    ['not by another resource', { resourceRules: [rule({ resources: ['services'] })] }, ask(pod), 'no'],
    ['by every resource', { resourceRules: [rule({ resources: ['*'] })] }, ask(pod), 'match'],
    ['not by its subresources', { resourceRules: [rule({ resources: ['pods/status'] })] }, ask(pod), 'no'],
    ['by the resource with all subresources', { resourceRules: [rule({ resources: ['pods/*'] })] }, ask(pod), 'match'],
    [
      'by a subresource of anything',
      { resourceRules: [rule({ resources: ['*/scale'] })] },
      ask(pod, { subresource: 'scale' }),
      'match',
    ],
    ['not by another group', { resourceRules: [rule({ apiGroups: ['apps'] })] }, ask(pod), 'no'],
    [
      'by any group and version',
      { resourceRules: [rule({ apiGroups: ['*'], apiVersions: ['*'] })] },
      ask(pod),
      'match',
    ],
    ['not by another operation', { resourceRules: [rule({ operations: ['UPDATE'] })] }, ask(pod), 'no'],
    ['by any operation', { resourceRules: [rule({ operations: ['*'] })] }, ask(pod, { operation: 'DELETE' }), 'match'],
    ['by its name', { resourceRules: [rule({ resourceNames: ['web'] })] }, ask(pod), 'match'],
    ['not by another name', { resourceRules: [rule({ resourceNames: ['api'] })] }, ask(pod), 'no'],
    ['by the scope of namespaces', { resourceRules: [rule({ scope: 'Namespaced' })] }, ask(pod), 'match'],
    ['not by the scope of the cluster', { resourceRules: [rule({ scope: 'Cluster' })] }, ask(pod), 'no'],
    [
      'as of the cluster, if it is a Namespace',
      { resourceRules: [rule({ resources: ['namespaces'], scope: 'Cluster' })] },
      ask(object('v1', 'Namespace', { name: 'new' })),
      'match',
    ],
    ['without rules', {}, ask(pod), 'match'],
    [
      'not where a rule takes it out',
      { resourceRules: [rule()], excludeResourceRules: [rule({ resourceNames: ['web'] })] },
      ask(pod),
      'no',
    ],
    [
      'where its namespace is selected',
      { resourceRules: [rule()], namespaceSelector: { matchLabels: { team: 'shop' } } },
      ask(pod),
      'match',
    ],
    [
      'not where it is not',
      { resourceRules: [rule()], namespaceSelector: { matchLabels: { team: 'other' } } },
      ask(pod),
      'no',
    ],
    [
      'without a namespace, whatever is selected',
      { resourceRules: [rule({ resources: ['nodes'] })], namespaceSelector: { matchLabels: { team: 'other' } } },
      ask(object('v1', 'Node', { name: 'n' })),
      'match',
    ],
    [
      'as a Namespace by its own labels, and not those of the snapshot',
      { resourceRules: [rule({ resources: ['namespaces'] })], namespaceSelector: { matchLabels: { team: 'new' } } },
      ask(object('v1', 'Namespace', { name: 'shop', labels: { team: 'new' } })),
      'match',
    ],
    ['by its labels', { resourceRules: [rule()], objectSelector: { matchLabels: { app: 'web' } } }, ask(pod), 'match'],
    [
      'not by labels that it has not',
      { resourceRules: [rule()], objectSelector: { matchExpressions: [{ key: 'app', operator: 'DoesNotExist' }] } },
      ask(pod),
      'no',
    ],
    [
      'by the labels that it had',
      { resourceRules: [rule()], objectSelector: { matchLabels: { app: 'old' } } },
      ask(pod, { oldObject: object('v1', 'Pod', { labels: { app: 'old' } }) }),
      'match',
    ],
    [
      'not by labels that are inherited',
      { resourceRules: [rule()], objectSelector: { matchExpressions: [{ key: 'constructor', operator: 'Exists' }] } },
      ask(pod),
      'no',
    ],
  ])('%s', (_, constraints, request, kind) => {
    expect(answer(constraints, request).kind).toBe(kind);
  });

  it('in the version that the rule names, if the server has several', () => {
    const request = ask(object('autoscaling/v2', 'HorizontalPodAutoscaler', { name: 'h', namespace: 'shop' }));
    const old = { resourceRules: [rule({ apiGroups: ['autoscaling'], resources: ['horizontalpodautoscalers'] })] };
    expect(answer(old, request)).toMatchObject({ kind: 'match', as: { kind: { version: 'v1' } } });
    expect(answer({ ...old, matchPolicy: 'Exact' }, request)).toEqual({ kind: 'no' });
  });
});

describe('what is not known', () => {
  const widget = object('example.com/v1', 'Widget', { name: 'w', namespace: 'shop' });
  const example = { apiGroups: ['example.com'], resources: ['widgets'] };
  const selecting = { resourceRules: [rule()], namespaceSelector: { matchLabels: { team: 'shop' } } };

  it.each<[string, JsonObject, PolicyRequest, Cluster, string]>([
    [
      'a namespace that does not exist',
      selecting,
      ask(pod, { namespace: 'gone' }),
      cluster,
      'namespaces "gone" not found',
    ],
    ['a namespace outside of the snapshot', selecting, ask(pod, { namespace: 'gone' }), unsure, 'are not known'],
    [
      'the plural of a kind without a definition',
      { resourceRules: [rule({ apiGroups: ['example.com'], resources: ['geese'] })] },
      ask(object('example.com/v1', 'Goose', { name: 'g', namespace: 'shop' })),
      cluster,
      'CustomResourceDefinition',
    ],
    [
      'whether such a kind is taken out',
      { excludeResourceRules: [rule({ apiGroups: ['example.com'], resources: ['widgets'] })] },
      ask(object('example.com/v1', 'Widget', { name: 'w', namespace: 'shop' })),
      cluster,
      'CustomResourceDefinition',
    ],
    [
      'whether a kind without a definition has the version of the rule too',
      { resourceRules: [rule({ apiGroups: ['example.com'], apiVersions: ['v2'], resources: ['widgets'] })] },
      ask(object('example.com/v1', 'Widget', { name: 'w', namespace: 'shop' })),
      cluster,
      'CustomResourceDefinition',
    ],
    [
      'whether another version of such a kind is taken out',
      {
        resourceRules: [rule({ apiGroups: ['example.com'], resources: ['*'] })],
        excludeResourceRules: [rule({ apiGroups: ['example.com'], apiVersions: ['v2'], resources: ['*'] })],
      },
      ask(object('example.com/v1', 'Widget', { name: 'w', namespace: 'shop' })),
      cluster,
      'CustomResourceDefinition',
    ],
    ...['Cluster', 'Namespaced'].map((scope): [string, JsonObject, PolicyRequest, Cluster, string] => [
      `whether such a kind is of the scope ${scope}`,
      { resourceRules: [rule({ apiGroups: ['example.com'], resources: ['*'], scope })] },
      ask(object('example.com/v1', 'Widget', { name: 'w', namespace: 'shop' })),
      cluster,
      'CustomResourceDefinition',
    ]),
  ])('%s is an error', (_, constraints, request, world, message) => {
    expect(answer(constraints, request, world)).toEqual({
      kind: 'error',
      message: expect.stringContaining(message),
      // What the snapshot says for certain nobody can add to it.
      ...(world !== cluster || message === 'CustomResourceDefinition' ? { lacks: 'snapshot' } : {}),
    });
  });

  it('is no error where nothing else matches', () => {
    const other = { ...selecting, resourceRules: [rule({ resources: ['services'] })] };
    expect(answer(other, ask(pod, { namespace: 'gone' }))).toEqual({ kind: 'no' });
  });

  it.each<[string, JsonObject]>([
    [
      'another version under Exact',
      { matchPolicy: 'Exact', resourceRules: [rule({ ...example, apiVersions: ['v2'] })] },
    ],
    ['another group', { resourceRules: [rule({ ...example, apiGroups: ['example.org'], apiVersions: ['v2'] })] }],
    [
      'an exception to what is not meant',
      { resourceRules: [rule()], excludeResourceRules: [rule({ ...example, apiVersions: ['v2'] })] },
    ],
  ])('is no error about a kind without a definition for %s', (_, constraints) => {
    expect(answer(constraints, ask(widget))).toEqual({ kind: 'no' });
  });

  it('is no error about the scope of a kind that the platform calls one of the cluster', () => {
    const told = createResourceTable({ isClusterScoped: (_, kind) => kind === 'Widget' });
    const constraints = { resourceRules: [rule({ ...example, scope: 'Cluster' })] };
    const request = requestFor(widget, undefined, told, undefined);
    expect(compileMatchConstraints(MatchResources.parse(constraints), told).match(request, cluster).kind).toBe('match');
  });

  it('takes a plausible plural for the plural, where a rule takes objects in', () => {
    const request = ask(object('example.com/v1', 'Policy', { name: 'p', namespace: 'shop' }));
    const constraints = { resourceRules: [rule({ apiGroups: ['example.com'], resources: ['policies'] })] };
    expect(answer(constraints, request).kind).toBe('match');
  });
});

describe('a kind that no request could match', () => {
  const { concerns } = compileMatchConstraints(MatchResources.parse({ resourceRules: [rule()] }), resources);
  it.each([
    ['v1', 'Pod', true],
    ['v1', 'Service', false],
    ['apps/v1', 'Deployment', false],
  ])('%s %s: %s', (apiVersion, kind, expected) => {
    const type = resources.ofKind(groupVersionKind(apiVersion, kind));
    expect(concerns(type.kind, type.resource, '')).toBe(expected);
  });
});

describe('constraints that the API server refuses', () => {
  it.each<[string, JsonObject]>([
    ['an unknown field', { resources: [] }],
    ['an unknown operation', { resourceRules: [rule({ operations: ['READ'] })] }],
    ['* beside another group', { resourceRules: [rule({ apiGroups: ['*', 'apps'] })] }],
    ['*/* beside another resource', { resourceRules: [rule({ resources: ['*/*', 'pods'] })] }],
    ['* beside another resource', { resourceRules: [rule({ resources: ['*', 'pods'] })] }],
    ['pods/* beside pods/status', { resourceRules: [rule({ resources: ['pods/*', 'pods/status'] })] }],
    ['an empty resource', { resourceRules: [rule({ resources: [''] })] }],
    ['a name twice', { resourceRules: [rule({ resourceNames: ['a', 'a'] })] }],
    ['a name that is no path segment', { resourceRules: [rule({ resourceNames: ['a/b'] })] }],
    ['a selector without values', { objectSelector: { matchExpressions: [{ key: 'a', operator: 'In' }] } }],
    [
      'a selector with values too many',
      { objectSelector: { matchExpressions: [{ key: 'a', operator: 'Exists', values: ['b'] }] } },
    ],
    ['another policy of matching', { matchPolicy: 'Fuzzy' }],
  ])('%s', (_, constraints) => {
    expect(MatchResources.safeParse(constraints).success).toBe(false);
  });
});
