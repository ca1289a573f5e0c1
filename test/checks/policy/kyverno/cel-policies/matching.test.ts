import { describe, expect, it } from 'vitest';
import { findingsFor, inShort } from '../../../../support/policies.ts';

const definition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.example.com' },
  spec: {
    group: 'example.com',
    names: { kind: 'Widget', plural: 'widgets' },
    scope: 'Namespaced',
    versions: ['v1', 'v1beta1'].map((name) => ({ name, served: true, storage: name === 'v1' })),
  },
};
const policy = (group: string, version: string, resource: string, matchPolicy = 'Equivalent') =>
  `{apiVersion: policies.kyverno.io/v1, kind: ValidatingPolicy, metadata: {name: p}, spec: {validationActions: [Deny], matchConstraints: {matchPolicy: ${matchPolicy}, resourceRules: [{apiGroups: [${group}], apiVersions: [${version}], operations: [CREATE], resources: [${resource}]}]}, validations: [{expression: "false", messageExpression: "object.apiVersion + ' ' + request.kind.version"}]}}`;
const widget = { apiVersion: 'example.com/v1beta1', kind: 'Widget', metadata: { name: 'w', namespace: 'apps' } };
const scaler = {
  apiVersion: 'autoscaling/v1',
  kind: 'HorizontalPodAutoscaler',
  metadata: { name: 'h', namespace: 'apps' },
  spec: { maxReplicas: 9, scaleTargetRef: { kind: 'Deployment', name: 'd' } },
};
const judged = (text: string, object: typeof widget) =>
  findingsFor(
    {
      files: { 'policies/p.yaml': text, 'crd.json': JSON.stringify(definition) },
      cluster: { objects: [{ path: 'crd.json' }] },
    },
    [object],
  ).then((findings) => findings.map(inShort).join(' '));

describe('a ValidatingPolicy about another version of a kind', () => {
  it('sees the object as its definition converts it', async () => {
    expect(await judged(policy('example.com', 'v1', 'widgets'), widget)).toContain('example.com/v1 v1');
  });
  it('sees it as it is where it names its version', async () => {
    expect(await judged(policy('example.com', 'v1beta1', 'widgets'), widget)).toContain('example.com/v1beta1 v1beta1');
  });
  it('says nothing under Exact', async () => {
    expect(await judged(policy('example.com', 'v1', 'widgets', 'Exact'), widget)).toBe('');
  });
  it('cannot judge what Kubernetes itself converts', async () => {
    const said = await judged(policy('autoscaling', 'v2', 'horizontalpodautoscalers'), scaler);
    expect(said).toContain('cannot be converted to autoscaling/v2 here');
  });
});
