import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { unpack } from '../../../../src/checks/images/policy/archive.ts';
import { thrownBy } from '../../../support/thrown.ts';
import { type TarEntry, tarOf } from '../../../support/tuf.ts';

const text = (content: string) => Buffer.from(content);
const namesIn = (entries: readonly TarEntry[]) => [...unpack(tarOf(entries)).keys()];
const long = `${'folder/'.repeat(20)}file`;

describe('an archive', () => {
  it('is read into memory, file by file', () => {
    const files = unpack(
      tarOf([
        { name: 'a/', type: '5' },
        { name: 'a/b', content: text('one') },
        { name: 'c', content: text('two') },
      ]),
    );
    expect([...files].map(([name, content]) => [name, Buffer.from(content).toString()])).toEqual([
      ['a/b', 'one'],
      ['c', 'two'],
    ]);
  });

  it.each<[string, readonly TarEntry[], string[]]>([
    ['without leading dots and slashes', [{ name: './a/b' }, { name: '/c' }], ['a/b', 'c']],
    ['in two parts', [{ name: long }], [long]],
    [
      'in a header of its own',
      [{ name: 'x', type: 'L', content: text(`${long}\0`) }, { name: 'cut' }, { name: 'next' }],
      [long, 'next'],
    ],
    [
      'in a pax header',
      [{ name: 'x', type: 'x', content: text('18 mtime=1.000001\n12 path=a/b\n') }, { name: 'cut' }, { name: 'next' }],
      ['a/b', 'next'],
    ],
    ['and nothing', [], []],
  ])('has names %s', (_, entries, names) => expect(namesIn(entries)).toEqual(names));

  it.each<[string, () => Uint8Array, RegExp]>([
    ['that is not one', () => text('words'), /not a gzipped archive/],
    ['of something else', () => gzipSync(Buffer.alloc(2048, 'a')), /not a tar archive/],
    ['that unpacks without end', () => gzipSync(Buffer.alloc(33 * 1024 * 1024)), /not a gzipped archive of at most/],
    ['with a link', () => tarOf([{ name: 'a', type: '2' }]), /a link or a device/],
    ['with a hard link', () => tarOf([{ name: 'a', type: '1' }]), /a link or a device/],
    ['with a device', () => tarOf([{ name: 'a', type: '3' }]), /a link or a device/],
    ['with a name that climbs', () => tarOf([{ name: '../a' }]), /leads out of it/],
    ['with a name that climbs on its way', () => tarOf([{ name: 'a/../../b' }]), /leads out of it/],
    ['with no name', () => tarOf([{ name: '' }]), /leads out of it/],
    ['with a file twice', () => tarOf([{ name: 'a' }, { name: './a' }]), /holds "a" twice/],
    ['with a wrong checksum', () => tarOf([{ name: 'a', checksum: 1 }]), /not a tar archive/],
    ['with a size that is none', () => tarOf([{ name: 'a', size: 'many' }]), /not a tar archive/],
    ['that ends within a file', () => tarOf([{ name: 'a', size: '00000010000\0' }]), /ends within a file/],
    [
      'with a pax header that is none',
      () => tarOf([{ name: 'x', type: 'x', content: text('path=a') }]),
      /not a tar archive/,
    ],
    [
      'with a pax header that reaches beyond itself',
      () => tarOf([{ name: 'x', type: 'x', content: text('99 path=a\n') }]),
      /not a tar/,
    ],
    [
      'of more entries than are read',
      () => tarOf(Array.from({ length: 2001 }, (_, i) => ({ name: `${i}` }))),
      /more than 2000/,
    ],
  ])('%s is refused', (_, archive, message) => {
    const error = thrownBy(() => unpack(archive()));
    expect(error.code).toBe('IMAGE_TRUST_ROOT_INVALID');
    expect(error.message).toMatch(message);
  });
});
