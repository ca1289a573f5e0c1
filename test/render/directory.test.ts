import { describe, expect, it } from 'vitest';
import type { DirectoryRequest } from '../../src/render/request.ts';
import { type Files, refusalOf, renderFiles } from '../support/render.ts';

const manifest = (name: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n`;
const files: Files = {
  'app/b.yaml': manifest('b'),
  'app/a.yml': manifest('a'),
  'app/c.json': '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"}}',
  'app/readme.md': '# no',
  'app/deep/d.yaml': manifest('d'),
  'app/deep/er/e.yaml': manifest('e'),
};

const names = async (asked: Partial<DirectoryRequest> = {}, more: Files = {}) => {
  const rendered = await renderFiles(
    { ...files, ...more },
    { path: 'app', request: (plain) => ({ ...plain, directory: { ...plain.directory, ...asked } }) },
  );
  expect(rendered).toMatchObject({ tool: 'directory', engines: {} });
  expect(rendered.texts.every((text) => text.marks === 'none')).toBe(true);
  return rendered.texts.map((text) => text.file);
};

describe('plain manifests', () => {
  it('are the files of the folder, in order, byte for byte', async () => {
    expect(await names()).toEqual(['app/a.yml', 'app/b.yaml', 'app/c.json']);
    const { texts } = await renderFiles({ 'a.yaml': Uint8Array.of(0xff, 0xfe, 0x61, 0) });
    expect([...(texts[0]?.bytes ?? [])]).toEqual([0xff, 0xfe, 0x61, 0]);
  });

  it.each<[string, Partial<DirectoryRequest>, string[]]>([
    [
      'go down where that is asked',
      { recurse: true },
      ['app/a.yml', 'app/b.yaml', 'app/c.json', 'app/deep/d.yaml', 'app/deep/er/e.yaml'],
    ],
    [
      'are only those that are included',
      { recurse: true, include: 'deep/*' },
      ['app/deep/d.yaml', 'app/deep/er/e.yaml'],
    ],
    ['are only those of a list', { include: '{a.yml,c.json}' }, ['app/a.yml', 'app/c.json']],
    [
      'are not those that are excluded',
      { recurse: true, exclude: '**/e.yaml' },
      ['app/a.yml', 'app/b.yaml', 'app/c.json', 'app/deep/d.yaml'],
    ],
    ['are not those that are excluded and included', { include: '*.yaml', exclude: 'b.*' }, []],
  ])('%s', async (_, asked, expected) => {
    if (expected.length > 0) expect(await names(asked)).toEqual(expected);
    else await expect(names(asked)).rejects.toMatchObject({ code: 'RENDER_NOTHING' });
  });

  it('take linked files of the source, and pass over links that lead nowhere', async () => {
    const more: Files = {
      'app/l.yaml': { link: '../other/o.yaml' },
      'other/o.yaml': manifest('o'),
      'app/x.yaml': { link: 'gone.yaml' },
    };
    expect(await names({}, more)).toEqual(['app/a.yml', 'app/b.yaml', 'app/c.json', 'app/l.yaml']);
  });

  it.each<[string, string, string | Uint8Array, boolean]>([
    ['values beside them', 'values.yaml', 'image: nginx\nreplicas: 2\n', false],
    ['values that say kind somewhere', 'values.yaml', 'store: {kind: s3}\n', false],
    ['what cannot be read and is no manifest', 'odd.yaml', 'a: [b', false],
    ['an empty file', 'empty.yaml', '', false],
    ['a file that asks for it', 'skip.yaml', `# +argocd:skip-file-rendering\n${manifest('x')}`, false],
    ['JSON without a kind', 'package.json', '{"name": "x"}', false],
    ['a manifest that cannot be read', 'odd.yaml', 'apiVersion: v1\nkind: X\nmetadata: [', true],
    ['a manifest in flow style', 'flow.yaml', '{"apiVersion": "v1", "kind": "X", "metadata": {"name": "x"}}', true],
    [
      'a manifest whose names are escaped',
      'esc.yaml',
      '"apiVersion": v1\n"k\\u0069nd": X\n"metadata": {name: x}\n',
      true,
    ],
    ['a manifest in UTF-16', 'wide.yaml', Buffer.from(manifest('x'), 'utf16le'), true],
    ['a list', 'list.yaml', '- apiVersion: v1\n  kind: X\n', true],
  ])('leave out nothing but what holds no object: %s', async (_, name, content, isRead) => {
    expect((await names({}, { [`app/${name}`]: content })).includes(`app/${name}`)).toBe(isRead);
  });

  it.each<[string, Files, Partial<DirectoryRequest>, string]>([
    ['Jsonnet', { 'app/x.jsonnet': '{}' }, {}, 'RENDER_JSONNET'],
    [
      'a Git LFS pointer',
      { 'app/x.yaml': 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n' },
      {},
      'SOURCE_LFS_POINTER',
    ],
    ['a pattern that is not closed', {}, { include: '[a' }, 'PARAMETER_INVALID'],
    ['a list that is not closed', {}, { exclude: '{a' }, 'PARAMETER_INVALID'],
  ])('refuse %s', async (_, more, asked, code) => {
    const request = refusalOf(
      renderFiles(
        { ...files, ...more },
        { path: 'app', request: (plain) => ({ ...plain, directory: { ...plain.directory, ...asked } }) },
      ),
    );
    expect((await request).code).toBe(code);
  });

  it('may be excluded where they are Jsonnet', async () => {
    expect(await names({ exclude: '*.jsonnet' }, { 'app/x.jsonnet': '{}' })).not.toContain('app/x.jsonnet');
  });
});
