import { execFileSync } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { readArchive } from '../../src/render/archive.ts';
import { scratch, writeTree } from '../support/render.ts';

const folder = scratch();
afterAll(() => folder[Symbol.dispose]());
const long = `chart/${'n'.repeat(90)}/${'m'.repeat(60)}/values.schema.json`;
writeTree(folder.path, {
  'chart/Chart.yaml': 'name: x',
  'chart/a/b.txt': 'b',
  [long]: '{}',
  'links/file': 'x',
  'links/link': { link: 'file' },
});
const pack = (format: string, name = 'chart') =>
  execFileSync('tar', ['-cz', `--format=${format}`, '-C', folder.path, name], { maxBuffer: 1e8 });

describe('the archive of a chart', () => {
  it.each(['gnu', 'pax', 'ustar'])('as %s gives its files', (format) => {
    const files = readArchive(pack(format), 'x.tgz');
    expect(files.map((file) => [file.name, file.bytes.toString()]).sort()).toEqual(
      [
        ['chart/Chart.yaml', 'name: x'],
        ['chart/a/b.txt', 'b'],
        [long, '{}'],
      ].sort(),
    );
  });

  const damaged = (change: (tar: Buffer) => void) => {
    const tar = execFileSync('tar', ['-c', '--format=ustar', '-C', folder.path, 'chart/Chart.yaml']);
    change(tar);
    return gzipSync(tar);
  };
  it.each<[string, () => Buffer]>([
    ['is not packed', () => Buffer.from('plain')],
    ['holds a link', () => pack('gnu', 'links')],
    ['is cut', () => gzipSync(execFileSync('tar', ['-c', '-C', folder.path, 'chart']).subarray(0, 700))],
    ['has a wrong sum', () => damaged((tar) => tar.write('x', 0))],
    ['unpacks to too much', () => gzipSync(Buffer.alloc(101 * 1024 * 1024))],
  ])('is refused where it %s', (_, packed) => {
    expect(() => readArchive(packed(), 'x.tgz')).toThrow(
      expect.objectContaining({ code: 'RENDER_CHART', message: expect.stringMatching(/^x\.tgz: /) }),
    );
  });
});
