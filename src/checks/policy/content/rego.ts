import { GateError } from '../../../core/errors.ts';
import { canonicalJson, isObject, type JsonValue } from '../../../core/json.ts';
import type { Clock, ContentAnswer, ContentQuestion, Exec } from '../../../core/ports.ts';
import { oneLine } from '../message.ts';
import { createEvaluation } from '../rego/evaluation.ts';
import type { Engine } from '../rego/judge.ts';
import { layOut } from '../rego/layout.ts';
import type { OpaContext } from '../rego/opa.ts';
import { type LongLived, startServer } from '../rego/server.ts';
import type { RegoSettings } from '../rego/settings.ts';
import { askEach, batched } from './batch.ts';

/** The package and the rule that policy-controller asks, and no other. */
const PACKAGE = 'sigstore';
const RULE = 'isCompliant';
const HARNESS_PACKAGE = 'syncgate_content';

/** The question, as Rego. Nothing of a statement is ever in this text; statements are input. */
const harness = `package ${HARNESS_PACKAGE}

import rego.v1

answers := [[i, found] |
	some i, statement in input.each
	found := data.${HARNESS_PACKAGE}.found with input as statement with time.now_ns as input.now
]

found := [value | value := data.${PACKAGE}.${RULE}]
`;

export interface RegoContentPorts {
  readonly exec: Exec;
  readonly clock: Clock;
  readonly findProgram: (name: string) => string | undefined;
  /** Makes a private, empty folder that is removed when the run is over. */
  readonly makeFolder: () => string;
  /** Given by a process that judges more than once: a server is then kept for each policy. */
  readonly longLived?: LongLived;
}

/** One policy of `package sigstore`, alone in an engine of its own. */
export interface RegoContentPolicy {
  judge(input: JsonValue, signal: AbortSignal): Promise<ContentAnswer>;
  stop(): Promise<void>;
}

/**
 * Compiles a policy by itself: opa unites what several files say in one package, so a lax policy beside a strict one
 * would make the strict one lax. It is read as Rego v0, as policy-controller does; `import rego.v1` is understood.
 * Throws OPA_* and REGO_* for what could not be evaluated later.
 */
export async function openRegoContent(
  question: ContentQuestion,
  given: RegoSettings,
  ports: RegoContentPorts,
  signal: AbortSignal,
): Promise<RegoContentPolicy> {
  const settings: RegoSettings = { ...given, version: 'v0', data: [] };
  const name = settings.path ?? 'opa';
  const program = ports.findProgram(name);
  if (program === undefined) {
    throw new GateError('OPA_MISSING', `${question.name} is a Rego policy, and ${name} is not found`);
  }
  refuseOtherPackage(question);
  const layout = layOut(ports.makeFolder(), settings, [{ name: `${PACKAGE}.rego`, text: question.text }], []);
  layout.writeHarness(harness);
  const context: OpaContext = { exec: ports.exec, program, settings, layout };
  const asked = `data.${HARNESS_PACKAGE}.answers`;
  const bounded = (outer: AbortSignal) =>
    AbortSignal.any([outer, AbortSignal.timeout(settings.limits.timeoutSeconds * 1000)]);
  const engine = createEvaluation(context, asked);

  const ask = async (inputs: readonly string[], stop: AbortSignal, by: Engine): Promise<JsonValue[]> => {
    const now = BigInt(Math.trunc(ports.clock.now())) * 1_000_000n;
    const text = `{"now":${now},"each":[${inputs.join(',')}]}`;
    try {
      return readAnswers(await by.ask(text, bounded(stop)), inputs.length);
    } catch (error) {
      throw named(question, error);
    }
  };
  // With nothing to judge, opa compiles all the same, with what policies may call.
  await ask([], signal, engine);
  const { longLived } = ports;
  let server: Promise<Engine> | undefined;
  // Started by the first question: a policy that no image meets costs no memory.
  const engineFor = async (): Promise<Engine> => {
    if (longLived === undefined) return engine;
    // Not with the caller's signal: others wait for the same server.
    server ??= startServer(context, longLived, AbortSignal.timeout(settings.limits.timeoutSeconds * 1000), asked).catch(
      (error: unknown) => {
        server = undefined;
        throw named(question, error);
      },
    );
    return server;
  };
  const judgeAll = batched((inputs, stop) =>
    askEach(inputs, stop, async (some, until) => ask(some, until, await engineFor())),
  );
  return {
    judge: async (input, stop) => answerOf(await judgeAll(canonicalJson(input), stop), question),
    async stop() {
      await (await server?.catch(() => undefined))?.stop();
    },
  };
}

/** In a cluster a policy of another package is never compliant; here nobody has to find out at a sync. */
function refuseOtherPackage({ text, name }: ContentQuestion): void {
  const declared = /^\s*package\s+(\S+)/.exec(text.replace(/^\uFEFF/, '').replaceAll(/^\s*#.*$/gm, ''))?.[1];
  if (declared !== PACKAGE) {
    throw new GateError('REGO_INVALID', `${name}: the policy does not start with "package ${PACKAGE}"`, {
      mend: `Start it with "package ${PACKAGE}"; its ${RULE} is what is asked.`,
    });
  }
  if (!text.includes(RULE)) {
    throw new GateError('REGO_INVALID', `${name}: the policy has no rule ${RULE}, so nothing could satisfy it`, {
      mend: `Add ${RULE} { … } with what must hold.`,
    });
  }
}

function named(question: ContentQuestion, error: unknown): unknown {
  if (!(error instanceof GateError)) return error;
  const mend =
    error.code === 'REGO_INVALID' && error.mend.includes('spec.rego.version')
      ? 'Correct the policy. It is read as Rego v0, as policy-controller does; `import rego.v1` makes it v1.'
      : error.mend;
  return new GateError(error.code, `${question.name}: ${error.message}`, { mend, cause: error });
}

function readAnswers(answer: unknown, count: number): JsonValue[] {
  const malformed = () => new GateError('OPA_FAILED', 'the answer of opa is not what was asked for');
  if (!Array.isArray(answer) || answer.length !== count) throw malformed();
  return answer.map((pair: unknown, i) => {
    if (!Array.isArray(pair) || pair.length !== 2 || pair[0] !== i || !Array.isArray(pair[1])) throw malformed();
    return pair[1] as JsonValue;
  });
}

/**
 * The value of `isCompliant` as policy-controller reads it: `true`; or a set of `{result, error, warning}`, of which the
 * first with a true result decides. A compliant result with a warning is refused there, and so it is here.
 */
function answerOf(found: JsonValue, { name }: ContentQuestion): ContentAnswer {
  const [value] = found as readonly JsonValue[];
  if (value === true) return { kind: 'passed' };
  if (value === undefined) return { kind: 'failed', message: `${RULE} is undefined` };
  if (value === false) return { kind: 'failed', message: `${RULE} is false` };
  if (!Array.isArray(value)) return { kind: 'failed', message: `${RULE} is neither true nor a set of results` };
  const results = (value as readonly JsonValue[]).map((each) => readResult(each, name));
  const compliant = results.find(({ result }) => result);
  if (compliant !== undefined) {
    if (compliant.warning === '') return { kind: 'passed' };
    return { kind: 'failed', message: `it warns: ${oneLine(compliant.warning, 300)}` };
  }
  const said = results.map(({ error, warning }) => error || warning).filter((text) => text !== '');
  return {
    kind: 'failed',
    message: said.length === 0 ? `${RULE} holds no result that is true` : oneLine(said.join('; '), 500),
  };
}

function readResult(value: JsonValue, name: string): { result: boolean; error: string; warning: string } {
  const odd = (what: string) =>
    new GateError('REGO_RESULT_INVALID', `${name}: ${RULE} holds ${what}`, {
      mend: `Give true, or a set of {"result": …, "error": …, "warning": …}.`,
    });
  if (!isObject(value)) throw odd('something that is no object');
  for (const key of Object.keys(value)) {
    if (key !== 'result' && key !== 'error' && key !== 'warning') throw odd(`the unknown field ${oneLine(key, 60)}`);
  }
  const { result = false, error = '', warning = '' } = value;
  if (typeof result !== 'boolean') throw odd('a result that is no boolean');
  if (typeof error !== 'string' || typeof warning !== 'string') throw odd('an error or a warning that is no text');
  return { result, error, warning };
}
