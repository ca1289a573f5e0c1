import { describe, expect, it } from 'vitest';
import { bareImage, selectedSubjects, selection, subjectsOf } from '../../../src/checks/images/match.ts';
import type { ImagePolicy, LabelSelector, ResourceMatch } from '../../../src/checks/images/policy/model.ts';
import { manifestOf, trustOf } from './support.ts';

/** Which objects a policy with a `match` looks at. */

const [any] = (await trustOf({ authorities: [{ static: { action: 'pass' } }] })).policies as [ImagePolicy];
const policyWith = (...match: readonly ResourceMatch[]): ImagePolicy => ({ ...any, match });
const pods = { group: '', version: 'v1', resource: 'pods' };
const web: LabelSelector = { matchLabels: { app: 'web' }, matchExpressions: [] };
const expression = (operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist', key = 'app', ...values: string[]) => ({
  ...pods,
  selector: { matchLabels: {}, matchExpressions: [{ key, operator, values }] },
});
const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [] } };
const object = (apiVersion: string, kind: string, spec: object = { template }, labels: object = {}) =>
  manifestOf({ apiVersion, kind, metadata: { name: 'x', labels }, spec });
const deployment = object('apps/v1', 'Deployment');
const pod = object('v1', 'Pod', { containers: [] }, { app: 'web' });
const cronJob = object('batch/v1', 'CronJob', {
  jobTemplate: { metadata: { labels: { tier: 'batch' } }, spec: { template } },
});
const rollout = object('argoproj.io/v1alpha1', 'Rollout');

describe('a match', () => {
  it.each([
    ['no match is every object', [], deployment, 'certain'],
    ['pods: a Pod', [pods], pod, 'certain'],
    ['pods: the Pods of a Deployment', [pods], deployment, 'certain'],
    ['pods: the Pods of a CronJob', [pods], cronJob, 'certain'],
    ['pods: the Pods of a custom kind', [pods], rollout, 'certain'],
    ['pods: no Service makes one', [pods], object('v1', 'Service', {}), 'none'],
    ['deployments: itself', [{ group: 'apps', version: 'v1', resource: 'deployments' }], deployment, 'certain'],
    ['deployments: any version', [{ group: 'apps', version: '*', resource: 'deployments' }], deployment, 'certain'],
    ['deployments: a Pod is none', [{ group: 'apps', version: 'v1', resource: 'deployments' }], pod, 'none'],
    [
      'another version is converted',
      [{ group: 'apps', version: 'v1', resource: 'deployments' }],
      object('apps/v1beta2', 'Deployment'),
      'possible',
    ],
    [
      'and another group of the same workloads',
      [{ group: 'apps', version: 'v1', resource: 'deployments' }],
      object('extensions/v1beta1', 'Deployment'),
      'possible',
    ],
    [
      'another group is another kind',
      [{ group: 'example.com', version: 'v1', resource: 'deployments' }],
      deployment,
      'none',
    ],
    ['no version matches nothing', [{ group: 'apps', version: '', resource: 'deployments' }], deployment, 'none'],
    [
      'replicasets: those of a Deployment',
      [{ group: 'apps', version: 'v1', resource: 'replicasets' }],
      deployment,
      'certain',
    ],
    ['jobs: those of a CronJob', [{ group: 'batch', version: 'v1', resource: 'jobs' }], cronJob, 'certain'],
    ['one of several entries', [{ group: 'x', version: 'v1', resource: 'y' }, pods], pod, 'certain'],
  ] as const)('%s', (_, match, manifest, answer) => {
    expect(selection(policyWith(...match), subjectsOf(manifest))).toBe(answer);
  });

  it.each([
    ['labels of a Pod', { ...pods, selector: web }, pod, 'certain'],
    ['other labels of a Pod', { ...pods, selector: web }, object('v1', 'Pod', {}, { app: 'db' }), 'none'],
    ['labels of the template, not of the Deployment', { ...pods, selector: web }, deployment, 'certain'],
    [
      'labels of the Deployment are not those of its Pods',
      { ...pods, selector: web },
      object('apps/v1', 'Deployment', { template: { spec: {} } }, { app: 'web' }),
      'none',
    ],
    ['labels of a custom template', { ...pods, selector: web }, rollout, 'certain'],
    [
      'labels that a custom kind may add',
      { ...pods, selector: web },
      object('argoproj.io/v1alpha1', 'Rollout', {}),
      'possible',
    ],
    ['labels that a custom kind may add, asked to be away', expression('DoesNotExist', 'canary'), rollout, 'possible'],
    ['labels that the controller adds', expression('Exists', 'pod-template-hash'), deployment, 'possible'],
    ['a label that nobody adds, asked to be away', expression('DoesNotExist', 'canary'), deployment, 'certain'],
    ['a label that is there, asked to be away', expression('DoesNotExist'), pod, 'none'],
    ['one of the values', expression('In', 'app', 'web', 'db'), pod, 'certain'],
    ['none of the values', expression('In', 'app', 'db'), pod, 'none'],
    ['a value that is excluded', expression('NotIn', 'app', 'web'), pod, 'none'],
    ['a label that is not there has no excluded value', expression('NotIn', 'tier', 'web'), pod, 'certain'],
    [
      'an empty selector is everything',
      { ...pods, selector: { matchLabels: {}, matchExpressions: [] } },
      pod,
      'certain',
    ],
    ['a label by the name of a method is a label', expression('Exists', 'constructor'), pod, 'none'],
  ] as const)('by %s', (_, match, manifest, answer) => {
    expect(selection(policyWith(match), subjectsOf(manifest))).toBe(answer);
  });

  it('an image by itself is that of a Pod of which nothing is known', () => {
    expect(selection(policyWith(pods), bareImage())).toBe('certain');
    expect(selection(policyWith({ ...pods, selector: web }), bareImage())).toBe('possible');
    expect(selection(policyWith({ group: 'apps', version: 'v1', resource: 'deployments' }), bareImage())).toBe('none');
  });

  it('shows what policies over the object see, as far as the rendered text says it', () => {
    const shown = selectedSubjects(policyWith(), subjectsOf(deployment)).map((subject) => subject.shown);
    expect(shown.map(({ typemeta }) => (typemeta as { kind: string }).kind)).toEqual([
      'Deployment',
      'ReplicaSet',
      'Pod',
    ]);
    expect(shown.map(({ spec }) => spec)).toEqual([{ template }, { template }, template.spec]);
    expect(selectedSubjects(policyWith(pods), subjectsOf(deployment))).toHaveLength(1);
  });

  it('heeds no word of the object: not that it is being deleted, not that it was verified', () => {
    const deleted = manifestOf({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: 'x',
        deletionTimestamp: '2020-01-01T00:00:00Z',
        annotations: { 'kyverno.io/verify-images': '{}' },
      },
      spec: {},
    });
    expect(selection(policyWith(pods), subjectsOf(deleted))).toBe('certain');
  });
});
