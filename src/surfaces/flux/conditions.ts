import type { Condition } from './gated-source.ts';

/** What a condition is to say; when it began to be so is worked out from what it said before. */
export interface Saying {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

/** The API server refuses longer ones. */
const maxMessage = 32_768;

/** The conditions with these in place of those of the same type; `lastTransitionTime` moves only with the status. */
export function withConditions(
  before: readonly Condition[],
  sayings: readonly Saying[],
  observedGeneration: number | undefined,
  now: number,
): Condition[] {
  const conditions = [...before];
  for (const saying of sayings) {
    const at = conditions.findIndex(({ type }) => type === saying.type);
    const old = conditions[at];
    const condition: Condition = {
      ...saying,
      message: saying.message.slice(0, maxMessage).toWellFormed(),
      ...(observedGeneration === undefined ? {} : { observedGeneration }),
      lastTransitionTime: old?.status === saying.status ? old.lastTransitionTime : rfc3339(now),
    };
    if (at === -1) conditions.push(condition);
    else conditions[at] = condition;
  }
  return conditions;
}

export function withoutConditions(conditions: readonly Condition[], ...types: readonly string[]): Condition[] {
  return conditions.filter(({ type }) => !types.includes(type));
}

/** Seconds are as exact as metav1.Time is. */
export function rfc3339(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
}
