/** The policies that are shipped for Gates of gated sources, through the command. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { createSandbox } from '../support/cli.ts';

const folder = resolve(import.meta.dirname, '../../flux/gate-policies');
const shipped = ['kustomizations.yaml', 'what-opens-the-gate.yaml'];

async function judged(object: object) {
  using sandbox = createSandbox({ 'app/object.yaml': stringify(object) }, { policies: [{ path: 'policies' }] });
  for (const name of shipped) {
    sandbox.write({ [`platform/policies/${name}`]: readFileSync(join(folder, name), 'utf8') });
  }
  return await sandbox.judge('render');
}

const object = (apiVersion: string, kind: string, more: object = {}, namespace?: string) => ({
  apiVersion,
  kind,
  metadata: { name: 'x', ...(namespace !== undefined && { namespace }) },
  ...more,
});
const kustomization = (spec: object) =>
  object('kustomize.toolkit.fluxcd.io/v1', 'Kustomization', { spec: { interval: '1m', prune: true, ...spec } }, 'open');
const gated = { sourceRef: { kind: 'ExternalArtifact', name: 'app' } };
const named = (kind: string, name: string) => ({
  ...object('admissionregistration.k8s.io/v1', kind),
  metadata: { name },
});
const right = (kind: string, name: string, labels: object = {}) => ({
  ...object('rbac.authorization.k8s.io/v1', kind, { rules: [] }),
  metadata: { name, labels },
});
const namespace = (labels?: object, name = 'x') => ({
  ...object('v1', 'Namespace'),
  metadata: { name, ...(labels && { labels }) },
});
const definition = (group: string) =>
  object('apiextensions.k8s.io/v1', 'CustomResourceDefinition', { spec: { group, names: { kind: 'A' } } });

describe('what a gated source may not render', () => {
  it.each<[string, object, string]>([
    [
      'a Kustomization on a repository',
      kustomization({ sourceRef: { kind: 'GitRepository', name: 'a' } }),
      'name the ExternalArtifact',
    ],
    ['one that patches', kustomization({ ...gated, patches: [] }), 'spec.patches would change what was judged'],
    ['one with a field that nobody knows', kustomization({ ...gated, surprise: 1 }), 'spec.surprise is not known'],
    ['a HelmRelease', object('helm.toolkit.fluxcd.io/v2', 'HelmRelease', { spec: {} }, 'a'), 'no Gate judges'],
    [
      'an ExternalArtifact',
      object('source.toolkit.fluxcd.io/v1', 'ExternalArtifact', { spec: {} }, 'a'),
      'no Gate judges',
    ],
    ['an Application', object('argoproj.io/v1alpha1', 'Application', { spec: {} }, 'a'), 'no Gate judges'],
    ...(
      [
        ['helm.cattle.io/v1', 'HelmChart'],
        ['kubernetes.crossplane.io/v1alpha2', 'Object'],
        ['addons.cluster.x-k8s.io/v1beta2', 'ClusterResourceSet'],
        ['kappctrl.k14s.io/v1alpha1', 'App'],
        ['config.projectsveltos.io/v1beta1', 'Profile'],
        ['kro.run/v1alpha1', 'ResourceGraphDefinition'],
        ['core.oam.dev/v1beta1', 'Application'],
        ['infra.contrib.fluxcd.io/v1alpha2', 'Terraform'],
      ] as const
    ).map(([apiVersion, kind]): [string, object, string] => [
      `a ${kind} of ${apiVersion}`,
      object(apiVersion, kind, { spec: {} }, 'a'),
      'no Gate judges',
    ]),
    ['a ResourceSet', object('fluxcd.controlplane.io/v1', 'ResourceSet', { spec: {} }, 'a'), 'no Gate judges'],
    ['a Namespace that is not gated', namespace(), 'is gated too'],
    ['one that is said not to be', namespace({ 'syncgate.dev/gated': 'false' }), 'is gated too'],
    ['a definition of Flux', definition('kustomize.toolkit.fluxcd.io'), 'only the platform applies it'],
    ['the definition of GatedSource', definition('syncgate.dev'), 'only the platform applies it'],
    ...['flux-system', 'kube-system', 'syncgate-system'].map((name): [string, object, string] => [
      `the Namespace ${name}, gated`,
      namespace({ 'syncgate.dev/gated': 'true' }, name),
      "this Namespace is the platform's",
    ]),
    ...['ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding', 'ValidatingWebhookConfiguration'].flatMap(
      (kind) =>
        ['syncgate', 'mine'].map((name): [string, object, string] => [
          `a ${kind} called ${name}`,
          named(kind, name),
          'sees or refuses what others write',
        ]),
    ),
    ...['FlowSchema', 'PriorityLevelConfiguration'].map((kind): [string, object, string] => [
      `a ${kind}`,
      object('flowcontrol.apiserver.k8s.io/v1', kind, { spec: {} }),
      'whose requests wait',
    ]),
    ...['MutatingAdmissionPolicy', 'MutatingAdmissionPolicyBinding', 'MutatingWebhookConfiguration'].map(
      (kind): [string, object, string] => [`a ${kind}`, named(kind, 'mine'), 'changes what others apply'],
    ),
    ...(
      [
        ['kyverno.io/v1', 'Policy'],
        ['kyverno.io/v1', 'ClusterPolicy'],
        ['policies.kyverno.io/v1', 'MutatingPolicy'],
        ['mutations.gatekeeper.sh/v1', 'Assign'],
      ] as const
    ).map(([apiVersion, kind]): [string, object, string] => [
      `a ${kind} of ${apiVersion}`,
      object(apiVersion, kind, { spec: {} }),
      'has a policy engine change',
    ]),
    [
      'a server of Flux’s kinds',
      object('apiregistration.k8s.io/v1', 'APIService', { spec: {} }),
      "the API server's place",
    ],
    ['rights everywhere', right('ClusterRoleBinding', 'mine'), 'gives rights in every namespace'],
    [
      'rights for everybody who edits',
      right('ClusterRole', 'mine', { 'rbac.authorization.k8s.io/aggregate-to-edit': 'true' }),
      'adds to the rights of others',
    ],
    [
      'rights for whom the platform calls a team',
      right('ClusterRole', 'mine', { 'example.com/aggregate-to-team': 'true' }),
      'adds to the rights of others',
    ],
    ...[
      ...['edit', 'system:node', 'syncgate-source', 'syncgate-values-reader', 'flux-edit-flux-system'],
      ...['crd-controller-flux-system', 'cluster-reconciler'],
    ].map((name): [string, object, string] => [`the role ${name}`, right('ClusterRole', name), "is the cluster's"]),
    [
      'anything of the gate’s namespace',
      object('v1', 'ConfigMap', { data: {} }, 'syncgate-system'),
      'this namespace is the platform',
    ],
    ['anything of Flux’s', object('v1', 'ServiceAccount', {}, 'flux-system'), 'this namespace is the platform'],
  ])('%s', async (_, rendered, message) => {
    const run = await judged(rendered);
    expect(run.stderr).toContain(message);
    expect(run).toMatchObject({ exitCode: 1, stdout: '' });
  });
});

describe('what it may', () => {
  it.each([
    ['a ConfigMap', object('v1', 'ConfigMap', { data: {} }, 'apps')],
    ['a Kustomization of what was judged', kustomization(gated)],
    ['a gated Namespace', namespace({ 'syncgate.dev/gated': 'true' })],
    ['a definition of its own', definition('example.com')],
    ['a ClusterRole of its own', right('ClusterRole', 'mine', { team: 'shop' })],
    ['a RoleBinding', object('rbac.authorization.k8s.io/v1', 'RoleBinding', { subjects: [] }, 'apps')],
    ['one with a label of its own', right('ClusterRole', 'mine-aggregated', { 'example.com/aggregated': 'no' })],
    ['a PriorityClass', object('scheduling.k8s.io/v1', 'PriorityClass', { value: 1 })],
  ])('%s', async (_, rendered) => {
    const run = await judged(rendered);
    expect(run, run.stderr).toMatchObject({ exitCode: 0 });
  });
});
