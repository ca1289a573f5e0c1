import { describe, expect, it } from 'vitest';
import { createResourceTable } from '../../../../src/checks/policy/kube/resources.ts';
import { kindFault } from '../../../../src/checks/policy/kyverno/kind-fault.ts';
import { compilePolicy, objectOf, onKinds, onPods } from '../../../support/kyverno/policy.ts';
import { thrownBy } from '../../../support/thrown.ts';

const resources = createResourceTable();
const deny = 'validate: {deny: {}}';

describe('a kind that is mistyped for certain is refused', () => {
  it.each([
    ['pod', 'no known kind is called pod; did you mean Pod?'],
    ['Pods', 'no known kind is called Pods; did you mean Pod?'],
    ['ingresses', 'no known kind is called ingresses; did you mean Ingress?'],
    ['networkpolicies', 'no known kind is called networkpolicies; did you mean NetworkPolicy?'],
    ['v1/pods', 'no known kind is called pods; did you mean Pod?'],
    ['apps/v1/deployment', 'no known kind of apps is called deployment; did you mean Deployment?'],
    ['apps/*/Deployments', 'no known kind of apps is called Deployments; did you mean Deployment?'],
    ['apps/v1/Deploymnt', 'no known kind of apps is called Deploymnt; did you mean Deployment?'],
    ['batch/v1/Deployments', undefined],
    ['v2/Pod', 'no version v2 of Pod is known; did you mean v1/Pod?'],
    ['apps/v2/Deployment', 'no version v2 of Deployment is known; did you mean apps/v1/Deployment?'],
    ['Pod.v1', 'Pod has no subresource v1; did you mean v1/Pod?'],
    ['Deployment/v1', 'Deployment has no subresource v1; did you mean apps/v1/Deployment?'],
  ])('%s', (kind, message) => {
    const fault = kindFault(kind, resources);
    if (message === undefined) expect(fault?.isMistake).toBe(false);
    else expect(fault).toEqual({ message, isMistake: true });
  });

  it('with its place, in match and in exclude', () => {
    expect(thrownBy(() => compilePolicy(onKinds('[Service, pod]', deny)))).toMatchObject({
      code: 'POLICY_INVALID',
      message: expect.stringMatching(/^policies\.yaml:1:\d+: no known kind is called pod; did you mean Pod\?$/),
    });
    const excluding = onPods(`exclude: {any: [{resources: {kinds: [pods]}}]}, ${deny}`);
    expect(thrownBy(() => compilePolicy(excluding))).toMatchObject({ code: 'POLICY_INVALID' });
  });

  it('and only told in a test of policies', () => {
    expect(compilePolicy(onKinds('[pod]', deny), true).warnings).toEqual([
      expect.stringContaining('did you mean Pod?'),
    ]);
  });
});

describe('a kind that another version of Kubernetes has is told', () => {
  it.each([
    ['extensions/v1beta1/Ingress', /extensions no more/],
    ['extensions/v1beta1/Deployment', /extensions no more/],
    ['policy/v1beta1/PodSecurityPolicy', /no known kind of policy is called PodSecurityPolicy$/],
    ['policy/*/PodSecurityPolicy', /no known kind of policy is called PodSecurityPolicy$/],
    ['batch/v1beta1/CronJob', /no version v1beta1 of CronJob is known; did you mean batch\/v1\/CronJob\?/],
    ['v1beta1/CronJob', /no version v1beta1 of CronJob/],
    ['resource.k8s.io/v1alpha2/ResourceClass', /did you mean/],
    // Kyverno reads it as the subresource Pod of a kind v1.
    ['*/v1/Pod', /no known kind is called v1$/],
    ['autoscaling/v2beta2/HorizontalPodAutoscaler', /autoscaling\/v1\/\S+ or autoscaling\/v2/],
  ])('%s', (kind, message) => {
    expect(kindFault(kind, resources)).toEqual({ message: expect.stringMatching(message), isMistake: false });
    expect(compilePolicy(onKinds(`["${kind}"]`, deny)).warnings).toEqual([expect.stringMatching(message)]);
  });
});

describe('nothing is said of', () => {
  it.each([
    'Pod',
    'v1/Pod',
    'apps/v1/Deployment',
    'Pod/exec',
    'Pod.status',
    'Namespace/finalize',
    '*',
    '*/*',
    'pod*',
    'apps/v?/Deployment',
    'apps/v1/Scale',
    'authentication.k8s.io/v1/TokenRequest',
    'example.com/v1/pod',
    'example.com/v2/Pod',
  ])('%s', (kind) => expect(kindFault(kind, resources)).toBeUndefined());

  it('a kind of a definition of the snapshot', () => {
    const definition = objectOf(
      '{metadata: {name: x}, spec: {group: example.com, scope: Namespaced, names: {kind: Pods, plural: podses}, versions: [{name: v2, served: true}]}}',
    );
    const known = createResourceTable({ definitions: [definition] });
    expect(kindFault('Pods', known)).toBeUndefined();
    expect(kindFault('v2/Pods', known)).toBeUndefined();
    expect(kindFault('v3/Pods', known)?.isMistake).toBe(false);
  });
});
