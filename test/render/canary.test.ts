import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Code, GateError } from '../../src/core/errors.ts';
import type { HelmRequest } from '../../src/render/request.ts';
import { type Canary, clearRoot, openCanary, readOutside, SECRET } from '../support/canary.ts';
import { bare, type Files, type RenderOptions, renderFolder, writeTree } from '../support/render.ts';

let canary: Canary;
beforeAll(async () => {
  canary = await openCanary();
});
afterAll(() => canary.close());

type Hostile = (canary: Canary) => Files;

/** How a rendering ended: the code of its refusal, or what it printed. Nothing may have been touched on the way. */
async function attack(hostile: Hostile, options: RenderOptions): Promise<{ code?: Code; text: string }> {
  clearRoot(canary);
  writeTree(canary.root, hostile(canary));
  canary.touched();
  let code: Code | undefined;
  let text: string;
  try {
    const rendered = await renderFolder(canary.root, options);
    text = rendered.texts.map((each) => Buffer.from(each.bytes).toString('utf8')).join('\n');
  } catch (error) {
    if (!(error instanceof GateError)) throw error;
    ({ code } = error);
    text = `${error.message} ${error.mend}`;
  }
  expect(canary.touched()).toEqual([]);
  expect(text).not.toContain(SECRET);
  return { ...(code === undefined ? {} : { code }), text };
}

const own = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: own\ndata: {a: b}\n';
const k = (text: string, more: Files = {}): Files => ({ 'app/kustomization.yaml': text, 'app/own.yaml': own, ...more });

describe('the recorder', () => {
  it('notes a request and a reading', async () => {
    await fetch(`${canary.url}/x`);
    readOutside(canary);
    expect(canary.touched()).toEqual(['GET /x', expect.stringMatching(/^read .*secret\.txt$/)]);
  });

  it('notes what the bare programs do with such sources', async () => {
    clearRoot(canary);
    writeTree(canary.root, k(`resources: ["${canary.url}/a.yaml"]`));
    expect(await bare('kustomize', join(canary.root, 'app'), ['build', '.'])).toContain(SECRET);
    expect(canary.touched()).toEqual(['GET /a.yaml']);
    writeTree(canary.root, { ...chart, 'app/values.schema.json': `{"$ref": "${canary.url}/s.json"}` });
    await bare('helm', join(canary.root, 'app'), ['template', '.']).catch(() => {});
    expect(canary.touched()).toEqual(['GET /s.json']);
  });

  it('is contacted where the platform lists it', async () => {
    clearRoot(canary);
    writeTree(canary.root, k(`resources: ["${canary.url}/a.yaml"]`));
    const rendered = await renderFolder(canary.root, {
      path: 'app',
      settings: { kustomize: { remoteBases: [canary.url] } },
    });
    expect(Buffer.from(rendered.texts[0]?.bytes ?? []).toString()).toContain(SECRET);
    expect(canary.touched()).toEqual(['GET /a.yaml']);
  });
});

const remote: Code[] = ['RENDER_REMOTE_REFUSED'];
const outside: Code[] = ['SOURCE_OUTSIDE'];
const program: Code[] = ['RENDER_PROGRAM_REFUSED'];
const field: Code[] = ['RENDER_KUSTOMIZATION'];

describe('a kustomization that reaches out', () => {
  it.each<[string, Hostile, Code[]]>([
    ['a resource over http', (c) => k(`resources: ["${c.url}/a.yaml"]`), remote],
    ['a resource over http in capitals', (c) => k(`resources: ["HTTP://${c.host}/a.yaml"]`), remote],
    ['a resource with a space before it', (c) => k(`resources: [" ${c.url}/a.yaml"]`), remote],
    ['a resource over https', (c) => k(`resources: ["https://${c.host}/a.yaml"]`), remote],
    ['a folder over http', (c) => k(`resources: ["${c.url}/org/repo//dir?ref=v1"]`), remote],
    ['a base with git:: before it', (c) => k(`bases: ["git::${c.url}/org/repo.git"]`), remote],
    ['a base with GIT:: before it', (c) => k(`bases: ["GIT::${c.url}/org/repo.git"]`), remote],
    ['a component over http', (c) => k(`components: ["${c.url}/org/repo"]`), remote],
    [
      'a component over http that exists as a folder',
      (c) => k(`components: ["${c.url}/org"]`, { [`app/${c.url}/org/kustomization.yaml`]: 'kind: Component' }),
      remote,
    ],
    ['a repository as scp writes it', (c) => k(`resources: ["git@${c.host.split(':')[0]}:org/repo.git"]`), remote],
    ['a repository of GitHub without a scheme', () => k('resources: ["github.com/org/repo"]'), remote],
    ['a repository of GitHub as scp writes it', () => k('resources: ["github.com:org/repo"]'), remote],
    ['a repository over ssh', (c) => k(`resources: ["ssh://git@${c.host}/org/repo"]`), remote],
    ['a repository over the git protocol', (c) => k(`resources: ["git://${c.host}/org/repo"]`), remote],
    ['a repository on this machine', (c) => k(`resources: ["file://${c.outside}/base"]`), remote],
    ['a ref that is a flag', (c) => k(`resources: ["${c.url}/org/repo?ref=--upload-pack=touch"]`), remote],
    ['a host with a user before it', (c) => k(`resources: ["http://user:pw@${c.host}/a.yaml"]`), remote],
    [
      'a base of a base',
      (c) => k('resources: [../base]', { 'base/kustomization.yaml': `resources: ["${c.url}/a.yaml"]` }),
      remote,
    ],
    ['crds', (c) => k(`resources: [own.yaml]\ncrds: ["${c.url}/a.json"]`), remote],
    ['configurations', (c) => k(`resources: [own.yaml]\nconfigurations: ["${c.url}/a.yaml"]`), remote],
    ['openapi', (c) => k(`resources: [own.yaml]\nopenapi: {path: "${c.url}/a.json"}`), remote],
    [
      'openapi of a base',
      (c) =>
        k('resources: [../base]', { 'base/kustomization.yaml': `namePrefix: x\nopenapi: {path: "${c.url}/a.json"}` }),
      remote,
    ],
    ['a patch', (c) => k(`resources: [own.yaml]\npatches: [{path: "${c.url}/a.yaml"}]`), remote],
    ['an old patch', (c) => k(`resources: [own.yaml]\npatchesStrategicMerge: ["${c.url}/a.yaml"]`), remote],
    [
      'an old JSON patch',
      (c) =>
        k(
          `resources: [own.yaml]\npatchesJson6902: [{target: {kind: ConfigMap, name: own, version: v1}, path: "${c.url}/a.yaml"}]`,
        ),
      remote,
    ],
    [
      'a replacement of a plugin under another spelling',
      (c) =>
        k(
          `resources: [own.yaml]\ntransformers:\n- |-\n  apiVersion: builtin\n  kind: ReplacementTransformer\n  metadata: {name: p}\n  Replacements: [{path: "${c.url}/p"}]\n`,
        ),
      ['RENDER_KUSTOMIZATION'],
    ],
    ['a replacement', (c) => k(`resources: [own.yaml]\nreplacements: [{path: "${c.url}/a.yaml"}]`), remote],
    [
      'the checkout’s own configuration',
      () =>
        k('configMapGenerator: [{name: a, files: [../.git/config]}]', {
          '.git/config': `url = https://u:${SECRET}@example.com`,
        }),
      ['RENDER_KUSTOMIZATION'],
    ],
    ['a file of a generator', (c) => k(`configMapGenerator: [{name: a, files: ["${c.url}/a"]}]`), remote],
    ['a keyed file of a generator', (c) => k(`configMapGenerator: [{name: a, files: ["key=${c.url}/a"]}]`), remote],
    ['env files of a generator', (c) => k(`configMapGenerator: [{name: a, envs: ["${c.url}/a"]}]`), remote],
    ['the env file of a generator', (c) => k(`secretGenerator: [{name: a, env: "${c.url}/a"}]`), remote],
    ['a generator', (c) => k(`generators: ["${c.url}/a.yaml"]`), program],
    ['a transformer', (c) => k(`resources: [own.yaml]\ntransformers: ["${c.url}/org/repo"]`), program],
    ['a validator', () => k(`resources: [own.yaml]\nvalidators: ["github.com/org/repo"]`), program],
    [
      'a plugin that loads a patch',
      (c) =>
        k('resources: [own.yaml]\ntransformers: [t.yaml]', {
          'app/t.yaml': `apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: p}\npath: "${c.url}/p"\n`,
        }),
      remote,
    ],
    [
      'a plugin written inline that loads a patch',
      (c) =>
        k(
          `resources: [own.yaml]\ntransformers:\n- |-\n  apiVersion: builtin\n  kind: PatchJson6902Transformer\n  metadata: {name: p}\n  target: {kind: ConfigMap}\n  path: "${c.url}/p"\n`,
        ),
      remote,
    ],
    [
      'a plugin with a field in other letters',
      (c) =>
        k('resources: [own.yaml]\ntransformers: [t.yaml]', {
          'app/t.yaml': `apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: p}\nPATH: "${c.url}/p"\n`,
        }),
      field,
    ],
    [
      'a plugin with a field in letters that fold',
      (c) =>
        k('generators: [t.yaml]', {
          'app/t.yaml': `apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: p}\nfileſ: ["${c.url}/p"]\n`,
        }),
      field,
    ],
    [
      'a plugin that loads patches',
      (c) =>
        k('resources: [own.yaml]\ntransformers: [t.yaml]', {
          'app/t.yaml': `apiVersion: builtin\nkind: PatchStrategicMergeTransformer\nmetadata: {name: p}\npaths: ["${c.url}/p"]\n`,
        }),
      remote,
    ],
    [
      'a plugin that loads replacements',
      (c) =>
        k('resources: [own.yaml]\ntransformers: [t.yaml]', {
          'app/t.yaml': `apiVersion: builtin\nkind: ReplacementTransformer\nmetadata: {name: p}\nreplacements: [{path: "${c.url}/p"}]\n`,
        }),
      remote,
    ],
    [
      'a plugin that loads a value',
      (c) =>
        k('resources: [own.yaml]\ntransformers: [t.yaml]', {
          'app/t.yaml': `apiVersion: builtin\nkind: ValueAddTransformer\nmetadata: {name: p}\ntargetFilePath: "${c.url}/p"\n`,
        }),
      remote,
    ],
    [
      'a plugin configuration that another kustomization patches',
      (c) =>
        k('resources: [own.yaml]\ntransformers: [made]', {
          'app/made/kustomization.yaml': `resources: [t.yaml]\npatches: [{patch: '[{op: replace, path: /path, value: "${c.url}/p"}]', target: {kind: PatchTransformer}}]`,
          'app/made/t.yaml': 'apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: p}\npath: ../own.yaml\n',
        }),
      field,
    ],
    [
      'one file that is a resource and a plugin',
      (c) =>
        k('resources: [t.yaml]\ntransformers: [t.yaml]', {
          'app/t.yaml': `apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: p}\npath: "${c.url}/p"\n`,
        }),
      remote,
    ],
    [
      'a second document of a plugin file',
      (c) =>
        k('resources: [own.yaml]\ntransformers: [t.yaml]', {
          'app/t.yaml': `apiVersion: builtin\nkind: LabelTransformer\nmetadata: {name: l}\nlabels: {a: b}\n---\napiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: p}\npath: "${c.url}/p"\n`,
        }),
      remote,
    ],
    ['fields in other letters', (c) => k(`RESOURCES: ["${c.url}/a.yaml"]`), field],
    ['fields in letters that fold', (c) => k(`reſourceſ: ["${c.url}/a.yaml"]`), field],
    ['a nested field in other letters', (c) => k(`resources: [own.yaml]\npatches: [{Path: "${c.url}/a.yaml"}]`), field],
    ['a field that stands there twice', (c) => k(`resources: [own.yaml]\nresources: ["${c.url}/a.yaml"]`), field],
    [
      'a field behind a merge key',
      (c) => k(`metadata: {annotations: &x {resources: ["${c.url}/a.yaml"]}}\n<<: *x`),
      remote,
    ],
    ['a tag that hides what it is', (c) => k(`resources: !!set {"${c.url}/a.yaml"}`), field],
  ])('%s', async (_, hostile, codes) => {
    const { code, text } = await attack(hostile, { path: 'app' });
    expect([code, text]).toEqual([codes[0], text]);
    expect(text).toMatch(/kustomization\.yaml|t\.yaml/);
  });

  it('names the file, the line and the setting', async () => {
    const { text } = await attack((c) => k(`namePrefix: a\nresources:\n- own.yaml\n- ${c.url}/a.yaml`), {
      path: 'app',
    });
    expect(text).toContain('app/kustomization.yaml:4 (resources[1]): it wants "http://127.0.0.1');
    expect(text).toContain('spec.render.kustomize.remoteBases');
  });

  it('lists hosts and not what looks like them', async () => {
    const settings = {
      kustomize: {
        remoteBases: [
          'https://127.0.0.1',
          'http://127.0.0.1:1',
          `http://${canary.host}0`,
          `${canary.url}/other`,
          canary.host,
        ],
      },
    };
    expect((await attack((c) => k(`resources: ["${c.url}/a.yaml"]`), { path: 'app', settings })).code).toBe(
      'RENDER_REMOTE_REFUSED',
    );
  });
});

describe('a kustomization that reads outside of the source', () => {
  it.each<[string, Hostile, Code[]]>([
    ['a resource above', () => k('resources: [../../outside/secret.yaml]'), outside],
    ['a base above', () => k('resources: [../../outside/base]'), outside],
    ['an absolute resource', (c) => k(`resources: ["${c.outside}/secret.yaml"]`), outside],
    ['an absolute component', (c) => k(`components: ["${c.outside}/base"]`), outside],
    [
      'a link to a file',
      () => k('resources: [link.yaml]', { 'app/link.yaml': { link: '../../outside/secret.yaml' } }),
      outside,
    ],
    [
      'an absolute link to a file',
      (c) => k('resources: [link.yaml]', { 'app/link.yaml': { link: `${c.outside}/secret.yaml` } }),
      outside,
    ],
    ['a link to a folder', () => k('resources: [link]', { 'app/link': { link: '../../outside/base' } }), outside],
    [
      'a link through a link',
      () => k('resources: [a/base]', { 'app/a': { link: 'b' }, 'app/b': { link: '../../outside' } }),
      outside,
    ],
    [
      'a link out and back in',
      () => k('resources: [link/own.yaml]', { 'app/link': { link: '../../root/app' } }),
      outside,
    ],
    [
      'its own file is a link',
      () => ({ 'app/kustomization.yaml': { link: '../../outside/base/kustomization.yaml' } }),
      outside,
    ],
    ['a generated file', () => k('configMapGenerator: [{name: a, files: [x=../../outside/secret.txt]}]'), outside],
    [
      'a generated file through a link',
      () =>
        k('configMapGenerator: [{name: a, files: [secret.txt]}]', {
          'app/secret.txt': { link: '../../outside/secret.txt' },
        }),
      outside,
    ],
    ['a patch', () => k('resources: [own.yaml]\npatches: [{path: ../../outside/secret.yaml}]'), outside],
    ['a transformer', () => k('resources: [own.yaml]\ntransformers: [../../outside/base]'), outside],
    [
      'a link that goes in circles',
      () => k('resources: [a]', { 'app/a': { link: 'b' }, 'app/b': { link: 'a' } }),
      outside,
    ],
  ])('%s', async (_, hostile, codes) => {
    const { code, text } = await attack(hostile, { path: 'app' });
    expect([code, text]).toEqual([codes[0], text]);
  });

  it('a pipe in place of a file', async () => {
    clearRoot(canary);
    writeTree(canary.root, k('resources: [pipe.yaml]'));
    execFileSync('mkfifo', [join(canary.root, 'app/pipe.yaml')]);
    await expect(renderFolder(canary.root, { path: 'app' })).rejects.toMatchObject({ code: 'SOURCE_SPECIAL' });
  });

  it('the application’s folder itself is a link', async () => {
    expect((await attack(() => ({ app: { link: '../outside/base' } }), { path: 'app' })).code).toBe('SOURCE_OUTSIDE');
    expect((await attack(() => ({ a: 'b' }), { path: '../outside/base' })).code).toBe('SOURCE_OUTSIDE');
  });
});

describe('a kustomization that wants programs', () => {
  const fn = (annotation: string) =>
    `apiVersion: x.dev/v1\nkind: F\nmetadata:\n  name: f\n  annotations:\n    config.kubernetes.io/function: |\n      ${annotation}\n`;
  it.each<[string, Hostile, Code[]]>([
    [
      'an exec function',
      () => k('resources: [own.yaml]\ntransformers: [f.yaml]', { 'app/f.yaml': fn('exec: {path: ./run.sh}') }),
      program,
    ],
    ['a container function', () => k('generators: [f.yaml]', { 'app/f.yaml': fn('container: {image: x}') }), program],
    [
      'a starlark function',
      () => k('resources: [own.yaml]\nvalidators: [f.yaml]', { 'app/f.yaml': fn('starlark: {path: x.star}') }),
      program,
    ],
    [
      'a plugin of another group',
      () =>
        k('generators: [f.yaml]', {
          'app/f.yaml': 'apiVersion: someteam.example.com/v1\nkind: Exec\nmetadata: {name: x}\n',
        }),
      program,
    ],
    [
      'a built-in kind of another group',
      () =>
        k('generators: [f.yaml]', {
          'app/f.yaml': 'apiVersion: x/v1\nkind: ConfigMapGenerator\nmetadata: {name: x}\n',
        }),
      program,
    ],
    ['helm, where it is not enabled', (c) => k(`helmCharts: [{name: x, repo: "${c.url}"}]`), program],
    [
      'the old helm generator',
      (c) => k(`helmChartInflationGenerator: [{chartName: x, chartRepoUrl: "${c.url}"}]`),
      field,
    ],
    [
      'the helm plugin',
      (c) =>
        k('generators: [h.yaml]', {
          'app/h.yaml': `apiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: x}\nname: x\nrepo: "${c.url}"\n`,
        }),
      program,
    ],
  ])('%s', async (_, hostile, codes) => {
    const { code, text } = await attack(hostile, { path: 'app' });
    expect([code, text]).toEqual([codes[0], text]);
  });
});

const localChart: Files = {
  'app/charts/x/Chart.yaml': 'apiVersion: v2\nname: x\nversion: 1.0.0\n',
  'app/charts/x/values.yaml': 'a: b\n',
  'app/charts/x/templates/c.yaml':
    'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: "{{ .Release.Name }}"}\ndata: {home: "{{ env "HOME" }}"}\n',
};

describe('a chart in a kustomization', () => {
  const h = (entry: string, more: Files = {}) =>
    k(`helmCharts: [{${entry}}]`, { ...localChart, 'app/charts/x/templates/c.yaml': own, ...more });
  it.each<[string, Hostile, Code[]]>([
    ['a repository that is not listed', (c) => h(`name: other, repo: "${c.url}"`), ['RENDER_REPOSITORY_REFUSED']],
    [
      'a registry that is not listed',
      (c) => h(`name: other, repo: "oci://${c.host}/charts"`),
      ['RENDER_REPOSITORY_REFUSED'],
    ],
    ['a scheme that a plugin would serve', () => h('name: other, repo: "evil://x"'), ['RENDER_REPOSITORY_REFUSED']],
    ['a name that climbs', () => h('name: ../../../outside/chart'), ['RENDER_ARGUMENT_REFUSED']],
    ['a name that is a flag', () => h('name: --post-renderer=x'), ['RENDER_ARGUMENT_REFUSED']],
    ['a version that climbs', (c) => h(`name: x, repo: "${c.url}", version: ../../x`), ['RENDER_ARGUMENT_REFUSED']],
    [
      'a release name that is a flag',
      () => h('name: x, releaseName: "--post-renderer=./run.sh"'),
      ['RENDER_ARGUMENT_REFUSED'],
    ],
    [
      'a name template that reads the environment',
      () => h(`name: x, nameTemplate: '{{ env "HOME" }}'`),
      ['RENDER_ARGUMENT_REFUSED'],
    ],
    ['a namespace that is a flag', () => h('name: x, namespace: "--kubeconfig=x"'), ['RENDER_ARGUMENT_REFUSED']],
    [
      'an API version that is a flag',
      () => h('name: x, apiVersions: ["--post-renderer"]'),
      ['RENDER_ARGUMENT_REFUSED'],
    ],
    ['values from elsewhere', (c) => h(`name: x, valuesFile: "${c.url}/v.yaml"`), remote],
    ['more values from elsewhere', (c) => h(`name: x, additionalValuesFiles: ["${c.url}/v.yaml"]`), remote],
    ['values outside', () => h('name: x, valuesFile: ../../outside/chart/values.yaml'), outside],
    [
      'values that are two files',
      (c) => h(`name: x, additionalValuesFiles: ["a,${c.outside}/chart/values.yaml"]`),
      ['RENDER_ARGUMENT_REFUSED'],
    ],
    ['a chart home outside', () => k('helmGlobals: {chartHome: ../../outside}\nhelmCharts: [{name: chart}]'), outside],
    [
      'an absolute chart home',
      (c) => k(`helmGlobals: {chartHome: "${c.outside}"}\nhelmCharts: [{name: chart}]`),
      outside,
    ],
    [
      'a chart with a link in it',
      () => h('name: x', { 'app/charts/x/templates/s.yaml': { link: '../../../../../outside/secret.yaml' } }),
      outside,
    ],
    [
      'a schema that refers elsewhere',
      (c) => h('name: x', { 'app/charts/x/values.schema.json': `{"$ref": "${c.url}/s"}` }),
      remote,
    ],
    ['a field in other letters', (c) => h(`name: other, REPO: "${c.url}"`), field],
    [
      'the plugin’s own file',
      (c) =>
        k('generators: [h.yaml]', {
          ...localChart,
          'app/h.yaml': `apiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: x}\nname: other\nrepo: "${c.url}"\n`,
        }),
      ['RENDER_REPOSITORY_REFUSED'],
    ],
  ])('%s', async (_, hostile, codes) => {
    const { code, text } = await attack(hostile, { path: 'app', settings: { kustomize: { helm: true } } });
    expect([code, text]).toEqual([codes[0], text]);
  });

  it('renders one that lies there, with helm’s folders our own', async () => {
    const plugin = {
      'app/cfg/.data/plugins/p/plugin.yaml':
        'name: p\nversion: 1.0.0\ndownloaders: [{command: run.sh, protocols: [evil]}]\n',
    };
    const { code, text } = await attack(
      () =>
        k('helmGlobals: {configHome: cfg}\nhelmCharts: [{name: x, releaseName: r}]', {
          ...localChart,
          'app/charts/x/templates/c.yaml': own,
          ...plugin,
        }),
      { path: 'app', settings: { kustomize: { helm: true } } },
    );
    expect([code, text]).toEqual([undefined, expect.stringContaining('name: own')]);
  });
});

const chart: Files = {
  'app/Chart.yaml': 'apiVersion: v2\nname: app\nversion: 1.0.0\n',
  'app/values.yaml': 'a: b\n',
  'app/templates/own.yaml': own,
};
const template = (text: string, more: Files = {}): Files => ({
  ...chart,
  'app/templates/t.yaml': `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: t}\ndata:\n  x: ${text}\n`,
  ...more,
});
const depends = (repository: string, lock?: string): Files => ({
  ...chart,
  'app/Chart.yaml': `apiVersion: v2\nname: app\nversion: 1.0.0\ndependencies: [{name: dep, version: 1.0.0, repository: "${repository}"}]\n`,
  ...(lock === undefined ? {} : { 'app/Chart.lock': lock }),
});

describe.each(['helm', 'helm4'] as const)('a chart, to %s', (name) => {
  it.each<[string, Hostile, Code[]]>([
    ['a dependency from a repository that is not listed', (c) => depends(c.url), ['RENDER_REPOSITORY_REFUSED']],
    [
      'a dependency from a registry that is not listed',
      (c) => depends(`oci://${c.host}/charts`),
      ['RENDER_REPOSITORY_REFUSED'],
    ],
    ['a dependency by a name of somebody’s helm', () => depends('@stable'), ['RENDER_REPOSITORY_REFUSED']],
    ['a dependency by an alias', () => depends('alias:stable'), ['RENDER_REPOSITORY_REFUSED']],
    ['a dependency by a scheme that a plugin would serve', () => depends('evil://x/y'), ['RENDER_REPOSITORY_REFUSED']],
    [
      'a dependency with a user name in its address',
      (c) => depends(`http://u:p@${c.host}`),
      ['RENDER_REPOSITORY_REFUSED'],
    ],
    ['a dependency outside', () => depends('file://../../outside/chart'), outside],
    ['an absolute dependency', (c) => depends(`file://${c.outside}/chart`), outside],
    [
      'a lock file with another repository',
      (c) =>
        depends(
          '',
          `dependencies:\n- {name: dep, version: 1.0.0, repository: "${c.url}"}\ndigest: sha256:0\ngenerated: "2020-01-01T00:00:00Z"\n`,
        ),
      ['RENDER_REPOSITORY_REFUSED'],
    ],
    [
      'dependencies in other letters',
      (c) => ({
        ...chart,
        'app/Chart.yaml': `apiVersion: v2\nname: app\nversion: 1.0.0\nDependencies: [{name: dep, version: 1.0.0, repository: "${c.url}"}]\n`,
      }),
      ['RENDER_CHART'],
    ],
    [
      'a repository in other letters',
      (c) => ({
        ...chart,
        'app/Chart.yaml': `apiVersion: v2\nname: app\nversion: 1.0.0\ndependencies: [{name: dep, version: 1.0.0, REPOSITORY: "${c.url}"}]\n`,
      }),
      ['RENDER_CHART'],
    ],
    [
      'a template that is a link',
      () => ({ ...chart, 'app/templates/s.yaml': { link: '../../../outside/secret.yaml' } }),
      outside,
    ],
    [
      'a file that is a link',
      () => template('{{ .Files.Get "secret.txt" }}', { 'app/secret.txt': { link: '../../outside/secret.txt' } }),
      outside,
    ],
    [
      'a folder that is a link',
      () => template('{{ .Files.Get "d/secret.txt" }}', { 'app/d': { link: '../../outside' } }),
      outside,
    ],
    [
      'an absolute link',
      (c) => template('{{ .Files.Get "secret.txt" }}', { 'app/secret.txt': { link: `${c.outside}/secret.txt` } }),
      outside,
    ],
    [
      'values.yaml that is a link',
      () => ({ ...chart, 'app/values.yaml': { link: '../../outside/chart/values.yaml' } }) as Files,
      outside,
    ],
    ['Chart.yaml that is a link', () => ({ 'app/Chart.yaml': { link: '../../outside/chart/Chart.yaml' } }), outside],
    ['a subchart that is a link', () => ({ ...chart, 'app/charts/s': { link: '../../../outside/chart' } }), outside],
    [
      'a schema over http',
      (c) => ({ ...chart, 'app/values.schema.json': `{"properties": {"a": {"$ref": "${c.url}/s.json"}}}` }),
      remote,
    ],
    [
      'a schema from a file',
      (c) => ({ ...chart, 'app/values.schema.json': `{"$ref": "file://${c.outside}/secret.json"}` }),
      remote,
    ],
    [
      'a schema from a relative file',
      () => ({ ...chart, 'app/values.schema.json': '{"$ref": "etc/hostname"}' }),
      remote,
    ],
    [
      'a schema written with escapes',
      (c) => ({ ...chart, 'app/values.schema.json': `{"\\u0024ref": "${c.url}/s.json"}` }),
      remote,
    ],
    ['a schema of a schema', (c) => ({ ...chart, 'app/values.schema.json': `{"$schema": "${c.url}/s.json"}` }), remote],
    [
      'a schema with a dynamic reference',
      (c) => ({
        ...chart,
        'app/values.schema.json': `{"$schema": "https://json-schema.org/draft/2020-12/schema", "$dynamicRef": "${c.url}/s.json"}`,
      }),
      remote,
    ],
    [
      'a schema of a subchart',
      (c) => ({
        ...chart,
        'app/charts/s/Chart.yaml': 'apiVersion: v2\nname: s\nversion: 1.0.0\n',
        'app/charts/s/values.schema.json': `{"$ref": "${c.url}/s.json"}`,
      }),
      remote,
    ],
  ])('%s', async (_, hostile, codes) => {
    const { code, text } = await attack(hostile, { path: 'app', helm: name });
    expect([code, text]).toEqual([codes[0], text]);
  });

  it.each<[string, (url: string) => Record<string, string | { link: string }>]>([
    [
      'a schema that goes by another name',
      (url) => ({ 'app/notes.txt': `{"$ref": "${url}/s.json"}`, 'app/values.schema.json': { link: 'notes.txt' } }),
    ],
    [
      'a schema of a subchart that goes by another name',
      (url) => ({
        'app/charts/s/Chart.yaml': 'apiVersion: v2\nname: s\nversion: 1.0.0\n',
        'shared/notes.txt': `{"$ref": "${url}/s.json"}`,
        'app/charts/s/values.schema.json': { link: '../../../shared/notes.txt' },
      }),
    ],
  ])('%s', async (_, files) => {
    const hostile: Hostile = (c) => ({ ...chart, ...files(c.url) });
    expect(await attack(hostile, { path: 'app', helm: name })).toMatchObject({ code: 'RENDER_REMOTE_REFUSED' });
  });

  it('a schema in the archive of a subchart', async () => {
    const hostile: Hostile = (c) => {
      const folder = join(c.root, 'packing');
      writeTree(folder, {
        'sub/Chart.yaml': 'apiVersion: v2\nname: sub\nversion: 1.0.0\n',
        'sub/values.schema.json': `{"$ref": "${c.url}/s.json"}`,
      });
      mkdirSync(join(c.root, 'app/charts'), { recursive: true });
      execFileSync('tar', ['-czf', join(c.root, 'app/charts/sub.tgz'), '-C', folder, 'sub']);
      rmSync(folder, { recursive: true });
      return chart;
    };
    expect(await attack(hostile, { path: 'app', helm: name })).toMatchObject({
      code: 'RENDER_REMOTE_REFUSED',
      text: expect.stringContaining('app/charts/sub.tgz:sub/values.schema.json'),
    });
  });

  it('an archive that holds a link', async () => {
    const hostile: Hostile = (c) => {
      const folder = join(c.root, 'packing');
      writeTree(folder, {
        'sub/Chart.yaml': 'apiVersion: v2\nname: sub\nversion: 1.0.0\n',
        'sub/x': { link: '../../../outside/secret.txt' },
      });
      mkdirSync(join(c.root, 'app/charts'), { recursive: true });
      execFileSync('tar', ['-czf', join(c.root, 'app/charts/sub.tgz'), '-C', folder, 'sub']);
      rmSync(folder, { recursive: true });
      return chart;
    };
    expect(await attack(hostile, { path: 'app', helm: name })).toMatchObject({ code: 'RENDER_CHART' });
  });

  const asked = (helm: Partial<HelmRequest>): RenderOptions => ({
    path: 'app',
    helm: name,
    request: (plain) => ({ ...plain, helm: { ...plain.helm, ...helm } }),
  });
  it.each<[string, Hostile, Partial<HelmRequest>, Code[]]>([
    [
      'a release name that is a flag',
      () => chart,
      { releaseName: '--post-renderer=/bin/cat' },
      ['RENDER_ARGUMENT_REFUSED'],
    ],
    [
      'a release name that reads the environment',
      () => chart,
      { releaseName: '{{ env "PATH" }}' },
      ['RENDER_ARGUMENT_REFUSED'],
    ],
    [
      'a release name that asks the network',
      () => chart,
      { releaseName: 'a{{ getHostByName "localhost" }}' },
      ['RENDER_ARGUMENT_REFUSED'],
    ],
    ['a namespace that is a flag', () => chart, { namespace: '--kubeconfig=/etc/passwd' }, ['RENDER_ARGUMENT_REFUSED']],
    ['values from elsewhere', () => chart, { valueFiles: ['http://127.0.0.1:1/v.yaml'] }, remote],
    ['values outside', () => chart, { valueFiles: ['../../outside/chart/values.yaml'] }, outside],
    [
      'values outside by a link',
      () => ({ ...chart, 'app/v.yaml': { link: '../../outside/chart/values.yaml' } }),
      { valueFiles: ['v.yaml'] },
      outside,
    ],
    [
      'values outside by a pattern and a link',
      () => ({ ...chart, 'app/v': { link: '../../outside/chart' } }),
      { valueFiles: ['v/*.yaml'] },
      outside,
    ],
    ['a file parameter outside', () => chart, { fileParameters: { a: '../../outside/secret.txt' } }, outside],
    [
      'a file parameter by a link',
      () => ({ ...chart, 'app/f': { link: '../../outside/secret.txt' } }),
      { fileParameters: { a: 'f' } },
      outside,
    ],
  ])('%s', async (_, hostile, helm, codes) => {
    const { code, text } = await attack(hostile, asked(helm));
    expect([code, text]).toEqual([codes[0], text]);
  });

  it('a file parameter whose name is another one', async () => {
    const { code } = await attack(
      () => ({ ...chart, 'app/ok': 'fine' }),
      asked({ fileParameters: { [`a=${canary.outside}/secret.txt,b`]: 'ok' } }),
    );
    expect(code).toBe('RENDER_ARGUMENT_REFUSED');
  });

  it('a values file whose name is two', async () => {
    const hostile: Hostile = (c) => ({
      ...template('{{ .Values | toJson | quote }}'),
      [`app/a,${c.outside}/chart/values.yaml`]: 'mine: yes',
    });
    const { text } = await attack(hostile, asked({ valueFiles: [`a,${canary.outside}/chart/values.yaml`] }));
    expect(text).toContain('mine');
  });

  it.each<[string, string]>([
    ['getHostByName', '{{ getHostByName "localhost" | quote }}'],
    ['lookup', '{{ lookup "v1" "Secret" "default" "s" | toJson | quote }}'],
    ['a file by its absolute path', '{{ .Files.Get "/etc/passwd" | quote }}'],
    ['a file above', '{{ .Files.Get "../../outside/secret.txt" | quote }}'],
    ['files above by a pattern', '{{ (.Files.Glob "../../outside/*").AsConfig | quote }}'],
    ['the checkout’s own configuration', '{{ .Files.Get ".git/config" | quote }}'],
  ])('finds nothing with %s', async (_, text) => {
    const answer = await attack(() => template(text, { 'app/.git/config': `url = https://u:${SECRET}@example.com` }), {
      path: 'app',
      helm: name,
    });
    expect(answer.code).toBeUndefined();
    expect(answer.text).toMatch(/x: ("\{\}"|""|$)/m);
  });

  it.each<[string, Record<string, string | { link: string }>, Partial<HelmRequest>, Code]>([
    ['by a link', { 'app/stolen': { link: '../.git/config' } }, {}, 'SOURCE_UNREADABLE'],
    ['as a file parameter', {}, { fileParameters: { a: '/.git/config' } }, 'RENDER_VALUES_MISSING'],
    ['as values', {}, { valueFiles: ['/.git/config'] }, 'RENDER_VALUES_MISSING'],
  ])('does not have the checkout’s own configuration %s', async (_, files, helm, code) => {
    const secret = { '.git/config': `url = https://u:${SECRET}@example.com` };
    expect(await attack(() => ({ ...chart, ...secret, ...files }), asked(helm))).toMatchObject({ code });
  });

  it('has no functions that read the environment', async () => {
    for (const call of ['{{ env "HOME" }}', '{{ expandenv "$HOME" }}']) {
      expect(await attack(() => template(call), { path: 'app', helm: name })).toMatchObject({
        code: 'RENDER_FAILED',
        text: expect.stringMatching(/function "(?:env|expandenv)" not defined/),
      });
    }
  });
});

describe('plain manifests', () => {
  it.each<[string, Hostile, Code]>([
    ['a file that is a link', () => ({ 'app/a.yaml': { link: '../../outside/secret.yaml' } }), 'SOURCE_OUTSIDE'],
    [
      'a file that is an absolute link',
      (c) => ({ 'app/a.yaml': { link: `${c.outside}/secret.yaml` } }),
      'SOURCE_OUTSIDE',
    ],
    ['Jsonnet', () => ({ 'app/a.jsonnet': 'importstr "/etc/passwd"' }), 'RENDER_JSONNET'],
  ])('%s', async (_, hostile, code) => expect((await attack(hostile, { path: 'app' })).code).toBe(code));

  it('does not go down a folder that is a link', async () => {
    const options: RenderOptions = {
      path: 'app',
      request: (plain) => ({ ...plain, directory: { ...plain.directory, recurse: true } }),
    };
    expect(
      (await attack(() => ({ 'app/own.yaml': own, 'app/d': { link: '../../outside' } }), options)).code,
    ).toBeUndefined();
  });
});
