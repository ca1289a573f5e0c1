import type { Finding, Outcome } from '../../../core/decision.ts';
import { GateError } from '../../../core/errors.ts';
import type { Clock } from '../../../core/ports.ts';
import type { JudgedObject } from '../../../core/rendered.ts';
import type { Analysis } from './analysis.ts';
import { describeUnit, notJudged, readAnswer } from './answer.ts';
import { type Question, questionInput } from './harness.ts';

/** Something that evaluates the harness over an input: a process for one question, or a server for many. */
export interface Engine {
  /**
   * The value of the question. Throws REGO_EVALUATION_FAILED where another part of the set may still be judged; any
   * other error ends the judging.
   */
  ask(input: string, signal: AbortSignal): Promise<unknown>;
  stop(): Promise<void>;
}

/** opa gives up at the first object that it cannot evaluate: so many more questions find out which one it is. */
const MAX_QUESTIONS = 20;

/** Judges a set in one question, or in as many as it takes to name the objects that cannot be judged. */
export async function judgeSet(
  set: readonly JudgedObject[],
  analysis: Analysis,
  engine: Engine,
  clock: Clock,
  signal: AbortSignal,
): Promise<Outcome> {
  // One verdict has one time, however often opa is asked.
  const now = clock.now();
  const findings: Finding[] = [];
  let asked = 0;

  const judge = async (question: Question): Promise<void> => {
    const [first] = question.objects;
    const parts = question.objects.length + (question.whole === undefined ? 0 : 1);
    if (asked >= MAX_QUESTIONS) {
      const rest = parts === 1 ? describeUnit(first) : `${parts} objects, ${describeUnit(first)} the first of them,`;
      const why = new GateError('REGO_EVALUATION_FAILED', `${rest} could not be judged: too many others fail`);
      findings.push(notJudged(why, parts === 1 ? first : undefined));
      return;
    }
    asked += 1;
    try {
      findings.push(...readAnswer(await engine.ask(questionInput(question, now), signal), question, analysis));
    } catch (error) {
      if (!(error instanceof GateError) || error.code !== 'REGO_EVALUATION_FAILED') throw error;
      if (parts <= 1) {
        findings.push(notJudged(error, first));
        return;
      }
      for (const half of halves(question)) await judge(half);
    }
  };

  await judge({ objects: set, whole: analysis.rules.some(({ combined }) => combined) ? set : undefined });
  const each = analysis.rules.filter(({ combined }) => !combined).length;
  const examined = each * set.length + (analysis.rules.length - each);
  return { kind: 'completed', examined, findings };
}

function halves({ objects, whole }: Question): Question[] {
  if (whole !== undefined)
    return [
      { objects, whole: undefined },
      { objects: [], whole },
    ];
  const middle = Math.ceil(objects.length / 2);
  return [
    { objects: objects.slice(0, middle), whole: undefined },
    { objects: objects.slice(middle), whole: undefined },
  ];
}
