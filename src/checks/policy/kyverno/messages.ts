/** What Kyverno says of an object that fails, which is part of what others compare and search for. */
import { GateError } from '../../../core/errors.ts';
import type { JsonPath, JsonValue } from '../../../core/json.ts';
import { type Compiling, templateAt } from './compiling.ts';
import { Fault } from './fault.ts';
import type { Scope } from './scope.ts';
import { renderTemplate, type Template } from './template.ts';

/** What messages are made of. */
export interface Words {
  readonly rule: string;
  readonly message: string;
  /** The message with its variables. Throws Fault. */
  render(scope: Scope): JsonValue;
  /** The message and what the conditions add to it. */
  withConditions(added: string, scope: Scope): JsonValue;
}

/** The words of the rule named `rule`. Throws GateErrors. */
export function wordsOf(compiling: Compiling, rule: string, message: string, path: JsonPath): Words {
  const template = messageTemplate(compiling, message, [...path, 'message']);
  const joined = new Map<string, Template | undefined>();
  const render = (each: Template | undefined, scope: Scope): JsonValue => {
    if (each === undefined) throw new Fault('a reference in the message leads nowhere');
    return renderTemplate(each, scope);
  };
  return {
    rule,
    message,
    render: (scope) => render(template, scope),
    withConditions(added, scope) {
      if (added === '') return render(template, scope);
      if (!joined.has(added)) {
        const whole = message === '' ? added : `${message}; ${added}`;
        joined.set(added, joinedTemplate(compiling, whole, [...path, 'message']));
      }
      return render(joined.get(added), scope);
    },
  };
}

/** Each part was compiled before; that the whole is no message any more takes braces that only meet here. */
function joinedTemplate(compiling: Compiling, message: string, path: JsonPath): Template | undefined {
  try {
    return messageTemplate({ ...compiling, isForeach: true, variables: ['*'] }, message, path);
  } catch (error) {
    if (error instanceof GateError) return undefined;
    throw error;
  }
}

/** Undefined where a reference leads nowhere, which Kyverno finds out when it prints the message. */
function messageTemplate(compiling: Compiling, message: string, path: JsonPath): Template | undefined {
  // A message is no part of what its references point into.
  if (/(^|[^\\])\$\(.[^ ]*\)/.test(message)) return undefined;
  return templateAt(compiling, message.replaceAll(/\\(\$\(.[^ )]*\))/g, '$1'), path);
}

/** Of a deny whose conditions hold; `added` are their messages. */
export function denyMessage(words: Words, added: string, scope: Scope): string {
  if (words.message === '' && added === '') return `validation error: rule ${words.rule} failed`;
  try {
    const message = words.withConditions(added, scope);
    return typeof message === 'string'
      ? message
      : "the produced message didn't resolve to a string, check your policy definition.";
  } catch (error) {
    if (error instanceof Fault) return added;
    throw error;
  }
}

/** Of a pattern that does not hold at a place, or (where that is empty) of one that cannot be compared. */
export function patternMessage(words: Words, problem: string, at: string, scope: Scope): string {
  if (words.message === '') {
    return at === ''
      ? `validation error: rule ${words.rule} execution error: ${problem}`
      : `validation error: rule ${words.rule} failed at path ${at}`;
  }
  const message = renderedMessage(words, scope);
  if (message === undefined) {
    return `validation error: variables substitution error in rule ${words.rule} execution error: ${problem}`;
  }
  const sentence = message.endsWith('.') ? message : `${message}.`;
  return at === ''
    ? `validation error: ${sentence} rule ${words.rule} execution error: ${problem}`
    : `validation error: ${sentence} rule ${words.rule} failed at path ${at}`;
}

/** Of patterns of which none holds. */
export function anyPatternMessage(words: Words, problems: string, scope: Scope): string {
  if (words.message === '') return `validation error: ${problems}`;
  const message = renderedMessage(words, scope);
  if (message === undefined) {
    return `validation error: variables substitution error in rule ${words.rule} execution error: ${problems}`;
  }
  return `validation error: ${message.endsWith('.') ? message : `${message}.`} ${problems}`;
}

/** Undefined where the message cannot be filled in: the verdict does not hang on it. */
function renderedMessage(words: Words, scope: Scope): string | undefined {
  try {
    const message = words.render(scope);
    return typeof message === 'string' ? message : undefined;
  } catch (error) {
    if (error instanceof Fault) return undefined;
    throw error;
  }
}
