import { describe, expect, it } from 'vitest';
import { withPolicies } from '../../support/policies.ts';

const policy = `apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: labels}
spec:
  rules:
  - name: team
    match: {any: [{resources: {kinds: [Pod]}}]}
    validate: {message: m, pattern: {metadata: {labels: {team: "?*"}}}}
`;
const celPolicy = `apiVersion: policies.kyverno.io/v1
kind: ValidatingPolicy
metadata: {name: pods}
spec:
  matchConstraints: {resourceRules: [{apiGroups: [''], apiVersions: [v1], resources: [pods], operations: [CREATE]}]}
  validations: [{expression: "true"}]
`;

const exception = (named: string) => `apiVersion: kyverno.io/v2
kind: PolicyException
metadata: {name: old, namespace: platform}
spec:
  exceptions: [${named}]
  match: {any: [{resources: {kinds: [Pod]}}]}
`;
const celException = (named: string, more = '') => `apiVersion: policies.kyverno.io/v1
kind: PolicyException
metadata: {name: old, namespace: platform}
spec:
  policyRefs: [${named}]
${more}`;

const described = (text: string) =>
  withPolicies({ files: { 'policies/p.yaml': [policy, celPolicy, text].join('---\n') } }, async (policies) =>
    policies.described.filter(({ excepts }) => excepts !== undefined),
  );

describe('an exception', () => {
  it('is listed with what it takes objects out of', async () => {
    expect(await described(exception('{policyName: labels, ruleNames: [team, autogen-team]}'))).toEqual([
      {
        dialect: 'Kyverno',
        policy: 'PolicyException platform/old',
        source: expect.stringMatching(/^policies\/p\.yaml:\d+/),
        rules: [],
        warnings: [],
        excepts: ['labels: team, autogen-team'],
      },
    ]);
  });

  it('is listed with its end', async () => {
    const until = "  expiresAt: '2026-05-01T02:00:00+02:00'\n";
    expect(await described(celException('{kind: ValidatingPolicy, name: pods}', until))).toMatchObject([
      { excepts: ['ValidatingPolicy pods'], until: '2026-05-01T00:00:00.000Z', warnings: [] },
    ]);
  });

  it.each([
    [exception('{policyName: labls, ruleNames: [team]}'), /: the policy labls is not loaded; did you mean labels\?$/],
    [
      exception('{policyName: labels, ruleNames: ["t*", teem]}'),
      /:\d+: the policy labels has no rule teem; did you mean team\?$/,
    ],
    [exception('{policyName: platform/labels, ruleNames: [team]}'), /: the policy platform\/labels is not loaded$/],
    [
      celException('{kind: ValidatingPolicy, name: pod}'),
      /:\d+: ValidatingPolicy pod is not loaded; did you mean ValidatingPolicy pods\?$/,
    ],
    [celException('{kind: ImageValidatingPolicy, name: labels}'), /ImageValidatingPolicy labels is not loaded$/],
  ])('that names what is not loaded is warned of', async (text, warning) => {
    expect(await described(text)).toMatchObject([{ warnings: [expect.stringMatching(warning)] }]);
  });
});
