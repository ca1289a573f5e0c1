/** docs/flux.md as its reader has it: every command of it, in its order, with the real kubectl and real controllers. */
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it, onTestFailed } from 'vitest';
import { stringify } from 'yaml';
import { freePorts, waitFor } from '../support/argocd/component.ts';
import { makeCertificates } from '../support/certificates.ts';
import { builtCommand } from '../support/cli.ts';
import { type Flux, served, startFlux } from '../support/flux/flux.ts';
import { type GateFiles, startGateFiles } from '../support/flux/gates.ts';
import { type GitServer, startGitServer } from '../support/flux/git-server.ts';
import {
  type Syncgate,
  shippedObjects,
  startSyncgate,
  startWebhook,
  type Webhook,
  writeCertificate,
} from '../support/flux/syncgate.ts';
import type { Live, Writable } from '../support/kubernetes/client.ts';
import { pushImage } from '../support/registry.ts';
import { tool } from '../support/tools/resolve.ts';

const root = resolve(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/flux.md'), 'utf8');
const marks = [
  ...['needs docker', 'runs', 'runs, exit code 1', 'runs once the Pods do', 'prints'],
  ...['runs with credentials', 'runs where the gate is down'],
  ...[...page.matchAll(/<!-- test: (file \S+) -->/g)].map(([, mark = '']) => mark),
];

interface Block {
  readonly language: string;
  readonly mark: string | undefined;
  readonly text: string;
}

const blocksOf = (text: string): readonly Block[] =>
  [...text.matchAll(/(?:<!-- test: ([^>]*) -->\s*)?^```(\w+)\n([\s\S]*?)^```$/gm)].map(
    ([, mark, language = '', text = '']) => ({ language, mark, text }),
  );
/** Upgrading comes while there is something to upgrade. */
const end = page.indexOf('## Taking it out');
const upgrading = blocksOf(readFileSync(join(root, 'docs/upgrading.md'), 'utf8'));
const blocks = [...blocksOf(page.slice(0, end)), ...upgrading, ...blocksOf(page.slice(end))];

let flux: Flux;
let gates: GateFiles;
let git: GitServer;
let folder: string;
let bin: string;
const certificates = makeCertificates();
let webhook: Webhook | undefined;
let processes: readonly (Syncgate | Webhook)[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'syncgate-guide-'));
  bin = join(folder, '.bin');
  mkdirSync(bin);
  [flux, gates, git] = await Promise.all([
    // What the page makes is not there yet.
    startFlux({ externalArtifact: false, namespaces: ['flux-system'] }),
    startGateFiles(),
    startGitServer(),
  ]);
  await flux.kustomizeController.stop();
  for (const name of ['opa', 'kustomize', 'helm'] as const) symlinkSync(await tool(name), join(bin, name));
  await putStandIns();
  cpSync(join(root, 'flux'), join(folder, 'syncgate'), { recursive: true });
  // Two versions of an image, of which the page signs one at first.
  await pushImage(gates.registry, 'acme/shop', '2.0');
  const first = await pushImage(gates.registry, 'acme/shop', '1.0');
  await git.commit('Version 1.0', { 'deploy/web.yaml': stringify(web(first.tagged)) });
  await flux.admin.apply(controllerDeployment);
  await aggregateEdit();
});

afterAll(async () => {
  for (const each of processes) await each.stop();
  await git?.stop();
  await gates?.stop();
  await flux?.stop();
  rmSync(folder, { recursive: true, force: true });
});

it('each command says how it is tested', () => {
  const commands = blocks.filter(({ language }) => language === 'sh');
  expect(commands.length).toBeGreaterThan(20);
  expect(upgrading.length).toBeGreaterThan(4);
  expect(blocks.filter(({ mark }) => mark !== undefined && !marks.includes(mark))).toEqual([]);
  expect(commands.filter(({ mark }) => mark === undefined)).toEqual([]);
});

it('every command works from top to bottom', { timeout: 400_000 }, async () => {
  const logs = () => processes.map((each) => each.log().slice(-5000)).join('\n---\n');
  onTestFailed(() => void process.stderr.write(`${flux.logs()}\n--- syncgate\n${logs()}\n`));
  let printed = '';
  for (const { mark = '', text } of blocks) {
    const [, path] = /^file (\S+)$/.exec(mark) ?? [];
    if (path !== undefined) write(path, here(text));
    else if (mark === 'prints') expect(printed).toMatch(pattern(text));
    else if (mark.startsWith('runs')) {
      if (mark === 'runs once the Pods do' && processes.length === 0) await startPods();
      if (text.includes('apply --server-side -k .')) await flux.admin.delete(configuration);
      if (mark === 'runs with credentials') putCredentials();
      if (mark === 'runs where the gate is down') await leaveGatedSource();
      if (text.includes('orders.yaml')) await startOrders();
      if (text.includes('comm -23')) await flux.admin.create(formerPolicy);
      writeLogs();
      const { exitCode, output } = await shell(text);
      expect(exitCode, `${text}\n${output}`).toBe(mark === 'runs, exit code 1' ? 1 : 0);
      if (exitCode === 1) expect(output).toContain('syncgate: ');
      if (text.includes('comm -23')) {
        expect(output.trim()).toBe('validatingadmissionpolicy.admissionregistration.k8s.io/syncgate-former');
        await flux.admin.delete(formerPolicy);
      }
      printed = output;
      await afterCommand(text);
    }
  }
  // What moved is the object that was there, with its digest.
  const moved = await flux.admin.get(deploymentOfOrders);
  expect(moved?.metadata.uid).toBe(uidOfOrders);
  expect(moved?.['spec'].template.spec.containers[0].image).toMatch(/\/acme\/shop:2\.0@sha256:/);
  // What it takes out is out, and what was applied is there.
  const deployment = await flux.admin.get(web('') as Writable);
  expect(deployment?.['spec'].template.spec.containers[0].image).toBe(`${gates.registry}/acme/shop:2.0`);
  expect(await flux.admin.get(definition)).toBeUndefined();
  expect(await flux.admin.get({ apiVersion: 'v1', kind: 'ConfigMap', metadata: configMapOf('gates') })).toBeUndefined();
});

it('the settings of registries that are not public are such', async () => {
  putCredentials();
  for (const name of ['ca.pem', 'config.json']) cpSync(join(folder, name), join(folder, 'credentials', name));
  const [{ text: gate = '' } = {}] = blocks.filter(({ mark }) => mark === 'file gates/production.yaml');
  const [{ text = '' } = {}] = blocks.filter(({ text }) => text.includes('../credentials/ca.pem'));
  write('gates/private.yaml', gate + text.replace('spec:\n', ''));
  const { exitCode, output } = await shell('docker run syncgate policies --config gates/private.yaml');
  expect(exitCode, output).toBe(0);
});

it('a pull secret that the kustomization names reaches every Pod', async () => {
  const [{ text: patches = '' } = {}] = blocks.filter(({ text }) => text.includes('imagePullSecrets'));
  write('private/kustomization.yaml', `resources: [../syncgate/overlays/both]\n${patches}`);
  const { exitCode, output } = await shell('kubectl kustomize private');
  expect(exitCode, output).toBe(0);
  expect(output.split('imagePullSecrets:\n      - name: pull\n')).toHaveLength(3);
});

it.each([...page.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, target = '']) => target))('%s is there', (target) => {
  expect(existsSync(join(root, 'docs', target))).toBe(true);
});

/** The registry, the Git server, the key and the digest of the page, as they are here. */
function here(text: string): string {
  return text
    .replaceAll('ghcr.io', gates.registry)
    .replaceAll('https://git.acme.example/shop.git', git.url)
    .replaceAll('cosign sign ', 'cosign sign --yes --allow-http-registry --allow-insecure-registry ')
    .replace('digest: sha256:…', `digest: sha256:${'0'.repeat(64)}`)
    .replace(
      // Its registry has TLS; the one here must be listed to be asked at all.
      'policies: [{ path: ../policies/ }]',
      (policies) => `${policies}\n  registries: [{ host: "${gates.registry}", plainHttp: true }]`,
    );
}

function write(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

/** What a page shows, where an ellipsis stands for anything. */
function pattern(text: string): RegExp {
  const escaped = here(text.trim()).replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(escaped.replaceAll('…', '.*'));
}

/** What a controller of Kubernetes does, which does not run here: without it the role `edit` gives nothing. */
async function aggregateEdit(): Promise<void> {
  const roles = await flux.admin.list('rbac.authorization.k8s.io/v1', 'ClusterRole');
  const parts = roles.filter(({ metadata }) =>
    ['edit', 'view'].some((role) => metadata.labels?.[`rbac.authorization.k8s.io/aggregate-to-${role}`] === 'true'),
  );
  const edit = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'edit' } };
  await flux.admin.merge(edit, { rules: parts.flatMap((each) => each['rules'] ?? []) });
}

/** What the page has run by Docker and in Pods runs here as processes: with the same arguments, and the same log. */
async function putStandIns(): Promise<void> {
  const script = (name: string, text: string) =>
    writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  script(
    'docker',
    `while [ "$1" != syncgate ]; do shift; done\nshift\nexec '${process.execPath}' '${await builtCommand()}' "$@"`,
  );
  const logs = `case "$*" in *" logs "*) exec cat "$HOME/.log-\${5##*=}" ;; esac`;
  script('kubectl', `${logs}\nexec '${await tool('kubectl')}' "$@"`);
  symlinkSync(await tool('cosign'), join(bin, 'cosign'));
}

function putCredentials(): void {
  write('config.json', '{"auths":{}}');
  write('ca.pem', certificates.ca);
}

const definition: Writable = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'gatedsources.syncgate.dev' },
};

/** A GatedSource whose deletion waits for a gate that is gone, and the policy that keeps it so. */
async function leaveGatedSource(): Promise<void> {
  for (const each of processes) await each.stop();
  await waitFor('the definition to be gone', 60_000, async () =>
    (await flux.admin.get(definition)) === undefined ? true : undefined,
  );
  const held = (await shippedObjects('flux/overlays/both')).filter(
    ({ metadata }) => metadata.name === definition.metadata.name || metadata.name === 'syncgate-gated-sources',
  );
  for (const each of held) await flux.admin.apply(each, { fieldManager: 'kubectl' });
  await served(flux.admin, definition);
  const left = {
    apiVersion: 'syncgate.dev/v1alpha1',
    kind: 'GatedSource',
    metadata: { name: 'shop', namespace: 'apps', finalizers: ['syncgate.dev/finalizer'] },
    spec: { sourceRef: { kind: 'GitRepository', name: 'shop' }, interval: '10m' },
  } as Writable;
  await flux.admin.create(left);
  const { exitCode, output } = await shell('kubectl -n apps delete gatedsource shop --timeout=1s');
  expect(exitCode, output).toBe(1);
  await waitFor('the policy to be in force', 30_000, () =>
    flux.admin.merge(left, { metadata: { finalizers: null } }, { dryRun: true }).then(
      () => undefined,
      () => true,
    ),
  );
}

/** What an earlier version has shipped, and this one does not. */
const formerPolicy = {
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingAdmissionPolicy',
  metadata: { name: 'syncgate-former', labels: { 'app.kubernetes.io/part-of': 'syncgate' } },
  spec: {
    matchConstraints: {
      resourceRules: [
        { apiGroups: ['example.com'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['examples'] },
      ],
    },
    validations: [{ expression: 'true' }],
  },
} as Writable;

const namespaced = (name: string) => ({ name, namespace: 'orders' });
const deploymentOfOrders: Writable = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: namespaced('web') };
let uidOfOrders: string | undefined;

/** The application that is to move: of the same repository, by an ordinary Kustomization. */
async function startOrders(): Promise<void> {
  const kustomization: Writable = {
    apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
    kind: 'Kustomization',
    metadata: namespaced('orders'),
  };
  const objects = [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'orders' } },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: namespaced('deployer') },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: namespaced('deployer'),
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'edit' },
      subjects: [{ kind: 'ServiceAccount', ...namespaced('deployer') }],
    },
    {
      apiVersion: 'source.toolkit.fluxcd.io/v1',
      kind: 'GitRepository',
      metadata: namespaced('orders'),
      spec: { url: git.url, ref: { branch: 'main' }, interval: '1m' },
    },
    {
      ...kustomization,
      spec: {
        sourceRef: { kind: 'GitRepository', name: 'orders' },
        path: './deploy',
        targetNamespace: 'orders',
        prune: true,
        interval: '10m',
        retryInterval: '1s',
      },
    },
  ];
  for (const each of objects) await flux.admin.create(each as unknown as Writable);
  const running = await waitFor('the application to run', 60_000, () => flux.admin.get(deploymentOfOrders));
  uidOfOrders = running.metadata.uid;
}

/** What Flux, the kubelet and the nodes do in between. */
async function afterCommand(text: string): Promise<void> {
  if (text.includes('external-artifact.yaml')) {
    // The Deployment is patched; the process is started as it says.
    const deployment = await flux.admin.get(controllerDeployment);
    await flux.kustomizeController.start(deployment?.['spec'].template.spec.containers[0].args.slice(1));
  }
  if (text.includes('create namespace apps')) await clone();
  if (text.includes('apply --server-side -k .') && webhook !== undefined) await pointWebhook(webhook.url);
}

/** For `kubectl logs`. */
function writeLogs(): void {
  for (const [index, name] of ['syncgate', 'syncgate-admission'].entries()) {
    writeFileSync(join(folder, `.log-${name}`), processes[index]?.log() ?? '');
  }
}

async function clone(): Promise<void> {
  await run('git', ['clone', '-q', git.folder, join(folder, 'shop')]);
  for (const [name, value] of [
    ['user.name', 'Test'],
    ['user.email', 'test@syncgate.example'],
  ] as const) {
    await run('git', ['-C', join(folder, 'shop'), 'config', name, value]);
  }
  await run('git', ['-C', git.folder, 'config', 'receive.denyCurrentBranch', 'updateInstead']);
}

const configMapOf = (name: string) => ({ name: `syncgate-${name}`, namespace: 'syncgate-system' });

/** Runs what the StatefulSet and the Deployment say, with their ConfigMaps as their volumes. */
async function startPods(): Promise<void> {
  const mounts = mkdtempSync(join(folder, '.mounts-'));
  for (const name of ['gates', 'policies', 'trust']) {
    const found = await flux.admin.get({ apiVersion: 'v1', kind: 'ConfigMap', metadata: configMapOf(name) });
    mkdirSync(join(mounts, name));
    for (const [file, text] of Object.entries((found?.['data'] ?? {}) as Record<string, string>)) {
      writeFileSync(join(mounts, name, file), text);
    }
  }
  const mounted = { ...gates, gates: join(mounts, 'gates') };
  const [port] = (await freePorts(1)) as [number];
  const folderOfCertificate = mkdtempSync(join(folder, '.certificates-'));
  writeCertificate(folderOfCertificate, certificates.server);
  webhook = await startWebhook(flux, mounted, { port, certificates: folderOfCertificate });
  processes = [await startSyncgate(flux, mounted), webhook];
  await pointWebhook(webhook.url);
  for (const [kind, name] of [
    ['StatefulSet', 'syncgate'],
    ['Deployment', 'syncgate-admission'],
  ] as const) {
    const metadata = { name, namespace: 'syncgate-system' };
    const { spec, metadata: live } = (await flux.admin.get({ apiVersion: 'apps/v1', kind, metadata })) as Live;
    const counts = ['replicas', 'readyReplicas', 'updatedReplicas', 'availableReplicas', 'currentReplicas'];
    const all = Object.fromEntries(counts.map((count) => [count, spec.replicas]));
    const { currentReplicas: _, ...some } = all;
    const status = { ...(kind === 'StatefulSet' ? all : some), observedGeneration: live?.generation };
    await flux.admin.merge({ apiVersion: 'apps/v1', kind, metadata }, { status }, { subresource: 'status' });
  }
}

const configuration: Writable = {
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingWebhookConfiguration',
  metadata: { name: 'syncgate' },
};

/** The Service of the webhook leads to a process of this machine. */
async function pointWebhook(url: string): Promise<void> {
  const found = await flux.admin.get(configuration);
  const caBundle = Buffer.from(certificates.ca).toString('base64');
  const webhooks = found?.['webhooks'].map((each: { clientConfig: { service: { path: string } } }) => ({
    ...each,
    clientConfig: { url: url + each.clientConfig.service.path, caBundle },
  }));
  await flux.admin.merge(configuration, { webhooks });
}

const run = promisify(execFile);

async function shell(text: string) {
  const env = {
    PATH: [bin, process.env['PATH'] ?? ''].join(':'),
    HOME: folder,
    KUBECONFIG: flux.server.kubeconfigFile,
    COSIGN_PASSWORD: '',
    HTTPS_PROXY: 'http://127.0.0.1:9',
    NO_PROXY: '127.0.0.1',
  };
  type Ended = { code?: number; stdout: string; stderr: string };
  const options = { cwd: folder, env, timeout: 150_000 };
  const ended = (await run('sh', ['-ec', here(text)], options).catch((error: Ended) => error)) as Ended;
  return { exitCode: ended.code ?? 0, output: ended.stdout + ended.stderr };
}

/** What the application's repository holds. */
function web(image: string) {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'apps' },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image }] } },
    },
  };
}

/** As `flux install` has it: nothing of it runs here, and its arguments are read. */
const controllerDeployment: Writable = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'kustomize-controller', namespace: 'flux-system' },
  spec: {
    selector: { matchLabels: { app: 'kustomize-controller' } },
    template: {
      metadata: { labels: { app: 'kustomize-controller' } },
      spec: {
        containers: [
          {
            name: 'manager',
            image: 'ghcr.io/fluxcd/kustomize-controller:v1.9.5',
            args: ['--watch-all-namespaces=true'],
          },
        ],
      },
    },
  },
};
