import { execFileSync } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { readArchive as readWithin } from '../../src/render/archive.ts';
import { Reading } from '../../src/render/reading.ts';
import { scratch, writeTree } from '../support/render.ts';

const folder = scratch();
const reading = () => new Reading(new AbortController().signal);
const readArchive = (packed: Buffer, path: string) => readWithin(packed, path, { left: 1e9 }, reading());
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
  it.each(['gnu', 'pax', 'ustar'])('as %s gives its files', async (format) => {
    const files = await readArchive(pack(format), 'x.tgz');
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
  ])('is refused where it %s', async (_, packed) => {
    await expect(readArchive(packed(), 'x.tgz')).rejects.toMatchObject({
      code: 'RENDER_CHART',
      message: expect.stringMatching(/^x\.tgz: /),
    });
  });

  /** One member, with its header's sum. */
  const member = (name: string, type: string, content = '', size = content.length): Buffer => {
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write('0000644\0', 100);
    header.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
    header.write('        ', 148);
    header.write(type, 156, 'latin1');
    header.write('ustar\x0000', 257);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    return Buffer.concat([header, Buffer.from(content), Buffer.alloc((512 - (content.length % 512)) % 512)]);
  };
  const archive = (...members: readonly Buffer[]) => gzipSync(Buffer.concat([...members, Buffer.alloc(1024)]));
  const record = (key: string, value: string): string => {
    const body = ` ${key}=${value}\n`;
    const length = body.length + 2;
    return `${length}${body}`;
  };
  const schema = member('x/values.schema.json', '0', '{}');

  it('made by hand gives its files', async () => {
    const files = async (...members: readonly Buffer[]) =>
      (await readArchive(archive(...members), 'x.tgz')).map(({ name }) => name);
    expect(await files(member('x/', '5'), member('g', 'g', record('comment', '12345')), schema)).toEqual([
      'x/values.schema.json',
    ]);
    expect(await files(member('p', 'x', record('path', 'x/long.txt')), member('x/short', '0', 'a'))).toEqual([
      'x/long.txt',
    ]);
    expect(await files(member('l', 'L', 'x/long.txt\0'), member('x/', '\0'))).toEqual(['x/long.txt']);
    expect(await files(member('x/', '\0'), member('y', '5'))).toEqual([]);
  });

  // Go's reader, which helm reads with, takes each of these otherwise than the next reader would.
  it.each<[string, readonly Buffer[]]>([
    ['takes the name back', [member('p', 'x', record('path', '')), schema]],
    ['takes the size back', [member('p', 'x', record('size', '')), schema]],
    ['gives an odd size', [member('p', 'x', record('size', '0x2')), schema]],
    ['gives an empty long name', [member('l', 'L', '\0'), schema]],
    [
      'names a file in two ways',
      [member('l', 'L', 'x/values.schema.json\0'), member('p', 'x', record('path', 'a')), schema],
    ],
    ['extends a header twice', [member('p', 'x', record('path', 'a')), member('p', 'x', record('a', 'b')), schema]],
    [
      'has a general header between',
      [member('p', 'x', record('path', 'a')), member('g', 'g', record('a', 'b')), schema],
    ],
    ['gives every file one name', [member('g', 'g', record('path', 'a')), schema]],
    ['hides a file in a folder', [member('x/a', '5', '', schema.length), schema]],
    ['hides a file in an old folder', [member('x/a/', '\0', '', schema.length), schema]],
  ])('is refused where it %s', async (_, members) => {
    await expect(readArchive(archive(...members), 'x.tgz')).rejects.toMatchObject({ code: 'RENDER_CHART' });
  });

  it('draws on what all archives of a chart may unpack to', async () => {
    const budget = { left: 30_000 };
    await readWithin(pack('ustar'), 'x.tgz', budget, reading());
    expect(budget.left).toBeLessThan(30_000);
    budget.left = 100;
    await expect(readWithin(pack('ustar'), 'x.tgz', budget, reading())).rejects.toMatchObject({ code: 'RENDER_CHART' });
    budget.left = -5;
    await expect(readWithin(pack('ustar'), 'x.tgz', budget, reading())).rejects.toMatchObject({ code: 'RENDER_CHART' });
  });
});
