/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: those are the variables of Flux */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GateError } from '../../src/core/errors.ts';
import { type Asked, asTexts, consumed, objectsForFlux, specOf, withoutNotes } from '../support/flux-gate.ts';
import { Fluxbuild } from '../support/fluxbuild.ts';
import { type Files, scratch, writeTree } from '../support/render.ts';

let flux: Fluxbuild;
beforeAll(async () => {
  flux = await Fluxbuild.start();
});
afterAll(() => flux[Symbol.asyncDispose]());

const configMap = (name: string, more = '') => `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n${more}`;
const deployment = (name: string, image: string) =>
  `apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: ${name}\nspec:\n  replicas: 1\n  template:\n    spec:\n      containers:\n      - name: app\n        image: ${image}\n`;
const kustomization = (...lines: string[]) =>
  `apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n${lines.join('\n')}\n`;

interface Row {
  readonly name: string;
  readonly files: Files;
  readonly path?: string;
  readonly asked?: Asked;
  readonly refused?: true;
  /** Refused here although Flux builds it. */
  readonly stricter?: RegExp;
}

const plain = { 'a.yaml': configMap('a', 'data: {x: y}\n'), 'b/c.yml': deployment('web', 'nginx:1') };
const own = {
  'kustomization.yaml': kustomization('resources: [a.yaml, web.yaml]'),
  'a.yaml': configMap('a'),
  'web.yaml': deployment('web', 'nginx:1'),
};

const rows: Row[] = [
  { name: 'a plain folder, listed with what is below it', files: plain },
  {
    name: 'only files that end in yaml and yml',
    files: { ...plain, 'readme.md': '# x', 'x.json': '{"a":1}', 'y.YAML': 'a' },
  },
  { name: 'files of a hidden folder too', files: { ...plain, '.hidden/x.yaml': configMap('hidden') } },
  {
    name: 'a folder with a kustomization of its own, and not what is in it',
    files: {
      ...plain,
      'sub/kustomization.yml': kustomization('namePrefix: sub-', 'resources: [deep/x.yaml]'),
      'sub/deep/x.yaml': configMap('x'),
      'sub/unlisted.yaml': configMap('unlisted'),
    },
  },
  {
    name: 'a folder below the root',
    files: { 'apps/web/a.yaml': configMap('a'), 'other.yaml': configMap('b') },
    path: './apps/web',
  },
  { name: 'a file that holds no object', refused: true, files: { ...plain, 'values.yaml': 'replicas: 1\n' } },
  { name: 'a file that is empty', files: { ...plain, 'empty.yaml': '' } },
  { name: 'a file of comments', files: { ...plain, 'comments.yaml': '# nothing\n---\n# here\n' } },
  { name: 'a file that is no YAML', refused: true, files: { ...plain, 'broken.yaml': 'a: [\n' } },
  { name: 'a template of Helm', refused: true, files: { ...plain, 'chart.yaml': 'a: {{ .Values.x }}\n' } },
  { name: 'two objects of one name', refused: true, files: { 'a.yaml': configMap('a'), 'b.yaml': configMap('a') } },
  {
    name: 'two objects, one in the namespace default',
    refused: true,
    files: { 'a.yaml': configMap('a'), 'b.yaml': `${configMap('a')}  namespace: default\n` },
  },
  {
    name: 'an object without a name',
    refused: true,
    files: { 'a.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  generateName: a-\n' },
  },
  { name: 'an empty folder', files: { 'apps/.keep': '' }, path: 'apps' },
  {
    name: 'a list',
    files: {
      'a.yaml': 'apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: a}\n',
    },
  },
  {
    name: 'an object whose items are null',
    files: { 'a.yaml': 'apiVersion: x.io/v1\nkind: Allowed\nmetadata: {name: a}\nitems: null\n' },
  },
  {
    name: 'a file of kustomize under another name',
    files: { ...plain, 'base.yaml': `${kustomization('metadata: {name: x}')}` },
  },
  {
    name: 'an object that is for kustomize alone',
    files: { ...plain, 'l.yaml': `${configMap('l')}  annotations: {config.kubernetes.io/local-config: "true"}\n` },
  },
  { name: 'an own kustomization', files: own },
  {
    name: 'two kustomizations in a folder',
    refused: true,
    files: { ...own, 'kustomization.yml': kustomization('resources: [a.yaml]') },
  },
  {
    name: 'a base that lies beside the folder',
    files: {
      'base/kustomization.yaml': kustomization('resources: [a.yaml]'),
      'base/a.yaml': configMap('a'),
      'app/kustomization.yaml': kustomization('resources: [../base, ../other/x.yaml]'),
      'other/x.yaml': configMap('x'),
    },
    path: 'app',
  },
  {
    name: 'files of generators beside the folder',
    files: {
      'app/kustomization.yaml': kustomization(
        'resources: [a.yaml]',
        'configMapGenerator: [{name: g, files: [../shared/x.txt], envs: [../shared/e.env]}]',
      ),
      'app/a.yaml': configMap('a'),
      'shared/x.txt': 'hello',
      'shared/e.env': 'A=1\n',
    },
    path: 'app',
  },
  {
    name: 'a file outside of the source',
    refused: true,
    files: { 'kustomization.yaml': kustomization('resources: [../x.yaml]') },
  },
  {
    name: 'a file by its absolute path',
    refused: true,
    files: { 'kustomization.yaml': kustomization('resources: [/etc/hostname]') },
  },
  {
    name: 'a kustomization of generators alone',
    files: { 'kustomization.yaml': kustomization('configMapGenerator: [{name: g, literals: [a=b]}]') },
  },
  {
    name: 'a kustomization of components alone',
    files: {
      'kustomization.yaml': kustomization('components: [c]'),
      'c/kustomization.yaml': 'apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [x.yaml]\n',
      'c/x.yaml': configMap('x'),
    },
  },
  {
    name: 'origins that are asked for',
    files: {
      ...own,
      'kustomization.yaml': kustomization(
        'resources: [a.yaml]',
        'buildMetadata: [originAnnotations, transformerAnnotations, managedByLabel]',
        'namePrefix: x-',
      ),
    },
  },
  {
    name: 'a label of kustomize',
    files: { ...own, 'kustomization.yaml': kustomization('resources: [a.yaml]', 'buildMetadata: [managedByLabel]') },
  },
  {
    name: 'charts',
    refused: true,
    files: {
      'kustomization.yaml': kustomization(
        'resources: [a.yaml]',
        'helmCharts: [{name: c, repo: https://example.com, version: 1.0.0}]',
      ),
      'a.yaml': configMap('a'),
    },
  },
  {
    name: 'a generator that is a program',
    refused: true,
    files: {
      'kustomization.yaml': kustomization('resources: [a.yaml]', 'generators: [g.yaml]'),
      'a.yaml': configMap('a'),
      'g.yaml':
        'apiVersion: x/v1\nkind: Y\nmetadata: {name: g, annotations: {config.kubernetes.io/function: "exec: {path: ./run}"}}\n',
    },
  },
  {
    name: 'a transformer of kustomize',
    files: {
      'kustomization.yaml': kustomization('resources: [a.yaml]', 'transformers: [t.yaml]'),
      'a.yaml': configMap('a'),
      't.yaml':
        'apiVersion: builtin\nkind: PrefixTransformer\nmetadata: {name: t}\nprefix: p-\nfieldSpecs: [{path: metadata/name}]\n',
    },
  },
  {
    name: 'a remote base',
    refused: true,
    files: { 'kustomization.yaml': kustomization('resources: [https://127.0.0.1:1/x//y]') },
  },
  {
    name: 'a field that there is not',
    files: { ...own, 'kustomization.yaml': kustomization('resources: [a.yaml]', 'ressources: [b.yaml]') },
    stricter: /"ressources" is not one/,
  },
  {
    name: 'numbers where texts belong',
    files: {
      ...own,
      'kustomization.yaml': kustomization(
        'resources: [web.yaml]',
        'images: [{name: nginx, newTag: 2}]',
        'commonLabels: {a: 1, b: true}',
        'commonAnnotations: {c: 1.5}',
        'labels: [{pairs: {d: 2}}]',
      ),
    },
  },

  { name: 'a namespace', files: plain, asked: { targetNamespace: 'apps' } },
  {
    name: 'a namespace over the own',
    files: { ...own, 'kustomization.yaml': kustomization('resources: [a.yaml]', 'namespace: own') },
    asked: { targetNamespace: 'apps' },
  },
  { name: 'a prefix and a suffix', files: plain, asked: { namePrefix: 'p-', nameSuffix: '-s' } },
  {
    name: 'a prefix over the own',
    files: { ...own, 'kustomization.yaml': kustomization('resources: [a.yaml]', 'namePrefix: own-') },
    asked: { namePrefix: 'p-' },
  },
  {
    name: 'a patch by its own name',
    files: plain,
    asked: {
      patches: [{ patch: 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 3}\n' }],
    },
  },
  {
    name: 'a patch of operations',
    files: plain,
    asked: {
      patches: [
        {
          patch: '- op: add\n  path: /metadata/labels\n  value: {a: b}\n',
          target: { kind: 'ConfigMap', name: 'a.*', namespace: '' },
        },
      ],
    },
  },
  {
    name: 'a patch by labels',
    files: { 'a.yaml': `${configMap('a')}  labels: {app: x}\n`, 'b.yaml': configMap('b') },
    asked: {
      patches: [{ patch: '[{"op":"add","path":"/data","value":{"k":"v"}}]', target: { labelSelector: 'app=x' } }],
    },
  },
  {
    name: 'a patch that deletes',
    files: plain,
    asked: { patches: [{ patch: '$patch: delete\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n' }] },
  },
  {
    name: 'a patch for what is not there',
    refused: true,
    files: plain,
    asked: { patches: [{ patch: 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: z}\ndata: {}\n' }] },
  },
  { name: 'a patch that is none', refused: true, files: plain, asked: { patches: [{ patch: 'hello' }] } },
  {
    name: 'patches behind the own',
    files: {
      ...own,
      'kustomization.yaml': kustomization(
        'resources: [web.yaml]',
        `patches: [{patch: '[{"op":"replace","path":"/spec/replicas","value":5}]', target: {kind: Deployment}}]`,
      ),
    },
    asked: {
      patches: [{ patch: '[{"op":"replace","path":"/spec/replicas","value":7}]', target: { kind: 'Deployment' } }],
    },
  },
  {
    name: 'images',
    files: plain,
    asked: { images: [{ name: 'nginx', newName: 'registry.example/nginx', newTag: '2' }] },
  },
  {
    name: 'an image by digest over the own tag',
    files: {
      ...own,
      'kustomization.yaml': kustomization(
        'resources: [web.yaml]',
        'images: [{name: nginx, newName: a/b, newTag: "3"}]',
      ),
    },
    asked: { images: [{ name: 'nginx', digest: `sha256:${'a'.repeat(64)}` }] },
  },
  {
    name: 'an image by tag over the own digest',
    files: {
      ...own,
      'kustomization.yaml': kustomization(
        'resources: [web.yaml]',
        `images: [{name: nginx, digest: "sha256:${'a'.repeat(64)}"}]`,
      ),
    },
    asked: { images: [{ name: 'nginx', newTag: '4' }] },
  },
  {
    name: 'an image by name alone over the own tag',
    files: {
      ...own,
      'kustomization.yaml': kustomization('resources: [web.yaml]', 'images: [{name: nginx, newTag: "3"}]'),
    },
    asked: {
      images: [
        { name: 'nginx', newName: 'x' },
        { name: 'x', newTag: '9' },
      ],
    },
  },
  {
    name: 'a component',
    files: {
      ...own,
      'c/kustomization.yaml': 'apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnameSuffix: -c\n',
    },
    asked: { components: ['c'] },
  },
  {
    name: 'a component beside the folder',
    files: {
      'app/a.yaml': configMap('a'),
      'c/kustomization.yaml': 'apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnameSuffix: -c\n',
    },
    path: 'app',
    asked: { components: ['../c'] },
  },
  { name: 'a component that is not there', refused: true, files: plain, asked: { components: ['c'] } },
  {
    name: 'a component that may be missing',
    files: plain,
    asked: { components: ['c'], ignoreMissingComponents: true },
  },
  {
    name: 'a component from elsewhere',
    refused: true,
    files: plain,
    asked: { components: ['https://github.com/a/b'] },
  },
  {
    name: 'a component of a folder with nothing else',
    files: {
      'app/.keep': '',
      'c/kustomization.yaml': 'apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [x.yaml]\n',
      'c/x.yaml': configMap('x'),
    },
    path: 'app',
    asked: { components: ['../c'] },
  },
  {
    name: 'common metadata',
    files: { ...plain, 'l.yaml': `${configMap('l')}  labels: {a: own, b: own}\n  annotations: {c: own}\n` },
    asked: { commonMetadata: { labels: { a: 'x' }, annotations: { c: 'y', d: 'z' } } },
  },
  {
    name: 'all of it',
    files: {
      ...own,
      'c/kustomization.yaml': 'apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnameSuffix: -c\n',
    },
    asked: {
      targetNamespace: 'n',
      namePrefix: 'p-',
      nameSuffix: '-s',
      images: [{ name: 'nginx', newTag: '5' }],
      patches: [
        { patch: '[{"op":"add","path":"/metadata/annotations","value":{"v":"${V}"}}]', target: { kind: 'Deployment' } },
      ],
      components: ['c'],
      commonMetadata: { labels: { l: '${V}' }, annotations: {} },
      postBuild: { variables: { V: 'value' }, strategy: 'WithVariables' },
    },
  },
];

describe('a source is built as kustomize-controller builds it', () => {
  it.each(rows)('$name', async ({ files, path = '.', asked = {}, refused = false, stricter }) => {
    using folder = scratch();
    writeTree(folder.path, files);
    const theirs = await flux.build(folder.path, specOf(path, asked));
    const ours = await objectsForFlux(folder.path, path, asked).catch((thrown) => {
      if (thrown instanceof GateError) return thrown;
      throw thrown;
    });
    if (stricter !== undefined) {
      expect(theirs).toHaveProperty('value');
      expect(ours).toMatchObject({ message: expect.stringMatching(stricter) });
      return;
    }
    expect(ours instanceof GateError ? ours.message : '').toEqual(refused ? expect.stringMatching(/./) : '');
    if (ours instanceof GateError) {
      expect({ refusedBecause: ours.message, theirs }).toEqual({
        refusedBecause: ours.message,
        theirs: { error: expect.anything() },
      });
      expect(ours.message).not.toContain(folder.path);
      return;
    }
    expect(theirs).toHaveProperty('value');
    const objects = 'value' in theirs ? theirs.value : [];
    expect(asTexts(ours.map(({ object }) => object))).toEqual(
      asTexts(objects.map(withoutNotes)).map((text) => text.replace('kustomize-(devel)', 'kustomize-v5.8.1')),
    );
    const applied = await consumed(flux, ours);
    expect('value' in applied ? asTexts(applied.value) : applied.error).toEqual(
      asTexts(ours.map(({ object }) => object)),
    );
  });
});

it('names a file beside the folder by its own path, and takes no folder that stands in for such files', async () => {
  using folder = scratch();
  const files = {
    'app/kustomization.yaml': kustomization('resources: [../other/x.yaml]'),
    'other/x.yaml': configMap('x'),
  };
  writeTree(folder.path, files);
  const [object] = await objectsForFlux(folder.path, 'app', {});
  expect(object?.origin).toEqual({ file: 'other/x.yaml' });
  writeTree(folder.path, { 'app/.syncgate-outside/other/x.yaml': configMap('y') });
  await expect(objectsForFlux(folder.path, 'app', {})).rejects.toMatchObject({
    code: 'RENDER_KUSTOMIZATION',
    message: expect.stringContaining('may not have a .syncgate-outside of its own'),
  });
});

it('fetches a remote base from a listed place alone', async () => {
  using folder = scratch();
  writeTree(folder.path, { 'kustomization.yaml': kustomization('resources: [https://127.0.0.1:1/x//y]') });
  await expect(objectsForFlux(folder.path, '.', {})).rejects.toMatchObject({ code: 'RENDER_REMOTE_REFUSED' });
});

it('refuses charts and programs with what to do instead', async () => {
  using folder = scratch();
  writeTree(folder.path, { 'kustomization.yaml': kustomization('helmCharts: [{name: c}]') });
  await expect(objectsForFlux(folder.path, '.', {})).rejects.toMatchObject({
    code: 'RENDER_PROGRAM_REFUSED',
    message: 'kustomization.yaml:3 (helmCharts[0]): it wants helm to be run, and Flux builds without it',
    mend: expect.stringContaining('spec.helm'),
  });
});
