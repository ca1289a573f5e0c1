/**
 * `npm run demo`: runs syncgate on a small shop, shows each command with its real output, and fails if one does not
 * come out as told. The first acts need Node alone; the others need kustomize and opa, taken from PATH or built by Go.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
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
/** Why a program cannot be had; undefined where it is at hand. */
const missing = new Map<ToolName, string | undefined>();
let prefix = '';

for (const [i, act] of acts.entries()) {
  const title = `Act ${i + 1}. ${act.title}`;
  await prepare(act.needs);
  if (act.needs.some((name) => missing.get(name) !== undefined)) leftOut.push(title);
  else failures.push(...perform(title, act).map((what) => `${title}: ${what}`));
}

say(`\n${'─'.repeat(72)}`);
if (leftOut.length > 0) {
  say('Left out, because a program is missing (on PATH, any version will do):');
  for (const title of leftOut) say(`  ${title}`);
  for (const why of missing.values()) if (why !== undefined) say(why);
  say('');
}
for (const line of failures) say(`NOT AS TOLD. ${line}`);
if (failures.length === 0) say(`All ${acts.length - leftOut.length} acts that were played came out as told.`);
if (failures.length > 0) process.exitCode = 1;

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
  if (names.every((name) => missing.has(name))) return;
  await Promise.all(
    names.filter((name) => !missing.has(name)).map(async (name) => missing.set(name, await whyMissing(name))),
  );
}

async function whyMissing(name: ToolName): Promise<string | undefined> {
  try {
    const tool = findTool(name);
    if (!worthBuilding.includes(name) && findWithoutBuilding(tool, true) === undefined) {
      return `${name} is not on PATH. Install it, or have it built by \`npm run tools ${name}\` (needs Go), and run this again.`;
    }
    const { path, from } = await resolveTool(name, { anyVersion: true, report: (line) => say(`… ${line}`) });
    link(name, from === 'PATH' ? undefined : path);
    return undefined;
  } catch (error) {
    link(name, undefined);
    return error instanceof Error ? error.message : String(error);
  }
}

/** Gives a program its plain name in the link folder, or takes that away. */
function link(name: ToolName, path: string | undefined): void {
  const place = join(root, linkFolder, name);
  if (path === undefined) {
    rmSync(place, { force: true });
    return;
  }
  mkdirSync(join(root, linkFolder), { recursive: true });
  const fresh = `${place}-${process.pid}`;
  symlinkSync(path, fresh);
  renameSync(fresh, place);
  prefix = `PATH="$PWD/${linkFolder}:$PATH" `;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
