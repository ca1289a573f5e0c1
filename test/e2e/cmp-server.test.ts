/**
 * The real argocd-cmp-server runs plugin.yaml as it is shipped, and is driven over its socket as the repo-server does.
 */
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PARAMETERS } from '../../src/render/parameters.ts';
import { cost, denialLimitBytes } from '../../src/surfaces/argocd/denial.ts';
import { type CmpServer, type Generated, startCmpServer } from '../support/argocd/cmp-server.ts';
import { type Platform, shippedPlugin, startPlatform } from '../support/argocd/platform.ts';
import { type PluginApplication, pluginEnvironment } from '../support/argocd/plugin-environment.ts';
import { processesLeft } from '../support/cli.ts';
import { tool } from '../support/tools/resolve.ts';

let platform: Platform;
let gate: CmpServer;
/** Runs any command in place of ours: what the server makes of a bare renderer's output. */
let bare: CmpServer;

beforeAll(async () => {
  platform = await startPlatform();
  gate = await startCmpServer({ plugin: shippedPlugin(), env: platform.env });
  const plugin = `{kind: ConfigManagementPlugin, metadata: {name: bare}, spec: {generate: {command: [sh, -c, 'eval "$COMMAND"']}}}`;
  bare = await startCmpServer({ plugin, env: platform.env, name: 'bare' });
});

afterAll(async () => {
  await gate?.stop();
  await bare?.stop();
  await platform?.stop();
});

beforeEach(async () => {
  platform.setGate({});
  for (const name of ['kustomize', 'helm', 'opa'] as const) await platform.setProgram(name, undefined);
});

type Files = Readonly<Record<string, string>>;
type Application = Omit<Partial<PluginApplication>, 'path'>;

/** Sends a repository with these files, and proves that the server is left as it was whatever came of it. */
async function generate(files: Files, path: string, app: Application = {}, deadlineMs?: number): Promise<Generated> {
  return await withRepository(files, async (root) => {
    const env = pluginEnvironment({ name: 'shop', destinationNamespace: 'apps', ...app, path });
    const request = { root, path, env, application: 'shop', ...(deadlineMs && { deadlineMs }) };
    const answer = await gate.generate(request);
    // Every child of the command has a home below this folder; the servers themselves do not.
    expect(await processesLeft(join(platform.folder, 'tmp/'))).toEqual([]);
    expect(readdirSync(gate.workFolder)).toEqual([]);
    return answer;
  });
}

async function bareManifests(files: Files, path: string, command: string): Promise<readonly string[]> {
  return await withRepository(files, async (root) => {
    const answer = await bare.generate({ root, path, env: [{ name: 'COMMAND', value: command }] });
    if (answer.kind === 'refused') throw new Error(answer.details);
    return answer.manifests;
  });
}

async function withRepository<T>(files: Files, use: (root: string) => Promise<T>): Promise<T> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'repository-')));
  try {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, name)), { recursive: true });
      writeFileSync(join(root, name), text);
    }
    return await use(root);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

function deployment(image: string, more: { readonly name?: string; readonly replicas?: number } = {}): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${more.name ?? 'web'}
spec:
  replicas: ${more.replicas ?? 2}
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
        - name: web
          image: ${image}
          env: [{ name: FLAG, value: "yes" }]
`;
}

const kustomization = (image: string): Files => ({
  'apps/base/kustomization.yaml': 'resources: [deployment.yaml, list.yaml]\n',
  'apps/base/deployment.yaml': deployment(image),
  'apps/base/list.yaml': `apiVersion: v1
kind: List
items:
  - { apiVersion: v1, kind: ServiceAccount, metadata: { name: web } }
  - { apiVersion: v1, kind: Service, metadata: { name: web }, spec: { ports: [{ port: 80 }] } }
`,
  'apps/overlay/kustomization.yaml': `resources: [../base]
namespace: shop
namePrefix: eu-
configMapGenerator:
  - name: settings
    literals: [mode=on, "octal=0777", "big=12345678901234567890"]
patches:
  - target: { kind: Deployment }
    patch: '[{"op": "replace", "path": "/spec/replicas", "value": 3}]'
`,
});

const chart = (image: string): Files => ({
  'charts/web/Chart.yaml': 'apiVersion: v2\nname: web\nversion: 1.0.0\n',
  'charts/web/values.yaml': `image: ${image}\nreplicas: 1\nmode: default\n`,
  'charts/web/values-eu.yaml': 'mode: eu\nreplicas: 4\n',
  'charts/web/crds/crd.yaml': `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: widgets.example.com }
spec:
  group: example.com
  names: { kind: Widget, plural: widgets }
  scope: Namespaced
  versions: [{ name: v1, served: true, storage: true, schema: { openAPIV3Schema: { type: object } } }]
`,
  'charts/web/templates/all.yaml': `${deployment('{{ .Values.image }}').replace('replicas: 2', 'replicas: {{ .Values.replicas }}')}---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-facts
  namespace: {{ .Release.Namespace }}
data:
  kube: {{ .Capabilities.KubeVersion.Version | quote }}
  deployments: {{ .Capabilities.APIVersions.Has "apps/v1/Deployment" | quote }}
  widgets: {{ .Capabilities.APIVersions.Has "example.com/v1/Widget" | quote }}
  mode: {{ .Values.mode | quote }}
  note: {{ .Values.note | default "none" | quote }}
`,
});

/** Objects in any order, and images as they were written. */
function comparable(manifests: readonly string[]): string[] {
  return manifests.map((text) => JSON.stringify(sorted(JSON.parse(text))).replace(/@sha256:[0-9a-f]{64}/g, '')).sort();
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, each]) => [key, sorted(each)]),
  );
}

function manifestsOf(answer: Generated): readonly string[] {
  if (answer.kind === 'refused') throw new Error(`refused: ${answer.details}\n${gate.component.log().slice(-4000)}`);
  return answer.manifests;
}

describe('the plugin file', () => {
  it('is found by name alone and asks for no credentials', async () => {
    expect(await gate.configuration()).toEqual({ isDiscoveryConfigured: false, provideGitCreds: false });
  });

  it('announces every parameter', async () => {
    await withRepository({ 'a.yaml': 'a: b' }, async (root) => {
      const announced = await gate.announcements({ root, path: '.', env: [] });
      const expected = PARAMETERS.map(({ name, type }) => ({ name, collectionType: type, required: false }));
      expect(announced).toMatchObject(expected);
      expect(announced).toHaveLength(PARAMETERS.length);
    });
  });
});

describe('what is let out', () => {
  it('Kustomize: the objects of the bare kustomize, with every image pinned', async () => {
    const files = kustomization(platform.signed.tagged);
    const manifests = manifestsOf(await generate(files, 'apps/overlay'));
    const expected = await bareManifests(files, 'apps/overlay', `${await tool('kustomize')} build .`);
    expect(comparable(manifests)).toEqual(comparable(expected));
    expect(manifests).toHaveLength(4);
    expect(manifests.join()).toContain(`"image":"${platform.signed.tagged}@${platform.signed.digest}"`);
  });

  it('Helm with parameters: the objects of the bare helm with the flags that Argo CD would give it', async () => {
    const files = chart(platform.signed.tagged);
    const app: Application = {
      namespace: 'team-a',
      kubeVersion: 'v1.31.2-gke.1',
      apiVersions: ['apps/v1', 'apps/v1/Deployment', 'example.com/v1', 'example.com/v1/Widget'],
      plugin: {
        parameters: [
          { name: 'helm-value-files', array: ['values-eu.yaml'] },
          { name: 'helm-parameters', map: { replicas: '5' } },
          { name: 'helm-string-parameters', map: { note: '0123' } },
        ],
      },
    };
    const manifests = manifestsOf(await generate(files, 'charts/web', app));
    const command =
      `${await tool('helm')} template . --name-template shop --namespace apps --kube-version 1.31.2 --include-crds ` +
      '--api-versions apps/v1 --api-versions apps/v1/Deployment --api-versions example.com/v1 ' +
      '--api-versions example.com/v1/Widget -f values-eu.yaml --set replicas=5 --set-string note=0123';
    expect(comparable(manifests)).toEqual(comparable(await bareManifests(files, 'charts/web', command)));
    expect(manifests.join()).toContain('"widgets":"true"');
    expect(manifests).toHaveLength(3);
  });

  it('plain YAML and JSON: the objects of the files themselves', async () => {
    const files = {
      'plain/a.yaml': `${deployment(platform.signed.tagged)}---\n---\n# nothing\n---\n${deployment(platform.signed.tagged, { name: 'b' })}`,
      'plain/b.json': '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"data":{"k":"<&>é😀"}}',
      'plain/c.yml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: d, annotations: {n: "1e3", o: "0o17"}}\n',
      'plain/below/d.yaml': 'not: read\n',
    };
    const manifests = manifestsOf(await generate(files, 'plain'));
    const command = 'cat a.yaml; printf "\\n---\\n"; cat b.json; printf "\\n---\\n"; cat c.yml';
    expect(comparable(manifests)).toEqual(comparable(await bareManifests(files, 'plain', command)));
  });

  it('the same bytes every time', async () => {
    const files = kustomization(platform.signed.tagged);
    const first = manifestsOf(await generate(files, 'apps/overlay'));
    expect(manifestsOf(await generate(files, 'apps/overlay'))).toEqual(first);
    expect(manifestsOf(await generate(files, 'apps/overlay'))).toEqual(first);
  });

  it('a part of the repository, where the folder is shorter than the source’s path', async () => {
    const whole = kustomization(platform.signed.tagged);
    const part = Object.fromEntries(Object.entries(whole).map(([name, text]) => [name.replace('apps/', ''), text]));
    await withRepository(part, async (root) => {
      const env = pluginEnvironment({ name: 'shop', destinationNamespace: 'apps', path: 'teams/a/apps/overlay' });
      const manifests = manifestsOf(await gate.generate({ root, path: 'overlay', env }));
      expect(manifests).toHaveLength(4);
    });
  });

  it('the same for the source hydrator, which knows no cluster, and for a tree without a commit', async () => {
    const app: Application = { kubeVersion: '', apiVersions: [], revision: 'streamed', plugin: null };
    expect(manifestsOf(await generate(chart(platform.signed.tagged), 'charts/web', app))).toHaveLength(3);
  });
});

describe('what is withheld', () => {
  const trustEverywhere = { trust: [{ path: 'trust-everywhere/' }], unmatched: 'deny', pin: true };
  const rejected =
    /^error generating manifests: `syncgate generate` failed exit status 1: syncgate REJECTED this revision, /;
  const unverified =
    /^error generating manifests: `syncgate generate` failed exit status 2: syncgate COULD NOT VERIFY /;
  const unusable = /^error generating manifests: `syncgate generate` failed exit status 3: syncgate COULD NOT START /;

  /** Every refusal: no manifest, one readable line, no path of this machine, short enough to travel. */
  async function refusal(files: Files, path: string, app: Application = {}, deadlineMs?: number): Promise<string> {
    const answer = await generate(files, path, app, deadlineMs);
    expect(answer).not.toHaveProperty('manifests');
    if (answer.kind !== 'refused') throw new Error('manifests were let out');
    expect(answer.details).not.toMatch(/[\u0000-\u001f]/);
    expect(answer.details).not.toContain(gate.workFolder);
    expect(answer.details).not.toContain(platform.env['TMPDIR']);
    expect(cost(answer.details)).toBeLessThan(denialLimitBytes + 200);
    expect(answer.condition).toMatch(
      /^Failed to load target state: failed to generate manifest for source 1 of 1: rpc error: code = Unknown desc = CMP processing failed for application "shop": error generating manifests in cmp: rpc error: code = \w+ desc = /,
    );
    return answer.details;
  }

  it('an image that nobody signed, with the file and line that has it', async () => {
    const text = await refusal({ 'plain/web.yaml': deployment(platform.unsigned.tagged) }, 'plain');
    expect(text).toMatch(rejected);
    expect(text).toContain(`image ${platform.unsigned.tagged}, at plain/web.yaml:13:`);
    expect(text).toContain('IMAGE_UNSIGNED [ClusterImagePolicy release-keys] Deployment web');
  });

  it('everything, when one object of many is refused', async () => {
    const many = Array.from({ length: 30 }, (_, i) => deployment(platform.signed.tagged, { name: `web-${i}` }));
    const last = deployment(platform.signed.tagged, { name: 'greedy', replicas: 6 });
    const text = await refusal({ 'plain/all.yaml': [...many, last].join('---\n') }, 'plain');
    expect(text).toMatch(rejected);
    expect(text).toContain('POLICY_DENIED [main.deny] Deployment greedy');
    expect(text).toContain('greedy has 6 replicas, and at most 5 are allowed');
  });

  it('most important first and how many were left out, when there is too much to say', async () => {
    const all = Array.from({ length: 60 }, (_, i) => deployment(platform.unsigned.tagged, { name: `web-${i}` }));
    const text = await refusal({ 'plain/all.yaml': all.join('---\n') }, 'plain');
    expect(text).toMatch(/REJECTED this revision, \d+ reasons?, .* \| \d+ more left out/);
  });

  it('a source that renders to nothing, which a controller would take for "delete everything"', async () => {
    expect(await refusal({ 'plain/README.md': 'nothing here\n' }, 'plain')).toMatch(/RENDER_/);
    expect(await refusal({ 'k/kustomization.yaml': 'resources: []\nnamePrefix: a-\n' }, 'k')).toMatch(/RENDER_/);
    const empty = { 'c/Chart.yaml': 'apiVersion: v2\nname: c\nversion: 1.0.0\n', 'c/templates/a.yaml': '# empty\n' };
    expect(await refusal(empty, 'c')).toMatch(/RENDER_(EMPTY|NOTHING)/);
  });

  it.each([
    [
      'an unknown parameter',
      { parameters: [{ name: 'helm-valuefiles', array: [] }] },
      /PARAMETER_UNKNOWN .*did you mean helm-value-files/,
    ],
    ['a parameter of the wrong type', { parameters: [{ name: 'tool', array: ['helm'] }] }, /PARAMETER_INVALID/],
    ['a choice of policy', { env: [{ name: 'SYNCGATE_CONFIG', value: 'gate.yaml' }] }, /PLUGIN_ENV_REFUSED/],
  ])('%s', async (_, plugin, expected) => {
    const text = await refusal({ 'plain/web.yaml': deployment(platform.signed.tagged) }, 'plain', { plugin });
    expect(text).toMatch(unusable);
    expect(text).toMatch(expected);
  });

  it('what only a Gate in the repository would let out', async () => {
    const lax =
      'apiVersion: syncgate.dev/v1alpha1\nkind: Gate\nmetadata: {name: lax}\nspec: {policies: [], images: unchecked}\n';
    const files = {
      'plain/web.yaml': deployment(platform.unsigned.tagged),
      ...Object.fromEntries(
        ['gate.yaml', 'etc/syncgate/gate.yaml', 'plain/.syncgate', '.syncgate/gate.yaml'].map((name) => [name, lax]),
      ),
    };
    expect(await refusal(files, 'plain')).toContain('IMAGE_UNSIGNED');
  });

  it('what a broken chart gives, in the words of helm', async () => {
    const files = {
      ...chart(platform.signed.tagged),
      'charts/web/templates/bad.yaml': '{{ .Values.missing.deeper }}\n',
    };
    const text = await refusal(files, 'charts/web');
    expect(text).toContain('RENDER_FAILED');
    expect(text).toContain('nil pointer evaluating interface {}.deeper');
  });

  it('everything, when the platform’s own configuration cannot be read', async () => {
    platform.setGate({ unknown: true });
    const text = await refusal({ 'plain/web.yaml': deployment(platform.signed.tagged) }, 'plain');
    expect(text).toMatch(unusable);
    expect(text).toContain('CONFIG_INVALID');
  });

  it.each([
    ['kustomize', 'kill -9 $$'],
    ['kustomize', 'exit 0'],
    ['opa', 'kill -9 $$'],
    ['opa', 'exit 0'],
    ['opa', 'echo "{}"'],
  ] as const)('everything, when %s does this: %s', async (name, script) => {
    await platform.setProgram(name, script);
    const text = await refusal(kustomization(platform.signed.tagged), 'apps/overlay');
    // An opa that answers nonsense may already fail to say what the policies hold.
    expect(text).toMatch(/failed exit status [23]: syncgate COULD NOT (VERIFY|START) /);
  });

  it('everything, when the gate’s own deadline passes first; and it says so', async () => {
    platform.setGate({ timeoutSeconds: 1 });
    await platform.setProgram('kustomize', '/bin/sleep 300 & /bin/sleep 300');
    const text = await refusal(kustomization(platform.signed.tagged), 'apps/overlay');
    expect(text).toMatch(unverified);
    expect(text).toMatch(/_TIMEOUT .*use Hard Refresh/);
  });

  it('everything, when the caller’s deadline passes first; and nothing is left running', async () => {
    await platform.setProgram('kustomize', 'exec /bin/sleep 300');
    const text = await refusal(kustomization(platform.signed.tagged), 'apps/overlay', {}, 2_000);
    expect(text).toMatch(/`syncgate generate` failed signal: killed|Deadline/i);
  });

  it('what cannot be verified now, and is no rejection: the registry does not answer', async () => {
    const [host = ''] = platform.signed.tagged.split('/');
    const image = platform.signed.tagged.replace(host, '127.0.0.1:1');
    platform.setGate({ registries: [{ host: '127.0.0.1:1', plainHttp: true }], images: trustEverywhere });
    const text = await refusal({ 'plain/web.yaml': deployment(image) }, 'plain');
    expect(text).toMatch(unverified);
    expect(text).toMatch(/not verified: REGISTRY_\w+ .*use Hard Refresh/);
  });
});
