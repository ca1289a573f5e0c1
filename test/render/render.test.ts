import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { render } from '../../src/render/render.ts';
import { plainRequest } from '../../src/render/request.ts';
import { RenderSettings } from '../../src/render/settings.ts';
import {
  exec,
  type Files,
  launchers,
  refusalOf,
  renderFiles,
  renderFolder,
  scratch,
  script,
  writeTree,
} from '../support/render.ts';

const folder = scratch();
afterAll(() => folder[Symbol.dispose]());
const manifest = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n';
const kustomization: Files = { 'kustomization.yaml': 'resources: [a.yaml]', 'a.yaml': manifest };
const chart: Files = { 'Chart.yaml': 'apiVersion: v2\nname: c\nversion: 1.0.0\n', 'templates/a.yaml': manifest };

describe('which renderer', () => {
  it.each<[string, Files, string]>([
    ['a kustomization', kustomization, 'kustomize'],
    ['a chart', chart, 'helm'],
    ['both: the kustomization goes first', { ...chart, ...kustomization }, 'kustomize'],
    ['neither', { 'a.yaml': manifest }, 'directory'],
    ['one of them below', { 'a.yaml': manifest, 'below/kustomization.yaml': '' }, 'directory'],
    ['a folder of the name', { 'a.yaml': manifest, 'kustomization.yaml/x': '' }, 'directory'],
  ])('%s', async (_, files, tool) => expect((await renderFiles(files)).tool).toBe(tool));

  it.each(['kustomize', 'helm', 'directory'] as const)('is %s where that is asked', async (tool) => {
    const files = { ...chart, ...kustomization };
    expect((await renderFiles(files, { request: (plain) => ({ ...plain, tool }) })).tool).toBe(tool);
  });

  it('is Argo CD’s odd one for a name that only ends so', async () => {
    expect((await refusalOf(renderFiles({ 'myChart.yaml': 'a: b' }))).code).toBe('RENDER_CHART');
  });
});

describe('standard input', () => {
  const ports = {
    exec,
    workspace: folder.path,
    findProgram: () => undefined,
    env: {},
    resolvePath: (path: string) => path,
    download: async () => new Uint8Array(),
    setpriv: launchers.setpriv,
  };
  const ask = (text: string, settings = {}) =>
    render(
      plainRequest({ kind: 'stdin', bytes: Buffer.from(text) }),
      RenderSettings.parse(settings),
      ports,
      new AbortController().signal,
    );

  it('is rendered already', async () => {
    expect(await ask(manifest)).toEqual({
      texts: [{ file: '-', bytes: Buffer.from(manifest), marks: 'none' }],
      tool: 'stdin',
      engines: {},
    });
  });

  it('may be empty only where that is allowed', async () => {
    expect((await refusalOf(ask(' \n'))).code).toBe('RENDER_NOTHING');
    expect((await ask('', { allowEmpty: true })).texts).toHaveLength(1);
  });
});

describe('a source that is not there', () => {
  it.each([
    ['does not exist', 'nowhere', 'SOURCE_MISSING'],
    ['is a file', 'a.yaml', 'SOURCE_MISSING'],
    ['leaves the root', '../x', 'SOURCE_OUTSIDE'],
  ])('because its path %s', async (_, path, code) => {
    expect((await refusalOf(renderFiles(kustomization, { path }))).code).toBe(code);
  });

  it.each([
    ['.git', true],
    ['a/../.git/worktrees/x', true],
    ['.github/deploy', false],
    ['a/.git/../b', false],
  ])('at %j: whether it is said to lie in Git’s own folder: %s', async (path, isSaid) => {
    const files = { ...kustomization, '.git/worktrees/x/a.yaml': 'a: b' };
    const { code, message } = await refusalOf(renderFiles(files, { path }));
    expect(code).toBe('SOURCE_MISSING');
    expect(message).toBe(`${path} ${isSaid ? 'lies in .git, which is never read' : 'does not exist'}`);
  });
});

describe.each([
  ['kustomize', kustomization],
  ['helm', chart],
] as const)('a %s that misbehaves', (name, files) => {
  // The renderer's own PATH is empty.
  const path = 'PATH=/usr/bin:/bin\n';
  const behaving = (lines: string, settings: Record<string, unknown> = {}) => {
    const program = script(folder.path, `${name}-${readdirSync(folder.path).length}`, path + lines);
    return refusalOf(renderFiles(files, { settings: { [name]: { path: program }, ...settings } }));
  };
  // `version` is asked beside the rendering, and decides nothing.
  const version = 'case "$1" in version) exit 0;; esac\n';

  it.each<[string, string, Record<string, unknown>, string, RegExp]>([
    ['ends well and prints nothing', 'exit 0', {}, 'RENDER_NOTHING', /printed nothing/],
    ['ends badly and says nothing', 'exit 1', {}, 'RENDER_FAILED', /failed \(exit 1\)/],
    ['hangs', 'exec sleep 600', { limits: { timeoutSeconds: 1 } }, 'RENDER_TIMEOUT', /did not end/],
    [
      'hangs when asked for its version',
      'exec sleep 600',
      { limits: { timeoutSeconds: 1 } },
      'RENDER_TIMEOUT',
      /did not end/,
    ],
    [
      'prints 500 MB',
      'exec head -c 500000000 /dev/zero',
      { limits: { outputMiB: 1 } },
      'RENDER_OUTPUT',
      /more than 1 MiB/,
    ],
    ['prints for ever', 'exec yes', { limits: { outputMiB: 1 } }, 'RENDER_OUTPUT', /more than 1 MiB/],
    ['kills itself', 'kill -9 $$', {}, 'RENDER_KILLED', /signal/],
    [
      'runs out of memory as Go does',
      'echo "fatal error: runtime: out of memory" >&2; exit 2',
      {},
      'RENDER_MEMORY',
      /2048 MiB/,
    ],
    [
      'complains in many lines, colours and paths',
      'printf "\\033[31mone\\r\\n\\ttwo $PWD\\033[0m \\001 https://u:p@h/x\\n" >&2; exit 1',
      {},
      'RENDER_FAILED',
      /failed: one; two \. https:\/\/\*\*\*@h\/x$/,
    ],
    ['complains without end', 'yes complaint | head -c 1000000 >&2; exit 1', {}, 'RENDER_FAILED', /^.{1000,1700}…$/],
  ])('%s', async (_, lines, settings, code, message) => {
    const error = await behaving(`${lines.includes('version') ? '' : version}${lines}`, settings);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    expect(error.message).not.toMatch(/\/tmp\/|\n/);
  });

  it('is not there', async () => {
    const missing = await refusalOf(renderFiles(files, { ports: { findProgram: () => undefined } }));
    expect(missing).toMatchObject({
      code: 'RENDERER_MISSING',
      message: `${name} is not on PATH where the gate runs, in its container or on its machine`,
      mend: expect.stringMatching(/^Install .* there, or name it in spec\.render\..*\.path of the Gate\.$/),
    });
    const chosen = await refusalOf(renderFiles(files, { settings: { [name]: { path: '/nowhere/x' } } }));
    expect(chosen).toMatchObject({
      code: 'RENDERER_MISSING',
      message: `spec.render.${name}.path of the Gate does not name a program where the gate runs, in its container or on its machine`,
    });
  });

  it('says no version', async () => {
    const program = script(
      folder.path,
      `${name}-mute`,
      `case "$1" in version) echo "two words";; *) printf '${manifest.replaceAll('\n', '\\n')}';; esac`,
    );
    expect((await renderFiles(files, { settings: { [name]: { path: program } } })).engines).toEqual({
      [name]: 'unknown',
    });
  });

  it('is waited for no longer than it matters, when it hangs over its version', async () => {
    const text = manifest.replaceAll('\n', '\\n');
    const program = script(
      folder.path,
      `${name}-slow-version`,
      `case "$1" in version) exec /usr/bin/sleep 600;; *) printf '${text}';; esac`,
    );
    expect((await renderFiles(files, { settings: { [name]: { path: program } } })).engines).toEqual({
      [name]: 'unknown',
    });
    const failing = script(
      folder.path,
      `${name}-failing`,
      'case "$1" in version) exec /usr/bin/sleep 600;; *) exit 1;; esac',
    );
    expect((await refusalOf(renderFiles(files, { settings: { [name]: { path: failing } } }))).code).toBe(
      'RENDER_FAILED',
    );
  });

  it('sees nothing of our environment', async () => {
    const seen = join(folder.path, `${name}-env`);
    const program = script(
      folder.path,
      `${name}-nosy`,
      `case "$1" in version) exit 0;; esac\n/usr/bin/env > ${seen}\nprintf 'a: b'`,
    );
    await renderFiles(files, {
      settings: { [name]: { path: program }, proxy: { https: 'http://user:secret@proxy' } },
      env: { AWS_SECRET_ACCESS_KEY: 'secret', HTTPS_PROXY: 'http://user:secret@proxy', GIT_ASKPASS: '/x' },
    });
    const { readFileSync } = await import('node:fs');
    const text = readFileSync(seen, 'utf8');
    expect(text).not.toMatch(/secret|AWS|ASKPASS/);
    expect(text).toMatch(/^HTTPS_PROXY=http:\/\/127\.0\.0\.1:9$/m);
    expect(text).toMatch(/^HOME=.*\/render-[^/]*\/home$/m);
  });

  it('ends when it is no longer wanted', async () => {
    const stop = new AbortController();
    const program = script(folder.path, `${name}-slow`, `${path}exec sleep 600`);
    using tree = scratch();
    writeTree(tree.path, files);
    const rendering = renderFolder(tree.path, { settings: { [name]: { path: program } }, signal: stop.signal });
    setTimeout(() => stop.abort(), 200);
    expect((await refusalOf(rendering)).code).toBe('RENDER_TIMEOUT');
  });
});

it('refuses a source that is larger than the limits', async () => {
  const files = {
    'kustomization.yaml': 'configMapGenerator: [{name: a, files: [big]}]',
    big: 'x'.repeat(1024 * 1024 + 1),
  };
  expect((await refusalOf(renderFiles(files, { settings: { limits: { fileMiB: 1 } } }))).code).toBe('SOURCE_TOO_LARGE');
  expect(
    (
      await refusalOf(
        renderFiles({ ...chart, 'files/big': 'x'.repeat(1024 * 1024 + 1) }, { settings: { limits: { sourceMiB: 1 } } }),
      )
    ).code,
  ).toBe('SOURCE_TOO_LARGE');
});

it('renders the same bytes every time', async () => {
  const once = async (files: Files) => Buffer.from((await renderFiles(files)).texts[0]?.bytes ?? []).toString();
  for (const files of [kustomization, chart]) expect(await once(files)).toBe(await once(files));
});
