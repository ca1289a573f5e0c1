/** What `argocd/` and plugin.yaml give to a platform team, held against the real kustomize and Argo CD's own manifests. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { PARAMETERS } from '../../../src/render/parameters.ts';
import { tool } from '../../support/tools/resolve.ts';

const projectRoot = resolve(import.meta.dirname, '../../..');
const read = (path: string) => parse(readFileSync(join(projectRoot, path), 'utf8'));

/** The shape of Argo CD's repo-server Deployment that the patch relies on; the end-to-end tests use the real one. */
const repoServer = `apiVersion: apps/v1
kind: Deployment
metadata: { name: argocd-repo-server }
spec:
  template:
    spec:
      containers:
        - { name: argocd-repo-server, image: quay.io/argoproj/argocd:latest, volumeMounts: [{ name: tmp, mountPath: /tmp }] }
      volumes:
        - { name: tmp, emptyDir: {} }
        - { name: var-files, emptyDir: {} }
        - { name: plugins, emptyDir: {} }
`;

interface Container {
  readonly name: string;
  readonly image: string;
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[];
  readonly securityContext: object;
}
interface Deployment {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly template: { readonly spec: { readonly containers: Container[]; readonly volumes: { name: string }[] } };
  };
}

const digest = `sha256:${'a'.repeat(64)}`;

async function build(base: string, components: readonly string[]): Promise<Deployment[]> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'install-')));
  try {
    cpSync(join(projectRoot, 'argocd'), join(folder, 'syncgate'), { recursive: true });
    mkdirSync(join(folder, 'overlay'));
    writeFileSync(join(folder, 'overlay/base.yaml'), base);
    const kustomization = {
      resources: ['base.yaml'],
      components: components.map((name) => join('../syncgate', name)),
      images: [{ name: 'registry.invalid/syncgate', newName: 'registry.example/platform/syncgate', digest }],
    };
    writeFileSync(join(folder, 'overlay/kustomization.yaml'), JSON.stringify(kustomization));
    const output = execFileSync(await tool('kustomize'), ['build', join(folder, 'overlay')], { encoding: 'utf8' });
    return parseAllDocuments(output).map((document) => document.toJS() as Deployment);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('plugin.yaml', () => {
  const plugin = read('plugin.yaml');

  it('names the plugin and its command, and lets nobody be found by accident', () => {
    expect(plugin).toMatchObject({ kind: 'ConfigManagementPlugin', metadata: { name: 'syncgate' } });
    expect(plugin.spec.generate).toEqual({ command: ['syncgate', 'generate'] });
    expect(Object.keys(plugin.spec).sort()).toEqual(['generate', 'parameters']);
  });

  it('announces exactly the parameters that there are', () => {
    expect(plugin.spec.parameters.static).toEqual(
      PARAMETERS.map(({ name, type, title, tooltip }) => ({ name, title, tooltip, collectionType: type })),
    );
  });

  it('has every parameter on the page that explains them', () => {
    const page = readFileSync(join(projectRoot, 'docs/parameters.md'), 'utf8');
    for (const { name, type } of PARAMETERS) expect(page).toContain(`| \`${name}\` | ${type} |`);
  });
});

describe('the Kustomize component', () => {
  it('adds the container to the repo-server, pinned by digest, and takes nothing away', async () => {
    const [deployment] = await build(repoServer, ['.']);
    const pod = deployment?.spec.template.spec;
    expect(pod?.containers.map(({ name }) => name).sort()).toEqual(['argocd-repo-server', 'syncgate']);
    const sidecar = pod?.containers.find(({ name }) => name === 'syncgate');
    expect(sidecar?.image).toBe(`registry.example/platform/syncgate@${digest}`);
    expect(sidecar?.securityContext).toMatchObject({
      runAsUser: 999,
      runAsNonRoot: true,
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
    });
    const volumes = pod?.volumes.map(({ name }) => name) ?? [];
    for (const mount of sidecar?.volumeMounts ?? []) expect(volumes).toContain(mount.name);
  });

  it('gives nothing of its own to write but a temporary folder and the socket', async () => {
    const [deployment] = await build(repoServer, ['.']);
    const sidecar = deployment?.spec.template.spec.containers.find(({ name }) => name === 'syncgate');
    const writable = sidecar?.volumeMounts.filter(({ readOnly }) => readOnly !== true).map(({ name }) => name);
    expect(writable?.sort()).toEqual(['plugins', 'syncgate-tmp']);
  });

  it('requires the plugin, when that is asked for, too', async () => {
    const kinds = (await build(repoServer, ['.', 'require-plugin'])).map(({ kind }) => kind).sort();
    expect(kinds).toEqual([
      'Deployment',
      'ValidatingAdmissionPolicy',
      'ValidatingAdmissionPolicy',
      'ValidatingAdmissionPolicyBinding',
      'ValidatingAdmissionPolicyBinding',
    ]);
  });
});

describe('the values of the Helm chart', () => {
  it('add the same container and volumes as the component does', () => {
    const values = read('argocd/values.yaml');
    const pod = read('argocd/repo-server.yaml').spec.template.spec;
    expect(values).toEqual({ repoServer: { extraContainers: pod.containers, volumes: pod.volumes } });
  });
});
