import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSandbox, type Sandbox } from './support/cli.ts';
import { argumentsOf, readPage, writePageFiles } from './support/page.ts';

/** docs/policy-tests.md, from an empty folder: its files are written, and its commands run. */

const { text: page, blocks } = readPage('docs/policy-tests.md');
const commands = blocks.filter(({ mark }) => mark.startsWith('runs'));

let sandbox: Sandbox;
beforeAll(() => {
  sandbox = createSandbox();
  writePageFiles(sandbox, blocks);
});
afterAll(() => sandbox[Symbol.dispose]());

describe('the page about tests of policies', () => {
  it('has three files and two commands', () => expect([blocks.length, commands.length]).toEqual([5, 2]));

  it.each(commands)('$text prints what the page says', async (command) => {
    const { mark } = command;
    const { exitCode, stdout, stderr } = await sandbox.run(argumentsOf(command), { cwd: sandbox.path });
    expect([stdout.trim().split('\n').at(-1), stderr]).toEqual([mark.replace(/^runs, prints /, ''), '']);
    expect(exitCode).toBe(0);
  });

  it('shows the report as it is', async () => {
    const { stdout } = await sandbox.run(['test', 'policies'], { cwd: sandbox.path });
    expect(page).toContain(`\`\`\`text\n${stdout}\`\`\``);
  });
});
