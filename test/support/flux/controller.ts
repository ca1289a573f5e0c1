/**
 * `syncgate serve` from its sources, which kills itself where the variable SYNCGATE_TEST_KILL_AT says: the built command
 * has no such place. Run by `./syncgate.ts` in the place of the command.
 */
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { StoreOptions } from '../../../src/adapters/artifacts/store.ts';
import { readServe, serveFlags } from '../../../src/surfaces/cli/serve-arguments.ts';
import { serve } from '../../../src/wiring/serve.ts';

type StoreStep = Parameters<NonNullable<StoreOptions['reached']>>[0];

/** What the store says of each of its writes; what it removes is never what was let out last. */
export const STORE_STEPS = [
  'created',
  'written',
  'synced',
  'renamed',
  'settled',
] as const satisfies readonly StoreStep[];

/** The command line that this program takes the place of. */
export const controllerProgram = [process.execPath, resolve(import.meta.dirname, 'controller.ts')];

/** Its threads are those of the command itself. */
const bundle = resolve(import.meta.dirname, '../../../dist/syncgate.mjs');

async function main(): Promise<void> {
  const doom = process.env['SYNCGATE_TEST_KILL_AT'];
  const killAt = (step: string) => {
    if (step === doom) process.kill(process.pid, 'SIGKILL');
  };
  const [, , , ...args] = process.argv;
  const { values, positionals } = parseArgs({ args, options: serveFlags, allowPositionals: true });
  const { options } = readServe(values, positionals, process.env);
  const world = {
    env: process.env,
    temporaryFolder: process.env['TMPDIR'] ?? tmpdir(),
    program: bundle,
  };
  const write = (line: string) => void process.stderr.write(line);
  const over = new AbortController();
  process.once('SIGTERM', () => over.abort());
  const hooks = { reached: killAt, stored: killAt };
  const why = await serve(options, { version: '0.0.0', world, write, hooks }, over.signal);
  if (why !== undefined) process.stderr.write(`${why}\n`);
  process.exit(why === undefined ? 0 : 2);
}

if (import.meta.main) await main();
