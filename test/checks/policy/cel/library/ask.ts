import { compileCel } from '../../../../../src/checks/policy/cel/compile.ts';
import { CostBudget } from '../../../../../src/checks/policy/cel/cost.ts';
import type { CelProfile } from '../../../../../src/checks/policy/cel/environment.ts';
import { CelError } from '../../../../../src/checks/policy/cel/error.ts';
import { fromJson, toJson } from '../../../../../src/checks/policy/cel/json.ts';
import { DYN } from '../../../../../src/checks/policy/cel/types.ts';
import type { JsonValue } from '../../../../../src/core/json.ts';

/** What an expression gives, as JSON; for what has no value, its kind of error and the words of it. */
export function ask(profile: CelProfile, source: string, object: JsonValue = {}): JsonValue {
  const environment = { ...profile, variables: new Map([['object', DYN]]) };
  const host = { now: Date.parse('2024-05-06T07:08:09Z'), random: () => 0.5 };
  try {
    const value = compileCel(source, environment).evaluate(() => fromJson(object), new CostBudget(1_000_000), host);
    return toJson(value);
  } catch (error) {
    if (!(error instanceof CelError)) throw error;
    return `${error.kind}: ${error.message}`;
  }
}
