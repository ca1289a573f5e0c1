import { isObject, type JsonPath, type JsonValue } from '../../../core/json.ts';
import type { PolicyDocument } from '../document.ts';
import { DEPENDS_ON_OPERATION, mentionsOperation, tellsOperations } from '../operation.ts';
import { conditionOperator } from './conditions/operator.ts';
import type { AnyAllConditions, Condition, Conditions, Foreach, KyvernoPolicy, MatchResources } from './schema.ts';

/** Where a policy says another thing of an update than of a creation, as far as its text tells. */
export function operationWarnings(policy: KyvernoPolicy, document: PolicyDocument): string[] {
  const places: JsonPath[] = [];

  function visitExclude(block: MatchResources | undefined, path: JsonPath): void {
    const { any = [], all = [], resources } = block ?? {};
    const lists = [
      { operations: resources?.operations ?? [], at: [...path, 'resources', 'operations'] },
      ...any.map((each, i) => ({
        operations: each.resources?.operations ?? [],
        at: [...path, 'any', i, 'resources', 'operations'],
      })),
      ...all.map((each, i) => ({
        operations: each.resources?.operations ?? [],
        at: [...path, 'all', i, 'resources', 'operations'],
      })),
    ];
    for (const { operations, at } of lists) {
      if (operations.includes('CREATE') && !operations.includes('UPDATE')) places.push(at);
    }
  }

  function visitConditions(conditions: Conditions | undefined, path: JsonPath): void {
    const visitEach = (list: readonly Condition[], at: JsonPath) => {
      for (const [i, condition] of list.entries()) if (isTelling(condition)) places.push([...at, i]);
    };
    if (Array.isArray(conditions)) {
      visitEach(conditions as readonly Condition[], path);
      return;
    }
    const { any = [], all = [] } = (conditions ?? {}) as AnyAllConditions;
    visitEach(any, [...path, 'any']);
    visitEach(all, [...path, 'all']);
  }

  function visitExpressions(list: readonly { readonly expression: string }[] | undefined, path: JsonPath): void {
    for (const [i, { expression }] of (list ?? []).entries()) {
      if (tellsOperations(expression)) places.push([...path, i, 'expression']);
    }
  }

  function visitEntries(entries: readonly object[] | undefined, path: JsonPath): void {
    for (const [i, entry] of (entries ?? []).entries()) {
      if (textsIn(entry as JsonValue).some(mentionsOperation)) places.push([...path, i]);
    }
  }

  function visitLoops(loops: readonly Foreach[] | undefined, path: JsonPath): void {
    for (const [i, { context, preconditions, deny, foreach }] of (loops ?? []).entries()) {
      visitEntries(context, [...path, i, 'context']);
      visitConditions(preconditions, [...path, i, 'preconditions']);
      visitConditions(deny?.conditions, [...path, i, 'deny', 'conditions']);
      visitLoops(foreach, [...path, i, 'foreach']);
    }
  }

  const { webhookConfiguration, rules } = policy.spec;
  visitExpressions(webhookConfiguration?.matchConditions, ['spec', 'webhookConfiguration', 'matchConditions']);
  for (const [index, rule] of rules.entries()) {
    const { exclude, preconditions, celPreconditions, context, validate, verifyImages } = rule;
    if (validate === undefined && verifyImages === undefined) continue;
    const path: JsonPath = ['spec', 'rules', index];
    visitExclude(exclude, [...path, 'exclude']);
    visitEntries(context, [...path, 'context']);
    visitConditions(preconditions, [...path, 'preconditions']);
    visitExpressions(celPreconditions, [...path, 'celPreconditions']);
    visitConditions(validate?.deny?.conditions, [...path, 'validate', 'deny', 'conditions']);
    visitLoops(validate?.foreach, [...path, 'validate', 'foreach']);
    visitExpressions(validate?.cel?.variables, [...path, 'validate', 'cel', 'variables']);
    visitExpressions(validate?.cel?.expressions, [...path, 'validate', 'cel', 'expressions']);
  }
  return places.map((path) => `${document.locate(path)}: ${DEPENDS_ON_OPERATION}`);
}

/** `{{ request.operation }}` alone, with what stands in where there is no request. */
const bare = /^\{\{-?\s*request\s*\.\s*operation\s*(?:\|\|\s*(?:'[^']*'|`[^`]*`)\s*)?\}\}$/;

/** Whether a condition may answer otherwise for UPDATE than for CREATE. One that asks for DELETE does not. */
function isTelling({ key = null, operator: name, value = null }: Condition): boolean {
  if (![key, value].some((each) => textsIn(each as JsonValue).some(mentionsOperation))) return false;
  const operator = conditionOperator(name);
  const isPlain = typeof key === 'string' && bare.test(key.trim()) && !textsIn(value as JsonValue).some(isVariable);
  if (operator === undefined || !isPlain) return true;
  try {
    const holds = (operation: string) => operator.holds(operation, value as JsonValue, { value: true });
    return holds('CREATE') !== holds('UPDATE');
  } catch {
    return true;
  }
}

function isVariable(text: string): boolean {
  return text.includes('{{') || text.includes('$(');
}

/** Every text in a value, keys too. */
function textsIn(value: JsonValue): string[] {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value)) return (value as readonly JsonValue[]).flatMap(textsIn);
  if (!isObject(value)) return [];
  return Object.keys(value).flatMap((key) => [key, ...textsIn(value[key] as JsonValue)]);
}
