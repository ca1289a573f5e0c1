import type { JsonValue } from '../../../../core/json.ts';
import { isInDeprecated } from './deprecated.ts';
import { equals, notEquals } from './equality.ts';
import { isMember, type Membership } from './membership.ts';
import type { Operand } from './operand.ts';
import { areDurationsOrdered, isOrdered, type Order } from './order.ts';

/** Which sides of a condition are numbers written in the policy itself, rather than the values of variables. */
export interface Literals {
  readonly key?: boolean;
  readonly value?: boolean;
}

/** The operator of a condition of `preconditions` or `deny`. */
export interface ConditionOperator {
  /** As Kyverno spells it. */
  readonly name: string;
  /** What to use in its place, where Kyverno has deprecated it. */
  readonly replacedBy: readonly string[] | undefined;
  /**
   * Whether the condition holds of two values in which no variable is left. Throws ConditionError or LimitError where
   * it cannot be told.
   */
  holds(key: JsonValue, value: JsonValue, literals?: Literals): boolean;
}

type Test = (key: Operand, value: Operand) => boolean;

const ORDERS: readonly Order[] = ['GreaterThan', 'GreaterThanOrEquals', 'LessThan', 'LessThanOrEquals'];
const MEMBERSHIPS: readonly Membership[] = ['AnyIn', 'AllIn', 'AnyNotIn', 'AllNotIn'];
const NO_LITERALS: Literals = {};

const OPERATORS: ReadonlyMap<string, ConditionOperator> = new Map([
  define('Equals', equals),
  define('Equal', equals),
  define('NotEquals', notEquals),
  define('NotEqual', notEquals),
  ...MEMBERSHIPS.map((name) => define(name, (key, value) => isMember(name, key, value))),
  define('In', (key, value) => isInDeprecated(false, key, value), ['AllIn', 'AnyIn']),
  define('NotIn', (key, value) => isInDeprecated(true, key, value), ['AllNotIn', 'AnyNotIn']),
  ...ORDERS.map((name) => define(name, (key, value) => isOrdered(name, key.value, value.value))),
  ...ORDERS.map((name) =>
    define(`Duration${name}`, (key, value) => areDurationsOrdered(name, key.value, value.value), [name]),
  ),
]);

const BY_LOWER_CASE: ReadonlyMap<string, ConditionOperator> = new Map(
  [...OPERATORS].map(([name, operator]) => [name.toLowerCase(), operator]),
);

function define(name: string, test: Test, replacedBy?: readonly string[]): [string, ConditionOperator] {
  return [
    name,
    {
      name,
      replacedBy,
      holds: (key, value, literals = NO_LITERALS) =>
        test({ value: key, isFloat: literals.key === true }, { value, isFloat: literals.value === true }),
    },
  ];
}

/**
 * The operator of a name, or undefined where there is none. Kyverno takes names in any case, but an order (`GreaterThan`)
 * in another spelling than its own never holds there: such a name is unknown here.
 */
export function conditionOperator(name: string): ConditionOperator | undefined {
  const exact = OPERATORS.get(name);
  if (exact) return exact;
  const operator = BY_LOWER_CASE.get(name.toLowerCase());
  return operator && /than/i.test(operator.name) ? undefined : operator;
}

/** Every operator by name, for messages that say what there is. */
export function conditionOperatorNames(): readonly string[] {
  return [...OPERATORS.keys()];
}
