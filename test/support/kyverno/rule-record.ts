import { readFileSync, writeFileSync } from 'node:fs';
import { isObject, type JsonObject, valueAt } from '../../../src/core/json.ts';
import { type Mutant, mutantsOf, syncgateVerdicts, type Verdict } from './cases.ts';
import { digestOf, disagreement, plainMessage } from './compare.ts';
import { randomRules } from './random-rules.ts';

/** The random policies of a record: all that is needed to make them and their objects again. */
export interface RuleRecord {
  readonly seed: number;
  readonly rules: number;
  /** Of each object in turn: the rules that said something, as `rule status digest`; errors have no digest. */
  readonly verdicts: readonly (readonly string[])[];
}

const file = new URL('../../checks/policy/kyverno/recorded-rules.json', import.meta.url);

export function readRuleRecord(): readonly RuleRecord[] {
  return JSON.parse(readFileSync(file, 'utf8')) as readonly RuleRecord[];
}

export function writeRuleRecord(records: readonly RuleRecord[]): void {
  writeFileSync(file, `${JSON.stringify(records, null, 2)}\n`);
}

/** Objects without a Pod in them are left out: Kyverno breaks down on some of its own messages about them. */
export function ruleMutants(seed: number, rules: number, count: number): readonly Mutant[] {
  return mutantsOf(randomRules(seed, rules), 0, count * 2)
    .filter(({ object }) => podPaths.some((path) => isObject(valueAt(object, path))))
    .slice(0, count);
}

const podPaths = [
  ['spec', 'containers', 0],
  ['spec', 'template', 'spec'],
  ['spec', 'jobTemplate', 'spec', 'template', 'spec'],
];

/** One object's verdicts as they are kept. What Kyverno prints about skips and passes is compared too. */
export function keptVerdicts(verdicts: readonly Verdict[]): readonly string[] {
  return verdicts
    .map(({ rule, status, message }) => `${rule} ${status} ${status === 'error' ? '' : digestOf(message)}`.trimEnd())
    .sort();
}

/** Our verdicts of every object, as they are kept. */
export function ourVerdicts(seed: number, rules: number, objects: readonly JsonObject[]): (readonly string[])[] {
  return syncgateVerdicts(randomRules(seed, rules), objects).map(keptVerdicts);
}

/** Where the two differ, rule by rule; a rule of which one says nothing differs too. */
export function ruleDifferences(theirs: readonly Verdict[], ours: readonly Verdict[]): readonly string[] {
  const names = new Set([...theirs, ...ours].map(({ rule }) => rule));
  return [...names].flatMap((name) => {
    const of = (all: readonly Verdict[]) => all.filter(({ rule }) => rule === name);
    const found = disagreement({ kind: 'ClusterPolicy' }, of(theirs), of(ours));
    if (found) return [`${name}: Kyverno ${found.kyverno}, syncgate ${found.syncgate}`];
    const words = (all: readonly Verdict[]) =>
      all.map(({ status, message }) => (status === 'error' ? '' : plainMessage(message))).join('\n');
    const [a, b] = [words(of(theirs)), words(of(ours))];
    return a === b ? [] : [`${name}: Kyverno says ${a}, syncgate says ${b}`];
  });
}
