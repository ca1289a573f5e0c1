import { GateError } from '../../../core/errors.ts';
import { QUESTION } from './harness.ts';
import type { Engine } from './judge.ts';
import type { RegoLayout } from './layout.ts';
import {
  asInvalid,
  firstLine,
  type OpaComplaint,
  type OpaContext,
  readComplaints,
  runOpa,
  versionFlags,
} from './opa.ts';

/** One `opa eval` a question: it compiles and evaluates with what policies may call, and nothing else. */
export function createEvaluation(context: OpaContext, question = QUESTION): Engine {
  const { layout, settings } = context;
  const load = ['.', ...layout.data, layout.harness].flatMap((path) => ['--data', path]);
  const args = ['eval', '--format', 'json', '--strict-builtin-errors', '--capabilities', layout.capabilities];
  return {
    // A second process would compile everything again.
    lanes: 1,
    async ask(input, signal) {
      const all = [...args, ...versionFlags(settings), '--stdin-input', ...load, question];
      const { stdout, stderr } = await runOpa(context, all, signal, input);
      const complaints = readComplaints(stdout);
      if (complaints !== undefined) throw asFailure(complaints, layout);
      return readValue(stdout, stderr, layout);
    },
    async stop() {},
  };
}

/** Errors of evaluating end one question; all others would end every one. */
export function asFailure(complaints: readonly OpaComplaint[], layout: RegoLayout): GateError {
  const [first] = complaints;
  if (first === undefined || !first.code.startsWith('eval_')) return asInvalid(complaints, layout);
  const where = first.place === undefined || layout.isOurs(first.place) ? '' : `${first.place}: `;
  return new GateError('REGO_EVALUATION_FAILED', `${where}${layout.displayed(first.message)}`, {
    place: first.place,
  });
}

function readValue(stdout: string, stderr: string, layout: RegoLayout): unknown {
  let answer: { result?: { expressions?: { value?: unknown }[] }[] };
  try {
    answer = JSON.parse(stdout);
  } catch (error) {
    throw new GateError('OPA_FAILED', `opa eval gave no answer: ${layout.displayed(firstLine(stderr))}`, {
      cause: error,
    });
  }
  const value = answer.result?.[0]?.expressions?.[0]?.value;
  if (value === undefined) throw new GateError('OPA_FAILED', 'the question to opa is undefined');
  return value;
}
