import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { builtCommand } from './support/cli.ts';

const root = resolve(import.meta.dirname, '..');
let packed: string[] = [];

beforeAll(async () => {
  await builtCommand();
  const args = ['pack', '--dry-run', '--json', '--ignore-scripts'];
  const { stdout } = await promisify(execFile)('npm', args, { cwd: root, timeout: 60_000 });
  const answer = JSON.parse(stdout) as PackAnswer[] | Record<string, PackAnswer>;
  packed = Object.values(answer).flatMap(({ files }) => files.map(({ path }) => path));
});

interface PackAnswer {
  readonly files: readonly { readonly path: string }[];
}

describe('the package', () => {
  it.each([
    ['package.json'],
    ['README.md'],
    ['CHANGELOG.md'],
    ['LICENSE'],
    ['SECURITY.md'],
    ['dist/syncgate.mjs'],
    ['dist/syncgate-serve.cjs'],
    ['dist/THIRD-PARTY-NOTICES.txt'],
    ['plugin.yaml'],
    ['schema/gate.schema.json'],
    ['docs/configuration.md'],
    ['docs/cli.md'],
    ['docs/errors.md'],
    ['docs/parameters.md'],
    ['docs/install-argocd.md'],
    ['docs/flux-reference.md'],
    ['flux/base/crd.yaml'],
    ['flux/overlays/both/kustomization.yaml'],
  ])('holds %s', (path) => expect(packed).toContain(path));

  it('holds nothing else but the manifests for Argo CD and Flux', () => {
    const known =
      /^(package\.json|README\.md|CHANGELOG\.md|LICENSE|SECURITY\.md|plugin\.yaml|dist\/(?:syncgate\.mjs|syncgate-serve\.cjs|THIRD-PARTY-NOTICES\.txt)|schema\/gate\.schema\.json|docs\/[a-z-]+\.md|(?:argocd|flux)\/.+\.(yaml|md))$/;
    expect(packed.filter((path) => !known.test(path))).toEqual([]);
  });

  it('holds every page that the README leads to', () => {
    const readme = readFileSync(join(root, 'README.md'), 'utf8');
    const links = [...readme.matchAll(/\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)/g)].map(([, target = '']) => target);
    const outside = [
      'CONTRIBUTING.md',
      'docs/decisions/README.md',
      'examples/demo/README.md',
      'examples/trust/README.md',
    ];
    expect(links.length).toBeGreaterThan(4);
    expect(links.filter((link) => !packed.includes(link) && !outside.includes(link))).toEqual([]);
  });

  it('says whose work is in the one file, with the licence of each', () => {
    const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      readonly dependencies: Readonly<Record<string, string>>;
    };
    const notices = readFileSync(join(root, 'dist/THIRD-PARTY-NOTICES.txt'), 'utf8');
    // Of @sigstore/bundle only types are used.
    const named = Object.entries(dependencies).filter(([name]) => name !== '@sigstore/bundle');
    expect(named.length).toBeGreaterThan(9);
    for (const [name, version] of named) expect(notices).toContain(`\n${name} ${version} (`);
    expect(notices).toContain('minimatch');
    expect(notices).toContain('Permission is hereby granted');
    expect(notices).not.toContain(root);
  });

  it('works where the one file lies alone, as a user carries it off', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'alone-'));
    try {
      copyFileSync(join(root, 'dist/syncgate.mjs'), join(folder, 'syncgate.mjs'));
      const demo = join(root, 'examples/demo');
      const args = [join(folder, 'syncgate.mjs'), 'render', join(demo, 'allowed'), '--config', join(demo, 'gate.yaml')];
      const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder, env: {}, timeout: 60_000 });
      expect(stdout).toContain('@sha256:');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
