/**
 * One real program of a system under test: started, watched, and stopped by its own process id.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';

const keptLogBytes = 256 * 1024;

export interface ComponentStart {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Resolves true once the component serves. It is asked every 50 ms until then. */
  ready(component: Component): Promise<boolean> | boolean;
  /** How it is asked to end; after 3 s it is killed. Some (argocd-cmp-server) never obey SIGTERM. */
  readonly stopSignal?: 'SIGTERM' | 'SIGKILL';
  readonly deadlineMs?: number;
}

/** A running program. It ends with `stop`, with `await using`, and with the test process. */
export interface Component extends AsyncDisposable {
  readonly name: string;
  readonly pid: number;
  /** The last of what it printed, both streams as they came. */
  log(): string;
  stop(): Promise<void>;
}

/** Starts a program and waits until it is ready. An early end or a missed deadline throws with its last words. */
export async function startComponent(start: ComponentStart): Promise<Component> {
  const child = spawn(start.program, start.args, {
    env: start.env,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(start.cwd === undefined ? {} : { cwd: start.cwd }),
  });
  let log = '';
  const keep = (chunk: Buffer) => {
    log = (log + chunk.toString('utf8')).slice(-keptLogBytes);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  let failure: Error | undefined;
  child.on('error', (error) => {
    failure = error;
  });
  const killWithTests = () => child.kill('SIGKILL');
  process.once('exit', killWithTests);
  const stop = async () => {
    process.off('exit', killWithTests);
    await endChild(child, start.stopSignal ?? 'SIGTERM');
  };
  const component: Component = {
    name: start.name,
    pid: child.pid ?? -1,
    log: () => log,
    stop,
    [Symbol.asyncDispose]: stop,
  };
  try {
    await waitFor(`${start.name} to be ready`, start.deadlineMs ?? 60_000, async () => {
      if (failure !== undefined) throw new Stop(`${start.name} could not be started: ${failure.message}`);
      if (hasEnded(child)) throw new Stop(`${start.name} ended (${child.exitCode ?? child.signalCode})`);
      return (await start.ready(component)) ? true : undefined;
    });
  } catch (error) {
    await stop();
    throw new Error(`${error instanceof Error ? error.message : error}\n${tail(log)}`);
  }
  return component;
}

/** The last lines of a log, for the message of a failed test. */
export function tail(log: string, lines = 25): string {
  return log.trimEnd().split('\n').slice(-lines).join('\n');
}

/** Thrown inside a `waitFor` question: there is no use in asking again. */
class Stop extends Error {}

/**
 * Asks until the answer is not undefined, and returns it. Errors of the question count as "not yet", and the last one
 * is told when the deadline has passed.
 */
export async function waitFor<T>(
  what: string,
  deadlineMs: number,
  question: () => Promise<T | undefined> | T | undefined,
  everyMs = 50,
): Promise<T> {
  const end = Date.now() + deadlineMs;
  let last: unknown;
  for (;;) {
    try {
      const answer = await question();
      if (answer !== undefined) return answer;
      last = undefined;
    } catch (error) {
      if (error instanceof Stop) throw error;
      last = error;
    }
    if (Date.now() > end) {
      const why = last === undefined ? '' : `; the last answer was an error: ${last}`;
      throw new Error(`waited ${deadlineMs / 1000} s for ${what}${why}`);
    }
    await new Promise((next) => setTimeout(next, everyMs));
  }
}

/** Ports on loopback that were free a moment ago, all different. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<{ port: number; close: () => void }>((done, failed) => {
          const server = createServer();
          server.once('error', failed);
          server.listen(0, '127.0.0.1', () => {
            const address = server.address();
            if (address === null || typeof address === 'string') failed(new Error('no port'));
            else done({ port: address.port, close: () => server.close() });
          });
        }),
    ),
  );
  for (const server of servers) server.close();
  return servers.map((server) => server.port);
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function endChild(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (child.pid === undefined || hasEnded(child)) return;
  const ended = new Promise<void>((done) => child.once('exit', () => done()));
  child.kill(signal);
  const impatience = setTimeout(() => child.kill('SIGKILL'), 3_000);
  await ended;
  clearTimeout(impatience);
}
