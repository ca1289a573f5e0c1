import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canonicalJson } from '../../src/core/json.ts';
import { describePlace, type Manifest } from '../../src/core/manifest.ts';
import { parseManifests } from '../../src/manifests/parse.ts';
import { defaultManifestSettings } from '../../src/manifests/settings.ts';
import { tool } from '../support/tools/resolve.ts';
import { configMap, textOf } from './read.ts';

const run = promisify(execFile);
let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'origin-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(files: Readonly<Record<string, string>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
}

function read(content: string, marks: 'none' | 'helm' | 'kustomize', base?: string): Manifest[] {
  const more = base === undefined ? {} : { base };
  return parseManifests([textOf(content, { file: 'rendered', marks, ...more })], defaultManifestSettings);
}

const places = (manifests: readonly Manifest[]) =>
  Object.fromEntries(manifests.map(({ identity, origin }) => [identity.name, describePlace(origin)]));

describe('what kustomize marks', () => {
  const base = [
    configMap('no-annotations'),
    configMap('empty-annotations', '  annotations: {}\n'),
    configMap('null-annotations', '  annotations: null\n'),
    configMap('annotated', '  annotations: {a: b}\n'),
    configMap(
      'marked-by-its-author',
      '  annotations:\n    config.kubernetes.io/origin: |\n      path: ../../../etc/passwd\n',
    ),
  ].join('---\n');
  let plain = '';
  let marked = '';
  beforeAll(async () => {
    write({
      'apps/base/kustomization.yaml': 'resources: [a.yaml]\n',
      'apps/base/a.yaml': base,
      'apps/web/b.yaml': configMap('own'),
      'apps/web/kustomization.yaml':
        'resources: [../base, b.yaml]\nnamePrefix: x-\nconfigMapGenerator: [{name: gen, literals: [a=b]}]\n',
    });
    const kustomize = await tool('kustomize');
    plain = (await run(kustomize, ['build', join(folder, 'apps/web')])).stdout;
    write({
      'apps/web/kustomization.yaml':
        'resources: [../base, b.yaml]\nnamePrefix: x-\nconfigMapGenerator: [{name: gen, literals: [a=b]}]\nbuildMetadata: [originAnnotations]\n',
    });
    marked = (await run(kustomize, ['build', join(folder, 'apps/web')])).stdout;
  });

  it('tells the file of each object, from the source root', () => {
    const found = places(read(marked, 'kustomize', 'apps/web'));
    expect(found['x-own']).toBe('apps/web/b.yaml');
    expect(found['x-annotated']).toBe('apps/base/a.yaml');
    expect(found['x-marked-by-its-author']).toBe('apps/base/a.yaml');
    expect(Object.entries(found).find(([name]) => name.startsWith('x-gen'))?.[1]).toBe('apps/web/kustomization.yaml');
  });

  it('leaves nothing in the objects', () => {
    expect(marked).not.toBe(plain);
    const bare = read(plain, 'none').map(({ object }) => canonicalJson(object));
    expect(read(marked, 'kustomize', 'apps/web').map(({ object }) => canonicalJson(object))).toEqual(bare);
  });

  it('stays where it was not asked for', () => {
    expect(canonicalJson(read(marked, 'none')[0]?.object ?? null)).toContain('config.kubernetes.io/origin');
  });
});

describe('an origin annotation', () => {
  const marked = (origin: string) =>
    read(
      configMap('a', `  annotations:\n    config.kubernetes.io/origin: ${JSON.stringify(origin)}\n`),
      'kustomize',
      'apps/web',
    );

  it.each([
    ['a path', 'path: ../base/a.yaml\n', 'apps/base/a.yaml'],
    ['a remote path', 'path: a.yaml\nrepo: https://git.example/x\nref: v1\n', 'https://git.example/x//a.yaml?ref=v1'],
    ['a configuration', 'configuredIn: ../kustomization.yaml\n', 'apps/kustomization.yaml'],
  ])('with %s is read', (_, origin, place) => {
    expect(describePlace(marked(origin)[0]?.origin ?? { file: '' })).toBe(place);
  });

  it.each([
    ['a path that leads out', 'path: ../../../etc/passwd\n'],
    ['an absolute path', 'path: /etc/passwd\n'],
    ['a path of several lines', 'path: "a\\nb"\n'],
    ['a path with an escape sequence', 'path: "a\\u001b[31m"\n'],
    ['a path that is too long', `path: ${'a'.repeat(300)}\n`],
    ['an address with a password', 'path: a.yaml\nrepo: https://me:secret@git.example/x\n'],
    ['no path', 'ref: v1\n'],
    ['what is no mapping', 'hello'],
    ['what is no YAML', '{[\n'],
    ['an alias', 'a: &a b\npath: *a\n'],
  ])('with %s names the rendered text', (_, origin) => {
    const [manifest] = marked(origin);
    expect(describePlace(manifest?.origin ?? { file: '' })).toBe('rendered:1:1');
    expect(manifest?.object['metadata']).toEqual({ name: 'a' });
  });
});

describe.each(['helm', 'helm4'] as const)('what %s marks', (name) => {
  let rendered = '';
  beforeAll(async () => {
    write({
      'charts/shop/Chart.yaml': 'apiVersion: v2\nname: web-shop\nversion: 0.1.0\n',
      'charts/shop/charts/sub/Chart.yaml': 'apiVersion: v2\nname: sub\nversion: 0.1.0\n',
      'charts/shop/charts/sub/templates/s.yaml': configMap('of-subchart'),
      'charts/shop/templates/a.yaml': `# a comment\n${configMap('first')}---\n# Source: evil\\n/etc/passwd\n${configMap('second')}`,
      'charts/shop/templates/hook.yaml': `---\n---\n${configMap('hook', '  annotations: {helm.sh/hook: pre-install}\n')}`,
      'charts/shop/crds/c.yaml': `${configMap('crd-one')}---\n${configMap('crd-two')}`,
    });
    rendered = (await run(await tool(name), ['template', 'rel', join(folder, 'charts/shop'), '--include-crds'])).stdout;
  });

  it('tells the template of each object, the chart by its folder', () => {
    expect(places(read(rendered, 'helm', 'charts/shop'))).toEqual({
      'of-subchart': 'charts/shop/charts/sub/templates/s.yaml',
      first: 'charts/shop/templates/a.yaml',
      second: 'charts/shop/templates/a.yaml',
      hook: 'charts/shop/templates/hook.yaml',
      'crd-one': 'charts/shop/crds/c.yaml',
      'crd-two': 'charts/shop/crds/c.yaml',
    });
  });

  it('keeps the name of a chart that is not in the source', () => {
    expect(places(read(rendered, 'helm'))['first']).toBe('web-shop/templates/a.yaml');
  });

  it('is part of what an error says', () => {
    const broken = rendered.replace('name: first', 'name: [');
    expect(() => read(broken, 'helm', 'charts/shop')).toThrow(
      /^rendered:\d+:\d+: .*, from charts\/shop\/templates\/a\.yaml$/,
    );
  });
});

describe("a comment that looks like Helm's", () => {
  it.each([
    ['that leads out', '---\n# Source: x/../../etc/passwd\n'],
    ['of another renderer', '# Source: x/templates/a.yaml\n'],
    ['with a control character', '---\n# Source: x/a\u202e.yaml\n'],
  ])('%s names the rendered text', (_, comment) => {
    const [manifest] = read(`${comment}${configMap('a')}`, 'helm', '.');
    expect(manifest?.origin.file).toBe('rendered');
  });
});
