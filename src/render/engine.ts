import { basename } from 'node:path';
import { GateError } from '../core/errors.ts';
import type { Exec, ExecResult } from '../core/ports.ts';
import type { RenderLimits } from './settings.ts';

/** What is needed to run a renderer in its own small world. */
export interface Engine {
  readonly exec: Exec;
  readonly limits: RenderLimits;
  readonly signal: AbortSignal;
  /** Absolute paths that messages must not show, each with what stands for it; longer ones first. */
  readonly hide: (readonly [path: string, shown: string])[];
  /** What a message must not show at all: passwords and tokens. */
  readonly secrets: readonly string[];
}

export interface Invocation {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** What messages call it: `kustomize build apps/web`. */
  readonly name: string;
  /** helm tells on stdout what came of each repository. */
  readonly tellsOnStdout?: boolean;
}

/** Runs a renderer and answers with its output. Throws RENDER_* for every way in which it can fail. */
export async function run(engine: Engine, invocation: Invocation): Promise<Buffer> {
  const result = await attempt(engine, invocation);
  if (result.kind === 'exited' && result.code === 0) return result.stdout;
  throw failure(engine, invocation, result);
}

/** Runs it and lets the caller look at the exit code. */
export function attempt(engine: Engine, invocation: Invocation): Promise<ExecResult> {
  return engine.exec({
    program: invocation.program,
    args: invocation.args,
    cwd: invocation.cwd,
    env: invocation.env,
    maxOutputBytes: engine.limits.outputMiB * 1024 * 1024,
    maxMemoryBytes: engine.limits.memoryMiB * 1024 * 1024,
    signal: engine.signal,
  });
}

/** The error that tells how a renderer ended. */
export function failure(engine: Engine, invocation: Invocation, result: ExecResult): GateError {
  const { name } = invocation;
  if (result.kind === 'missing') return new GateError('RENDERER_MISSING', `${name}: ${result.message}`);
  if (result.kind === 'killed') {
    if (result.why === 'deadline') return new GateError('RENDER_TIMEOUT', `${name} did not end before the deadline`);
    if (result.why === 'output') {
      return new GateError('RENDER_OUTPUT', `${name} printed more than ${engine.limits.outputMiB} MiB`);
    }
    return new GateError('RENDER_KILLED', `${name} was ended by a signal`);
  }
  // What Go's runtime says when the address space it may have is used up.
  if (
    /cannot allocate memory|runtime: out of memory|failed to reserve|failed to create new OS thread/.test(result.stderr)
  ) {
    return new GateError('RENDER_MEMORY', `${name} needed more than ${engine.limits.memoryMiB} MiB`);
  }
  const told =
    invocation.tellsOnStdout === true ? `${result.stderr}\n${result.stdout.toString('utf8')}` : result.stderr;
  const hide = [...engine.hide, [invocation.program, basename(invocation.program)] as const];
  const said = complaint(told, { hide, secrets: engine.secrets });
  return new GateError(
    'RENDER_FAILED',
    said === '' ? `${name} failed (exit ${result.code})` : `${name} failed: ${said}`,
  );
}

const MAX_COMPLAINT = 1500;

/** A renderer's stderr as one line that may be shown: no control characters, machine paths or secrets, and not long. */
function complaint(stderr: string, engine: Pick<Engine, 'hide' | 'secrets'>): string {
  let text = stderr;
  for (const secret of engine.secrets) if (secret.length > 0) text = text.replaceAll(secret, '***');
  for (const [path, shown] of engine.hide) text = text.replaceAll(path, shown);
  text = text
    .replace(/\b([a-z][a-z+]*:\/\/)[^/\s@'"]+@/g, '$1***@')
    // kustomize prints the whole environment that it gave to helm.
    .replace(/ with env=\[[^\]]*\]/g, '')
    .replace(/\u001b\[[0-9;]*[A-Za-z]/g, '')
    .split(/[\r\n]+/)
    .map((line) => line.replace(/[\u0000-\u0020\u007f-\u009f\u2028\u2029]+/g, ' ').trim())
    .filter((line) => line !== '' && !isNoise(line))
    .join('; ');
  return text.length <= MAX_COMPLAINT ? text : `${text.slice(0, MAX_COMPLAINT)}…`;
}

function isNoise(line: string): boolean {
  return (
    line.startsWith('# Warning:') ||
    line === 'Use --debug flag to render out invalid YAML' ||
    /^(?:walk\.go|level=WARN|\d{4}\/\d\d\/\d\d )/.test(line)
  );
}
