import { chmodSync, cpSync, type Dirent, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { GateError } from '../../src/core/errors.ts';
import { canonicalJson } from '../../src/core/json.ts';
import type { RenderedText } from '../../src/core/rendered.ts';
import { parseManifests } from '../../src/manifests/parse.ts';
import { ManifestSettings } from '../../src/manifests/settings.ts';
import { moduleFolder } from '../support/go-modules.ts';
import { bare, renderFolder, scratch } from '../support/render.ts';

const settings = ManifestSettings.parse({});
const objects = (texts: readonly RenderedText[]) =>
  parseManifests(texts, settings).map((manifest) => canonicalJson(manifest.object));
const asText = (text: string): RenderedText => ({ file: 'bare', bytes: Buffer.from(text), marks: 'none' });

/** The folders below one that hold a file of this name; test data is not meant to be rendered. */
function foldersWith(root: string, name: RegExp): string[] {
  return (
    readdirSync(root, { withFileTypes: true, recursive: true })
      .filter((entry: Dirent) => entry.isFile() && name.test(entry.name) && !/testdata|\/test\//.test(entry.parentPath))
      .map((entry) => relative(root, entry.parentPath) || '.')
      // Argo CD's own variants are megabytes each, and much alike.
      .filter((path) => !/-with-hydrator$|^core-install$|^namespace-install$|^dev-tilt$/.test(path))
      .sort()
  );
}

/** Modules, the part of each that is rendered, and how many objects must be compared at the least. */
const trees: [string, string, number][] = [
  ['github.com/argoproj/argo-cd/v3@v3.5.7', 'manifests', 150],
  ['github.com/argoproj/argo-rollouts@v1.10.1', 'manifests', 30],
  ['github.com/open-policy-agent/gatekeeper/v3@v3.23.1', 'config', 50],
  ['github.com/fluxcd/source-controller@v1.9.5', 'config', 10],
  ['github.com/fluxcd/kustomize-controller@v1.9.5', 'config', 5],
  ['github.com/fluxcd/flagger@v1.36.1', 'kustomize', 50],
];
const charts: [string, string, number][] = [
  ['github.com/kyverno/kyverno@v1.19.1', 'charts', 80],
  ['github.com/open-policy-agent/gatekeeper/v3@v3.23.1', 'charts', 30],
  ['github.com/fluxcd/flagger@v1.36.1', 'charts', 15],
];

const folders = new Map<string, string>();
beforeAll(async () => {
  for (const [module] of [...trees, ...charts]) folders.set(module, await moduleFolder(module));
});

/**
 * Kyverno's chart takes three dependencies from the network; without them it is the largest chart that the tests have.
 */
function withoutFetchedDependencies(charts: string, copy: string): void {
  cpSync(charts, copy, { recursive: true });
  const file = join(copy, 'kyverno/Chart.yaml');
  const chart = readFileSync(file, 'utf8');
  chmodSync(join(copy, 'kyverno'), 0o755);
  rmSync(file, { force: true });
  writeFileSync(file, chart.slice(0, chart.indexOf('  - name: kyverno-api')));
}

const codeOf = (error: unknown) => (error as GateError).code;

describe('real kustomizations equal the bare build', () => {
  it.each(trees)('%s %s', { timeout: 120_000 }, async (module, part, atLeast) => {
    const root = join(folders.get(module) as string, part);
    let compared = 0;
    for (const path of foldersWith(root, /^(?:kustomization\.ya?ml|Kustomization)$/)) {
      const rendered = await renderFolder(root, { path }).catch(codeOf);
      // Bases from elsewhere are refused before anything is asked; there is nothing to compare with.
      if (rendered === 'RENDER_REMOTE_REFUSED') continue;
      const expected = await bare('kustomize', join(root, path), ['build', '.']).catch(() => undefined);
      if (expected === undefined || typeof rendered === 'string') {
        expect([path, expected, rendered]).toEqual([path, undefined, expect.any(String)]);
        continue;
      }
      const ours = objects(rendered.texts);
      expect(ours, path).toEqual(objects([asText(expected)]));
      compared += ours.length;
    }
    expect(compared).toBeGreaterThanOrEqual(atLeast);
  });
});

describe.each(['helm', 'helm4'] as const)('real charts equal the bare template, with %s', (helm) => {
  it.each(charts)('%s %s', { timeout: 120_000 }, async (module, part, atLeast) => {
    using scratchFolder = scratch();
    let root = join(folders.get(module) as string, part);
    if (module.includes('/kyverno@')) {
      withoutFetchedDependencies(root, join(scratchFolder.path, part));
      root = join(scratchFolder.path, part);
    }
    let compared = 0;
    for (const path of foldersWith(root, /^Chart\.yaml$/)) {
      const rendered = await renderFolder(root, {
        path,
        helm,
        request: (plain) => ({ ...plain, appName: 'app', destinationNamespace: 'ns', kubeVersion: '1.31.0' }),
      }).catch(codeOf);
      const args = [
        'template',
        '.',
        '--name-template',
        'app',
        '--namespace',
        'ns',
        '--kube-version',
        '1.31.0',
        '--include-crds',
      ];
      const expected = await bare(helm, join(root, path), args).catch(() => undefined);
      if (expected === undefined || typeof rendered === 'string') {
        expect([path, expected === undefined || expected.trim() === '', typeof rendered]).toEqual([
          path,
          true,
          'string',
        ]);
        continue;
      }
      // Charts draw random certificates and passwords; two runs of one program differ there too.
      const again = objects([asText(await bare(helm, join(root, path), args))]);
      const theirs = objects([asText(expected)]);
      const isStable = (_: unknown, index: number) => theirs[index] === again[index];
      const ours = objects(rendered.texts);
      expect(ours.length, path).toBe(theirs.length);
      expect(ours.filter(isStable), path).toEqual(theirs.filter(isStable));
      compared += ours.filter(isStable).length;
    }
    expect(compared).toBeGreaterThanOrEqual(atLeast);
  });
});

it('names the file of the source for every object', async () => {
  const root = folders.get('github.com/argoproj/argo-cd/v3@v3.5.7') as string;
  const { texts } = await renderFolder(root, { path: 'manifests/cluster-install' });
  const places = parseManifests(texts, settings).map((manifest) => manifest.origin.file);
  expect(places.filter((file) => !file.startsWith('manifests/'))).toEqual([]);
  expect(dirname(places[0] as string)).not.toBe('.');
});
