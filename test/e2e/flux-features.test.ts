/**
 * What a GatedSource renders is what Flux would have rendered: the same source and the same fields, applied by a
 * kustomize-controller that no gate stands before, give the same live objects.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFailed } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { live } from '../support/flux/application.ts';
import { type Flux, startFlux } from '../support/flux/flux.ts';
import { type GateFiles, startGateFiles } from '../support/flux/gates.ts';
import { type GitServer, startGitServer } from '../support/flux/git-server.ts';
import { externalArtifact, gatedSource, gitRepository, kustomization, ociRepository } from '../support/flux/objects.ts';
import { pushArtifact } from '../support/flux/oci-artifact.ts';
import { deployerOf } from '../support/flux/rbac.ts';
import { applyShipped, type Syncgate, startSyncgate } from '../support/flux/syncgate.ts';
import { tarball } from '../support/flux/tarball.ts';
import { conditionOf, type Live, type Writable } from '../support/kubernetes/client.ts';
import { tool } from '../support/tools/resolve.ts';

let flux: Flux;
let gates: GateFiles;
let syncgate: Syncgate;
let git: GitServer;
let made = 0;

beforeAll(async () => {
  [flux, gates, git] = await Promise.all([startFlux(), startGateFiles(), startGitServer()]);
  await applyShipped(flux);
  // Nothing is gated here: Flux alone shows what it makes of a source.
  await flux.admin.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'bare' } });
  syncgate = await startSyncgate(flux, gates);
});

afterAll(async () => {
  await syncgate?.stop();
  await git?.stop();
  await gates?.stop();
  await flux?.stop();
});

beforeEach(() => {
  onTestFailed(() => void process.stderr.write(`${flux.logs()}\n--- syncgate\n${syncgate.log().slice(-4000)}\n`));
});

const web = (image: string) => `apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 1
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers: [{ name: web, image: "${image}", env: [{ name: MODE, value: plain }] }]
`;
const settings = (data: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: settings }\ndata: ${data}\n`;

interface Row {
  readonly what: string;
  readonly files: (image: string) => Readonly<Record<string, string>>;
  /** Fields that both a Kustomization and a GatedSource have. */
  readonly spec?: (image: string) => object;
}

const plain = (image: string) => ({ 'web.yaml': web(image), 'settings.yaml': settings('{ colour: green }') });

const rows: readonly Row[] = [
  { what: 'plain files', files: plain },
  {
    what: 'a kustomization with a generator and an overlay',
    files: (image) => ({
      'base/web.yaml': web(image),
      'base/kustomization.yaml': 'resources: [web.yaml]\nconfigMapGenerator: [{ name: made, literals: [a=b] }]\n',
      'overlay/kustomization.yaml': 'resources: [../base]\nnamePrefix: over-\nreplicas: [{ name: web, count: 3 }]\n',
    }),
    spec: () => ({ path: './overlay' }),
  },
  {
    what: 'patches',
    files: plain,
    spec: () => ({
      patches: [
        { patch: 'apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: web }\nspec: { replicas: 4 }\n' },
        { patch: '- { op: add, path: /data/shape, value: round }', target: { kind: 'ConfigMap', name: 'sett.*' } },
      ],
    }),
  },
  {
    what: 'images',
    files: () => plain('placeholder:0'),
    spec: (image) => {
      const [, newName, newTag] = /^(.*):([^:]+)$/.exec(image) ?? [];
      return { images: [{ name: 'placeholder', newName, newTag }] };
    },
  },
  {
    what: 'components',
    files: (image) => ({
      'app/web.yaml': web(image),
      'extra/kustomization.yaml':
        'apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nreplicas: [{ name: web, count: 2 }]\n',
    }),
    spec: () => ({ path: './app', components: ['../extra'] }),
  },
  {
    what: 'name prefix, name suffix and common metadata',
    files: plain,
    spec: () => ({
      namePrefix: 'a-',
      nameSuffix: '-z',
      commonMetadata: { labels: { team: 'shop' }, annotations: { note: 'of all' } },
    }),
  },
  {
    what: 'substitution, with defaults, functions and what is left as it is',
    files: (image) => ({
      'web.yaml': web(image),
      // biome-ignore-start lint/suspicious/noTemplateCurlyInString: this is what Flux substitutes.
      'settings.yaml': settings(
        '{ a: "${colour}", b: "${shape:=square}", c: "$${kept}", d: "${secret}", e: "${colour^^}" }',
      ),
      // biome-ignore-end lint/suspicious/noTemplateCurlyInString: until here
    }),
    spec: () => ({
      postBuild: {
        substitute: { colour: 'green' },
        substituteFrom: [
          { kind: 'ConfigMap', name: 'variables' },
          { kind: 'Secret', name: 'secrets' },
          { kind: 'Secret', name: 'absent', optional: true },
        ],
      },
    }),
  },
];

describe('a Kustomization of Flux', () => {
  it.each(rows)('$what', async ({ files, spec = () => ({}) }) => {
    const name = `row${made++}`;
    const tree = Object.entries(files(gates.signed.tagged)).map(([path, text]) => [`${name}/${path}`, text] as const);
    await git.commit(name, Object.fromEntries(tree));
    const fields: { readonly path?: string } = spec(gates.signed.tagged);
    const path = join(name, fields.path ?? '.');
    for (const namespace of ['bare', 'apps']) await variables(namespace);

    const bareSource = gitRepository(name, git.url, {}, 'bare');
    const bare = kustomization(name, bareSource, { ...fields, path, targetNamespace: 'bare' }, 'bare');
    const source = gitRepository(name, git.url);
    const gated = gatedSource(name, source, { ...fields, path, targetNamespace: 'apps' });
    const consumer = kustomization(name, externalArtifact(name));
    for (const object of [bareSource, bare, source, gated, consumer]) await flux.admin.apply(object);
    const expected = await liveObjects(await applied(bare), 'bare');
    const found = await liveObjects(await applied(consumer), 'apps');
    expect(found.map(unpinned)).toEqual(expected);
    // The one difference: every image is at the digest that was verified.
    for (const image of JSON.stringify(found).match(/"image":"[^"]+"/g) ?? []) {
      expect(image).toContain(`@${gates.signed.digest}`);
    }

    // Its objects would be those of the next row.
    for (const object of [bare, consumer]) {
      await flux.admin.delete(object);
      await flux.admin.gone(object);
    }
  });

  async function variables(namespace: string): Promise<void> {
    const metadata = (name: string) => ({ name, namespace });
    await flux.admin.apply({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: metadata('variables'),
      data: { colour: 'blue' },
    });
    await flux.admin.apply({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: metadata('secrets'),
      stringData: { secret: 'none' },
    });
  }
});

/** A Kustomization is ready before it says what it has applied. */
function applied(consumer: Writable): Promise<Live> {
  return flux.admin.until(
    consumer,
    'to have applied something',
    (each) => conditionOf(each)?.status === 'True' && each['status'].inventory !== undefined,
  );
}

/** The objects that a Kustomization has applied, without what is of this cluster alone. */
async function liveObjects(applied: Live, namespace: string): Promise<readonly object[]> {
  const entries = applied['status'].inventory.entries as readonly { readonly id: string; readonly v: string }[];
  const objects = await Promise.all(
    entries.map(async ({ id, v }) => {
      const [, name = '', group = '', kind = ''] = id.split('_');
      const apiVersion = group === '' ? v : `${group}/${v}`;
      const live = await flux.admin.get({ apiVersion, kind, metadata: { name, namespace } });
      if (live === undefined) throw new Error(`${id} is not there`);
      const { labels, annotations, generation } = live.metadata;
      // Which Kustomization it is of is not what is compared; nor are the cluster's own numbers.
      const own = Object.entries(labels ?? {}).filter(([key]) => !key.startsWith('kustomize.toolkit.fluxcd.io/'));
      const { status: _, metadata: __, ...rest } = live;
      return { ...rest, metadata: { name, labels: Object.fromEntries(own), annotations, generation } };
    }),
  );
  return objects.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

function unpinned(object: object): object {
  return JSON.parse(JSON.stringify(object).replaceAll(`@${gates.signed.digest}`, ''));
}

it('an artifact in a registry', async () => {
  const name = 'from-registry';
  const place = { host: gates.registry, repository: 'team/manifests' };
  const origin = 'main@sha1:1111111111111111111111111111111111111111';
  const content = (colour: string) =>
    tarball([
      ['web.yaml', web(gates.signed.tagged)],
      ['settings.yaml', settings(`{ colour: ${colour} }`)],
    ]);
  await pushArtifact(place, 'latest', content('green'), origin);
  const source = ociRepository(name, `oci://${gates.registry}/team/manifests`, { ref: { tag: 'latest' } });
  const gated = gatedSource(name, source, { targetNamespace: 'apps' });
  const consumer = kustomization(name, externalArtifact(name));
  for (const object of [source, gated, consumer]) await flux.admin.apply(object);
  const first = await applied(consumer);
  // What it was made of is told on, through both sources.
  expect(first['status'].lastAppliedOriginRevision).toBe(origin);
  expect((await flux.admin.get(live('ConfigMap', 'settings')))?.['data']).toEqual({ colour: 'green' });

  const later = 'main@sha1:2222222222222222222222222222222222222222';
  const digest = await pushArtifact(place, 'latest', content('blue'), later);
  await flux.admin.reconcile(source);
  await flux.admin.until(consumer, 'to apply it', (each) => each['status'].lastAppliedOriginRevision === later);
  expect((await flux.admin.get(live('ConfigMap', 'settings')))?.['data']).toEqual({ colour: 'blue' });
  expect((await flux.admin.get(gated))?.['status'].lastAcceptedRevision).toBe(`latest@${digest}`);
  await flux.admin.delete(consumer);
  await flux.admin.gone(consumer);
});

it('an application that moves behind the gate keeps its objects', async () => {
  gates.setGate('moving', { namespaces: { names: ['moving'] } });
  const namespace: Writable = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'moving' } };
  for (const object of [namespace, ...deployerOf('moving')]) await flux.admin.apply(object);
  await git.commit('moving', {
    'moving/web.yaml': web(gates.signed.tagged),
    'moving/settings.yaml': settings('{ a: b }'),
  });
  const source = gitRepository('moving', git.url, {}, 'moving');
  const fields = { commonMetadata: { labels: { team: 'shop' } }, namePrefix: 'my-' };
  const place = { path: './moving', targetNamespace: 'moving' };
  const before = kustomization('moving', source, { ...place, ...fields }, 'moving');
  for (const object of [source, before]) await flux.admin.apply(object);
  await applied(before);
  const deployed = live('Deployment', 'my-web', 'moving');
  const old = await flux.admin.get(deployed);

  // The gate stands beside it first, and nothing is applied by it.
  const gated = gatedSource('moving', source, { ...place, ...fields }, 'moving');
  await flux.admin.apply(gated);
  await flux.admin.condition(gated, { status: 'True' });
  expect((await flux.admin.get(deployed))?.metadata.resourceVersion).toBe(old?.metadata.resourceVersion);

  // One change points to the artifact, and takes out what is done by now.
  const after = kustomization('moving', externalArtifact('moving', 'moving'), {}, 'moving');
  await flux.admin.apply(after);
  await flux.admin.until(
    after,
    'to have moved',
    (each) => conditionOf(each)?.status === 'True' && /^main@sha256:/.test(each['status'].lastAppliedRevision),
  );
  const labels = { 'syncgate.dev/gated': 'true' };
  await flux.admin.merge(namespace, { metadata: { labels } });
  const now = await flux.admin.get(deployed);
  expect(now?.metadata.uid).toBe(old?.metadata.uid);
  expect(now?.metadata.labels).toEqual(old?.metadata.labels);
  expect(now?.['spec'].template.spec.containers[0].image).toBe(`${gates.signed.tagged}@${gates.signed.digest}`);
  const token = await flux.admin.reconcile(after);
  await flux.admin.until(
    after,
    'to be ready in a gated namespace',
    (each) => each['status'].lastHandledReconcileAt === token && conditionOf(each)?.status === 'True',
  );
});

describe('a chart', () => {
  const chart = (image: string) => ({
    'chart/Chart.yaml': 'apiVersion: v2\nname: shop\nversion: 1.2.3\n',
    'chart/values.yaml': `image: ${image}\nreplicas: 1\ncolour: white\n`,
    'chart/templates/web.yaml': `apiVersion: apps/v1
kind: Deployment
metadata: { name: {{ .Release.Name }}-web, namespace: {{ .Release.Namespace }} }
spec:
  replicas: {{ .Values.replicas }}
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: web, image: {{ .Values.image | quote }} }] }
`,
    'chart/templates/settings.yaml': `apiVersion: v1
kind: ConfigMap
metadata: { name: {{ .Release.Name }}-settings, namespace: {{ .Release.Namespace }} }
data: { colour: {{ .Values.colour | quote }}, kube: {{ .Capabilities.KubeVersion.Version | quote }} }
`,
  });

  it.each(['HelmChart', 'GitRepository'])('of a %s, with values from everywhere', async (kind) => {
    const name = `chart-${kind.toLowerCase()}`;
    const files = chart(gates.signed.tagged);
    await git.commit(name, files);
    const repository = gitRepository(name, git.url);
    const source: Writable =
      kind === 'GitRepository'
        ? repository
        : {
            ...repository,
            kind,
            spec: {
              chart: './chart',
              interval: '1h',
              sourceRef: { kind: 'GitRepository', name },
              reconcileStrategy: 'Revision',
            },
          };
    const values = { metadata: { name: `${name}-values`, namespace: 'apps' }, apiVersion: 'v1' };
    await flux.admin.apply({ ...values, kind: 'ConfigMap', data: { 'values.yaml': 'replicas: 2\ncolour: blue\n' } });
    await flux.admin.apply({ ...values, kind: 'Secret', stringData: { 'my-colour': 'green' } });
    const helm = {
      releaseName: 'shop',
      values: { replicas: 3 },
      valuesFrom: [
        { kind: 'ConfigMap', name: `${name}-values` },
        { kind: 'Secret', name: `${name}-values`, valuesKey: 'my-colour', targetPath: 'colour' },
      ],
    };
    const path = kind === 'GitRepository' ? { path: './chart' } : {};
    const gated = gatedSource(name, source, { ...path, targetNamespace: 'apps', helm });
    const consumer = kustomization(name, externalArtifact(name));
    const objects = kind === 'GitRepository' ? [source] : [repository, source];
    for (const object of [...objects, gated, consumer]) await flux.admin.apply(object);
    await flux.admin.condition(consumer, { status: 'True' }, 60_000);

    const rendered = await helmTemplate(files, ['--set', 'replicas=3,colour=green']);
    for (const expected of rendered) {
      const live = await flux.admin.get(expected);
      const { data, spec } = unpinned(live ?? {}) as Live;
      if (expected.kind === 'ConfigMap') expect(data).toEqual(expected['data']);
      else expect(spec).toMatchObject(expected['spec'] as object);
    }
    await flux.admin.delete(consumer);
    await flux.admin.gone(consumer);
  });

  /** As Helm itself renders it. */
  async function helmTemplate(files: Record<string, string>, args: readonly string[]): Promise<Writable[]> {
    const folder = mkdtempSync(join(tmpdir(), 'chart-'));
    try {
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(dirname(join(folder, path)), { recursive: true });
        writeFileSync(join(folder, path), text);
      }
      const where = ['--namespace', 'apps', '--kube-version', 'v1.36.3'];
      const { stdout } = await promisify(execFile)(
        await tool('helm'),
        ['template', 'shop', join(folder, 'chart'), ...where, ...args],
        { env: { HOME: folder } },
      );
      return parseAllDocuments(stdout).map((document) => document.toJS() as Writable);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
});
