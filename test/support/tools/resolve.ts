/**
 * Finds the real programs that tests, the demo and the benchmarks run: an override from the environment
 * (`SYNCGATE_TOOL_KUSTOMIZE=/path`), then PATH where any version will do, then `.tools/bin`, built once by Go.
 */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { accessSync, constants, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { TOOLS, type Tool, type ToolName } from './catalog.ts';
import { unpackDebian } from './debian.ts';

const projectRoot = resolve(import.meta.dirname, '../../..');
const toolFolder = join(projectRoot, '.tools');
const moduleFolder = join(import.meta.dirname, 'go');

export interface Found {
  readonly path: string;
  readonly from: 'environment' | 'PATH' | 'built';
}

/** A tool that is neither there nor can be built; the message names it, what needs it and how to install it. */
export class ToolMissing extends Error {
  constructor(wanted: Tool, why: string) {
    const override = overrideName(wanted.name);
    const install =
      wanted.build.kind === 'debian'
        ? `Install ${wanted.onPath ?? wanted.name} (Debian package ${wanted.build.package})`
        : `Install Go 1.26 or newer and run \`npm run tools ${wanted.name}\``;
    super(
      `${wanted.name} ${wanted.version} is needed for ${wanted.neededBy}, and ${why}. ` +
        `${install}, or set ${override} to the path of the program.`,
    );
    this.name = 'ToolMissing';
  }
}

/** The absolute path of a tool at its pinned version (or the override); builds it if need be. Throws ToolMissing. */
export async function tool(name: ToolName, report: (line: string) => void = () => {}): Promise<string> {
  return (await resolveTool(name, { anyVersion: false, report })).path;
}

/** As `tool`; with `anyVersion`, a program on PATH is taken before one is built. */
export async function resolveTool(
  name: ToolName,
  options: { readonly anyVersion: boolean; readonly report?: (line: string) => void },
): Promise<Found> {
  const wanted: Tool = findTool(name);
  const found = findWithoutBuilding(wanted, options.anyVersion);
  if (found !== undefined) return found;
  await build(wanted, options.report ?? (() => {}));
  return { path: builtPath(wanted), from: 'built' };
}

/** Where a tool is now, without building anything. */
export function findWithoutBuilding(wanted: Tool, anyVersion: boolean, env = process.env): Found | undefined {
  const override = env[overrideName(wanted.name)];
  if (override !== undefined && override !== '') {
    if (!isProgram(override)) throw new ToolMissing(wanted, `${overrideName(wanted.name)} does not name a program`);
    return { path: resolve(override), from: 'environment' };
  }
  if ((anyVersion || wanted.build.kind === 'debian') && wanted.onPath !== undefined) {
    for (const folder of (env['PATH'] ?? '').split(delimiter)) {
      const path = join(folder, wanted.onPath);
      if (folder !== '' && isProgram(path)) return { path, from: 'PATH' };
    }
  }
  return isProgram(builtPath(wanted)) ? { path: builtPath(wanted), from: 'built' } : undefined;
}

export function findTool(name: string): (typeof TOOLS)[number] {
  const wanted = TOOLS.find((candidate) => candidate.name === name);
  if (wanted === undefined) throw new Error(`no tool is called ${name}; known: ${TOOLS.map((t) => t.name).join(', ')}`);
  return wanted;
}

function overrideName(name: string): string {
  return `SYNCGATE_TOOL_${name.toUpperCase().replaceAll('-', '_')}`;
}

function builtPath(wanted: Tool): string {
  return join(toolFolder, 'bin', `${wanted.name}-${wanted.version}`);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

async function build(wanted: Tool, report: (line: string) => void): Promise<void> {
  if (wanted.build.kind === 'debian') {
    report(`unpacking ${wanted.name} from its Debian package (once; needed for ${wanted.neededBy})`);
    await unpackDebian(wanted.build, join(toolFolder, 'debian', wanted.name), builtPath(wanted)).catch(
      (error: Error) => {
        throw new ToolMissing(wanted, error.message);
      },
    );
    return;
  }
  const scratch = join(toolFolder, 'build', `${wanted.name}-${randomUUID()}`);
  mkdirSync(scratch, { recursive: true });
  mkdirSync(join(toolFolder, 'bin'), { recursive: true });
  const started = Date.now();
  report(`building ${wanted.name} ${wanted.version} (once; needed for ${wanted.neededBy})`);
  try {
    const ldflags = `-s -w ${(wanted.build.kind === 'module' && wanted.build.ldflags) || ''}`.trim();
    if (wanted.build.kind === 'install') {
      const args = ['install', '-trimpath', '-ldflags', ldflags, `${wanted.build.package}@${wanted.version}`];
      await go(wanted, args, scratch, { GOBIN: scratch });
    } else {
      const output = join(scratch, wanted.name);
      const tags = wanted.build.tags === undefined ? [] : ['-tags', wanted.build.tags];
      const args = ['build', '-mod=mod', '-trimpath', ...tags, '-ldflags', ldflags, '-o', output, wanted.build.package];
      await go(wanted, args, join(moduleFolder, wanted.build.folder), {});
    }
    const [binary] = readdirSync(scratch);
    if (binary === undefined) throw new ToolMissing(wanted, 'its build left no program');
    // Two test processes may build at once: the rename makes the later one win whole.
    renameSync(join(scratch, binary), builtPath(wanted));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  report(`built ${wanted.name} ${wanted.version} in ${Math.round((Date.now() - started) / 1000)} s`);
}

function go(wanted: Tool, args: readonly string[], cwd: string, env: Record<string, string>): Promise<void> {
  return new Promise((done, failed) => {
    const child = spawn('go', args, {
      cwd,
      env: { ...process.env, CGO_ENABLED: '0', ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr = (stderr + chunk).slice(-4000);
    });
    child.on('error', (error) => failed(new ToolMissing(wanted, `Go could not be started (${error.message})`)));
    child.on('close', (code) => {
      if (code === 0) done();
      else failed(new ToolMissing(wanted, `its build failed:\n${stderr.trim()}\n`));
    });
  });
}
