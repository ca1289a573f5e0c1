import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { KustomizeRequest, RenderRequest } from '../../src/render/request.ts';
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

const configMap = (name: string, data = 'a: b') =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\ndata:\n  ${data}\n`;
const deployment = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  annotations: {kept: "yes"}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - {name: web, image: "nginx:1.25"}
        - {name: side, image: busybox}
`;
const app: Files = {
  'base/kustomization.yaml': 'resources:\n  - web.yaml\n  - config.yaml\n',
  'base/web.yaml': deployment,
  'base/config.yaml': configMap('config'),
  'overlay/kustomization.yaml': 'resources:\n  - ../base\nnamePrefix: prod-\n',
};

const kustomize =
  (asked: Partial<KustomizeRequest>) =>
  (plain: RenderRequest): RenderRequest => ({
    ...plain,
    kustomize: { ...plain.kustomize, ...asked },
  });

describe('a kustomization', () => {
  it('says what it rendered, with what, and where the marks count from', async () => {
    const rendered = await renderFiles(app, { path: 'overlay' });
    expect(rendered.tool).toBe('kustomize');
    expect(rendered.engines).toEqual({ kustomize: 'v5.8.1' });
    expect(rendered.texts).toHaveLength(1);
    expect(rendered.texts[0]).toMatchObject({ file: 'kustomize build overlay', marks: 'kustomize', base: 'overlay' });
    expect(Buffer.from(rendered.texts[0]?.bytes ?? []).toString()).toContain('path: ../base/web.yaml');
  });

  // Each tree is rendered here and by the bare program, from the folder `app`.
  const trees: [string, Files][] = [
    [
      'files with several documents',
      {
        'app/kustomization.yaml': 'resources: [all.yaml]',
        'app/all.yaml': `${configMap('a')}---\n${configMap('b')}---\n`,
      },
    ],
    [
      'a folder by its name and by a link',
      {
        'app/kustomization.yaml': 'resources: [one, linked]',
        'app/one/kustomization.yaml': 'resources: [a.yaml]',
        'app/one/a.yaml': configMap('a'),
        'app/linked': { link: '../two' },
        'two/kustomization.yaml': 'resources: [b.yaml]',
        'two/b.yaml': configMap('b'),
      },
    ],
    [
      'a file that is a link',
      {
        'app/kustomization.yaml': 'resources: [a.yaml]',
        'app/a.yaml': { link: 'real/b.yaml' },
        'app/real/b.yaml': configMap('a'),
      },
    ],
    ['bases, the old field', { 'app/kustomization.yaml': 'bases: [../base]', ...app }],
    ['a kustomization.yml', { 'app/kustomization.yml': 'resources: [a.yaml]', 'app/a.yaml': configMap('a') }],
    ['a Kustomization', { 'app/Kustomization': 'resources: [a.yaml]', 'app/a.yaml': configMap('a') }],
    [
      'generators with files, keys, literals and env files',
      {
        'app/kustomization.yaml':
          'configMapGenerator:\n- name: c\n  files: [one.txt, key=two.txt]\n  envs: [c.env]\n  literals: [x=y=z]\nsecretGenerator:\n- name: s\n  type: Opaque\n  env: s.env\n  options: {disableNameSuffixHash: true}\n',
        'app/one.txt': 'one\n',
        'app/two.txt': Uint8Array.of(0xff, 0, 1),
        'app/c.env': 'A=1\n# no\nHOME\n',
        'app/s.env': 'P=q\n',
      },
    ],
    [
      'patches of every kind',
      {
        ...app,
        'app/kustomization.yaml': `resources: [../base]
patches:
- path: p.yaml
- target: {kind: ConfigMap}
  patch: |-
    - op: add
      path: /data/x
      value: "1"
patchesStrategicMerge:
- s.yaml
- |-
  apiVersion: v1
  kind: ConfigMap
  metadata: {name: config}
  data: {inline: "2"}
patchesJson6902:
- target: {version: v1, kind: ConfigMap, name: config}
  path: j.json
`,
        'app/p.yaml': 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 3}\n',
        'app/s.yaml': 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, annotations: {kept: null}}\n',
        'app/j.json': '[{"op":"remove","path":"/data/a"}]',
      },
    ],
    [
      'components',
      {
        ...app,
        'app/kustomization.yaml': 'resources: [../base]\ncomponents: [../component]',
        'component/kustomization.yaml':
          'apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [extra.yaml]\nnameSuffix: -x\n',
        'component/extra.yaml': configMap('extra'),
      },
    ],
    [
      'replacements, from a file and inline',
      {
        'app/kustomization.yaml':
          'resources: [a.yaml]\nreplacements:\n- path: r.yaml\n- source: {kind: ConfigMap, name: a, fieldPath: data.a}\n  targets: [{select: {kind: ConfigMap, name: a}, fieldPaths: [data.two], options: {create: true}}]\n',
        'app/a.yaml': configMap('a'),
        'app/r.yaml':
          'source: {kind: ConfigMap, name: a, fieldPath: metadata.name}\ntargets: [{select: {kind: ConfigMap, name: a}, fieldPaths: [data.one], options: {create: true}}]\n',
      },
    ],
    [
      'built-in plugins: inline, from a file, gathered in a folder',
      {
        ...app,
        'app/kustomization.yaml': `resources: [../base]
generators: [gathered]
transformers:
- label.yaml
- |-
  apiVersion: builtin
  kind: AnnotationsTransformer
  metadata: {name: notes}
  annotations: {note: "on"}
  fieldSpecs: [{path: metadata/annotations, create: true}]
`,
        'app/label.yaml':
          'apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: p}\npath: patch.yaml\ntarget: {kind: ConfigMap}\n',
        'app/patch.yaml': '- {op: add, path: /data/patched, value: "1"}\n',
        'app/gathered/kustomization.yaml': 'resources: [g.yaml]',
        'app/gathered/g.yaml':
          'apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: made}\nfiles: [file.txt]\n',
        'app/file.txt': 'text',
      },
    ],
    [
      'openapi, crds and configurations',
      {
        'app/kustomization.yaml':
          'resources: [a.yaml]\nopenapi: {path: schema.json}\ncrds: [crd.json]\nconfigurations: [conf.yaml]\nnamePrefix: p-\n',
        'app/schema.json': '{"definitions":{}}',
        'app/crd.json': '{}',
        'app/conf.yaml': 'namePrefix:\n- {path: data/a}\n',
        'app/a.yaml': 'apiVersion: x.dev/v1\nkind: Thing\nmetadata: {name: t}\n',
      },
    ],
    [
      'labels, images, replicas, vars, namespace, ordering',
      {
        ...app,
        'app/kustomization.yaml':
          'resources: [../base]\nlabels: [{pairs: {a: b}, includeSelectors: true}]\ncommonAnnotations: {note: "1"}\nimages: [{name: nginx, newTag: "2"}]\nimageTags: [{name: busybox, newTag: "3"}]\nreplicas: [{name: web, count: 4}]\nnamespace: ns\nsortOptions: {order: fifo}\nbuildMetadata: [managedByLabel]\n',
      },
    ],
    [
      'objects with origin annotations of their own, and empty annotations',
      {
        'app/kustomization.yaml': 'resources: [a.yaml]',
        'app/a.yaml':
          'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  annotations: {x: "1", config.kubernetes.io/origin: mine}\n',
      },
    ],
    [
      'YAML that reads differently elsewhere',
      {
        'app/kustomization.yaml':
          '---\n"resources": &r [a.yaml]\nnamePrefix: >-\n  x-\ncommonAnnotations: {a: "\\u0085\\u2028\\U0001f600", b: "no"}\n',
        'app/a.yaml': configMap('a'),
      },
    ],
  ];
  it.each(trees)('equals the bare build: %s', async (_, files) => {
    using root = scratch();
    writeTree(root.path, files);
    const rendered = await renderFolder(root.path, { path: 'app' });
    expect(renderedObjects(rendered)).toEqual(
      objectsOf(await bare('kustomize', join(root.path, 'app'), ['build', '.'])),
    );
  });

  it('keeps origin annotations that the kustomization itself asks for', async () => {
    const files: Files = {
      'kustomization.yaml': 'resources: [a.yaml]\nbuildMetadata: [originAnnotations]',
      'a.yaml': configMap('a'),
    };
    using root = scratch();
    writeTree(root.path, files);
    const rendered = await renderFolder(root.path);
    expect(rendered.texts[0]?.marks).toBe('none');
    expect(renderedObjects(rendered)).toEqual(objectsOf(await bare('kustomize', root.path, ['build', '.'])));
  });
});

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: they are Argo CD's variables
describe('what the application asks of kustomize', () => {
  // The oracle is Argo CD's own sequence of `kustomize edit`, by hand in a copy.
  const asked: [string, Partial<KustomizeRequest>, string[][]][] = [
    [
      'prefix and suffix',
      { namePrefix: 'a-', nameSuffix: '-z' },
      [
        ['set', 'nameprefix', '--', 'a-'],
        ['set', 'namesuffix', '--', '-z'],
      ],
    ],
    [
      'images',
      {
        images: [
          'nginx=mirror.example/nginx:2',
          'busybox@sha256:24a0c4b4a4c0eb97a1aabb8e29f18e917d05abfe1b7a7c07857230879ce7d3d3',
        ],
      },
      [
        [
          'set',
          'image',
          'nginx=mirror.example/nginx:2',
          'busybox@sha256:24a0c4b4a4c0eb97a1aabb8e29f18e917d05abfe1b7a7c07857230879ce7d3d3',
        ],
      ],
    ],
    ['replicas', { replicas: { web: '7' } }, [['set', 'replicas', 'web=7']]],
    ['labels', { commonLabels: { a: 'b', 'c.d/e': 'f' } }, [['add', 'label', 'a:b', 'c.d/e:f']]],
    [
      'labels without selectors, in templates, forced',
      { commonLabels: { a: 'b' }, labelWithoutSelector: true, labelIncludeTemplates: true, forceCommonLabels: true },
      [['add', 'label', '--force', '--without-selector', '--include-templates', 'a:b']],
    ],
    ['annotations', { commonAnnotations: { a: 'b:c' } }, [['add', 'annotation', 'a:b:c']]],
    ['a namespace', { namespace: 'ns' }, [['set', 'namespace', '--', 'ns']]],
    ['components', { components: ['../component'] }, [['add', 'component', '../component']]],
    [
      'all at once',
      {
        namePrefix: 'a-',
        images: ['nginx:9'],
        namespace: 'ns',
        commonLabels: { l: '1' },
        components: ['../component'],
      },
      [
        ['set', 'nameprefix', '--', 'a-'],
        ['set', 'image', 'nginx:9'],
        ['add', 'label', 'l:1'],
        ['set', 'namespace', '--', 'ns'],
        ['add', 'component', '../component'],
      ],
    ],
  ];
  const files: Files = {
    ...app,
    'component/kustomization.yaml':
      'apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [extra.yaml]\n',
    'component/extra.yaml': configMap('extra'),
  };
  it.each(asked)('%s', async (_, request, edits) => {
    using root = scratch();
    writeTree(join(root.path, 'source'), files);
    cpSync(join(root.path, 'source'), join(root.path, 'edited'), { recursive: true });
    for (const edit of edits) await bare('kustomize', join(root.path, 'edited/overlay'), ['edit', ...edit]);
    const rendered = await renderFolder(join(root.path, 'source'), { path: 'overlay', request: kustomize(request) });
    expect(renderedObjects(rendered)).toEqual(
      objectsOf(await bare('kustomize', join(root.path, 'edited/overlay'), ['build', '.'])),
    );
  });

  it('replaces variables of the build environment where Argo CD does', async () => {
    const rendered = await renderFiles(app, {
      path: 'overlay',
      request: (plain) =>
        kustomize({
          images: ['nginx:$ARGOCD_APP_REVISION'],
          commonLabels: { rev: 'r-${ARGOCD_APP_REVISION}' },
          commonAnnotations: { plain: '$ARGOCD_APP_REVISION' },
        })({
          ...plain,
          buildEnvironment: { ARGOCD_APP_REVISION: 'abc' },
        }),
    });
    const text = JSON.stringify(renderedObjects(rendered));
    expect(text).toContain('nginx:abc');
    expect(text).toContain('"rev":"r-abc"');
    expect(text).toContain('"plain":"$ARGOCD_APP_REVISION"');
  });

  it('adds patches, and leaves out components that are missing where that is asked', async () => {
    const patch = 'target: {kind: ConfigMap}\npatch: |-\n  - {op: add, path: /data/added, value: "1"}\n';
    const rendered = await renderFiles(app, {
      path: 'overlay',
      request: kustomize({ patches: [patch], components: ['../nowhere'], ignoreMissingComponents: true }),
    });
    expect(JSON.stringify(renderedObjects(rendered))).toContain('"added":"1"');
  });

  it.each<[string, Partial<KustomizeRequest>, string]>([
    ['a component that is missing', { components: ['../nowhere'] }, 'RENDER_KUSTOMIZATION'],
    ['a patch that is not one', { patches: ['- a'] }, 'PARAMETER_INVALID'],
    ['a patch whose file leaves the source', { patches: ['path: ../../../etc/passwd'] }, 'SOURCE_OUTSIDE'],
    ['a component from elsewhere', { components: ['https://example.com/a/b'] }, 'RENDER_REMOTE_REFUSED'],
    ['an image that is a flag', { images: ['--help'] }, 'RENDER_FAILED'],
  ])('refuses %s', async (_, request, code) => {
    expect((await refusalOf(renderFiles(app, { path: 'overlay', request: kustomize(request) }))).code).toBe(code);
  });
});

// biome-ignore-end lint/suspicious/noTemplateCurlyInString: they are Argo CD's variables
describe('a kustomization that cannot be rendered', () => {
  it.each<[string, Files, string, RegExp]>([
    ['is empty', { 'kustomization.yaml': '' }, 'RENDER_KUSTOMIZATION', /kustomization.yaml is empty/],
    ['is not YAML', { 'kustomization.yaml': 'a: [b' }, 'RENDER_KUSTOMIZATION', /^kustomization.yaml:1/],
    [
      'has a key twice',
      { 'kustomization.yaml': 'resources: []\nresources: []' },
      'RENDER_KUSTOMIZATION',
      /^kustomization.yaml:2: .*second time/,
    ],
    ['has a field that nobody knows', { 'kustomization.yaml': 'resourcez: [a]' }, 'RENDER_KUSTOMIZATION', /resourcez/],
    [
      'spells a field with other letters',
      { 'kustomization.yaml': 'Resources: [a]' },
      'RENDER_KUSTOMIZATION',
      /Resources/,
    ],
    [
      'names a file that is not there',
      { 'kustomization.yaml': 'namePrefix: a\nresources:\n- gone.yaml' },
      'RENDER_KUSTOMIZATION',
      /^kustomization.yaml:3 \(resources\[0\]\): "gone.yaml" does not exist/,
    ],
    [
      'is there twice',
      { 'kustomization.yaml': 'namePrefix: a', 'kustomization.yml': 'namePrefix: a' },
      'RENDER_KUSTOMIZATION',
      /more than one/,
    ],
    [
      'names a base without a kustomization',
      { 'kustomization.yaml': 'resources: [base]', 'base/a.yaml': '' },
      'RENDER_KUSTOMIZATION',
      /^base: there is no kustomization/,
    ],
    [
      'goes in circles',
      { 'kustomization.yaml': 'resources: [a]', 'a/kustomization.yaml': 'resources: [..]' },
      'RENDER_FAILED',
      /cycle/,
    ],
    [
      'is a Git LFS pointer',
      { 'kustomization.yaml': 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n' },
      'SOURCE_LFS_POINTER',
      /LFS/,
    ],
    [
      'holds a resource that is a Git LFS pointer',
      {
        'kustomization.yaml': 'resources: [a.yaml]',
        'a.yaml': 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n',
      },
      'SOURCE_LFS_POINTER',
      /a.yaml/,
    ],
    [
      'renders to nothing',
      { 'kustomization.yaml': 'resources: [a.yaml]', 'a.yaml': '# nothing\n' },
      'RENDER_NOTHING',
      /kustomize/,
    ],
    [
      'holds a broken resource',
      { 'kustomization.yaml': 'resources: [a.yaml]', 'a.yaml': 'a: [' },
      'RENDER_FAILED',
      /a\.yaml/,
    ],
    [
      'multiplies aliases',
      {
        'kustomization.yaml': `a0: &a0 [x,x]\n${Array.from({ length: 20 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i},*a${i}]`).join('\n')}`,
      },
      'RENDER_KUSTOMIZATION',
      /aliases/,
    ],
  ])('%s', async (_, files, code, message) => {
    const error = await refusalOf(renderFiles(files));
    expect(error).toMatchObject({ code });
    expect(error.message).toMatch(message);
    expect(error.message).not.toMatch(/\/tmp\/|\n/);
  });

  it('makes nothing where the folder is empty of manifests', async () => {
    using root = scratch();
    mkdirSync(join(root.path, 'app'));
    expect((await refusalOf(renderFolder(root.path, { path: 'app' }))).code).toBe('RENDER_NOTHING');
    expect((await renderFolder(root.path, { path: 'app', settings: { allowEmpty: true } })).texts).toEqual([]);
  });
});
