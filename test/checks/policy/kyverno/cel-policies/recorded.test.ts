import { expect, it } from 'vitest';
import { kyverno } from '../../../../../src/checks/policy/cel/profiles.ts';
import { createResourceTable, groupVersionKind } from '../../../../../src/checks/policy/kube/resources.ts';
import { compileCelPolicy, readCelException } from '../../../../../src/checks/policy/kyverno/cel-policies/load.ts';
import type { Supplied } from '../../../../../src/checks/policy/supplied.ts';
import { celVerdictKey, recordedDocuments, recordedVerdicts } from '../../../../support/kyverno/cel-record.ts';
import { worldOf } from './ask.ts';

/** As in a test of policies that supplies nothing: the kyverno command guesses plurals, and knows nobody who asks. */
const resources = createResourceTable({ guess: true });
const supplied: Supplied = {
  variables: [],
  ruleVariables: () => [],
  hasCluster: false,
  imageData: () => undefined,
  response: undefined,
  globalContext: () => undefined,
};
const userInfo = { username: '', uid: '', groups: [], extra: {}, roles: [], clusterRoles: [] };

it('judges by policies in CEL as the real Kyverno did', () => {
  const exceptions = recordedDocuments('exceptions.yaml').map(readCelException);
  const context = {
    resources,
    exceptions,
    isTest: true,
    language: (namespace: string | undefined) => kyverno('1.19', namespace),
  };
  const verdicts: Record<string, string> = {};
  for (const document of recordedDocuments('policies.yaml')) {
    const policy = compileCelPolicy(document, context);
    for (const { value: object } of recordedDocuments('objects.yaml')) {
      const { apiVersion, kind, metadata } = object as unknown as {
        readonly apiVersion: string;
        readonly kind: string;
        readonly metadata: { readonly name?: string; readonly namespace?: string };
      };
      const type = resources.ofKind(groupVersionKind(apiVersion, kind));
      const results = policy.judge(
        {
          operation: 'CREATE',
          kind: type.kind,
          resource: type.resource,
          subresource: '',
          name: metadata.name ?? '',
          namespace: metadata.namespace ?? '',
          namespaced: true,
          object,
          oldObject: null,
          userInfo,
        },
        worldOf({ world: { supplied, now: Date.now() } }),
      );
      for (const { status, message } of results) {
        verdicts[celVerdictKey(policy.identity.name, kind, metadata.name ?? '')] = `${status} ${message}`;
      }
    }
  }
  expect(verdicts).toEqual(recordedVerdicts());
  expect(Object.keys(verdicts).length).toBeGreaterThan(80);
});
