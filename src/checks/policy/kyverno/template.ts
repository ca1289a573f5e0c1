import { isObject, type JsonValue } from '../../../core/json.ts';
import { LimitError } from '../values/limit.ts';
import { during, Fault } from './fault.ts';
import { JmesError } from './jmespath/error.ts';
import { goJson } from './jmespath/value.ts';
import { type ContextQuery, compileContextQuery } from './query.ts';
import { stepInto } from './references.ts';
import type { Scope } from './scope.ts';

/** A value of a policy whose variables are filled in for each object. */
export type Template =
  | { readonly kind: 'constant'; readonly value: JsonValue }
  /** `render` throws Fault, Unanswerable and LimitError. Parts without variables are the same values each time. */
  | { readonly kind: 'variable'; readonly render: (scope: Scope) => JsonValue };

/** What is told of every variable that a value names, so that unknown ones are refused when the policy is loaded. */
export type NoteQuery = (query: ContextQuery, text: string) => void;

/** What stands before the braces is part of the match, so that `\{{` is none. The text of policies and of objects. */
const variables = /(^|[^\\])(\{\{(?:\{[^{}]*\}|[^{}])*\}\})/g;
const atStart = /^\{\{(\{[^{}]*\}|[^{}])*\}\}/;

/** Values may spell variables themselves, and those values again: it ends here. */
const maxRounds = 64;
const maxText = 4 * 1024 * 1024;

/** A variable of a policy that can never be looked up. `steps` is where its text stands in the compiled value. */
export class TemplateError extends Error {
  readonly steps: readonly string[];
  constructor(steps: readonly string[], cause: JmesError | Fault) {
    super(cause.message, { cause });
    this.name = 'TemplateError';
    this.steps = steps;
  }
}

/**
 * Compiles a value in which references are resolved already. Throws TemplateError for an expression that is none, or
 * that uses what does not exist.
 */
export function compileTemplate(value: JsonValue, note: NoteQuery, path = ''): Template {
  if (typeof value === 'string') return compileText(value, note, path);
  if (Array.isArray(value)) {
    const items = (value as readonly JsonValue[]).map((each, i) => compileTemplate(each, note, `${path}/${i}`));
    if (items.every(isConstant)) {
      return constant(items.every((item, i) => item.value === value[i]) ? value : items.map((item) => item.value));
    }
    return variable((scope) => items.map((item) => renderTemplate(item, scope)));
  }
  if (!isObject(value)) return constant(value);
  const entries = Object.keys(value).map(
    (key) =>
      [key, compileText(key, note, path), compileTemplate(value[key] as JsonValue, note, stepInto(path, key))] as const,
  );
  if (entries.every(([key, name, item]) => isConstant(name) && name.value === key && isConstant(item))) {
    if (entries.every(([key, , item]) => isConstant(item) && item.value === value[key])) return constant(value);
  }
  const render = (scope: Scope) => {
    const made: Record<string, JsonValue> = Object.create(null);
    for (const [key, name, item] of entries) {
      const named = keyName(key, isConstant(name) ? name.value : name.render(scope));
      put(made, key, named, renderTemplate(item, scope), path, scope);
    }
    return made;
  };
  if (entries.every(([, name, item]) => isConstant(name) && isConstant(item))) {
    const made: Record<string, JsonValue> = Object.create(null);
    for (const [key, name, item] of entries) {
      made[keyName(key, (name as { value: JsonValue }).value)] = (item as { value: JsonValue }).value;
    }
    return constant(made);
  }
  return variable(render);
}

export function renderTemplate(template: Template, scope: Scope): JsonValue {
  return template.kind === 'constant' ? template.value : template.render(scope);
}

function constant(value: JsonValue): Template {
  return { kind: 'constant', value };
}

function variable(render: (scope: Scope) => JsonValue): Template {
  return { kind: 'variable', render };
}

function isConstant(template: Template): template is Template & { readonly kind: 'constant' } {
  return template.kind === 'constant';
}

function keyName(key: string, name: JsonValue): string {
  if (typeof name === 'string') return name;
  if (name === null) return key;
  throw new Fault(`expected string after substituting variables in key "${key}"`);
}

/**
 * Puts an entry into a map that is being filled in. Kyverno goes through a map while it renames its keys, and so comes
 * (mostly) upon an entry under its new name once more: what the first round left in it is filled in too.
 */
function put(
  made: Record<string, JsonValue>,
  key: string,
  name: string,
  value: JsonValue,
  path: string,
  scope: Scope,
): void {
  let [before, named, filled] = [key, name, value];
  for (let round = 0; named !== before; round += 1) {
    if (round >= maxRounds) throw new LimitError(`variables in the key ${JSON.stringify(key)} never come to an end`);
    const again = named.includes('{{') ? keyName(named, finishText(named, path, scope)) : named;
    filled = expandInside(filled, stepInto(path, named), scope);
    [before, named] = [named, again];
  }
  made[named] = filled;
}

function compileText(text: string, note: NoteQuery, path: string): Template {
  if (!text.includes('{{')) return constant(text);
  const found = matchesIn(text);
  if (found.length === 0) return constant(withoutEscapes(text));
  const steps = found.map((match) => {
    try {
      return compileVariable(match, note, path);
    } catch (error) {
      if (error instanceof JmesError || error instanceof Fault) throw new TemplateError(pathSteps(path), error);
      throw error;
    }
  });
  const [only] = steps;
  if (only !== undefined && only.spelling === text) {
    return variable((scope) => expand(only.look(scope), path, scope));
  }
  return variable((scope) => finish(fill(text, steps, scope), text, path, scope));
}

/** One variable in a text: what it is replaced by, and how. */
interface Step {
  /** With its braces. */
  readonly spelling: string;
  /** The character before it, which keeps its place. */
  readonly before: string;
  readonly isShallow: boolean;
  look(scope: Scope): JsonValue;
}

function matchesIn(text: string): { readonly before: string; readonly spelling: string }[] {
  return [...text.matchAll(variables)].map(([whole]) =>
    atStart.test(whole) ? { before: '', spelling: whole } : { before: whole.charAt(0), spelling: whole.slice(1) },
  );
}

function compileVariable(match: { before: string; spelling: string }, note: NoteQuery, path: string): Step {
  refuseStrangeNeighbour(match.before, match.spelling);
  const { text, isShallow } = expressionOf(match.spelling);
  const queries = new Map<string, ContextQuery>();
  const queryFor = (scope: Scope | undefined): ContextQuery => {
    const spelt = spellFor(text, path, scope);
    let query = queries.get(spelt);
    if (query === undefined) {
      query = compileContextQuery(spelt);
      queries.set(spelt, query);
    }
    return query;
  };
  note(queryFor(undefined), text);
  const [first] = queries.values();
  const isPlain = text !== '@' && !text.includes('request.object');
  return {
    ...match,
    isShallow,
    look(scope) {
      const query = isPlain || (text !== '@' && !scope.isDelete) ? (first as ContextQuery) : queryFor(scope);
      try {
        return scope.search(query);
      } catch (error) {
        throw during(`failed to resolve ${query.text} at path ${path}`, error);
      }
    },
  };
}

/** Kyverno takes one byte off here, and half a character is in no expression. */
function refuseStrangeNeighbour(before: string, spelling: string): void {
  if (before === '' || before.charCodeAt(0) < 0x80) return;
  throw new Fault(`${JSON.stringify(before)} stands right before ${spelling}, where only an ASCII character can`);
}

function expressionOf(spelling: string): { readonly text: string; readonly isShallow: boolean } {
  const text = spelling.replaceAll('{{', '').replaceAll('}}', '').trim();
  return text.startsWith('-') ? { text: text.slice(1).trim(), isShallow: true } : { text, isShallow: false };
}

/** The expression as it is looked up: `@` is the place of the text itself, and on DELETE there is only an old object. */
function spellFor(text: string, path: string, scope: Scope | undefined): string {
  const spelt = text === '@' ? placeExpression(path, scope?.has('target') ? ['target'] : ['request', 'object']) : text;
  return scope?.isDelete ? spelt.replaceAll('request.object', 'request.oldObject') : spelt;
}

/** Kyverno leaves out the first two steps of a path, which lie above what is compared in a rule as a whole. */
function placeExpression(path: string, prefix: readonly string[]): string {
  const steps = pathSteps(path);
  const past = steps.slice(steps.indexOf('foreach') + 1);
  const rest = past.length <= 2 ? [] : past.slice(2);
  let made = '';
  for (const step of [...prefix, ...rest]) {
    if (/^\d+$/.test(step)) made += `[${step}]`;
    else made += `${made === '' ? '' : '.'}${/^[(A-Z_a-z][)0-9A-Z_a-z]*$/.test(step) ? step : JSON.stringify(step)}`;
  }
  return made;
}

function pathSteps(path: string): string[] {
  const steps: string[] = [];
  let step = '';
  for (let i = 0; i < path.length; i += 1) {
    const character = path.charAt(i);
    if (character === '\\') {
      i += 1;
      step += path.charAt(i);
    } else if (character === '/') {
      if (step !== '') steps.push(step);
      step = '';
    } else {
      step += character;
    }
  }
  if (step !== '') steps.push(step);
  return steps;
}

/** A text with the variables of one round filled in; `isDone`: what came of them may spell no others. */
interface Filled {
  readonly text: string;
  readonly isDone: boolean;
}

function fill(text: string, steps: readonly Step[], scope: Scope): Filled {
  let made = text;
  let isDone = false;
  for (const step of steps) {
    scope.countText(made.length);
    const value = step.look(scope);
    let insert = typeof value === 'string' ? value : (goJson(value) ?? 'null');
    if (step.isShallow && value !== null) {
      if (typeof value !== 'string') throw new Fault(`${step.spelling} must be a string`);
      insert = insert.replaceAll('{{', '\\{{');
    }
    isDone = step.isShallow;
    made = made.replace(`${step.before}${step.spelling}`, () => `${step.before}${insert}`);
    if (made.length > maxText) throw new LimitError(`a text with variables grows beyond ${maxText} characters`);
  }
  return { text: made, isDone };
}

/** Fills in what the values of variables spell themselves, until nothing is left. */
function finish(filled: Filled, original: string, path: string, scope: Scope): JsonValue {
  let { text, isDone } = filled;
  for (let round = 0; !isDone && text.includes('{{'); round += 1) {
    const found = matchesIn(text);
    if (found.length === 0) break;
    if (round >= maxRounds) throw new LimitError(`variables in ${JSON.stringify(original)} never come to an end`);
    const steps = found.map((match) => dynamicStep(match, path));
    const [only] = steps;
    if (only !== undefined && only.spelling === text) return expand(only.look(scope), path, scope);
    ({ text, isDone } = fill(text, steps, scope));
  }
  return withoutEscapes(text);
}

function dynamicStep(match: { before: string; spelling: string }, path: string): Step {
  const { text, isShallow } = expressionOf(match.spelling);
  return {
    ...match,
    isShallow,
    look(scope) {
      refuseStrangeNeighbour(match.before, match.spelling);
      const spelt = spellFor(text, path, scope);
      try {
        return scope.searchText(spelt);
      } catch (error) {
        throw during(`failed to resolve ${spelt} at path ${path}`, error);
      }
    },
  };
}

/** Objects in which no text spells a variable: they need not be looked through again. */
const plain = new WeakSet<object>();

/** Fills in the variables inside of a value that a variable gave: maps and lists are gone into, texts are not. */
function expand(value: JsonValue, path: string, scope: Scope): JsonValue {
  if (typeof value !== 'object' || value === null || isPlain(value)) return value;
  return expandInside(value, path, scope);
}

function isPlain(value: JsonValue): boolean {
  if (typeof value === 'string') return !value.includes('{{');
  if (typeof value !== 'object' || value === null || plain.has(value)) return true;
  const all = Array.isArray(value)
    ? (value as readonly JsonValue[]).every(isPlain)
    : Object.keys(value).every(
        (key) => !key.includes('{{') && isPlain((value as Record<string, JsonValue>)[key] ?? null),
      );
  if (all) plain.add(value);
  return all;
}

function expandInside(value: JsonValue, path: string, scope: Scope): JsonValue {
  if (typeof value === 'string') return value.includes('{{') ? finishText(value, path, scope) : value;
  if (Array.isArray(value)) {
    return (value as readonly JsonValue[]).map((each, i) => expandInside(each, `${path}/${i}`, scope));
  }
  if (!isObject(value)) return value;
  const made: Record<string, JsonValue> = Object.create(null);
  for (const key of Object.keys(value)) {
    const name = key.includes('{{') ? finishText(key, path, scope) : key;
    const item = expandInside(value[key] as JsonValue, stepInto(path, key), scope);
    put(made, key, keyName(key, name), item, path, scope);
  }
  return made;
}

function finishText(text: string, path: string, scope: Scope): JsonValue {
  return finish({ text, isDone: false }, text, path, scope);
}

function withoutEscapes(text: string): string {
  return text.replaceAll('\\{{', '{{');
}
