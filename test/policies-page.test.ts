import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSandbox, type Sandbox } from './support/cli.ts';
import { argumentsOf, readPage, writePageFiles } from './support/page.ts';

/** docs/policies.md, from an empty folder: its files are written, and its commands run. */

const { text: page, blocks } = readPage('docs/policies.md');
const commands = blocks.filter(({ mark }) => mark.startsWith('runs'));

let sandbox: Sandbox;
beforeAll(() => {
  sandbox = createSandbox();
  writePageFiles(sandbox, blocks);
});
afterAll(() => sandbox[Symbol.dispose]());

describe('the page about policies', () => {
  it('has two files and two commands', () => expect([blocks.length, commands.length]).toEqual([4, 2]));

  it.each(commands)('$text says what the page says', async (command) => {
    const [, exit, said = ''] = /^runs, exit code (\d), prints "(.*)"$/.exec(command.mark) ?? [];
    const { exitCode, stdout, stderr } = await sandbox.run(argumentsOf(command), { cwd: sandbox.path });
    expect(`${stdout}${stderr}`).toContain(said);
    expect(exitCode).toBe(Number(exit));
  });

  it('shows the finding as it is', async () => {
    const { stderr } = await sandbox.run(['check', 'my-app', '--policies', 'policies'], { cwd: sandbox.path });
    const [, shown = 'nothing'] = /```text\n(.*?) …\n```/s.exec(page) ?? [];
    expect(stderr).toContain(shown);
  });
});
