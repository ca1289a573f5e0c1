/** The steps of the Dockerfile, run as they stand there: no container engine is needed to know that they work. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readDockerfile } from '../support/dockerfile.ts';
import { resolveTool } from '../support/tools/resolve.ts';

const projectRoot = resolve(import.meta.dirname, '../..');
const instructions = readDockerfile(readFileSync(join(projectRoot, 'Dockerfile'), 'utf8'));
const runs = (stage: number) =>
  instructions.filter((each) => each.stage === stage && each.name === 'RUN').map((each) => each.text);

let folder: string;
beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'image-')));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function shell(text: string, cwd: string, env: Readonly<Record<string, string>>): string {
  const path = [dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter);
  const options = { cwd, env: { ...process.env, PATH: path, ...env }, encoding: 'utf8', stdio: 'pipe' } as const;
  return execFileSync('/bin/sh', ['-euc', text], options);
}

/** The module and every dependency that a Go program was built from, with versions and checksums. */
function modulesOf(path: string): string[] {
  const lines = execFileSync('go', ['version', '-m', path], { encoding: 'utf8' }).split('\n');
  return lines.filter((line) => /^\t(path|mod|dep)\t/.test(line));
}

describe('the steps of the Dockerfile', () => {
  it('bundle the command out of what .dockerignore lets through', () => {
    const source = join(folder, 'src');
    mkdirSync(source);
    for (const { name, stage, text } of instructions) {
      if (name !== 'COPY' || stage !== 1) continue;
      const words = text.split(' ');
      const target = words.pop() ?? '.';
      for (const word of words) {
        const to = target === './' ? join(source, word) : join(source, target);
        cpSync(join(projectRoot, word), to, { recursive: true });
      }
    }
    const digest = `docker.io/library/node:24@sha256:${'a'.repeat(64)}`;
    for (const text of runs(1)) shell(text, source, { NODE_IMAGE: digest });
    const bundle = join(source, 'dist/syncgate.mjs');
    expect(shell(`${bundle} version`, folder, {})).toMatch(/^syncgate \d+\.\d+\.\d+/);
  });

  it.each(['kustomize', 'helm', 'opa'] as const)('build the %s that is tested, from the same modules', async (name) => {
    const install = runs(0).find((text) => text.includes(`/${name}`)) ?? '';
    const variables = instructions.filter((each) => each.name === 'ARG' && each.text.includes('_VERSION='));
    const env = Object.fromEntries(variables.map((each) => each.text.split('=') as [string, string]));
    const output = join(folder, 'out');
    shell(install, folder, { ...env, CGO_ENABLED: '0', GOBIN: output, GOFLAGS: '' });
    const tested = await resolveTool(name, { anyVersion: false });
    if (tested.from === 'built') expect(modulesOf(join(output, name))).toEqual(modulesOf(tested.path));
    expect(shell(`${join(output, name)} version`, folder, {})).not.toBe('');
  });
});
