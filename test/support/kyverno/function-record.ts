import { readFileSync, writeFileSync } from 'node:fs';
import { conditionOperator } from '../../../src/checks/policy/kyverno/conditions/operator.ts';
import { compilePattern } from '../../../src/checks/policy/kyverno/pattern/pattern.ts';
import { compilePodSecurity } from '../../../src/checks/policy/kyverno/pod-security/pod-security.ts';
import type { Question } from './random-questions.ts';

export interface FunctionAnswer {
  readonly kind: string;
  /** The place of a failure, as messages print it. */
  readonly at?: string;
  readonly message?: string;
}

/** A question, and what Kyverno's own functions answer. */
export type RecordedQuestion = readonly [question: Question, answer: FunctionAnswer];

const file = new URL('../../checks/policy/kyverno/recorded-functions.ndjson', import.meta.url);

export function readFunctionRecord(): readonly RecordedQuestion[] {
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as RecordedQuestion);
}

export function writeFunctionRecord(record: readonly RecordedQuestion[]): void {
  writeFileSync(file, record.map((row) => `${JSON.stringify(row)}\n`).join(''));
}

/** What is wrong with our answer to a recorded question; undefined where it is the same. */
export function functionDifference([question, answer]: RecordedQuestion): string | undefined {
  const own = comparable(ourAnswer(question));
  const theirs = comparable(answer);
  return own === theirs ? undefined : `${JSON.stringify(question)}: ${own}, and not ${theirs}`;
}

function ourAnswer(question: Question): FunctionAnswer {
  switch (question.kind) {
    case 'pattern':
      return compilePattern(question.pattern, question.floats ? 'float64' : 'int64').match(question.resource);
    case 'operator':
      return operatorAnswer(question);
    case 'pod':
      return podAnswer(question);
    default:
      return question satisfies never;
  }
}

function operatorAnswer(question: Question & { kind: 'operator' }): FunctionAnswer {
  const { operator, key, value, keyFloat, valueFloat } = question;
  try {
    return { kind: String(conditionOperator(operator)?.holds(key, value, { key: keyFloat, value: valueFloat })) };
  } catch {
    // Where Kyverno breaks down, we refuse.
    return { kind: 'panic' };
  }
}

function podAnswer({ level, version, exclude, resource }: Question & { kind: 'pod' }): FunctionAnswer {
  const result = compilePodSecurity({ level, version, exclude })?.judge('rule', resource, undefined);
  if (result?.kind !== 'fail') return { kind: result?.kind ?? 'error' };
  // The handler of the rule writes the metadata of a Pod in another way than the function that is asked.
  const message = result.message.replace(/^.*?": /s, '').replaceAll('spec.template.metadata', 'metadata');
  return { kind: 'fail', message };
}

/** Kyverno lists what is left after an exclude in any order. */
function comparable({ kind, at = '', message = '' }: FunctionAnswer): string {
  const parts = message.split(/(?=\(Forbidden reason: )/).sort();
  return [kind, at, ...parts].join(' ');
}
