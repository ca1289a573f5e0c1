import type { Finding, Outcome } from '../../../core/decision.ts';
import { GateError } from '../../../core/errors.ts';
import type { Clock } from '../../../core/ports.ts';
import type { JudgedObject } from '../../../core/rendered.ts';
import type { Shown } from '../dialect.ts';
import type { Analysis } from './analysis.ts';
import { describeUnit, notJudged, readAnswer } from './answer.ts';
import { type Question, questionInput } from './harness.ts';

/** Something that evaluates the harness over an input: a process for one question, or a server for many. */
export interface Engine {
  /** How many questions are asked at the same time where there are many objects. */
  readonly lanes: number;
  /**
   * The value of the question. Throws REGO_EVALUATION_FAILED where another part of the set may still be judged; any
   * other error ends the judging.
   */
  ask(input: string, signal: AbortSignal): Promise<unknown>;
  stop(): Promise<void>;
}

/** opa gives up at the first object that it cannot evaluate: so many more questions find out which one it is. */
const MAX_QUESTIONS = 20;

/** A lane with fewer objects than this is not worth its question. */
const LEAST_OF_A_LANE = 20;

/** Judges a set in one question a lane, or in as many as it takes to name the objects that cannot be judged. */
export async function judgeSet(
  set: readonly JudgedObject[],
  analysis: Analysis,
  engine: Engine,
  clock: Clock,
  signal: AbortSignal,
  shown: Shown = 'whole set',
): Promise<Outcome> {
  // One verdict has one time, however often opa is asked.
  const now = clock.now();
  const ask = async (question: Question) =>
    readAnswer(await engine.ask(questionInput(question, now), signal), question, analysis);

  const combined = analysis.rules.filter((rule) => rule.combined).length;
  const isWhole = combined > 0 && shown === 'whole set';
  const lanes = inLanes({ objects: set, whole: isWhole ? set : undefined }, engine.lanes);
  const findings = await Promise.all(lanes.map((lane) => judgeLane(lane, ask)));
  const examined = (analysis.rules.length - combined) * set.length + (isWhole ? combined : 0);
  return { kind: 'completed', examined, findings: findings.flat() };
}

/** Every lane has its own bound for questions: what is told does not depend on which of them is faster. */
async function judgeLane(lane: Question, ask: (question: Question) => Promise<Finding[]>): Promise<Finding[]> {
  let asked = 0;
  const judge = async (question: Question): Promise<Finding[]> => {
    const [first] = question.objects;
    const parts = question.objects.length + (question.whole === undefined ? 0 : 1);
    if (asked >= MAX_QUESTIONS) {
      const rest = parts === 1 ? describeUnit(first) : `${parts} objects, ${describeUnit(first)} the first of them,`;
      const why = new GateError('REGO_EVALUATION_FAILED', `${rest} could not be judged: too many others fail`);
      return [notJudged(why, parts === 1 ? first : undefined)];
    }
    asked += 1;
    try {
      return await ask(question);
    } catch (error) {
      if (!(error instanceof GateError) || error.code !== 'REGO_EVALUATION_FAILED') throw error;
      if (parts <= 1) return [notJudged(error, first)];
      const findings: Finding[] = [];
      for (const half of halves(question)) findings.push(...(await judge(half)));
      return findings;
    }
  };
  return judge(lane);
}

/** The objects in their order, divided evenly; the whole set is asked about beside the last of them. */
function inLanes({ objects, whole }: Question, most: number): Question[] {
  const count = Math.max(1, Math.min(most, Math.floor(objects.length / LEAST_OF_A_LANE)));
  return Array.from({ length: count }, (_, i) => ({
    objects: objects.slice(Math.floor((i * objects.length) / count), Math.floor(((i + 1) * objects.length) / count)),
    whole: i === count - 1 ? whole : undefined,
  }));
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
