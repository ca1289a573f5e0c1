import { GateError } from '../../../core/errors.ts';
import type { JsonValue } from '../../../core/json.ts';

/** Statements that one process judges: an SBOM has megabytes. */
const MAX_BATCH_BYTES = 16 * 1024 * 1024;

type AskMany = (inputs: readonly string[], signal: AbortSignal) => Promise<readonly (JsonValue | Error)[]>;

/** Asks about all at once; where opa gives up at one of them, about halves, so that only that one has no answer. */
export async function askEach(
  inputs: readonly string[],
  signal: AbortSignal,
  ask: (inputs: readonly string[], signal: AbortSignal) => Promise<readonly JsonValue[]>,
): Promise<(JsonValue | Error)[]> {
  try {
    return [...(await ask(inputs, signal))];
  } catch (error) {
    const own = error instanceof GateError && error.code === 'REGO_EVALUATION_FAILED';
    if (!own || inputs.length === 1) return inputs.map(() => error as Error);
    const middle = Math.ceil(inputs.length / 2);
    const first = await askEach(inputs.slice(0, middle), signal, ask);
    return [...first, ...(await askEach(inputs.slice(middle), signal, ask))];
  }
}

interface Waiting {
  readonly input: string;
  readonly done: (value: JsonValue) => void;
  readonly failed: (error: unknown) => void;
}

/**
 * What is asked while a question is under way is asked in the next one, whole: a process a statement would cost forty
 * milliseconds each. Only callers with the same signal share a process, so that nobody's deadline ends another's.
 */
export function batched(ask: AskMany): (input: string, signal: AbortSignal) => Promise<JsonValue> {
  const lines = new Map<AbortSignal, Waiting[]>();
  const run = async (signal: AbortSignal, line: Waiting[]): Promise<void> => {
    // One turn, so that callers who start together are asked about together.
    await new Promise(setImmediate);
    while (line.length > 0) {
      const batch = line.splice(0, fitting(line));
      try {
        const answers = await ask(
          batch.map(({ input }) => input),
          signal,
        );
        for (const [i, { done, failed }] of batch.entries()) {
          const answer = answers[i];
          if (answer === undefined || answer instanceof Error) failed(answer ?? new Error('opa gave no answer'));
          else done(answer);
        }
      } catch (error) {
        for (const { failed } of batch) failed(error);
      }
    }
    lines.delete(signal);
  };
  return (input, signal) =>
    new Promise((done, failed) => {
      const known = lines.get(signal);
      const line = known ?? [];
      line.push({ input, done, failed });
      if (known !== undefined) return;
      lines.set(signal, line);
      void run(signal, line);
    });
}

function fitting(line: readonly Waiting[]): number {
  let bytes = 0;
  for (const [i, { input }] of line.entries()) {
    bytes += input.length;
    if (bytes > MAX_BATCH_BYTES) return Math.max(i, 1);
  }
  return line.length;
}
