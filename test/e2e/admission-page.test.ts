/** docs/admission.md as its reader has it: every command and every file of it, with the real kubectl and a real API server. */
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { applyFluxKinds, served } from '../support/flux/flux.ts';
import { composedObjects } from '../support/flux/syncgate.ts';
import { moduleFolder } from '../support/go-modules.ts';
import { type Client, type Live, openClient, type Writable } from '../support/kubernetes/client.ts';
import { type KubernetesServer, startKubernetes } from '../support/kubernetes/cluster.ts';
import { tool } from '../support/tools/resolve.ts';

const root = resolve(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/admission.md'), 'utf8');
const blocks = [...page.matchAll(/(?:<!-- test: ([^>]*) -->\s*)?^( *)```(\w+)\n([\s\S]*?)^ *```$/gm)].map(
  ([, mark, indent = '', language = '', text = '']) => ({
    language,
    mark,
    text: text.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  }),
);

let server: KubernetesServer;
let admin: Client;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'syncgate-admission-page-'));
  server = await startKubernetes();
  admin = openClient(server);
  await applyFluxKinds(admin);
  const helm = await moduleFolder('github.com/fluxcd/helm-controller@v1.6.3');
  const file = join(helm, 'config/crd/bases/helm.toolkit.fluxcd.io_helmreleases.yaml');
  const helmReleases = parse(readFileSync(file, 'utf8')) as Writable;
  await admin.apply(helmReleases);
  await served(admin, helmReleases);
  cpSync(join(root, 'flux'), join(folder, 'syncgate'), { recursive: true });
  // Those of docs/flux.md; what is in them is tried there.
  for (const path of ['gates/production.yaml', 'policies/replicas.rego', 'trust/acme.yaml', 'trust/release.pub']) {
    write(path, 'x');
  }
  await putWhatIsFound();
});

afterAll(async () => {
  admin?.[Symbol.dispose]();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

function write(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

/** A Kustomization that holds something of the cluster, a HelmRelease, and what one has made. */
async function putWhatIsFound(): Promise<void> {
  const metadata = { name: 'infra', namespace: 'default' };
  const sourceRef = { kind: 'GitRepository', name: 'infra' };
  const kustomization = {
    apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
    kind: 'Kustomization',
    metadata,
    spec: { interval: '1m', prune: true, sourceRef, serviceAccountName: 'builder' },
  };
  await admin.create(kustomization as Writable);
  const ids = ['_ops_rbac.authorization.k8s.io_ClusterRole', 'default_web_apps_Deployment'];
  const entries = ids.map((id) => ({ id, v: 'v1' }));
  await admin.merge(kustomization as Writable, { status: { inventory: { entries } } }, { subresource: 'status' });
  await admin.create({
    apiVersion: 'helm.toolkit.fluxcd.io/v2',
    kind: 'HelmRelease',
    metadata: { name: 'certificates', namespace: 'default' },
    spec: { interval: '1m', chartRef: { kind: 'OCIRepository', name: 'x' }, install: { createNamespace: true } },
  } as Writable);
  await admin.create({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'certificates-made', labels: { 'helm.toolkit.fluxcd.io/namespace': 'default' } },
    rules: [],
  } as Writable);
}

async function shell(text: string): Promise<string> {
  const env = { PATH: `${dirname(await tool('kubectl'))}:${join(folder, 'bin')}:/usr/bin:/bin`, HOME: folder };
  const options = { cwd: folder, env: { ...env, KUBECONFIG: server.kubeconfigFile }, timeout: 120_000 };
  const { stdout } = await promisify(execFile)('sh', ['-ec', text], options);
  return stdout;
}

it('every command works from top to bottom, and shows what cluster-objects would meet', {
  timeout: 120_000,
}, async () => {
  mkdirSync(join(folder, 'bin'));
  writeFileSync(join(folder, 'bin/kubectl'), `#!/bin/sh\nexec '${await tool('kubectl')}' "$@"\n`, { mode: 0o755 });
  const commands = blocks.filter(({ language }) => language === 'sh');
  expect(commands.length).toBeGreaterThan(3);
  expect(commands.filter(({ mark }) => mark !== 'runs')).toEqual([]);
  let printed = '';
  for (const { mark = '', text } of blocks) {
    const [, path] = /^file (\S+)$/.exec(mark) ?? [];
    if (path !== undefined) write(path, text.replace('sha256:…', `sha256:${'0'.repeat(64)}`));
    if (mark === 'runs') printed += await shell(text);
  }
  expect(printed).toContain('default/infra builder\n  _ops_rbac.authorization.k8s.io_ClusterRole\n');
  expect(printed).not.toContain('default_web_apps_Deployment');
  expect(printed).toMatch(/^default +certificates +<none> +true$/m);
  expect(printed).toMatch(/^default +ClusterRole +certificates-made$/m);
  expect(printed).toContain('deployment.apps/syncgate-admission serverside-applied');
  expect(printed).toContain('"syncgate" deleted');
});

it('the Certificate is for what own-certificates mounts and has trusted', async () => {
  const [{ text = '' } = {}] = blocks.filter(({ text }) => text.includes('kind: Certificate'));
  const { metadata, spec } = parse(text);
  const objects = (await composedObjects('admission', ['own-certificates'])) as unknown as readonly Live[];
  const webhook = objects.find(({ kind }) => kind === 'ValidatingWebhookConfiguration');
  const annotations = webhook?.metadata.annotations ?? {};
  expect(annotations['cert-manager.io/inject-ca-from']).toBe(`${metadata.namespace}/${metadata.name}`);
  const [{ clientConfig }] = webhook?.['webhooks'] ?? [];
  expect(spec.dnsNames).toEqual([`${clientConfig.service.name}.${clientConfig.service.namespace}.svc`]);
  const deployment = objects.find(({ kind }) => kind === 'Deployment');
  const volumes = deployment?.['spec'].template.spec.volumes as readonly { readonly secret?: object }[];
  expect(volumes.map(({ secret }) => secret)).toContainEqual({ secretName: spec.secretName });
});

it.each([...page.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, target = '']) => target))('%s is there', (target) => {
  expect(existsSync(join(root, 'docs', target))).toBe(true);
});
