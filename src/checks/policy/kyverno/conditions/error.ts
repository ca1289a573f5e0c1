/** Thrown where a condition cannot be evaluated: the rule ends in an error. */
export class ConditionError extends Error {
  override readonly name = 'ConditionError';
}
