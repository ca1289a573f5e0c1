import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSandbox, type Sandbox } from './support/cli.ts';

/** docs/policy-tests.md, from an empty folder: its files are written, and its commands run. */

const page = readFileSync(resolve(import.meta.dirname, '../docs/policy-tests.md'), 'utf8');
const blocks = [...page.matchAll(/<!-- test: ([^>]*) -->\s*^```\w+\n([\s\S]*?)^```$/gm)].map(
  ([, mark = '', text = '']) => ({ mark, text }),
);
const commands = blocks.filter(({ mark }) => mark.startsWith('runs'));

let sandbox: Sandbox;
beforeAll(() => {
  sandbox = createSandbox();
  for (const { mark, text } of blocks) {
    const [, path] = /^file (\S+)$/.exec(mark) ?? [];
    if (path !== undefined) sandbox.write({ [path]: text });
  }
});
afterAll(() => sandbox[Symbol.dispose]());

describe('the page about tests of policies', () => {
  it('has three files and two commands', () => expect([blocks.length, commands.length]).toEqual([5, 2]));

  it.each(commands)('$text prints what the page says', async ({ mark, text }) => {
    const [, ...args] = text
      .trim()
      .split(/\s+/)
      .map((word) => word.replaceAll("'", ''));
    const { exitCode, stdout, stderr } = await sandbox.run(args, { cwd: sandbox.path });
    expect([stdout.trim().split('\n').at(-1), stderr]).toEqual([mark.replace(/^runs, prints /, ''), '']);
    expect(exitCode).toBe(0);
  });

  it('shows the report as it is', async () => {
    const { stdout } = await sandbox.run(['test', 'policies'], { cwd: sandbox.path });
    expect(page).toContain(`\`\`\`text\n${stdout}\`\`\``);
  });
});
