import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { launchers, scratch, script, writeTree } from '../support/render.ts';
import { tool } from '../support/tools/resolve.ts';

const folder = scratch();
afterAll(() => folder[Symbol.dispose]());

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

async function eventually(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 400 && !condition(); i++) await new Promise((done) => setTimeout(done, 25));
  expect(condition()).toBe(true);
}

it.each(['SIGKILL', 'SIGTERM'] as const)(
  'a rendering that dies by %s takes helm with it, which kustomize started',
  async (signal) => {
    expect(launchers.setpriv, 'setpriv of util-linux').toBeDefined();
    const pidFile = join(folder.path, `pid-${signal}`);
    const helm = script(
      folder.path,
      `helm-${signal}`,
      `case "$1" in version) echo v3.1.0;; *) echo $$ > ${pidFile}; exec /usr/bin/sleep 600;; esac`,
    );
    const tree = join(folder.path, `tree-${signal}`);
    writeTree(tree, {
      'kustomization.yaml': 'helmCharts: [{name: x, releaseName: r}]',
      'charts/x/Chart.yaml': 'apiVersion: v2\nname: x\nversion: 1.0.0\n',
      'charts/x/values.yaml': 'a: b\n',
    });
    const from = (file: string) => `'${resolve(import.meta.dirname, '../../src', file)}'`;
    const main = join(folder.path, `main-${signal}.ts`);
    writeFileSync(
      main,
      `import { createExec, findLaunchers } from ${from('adapters/exec.ts')};
import { render } from ${from('render/render.ts')};
import { plainRequest } from ${from('render/request.ts')};
import { RenderSettings } from ${from('render/settings.ts')};
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
const launchers = findLaunchers();
const programs = { kustomize: ${JSON.stringify(await tool('kustomize'))}, helm: ${JSON.stringify(helm)} };
await render(plainRequest({ kind: 'folder', root: ${JSON.stringify(tree)}, path: '.' }), RenderSettings.parse({ kustomize: { helm: true }, limits: { timeoutSeconds: 600 } }), {
  exec: createExec(launchers),
  workspace: ${JSON.stringify(folder.path)},
  findProgram: (name) => programs[name],
  env: {},
  resolvePath: (path) => path,
  download: async () => new Uint8Array(),
  setpriv: launchers.setpriv,
}, stop.signal).catch(() => {});
`,
    );
    const rendering = spawn(process.execPath, [main], { stdio: 'ignore' });
    await eventually(() => existsSync(pidFile) && readFileSync(pidFile, 'utf8').endsWith('\n'));
    const pid = Number(readFileSync(pidFile, 'utf8'));
    expect(isAlive(pid)).toBe(true);
    rendering.kill(signal);
    await eventually(() => !isAlive(pid));
    await eventually(() => rendering.exitCode !== null || rendering.signalCode !== null);
  },
);
