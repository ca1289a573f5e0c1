import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createReader, decodeText, findFiles } from '../../../src/checks/policy/folder.ts';
import { type Files, folderOf } from '../../support/policies.ts';

const made: { remove(): void }[] = [];
afterEach(() => {
  for (const folder of made.splice(0)) folder.remove();
});

/** Makes a file that is none: the name of a unix socket. */
function listen(path: string): void {
  const server = createServer().listen(path);
  made.push({ remove: () => server.close() });
}

function folder(files: Files): string {
  const { path, remove } = folderOf(files);
  made.push({ remove });
  return path;
}

const names = (paths: readonly string[]) =>
  findFiles(paths).map(({ label, files }) => [label, files.map(({ name }) => name)]);

describe('finding files', () => {
  it('lists a folder in the order of names, and a file by its own', () => {
    const at = folder({ 'p/b.rego': '', 'p/a/z.rego': '', 'p/a.rego': '', 'q.rego': '' });
    expect(names([join(at, 'p'), join(at, 'q.rego')])).toEqual([
      ['p', ['p/a/z.rego', 'p/a.rego', 'p/b.rego']],
      ['q.rego', ['q.rego']],
    ]);
  });

  it('keeps two folders of one name apart', () => {
    const at = folder({ 'x/policies/a.rego': '', 'y/policies/a.rego': '' });
    expect(names([join(at, 'x/policies'), join(at, 'y/policies')])).toEqual([
      ['policies', ['policies/a.rego']],
      ['2-policies', ['2-policies/a.rego']],
    ]);
  });

  it('gives a folder a name that no command line takes for anything else', () => {
    const at = folder({ '--data=x:y z/a.rego': '', '.hidden/a.rego': '' });
    expect(names([join(at, '--data=x:y z'), join(at, '.hidden')]).map(([label]) => label)).toEqual([
      '_-data_x_y_z',
      '_hidden',
    ]);
  });

  it('lists a file once, however many paths lead to it', () => {
    const at = folder({ 'p/a.rego': '' });
    const [first, second] = findFiles([join(at, 'p'), join(at, 'p/a.rego')]);
    expect(first?.files).toHaveLength(1);
    expect(second).toMatchObject({ files: [], repeated: 1 });
  });

  it('reads a ConfigMap as Kubernetes mounts it', () => {
    const at = folder({ 'p/..2026_01_02/a.rego': 'a' });
    symlinkSync('..2026_01_02', join(at, 'p/..data'));
    symlinkSync('..data/a.rego', join(at, 'p/a.rego'));
    expect(names([join(at, 'p')])).toEqual([['p', ['p/a.rego']]]);
  });

  it('follows a link to a folder beside it, and names what is there by the link', () => {
    const at = folder({ 'p/..real/x.rego': '' });
    symlinkSync('..real', join(at, 'p/linked'));
    expect(names([join(at, 'p')])).toEqual([['p', ['p/linked/x.rego']]]);
  });

  it.each<[string, (at: string) => void, string]>([
    [
      'a link out of the folder',
      (at) => symlinkSync('/etc/passwd', join(at, 'p/x.rego')),
      'p/x.rego is a link that leaves its folder',
    ],
    ['a link to a neighbour', (at) => symlinkSync('../q', join(at, 'p/x')), 'p/x is a link that leaves its folder'],
    [
      'a link to a parent',
      (at) => symlinkSync('..', join(at, 'p/sub/x')),
      'p/sub/x is a link to a folder that it lies in',
    ],
    ['a socket', (at) => listen(join(at, 'p/x.rego')), 'p/x.rego is not a plain file'],
    [
      'a name with a newline',
      (at) => writeFileSync(join(at, 'p/a\nb.rego'), ''),
      'p holds a file with control characters in its name',
    ],
    [
      'folders without end',
      (at) => void mkdirSync(join(at, 'p', ...Array.from({ length: 40 }, () => 'd')), { recursive: true }),
      'is nested deeper than 32 folders',
    ],
  ])('refuses %s', (_, make, message) => {
    const at = folder({ 'p/sub/a.rego': '', 'q/a.rego': '' });
    make(at);
    expect(() => findFiles([join(at, 'p')])).toThrow(
      expect.objectContaining({ code: 'POLICY_FILE_REFUSED', message: expect.stringContaining(message) }),
    );
  });

  it('says what is missing without the path of the machine', () => {
    const at = folder({});
    symlinkSync('nowhere', join(at, 'broken'));
    for (const name of ['nothing', 'broken']) {
      expect(() => findFiles([join(at, name)])).toThrow(
        expect.objectContaining({ code: 'POLICY_MISSING', message: `${name} does not exist` }),
      );
    }
  });
});

describe('reading files', () => {
  it('reads what is there', () => {
    const at = folder({ 'a.rego': 'package main' });
    expect(createReader()({ name: 'a.rego', path: join(at, 'a.rego') }).toString()).toBe('package main');
  });

  it('refuses what is larger than any policy', () => {
    const at = folder({ 'a.rego': '' });
    truncateSync(join(at, 'a.rego'), 20 * 1024 * 1024);
    expect(() => createReader()({ name: 'a.rego', path: join(at, 'a.rego') })).toThrow(/a\.rego is larger than/);
  });

  it('refuses what is too large together', () => {
    const at = folder({ 'a.rego': '' });
    truncateSync(join(at, 'a.rego'), 16 * 1024 * 1024);
    const read = createReader();
    expect(() => Array.from({ length: 9 }, () => read({ name: 'a.rego', path: join(at, 'a.rego') }))).toThrow(
      /one too many/,
    );
  });

  it('does not follow a link that was a file a moment ago', () => {
    const at = folder({ 'b.rego': 'b' });
    symlinkSync('b.rego', join(at, 'a.rego'));
    expect(() => createReader()({ name: 'a.rego', path: join(at, 'a.rego') })).toThrow(/cannot be read \(ELOOP\)/);
  });

  it('refuses what is not text', () => {
    expect(() => decodeText('a.rego', Buffer.from([0xff, 0xfe, 0x41]))).toThrow(/a\.rego is not UTF-8 text/);
    expect(decodeText('a.rego', Buffer.from('é'))).toBe('é');
  });
});
