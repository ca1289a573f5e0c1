import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { gitOpsCondition, isGitOps, reasonToSkip } from '../../../src/surfaces/admission/matching.ts';
import { readReview } from '../../../src/surfaces/admission/review.ts';
import { type ReviewFields, reviewText } from '../../support/admission/review.ts';

const review = (fields: ReviewFields) => readReview(Buffer.from(reviewText(fields)));
const person = { fieldManager: 'kubectl-client-side-apply', username: 'jane' };

describe('a GitOps controller', () => {
  it.each<[string, ReviewFields, boolean]>([
    ['kustomize-controller by its field manager', { ...person, fieldManager: 'kustomize-controller' }, true],
    ['helm-controller by its field manager', { ...person, fieldManager: 'helm-controller' }, true],
    ['Argo CD by its field manager', { ...person, fieldManager: 'argocd-controller' }, true],
    [
      'an account that Flux impersonates',
      { fieldManager: 'kustomize-controller', username: 'system:serviceaccount:apps:tenant' },
      true,
    ],
    [
      'Argo CD by its account, in whatever namespace',
      { fieldManager: null, username: 'system:serviceaccount:gitops:argocd-application-controller' },
      true,
    ],
    ['somebody with kubectl', person, false],
    ['nobody knows who', { fieldManager: null, username: '' }, false],
    [
      "kustomize-controller's own bookkeeping",
      {
        fieldManager: 'gotk-kustomize-controller',
        username: 'system:serviceaccount:flux-system:kustomize-controller',
      },
      false,
    ],
    ['a person of that name', { ...person, username: 'argocd-application-controller' }, false],
    [
      'a name with more to it',
      { ...person, username: 'system:serviceaccount:a:argocd-application-controller:b' },
      false,
    ],
  ])('%s', (_, fields, answer) => expect(isGitOps(review(fields))).toBe(answer));
});

describe('what is not judged', () => {
  const excluded = ['kube-system', 'flux-system'];
  it.each<[string, ReviewFields, 'flux' | 'all', string | undefined]>([
    ['Flux is judged', {}, 'flux', undefined],
    ['people are not', person, 'flux', 'not a GitOps controller'],
    ['unless everybody is', person, 'all', undefined],
    ['an excluded namespace', { namespace: 'flux-system' }, 'all', 'excluded namespace'],
    [
      'but not its Namespace, which is an object of the cluster',
      {
        kind: { group: '', version: 'v1', kind: 'Namespace' },
        resource: { group: '', version: 'v1', resource: 'namespaces' },
        object: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'flux-system' } },
        namespace: 'flux-system',
        name: 'flux-system',
      },
      'flux',
      undefined,
    ],
    [
      'a question that no server stores',
      {
        kind: { group: 'authorization.k8s.io', version: 'v1', kind: 'SubjectAccessReview' },
        namespace: '',
        name: '',
      },
      'all',
      'nothing is stored',
    ],
    [
      'a kind that is called like one, and is stored',
      { kind: { group: 'example.com', version: 'v1', kind: 'SubjectAccessReview' } },
      'all',
      undefined,
    ],
  ])('%s', (_, fields, match, answer) => expect(reasonToSkip(review(fields), match, excluded)).toBe(answer));
});

describe('the shipped webhook configuration', () => {
  const file = join(import.meta.dirname, '../../../flux/base/admission/webhook.yaml');
  const { webhooks } = parse(readFileSync(file, 'utf8')) as {
    webhooks: {
      matchConditions: { name: string; expression: string }[];
      rules: { resources: string[]; scope: string }[];
    }[];
  };

  it('asks of the same requests', () => {
    for (const { matchConditions } of webhooks) {
      const { expression = '' } = matchConditions.find(({ name }) => name === 'gitops') ?? {};
      expect(expression.replaceAll(/\s+/g, ' ').trim()).toBe(gitOpsCondition);
    }
    expect(webhooks.length).toBeGreaterThan(0);
  });

  it('asks of subresources through which a Pod as a whole is written, and of no others', () => {
    const resources = webhooks.flatMap(({ rules }) => rules.flatMap((rule) => rule.resources));
    expect(new Set(resources)).toEqual(new Set(['*', 'pods/ephemeralcontainers', 'pods/resize']));
  });
});
