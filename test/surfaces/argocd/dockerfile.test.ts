import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { readDockerfile } from '../../support/dockerfile.ts';
import { findTool } from '../../support/tools/resolve.ts';

const projectRoot = resolve(import.meta.dirname, '../../..');
const read = (path: string) => readFileSync(join(projectRoot, path), 'utf8');
const instructions = readDockerfile(read('Dockerfile'));
const of = (name: string, stage?: number) =>
  instructions
    .filter((each) => each.name === name && (stage === undefined || each.stage === stage))
    .map((each) => each.text);
const last = Math.max(...instructions.map((each) => each.stage));

describe('the bases', () => {
  it('are named by whoever builds, and have no default', () => {
    const names = of('FROM').map((text) => text.split(' ')[0]);
    for (const name of names) expect(name).toMatch(/^\$\{(GO|NODE)_IMAGE\}$/);
    expect(of('ARG', -1).sort()).toEqual(['GO_IMAGE', 'NODE_IMAGE']);
  });

  it.each(['GO_IMAGE', 'NODE_IMAGE'])('are refused without a digest: %s', (name) => {
    const guard = of('RUN').find((text) => text.includes(`case "$${name}"`)) ?? '';
    const run = (value: string) => spawnSync('/bin/sh', ['-c', guard], { env: { [name]: value } }).status;
    expect(run('docker.io/library/node:24')).toBe(1);
    expect(run('')).toBe(1);
    expect(run(`docker.io/library/node:24@sha256:${'a'.repeat(64)}`)).toBe(0);
  });
});

describe('the tools', () => {
  it.each(['kustomize', 'helm', 'opa'] as const)('%s is the one that is tested', (name) => {
    const { version, build } = findTool(name);
    expect(of('ARG')).toContain(`${name.toUpperCase()}_VERSION=${version}`);
    const install = build.kind === 'install' ? build.package : 'no go install';
    expect(of('RUN')).toContain(`go install -trimpath -ldflags '-s -w' "${install}@\${${name.toUpperCase()}_VERSION}"`);
  });

  it('are found where the command looks', () => {
    expect(of('COPY', last)).toContain('--from=tools /out/kustomize /out/helm /out/opa /usr/local/bin/');
    expect(of('ENV', last).join(' ')).toContain('PATH=/usr/local/bin:/usr/bin:/bin');
  });
});

describe('the image', () => {
  it('runs as the repo-server’s user, under an init', () => {
    expect(of('USER', last)).toEqual(['999:999']);
    expect(JSON.parse(of('ENTRYPOINT', last)[0] ?? '')).toEqual(['/usr/bin/tini', '--']);
    expect(of('RUN', last).join()).toContain('useradd --uid 999 --gid 999');
    const order = instructions.filter((each) => each.stage === last).map((each) => each.name);
    expect(order.lastIndexOf('RUN')).toBeLessThan(order.indexOf('USER'));
  });

  it('gives Node threads enough to look up names, and so does each manifest that runs it', () => {
    expect(of('ENV', last)).toContain('UV_THREADPOOL_SIZE=16');
    const manifests = ['argocd/repo-server.yaml', 'argocd/values.yaml']
      .concat('flux/base/source/stateful-set.yaml', 'flux/base/admission/deployment.yaml')
      .map((path) => JSON.stringify(parseAllDocuments(read(path))));
    for (const text of manifests) expect(text).toContain('{"name":"UV_THREADPOOL_SIZE","value":"16"}');
  });

  it('has every mount point that the sidecar uses, because its root cannot be written to', () => {
    const made = of('RUN', last).join();
    for (const folder of [
      '/etc/syncgate/policies',
      '/etc/syncgate/trust',
      '/etc/syncgate/credentials',
      '/var/run/argocd',
    ]) {
      expect(made).toContain(folder);
    }
    expect(of('COPY', last).join()).toContain('plugin.yaml /home/argocd/cmp-server/config/plugin.yaml');
  });

  it('is made of files that are there and let through, and fetches nothing by URL', () => {
    const admitted = read('.dockerignore').trim().split('\n');
    expect(admitted[0]).toBe('*');
    const sources = of('COPY')
      .filter((text) => !text.includes('--from='))
      .flatMap((text) =>
        text
          .split(' ')
          .filter((word) => !word.startsWith('--'))
          .slice(0, -1),
      );
    expect(sources.length).toBeGreaterThan(4);
    for (const source of sources) {
      expect(existsSync(join(projectRoot, source)), source).toBe(true);
      expect(admitted).toContain(`!${source}`);
    }
    expect(of('ADD')).toEqual([]);
    expect(of('RUN').join()).not.toMatch(/curl|wget|https?:/);
  });

  it('holds no secret and no setting that weakens anything', () => {
    expect([...of('ENV'), ...of('ARG')].join(' ')).not.toMatch(/TOKEN|PASSWORD|SECRET|NODE_TLS_REJECT|NODE_OPTIONS/);
  });
});
