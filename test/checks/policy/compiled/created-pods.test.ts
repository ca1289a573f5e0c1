import { describe, expect, it } from 'vitest';
import { nameless } from '../../../../src/checks/policy/compiled/created.ts';
import { podsCreatedBy } from '../../../../src/checks/policy/compiled/created-pods.ts';
import { requestFor } from '../../../../src/checks/policy/compiled/requests.ts';
import { createResourceTable } from '../../../../src/checks/policy/kube/resources.ts';
import type { JsonObject } from '../../../../src/core/json.ts';

const resources = createResourceTable();
const template = {
  metadata: { name: 'ignored', namespace: 'ignored', labels: { app: 'web' }, annotations: { note: 'n' } },
  spec: { containers: [{ name: 'c', image: 'nginx' }] },
};

function workload(apiVersion: string, kind: string, spec: JsonObject = { template }): JsonObject {
  return { apiVersion, kind, metadata: { name: 'web', namespace: 'shop' }, spec };
}

function podsOf(object: JsonObject) {
  const request = requestFor(object, undefined, resources, undefined);
  const pods = podsCreatedBy(request, resources.ofKind(request.kind).source === 'builtin');
  if (pods === 'tooMany') throw new Error('too many');
  return pods;
}

const podOf = (object: JsonObject) => podsOf(object)[0];

describe('the Pod that a workload would create', () => {
  const uid = '00000000-0000-4000-8000-000000000000';
  const ofJob = {
    'batch.kubernetes.io/controller-uid': uid,
    'batch.kubernetes.io/job-name': 'web',
    'controller-uid': uid,
    'job-name': 'web',
  };
  const ofStatefulSet = {
    'controller-revision-hash': 'web-0000000000',
    'statefulset.kubernetes.io/pod-name': 'web-0',
    'apps.kubernetes.io/pod-index': '0',
  };
  const ofDaemonSet = { 'controller-revision-hash': '0000000000', 'pod-template-generation': '1' };
  const ofRollout = { 'rollouts-pod-template-hash': '0000000000' };
  const ofDeployment = { 'pod-template-hash': '0000000000' };

  it.each([
    ['v1', 'ReplicationController', 'v1', 'ReplicationController', 'web', 'replication-controller', {}],
    ['apps/v1', 'ReplicaSet', 'apps/v1', 'ReplicaSet', 'web', 'replicaset-controller', {}],
    ['apps/v1', 'StatefulSet', 'apps/v1', 'StatefulSet', 'web', 'statefulset-controller', ofStatefulSet],
    ['apps/v1', 'DaemonSet', 'apps/v1', 'DaemonSet', 'web', 'daemon-set-controller', ofDaemonSet],
    ['batch/v1', 'Job', 'batch/v1', 'Job', 'web', 'job-controller', ofJob],
    ['apps/v1', 'Deployment', 'apps/v1', 'ReplicaSet', undefined, 'replicaset-controller', ofDeployment],
    ['argoproj.io/v1alpha1', 'Rollout', 'apps/v1', 'ReplicaSet', undefined, 'replicaset-controller', ofRollout],
  ])('of %s %s is owned by a %s %s', (apiVersion, kind, ownerVersion, owner, name, controller, labels) => {
    const pod = podOf(workload(apiVersion, kind));
    expect(pod?.place(['spec', 'containers', 0])).toEqual(['spec', 'template', 'spec', 'containers', 0]);
    const podName = kind === 'StatefulSet' ? 'web-0' : '';
    expect(pod?.request).toMatchObject({
      operation: 'CREATE',
      kind: { group: '', version: 'v1', kind: 'Pod' },
      resource: { resource: 'pods' },
      name: podName,
      namePrefix: 'web-',
      namespace: 'shop',
      namespaced: true,
      oldObject: null,
    });
    expect(pod?.request.userInfo?.username).toBe(`system:serviceaccount:kube-system:${controller}`);
    expect(pod?.request.object).toEqual({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        labels: { app: 'web', ...labels },
        annotations: { note: 'n' },
        generateName: 'web-',
        ...(podName !== '' && { name: podName }),
        namespace: 'shop',
        ownerReferences: [
          {
            apiVersion: ownerVersion,
            kind: owner,
            controller: true,
            blockOwnerDeletion: true,
            ...(name !== undefined && { name }),
          },
        ],
      },
      spec: template.spec,
    });
  });

  it('of a CronJob is in the template of its jobs', () => {
    const pod = podOf(workload('batch/v1', 'CronJob', { jobTemplate: { spec: { template } } }));
    expect(pod?.place(['metadata'])).toEqual(['spec', 'jobTemplate', 'spec', 'template', 'metadata']);
    expect(pod?.request.object).toMatchObject({ kind: 'Pod', metadata: { ownerReferences: [{ kind: 'Job' }] } });
  });

  it('of a kind in no table is found by its containers, and nobody knows who creates it', () => {
    const pod = podOf(workload('example.com/v1', 'Runner'));
    expect(pod?.request.object).toMatchObject({
      metadata: { ownerReferences: [{ apiVersion: 'example.com/v1', kind: 'Runner', name: 'web' }] },
    });
    expect(pod?.request.userInfo).toBeUndefined();
  });

  it.each([
    ['a Pod', { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: template.spec }],
    ['a Deployment without a template', workload('apps/v1', 'Deployment', {})],
    ['a Deployment whose template has no spec', workload('apps/v1', 'Deployment', { template: { metadata: {} } })],
    ['a Deployment whose template is text', workload('apps/v1', 'Deployment', { template: 'x' })],
    ['a kind in no table without containers', workload('example.com/v1', 'Thing', { template: { spec: {} } })],
  ])('%s creates none', (_, object) => expect(podOf(object as JsonObject)).toBeUndefined());

  it('keeps no name that was made up for it', () => {
    expect(nameless({ kind: 'Pod', metadata: { name: 'web-00000', generateName: 'web-' }, spec: {} })).toEqual({
      kind: 'Pod',
      metadata: { generateName: 'web-' },
      spec: {},
    });
  });
});
