/**
 * `validate` with conditions, patterns and loops: what Kyverno 1.19 does in its handler for resources, in its order, with
 * its messages.
 */
import type { JsonObject, JsonPath, JsonValue } from '../../../core/json.ts';
import { isObject } from '../../../core/json.ts';
import { policyError } from '../document.ts';
import { LimitError } from '../values/limit.ts';
import { type Compiling, queryAt, templateAt } from './compiling.ts';
import { type ConditionList, compileConditions } from './condition-list.ts';
import { compileEntries } from './context-entries.ts';
import { Fault } from './fault.ts';
import { type ListPath, pathIn, readListPath } from './list-path.ts';
import { anyPatternMessage, denyMessage, patternMessage, type Words, wordsOf } from './messages.ts';
import { errored, failed, passed, type RuleOutcome, skippedBecause } from './outcome.ts';
import { checkPattern } from './pattern/check.ts';
import { compilePattern, matchAnyPattern } from './pattern/pattern.ts';
import type { ContextQuery } from './query.ts';
import type { Foreach, Validation } from './schema.ts';
import type { EntryLoader, Scope } from './scope.ts';
import { renderTemplate, type Template } from './template.ts';

/** The element that a loop has come to. Paths lead from the object, and are undefined where they cannot be told. */
interface Element {
  readonly value: JsonValue;
  readonly path: JsonPath | undefined;
  /** What patterns are put to: the element if it is an object, else what is around it; undefined for the whole object. */
  readonly compared: JsonObject | undefined;
  readonly comparedPath: JsonPath | undefined;
}

/** Undefined where the rule has nothing to say: no element was there, or a pattern has nothing to compare on DELETE. */
export type Judge = (scope: Scope, element: Element | undefined) => RuleOutcome | undefined;

/** What a level of a rule says: the rule itself, or one foreach of it. */
interface Body {
  readonly pattern?: JsonValue | undefined;
  readonly anyPattern?: readonly JsonValue[] | undefined;
  readonly deny?: Validation['deny'];
  readonly foreach?: readonly Foreach[] | undefined;
}

/** Compiles the body of a rule named `rule`. Throws GateErrors. */
export function compileValidation(compiling: Compiling, rule: string, validation: Validation, path: JsonPath): Judge {
  return compileBody(compiling, validation, path, wordsOf(compiling, rule, validation.message ?? '', path), 0);
}

function compileBody(compiling: Compiling, body: Body, path: JsonPath, words: Words, nesting: number): Judge {
  const { pattern = null, anyPattern, deny, foreach } = body;
  if (deny !== undefined) return compileDeny(compiling, deny, path, words, nesting === 0);
  if (pattern !== null) return compilePatternBody(compiling, pattern, [...path, 'pattern'], words);
  if (anyPattern !== undefined) return compileAnyPattern(compiling, anyPattern, [...path, 'anyPattern'], words);
  if (foreach !== undefined && foreach.length > 0) {
    return compileForeach(compiling, foreach, [...path, 'foreach'], words, nesting);
  }
  throw policyError(compiling.document, path, 'one of deny, pattern, anyPattern and foreach is required');
}

function compileDeny(
  compiling: Compiling,
  deny: NonNullable<Validation['deny']>,
  path: JsonPath,
  words: Words,
  isComplete: boolean,
): Judge {
  const conditions = compileConditions(compiling, deny.conditions, [...path, 'deny', 'conditions'], isComplete);
  return (scope, element) => {
    try {
      const { holds, message } = conditions(scope);
      return holds
        ? failed(denyMessage(words, message, scope), element?.path)
        : passed(`validation rule '${words.rule}' passed.`);
    } catch (error) {
      return faultOutcome('failed to check deny conditions', error);
    }
  };
}

/** The outcome of a fault; anything else is thrown on. */
function faultOutcome(what: string, error: unknown): RuleOutcome {
  if (error instanceof Fault) return errored(`${what}: ${error.message}`);
  throw error;
}

function compilePatternBody(compiling: Compiling, pattern: JsonValue, path: JsonPath, words: Words): Judge {
  const template = patternTemplate(compiling, pattern, path);
  return (scope, element) => {
    let rendered: JsonValue;
    try {
      rendered = renderTemplate(template, scope);
    } catch (error) {
      return faultOutcome('variable substitution failed', error);
    }
    const resource = comparedWith(scope, element);
    if (resource === undefined) return undefined;
    const result = compilePattern(rendered).match(resource);
    switch (result.kind) {
      case 'pass':
        return passed(`validation rule '${words.rule}' passed.`);
      case 'skip':
        return skippedBecause(result.message);
      case 'error':
        if (result.isOurs === true) throw new LimitError(result.message);
        return errored(patternMessage(words, result.message, '', scope));
      case 'fail':
        return failed(patternMessage(words, result.message, result.at, scope), pathFrom(element, result.path));
      default:
        return result satisfies never;
    }
  };
}

function compileAnyPattern(compiling: Compiling, patterns: readonly JsonValue[], path: JsonPath, words: Words): Judge {
  const template = patternTemplate(compiling, patterns, path);
  return (scope, element) => {
    let rendered: JsonValue;
    try {
      rendered = renderTemplate(template, scope);
    } catch (error) {
      return faultOutcome('variable substitution failed', error);
    }
    const resource = comparedWith(scope, element);
    if (resource === undefined) return undefined;
    const result = matchAnyPattern(rendered as readonly JsonValue[], resource, words.rule);
    switch (result.kind) {
      case 'pass':
        return passed(`validation rule '${words.rule}' anyPattern[${result.index}] passed.`);
      case 'empty':
        return passed(words.message);
      case 'skip':
        return skippedBecause(result.message);
      case 'fail':
        return failed(anyPatternMessage(words, result.message, scope), pathFrom(element, result.path));
      default:
        return result satisfies never;
    }
  };
}

function patternTemplate(compiling: Compiling, pattern: JsonValue, path: JsonPath): Template {
  const [fault] = checkPattern(pattern, path);
  if (fault !== undefined) throw policyError(compiling.document, fault.path, fault.message);
  return templateAt(compiling, pattern, path);
}

/** The path in the object of a place in what a pattern was put to. */
function pathFrom(element: Element | undefined, path: JsonPath | undefined): JsonPath | undefined {
  if (element === undefined || path === undefined) return path;
  return element.comparedPath === undefined ? undefined : [...element.comparedPath, ...path];
}

/** What a pattern is put to: the element of the loop, if it is an object; else the object as a whole. */
function comparedWith(scope: Scope, element: Element | undefined): JsonObject | undefined {
  if (element?.compared !== undefined) return element.compared;
  return scope.isDelete ? undefined : (scope.view.object ?? undefined);
}

/** One entry of foreach. */
interface Loop {
  readonly list: ContextQuery;
  readonly listPath: ListPath | undefined;
  readonly elementScope: boolean | undefined;
  readonly loaders: readonly EntryLoader[];
  readonly preconditions: ConditionList;
  readonly judge: Judge;
}

function compileForeach(
  compiling: Compiling,
  foreach: readonly Foreach[],
  path: JsonPath,
  words: Words,
  nesting: number,
): Judge {
  const loops = foreach.map((each, index): Loop => {
    const at = [...path, index];
    const { loaders, inside } = compileEntries({ ...compiling, isForeach: true }, each.context ?? [], [
      ...at,
      'context',
    ]);
    return {
      list: queryAt(compiling, each.list, [...at, 'list']),
      listPath: readListPath(each.list),
      elementScope: each.elementScope,
      loaders,
      preconditions: compileConditions(inside, each.preconditions, [...at, 'preconditions'], false),
      judge: compileBody(inside, each, at, words, nesting + 1),
    };
  });
  return (scope, element) => {
    let applied = 0;
    let problem: Fault | undefined;
    for (const loop of loops) {
      let elements: readonly JsonValue[];
      let at: JsonPath | undefined;
      try {
        const found = scope.search(loop.list);
        elements = Array.isArray(found) ? (found as readonly JsonValue[]) : [found];
        at = Array.isArray(found) ? pathOfList(loop, scope, element) : undefined;
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        // A list that is not there has no elements.
        if (!error.message.includes('Unknown key')) problem = error;
        continue;
      }
      const outcome = judgeElements(loop, elements, at, scope, element, nesting);
      if (typeof outcome !== 'number') return outcome;
      applied += outcome;
    }
    if (applied > 0) return passed('rule passed');
    return problem === undefined ? undefined : errored(`failed to evaluate list: ${problem.message}`);
  };
}

/** Where the elements of a loop lie, by their indices. */
function pathOfList({ listPath }: Loop, { view }: Scope, outer: Element | undefined): JsonPath | undefined {
  if (listPath === undefined) return undefined;
  const [root, path] = listPath.from === 'element' ? [outer?.value, outer?.path] : [view.object, []];
  const inside = root === undefined || path === undefined ? undefined : pathIn(listPath, root);
  return inside === undefined ? undefined : [...(path ?? []), ...inside];
}

/** How many elements the loop applied to, or the first outcome that is no pass. */
function judgeElements(
  loop: Loop,
  elements: readonly JsonValue[],
  at: JsonPath | undefined,
  scope: Scope,
  outer: Element | undefined,
  nesting: number,
): number | RuleOutcome {
  let applied = 0;
  for (const [index, element] of elements.entries()) {
    if (element === null) continue;
    let inner: Scope;
    let place: Element;
    try {
      place = placeOf(element, at === undefined ? undefined : [...at, index], loop.elementScope, outer);
      inner = scope.forElement(element, index, nesting, loop.loaders);
    } catch (error) {
      return faultOutcome('failed to process foreach', error);
    }
    const outcome = judgeElement(loop, inner, place);
    inner.leave();
    if (outcome === undefined || outcome.status === 'skip') continue;
    if (outcome.status !== 'pass') {
      return { ...outcome, message: `validation failure: ${outcome.message}` };
    }
    applied += 1;
  }
  return applied;
}

function judgeElement(loop: Loop, scope: Scope, element: Element): RuleOutcome | undefined {
  try {
    const { holds, message } = loop.preconditions(scope);
    if (!holds) return skippedBecause(notMet(message));
  } catch (error) {
    // Kyverno takes an element whose preconditions cannot be evaluated for one that they leave out.
    if (error instanceof Fault) return undefined;
    throw error;
  }
  return loop.judge(scope, element);
}

/** The message of what preconditions leave out. */
export function notMet(message: string): string {
  return message === '' ? 'preconditions not met' : `preconditions not met; ${message}`;
}

function placeOf(
  value: JsonValue,
  path: JsonPath | undefined,
  elementScope: boolean | undefined,
  outer: Element | undefined,
): Element {
  if (elementScope === true && !isObject(value)) {
    throw new Fault(
      `cannot use elementScope=true foreach rules for elements that are not maps, expected type=map got type=${goTypeOf(value)}`,
    );
  }
  if (elementScope !== false && isObject(value)) return { value, path, compared: value, comparedPath: path };
  const isWhole = outer?.compared === undefined;
  return { value, path, compared: outer?.compared, comparedPath: isWhole ? [] : outer.comparedPath };
}

/** Kyverno reads elements that are no strings, lists and maps as JSON anew, which makes every number a float. */
function goTypeOf(element: JsonValue): string {
  if (Array.isArray(element)) return '[]interface {}';
  if (typeof element === 'boolean') return 'bool';
  return typeof element === 'string' ? 'string' : 'float64';
}
