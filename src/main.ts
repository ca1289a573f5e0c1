import { existsSync, readFileSync, realpathSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, relative, resolve } from 'node:path';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { isFolder, readBoundedFile, readStdin, workTreeOf } from './adapters/command-input.ts';
import { growHeapSlowly } from './adapters/heap.ts';
import type { ThreadRole } from './adapters/thread.ts';
import { emptyConfig, type GateConfig, loadConfig } from './config.ts';
import { withDeadline } from './core/deadline.ts';
import { asGateError, CODES, GateError } from './core/errors.ts';
import { visible, withMend } from './report/text.ts';
import { type Command, parseCommand } from './surfaces/cli/arguments.ts';
import { helpText } from './surfaces/cli/help.ts';
import {
  type CommandWorld,
  exitCodeOf,
  type Printed,
  printJudged,
  requestFromCommand,
} from './surfaces/cli/judge-command.ts';
import type { OpenGate } from './wiring/gate.ts';

/** The mount of the container image, and of the sidecar. */
const defaultConfig = '/etc/syncgate/gate.yaml';
/** A key, or a trusted_root.json. */
const maxTrustFile = 4 * 1024 * 1024;

const interruption = new AbortController();

// The same program is the thread that verifies: one file to install, and one to trust.
if (isMainThread) start();
else void serveAsThread();

function start(): void {
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.once(name, () => interruption.abort(new GateError('INTERRUPTED', `syncgate was stopped by ${name}`)));
  }

  // By itself Node prints a stack trace with paths of this machine and exits 1, which here means that something was judged.
  process.once('uncaughtException', (thrown) => {
    writeSync(2, printError(asGateError(thrown)).stderr);
    process.exit(exitCodeOf('unevaluated'));
  });

  // Whatever ends this process before there is a verdict must not look like one: left alone, Node would exit with 0.
  process.exitCode = exitCodeOf('unevaluated');
  process.once('beforeExit', () => {
    const error = new GateError('INTERNAL', 'there was nothing left to wait for, and no verdict');
    writeSync(2, printError(error).stderr);
  });

  // Older ones start, and break down in the middle of the work.
  const [major = '0'] = process.versions.node.split('.');
  if (Number(major) < 24) {
    const error = new GateError(
      'NODE_UNSUPPORTED',
      `syncgate needs Node 24 or later, and this is ${process.versions.node}`,
    );
    writeSync(2, printError(error).stderr);
    process.exit(exitCodeOf('usage'));
  }
  void main(process.argv.slice(2));
}

/** Whatever is thrown here ends the thread without an answer, which is none. */
async function serveAsThread(): Promise<void> {
  const { syncgate: role } = workerData as ThreadRole;
  if (parentPort === null) return;
  switch (role) {
    case 'verifier':
      return (await import('./checks/images/verify/worker.ts')).serveExaminations(parentPort);
    case 'tester':
      return (await import('./wiring/tests.ts')).serveTests(parentPort);
    default:
      return role satisfies never;
  }
}

async function main(argv: readonly string[]): Promise<void> {
  const printed = await run(argv).catch((thrown) => printError(asGateError(thrown)));
  let { exitCode } = printed;
  await write(process.stderr, printed.stderr).catch(() => {});
  try {
    await write(process.stdout, printed.stdout);
  } catch (thrown) {
    const { code = 'unknown error' } = thrown as NodeJS.ErrnoException;
    const why =
      code === 'EPIPE'
        ? 'whoever read the output closed it before all of it was written'
        : `not all of the output could be written (${code})`;
    const error = new GateError('EMIT_FAILED', why, { cause: thrown });
    await write(process.stderr, printError(error).stderr).catch(() => {});
    exitCode = exitCodeOf('unevaluated');
  }
  // A check that ignored its deadline would keep the process alive: children and folders go with `exit`.
  process.exit(exitCode);
}

async function run(argv: readonly string[]): Promise<Printed> {
  const command = parseCommand(argv, process.env);
  switch (command.name) {
    case 'help':
      return { stdout: helpText(command.topic), stderr: '', exitCode: 0 };
    case 'version': {
      const { engineVersions, versionText } = await import('./surfaces/cli/version.ts');
      const { createExec, findProgram } = await import('./adapters/exec.ts');
      const path = process.env['PATH'] ?? '';
      const signal = AbortSignal.any([AbortSignal.timeout(10_000), interruption.signal]);
      const versions = await engineVersions(createExec(), (name) => findProgram(name, path), signal);
      return { stdout: versionText(SYNCGATE_VERSION, versions, command.options.output), stderr: '', exitCode: 0 };
    }
    case 'check':
    case 'render': {
      const judged = await withGate(command, process.env['SYNCGATE_CONFIG'] ?? defaultConfig, async (gate, signal) => {
        const request = await requestFromCommand(command, commandWorld(signal));
        return gate.judge(request, command.options.output === 'yaml' ? 'yaml' : 'json', signal);
      });
      return printJudged(command, judged, process.stderr.isTTY === true);
    }
    case 'policies': {
      const described = await withGate(command, process.env['SYNCGATE_CONFIG'] ?? defaultConfig, (gate) =>
        gate.describe(),
      );
      const { paletteFor, printPolicies } = await import('./surfaces/cli/policies-command.ts');
      const { output, color } = command.options;
      const palette = paletteFor(process.stdout.isTTY === true, color);
      return printPolicies(described, output === 'json' ? 'json' : 'text', palette);
    }
    case 'generate': {
      const { platformConfigPath, requestFromPluginEnvironment } = await import('./surfaces/argocd/generate.ts');
      const { denialText, errorDenialText } = await import('./surfaces/argocd/denial.ts');
      const refusal = (text: string, exitCode: number) => ({ stdout: '', stderr: `${text}\n`, exitCode });
      try {
        const request = requestFromPluginEnvironment(process.env, realpathSync(process.cwd()));
        const judged = await withGate(command, platformConfigPath(process.env), (gate, signal) =>
          gate.judge(request, 'json', signal),
        );
        if (judged.manifests !== undefined)
          return printJudged({ name: 'render', options: command.options }, judged, false);
        return refusal(denialText(judged.decision), exitCodeOf(judged.decision.verdict));
      } catch (thrown) {
        const error = asGateError(thrown);
        return refusal(errorDenialText(error), exitCodeOf(CODES[error.code].answer));
      }
    }
    case 'verify-bundle': {
      const { verifyBundle } = await import('./surfaces/cli/verify-bundle-command.ts');
      return await verifyBundle(command, { readFile: readBoundedFile, now: Date.now });
    }
    case 'verify-image': {
      const { options } = command;
      // Without a Gate: registries that are public, and a signer that is given.
      const bare = command.signer === undefined ? undefined : await registryConfig(options.config);
      const file = options.config ?? process.env['SYNCGATE_CONFIG'] ?? defaultConfig;
      const config =
        bare ??
        (command.signer === undefined ? await loadConfig(file, readText) : emptyConfig((path) => resolve(path)));
      const seconds = options.timeoutSeconds ?? 120;
      const late = () => new GateError('CHECK_TIMEOUT', `not all images were verified within ${seconds} s`);
      return await withDeadline(interruption.signal, { milliseconds: seconds * 1000, late }, async (signal) => {
        const { openVerification } = await import('./wiring/images.ts');
        const { askedSigner, verifyImages } = await import('./surfaces/cli/verify-image-command.ts');
        const asked = askedSigner(command, (path) => Buffer.from(readBoundedFile(path, maxTrustFile)).toString('utf8'));
        const verification = await openVerification(config, asked, world(), signal);
        const progress = process.stderr.isTTY && !options.quiet ? showProgress : undefined;
        try {
          const { warnings, explain } = verification;
          return await verifyImages(command, { warnings, explain, progress }, signal);
        } finally {
          await verification.close();
        }
      });
    }
    case 'mirror': {
      const seconds = command.options.timeoutSeconds ?? 3600;
      const late = () => new GateError('MIRROR_FAILED', `not all images were copied within ${seconds} s`);
      return await withDeadline(interruption.signal, { milliseconds: seconds * 1000, late }, async (signal) => {
        const folder = resolve(command.folder);
        const { openMirror } = await import('./wiring/registries.ts');
        const { mirrorImages } = await import('./surfaces/cli/mirror-command.ts');
        const mirror = await openMirror(await registryConfig(command.options.config), world(), folder);
        const progress = process.stderr.isTTY && !command.options.quiet ? showProgress : undefined;
        try {
          return await mirrorImages(command, { ...mirror, folder, progress }, signal);
        } finally {
          mirror.close();
        }
      });
    }
    case 'test': {
      const seconds = command.options.timeoutSeconds ?? 600;
      const late = () => new GateError('TEST_TIMEOUT', `not all tests were run within ${seconds} s`);
      return await withDeadline(interruption.signal, { milliseconds: seconds * 1000, late }, async (signal) => {
        const { openTests } = await import('./wiring/tests.ts');
        const { runTestCommand } = await import('./surfaces/cli/test-command.ts');
        const progress = process.stderr.isTTY && !command.options.quiet ? showProgress : undefined;
        const { run } = openTests(world());
        return await runTestCommand(command, { run, terminal: process.stdout.isTTY === true, progress }, signal);
      });
    }
    case 'serve': {
      growHeapSlowly();
      const { serve } = await import('./wiring/serve.ts').catch((thrown) => {
        throw new GateError('SERVE_MISSING', String((thrown as Error).message), { cause: thrown });
      });
      const failed = await serve(
        command.options,
        { version: SYNCGATE_VERSION, world: world(), write: writeLine },
        interruption.signal,
      );
      // The log has said why, in lines that whoever collects it can read.
      return { stdout: '', stderr: '', exitCode: failed === undefined ? 0 : 2 };
    }
    default:
      return command satisfies never;
  }
}

/** A line of the log: to standard error, as controllers do. */
function writeLine(line: string): void {
  process.stderr.write(line);
}

async function readText(path: string): Promise<string> {
  return readFileSync(path, 'utf8');
}

type GateCommand = Extract<Command, { readonly name: 'check' | 'render' | 'generate' | 'policies' }>;

/** A Gate of policies that somebody names on the command line: it verifies no image, and lets nothing out. */
function policiesAlone(paths: readonly string[]): GateConfig {
  const config = emptyConfig((path) => resolve(path));
  return { ...config, spec: { ...config.spec, policies: paths.map((path) => ({ path })) } };
}

/** Opens the gate, judges within the deadline, and closes the gate again whatever came of it. */
async function withGate<Answer>(
  command: GateCommand,
  configPath: string,
  use: (gate: OpenGate, signal: AbortSignal) => Promise<Answer>,
): Promise<Answer> {
  const config =
    'policies' in command && command.policies.length > 0
      ? policiesAlone(command.policies)
      : await loadConfig(command.options.config ?? configPath, readText);
  const seconds = command.options.timeoutSeconds ?? config.spec.timeoutSeconds;
  const late = () => new GateError('CHECK_TIMEOUT', `no verdict within ${seconds} s`);
  return await withDeadline(interruption.signal, { milliseconds: seconds * 1000, late }, async (signal) => {
    const { openGate } = await import('./wiring/gate.ts');
    const gate = openGate(config, world(), signal);
    try {
      return await use(gate, signal);
    } finally {
      await gate.close();
    }
  });
}

/** The Gate that a command takes registries from, which needs none: undefined where none was named and none lies there. */
async function registryConfig(named: string | undefined): Promise<GateConfig | undefined> {
  const file = named ?? process.env['SYNCGATE_CONFIG'];
  if (file === undefined && !existsSync(defaultConfig)) return undefined;
  return await loadConfig(file ?? defaultConfig, readText);
}

/** Shows one line in the place of the last; an empty one clears it. */
function showProgress(line: string): void {
  // Some terminals say that they have no columns.
  const width = (process.stderr.columns || 80) - 1;
  process.stderr.write(`\r\u001b[K${visible(line).slice(0, width)}`);
}

function world() {
  return {
    env: process.env,
    temporaryFolder: process.env['TMPDIR'] ?? tmpdir(),
    program: process.argv[1] ?? '',
  };
}

function commandWorld(signal: AbortSignal): CommandWorld {
  return {
    resolvePath: (path) => resolve(process.cwd(), path),
    workTreeOf,
    pathInside: (root, folder) => {
      const path = relative(root, folder);
      return path === '..' || path.startsWith('../') || isAbsolute(path) ? undefined : path;
    },
    isFolder,
    readStdin: () => readStdin(signal),
  };
}

function printError(error: GateError): Printed {
  return { stdout: '', stderr: `${errorText(error)}\n`, exitCode: exitCodeOf(CODES[error.code].answer) };
}

function errorText(error: GateError): string {
  return visible(`${error.code} ${withMend(error)}`);
}

function write(stream: NodeJS.WriteStream, text: string): Promise<void> {
  if (text === '') return Promise.resolve();
  return new Promise((done, failed) => {
    stream.once('error', failed);
    stream.write(text, (error) => (error ? failed(error) : done()));
  });
}
