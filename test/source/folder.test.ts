import { execFileSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openFolder } from '../../src/source/folder.ts';
import { scratch, writeTree } from '../support/render.ts';

const folder = scratch();
afterAll(() => folder[Symbol.dispose]());
const root = join(folder.path, 'root');
const limits = { files: 100, bytes: 10_000, fileBytes: 1000 };
writeTree(root, {
  'a/file': 'content',
  'a/in': { link: '../b' },
  'b/file': 'other',
  'b/out': { link: '../../secret' },
  'b/back': { link: '../../root/a' },
  absolute: { link: join(root, 'a') },
  dangling: { link: 'nowhere' },
  loop: { link: 'loop' },
  'x/one': { link: 'two' },
  'x/two': { link: '../a/in/file' },
  '.git/config': 'token',
  'c/.git': 'gitdir: ../../elsewhere',
  'c/config': { link: '../.git/config' },
});
writeTree(folder.path, { secret: 'secret' });
execFileSync('mkfifo', [join(root, 'pipe')]);

describe('a folder as a source', () => {
  const tree = openFolder(root, limits);

  it.each([
    ['a/file', 'file', 'a/file', []],
    ['a', 'folder', 'a', []],
    ['', 'folder', '.', []],
    ['.', 'folder', '.', []],
    ['./a//./file', 'file', 'a/file', []],
    ['a/../b/file', 'file', 'b/file', []],
    ['/a/file', 'file', 'a/file', []],
    ['a/in', 'folder', 'b', ['a/in']],
    ['a/in/file', 'file', 'b/file', ['a/in']],
    ['x/one', 'file', 'b/file', ['x/one', 'x/two', 'a/in']],
  ] as const)('finds %j', (path, kind, real, links) => {
    const found = tree.find(path);
    expect(found).toMatchObject({ kind, path: real });
    expect(found?.links.map((link) => link.path)).toEqual(links);
  });

  it.each(['.git', '.git/config', 'c/.git', 'c/config', 'a/../.git/config'])(
    'has no %j, which is Git’s own',
    (path) => {
      expect(tree.find(path)).toBeUndefined();
      expect(tree.list('.').map(({ name }) => name)).not.toContain('.git');
    },
  );

  it.each(['nowhere', 'a/file/below', 'dangling', 'a/nowhere/x'])('finds nothing at %j', (path) => {
    expect(tree.find(path)).toBeUndefined();
  });

  it.each([
    '..',
    '../secret',
    'a/../../secret',
    'b/out',
    'b/back',
    'b/back/file',
    'absolute',
    'loop',
    '/../secret',
    'a\0b',
  ])('refuses %j', (path) => {
    expect(() => tree.find(path)).toThrow(expect.objectContaining({ code: 'SOURCE_OUTSIDE' }));
  });

  it('refuses pipes and sockets', async () => {
    expect(() => tree.find('pipe')).toThrow(expect.objectContaining({ code: 'SOURCE_SPECIAL' }));
    expect(() => tree.read('pipe')).toThrow(expect.objectContaining({ code: 'SOURCE_SPECIAL' }));
    const server = createServer();
    await new Promise<void>((done) => server.listen(join(root, 'socket'), done));
    expect(() => tree.find('socket')).toThrow(expect.objectContaining({ code: 'SOURCE_SPECIAL' }));
    expect(tree.list('.').find((entry) => entry.name === 'socket')?.kind).toBe('special');
    await new Promise((done) => server.close(done));
  });

  it('lists by name, and follows no link', () => {
    expect(tree.list('b')).toEqual([
      { name: 'back', kind: 'link' },
      { name: 'file', kind: 'file' },
      { name: 'out', kind: 'link' },
    ]);
  });

  it('reads no file that has become a link, and names no path of the machine', () => {
    expect(tree.read('a/file').toString()).toBe('content');
    expect(() => tree.read('b/out')).toThrow(
      expect.objectContaining({ code: 'SOURCE_UNREADABLE', message: 'b/out cannot be read (ELOOP)' }),
    );
  });

  it('holds to its limits', () => {
    writeTree(root, { big: 'x'.repeat(1001), 'part/1': 'x'.repeat(600), 'part/2': 'x'.repeat(600) });
    expect(() => openFolder(root, limits).read('big')).toThrow(
      expect.objectContaining({ code: 'SOURCE_TOO_LARGE', mend: expect.stringContaining('fileMiB') }),
    );
    const few = openFolder(root, { ...limits, files: 1 });
    few.read('a/file');
    expect(() => few.read('a/file')).toThrow(
      expect.objectContaining({ code: 'SOURCE_TOO_LARGE', mend: expect.stringContaining('sourceFiles') }),
    );
    const small = openFolder(root, { ...limits, bytes: 1000 });
    small.read('part/1');
    expect(() => small.read('part/2')).toThrow(
      expect.objectContaining({ code: 'SOURCE_TOO_LARGE', mend: expect.stringContaining('sourceMiB') }),
    );
  });

  it.each([
    ['does not exist', () => join(folder.path, 'nowhere')],
    ['is a file', () => join(folder.path, 'secret')],
  ])('is missing where it %s', (_, path) => {
    expect(() => openFolder(path(), limits)).toThrow(expect.objectContaining({ code: 'SOURCE_MISSING' }));
  });

  it('tells of a folder that may not be read', () => {
    writeTree(root, { 'locked/file': 'x' });
    chmodSync(join(root, 'locked'), 0o000);
    // The superuser may read everything.
    if (process.getuid?.() !== 0)
      expect(() => tree.find('locked/file')).toThrow(expect.objectContaining({ code: 'SOURCE_UNREADABLE' }));
    chmodSync(join(root, 'locked'), 0o700);
  });
});
