import { describe, expect, it } from 'vitest';
import { isKnown } from '../../../../src/checks/policy/compiled/twins.ts';
import type { RuleResult } from '../../../../src/checks/policy/rule.ts';

function result(rule: string, status: RuleResult['status'], more: Partial<RuleResult> = {}): RuleResult {
  return { rule, status, message: 'm', action: 'deny', ...more };
}

describe('what a policy says of a Pod is known', () => {
  const long = 'n'.repeat(63);

  it.each([
    ['where the same rule failed', 'r', 'fail', result('r', 'fail'), true],
    ['where what autogen made of it failed', 'r', 'fail', result('autogen-r', 'fail'), true],
    ['also of a CronJob', 'r', 'fail', result('autogen-cronjob-r', 'fail'), true],
    ['of a Job of a CronJob', 'autogen-r', 'fail', result('autogen-cronjob-r', 'fail'), true],
    ['with its name cut', long, 'fail', result(`autogen-${long}`.slice(0, 63), 'fail'), true],
    ['but not where it passed', 'r', 'fail', result('autogen-r', 'pass'), false],
    ['nor where an exception took the workload out', 'r', 'fail', result('autogen-r', 'skip'), false],
    ['nor where it could not be told', 'r', 'fail', result('autogen-r', 'error'), false],
    ['nor where it was only a warning', 'r', 'fail', result('autogen-r', 'fail', { action: 'audit' }), false],
    ['nor by another rule', 'r', 'fail', result('autogen-s', 'fail'), false],
    ['where an error is a verdict there', 'r', 'error', result('autogen-r', 'pass'), true],
    ['where it is a refusal there', 'r', 'error', result('autogen-r', 'fail'), true],
    ['where it is the same error', 'r', 'error', result('autogen-r', 'error'), true],
    ['but not where it is another', 'r', 'error', result('autogen-r', 'error', { message: 'n' }), false],
    ['nor one that is ignored', 'r', 'error', result('autogen-r', 'error', { ignoreErrors: true }), false],
    ['nor where the workload was taken out', 'r', 'error', result('autogen-r', 'skip'), false],
  ] as const)('%s', (_, rule, status, twin, known) => {
    expect(isKnown(result(rule, status), [twin])).toBe(known);
  });

  it('of nothing where nothing was said', () => expect(isKnown(result('r', 'fail'), [])).toBe(false));
});
