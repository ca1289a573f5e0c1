import { GateError } from '../../../core/errors.ts';
import type { Exec, ExecRequest, ExecResult } from '../../../core/ports.ts';
import { oneLine } from '../message.ts';
import { FORBIDDEN } from './capabilities.ts';
import type { RegoLayout } from './layout.ts';
import type { RegoSettings } from './settings.ts';

const MIB = 1024 * 1024;
/** Go reserves about this much address space before it allocates anything. */
const RESERVED_BYTES = 1024 * MIB;

/** How one program is asked. */
export interface OpaContext {
  readonly exec: Exec;
  readonly program: string;
  readonly settings: RegoSettings;
  readonly layout: RegoLayout;
}

/** One complaint of opa, as its JSON output gives it. */
export interface OpaComplaint {
  readonly message: string;
  readonly code: string;
  /** Where in which file; undefined where opa does not say. */
  readonly place: string | undefined;
}

/** The request that runs opa in the folder of the policies: it sees them by the names that messages print. */
export function opaRequest(context: OpaContext, args: readonly string[], signal: AbortSignal): ExecRequest {
  const { limits } = context.settings;
  const heap = Math.max(limits.memoryMiB * MIB - RESERVED_BYTES, 128 * MIB);
  return {
    program: context.program,
    args,
    cwd: context.layout.policies,
    // Nothing of the user's: no OPA_* setting, no proxy, no home. Collecting garbage late is most of a short run.
    env: { HOME: context.layout.root, GOMEMLIMIT: `${heap}`, GOGC: '400', GOTRACEBACK: 'none' },
    maxOutputBytes: limits.outputMiB * MIB,
    maxMemoryBytes: limits.memoryMiB * MIB,
    signal,
  };
}

/** Runs opa to its end. Throws OPA_MISSING and REGO_LIMIT; an exit code other than 0 is an answer. */
export async function runOpa(
  context: OpaContext,
  args: readonly string[],
  signal: AbortSignal,
  stdin?: string,
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const request = opaRequest(context, args, signal);
  const result = await context.exec(stdin === undefined ? request : { ...request, stdin });
  if (result.kind !== 'exited') throw endedEarly(result, context.settings);
  if (isOutOfMemory(result.stderr)) throw outOfMemory(context.settings);
  return { code: result.code, stdout: result.stdout.toString('utf8'), stderr: result.stderr };
}

/** What it means that opa did not come to an end of its own. */
export function endedEarly(result: ExecResult, settings: RegoSettings): GateError {
  if (result.kind === 'missing') return new GateError('OPA_MISSING', `opa cannot be run: ${oneLine(result.message)}`);
  if (isOutOfMemory(result.stderr)) return outOfMemory(settings);
  if (result.kind === 'exited') {
    return new GateError('OPA_FAILED', `opa ended with exit code ${result.code}: ${firstLine(result.stderr)}`);
  }
  if (result.why === 'deadline') {
    return new GateError('REGO_LIMIT', 'opa did not finish before the deadline and was stopped', {
      mend: `Look for a rule that does not end; else raise spec.rego.limits.timeoutSeconds (${settings.limits.timeoutSeconds}) or --timeout.`,
    });
  }
  if (result.why === 'output') {
    return new GateError('REGO_LIMIT', `opa answered more than ${settings.limits.outputMiB} MiB and was stopped`, {
      mend: 'Look for a rule that multiplies its messages; else raise spec.rego.limits.outputMiB.',
    });
  }
  return new GateError('OPA_FAILED', 'opa was killed by a signal from outside');
}

function isOutOfMemory(stderr: string): boolean {
  return /^(runtime: out of memory|fatal error: (runtime: )?(out of memory|cannot allocate|failed to reserve))|cannot allocate memory/m.test(
    stderr,
  );
}

function outOfMemory(settings: RegoSettings): GateError {
  return new GateError(
    'REGO_LIMIT',
    `opa needed more than ${settings.limits.memoryMiB} MiB of memory and was stopped`,
    {
      mend: 'Look for a rule that multiplies its values; else raise spec.rego.limits.memoryMiB.',
    },
  );
}

/** `1.22.0`. */
export async function opaVersion(context: OpaContext, signal: AbortSignal): Promise<string> {
  const { stdout } = await runOpa(context, ['version'], signal);
  const version = /^Version:\s*(\S+)/m.exec(stdout)?.[1];
  if (version === undefined)
    throw new GateError('OPA_FAILED', 'the program at spec.rego.path does not say opa version');
  return oneLine(version, 40);
}

/** The flags that opa takes for the Rego version. */
export function versionFlags(settings: RegoSettings): string[] {
  return settings.version === 'v0' ? ['--v0-compatible'] : [];
}

/**
 * Compiles the policies, and with `limited` sees that they call nothing but what they may. Throws REGO_INVALID for the
 * first thing that is wrong, with its place.
 */
export async function checkPolicies(
  context: OpaContext,
  signal: AbortSignal,
  { limited }: { readonly limited: boolean },
): Promise<void> {
  const { layout, settings } = context;
  const capabilities = limited ? ['--capabilities', layout.capabilities] : [];
  const args = ['check', '--format', 'json', ...capabilities, ...versionFlags(settings), '.'];
  const { code, stdout, stderr } = await runOpa(context, limited ? [...args, layout.harness] : args, signal);
  if (code === 0) return;
  const complaints = readComplaints(stdout) ?? readComplaints(stderr);
  throw complaints === undefined
    ? new GateError(
        'OPA_FAILED',
        `opa check failed (exit ${code}): ${layout.displayed(firstLine(stderr)) || 'it said nothing'}`,
      )
    : asInvalid(complaints, layout);
}

/** The `errors` of a JSON answer; undefined where there is none. */
export function readComplaints(output: string): OpaComplaint[] | undefined {
  let errors: unknown;
  try {
    errors = (JSON.parse(output) as { errors?: unknown }).errors;
  } catch {
    return undefined;
  }
  if (!Array.isArray(errors) || errors.length === 0) return undefined;
  return errors.map((each: { message?: unknown; code?: unknown; location?: Record<string, unknown> | null }) => {
    const { file, row, col } = each.location ?? {};
    const line =
      typeof row === 'number' && row > 0 ? `:${row}${typeof col === 'number' && col > 0 ? `:${col}` : ''}` : '';
    return {
      message: oneLine(String(each.message ?? 'an error without a message')),
      code: String(each.code ?? ''),
      place: typeof file === 'string' && file !== '' ? `${file}${line}` : undefined,
    };
  });
}

/** Complaints of a compiler as the error that a reader gets: the first one, and how many more there are. */
export function asInvalid(complaints: readonly OpaComplaint[], layout: RegoLayout): GateError {
  // What the policies do wrong also breaks the questions that are asked of them: the policies come first.
  const [first = { message: 'opa refuses the policies', code: '', place: undefined }] = [...complaints].sort(
    (a, b) => Number(layout.isOurs(a.place)) - Number(layout.isOurs(b.place)),
  );
  const asFunction = /^function data\.(\S+) used as reference/.exec(
    complaints.find(({ message }) => message.startsWith('function data.'))?.message ?? '',
  );
  if (layout.isOurs(first.place) && asFunction !== null) {
    return new GateError('REGO_RULE_INVALID', `${asFunction[1]} is a function, so it can judge nothing`);
  }
  const shown = layout.isOurs(first.place) ? undefined : first.place;
  const where = shown === undefined ? '' : `${shown}: `;
  const more = complaints.length > 1 ? ` (and ${complaints.length - 1} more)` : '';
  const called = /^undefined function (\S+)/.exec(first.message)?.[1];
  const mend =
    called !== undefined && FORBIDDEN.has(called)
      ? `${called} is not available here: policies reach no network, file, environment or chance. Give what it would answer as data (spec.rego.data).`
      : undefined;
  return new GateError('REGO_INVALID', `${where}${layout.displayed(first.message)}${more}`, {
    place: shown,
    ...(mend !== undefined && { mend }),
  });
}

export function firstLine(text: string): string {
  return oneLine(text.trim().split('\n', 1)[0] ?? '', 300);
}
