import { expect, it } from 'vitest';
import { findingsFor } from '../../../support/policies.ts';

it.each([
  ['1.36', 0],
  ['1.37', 1],
])(
  'a Pod has fields that the table of types does not know only in a newer Kubernetes: %s',
  async (kubernetes, found) => {
    const policy =
      '{apiVersion: kyverno.io/v1, kind: ClusterPolicy, metadata: {name: p}, spec: {validationFailureAction: Enforce, rules: [{name: r, match: {any: [{resources: {kinds: [Pod]}}]}, validate: {pattern: {spec: {X(newField): "null"}}}}]}}';
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p', namespace: 'apps' },
      spec: { newField: 1, containers: [{ name: 'a', image: 'a:1' }] },
    };
    const findings = await findingsFor({ files: { 'policies/p.yaml': policy }, cluster: { kubernetes } }, [pod]);
    expect(findings).toHaveLength(found);
  },
);
