import { describe, expect, it } from 'vitest';
import type { PolicyDescription } from '../../../src/checks/policy/dialect.ts';
import { printPolicies } from '../../../src/surfaces/cli/policies-command.ts';

const policy: PolicyDescription = {
  dialect: 'Kyverno',
  policy: 'ClusterPolicy labels',
  source: 'policies/p.yaml:1:1',
  rules: [
    { name: 'team', matches: 'Pod', action: 'deny' },
    { name: 'add', matches: 'Pod', action: 'deny', notEvaluated: 'mutate: it changes objects' },
  ],
  warnings: ['policies/p.yaml:3:1: mind'],
};
const exception: PolicyDescription = {
  dialect: 'Kyverno',
  policy: 'PolicyException platform/old',
  source: 'policies/e.yaml:1:1',
  rules: [],
  warnings: [],
  excepts: ['labels: team', 'labels: \u001b[2Jowner'],
  until: '2026-05-01T00:00:00.000Z',
};

describe('the list of policies', () => {
  it('has policies, their rules and what should be known', () => {
    expect(printPolicies([policy], 'text').stdout).toBe(`Kyverno  ClusterPolicy labels  policies/p.yaml:1:1
  team: deny, Pod
  add: not evaluated (mutate: it changes objects), Pod
  warning policies/p.yaml:3:1: mind
1 policy, 2 rules, 1 not evaluated
`);
  });

  it('has exceptions, which are no policies', () => {
    const { stdout } = printPolicies([policy, exception], 'text');
    expect(stdout).toContain('Kyverno  PolicyException platform/old  policies/e.yaml:1:1\n');
    expect(stdout).toContain('\n  excepts labels: team, until 2026-05-01T00:00:00.000Z\n');
    expect(stdout).not.toContain('\u001b');
    expect(stdout).toMatch(/\n1 policy, 2 rules, 1 not evaluated, 1 exception\n$/);
  });

  it('has all of it as JSON', () => {
    const { stdout } = printPolicies([policy, exception], 'json');
    expect(JSON.parse(stdout)).toEqual({ schema: 'syncgate.dev/policies/v1alpha1', policies: [policy, exception] });
  });
});
