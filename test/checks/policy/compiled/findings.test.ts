import { expect, it } from 'vitest';
import { findingOf } from '../../../../src/checks/policy/compiled/findings.ts';
import type { CompiledPolicy, RuleResult } from '../../../../src/checks/policy/rule.ts';
import type { Manifest } from '../../../../src/core/manifest.ts';

const policy = {
  identity: { apiVersion: 'v1', kind: 'P', namespace: '', name: 'p' },
  source: 'p.yaml:1:1',
} as CompiledPolicy;
const subject = { manifest: { identity: {}, origin: {} } as Manifest };
const result: RuleResult = { rule: 'r', status: 'error', message: 'm', action: 'deny', ignoreErrors: true };

it.each([
  ['an error that the policy ignores', result, 'warn', 'POLICY_ERROR_IGNORED'],
  [
    'one of what the snapshot does not hold',
    { ...result, lacks: 'snapshot' as const },
    'error',
    'POLICY_EVALUATION_FAILED',
  ],
  ['one of who asks', { ...result, lacks: 'identity' as const }, 'error', 'POLICY_EVALUATION_FAILED'],
])('%s', (_, each, effect, code) => expect(findingOf(policy, each, subject)).toMatchObject({ effect, code }));
