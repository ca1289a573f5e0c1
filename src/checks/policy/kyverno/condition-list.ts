import type { JsonPath, JsonValue } from '../../../core/json.ts';
import { policyError } from '../document.ts';
import { type Compiling, templateAt } from './compiling.ts';
import { ConditionError } from './conditions/error.ts';
import { conditionOperator, conditionOperatorNames } from './conditions/operator.ts';
import { during, Fault } from './fault.ts';
import type { AnyAllConditions, Condition, Conditions } from './schema.ts';
import type { Scope } from './scope.ts';
import { renderTemplate, type Template } from './template.ts';

/** Whether conditions hold, and the messages of those that decided it. */
interface Verdict {
  readonly holds: boolean;
  readonly message: string;
}

/** Throws Fault, Unanswerable and LimitError. */
export type ConditionList = (scope: Scope) => Verdict;

/**
 * Compiles preconditions or the conditions of a deny; none at all always hold. With `isComplete` every condition must
 * have a key and a value, as Kyverno asks of those of a rule and not of those of a foreach.
 */
export function compileConditions(
  compiling: Compiling,
  conditions: Conditions | undefined,
  path: JsonPath,
  isComplete: boolean,
): ConditionList {
  if (conditions === undefined) return () => ({ holds: true, message: '' });
  if (Array.isArray(conditions)) {
    const tests = compileEach(compiling, conditions as readonly Condition[], path, isComplete);
    return (scope) => evaluateOld(tests, scope);
  }
  const { any, all } = conditions as AnyAllConditions;
  const anyTests = any === undefined ? undefined : compileEach(compiling, any, [...path, 'any'], isComplete);
  const allTests = compileEach(compiling, all ?? [], [...path, 'all'], isComplete);
  return (scope) => evaluateAnyAll(anyTests, allTests, scope);
}

interface Test {
  readonly message: string;
  holds(scope: Scope): boolean;
}

function compileEach(
  compiling: Compiling,
  conditions: readonly Condition[],
  path: JsonPath,
  isComplete: boolean,
): readonly Test[] {
  return conditions.map((condition, index) => compileOne(compiling, condition, [...path, index], isComplete));
}

function compileOne(compiling: Compiling, condition: Condition, path: JsonPath, isComplete: boolean): Test {
  const { key = null, operator: name, value = null, message = '' } = condition;
  const operator = conditionOperator(name);
  if (operator === undefined) {
    const known = conditionOperatorNames().join(', ');
    throw policyError(compiling.document, [...path, 'operator'], `there is no operator ${name}; known here: ${known}`);
  }
  if (isComplete && (key === null || value === null)) {
    throw policyError(compiling.document, path, `a condition needs ${key === null ? 'a key' : 'a value'}`);
  }
  const keyTemplate = templateAt(compiling, key, [...path, 'key']);
  const valueTemplate = templateAt(compiling, value, [...path, 'value']);
  // The message of a deny is filled in with those of its conditions.
  templateAt(compiling, message, [...path, 'message']);
  const literals = { key: keyTemplate.kind === 'constant', value: valueTemplate.kind === 'constant' };
  return {
    message,
    holds(scope) {
      const renderedKey = renderPart(keyTemplate, scope, 'key');
      const renderedValue = renderPart(valueTemplate, scope, 'value');
      try {
        return operator.holds(renderedKey, renderedValue, literals);
      } catch (error) {
        if (error instanceof ConditionError) throw new Fault(error.message);
        throw error;
      }
    },
  };
}

function renderPart(template: Template, scope: Scope, part: 'key' | 'value'): JsonValue {
  try {
    return renderTemplate(template, scope);
  } catch (error) {
    throw during(`failed to substitute variables in condition ${part}`, error);
  }
}

/** The list without `any` and `all`: every condition must hold. */
function evaluateOld(tests: readonly Test[], scope: Scope): Verdict {
  for (const test of tests) if (!test.holds(scope)) return { holds: false, message: test.message };
  return { holds: true, message: join(tests, ';') };
}

function evaluateAnyAll(any: readonly Test[] | undefined, all: readonly Test[], scope: Scope): Verdict {
  const met: Test[] = [];
  const unmet: Test[] = [];
  let holds = true;
  if (any !== undefined) {
    const found = any.find((test) => {
      const isMet = test.holds(scope);
      (isMet ? met : unmet).push(test);
      return isMet;
    });
    holds = found !== undefined;
  }
  // Kyverno looks at these also where the others have decided: one that errs makes the whole an error.
  for (const test of all) {
    if (test.holds(scope)) {
      met.push(test);
    } else {
      unmet.push(test);
      holds = false;
      break;
    }
  }
  return { holds, message: join(holds ? met : unmet, '; ') };
}

function join(tests: readonly Test[], separator: string): string {
  return tests
    .map(({ message }) => message)
    .filter((message) => message !== '')
    .join(separator);
}
