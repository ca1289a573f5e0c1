import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GateError } from '../../../core/errors.ts';
import { canonicalJson, type JsonValue } from '../../../core/json.ts';
import type { ContentAnswer, ContentQuestion, Exec, ExecResult } from '../../../core/ports.ts';
import { oneLine } from '../message.ts';

const MIB = 1024 * 1024;
const TIMEOUT_MS = 20_000;
const MEMORY_BYTES = 2048 * MIB;
const HEAP_BYTES = 1024 * MIB;
const OUTPUT_BYTES = MIB;

export interface CueContentPorts {
  readonly exec: Exec;
  readonly findProgram: (name: string) => string | undefined;
  readonly makeFolder: () => string;
}

export interface CueContentPolicy {
  judge(input: JsonValue, signal: AbortSignal): Promise<ContentAnswer>;
}

/**
 * Compiles a policy with the cue program of the Gate. `cue vet` unifies the document with it as policy-controller does,
 * and asks for more: every regular field of the result must have a value, so what the policy names and the document
 * lacks is refused. Imports reach no registry, and no module is there to read files by. Throws CUE_*.
 */
export async function openCueContent(
  question: ContentQuestion,
  cue: string | undefined,
  ports: CueContentPorts,
  signal: AbortSignal,
): Promise<CueContentPolicy> {
  const program = cue === undefined ? undefined : ports.findProgram(cue);
  if (program === undefined) {
    const why = cue === undefined ? 'the Gate names no cue program' : `${oneLine(cue, 200)} is not a program`;
    throw new GateError('CUE_MISSING', `${question.name} is a CUE policy, and ${why}`);
  }
  const folder = ports.makeFolder();
  writeFileSync(join(folder, 'policy.cue'), question.text, { flag: 'wx', mode: 0o600 });
  const env = {
    ...{ HOME: folder, CUE_CACHE_DIR: join(folder, 'cache'), CUE_CONFIG_DIR: join(folder, 'config') },
    ...{ CUE_REGISTRY: 'none', GOMEMLIMIT: `${HEAP_BYTES}`, GOTRACEBACK: 'none' },
  };
  const run = (args: readonly string[], stop: AbortSignal): Promise<ExecResult> =>
    ports.exec({
      program,
      args,
      cwd: folder,
      env,
      maxOutputBytes: OUTPUT_BYTES,
      maxMemoryBytes: MEMORY_BYTES,
      signal: AbortSignal.any([stop, AbortSignal.timeout(TIMEOUT_MS)]),
    });
  const compiled = complaintOf(await run(['vet', '--concrete=false', 'policy.cue'], signal), question);
  if (compiled !== undefined) throw new GateError('CUE_INVALID', `${question.name}: ${compiled}`);

  let documents = 0;
  return {
    async judge(input, stop) {
      const document = `input-${documents++}.json`;
      const path = join(folder, document);
      try {
        writeFileSync(path, canonicalJson(input), { flag: 'wx', mode: 0o600 });
        // Named as data: else a document with a "$schema" or "openapi" in it is taken for a schema, and refuses nothing.
        const result = await run(['vet', '--concrete', 'policy.cue', 'json+data:', document], stop);
        const complaint = complaintOf(result, question);
        return complaint === undefined ? { kind: 'passed' } : { kind: 'failed', message: complaint };
      } finally {
        // The folder is there for as long as the policy: in a process that goes on, every document would be.
        rmSync(path, { force: true });
      }
    },
  };
}

/** What cue has against it; undefined for nothing. Throws for every end that is no answer. */
function complaintOf(result: ExecResult, { name }: ContentQuestion): string | undefined {
  if (result.kind === 'missing') throw new GateError('CUE_MISSING', `cue cannot be run: ${oneLine(result.message)}`);
  if (result.kind === 'killed') {
    const why = { deadline: 'did not finish in time', output: 'printed too much', signal: 'was killed' }[result.why];
    throw new GateError('CUE_FAILED', `${name}: cue ${why}`);
  }
  if (result.code === 0) return undefined;
  const [first = '', ...rest] = result.stderr.trim().split('\n');
  const place = /^\s+\.?\/?(policy\.cue:\d+:\d+)$/.exec(rest.find((line) => line.includes('policy.cue:')) ?? '')?.[1];
  if (result.code !== 1 || first === '' || /^(panic|fatal error|runtime):/.test(first)) {
    throw new GateError('CUE_FAILED', `${name}: cue ended with exit code ${result.code}: ${oneLine(first, 300)}`);
  }
  return `${place === undefined ? '' : `${place}: `}${oneLine(first.replace(/:$/, ''), 400)}`;
}
