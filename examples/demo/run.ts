/**
 * `npm run demo`: runs syncgate on a small shop, shows each command with its real output, and fails if one does not
 * come out as told. The first acts need Node alone; the others need kustomize and opa, taken from PATH or built by Go.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import type { ToolName } from '../../test/support/tools/catalog.ts';
import { findTool, findWithoutBuilding, resolveTool } from '../../test/support/tools/resolve.ts';
import { type Act, acts, type Ran } from './acts.ts';
import { tamper } from './tamper.ts';

const root = resolve(import.meta.dirname, '../..');
const program = join(root, 'dist/syncgate.mjs');
/** Programs under their plain names, for those that are not on PATH. */
const linkFolder = '.tools/on-path';
/** Built when they are missing; the rest of the acts' programs only take part if they are there. */
const worthBuilding: readonly ToolName[] = ['kustomize', 'opa'];

say('syncgate renders an application, verifies its images, and prints the manifests only if all of it holds.');
say('Every command below can be typed as it stands, in this folder.');
if (!existsSync(program)) {
  say('\ndist/syncgate.mjs is not there: run `npm run build` first.');
  process.exit(1);
}

const failures: string[] = [];
const leftOut: string[] = [];
const ready = new Map<ToolName, string | undefined>();
let prefix = '';

for (const [i, act] of acts.entries()) {
  const title = `Act ${i + 1}. ${act.title}`;
  await prepare(act.needs);
  const missing = act.needs.filter((name) => ready.get(name) !== undefined);
  if (missing.length > 0) {
    leftOut.push(`${title}: ${missing.map((name) => ready.get(name)).join(' ')}`);
    continue;
  }
  const wrong = perform(title, act);
  failures.push(...wrong.map((what) => `${title}: ${what}`));
}

say(`\n${'─'.repeat(72)}`);
for (const line of leftOut) say(`Left out — ${line}`);
for (const line of failures) say(`NOT AS TOLD — ${line}`);
const played = acts.length - leftOut.length;
if (failures.length === 0)
  say(`All ${played} acts came out as told${leftOut.length > 0 ? `; ${leftOut.length} left out` : ''}.`);
else process.exitCode = 1;

/** Runs one act and shows it; answers what is not as told. */
function perform(title: string, act: Act): string[] {
  say(`\n${'─'.repeat(72)}\n${title}\n${act.tells}\n`);
  if (act.before !== undefined) {
    say(`$ ${act.before}`);
    tamper(import.meta.dirname);
  }
  say(`$ ${act.needs.length > 0 ? prefix : ''}npm exec -- syncgate ${act.args.join(' ')}`);
  const ran = syncgate(act.args);
  const lines = ran.stdout.split('\n').slice(0, -1);
  const shown = act.shows === undefined ? lines : lines.filter((line) => act.shows?.test(line));
  say(
    lines.length === 0
      ? 'standard output: empty'
      : `standard output: ${lines.length} lines${shown.length < lines.length ? `, of which these ${shown.length} matter here` : ''}`,
  );
  for (const line of shown) say(`  ${line.trim()}`);
  say('standard error:');
  for (const line of ran.stderr.trimEnd().split('\n')) say(`  ${line}`);
  say(`exit code: ${ran.exitCode}\n`);
  say(`Look at: ${act.look}`);
  return act.wrong(ran).filter((what) => what !== false);
}

function syncgate(args: readonly string[]): Ran {
  const PATH = [join(root, linkFolder), process.env['PATH'] ?? ''].join(delimiter);
  const ran = spawnSync(process.execPath, [program, ...args], {
    cwd: root,
    env: { ...process.env, PATH },
    encoding: 'utf8',
    timeout: 60_000,
    maxBuffer: 16 * 1024 * 1024,
  });
  return { exitCode: ran.status ?? -1, stdout: ran.stdout, stderr: ran.stderr + (ran.error?.message ?? '') };
}

/** Has the programs at hand, building what is worth it, and notes for each one why it is missing. */
async function prepare(names: readonly ToolName[]): Promise<void> {
  if (names.every((name) => ready.has(name))) return;
  if (ready.size === 0) rmSync(join(root, linkFolder), { recursive: true, force: true });
  await Promise.all(
    names.filter((name) => !ready.has(name)).map(async (name) => ready.set(name, await whyMissing(name))),
  );
}

async function whyMissing(name: ToolName): Promise<string | undefined> {
  try {
    const tool = findTool(name);
    if (!worthBuilding.includes(name) && findWithoutBuilding(tool, true) === undefined) {
      return `${name} is not on PATH. Install it, or have it built by \`npm run tools ${name}\` (needs Go), and run this again.`;
    }
    const { path, from } = await resolveTool(name, { anyVersion: true, report: (line) => say(`… ${line}`) });
    if (from !== 'PATH') {
      mkdirSync(join(root, linkFolder), { recursive: true });
      symlinkSync(path, join(root, linkFolder, name));
      prefix = `PATH="$PWD/${linkFolder}:$PATH" `;
    }
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
