import { describe, expect, it } from 'vitest';
import { valueAt } from '../../src/core/json.ts';
import { isClusterScoped, judgedObjects } from '../../src/manifests/scope.ts';
import { parse, refusal } from './read.ts';

const none = { clusterScoped: [] };
const object = (apiVersion: string, kind: string, metadata: string) =>
  `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: ${metadata}\n`;
/** The namespaces as the policies see them. */
const namespaces = (text: string, destination: string | undefined, settings = none) =>
  judgedObjects(parse(text), destination, settings).map((each) => valueAt(each.object, ['metadata', 'namespace']));

describe('a kind', () => {
  it.each([
    ['v1', 'Namespace'],
    ['v1', 'Node'],
    ['rbac.authorization.k8s.io/v1', 'ClusterRole'],
    ['rbac.authorization.k8s.io/v1beta1', 'ClusterRoleBinding'],
    ['apiextensions.k8s.io/v1', 'CustomResourceDefinition'],
    ['admissionregistration.k8s.io/v1', 'ValidatingAdmissionPolicy'],
    ['constraints.gatekeeper.sh/v1beta1', 'K8sAnything'],
    ['cert-manager.io/v1', 'ClusterIssuer'],
  ])('%s %s has no namespace', (apiVersion, kind) => expect(isClusterScoped(apiVersion, kind, none)).toBe(true));

  it.each([
    ['v1', 'ConfigMap'],
    ['apps/v1', 'Deployment'],
    ['rbac.authorization.k8s.io/v1', 'Role'],
    ['example.com/v1', 'Namespace'],
    ['example.com/v1', 'ClusterRole'],
    ['__proto__/v1', 'Node'],
    ['v1', 'constructor'],
  ])('%s %s has one', (apiVersion, kind) => expect(isClusterScoped(apiVersion, kind, none)).toBe(false));

  it.each([
    ['example.com/Zone', 'example.com/v1', 'Zone', true],
    ['example.com/Zone', 'example.org/v1', 'Zone', false],
    ['Zone', 'v1', 'Zone', true],
    ['/Zone', 'v1', 'Zone', true],
    ['Zone', 'example.com/v1', 'Zone', false],
  ])('listed as %s makes %s %s: %s', (entry, apiVersion, kind, scoped) => {
    expect(isClusterScoped(apiVersion, kind, { clusterScoped: [entry] })).toBe(scoped);
  });
});

describe('judged objects', () => {
  it.each([
    ['get the namespace of the destination', object('v1', 'ConfigMap', '{name: a}'), 'web', 'web'],
    ['keep a namespace of their own', object('v1', 'ConfigMap', '{name: a, namespace: b}'), 'web', 'b'],
    ['get it in the place of an empty one', object('v1', 'ConfigMap', '{name: a, namespace: ""}'), 'web', 'web'],
    ['of no namespace get none', object('v1', 'Node', '{name: a}'), 'web', undefined],
    [
      'of no namespace lose one that would mislead',
      object('v1', 'Node', '{name: a, namespace: kube-system}'),
      'web',
      undefined,
    ],
    ['of an unknown kind get it', object('x.example/v1', 'Thing', '{name: a}'), 'web', 'web'],
    ['get none without a destination', object('v1', 'ConfigMap', '{name: a}'), undefined, undefined],
    ['get none from an empty destination', object('v1', 'ConfigMap', '{name: a}'), '', undefined],
  ])('%s', (_, text, destination, namespace) => expect(namespaces(text, destination)).toEqual([namespace]));

  it('leave the manifests as they were rendered', () => {
    const manifests = parse(object('v1', 'ConfigMap', '{name: a, labels: {x: z}}'));
    const [judged] = judgedObjects(manifests, 'web', none);
    expect(judged?.manifest).toBe(manifests[0]);
    expect(manifests[0]?.object['metadata']).toEqual({ name: 'a', labels: { x: 'z' } });
    expect(judged?.object['metadata']).toEqual({ name: 'a', labels: { x: 'z' }, namespace: 'web' });
  });

  it('are not swayed by a definition that is rendered with them', () => {
    const definition =
      'apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: configmaps.x}\nspec: {group: "", names: {kind: ConfigMap}, scope: Cluster}\n';
    expect(namespaces(`${definition}---\n${object('v1', 'ConfigMap', '{name: a}')}`, 'web')).toEqual([
      undefined,
      'web',
    ]);
  });

  it.each([
    [
      'one is in the destination by name and one by default',
      object('v1', 'ConfigMap', '{name: a}'),
      object('v1', 'ConfigMap', '{name: a, namespace: web}'),
    ],
    [
      'their namespaces mean nothing',
      object('v1', 'Node', '{name: a, namespace: b}'),
      object('v1', 'Node', '{name: a}'),
    ],
  ])('are refused when two become one: %s', (_, first, second) => {
    const manifests = parse(`${first}---\n${second}`);
    expect(refusal(() => judgedObjects(manifests, 'web', none)).code).toBe('MANIFEST_REPEATED');
    expect(manifests).toHaveLength(2);
  });
});
