import { describe, expect, it } from 'vitest';
import { createResourceTable, groupVersionKind } from '../../../../src/checks/policy/kube/resources.ts';
import type { JsonObject } from '../../../../src/core/json.ts';

const definition = (
  group: string,
  kind: string,
  plural: string,
  scope: string,
  versions: readonly string[],
): JsonObject => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${plural}.${group}` },
  spec: {
    group,
    scope,
    names: { kind, plural },
    versions: versions.map((name) => ({ name, served: true, subresources: { status: {} } })),
  },
});

const table = createResourceTable({
  definitions: [
    definition('example.com', 'Gateway', 'gateways', 'Namespaced', ['v1', 'v1beta1']),
    definition('example.com', 'Region', 'regions', 'Cluster', ['v1']),
    definition('apps', 'Deployment', 'stolen', 'Cluster', ['v1']),
    { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', spec: 'nonsense' },
  ],
});

describe('the resource of a kind', () => {
  it.each([
    ['v1', 'Pod', 'pods', true, 'builtin'],
    ['v1', 'Namespace', 'namespaces', false, 'builtin'],
    ['apps/v1', 'Deployment', 'deployments', true, 'builtin'],
    ['networking.k8s.io/v1', 'NetworkPolicy', 'networkpolicies', true, 'builtin'],
    ['policy/v1beta1', 'PodDisruptionBudget', 'poddisruptionbudgets', true, 'builtin'],
    ['example.com/v1beta1', 'Gateway', 'gateways', true, 'definition'],
    ['example.com/v1', 'Region', 'regions', false, 'definition'],
    ['example.com/v2', 'Region', 'regions', false, 'definition'],
    ['example.org/v1', 'Widget', '', true, 'guessed'],
  ])('%s %s', (apiVersion, kind, resource, namespaced, source) => {
    expect(table.ofKind(groupVersionKind(apiVersion, kind))).toMatchObject({
      resource: { resource },
      namespaced,
      source,
    });
  });

  it('is made up only where that is asked for', () => {
    const guessing = createResourceTable({ guess: true, isClusterScoped: (_, kind) => kind === 'Policy' });
    expect(guessing.ofKind(groupVersionKind('example.org/v1', 'Policy'))).toMatchObject({
      resource: { resource: 'policies' },
      namespaced: false,
    });
  });
});

describe('versions of the same objects', () => {
  it.each([
    ['autoscaling', 'v2', 'horizontalpodautoscalers', ['autoscaling/v1']],
    ['', 'v1', 'events', ['events.k8s.io/v1']],
    ['apps', 'v1', 'deployments', []],
    ['example.com', 'v1', 'gateways', ['example.com/v1beta1']],
  ])('%s/%s %s', (group, version, resource, others) => {
    const found = table.equivalents({ group, version, resource });
    expect(found.map(({ kind }) => `${kind.group}/${kind.version}`)).toEqual(others);
  });
});
