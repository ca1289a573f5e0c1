import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../../src/core/json.ts';
import { findingsFor } from '../../../support/policies.ts';

/** A rule that refuses every object of a kind, and says what it is called and labelled. */
function refuse(kind: string, deny = '{}', match = ''): string {
  return `apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: p, annotations: {pod-policies.kyverno.io/autogen-controllers: none}}
spec:
  validationFailureAction: Enforce
  rules:
  - name: r
    match: {any: [{resources: {kinds: [${kind}]${match}}}]}
    validate: {message: "never", deny: ${deny}}
`;
}

const valueIs = (key: string, value: string) =>
  `{conditions: {all: [{key: "{{ ${key} }}", operator: Equals, value: "${value}"}]}}`;

const meta = { name: 'web', namespace: 'shop' };
const claim = { spec: { storageClassName: 'gold', accessModes: ['ReadWriteOnce'] } };
const podSpec = {
  containers: [{ name: 'c', image: 'nginx:1' }],
  volumes: [{ name: 'scratch', ephemeral: { volumeClaimTemplate: claim } }],
};
const template = { metadata: { labels: { app: 'web' } }, spec: podSpec };
const selector = { matchLabels: { app: 'web' } };

const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: meta,
  spec: { replicas: 9, selector, template },
};
const statefulSet = {
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: meta,
  spec: { serviceName: 'web', selector, template, volumeClaimTemplates: [{ metadata: { name: 'data' }, ...claim }] },
};
const cronJob = {
  apiVersion: 'batch/v1',
  kind: 'CronJob',
  metadata: meta,
  spec: { schedule: '* * * * *', jobTemplate: { metadata: { labels: { a: 'b' } }, spec: { template } } },
};
const job = { apiVersion: 'batch/v1', kind: 'Job', metadata: meta, spec: { template } };
const pod = { apiVersion: 'v1', kind: 'Pod', metadata: meta, spec: podSpec };
const custom = { apiVersion: 'x.io/v1', kind: 'Runner', metadata: meta, spec: { workers: [{ spec: podSpec }] } };

async function told(policy: string, object: JsonObject): Promise<string[]> {
  const found = await findingsFor({ files: { 'policies/p.yaml': policy } }, [object]);
  return found.map(({ code, message, field }) => `${code} ${message.split(':')[0]} ${field ?? ''}`.trim());
}

const denied = (what: string) => `POLICY_DENIED the ${what} that it creates`;

describe('what an object would create is judged', () => {
  it.each<[string, string, JsonObject, string]>([
    [
      'the ReplicaSet of a Deployment',
      refuse('ReplicaSet', valueIs('request.object.spec.replicas', '9')),
      deployment,
      'ReplicaSet',
    ],
    ['the Job of a CronJob', refuse('Job', valueIs('request.object.metadata.labels.a', 'b')), cronJob, 'Job'],
    [
      'the claims of a StatefulSet',
      refuse('PersistentVolumeClaim', valueIs('request.object.metadata.name', 'data-web-0')),
      statefulSet,
      'PersistentVolumeClaim',
    ],
    [
      'the claims of a Pod',
      refuse('PersistentVolumeClaim', valueIs('request.object.metadata.name', 'web-scratch')),
      pod,
      'PersistentVolumeClaim',
    ],
    ['the claims of the Pods of a Job', refuse('PersistentVolumeClaim'), job, 'PersistentVolumeClaim'],
    ['the Pods of a custom kind', refuse('Pod'), custom, 'Pod'],
    ['the claims of the Pods of a custom kind', refuse('PersistentVolumeClaim'), custom, 'PersistentVolumeClaim'],
    [
      'by who creates it',
      refuse('Job', valueIs('request.userInfo.username', 'system:serviceaccount:kube-system:cronjob-controller')),
      cronJob,
      'Job',
    ],
  ])('%s', async (_, policy, object, what) => {
    expect(await told(policy, object)).toEqual([denied(what)]);
  });

  it('and says where it stands', async () => {
    const policy = refuse('PersistentVolumeClaim').replace('deny: {}', 'pattern: {spec: {storageClassName: standard}}');
    expect(await told(policy, statefulSet)).toEqual([
      `${denied('PersistentVolumeClaim')} spec.volumeClaimTemplates[0].spec.storageClassName`,
      `${denied('PersistentVolumeClaim')} spec.template.spec.volumes[0].ephemeral.volumeClaimTemplate.spec.storageClassName`,
    ]);
  });

  it.each([
    ['a Deployment makes no Job', refuse('Job'), deployment],
    ['a Job makes no ReplicaSet', refuse('ReplicaSet'), job],
  ])('and nothing else: %s', async (_, policy, object) => expect(await told(policy, object)).toEqual([]));

  it('as far as there is a bound', async () => {
    const many = { ...custom, spec: { workers: Array.from({ length: 101 }, () => ({ spec: podSpec })) } };
    expect(await told(refuse('Pod'), many)).toEqual([expect.stringMatching(/^POLICY_EVALUATION_FAILED /)]);
    expect(await told(refuse('ConfigMap'), many)).toEqual([]);
  });
});

describe('a template is not the Pod', () => {
  const carried = (deny: string) =>
    refuse('Pod', deny).replace(', annotations: {pod-policies.kyverno.io/autogen-controllers: none}', '');
  const bare = {
    ...deployment,
    spec: { ...deployment.spec, template: { ...template, spec: { containers: podSpec.containers } } },
  };

  it('so a rule that passed the template judges the Pod', async () => {
    const account = valueIs("request.object.spec.serviceAccountName || ''", 'default');
    const other = valueIs('request.object | kind', 'Pod');
    expect(await told(carried(account), bare)).toEqual([denied('Pod')]);
    expect(await told(carried(other), bare)).toEqual([denied('Pod')]);
  });

  it('and one that refused it says so once', async () => {
    expect(await told(carried('{}'), bare)).toEqual(['POLICY_DENIED never']);
  });

  it('and an exception for the workload is none for its Pods', async () => {
    const files = {
      'policies/p.yaml': carried('{}'),
      'policies/e.yaml': `apiVersion: kyverno.io/v2
kind: PolicyException
metadata: {name: e, namespace: platform}
spec:
  exceptions: [{policyName: p, ruleNames: [autogen-r]}]
  match: {any: [{resources: {kinds: [Deployment]}}]}
`,
    };
    const found = await findingsFor({ files }, [bare]);
    expect(found.map(({ effect }) => effect).sort()).toEqual(['deny', 'warn']);
  });
});

describe('a rule that goes by names', () => {
  it.each<[string, JsonObject, readonly string[]]>([
    ['web-0', statefulSet, [denied('Pod')]],
    ['web-7', statefulSet, ['POLICY_EVALUATION_FAILED the Pod that it creates']],
    ['web-*', deployment, [denied('Pod')]],
    ['web-0', deployment, ['POLICY_EVALUATION_FAILED the Pod that it creates']],
    ['db-*', deployment, []],
  ])('for %s', async (name, object, expected) => {
    expect(await told(refuse('Pod', '{}', `, names: ["${name}"]`), object)).toEqual(expected);
  });

  it.each<[string, readonly string[]]>([
    ['web-*', []],
    ['web-0', ['POLICY_EVALUATION_FAILED the Pod that it creates']],
    ['db-*', [denied('Pod')]],
  ])('excludes %s only where every name fits', async (name, expected) => {
    const policy = refuse('Pod').replace(
      '    validate:',
      `    exclude: {any: [{resources: {names: ["${name}"]}}]}\n    validate:`,
    );
    expect(await told(policy, statefulSet)).toEqual(expected);
  });

  const admission = (names: string) => `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: v}
spec:
  matchConstraints:
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]${names}}]
  validations: [{expression: "false", message: never}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: v}
spec: {policyName: v, validationActions: [Deny]}
`;

  it.each<[string, JsonObject, readonly string[]]>([
    [', resourceNames: [web-0]', statefulSet, [denied('Pod')]],
    [', resourceNames: [web-1]', statefulSet, ['POLICY_EVALUATION_FAILED the Pod that it creates']],
    [', resourceNames: [web-1]', deployment, ['POLICY_EVALUATION_FAILED the Pod that it creates']],
    [', resourceNames: [web, db-0]', deployment, []],
  ])('of the API server%s', async (names, object, expected) => {
    expect(await told(admission(names), object)).toEqual(expected);
  });

  it.each<[string, JsonObject]>([
    ['pod-template-hash', deployment],
    ['statefulset.kubernetes.io/pod-name', statefulSet],
    ['apps.kubernetes.io/pod-index', statefulSet],
    ['controller-revision-hash', statefulSet],
    ['batch.kubernetes.io/job-name', job],
    ['job-name', cronJob],
    ['controller-uid', cronJob],
  ])('finds Pods by the label %s', async (key, object) => {
    const match = `, selector: {matchExpressions: [{key: ${key}, operator: Exists}]}`;
    expect(await told(refuse('Pod', '{}', match), object)).toEqual([denied('Pod')]);
  });
});
