import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createSandbox, type Files, judgingCommands, type Sandbox } from '../support/cli.ts';
import { expectRefusal, type Refusal } from '../support/refusal.ts';

const config = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n';
const kustomization = 'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [config.yaml]\n';
const chart = { 'app/Chart.yaml': 'apiVersion: v2\nname: shop\nversion: 1.0.0\n' };
/** What stands outside of the repository, and must never be told or touched. */
const secret = 'TOP-SECRET-VALUE';

/** Runs a judging command over a repository, with the real renderers on its PATH. */
async function sandboxOf(files: Files, gate: object = {}): Promise<Sandbox> {
  const sandbox = createSandbox(files, gate);
  for (const name of ['kustomize', 'helm'] as const) await sandbox.realProgram(name);
  sandbox.write({
    'outside/secret.yaml': `${config}data: { password: ${secret} }\n`,
    'outside/values.yaml': `a: ${secret}\n`,
  });
  return sandbox;
}

describe.each(judgingCommands)('syncgate %s', (command) => {
  const parameter = (name: string, value: string) =>
    command === 'generate'
      ? { args: [], options: { env: { ARGOCD_APP_PARAMETERS: JSON.stringify([{ name, array: [value] }]) } } }
      : { args: [`--${name}`, value], options: {} };

  it.each<[string, Files, Refusal]>([
    ['an empty folder', { 'app/.keep': '' }, { codes: ['RENDER_NOTHING'] }],
    [
      'a folder with nothing that is rendered',
      { 'app/README.md': '# Hello\n', 'app/main.go': 'package main\n' },
      { codes: ['RENDER_NOTHING'] },
    ],
    [
      'manifests only in a folder below, without recursion',
      { 'app/deep/a.yaml': config },
      { codes: ['RENDER_NOTHING'] },
    ],
    [
      'a kustomization without resources',
      { 'app/kustomization.yaml': 'kind: Kustomization\n' },
      { codes: ['RENDER_NOTHING'], says: ['kustomize'] },
    ],
    [
      'a kustomization with an unknown field',
      { 'app/kustomization.yaml': `${kustomization}resource: [b.yaml]\n`, 'app/config.yaml': config },
      { codes: ['RENDER_KUSTOMIZATION'], says: ['resource', 'app/kustomization.yaml'] },
    ],
    [
      'a kustomization that names what is not there',
      { 'app/kustomization.yaml': kustomization },
      { codes: ['RENDER_KUSTOMIZATION'], says: ['app/kustomization.yaml:3', 'config.yaml'] },
    ],
    [
      'two kustomizations',
      { 'app/kustomization.yaml': kustomization, 'app/Kustomization': kustomization, 'app/config.yaml': config },
      { codes: ['RENDER_KUSTOMIZATION'] },
    ],
    [
      'a chart whose template is broken',
      { ...chart, 'app/templates/a.yaml': '{{ .Values.a.b.c }}\n' },
      { codes: ['RENDER_FAILED'], says: ['templates/a.yaml'] },
    ],
    [
      'a chart whose template does not parse',
      { ...chart, 'app/templates/a.yaml': '{{ if }}\n' },
      { codes: ['RENDER_FAILED'], says: ['templates/a.yaml'] },
    ],
    [
      'a chart without a version',
      { 'app/Chart.yaml': 'apiVersion: v2\nname: shop\n', 'app/templates/a.yaml': config },
      { codes: ['RENDER_FAILED'], says: ['version'] },
    ],
    [
      'a chart that is not YAML',
      { 'app/Chart.yaml': 'name: [\n' },
      { codes: ['RENDER_FAILED'], says: ['Chart.yaml', 'line 1'] },
    ],
    [
      'a chart that refuses its values',
      {
        ...chart,
        'app/values.yaml': 'port: high\n',
        'app/values.schema.json': '{"properties":{"port":{"type":"number"}}}',
        'app/templates/a.yaml': config,
      },
      { codes: ['RENDER_FAILED'], says: ['port'] },
    ],
    [
      'a chart whose dependency is not there',
      {
        'app/Chart.yaml': `${chart['app/Chart.yaml']}dependencies: [{name: db, version: 1.0.0, repository: "https://charts.example.com"}]\n`,
      },
      { codes: ['RENDER_REPOSITORY_REFUSED'], says: ['charts.example.com', 'spec.render.helm.repositories'] },
    ],
    [
      'a template that wants a cluster',
      { ...chart, 'app/templates/a.yaml': '{{ fail (printf "no %s" .Release.Name) }}\n' },
      { codes: ['RENDER_FAILED'] },
    ],
    [
      'a base of the network',
      { 'app/kustomization.yaml': 'kind: Kustomization\nresources: ["https://example.com/base.yaml"]\n' },
      { codes: ['RENDER_REMOTE_REFUSED'], says: ['example.com', 'spec.render.kustomize.remoteBases'] },
    ],
    [
      'a base of a Git server',
      { 'app/kustomization.yaml': 'kind: Kustomization\nresources: ["git@github.com:a/b.git//c?ref=d"]\n' },
      { codes: ['RENDER_REMOTE_REFUSED'], says: ['github.com'] },
    ],
    [
      'a base outside of the root',
      { 'app/kustomization.yaml': 'kind: Kustomization\nresources: [../../outside]\n' },
      { codes: ['SOURCE_OUTSIDE'] },
    ],
    [
      'an absolute base',
      { 'app/kustomization.yaml': 'kind: Kustomization\nresources: [/etc/hostname]\n' },
      { codes: ['SOURCE_OUTSIDE'] },
    ],
    [
      'a file for a secret from outside',
      {
        'app/kustomization.yaml':
          'kind: Kustomization\nsecretGenerator: [{name: a, files: [../../outside/secret.yaml]}]\n',
      },
      { codes: ['SOURCE_OUTSIDE'] },
    ],
    [
      'an exec plugin',
      {
        'app/kustomization.yaml': 'kind: Kustomization\ngenerators: [g.yaml]\n',
        'app/g.yaml':
          'apiVersion: a/v1\nkind: G\nmetadata:\n  name: g\n  annotations:\n    config.kubernetes.io/function: |\n      exec: { path: ./run.sh }\n',
      },
      { codes: ['RENDER_PROGRAM_REFUSED'] },
    ],
    [
      'charts in a kustomization where they are not enabled',
      {
        'app/kustomization.yaml': 'kind: Kustomization\nhelmCharts: [{name: a, repo: "https://charts.example.com"}]\n',
      },
      { codes: ['RENDER_PROGRAM_REFUSED'], says: ['helm'] },
    ],
    ['Jsonnet', { 'app/a.jsonnet': '{}' }, { codes: ['RENDER_JSONNET'], says: ['a.jsonnet'] }],
    [
      'a file that Git LFS has not fetched',
      {
        'app/a.yaml':
          'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n',
      },
      { codes: ['SOURCE_LFS_POINTER'], says: ['app/a.yaml'] },
    ],
  ])('refuses %s', async (_, files, refusal) => {
    using sandbox = await sandboxOf(files);
    expectRefusal(command, await sandbox.judge(command), sandbox, { ...refusal, secrets: [secret] });
  });

  it.each([
    ['the whole file', 'app/a.yaml', '../../outside/secret.yaml'],
    ['a folder above it', 'app/templates', '../../outside'],
    ['an absolute path', 'app/a.yaml', '/etc/hostname'],
    ['itself', 'app/a.yaml', 'a.yaml'],
  ])('refuses a symbolic link that leads to %s outside', async (_, link, target) => {
    using sandbox = await sandboxOf({ ...(link === 'app/templates' ? chart : {}) });
    symlinkSync(target, join(sandbox.path, 'repo', link));
    expectRefusal(command, await sandbox.judge(command), sandbox, {
      codes: ['SOURCE_OUTSIDE'],
      says: [link],
      secrets: [secret],
    });
  });

  it.each([
    ['above the root', '../../outside/values.yaml', 'SOURCE_OUTSIDE'],
    ['at an absolute path of the machine', '/etc/hostname', 'RENDER_VALUES_MISSING'],
    ['of the network', 'https://example.com/values.yaml', 'RENDER_REMOTE_REFUSED'],
    ['that is not there', 'nowhere.yaml', 'RENDER_VALUES_MISSING'],
    ['whose pattern matches none', 'values-*.yaml', 'RENDER_VALUES_MISSING'],
  ] as const)('refuses a values file %s', async (_, file, code) => {
    using sandbox = await sandboxOf({ ...chart, 'app/templates/a.yaml': `${config}data: { a: "{{ .Values.a }}" }\n` });
    const { args, options } = parameter('helm-value-files', file);
    expectRefusal(command, await sandbox.judge(command, args, options), sandbox, { codes: [code], secrets: [secret] });
  });

  it('refuses a pipe where a file is expected, and does not wait for it', async () => {
    using sandbox = await sandboxOf({ 'app/kustomization.yaml': kustomization });
    execFileSync('mkfifo', [join(sandbox.path, 'repo/app/config.yaml')]);
    expectRefusal(command, await sandbox.judge(command), sandbox, {
      codes: ['SOURCE_SPECIAL'],
      says: ['app/config.yaml'],
    });
  });
});

describe.each(['check', 'render'] as const)('syncgate %s', (command) => {
  it.each([
    ['is not there', 'repo/nowhere', 'repo/nowhere'],
    ['is a file', 'repo/app/config.yaml', 'config.yaml'],
  ])('refuses a source that %s', async (_, path, says) => {
    using sandbox = await sandboxOf({ 'app/config.yaml': config });
    const run = await sandbox.run([command, path, '--config', 'platform/gate.yaml']);
    expectRefusal(command, run, sandbox, { codes: ['SOURCE_MISSING'], says: [says] });
  });

  it.each([
    ['is not there', 'nowhere', 'repo/app'],
    ['is a file', 'repo/app/config.yaml', 'repo/app/config.yaml'],
  ])('refuses a root that %s', async (_, root, path) => {
    using sandbox = await sandboxOf({ 'app/config.yaml': config });
    const run = await sandbox.run([command, path, '--root', root, '--config', 'platform/gate.yaml']);

    expectRefusal(command, run, sandbox, { codes: ['SOURCE_MISSING'], says: [root] });
  });

  it('asks nobody on the network for what it refuses', async () => {
    const touched: string[] = [];
    const server = createServer((request, response) => {
      touched.push(request.url ?? '');
      response.end(config);
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      using sandbox = await sandboxOf({
        'app/kustomization.yaml': `kind: Kustomization\nresources: ["http://${host}/a.yaml"]\n`,
      });
      expectRefusal(command, await sandbox.judge(command), sandbox, { codes: ['RENDER_REMOTE_REFUSED'], says: [host] });
      expect(touched).toEqual([]);
    } finally {
      server.close();
    }
  });

  it('leaves the tree of the user as it is', async () => {
    using sandbox = await sandboxOf({ 'app/kustomization.yaml': kustomization, 'app/config.yaml': config });
    mkdirSync(join(sandbox.path, 'repo/.git'));
    writeFileSync(join(sandbox.path, 'repo/.git/HEAD'), 'ref: refs/heads/main\n');
    const before = readdirSync(join(sandbox.path, 'repo'), { recursive: true }).sort();
    const run = await sandbox.judge(command, ['--kustomize-name-prefix', 'p-']);
    expect(run, run.stderr).toMatchObject({ exitCode: 0, leftFiles: [], leftProcesses: [] });
    expect(readdirSync(join(sandbox.path, 'repo'), { recursive: true }).sort()).toEqual(before);
  });
});
