import { describe, expect, it } from 'vitest';
import type { PolicyDocument } from '../../../../src/checks/policy/document.ts';
import { MatchResources } from '../../../../src/checks/policy/kube/match-resources.ts';
import { checkNamedResources } from '../../../../src/checks/policy/kube/named-resources.ts';
import { createResourceTable } from '../../../../src/checks/policy/kube/resources.ts';
import { type Files, withPolicies } from '../../../support/policies.ts';
import { rejectionOf, thrownBy } from '../../../support/thrown.ts';

const table = createResourceTable();
const document: PolicyDocument = {
  value: {},
  file: 'p.yaml',
  document: 0,
  locate: (path) => `p.yaml ${path.join('.')}`,
};
const rule = (groups: readonly string[], resources: readonly string[], apiVersions = ['v1']) => ({
  apiGroups: [...groups],
  apiVersions,
  operations: ['CREATE'],
  resources: [...resources],
});
const check = (value: unknown, isTest = false) =>
  checkNamedResources(MatchResources.parse(value), table, document, ['spec'], isTest);

describe('a resource that is mistyped for certain is refused', () => {
  it.each([
    ['a kind', [''], 'pod', 'pods'],
    ['a kind in its own letters', [''], 'Pod', 'pods'],
    ['a capital', ['', 'apps'], 'Pods', 'pods'],
    ['a kind of one of several groups', ['', 'apps'], 'deployment', 'deployments'],
    ['an irregular plural', ['networking.k8s.io'], 'ingress', 'ingresses'],
    ['a slip', ['apps'], 'deploymnets', 'deployments'],
    ['with a subresource', [''], 'pod/exec', 'pods'],
  ])('%s', (_, groups, name, meant) => {
    const thrown = { code: 'POLICY_INVALID', message: expect.stringContaining(`did you mean ${meant}?`) };
    expect(thrownBy(() => check({ resourceRules: [rule(groups, [name])] }))).toMatchObject(thrown);
    const excluded = { excludeResourceRules: [rule([''], ['pods']), rule(groups, [name])] };
    expect(thrownBy(() => check(excluded))).toMatchObject({ place: 'p.yaml spec.excludeResourceRules.1.resources.0' });
    expect(check(excluded, true)).toEqual([expect.stringContaining(`did you mean ${meant}?`)]);
  });
});

describe('a resource that another version of Kubernetes may have is told', () => {
  it.each([
    ['nothing like it', ['policy'], 'podsecuritypolicies', ['v1beta1']],
    ['something like it, in a version that may go', ['resource.k8s.io'], 'resourceclasses', ['v1alpha2']],
  ])('%s', (_, groups, name, versions) => {
    const warnings = check({ resourceRules: [rule(groups, [name], versions)] });
    expect(warnings).toEqual([expect.stringContaining(`is called ${name}`)]);
  });
});

describe('nothing is said of', () => {
  it.each<[string, unknown]>([
    ['what is there', rule(['', 'apps'], ['pods', 'pods/exec', 'deployments'])],
    ['everything', rule([''], ['*'])],
    ['a subresource of everything', rule(['apps'], ['*/scale'])],
    ['any group', rule(['*'], ['pod'])],
    ['a group of custom resources', rule(['example.com'], ['pod'])],
    ['one beside such a group', rule(['', 'example.com'], ['pod'])],
  ])('%s', (_, each) => expect(check({ resourceRules: [each] })).toEqual([]));
});

describe('policies with such a resource', () => {
  const spec = (name: string) =>
    `matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [${name}]}]}, validations: [{expression: "true"}]`;
  const policy = (apiVersion: string, kind: string, name: string) =>
    `{apiVersion: ${apiVersion}, kind: ${kind}, metadata: {name: p}, spec: {${spec(name)}}}\n`;
  const binding = (name: string) =>
    `---\n{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicyBinding, metadata: {name: b}, spec: {policyName: p, validationActions: [Deny], matchResources: {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [${name}]}]}}}\n`;
  const load = (text: string) =>
    withPolicies({ files: { 'policies/p.yaml': text } satisfies Files }, async ({ described }) => described.length);
  const admission = (name: string, bound: string) =>
    policy('admissionregistration.k8s.io/v1', 'ValidatingAdmissionPolicy', name) + binding(bound);

  it.each([
    ['a ValidatingPolicy', policy('policies.kyverno.io/v1', 'ValidatingPolicy', 'pod')],
    ['a ValidatingAdmissionPolicy', admission('pod', 'pods')],
    ['its binding', admission('pods', 'pod')],
  ])('%s cannot be loaded', async (_, text) => {
    expect(await rejectionOf(load(text))).toMatchObject({
      code: 'POLICY_INVALID',
      message: expect.stringMatching(/p\.yaml:\d+:\d+: .*did you mean pods\?/),
    });
  });
  it('are loaded where it is spelt rightly', async () => {
    expect(await load(policy('policies.kyverno.io/v1', 'ValidatingPolicy', 'pods'))).toBe(1);
    expect(await load(admission('pods', 'pods'))).toBe(1);
  });
});
