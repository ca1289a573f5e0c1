import type { Finding } from '../../../core/decision.ts';
import { CODES, GateError } from '../../../core/errors.ts';
import { describeObject } from '../../../core/manifest.ts';
import type { JudgedObject } from '../../../core/rendered.ts';
import { oneLine } from '../message.ts';
import { type Analysis, placeOf, type RegoRule } from './analysis.ts';
import type { Question } from './harness.ts';

/** Reads what opa answered to a question, and nothing that it did not answer: a gap is an error, never a pass. */
export function readAnswer(answer: unknown, question: Question, analysis: Analysis): Finding[] {
  const { absent, each, all } = object(answer, 'the answer');
  const [missing] = array(absent, 'absent');
  if (missing !== undefined) {
    const path = analysis.reads[number(missing)] ?? [];
    throw new GateError(
      'REGO_INVALID',
      `the policies read data.${path.join('.')}, which neither a policy nor a data file defines`,
      { mend: 'Name the file that holds it in spec.rego.data (an empty one will do), or correct the name.' },
    );
  }
  const findings: Finding[] = [];
  const expect = (verdicts: unknown, units: readonly (JudgedObject | undefined)[], combined: boolean): void => {
    const list = array(verdicts, 'the verdicts');
    if (list.length !== units.length) throw malformed('a verdict for each object');
    for (const [at, unit] of units.entries()) {
      const [index, verdict] = array(list[at], 'a verdict');
      if (index !== at) throw malformed('the verdicts in order');
      findings.push(...readVerdict(verdict, unit, analysis, combined));
    }
  };
  expect(each, question.objects, false);
  expect(all, question.whole === undefined ? [] : [undefined], true);
  return findings;
}

function readVerdict(
  verdict: unknown,
  unit: JudgedObject | undefined,
  { rules }: Analysis,
  combined: boolean,
): Finding[] {
  const { missing, hits } = object(verdict, 'a verdict');
  const ruleAt = (index: unknown): RegoRule => {
    const rule = rules[number(index)];
    if (rule === undefined || rule.combined !== combined) throw malformed('rules that were asked for');
    return rule;
  };
  const notSets = array(missing, 'missing').map((index) => notASet(ruleAt(index), unit));
  const told = array(hits, 'hits').flatMap((hit) => {
    const [index, results, excepted] = array(hit, 'a hit');
    return readHit(ruleAt(index), array(results, 'the results'), number(excepted) > 0, unit);
  });
  return [...notSets, ...told];
}

function readHit(
  rule: RegoRule,
  results: readonly unknown[],
  excepted: boolean,
  unit: JudgedObject | undefined,
): Finding[] {
  const messages = results.map(messageOf);
  // An exception takes the rule's results away, not its errors: what cannot be read may be anything.
  const invalid = messages.filter((message) => message === undefined).length;
  if (invalid > 0) {
    const message = `${nameOf(rule)} gave ${invalid === 1 ? 'a result' : `${invalid} results`} that is neither a string nor an object with the string msg`;
    return [finding('error', 'REGO_RESULT_INVALID', rule, message, unit)];
  }
  if (excepted) {
    const message = `${nameOf(rule)} is excepted for it (${messages.length} ${messages.length === 1 ? 'result' : 'results'})`;
    return [finding('warn', 'POLICY_EXCEPTED', rule, message, unit)];
  }
  return messages.map((text) => {
    const message = text === undefined || text === '' ? `${nameOf(rule)} gives no reason` : text;
    return rule.effect === 'warn'
      ? finding('warn', 'POLICY_WARNED', rule, message, unit)
      : finding('deny', 'POLICY_DENIED', rule, message, unit);
  });
}

/** A string, or the `msg` of an object; an empty one is still a result (conftest takes it for a pass). */
function messageOf(result: unknown): string | undefined {
  if (typeof result === 'string') return oneLine(result);
  const msg = typeof result === 'object' && result !== null ? (result as { msg?: unknown }).msg : undefined;
  return typeof msg === 'string' && !Array.isArray(result) ? oneLine(msg) : undefined;
}

function notASet(rule: RegoRule, unit: JudgedObject | undefined): Finding {
  const message = `${nameOf(rule)} gives no set of messages here: it is undefined, or another kind of value`;
  return finding('error', 'REGO_NOT_A_SET', rule, message, unit);
}

/** What could not be judged, and why. */
export function notJudged(error: GateError, unit: JudgedObject | undefined): Finding {
  return {
    effect: 'error',
    code: error.code,
    rule: 'rego',
    message: error.message,
    mend: error.mend,
    ...whose(unit),
  };
}

/** `Deployment apps/web`, or the set. */
export function describeUnit(unit: JudgedObject | undefined): string {
  return unit === undefined ? 'the whole set' : oneLine(describeObject(unit.manifest.identity), 300);
}

function finding(
  effect: Finding['effect'],
  code: Finding['code'],
  rule: RegoRule,
  message: string,
  unit: JudgedObject | undefined,
): Finding {
  const mend = `${CODES[code].mend.replace(/\.$/, '')}; the rule is in ${placeOf(rule.name, rule.files)}`;
  return { effect, code, rule: nameOf(rule), message, mend, ...whose(unit) };
}

function whose(unit: JudgedObject | undefined): Pick<Finding, 'object' | 'place'> {
  if (unit === undefined) return {};
  const { manifest } = unit;
  return { object: manifest.identity, place: manifest.origin };
}

function nameOf(rule: RegoRule): string {
  return `${rule.package}.${rule.name}`;
}

function object(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed(what);
  return value as Record<string, unknown>;
}

function array(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw malformed(what);
  return value;
}

function number(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw malformed('a number');
  return value;
}

function malformed(what: string): GateError {
  return new GateError('OPA_FAILED', `the answer of opa is not the one that was asked for (${what})`);
}
