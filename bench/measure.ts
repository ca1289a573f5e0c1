/**
 * Measures programs beside each other: interleaved rounds, so that whatever else the machine does falls on all of them
 * alike, and the median with its spread, so that one slow run neither makes nor breaks a ratio.
 */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

export interface Program {
  readonly argv: readonly [string, ...string[]];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
}

export interface Ran {
  readonly milliseconds: number;
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Something that can be measured: a program from its start to its end, or work inside this process. */
export interface Contender {
  readonly name: string;
  /** Does the work once and answers with how long it took, in milliseconds. */
  readonly run: () => Promise<number>;
}

/** What was measured of one contender, in milliseconds. */
export interface Timing {
  readonly name: string;
  readonly median: number;
  readonly least: number;
  readonly most: number;
  readonly rounds: number;
}

/** Runs a program to its end and keeps what it printed. */
export function runProgram({ argv: [program, ...args], cwd, env, stdin }: Program): Promise<Ran> {
  return new Promise((done, failed) => {
    const started = process.hrtime.bigint();
    const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: 'pipe' });
    const chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
    child.stdout.on('data', (chunk: Buffer) => chunks.stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => chunks.stderr.push(chunk));
    child.stdin.on('error', () => {});
    child.stdin.end(stdin);
    child.on('error', failed);
    child.on('close', (exitCode) => {
      const milliseconds = Number(process.hrtime.bigint() - started) / 1e6;
      const [stdout, stderr] = [chunks.stdout, chunks.stderr].map((list) => Buffer.concat(list).toString('utf8'));
      done({ milliseconds, exitCode, stdout: stdout ?? '', stderr: stderr ?? '' });
    });
  });
}

/** A contender that is a whole process. Its run fails unless it exits with the code that is expected. */
export function processContender(name: string, program: Program, expectedExit: number): Contender {
  return {
    name,
    async run() {
      const ran = await runProgram(program);
      if (ran.exitCode !== expectedExit) {
        throw new Error(`${name} exited with ${ran.exitCode}, not ${expectedExit}: ${ran.stderr.slice(0, 500)}`);
      }
      return ran.milliseconds;
    },
  };
}

/** A contender inside this process. */
export function workContender(name: string, work: () => Promise<unknown>): Contender {
  return {
    name,
    async run() {
      const started = process.hrtime.bigint();
      await work();
      return Number(process.hrtime.bigint() - started) / 1e6;
    },
  };
}

/** Each round runs every contender once, A B C A B C; the first `warmUp` rounds (files into the cache) do not count. */
export async function compare(contenders: readonly Contender[], rounds: number, warmUp = 1): Promise<Timing[]> {
  const samples = contenders.map(() => [] as number[]);
  for (let round = -warmUp; round < rounds; round += 1) {
    for (const [i, contender] of contenders.entries()) {
      const milliseconds = await contender.run();
      if (round >= 0) samples[i]?.push(milliseconds);
    }
  }
  return contenders.map(({ name }, i) => {
    const sorted = (samples[i] ?? []).sort((a, b) => a - b);
    return { name, median: median(sorted), least: sorted[0] ?? 0, most: sorted.at(-1) ?? 0, rounds: sorted.length };
  });
}

function median(sorted: readonly number[]): number {
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1] ?? 0, sorted[Math.floor(middle)] ?? 0];
  return (low + high) / 2;
}

/**
 * The most memory that a program and all of its children held at one moment, in MiB, as /proc tells while it runs. NaN
 * where there is no /proc. Looking costs the program time, so this run is not one of the timed ones.
 */
export async function peakMemory({ argv: [program, ...args], cwd, env, stdin }: Program): Promise<number> {
  const child = spawn(program, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.stdin.on('error', () => {});
  child.stdin.end(stdin);
  let running = true;
  let peak = Number.NaN;
  child.on('close', () => {
    running = false;
  });
  while (running) {
    const now = treeMemory(child.pid ?? -1);
    if (now > 0 && !(peak >= now)) peak = now;
    await new Promise((done) => setTimeout(done, 2));
  }
  return peak;
}

/** The memory that a process and its children hold now, in MiB. */
export function treeMemory(pid: number): number {
  try {
    const kib = Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
    const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
    );
    return children.reduce((sum, each) => sum + treeMemory(each), kib / 1024);
  } catch {
    return 0;
  }
}
