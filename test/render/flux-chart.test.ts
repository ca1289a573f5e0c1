/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: those look like variables of Flux */
import { describe, expect, it } from 'vitest';
import { GateError } from '../../src/core/errors.ts';
import { mergeValues } from '../../src/render/flux-values.ts';
import type { FluxHelm } from '../../src/render/request.ts';
import { type Asked, asTexts, json, objectsForFlux } from '../support/flux-gate.ts';
import { bare, type Files, objectsOf, type RenderOptions, scratch, writeTree } from '../support/render.ts';

const chart: Files = {
  'Chart.yaml': 'apiVersion: v2\nname: web\nversion: 1.2.3\n',
  'values.yaml': 'image: nginx:1\nreplicas: 1\nhook: false\nlabels: {}\n',
  'crds/things.yaml':
    'apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: things.example.com}\nspec: {group: example.com, scope: Cluster, names: {kind: Thing, plural: things}}\n',
  'templates/web.yaml':
    'apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {{ .Release.Name }}-web\n  labels: {{ toJson .Values.labels }}\nspec:\n  replicas: {{ .Values.replicas }}\n  template:\n    spec:\n      containers:\n      - {name: app, image: {{ .Values.image | quote }}}\n',
  'templates/about.yaml':
    'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: about\n  namespace: elsewhere\ndata:\n  namespace: {{ .Release.Namespace }}\n  kube: {{ .Capabilities.KubeVersion.Version | quote }}\n  has: {{ .Capabilities.APIVersions.Has "monitoring.coreos.com/v1/PodMonitor" | quote }}\n  install: {{ .Release.IsInstall | quote }}\n  dollar: "${NOT_A_VARIABLE}"\n---\napiVersion: example.com/v1\nkind: Thing\nmetadata: {name: it}\n',
  'templates/hook.yaml':
    '{{ if .Values.hook }}\napiVersion: batch/v1\nkind: Job\nmetadata:\n  name: migrate\n  annotations: {"helm.sh/hook": "pre-upgrade"}\nspec: {}\n{{ end }}\n',
  'templates/tests/test.yaml':
    'apiVersion: v1\nkind: Pod\nmetadata:\n  name: test\n  annotations: {"helm.sh/hook": test}\nspec: {containers: [{name: t, image: busybox}]}\n',
};

/** As in the artifact of a HelmChart: everything in one folder. */
function inside(folder: string, files: Files): Files {
  return Object.fromEntries(Object.entries(files).map(([name, content]) => [`${folder}/${name}`, content]));
}

const helm = (more: Partial<FluxHelm> = {}): FluxHelm => ({
  releaseName: 'app',
  namespace: 'apps',
  values: '',
  skipCrds: false,
  skipTests: true,
  ...more,
});

async function rendered(files: Files, path: string, asked: Asked, options: RenderOptions = {}) {
  using folder = scratch();
  writeTree(folder.path, files);
  return await objectsForFlux(folder.path, path, asked, options).catch((thrown) => {
    if (thrown instanceof GateError) return thrown;
    throw thrown;
  });
}

/** What helm prints, with the namespace where Helm would put each object. */
async function byHand(args: readonly string[], chosen: 'helm' | 'helm4' = 'helm'): Promise<string[]> {
  using folder = scratch();
  writeTree(folder.path, chart);
  const text = await bare(chosen, folder.path, ['template', 'app', '.', '--namespace', 'apps', ...args]);
  const objects = objectsOf(text) as { kind: string; metadata: { namespace?: string } }[];
  for (const { kind, metadata } of objects) {
    if (kind !== 'CustomResourceDefinition' && kind !== 'Thing') metadata.namespace ??= 'apps';
  }
  return asTexts(objects.map((each) => json(each) as never));
}

const textsOf = (objects: Awaited<ReturnType<typeof rendered>>) => {
  if (objects instanceof GateError) throw objects;
  return asTexts(objects.map(({ object }) => object));
};

describe('a chart for Flux', () => {
  it.each(['helm', 'helm4'] as const)(
    'is what %s prints, each object in the namespace of the release',
    async (which) => {
      const objects = await rendered(chart, '.', { helm: helm() }, { helm: which });
      expect(textsOf(objects)).toEqual(await byHand(['--include-crds', '--skip-tests'], which));
      expect(textsOf(objects).join()).toContain('"namespace":"elsewhere"');
    },
  );

  it('names the template that an object came from', async () => {
    const objects = await rendered(inside('web', chart), '.', { helm: helm() });
    if (objects instanceof GateError) throw objects;
    expect(objects.map(({ origin }) => origin.file).sort()).toEqual(
      ['about.yaml', 'about.yaml', 'web.yaml']
        .map((name) => `web/templates/${name}`)
        .concat('web/crds/things.yaml')
        .sort(),
    );
  });

  it.each([
    ['in a folder of its own, as in the artifact of a HelmChart', inside('web', chart), '.'],
    ['below a path', inside('charts/web', chart), './charts/web'],
    ['in the only folder of a path', inside('charts/web', chart), 'charts'],
  ])('may lie %s', async (_, files, path) => {
    expect(textsOf(await rendered(files, path, { helm: helm() }))).toEqual(
      await byHand(['--include-crds', '--skip-tests']),
    );
  });

  it.each([
    ['beside another folder', { ...inside('web', chart), 'other/x': '' }, '.'],
    ['beside a file', { ...inside('web', chart), x: '' }, '.'],
    ['two folders down', inside('a/b', chart), '.'],
  ])('is not looked for %s', async (_, files, path) => {
    expect(await rendered(files, path, { helm: helm() })).toMatchObject({ code: 'RENDER_CHART' });
  });

  it('gets values, versions and kinds of the cluster, and no definitions where they are not wanted', async () => {
    const values = await mergeValues(
      [
        { text: 'replicas: 2\nlabels: {a: b}\n', targetPath: undefined },
        { text: 'nginx:2', targetPath: 'image' },
      ],
      { replicas: 3 },
      new AbortController().signal,
    );
    const objects = await rendered(
      chart,
      '.',
      { helm: helm({ values, skipCrds: true }) },
      {
        request: (plain) => ({
          ...plain,
          kubeVersion: 'v1.33.4+k3s1',
          apiVersions: ['monitoring.coreos.com/v1/PodMonitor'],
        }),
      },
    );
    expect(textsOf(objects).join()).toContain('"kube":"v1.33.4"');
    expect(textsOf(objects).join()).toContain('"has":"true"');
    expect(textsOf(objects).join()).toContain('"image":"nginx:2"');
    expect(textsOf(objects).join()).toContain('"replicas":3');
    // What is a CustomResourceDefinition of the chart is not in the set, so nobody knows that a Thing has no namespace.
    expect(textsOf(objects).join()).not.toContain('CustomResourceDefinition');
  });

  it('is patched, and its images exchanged, behind the templates', async () => {
    const objects = await rendered(chart, '.', {
      helm: helm(),
      patches: [{ patch: '[{"op":"replace","path":"/spec/replicas","value":5}]', target: { kind: 'Deployment' } }],
      images: [{ name: 'nginx', newName: 'registry.example/nginx', newTag: '3' }],
    });
    expect(textsOf(objects).join()).toContain('"image":"registry.example/nginx:3"');
    expect(textsOf(objects).join()).toContain('"replicas":5');
    expect(textsOf(objects)).toHaveLength(4);
    // A chart has no variables of Flux.
    expect(textsOf(objects).join()).toContain('{NOT_A_VARIABLE}');
  });

  it('gets common metadata', async () => {
    const objects = await rendered(chart, '.', {
      helm: helm(),
      commonMetadata: { labels: { team: 'a' }, annotations: {} },
    });
    expect(textsOf(objects).every((text) => text.includes('"team":"a"'))).toBe(true);
  });

  it('is refused where it has hooks', async () => {
    const refused = await rendered(chart, '.', { helm: helm({ values: 'hook: true' }) });
    expect(refused).toMatchObject({
      code: 'FLUX_HOOK',
      place: 'templates/hook.yaml',
      message: 'templates/hook.yaml: Job migrate: it is a hook of its chart ("pre-upgrade")',
    });
  });

  it('is refused with its tests, where they are wanted', async () => {
    const refused = await rendered(chart, '.', { helm: helm({ skipTests: false }) });
    expect(refused).toMatchObject({ code: 'FLUX_HOOK', message: expect.stringContaining('Pod test: it is a hook') });
  });

  it.each([
    ['dropped', '$patch: delete\napiVersion: batch/v1\nkind: Job\nmetadata: {name: migrate}\n', false],
    [
      'made an object like any other',
      'apiVersion: batch/v1\nkind: Job\nmetadata: {name: migrate, annotations: {helm.sh/hook: null}}\n',
      true,
    ],
  ])('may have its hooks %s by a patch', async (_, patch, stays) => {
    const objects = await rendered(chart, '.', { helm: helm({ values: 'hook: true' }), patches: [{ patch }] });
    expect(textsOf(objects).join().includes('migrate')).toBe(stays);
  });

  it.each<[string, Asked]>([
    ['components', { components: ['c'] }],
    ['namePrefix', { namePrefix: 'a-' }],
    ['nameSuffix', { nameSuffix: '-a' }],
    ['postBuild', { postBuild: { variables: {}, strategy: 'Always' } }],
  ])('is not rendered with %s', async (field, asked) => {
    expect(await rendered(chart, '.', { helm: helm(), ...asked })).toMatchObject({
      code: 'PARAMETER_INVALID',
      message: `a chart is rendered without ${field}`,
    });
  });

  it.each([
    ['{{ env "HOME" }}', 'RENDER_ARGUMENT_REFUSED'],
    ['--help', 'RENDER_ARGUMENT_REFUSED'],
  ])('has no release called %s', async (releaseName, code) => {
    expect(await rendered(chart, '.', { helm: helm({ releaseName }) })).toMatchObject({ code });
  });
});
