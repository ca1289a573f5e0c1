import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { HelmRequest, RenderRequest } from '../../src/render/request.ts';
import {
  bare,
  type Files,
  objectsOf,
  refusalOf,
  renderedObjects,
  renderFiles,
  renderFolder,
  scratch,
  writeTree,
} from '../support/render.ts';

const template = `apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-{{ .Chart.Name }}
  namespace: {{ .Release.Namespace }}
data:
  values: {{ .Values | toJson | quote }}
  kube: {{ .Capabilities.KubeVersion.Version }}
  has: {{ .Capabilities.APIVersions.Has "example.dev/v1/Thing" | quote }}
`;
const chart: Files = {
  'web/Chart.yaml': 'apiVersion: v2\nname: web\nversion: 1.0.0\n',
  'web/values.yaml': 'from: chart\nnested: {a: 1}\n',
  'web/templates/config.yaml': template,
  'web/templates/_lib.tpl': '{{ define "x" }}y{{ end }}',
  'web/templates/hook.yaml':
    'apiVersion: batch/v1\nkind: Job\nmetadata: {name: hook, annotations: {"helm.sh/hook": pre-install}}\n',
  'web/templates/tests/test.yaml':
    'apiVersion: v1\nkind: Pod\nmetadata: {name: test, annotations: {"helm.sh/hook": test}}\n',
  'web/crds/crd.yaml':
    'apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: things.example.dev}\n',
  'web/prod.yaml': 'from: prod\nnested: {b: 2}\n',
  'values/all.yaml': 'from: all\n',
  'values/b.yaml': 'order: b\n',
  'values/a.yaml': 'order: a\nonly: a\n',
  'values/deep/c.yaml': 'order: c\n',
  'web/file.txt': 'from a file, with a comma\n',
};

const helm =
  (asked: Partial<HelmRequest>) =>
  (plain: RenderRequest): RenderRequest => ({
    ...plain,
    helm: { ...plain.helm, ...asked },
  });
const valuesOf = (objects: unknown[]): unknown => {
  const found = objects.find((each) => (each as { kind: string }).kind === 'ConfigMap') as { data: { values: string } };
  return JSON.parse(found.data.values);
};

describe.each(['helm', 'helm4'] as const)('%s', (program) => {
  it('renders a chart with the arguments that Argo CD gives', async () => {
    using root = scratch();
    writeTree(root.path, chart);
    const rendered = await renderFolder(root.path, {
      path: 'web',
      helm: program,
      request: (plain) => ({
        ...plain,
        appName: 'argocd_shop',
        destinationNamespace: 'apps',
        kubeVersion: 'v1.31.2-gke.1',
        apiVersions: ['example.dev/v1/Thing'],
      }),
    });
    expect(rendered).toMatchObject({
      tool: 'helm',
      engines: { helm: expect.stringMatching(program === 'helm' ? /^v3/ : /^v4/) },
    });
    expect(rendered.texts[0]).toMatchObject({ file: 'helm template web', marks: 'helm', base: 'web' });
    const args = [
      'template',
      '.',
      '--name-template',
      'shop',
      '--namespace',
      'apps',
      '--kube-version',
      '1.31.2',
      '--api-versions',
      'example.dev/v1/Thing',
      '--include-crds',
    ];
    expect(renderedObjects(rendered)).toEqual(objectsOf(await bare(program, join(root.path, 'web'), args)));
    expect(renderedObjects(rendered)).toHaveLength(4);
  });

  it.each<[string, Partial<HelmRequest>, string[]]>([
    [
      'a release name and namespace',
      { releaseName: 'r', namespace: 'n' },
      ['--name-template', 'r', '--namespace', 'n'],
    ],
    [
      'values files in their order',
      { valueFiles: ['prod.yaml', '/values/all.yaml', '../values/b.yaml'] },
      ['-f', 'prod.yaml', '-f', '../values/all.yaml', '-f', '../values/b.yaml'],
    ],
    [
      'values after the files',
      { valueFiles: ['prod.yaml'], values: 'from: inline\nlist: [1, 2]\n' },
      ['-f', 'prod.yaml', '--set', 'from=inline', '--set-json', 'list=[1,2]'],
    ],
    [
      'parameters',
      {
        parameters: { from: 'set', 'nested.a': '5', list: '{x,y}', comma: 'a,b' },
        stringParameters: { number: '007' },
      },
      [
        '--set',
        'from=set',
        '--set',
        'nested.a=5',
        '--set',
        'list={x,y}',
        '--set',
        'comma=a\\,b',
        '--set-string',
        'number=007',
      ],
    ],
    ['file parameters', { fileParameters: { 'nested.file': 'file.txt' } }, ['--set-file', 'nested.file=file.txt']],
    ['no CRDs', { skipCrds: true }, []],
    ['no tests', { skipTests: true }, ['--skip-tests']],
    ['no schema', { skipSchemaValidation: true }, ['--skip-schema-validation']],
  ])('equals the bare template: %s', async (_, asked, args) => {
    using root = scratch();
    writeTree(root.path, chart);
    const rendered = await renderFolder(root.path, { path: 'web', helm: program, request: helm(asked) });
    const crds = asked.skipCrds === true ? [] : ['--include-crds'];
    expect(renderedObjects(rendered)).toEqual(
      objectsOf(await bare(program, join(root.path, 'web'), ['template', '.', ...args, ...crds])),
    );
  });

  it('builds a dependency that lies elsewhere in the source, and leaves vendored ones as they are', async () => {
    const files: Files = {
      ...chart,
      'web/Chart.yaml':
        'apiVersion: v2\nname: web\nversion: 1.0.0\ndependencies:\n- {name: lib, version: 0.1.0, repository: "file://../lib"}\n- {name: own, version: 0.1.0, repository: ""}\n',
      'lib/Chart.yaml': 'apiVersion: v2\nname: lib\nversion: 0.1.0\n',
      'lib/templates/lib.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: of-lib}\n',
      'web/charts/own/Chart.yaml': 'apiVersion: v2\nname: own\nversion: 0.1.0\n',
      'web/charts/own/templates/own.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: of-own}\n',
    };
    const names = JSON.stringify(renderedObjects(await renderFiles(files, { path: 'web', helm: program })));
    expect(names).toContain('of-lib');
    expect(names).toContain('of-own');
  });

  it('leaves a Git work tree clean', async () => {
    using root = scratch();
    writeTree(root.path, {
      ...chart,
      'web/Chart.yaml':
        'apiVersion: v2\nname: web\nversion: 1.0.0\ndependencies: [{name: lib, version: 0.1.0, repository: "file://../lib"}]\n',
      'lib/Chart.yaml': 'apiVersion: v2\nname: lib\nversion: 0.1.0\n',
    });
    const git = (...args: string[]) =>
      execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@t.invalid', ...args], {
        cwd: root.path,
        encoding: 'utf8',
      });
    git('init', '-q');
    git('add', '.');
    git('commit', '-qm', 'all');
    await renderFolder(root.path, { path: 'web', helm: program });
    expect(git('status', '--porcelain', '--ignored')).toBe('');
  });

  it.each<[string, Files, Partial<HelmRequest>, string, RegExp]>([
    ['a template that fails', { 'web/templates/bad.yaml': '{{ fail "because" }}' }, {}, 'RENDER_FAILED', /because/],
    [
      'a template that cannot be parsed',
      { 'web/templates/bad.yaml': '{{ if }}' },
      {},
      'RENDER_FAILED',
      /web\/templates\/bad.yaml/,
    ],
    ['values that are not YAML', {}, { values: 'a: [' }, 'RENDER_FAILED', /the values of the application/],
    [
      'a dependency that is in no repository',
      {
        'web/Chart.yaml':
          'apiVersion: v2\nname: web\nversion: 1.0.0\ndependencies: [{name: lib, version: 0.1.0, repository: "file://../gone"}]\n',
      },
      {},
      'RENDER_CHART',
      /lib does not exist/,
    ],
    [
      'a chart that is malformed',
      { 'web/Chart.yaml': 'apiVersion: v2\n' },
      {},
      'RENDER_FAILED',
      /metadata.name is required/,
    ],
    ['a chart archive that is none', { 'web/charts/x.tgz': 'not gzip' }, {}, 'RENDER_CHART', /web\/charts\/x.tgz/],
  ])('tells what is wrong: %s', async (_, files, asked, code, message) => {
    const error = await refusalOf(
      renderFiles({ ...chart, ...files }, { path: 'web', helm: program, request: helm(asked) }),
    );
    expect(error).toMatchObject({ code });
    expect(error.message).toMatch(message);
    expect(error.message).not.toMatch(/\/tmp\/|\n/);
  });
});

describe('values files', () => {
  const ask = async (asked: Partial<HelmRequest>, files: Files = {}) =>
    valuesOf(renderedObjects(await renderFiles({ ...chart, ...files }, { path: 'web', request: helm(asked) })));

  it.each<[string, string[], object]>([
    ['a pattern gives its matches in order', ['../values/*.yaml'], { from: 'all', order: 'b', only: 'a' }],
    [
      'a file that is also named keeps the place where it is named',
      ['/values/*.yaml', '/values/a.yaml'],
      { order: 'a', only: 'a' },
    ],
    ['two stars go down', ['/values/**/*.yaml'], { order: 'c' }],
    ['a class', ['/values/[bc].yaml'], { order: 'b' }],
    ['alternatives', ['/values/?{.yaml,.yml}'], { order: 'b', only: 'a' }],
  ])('%s', async (_, valueFiles, expected) => expect(await ask({ valueFiles })).toMatchObject(expected));

  it('take no longer for a pattern of many stars', async () => {
    const deep = Object.fromEntries(
      Array.from({ length: 30 }, (_, i) => [`values/${'d/'.repeat(i + 1)}x.yaml`, `depth: ${i}`]),
    );
    expect(await ask({ valueFiles: [`/values/${'**/'.repeat(12)}x.yaml`] }, deep)).toMatchObject({ depth: 29 });
  });

  it('takes a linked file of the source', async () => {
    expect(
      await ask({ valueFiles: ['linked.yaml'] }, { 'web/linked.yaml': { link: '../values/a.yaml' } }),
    ).toMatchObject({ only: 'a' });
  });

  it('replaces variables in their names', async () => {
    const rendered = await renderFiles(chart, {
      path: 'web',
      request: (plain) =>
        helm({ valueFiles: ['$STAGE.yaml'], parameters: { from: '$STAGE' } })({
          ...plain,
          buildEnvironment: { STAGE: 'prod' },
        }),
    });
    expect(valuesOf(renderedObjects(rendered))).toMatchObject({ nested: { b: 2 }, from: 'prod' });
  });

  it.each<[string, Partial<HelmRequest>, string]>([
    ['is missing', { valueFiles: ['gone.yaml'] }, 'RENDER_VALUES_MISSING'],
    ['matches nothing', { valueFiles: ['gone-*.yaml'] }, 'RENDER_VALUES_MISSING'],
    ['is a folder', { valueFiles: ['templates'] }, 'RENDER_VALUES_MISSING'],
    ['leaves the source', { valueFiles: ['../../etc/passwd'] }, 'SOURCE_OUTSIDE'],
    ['leaves the source by a pattern', { valueFiles: ['../../etc/pass*'] }, 'SOURCE_OUTSIDE'],
    ['is an address', { valueFiles: ['https://example.com/values.yaml'] }, 'RENDER_REMOTE_REFUSED'],
    ['is an address of another kind', { valueFiles: ['file:///etc/passwd'] }, 'RENDER_REMOTE_REFUSED'],
    ['is a file parameter that leaves the source', { fileParameters: { a: '../../etc/passwd' } }, 'SOURCE_OUTSIDE'],
    ['is a file parameter that is missing', { fileParameters: { a: 'gone' } }, 'RENDER_VALUES_MISSING'],
  ])('is refused where it %s', async (_, asked, code) => {
    expect((await refusalOf(renderFiles(chart, { path: 'web', request: helm(asked) }))).code).toBe(code);
  });

  it('may be missing where that is asked', async () => {
    expect(
      await ask({ valueFiles: ['gone.yaml', 'gone-*.yaml', 'prod.yaml'], ignoreMissingValueFiles: true }),
    ).toMatchObject({ from: 'prod' });
  });

  it('may be absolute, which counts from the source root', async () => {
    expect(
      (await refusalOf(renderFiles(chart, { path: 'web', request: helm({ valueFiles: ['/etc/passwd'] }) }))).message,
    ).toContain('does not exist');
  });
});

it('names Chart.yaml where helm is chosen and there is none', async () => {
  const error = await refusalOf(
    renderFiles({ 'a.yaml': 'a: b' }, { request: (plain) => ({ ...plain, tool: 'helm' }) }),
  );
  expect(error).toMatchObject({ code: 'RENDER_CHART', message: 'Chart.yaml: there is no such file' });
});
