/**
 * The one place that starts programs. Each child leads a process group of its own and talks through pipes made here,
 * never through inherited ones: a child that kept the plugin's stdout would hold Argo CD's call open after its leader
 * is gone (its server waits for the pipe, not for the process).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { basename, delimiter, isAbsolute, join } from 'node:path';
import type { Exec, ExecRequest, ExecResult, Serve, Served } from '../core/ports.ts';

/** How much of stderr is kept: enough for any message, too little to fill the memory with. */
const KEPT_STDERR_BYTES = 64 * 1024;
/** How long a killed child's pipes may stay open (another process may hold them) before they are closed from here. */
const PIPE_GRACE_MS = 500;

/**
 * Programs that stand before the child in its command line; each replaces itself by the next, so the pid stays the
 * child's. `setpriv` makes the kernel kill the child if this process dies by SIGKILL, `prlimit` sets its limits.
 * undefined where the machine does not have them: then a SIGKILL of this process can leave a child, and memory is not
 * limited.
 */
export interface Launchers {
  readonly setpriv: string | undefined;
  readonly prlimit: string | undefined;
}

/**
 * Looks for the launchers where distributions put them. BusyBox has both names with fewer options, so a link to it
 * does not count.
 */
export function findLaunchers(folders: readonly string[] = ['/usr/bin', '/bin']): Launchers {
  const found = (name: string): string | undefined => {
    const path = folders.map((folder) => join(folder, name)).find(isProgram);
    return path === undefined || basename(realpathSync(path)) === 'busybox' ? undefined : path;
  };
  return { setpriv: found('setpriv'), prlimit: found('prlimit') };
}

/**
 * The absolute path of a program: `name` itself if it is absolute, else the first one in the folders of `path` (as in
 * `$PATH`; relative folders are skipped, because they would be looked up in a hostile tree). undefined if there is none.
 */
export function findProgram(name: string, path: string): string | undefined {
  if (name.includes('/')) return isAbsolute(name) && isProgram(name) ? name : undefined;
  return path
    .split(delimiter)
    .filter(isAbsolute)
    .map((folder) => join(folder, name))
    .find(isProgram);
}

/**
 * Runs a program to its end. Never rejects: a missing program, a deadline, too much output and death by a signal are
 * answers. When it settles, nothing of the child's process group is left.
 */
export function createExec(launchers: Launchers = findLaunchers()): Exec {
  return async (request) => {
    const started = start(request, launchers);
    return 'kind' in started ? started : started.ended;
  };
}

/** Starts programs that go on running, such as a policy server. The request's signal stops them too. */
export function createServe(launchers: Launchers = findLaunchers()): Serve {
  return (request) => start(request, launchers);
}

/** The groups that are alive now: ended with this process, whichever way it leaves by itself. */
const groups = new Set<number>();
process.on('exit', () => {
  for (const group of groups) killGroup(group);
});

function start(request: ExecRequest, launchers: Launchers): Served | ExecResult {
  if (!isAbsolute(request.program) || !isProgram(request.program)) {
    return { kind: 'missing', message: `${basename(request.program)} is not an executable file` };
  }
  if (request.signal.aborted) return { kind: 'killed', why: 'deadline', stderr: '' };
  const [program, ...args] = commandLine(request, launchers);
  let child: ChildProcess;
  try {
    child = spawn(program as string, args, {
      cwd: request.cwd,
      env: request.env as NodeJS.ProcessEnv,
      stdio: [request.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      detached: true,
      shell: false,
    });
  } catch (error) {
    // Too long a command line (E2BIG), or a NUL byte in it, is thrown and not emitted.
    return { kind: 'missing', message: startError(request, error) };
  }
  return watch(child, request);
}

/** The child's pid leads its group; kill(-pid) therefore reaches everything it started that stayed in the group. */
function watch(child: ChildProcess, request: ExecRequest): Served | ExecResult {
  const output: Buffer[] = [];
  let outputBytes = 0;
  const errors: Buffer[] = [];
  let errorBytes = 0;
  let why: 'deadline' | 'output' | undefined;
  const stderr = (): string => Buffer.concat(errors).toString('utf8');

  const kill = (): void => {
    if (child.pid !== undefined) killGroup(child.pid);
  };
  const onAbort = (): void => {
    why ??= 'deadline';
    kill();
  };

  const ended = new Promise<ExecResult>((settle) => {
    let failure: string | undefined;
    let end: { code: number | null; signal: NodeJS.Signals | null } | undefined;
    let grace: NodeJS.Timeout | undefined;

    const finish = (): void => {
      clearTimeout(grace);
      request.signal.removeEventListener('abort', onAbort);
      if (child.pid !== undefined) groups.delete(child.pid);
      if (failure !== undefined) settle({ kind: 'missing', message: failure });
      else if (why !== undefined) settle({ kind: 'killed', why, stderr: stderr() });
      else if (end === undefined || end.code === null) settle({ kind: 'killed', why: 'signal', stderr: stderr() });
      else settle({ kind: 'exited', code: end.code, stdout: Buffer.concat(output, outputBytes), stderr: stderr() });
    };

    child.on('error', (error) => {
      failure = startError(request, error);
      if (child.pid === undefined) finish();
    });
    child.on('exit', (code, signal) => {
      end = { code, signal };
      // Whatever the leader left behind in its group goes with it.
      kill();
      grace = setTimeout(() => {
        child.stdout?.destroy();
        child.stderr?.destroy();
      }, PIPE_GRACE_MS);
    });
    child.on('close', finish);
  });

  child.stdout?.on('data', (chunk: Buffer) => {
    outputBytes += chunk.length;
    if (outputBytes <= request.maxOutputBytes) {
      output.push(chunk);
    } else if (why === undefined) {
      why = 'output';
      output.length = 0;
      kill();
    }
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    const room = KEPT_STDERR_BYTES - errorBytes;
    if (room > 0) errors.push(chunk.subarray(0, room));
    errorBytes += Math.min(chunk.length, Math.max(room, 0));
  });
  // A child that ends without reading its stdin closes the pipe (EPIPE): its exit code tells, not this.
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.on('error', () => {});
  child.stdin?.end(request.stdin);

  if (child.pid !== undefined) {
    groups.add(child.pid);
    request.signal.addEventListener('abort', onAbort, { once: true });
  }
  return {
    ended,
    stderr,
    stop: async () => {
      kill();
      await ended;
    },
  };
}

function commandLine(request: ExecRequest, launchers: Launchers): readonly string[] {
  const line = [request.program, ...request.args];
  if (launchers.prlimit !== undefined) {
    const memory = request.maxMemoryBytes === undefined ? [] : [`--as=${Math.floor(request.maxMemoryBytes)}`];
    line.unshift(launchers.prlimit, '--core=0', ...memory, '--');
  }
  if (launchers.setpriv !== undefined) line.unshift(launchers.setpriv, '--pdeathsig', 'KILL', '--');
  return line;
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // No such group: it is gone already.
  }
}

function startError(request: ExecRequest, error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code ?? 'error';
  return `${basename(request.program)} could not be started (${code})`;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
