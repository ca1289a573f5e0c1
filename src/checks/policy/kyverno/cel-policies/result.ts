import type { RuleAction, RuleResult } from '../../rule.ts';
import type { ErrorVerdict, Verdict } from './evaluation.ts';

/** The error of match constraints that cannot be asked. */
export function unmatchable(
  { message, lacks }: Pick<ErrorVerdict, 'message' | 'lacks'>,
  action: RuleAction,
): RuleResult {
  return resultOf({ kind: 'error', message: `failed to execute matching: ${message}`, lacks }, action);
}

/** A verdict as a result, in the words of Kyverno's reports. Rules of these kinds have no name. */
export function resultOf(verdict: Verdict, action: RuleAction): RuleResult {
  const rule = '';
  switch (verdict.kind) {
    case 'pass':
      return { rule, status: 'pass', message: 'success', action };
    case 'fail':
      return { rule, status: 'fail', message: verdict.message, action };
    case 'error':
      return {
        rule,
        status: 'error',
        message: verdict.message,
        action,
        ...(verdict.lacks !== undefined && { lacks: verdict.lacks }),
      };
    case 'unmatched':
      return { rule, status: 'skip', message: 'skip', action };
    case 'excepted': {
      const keys = verdict.by.map(({ key }) => key);
      // The first one counts unless another has a priority above it, and above none.
      let [chosen] = verdict.by;
      let highest = 0;
      for (const exception of verdict.by) {
        if (exception.priority <= highest) continue;
        highest = exception.priority;
        chosen = exception;
      }
      const status = chosen?.reportAs ?? 'skip';
      const said = status === 'pass' ? 'passed' : 'skipped';
      const message = `rule is ${said} due to policy exception: ${keys.join(', ')}`;
      return { rule, status, message, action, exceptedBy: keys };
    }
    default:
      return verdict satisfies never;
  }
}
