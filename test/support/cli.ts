/**
 * Runs the built command as a user would: `dist/syncgate.mjs` by Node, in a folder of its own, with an environment,
 * a PATH and a temporary folder that hold nothing else. What a run leaves behind is part of its answer.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ToolName } from './tools/catalog.ts';
import { tool } from './tools/resolve.ts';

const projectRoot = resolve(import.meta.dirname, '../..');
/** How long something that a run started may take to be gone. */
const lingerMs = 2000;

/** How a run ended, and what is left of it. */
export interface CliRun {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Processes of the run that are still there two seconds after it ended. */
  readonly leftProcesses: readonly string[];
  /** What is in the temporary folder after it ended. */
  readonly leftFiles: readonly string[];
}

interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** The word `never` keeps standard input open with nothing in it. */
  readonly stdin?: string | Uint8Array;
  /** A program that runs the command, such as `prlimit … --`. */
  readonly through?: readonly string[];
  /** Is given the running child; the run ends when the child does. */
  readonly meanwhile?: (child: ChildProcess) => unknown;
}

/** The text of files by path. */
export type Files = Readonly<Record<string, string | Uint8Array>>;

/** A folder with a repository, a platform's configuration, programs, a home and a temporary folder. */
export interface Sandbox extends Disposable {
  readonly path: string;
  readonly temporary: string;
  /** Writes files below the sandbox: `repo/app/web.yaml`, `platform/gate.yaml`. */
  write(files: Files): void;
  /** Puts a shell script on the PATH of runs, with the usual programs on its own. */
  program(name: string, script: string): string;
  /** Puts a real tool on the PATH of runs. */
  realProgram(name: ToolName): Promise<void>;
  /** Runs `syncgate` with these arguments. */
  run(args: readonly string[], options?: RunOptions): Promise<CliRun>;
  /** Runs one of the judging commands over `repo/app` with `platform/gate.yaml`, as its surface would. */
  judge(command: JudgingCommand, args?: readonly string[], options?: RunOptions): Promise<CliRun>;
}

export type JudgingCommand = 'check' | 'render' | 'generate';
export const judgingCommands: readonly JudgingCommand[] = ['check', 'render', 'generate'];

let built: Promise<string> | undefined;

/** The path of the bundle, which is built anew if a source is younger. */
export function builtCommand(): Promise<string> {
  built ??= (async () => {
    const bundle = join(projectRoot, 'dist/syncgate.mjs');
    const sources = [...globSync('src/**/*.ts', { cwd: projectRoot }), 'scripts/build.mjs', 'package.json'];
    const youngest = Math.max(...sources.map((file) => statSync(join(projectRoot, file)).mtimeMs));
    if (!existsSync(bundle) || statSync(bundle).mtimeMs <= youngest) {
      execFileSync(process.execPath, [join(projectRoot, 'scripts/build.mjs')], { cwd: projectRoot });
    }
    return bundle;
  })();
  return built;
}

/** Makes a sandbox; disposing of it removes it. `gate` is the Gate's spec, with the parts that every Gate must have. */
export function createSandbox(repository: Files = {}, gate: object = {}): Sandbox {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'cli-')));
  const temporary = join(path, 'tmp');
  for (const folder of ['tmp', 'home', 'bin', 'repo/app', 'platform'])
    mkdirSync(join(path, folder), { recursive: true });

  function write(files: Files): void {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(path, name)), { recursive: true });
      writeFileSync(join(path, name), content);
    }
  }

  async function run(args: readonly string[], options: RunOptions = {}): Promise<CliRun> {
    const line = [...(options.through ?? []), process.execPath, await builtCommand(), ...args];
    const env = { PATH: join(path, 'bin'), HOME: join(path, 'home'), TMPDIR: temporary, ...options.env };
    const child = spawn(line[0] as string, line.slice(1), { cwd: options.cwd ?? path, env, stdio: 'pipe' });
    child.stdin.on('error', () => {});
    if (options.stdin !== 'never') child.stdin.end(options.stdin);
    const ended = collect(child);
    await options.meanwhile?.(child);
    const end = await ended;
    const leftProcesses = await processesLeft(path);
    return { ...end, leftProcesses, leftFiles: readdirSync(temporary) };
  }

  write({ 'platform/gate.yaml': gateText(gate) });
  write(Object.fromEntries(Object.entries(repository).map(([name, content]) => [`repo/${name}`, content])));
  return {
    path,
    temporary,
    write,
    program(name, script) {
      const file = join(path, 'bin', name);
      writeFileSync(file, `#!/bin/sh\nPATH=/usr/bin:/bin\n${script}\n`);
      chmodSync(file, 0o755);
      return file;
    },
    async realProgram(name) {
      symlinkSync(await tool(name), join(path, 'bin', name));
    },
    run,
    judge(command, args = [], options = {}) {
      if (command === 'generate') {
        return run(['generate', '--config', '../../platform/gate.yaml', ...args], {
          ...options,
          cwd: join(path, 'repo/app'),
          env: { ARGOCD_APP_NAME: 'shop', ARGOCD_APP_NAMESPACE: 'shop', ARGOCD_APP_SOURCE_PATH: 'app', ...options.env },
        });
      }
      return run([command, 'repo/app', '--root', 'repo', '--config', 'platform/gate.yaml', ...args], options);
    },
    [Symbol.dispose]() {
      rmSync(path, { recursive: true, force: true });
    },
  };
}

/** A Gate that asks for nothing, but for the given parts of its spec. JSON is YAML. */
export function gateText(spec: object): string {
  const gate = {
    apiVersion: 'syncgate.dev/v1alpha1',
    kind: 'Gate',
    metadata: { name: 'test' },
    spec: { policies: [], images: 'unchecked', ...spec },
  };
  return JSON.stringify(gate, undefined, 2);
}

type End = Pick<CliRun, 'exitCode' | 'signal' | 'stdout' | 'stderr'>;

function collect(child: ChildProcess): Promise<End> {
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
  return new Promise((done, failed) => {
    const end = () => {
      const text = (chunks: readonly Buffer[]) => Buffer.concat(chunks).toString('utf8');
      done({ exitCode: child.exitCode, signal: child.signalCode, stdout: text(stdout), stderr: text(stderr) });
    };
    child.once('error', failed);
    child.once('close', end);
    // A pipe that something left behind holds open must not hold the test: it is found among what is left.
    child.once('exit', () => setTimeout(end, 1000));
  });
}

/**
 * Processes that have the sandbox in their environment, command line or working folder, if they are still there when
 * their time to go is over. Every child of the command has its home in the run's private folder.
 */
export async function processesLeft(sandbox: string): Promise<string[]> {
  const end = Date.now() + lingerMs;
  for (;;) {
    const left = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((pid) => processBelow(pid, sandbox));
    if (left.length === 0 || Date.now() > end) return left;
    await sleep(50);
  }
}

function processBelow(pid: string, sandbox: string): string[] {
  const read = (what: () => string): string => {
    try {
      return what();
    } catch {
      return '';
    }
  };
  const commandLine = read(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '));
  const environment = read(() => readFileSync(`/proc/${pid}/environ`, 'utf8'));
  const folder = read(() => readlinkSync(`/proc/${pid}/cwd`));
  return [commandLine, environment, folder].some((text) => text.includes(sandbox)) ? [`${pid} ${commandLine}`] : [];
}

/** Waits until a file is there. */
export async function appearance(file: string): Promise<void> {
  for (const end = Date.now() + 20_000; !existsSync(file); await sleep(20)) {
    if (Date.now() > end) throw new Error(`${file} did not appear`);
  }
}
