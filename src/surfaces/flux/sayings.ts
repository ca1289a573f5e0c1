/** What the conditions of a GatedSource say. */
import type { Saying } from './conditions.ts';
import type { Hindrance } from './hindrance.ts';
import { cutBytes, inOneLine } from './messages.ts';
import type { Compliance, Run } from './run.ts';

/** What they say of one that came to nothing, besides that it is not ready. */
export function sayingsOf(hindrance: Hindrance): readonly Saying[] {
  const message = hindrance.text;
  if (hindrance.next === 'stalled') {
    return [{ type: 'Stalled', status: 'True', reason: hindrance.reason, message }];
  }
  return hindrance.next === 'retry' ? [retrying(message)] : [];
}

export function retrying(message: string): Saying {
  return { type: 'Reconciling', status: 'True', reason: 'ProgressingWithRetry', message: cutBytes(message, 1024) };
}

export function compliant(gate: string): Saying {
  const message = `what is served passes the rules of Gate ${gate} that hold now`;
  return { type: 'Compliant', status: 'True', reason: 'Allowed', message };
}

/** How what is served fares under rules that changed since it was let out. */
export function complianceSaying(found: Compliance): Saying {
  if (found.verdict === 'allowed') return compliant(found.gate);
  const denied = found.verdict === 'denied';
  const what = denied ? 'is refused' : 'could not be judged';
  const message = `what is served ${what} by the rules of Gate ${found.gate} that hold now: ${inOneLine(found.findings, found.total)}`;
  const reason = denied ? 'Denied' : 'Unevaluated';
  return { type: 'Compliant', status: denied ? 'False' : 'Unknown', reason, message };
}

/** What they say already of whether it is ready. */
export function standing({ status }: Run): readonly Saying[] {
  return (status.conditions ?? [])
    .filter(({ type }) => type === 'Ready')
    .map(({ type, status, reason, message }) => ({ type, status, reason, message }));
}
