/** The Kustomize component on the manifests that this release of Argo CD ships. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { argoModuleFolder } from '../support/argocd/control-plane.ts';
import { tool } from '../support/tools/resolve.ts';

const projectRoot = resolve(import.meta.dirname, '../..');

it.each(['namespace-install.yaml', 'ha/namespace-install.yaml'])(
  'the component adds its container to the repo-server of %s, and changes nothing else',
  async (manifest) => {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'install-')));
    try {
      cpSync(join(projectRoot, 'argocd'), join(folder, 'syncgate'), { recursive: true });
      cpSync(join(await argoModuleFolder(), 'manifests', manifest), join(folder, 'argocd.yaml'));
      const build = async (name: string, kustomization: object) => {
        mkdirSync(join(folder, name));
        cpSync(join(folder, 'argocd.yaml'), join(folder, name, 'argocd.yaml'));
        writeFileSync(
          join(folder, name, 'kustomization.yaml'),
          JSON.stringify({ resources: ['argocd.yaml'], ...kustomization }),
        );
        const options = { encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 } as const;
        const output = execFileSync(await tool('kustomize'), ['build', join(folder, name)], options);
        return parseAllDocuments(output).map((document) => document.toJS());
      };
      const before = await build('before', {});
      const after = await build('after', { components: ['../syncgate'] });
      const isRepoServer = (each: { kind: string; metadata: { name: string } }) =>
        each.kind === 'Deployment' && each.metadata.name === 'argocd-repo-server';
      expect(after.filter((each) => !isRepoServer(each))).toEqual(before.filter((each) => !isRepoServer(each)));
      const pod = after.find(isRepoServer).spec.template.spec;
      const podBefore = before.find(isRepoServer).spec.template.spec;
      expect(pod.containers.filter((each: { name: string }) => each.name !== 'syncgate')).toEqual(podBefore.containers);
      const sidecar = pod.containers.find((each: { name: string }) => each.name === 'syncgate');
      const volumes = pod.volumes.map((each: { name: string }) => each.name);
      for (const mount of sidecar.volumeMounts) expect(volumes).toContain(mount.name);
      expect(volumes).toHaveLength(podBefore.volumes.length + 5);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
