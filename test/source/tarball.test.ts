import { execFileSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { pack } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GateError } from '../../src/core/errors.ts';
import { type Unpacked, type UnpackRequest, unpackTarball } from '../../src/source/tarball.ts';
import { fuzzRuns } from '../support/fuzz-runs.ts';
import { END, gzipMember, pax, type RawEntry, rawEntry, rawTar, tarball } from '../support/tar.ts';

let home: string;
let runs = 0;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'tarball-test-'));
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

const limits = { files: 100, bytes: 1024 * 1024, fileBytes: 64 * 1024 };

async function unpack(
  packed: string | Uint8Array,
  more: Partial<UnpackRequest> = {},
): Promise<Unpacked & { folder: string }> {
  runs += 1;
  const folder = join(home, `run-${runs}`);
  const signal = AbortSignal.timeout(20_000);
  return { ...(await unpackTarball({ packed, folder, subject: 'Bucket a/b', limits, signal, ...more })), folder };
}

/** What is thrown; nothing of the archive may be left, and nothing beside its folder. */
async function refusal(packed: string | Uint8Array, more: Partial<UnpackRequest> = {}): Promise<GateError> {
  const before = readdirSync(home).sort();
  const error = await unpack(packed, more).then(
    ({ folder }) => expect.fail(`it was unpacked: ${tree(folder).join(' ')}`),
    (thrown: unknown) => thrown as GateError,
  );
  expect(readdirSync(home).sort()).toEqual(before);
  expect(error.name).toBe('GateError');
  expect(error.message).not.toContain(home);
  return error;
}

function tree(folder: string): string[] {
  return (readdirSync(folder, { recursive: true }) as string[]).sort();
}

const file = (name: string, body = 'x'): RawEntry => ({ name, body });
const folder = (name: string): RawEntry => ({ name, type: '5' });
const link = (name: string, linkname: string): RawEntry => ({ name, type: '2', linkname });

describe('what is unpacked', () => {
  it('lays files and folders down, without their modes, owners and times', async () => {
    const done = await unpack(
      tarball(
        folder('.'),
        folder('apps/'),
        { name: 'apps/run.sh', body: '#!', mode: 0o6777 },
        file('./top.yaml', 'kind: A'),
      ),
    );
    expect(done).toMatchObject({ files: 2, bytes: 9, links: [], top: ['apps', 'top.yaml'] });
    expect(tree(done.folder)).toEqual(['apps', 'apps/run.sh', 'top.yaml']);
    expect(readFileSync(join(done.folder, 'top.yaml'), 'utf8')).toBe('kind: A');
    expect(lstatSync(join(done.folder, 'apps/run.sh')).mode & 0o7777).toBe(0o600);
    expect(lstatSync(join(done.folder, 'apps')).mode & 0o7777).toBe(0o700);
    expect(lstatSync(done.folder).mode & 0o7777).toBe(0o700);
  });

  it.each<[string, (RawEntry | Buffer)[], string[]]>([
    ['folders that are not mentioned', [file('a/b/c.yaml')], ['a', 'a/b', 'a/b/c.yaml']],
    ['a folder after what lies in it', [file('a/b.yaml'), folder('a')], ['a', 'a/b.yaml']],
    [
      'an old archive, which tells a folder by its slash',
      [
        { name: 'a/', type: '\0', magic: '' },
        { name: 'a/b', type: '\0', magic: '' },
      ],
      ['a', 'a/b'],
    ],
    ['a long name in two parts', [{ prefix: 'a'.repeat(120), name: 'b' }], ['a'.repeat(120), `${'a'.repeat(120)}/b`]],
    [
      'a long name of pax',
      [
        pax([
          ['path', `${'a'.repeat(150)}/ä`],
          ['mtime', '1.5'],
        ]),
        file('short'),
      ],
      ['a'.repeat(150), `${'a'.repeat(150)}/ä`],
    ],
    [
      'a long name of GNU',
      [
        rawEntry({ name: '././@LongLink', type: 'L', body: `${'a'.repeat(150)}\0`, magic: 'ustar  \0' }),
        { name: 'short', magic: 'ustar  \0' },
      ],
      ['a'.repeat(150)],
    ],
    ['what git archive writes first', [pax([['comment', '0123456789']], 'g'), file('a')], ['a']],
    ['names that differ by case', [file('README'), file('readme')], ['README', 'readme']],
    ['a name with dots that is none of the special ones', [file('a..b/...'), file('..c')], ['..c', 'a..b', 'a..b/...']],
    ['an empty file', [file('a', '')], ['a']],
    ['nothing', [], []],
  ])('%s', async (_, entries, expected) => {
    expect(tree((await unpack(tarball(...entries))).folder)).toEqual(expected);
  });

  it('leaves symbolic links out, and says which', async () => {
    const done = await unpack(tarball(link('etc', '/etc'), link('a/up', '../..'), file('a/b')));
    expect(done.links).toEqual(['etc', 'a/up']);
    expect(tree(done.folder)).toEqual(['a', 'a/b']);
    expect(done.top).toEqual(['a']);
  });

  it.each([
    ['a file', (bytes: Buffer) => join(home, writeFile(bytes))],
    ['bytes', (bytes: Buffer) => bytes],
  ])('reads %s of several chunks', async (_, given) => {
    const body = Buffer.from(Array.from({ length: 300_000 }, (__, at) => (at * 7919) % 251));
    const done = await unpack(given(tarball({ name: 'big', body }, file('small'))), {
      limits: { ...limits, fileBytes: body.length },
    });
    expect(readFileSync(join(done.folder, 'big')).equals(body)).toBe(true);
    expect(tree(done.folder)).toEqual(['big', 'small']);
  });

  it.each([
    ['tar', ['--format=gnu']],
    ['tar', ['--format=pax']],
    ['tar', ['--format=ustar']],
    ['tar', ['--format=v7']],
  ])('reads what %s %s writes', async (program, args) => {
    const from = mkdtempSync(join(home, 'from-'));
    mkdirSync(join(from, 'deep/er'), { recursive: true });
    writeFileSync(join(from, 'deep/er/a.yaml'), 'a: 1\n');
    writeFileSync(join(from, 'b.yaml'), 'b'.repeat(5000));
    if (args[0] !== '--format=v7' && args[0] !== '--format=ustar')
      writeFileSync(join(from, `${'n'.repeat(180)}.yaml`), 'n');
    symlinkSync('b.yaml', join(from, 'link'));
    const packed = execFileSync(program, [...args, '-C', from, '-cf', '-', '.']);
    const done = await unpack(gzipSync(packed));
    expect(tree(done.folder)).toEqual(tree(from).filter((name) => name !== 'link'));
    expect(done.links).toEqual(['link']);
    expect(readFileSync(join(done.folder, 'b.yaml'), 'utf8')).toBe('b'.repeat(5000));
  });
});

function writeFile(bytes: Buffer): string {
  runs += 1;
  writeFileSync(join(home, `packed-${runs}`), bytes);
  return `packed-${runs}`;
}

describe('what is refused', () => {
  const twoFiles = rawTar(file('a'), file('b'));
  it.each<[string, Buffer, string, RegExp]>([
    ['an absolute name', tarball(file('/etc/passwd')), 'SOURCE_OUTSIDE', /leads out/],
    ['a name that climbs', tarball(file('../a')), 'SOURCE_OUTSIDE', /leads out/],
    ['a name that climbs in the middle', tarball(file('a/../../b')), 'SOURCE_OUTSIDE', /leads out/],
    ['a name that climbs at the end', tarball(folder('a/..')), 'SOURCE_OUTSIDE', /leads out/],
    ['a name that is the parent', tarball(folder('..')), 'SOURCE_OUTSIDE', /leads out/],
    ['a name that climbs after ./', tarball(file('./../a')), 'SOURCE_OUTSIDE', /leads out/],
    ['a backslash', tarball(file('a\\..\\b')), 'SOURCE_OUTSIDE', /leads out/],
    ['a prefix that climbs', tarball({ prefix: '..', name: 'a' }), 'SOURCE_OUTSIDE', /leads out/],
    ['a prefix that is absolute', tarball({ prefix: '/tmp', name: 'a' }), 'SOURCE_OUTSIDE', /leads out/],
    ['a pax name that climbs', tarball(pax([['path', '../a']]), file('a')), 'SOURCE_OUTSIDE', /leads out/],
    [
      'a GNU name that climbs',
      tarball(rawEntry({ type: 'L', body: '../a\0' }), file('a')),
      'SOURCE_OUTSIDE',
      /leads out/,
    ],
    ['a link with a name that climbs', tarball(link('../a', 'b')), 'SOURCE_OUTSIDE', /leads out/],
    ['an empty name', tarball(file('')), 'SOURCE_TARBALL_INVALID', /not a plain path/],
    ['an empty name of a folder', tarball(folder('')), 'SOURCE_TARBALL_INVALID', /not a plain path/],
    ['an empty pax name', tarball(pax([['path', '']]), file('a')), 'SOURCE_TARBALL_INVALID', /empty name/],
    ['a file that is the root', tarball(file('.')), 'SOURCE_TARBALL_INVALID', /not a plain path/],
    ['a file that is the root, with a slash', tarball(file('./')), 'SOURCE_TARBALL_INVALID', /not a plain path/],
    ['two slashes', tarball(file('a//b')), 'SOURCE_TARBALL_INVALID', /not a plain path/],
    ['a dot in the middle', tarball(file('a/./b')), 'SOURCE_TARBALL_INVALID', /not a plain path/],
    ['a file with a slash', tarball(file('a/')), 'SOURCE_TARBALL_INVALID', /not a plain path/],
    ['a line break', tarball(file('a\nb')), 'SOURCE_TARBALL_INVALID', /control characters/],
    [
      'a NUL in a pax name',
      tarball(pax([['path', 'a\0b']]), file('c')),
      'SOURCE_TARBALL_INVALID',
      /goes on after its end/,
    ],
    [
      'a NUL at the end of a pax name',
      tarball(pax([['path', 'a\0']]), file('c')),
      'SOURCE_TARBALL_INVALID',
      /goes on after its end/,
    ],
    ['a NUL in a name', tarball({ name: 'a\0b' }), 'SOURCE_TARBALL_INVALID', /goes on after its end/],
    [
      'a NUL in a GNU name',
      tarball(rawEntry({ type: 'L', body: 'a\0b\0' }), file('c')),
      'SOURCE_TARBALL_INVALID',
      /goes on after its end/,
    ],
    ['a name that is not UTF-8', tarball({ name: Buffer.from([0x61, 0xff]) }), 'SOURCE_TARBALL_INVALID', /UTF-8/],
    ['a surrogate in a name', tarball({ name: Buffer.from([0xed, 0xa0, 0x80]) }), 'SOURCE_TARBALL_INVALID', /UTF-8/],
    [
      'a file twice',
      tarball(file('a'), file('b'), file('a', 'other')),
      'SOURCE_TARBALL_INVALID',
      /"a" stands in it twice/,
    ],
    ['a file twice, once with ./', tarball(file('a'), file('./a')), 'SOURCE_TARBALL_INVALID', /twice/],
    ['a folder twice', tarball(folder('a'), folder('a/')), 'SOURCE_TARBALL_INVALID', /twice/],
    ['a file where a folder is', tarball(folder('a'), file('a')), 'SOURCE_TARBALL_INVALID', /twice/],
    ['a file where a folder is meant', tarball(file('a/b'), file('a')), 'SOURCE_TARBALL_INVALID', /twice/],
    ['a folder where a file is', tarball(file('a'), folder('a')), 'SOURCE_TARBALL_INVALID', /twice/],
    ['a file below a file', tarball(file('a'), file('a/b')), 'SOURCE_TARBALL_INVALID', /below what is a file/],
    [
      'a file below a link',
      tarball(link('a', '/etc'), file('a/passwd')),
      'SOURCE_TARBALL_INVALID',
      /below what is a link/,
    ],
    ['a file in place of a link', tarball(link('a', '/etc/passwd'), file('a')), 'SOURCE_TARBALL_INVALID', /twice/],
    ['a folder in place of a link', tarball(link('a', '/etc'), folder('a')), 'SOURCE_TARBALL_INVALID', /twice/],
    ['a link in place of a folder', tarball(file('a/b'), link('a', '/etc')), 'SOURCE_TARBALL_INVALID', /twice/],
    ['a hard link', tarball(file('a'), { name: 'b', type: '1', linkname: 'a' }), 'SOURCE_SPECIAL', /hard link/],
    [
      'a hard link out of it',
      tarball({ name: 'b', type: '1', linkname: '/etc/passwd' }),
      'SOURCE_SPECIAL',
      /hard link/,
    ],
    ['a character device', tarball({ name: 'a', type: '3' }), 'SOURCE_SPECIAL', /device or a pipe/],
    ['a block device', tarball({ name: 'a', type: '4' }), 'SOURCE_SPECIAL', /device or a pipe/],
    ['a pipe', tarball({ name: 'a', type: '6' }), 'SOURCE_SPECIAL', /device or a pipe/],
    ['a reserved type', tarball({ name: 'a', type: '7' }), 'SOURCE_SPECIAL', /kind that is not read/],
    ['a type of a vendor', tarball({ name: 'a', type: 'V' }), 'SOURCE_SPECIAL', /kind that is not read/],
    [
      'a sparse file of GNU',
      tarball({ name: 'a', type: 'S', magic: 'ustar  \0' }),
      'SOURCE_SPECIAL',
      /kind that is not read/,
    ],
    ['a sparse file of pax', tarball(pax([['GNU.sparse.major', '1']]), file('a')), 'SOURCE_TARBALL_INVALID', /sparse/],
    [
      'names in another encoding',
      tarball(pax([['hdrcharset', 'BINARY']]), file('a')),
      'SOURCE_TARBALL_INVALID',
      /encoding/,
    ],
    ['a folder with content', tarball({ ...folder('a'), body: 'x' }), 'SOURCE_TARBALL_INVALID', /folder with content/],
    ['a link with content', tarball({ ...link('a', 'b'), body: 'x' }), 'SOURCE_TARBALL_INVALID', /link with content/],
    [
      'a size in binary',
      tarball({ name: 'a', size: '\x80\0\0\0\0\0\0\0\0\0\0\x01' }),
      'SOURCE_TARBALL_INVALID',
      /octal/,
    ],
    ['a negative size', tarball({ name: 'a', size: '-0000000001\0' }), 'SOURCE_TARBALL_INVALID', /octal/],
    ['no size', tarball({ name: 'a', size: '           \0' }), 'SOURCE_TARBALL_INVALID', /octal/],
    ['two sizes', tarball(pax([['size', '0']]), file('a')), 'SOURCE_TARBALL_INVALID', /given twice/],
    [
      'two pax sizes',
      tarball(
        pax([
          ['size', '1'],
          ['size', '2'],
        ]),
        file('a'),
      ),
      'SOURCE_TARBALL_INVALID',
      /not a number/,
    ],
    [
      'two pax names',
      tarball(
        pax([
          ['path', 'b'],
          ['path', 'c'],
        ]),
        file('a'),
      ),
      'SOURCE_TARBALL_INVALID',
      /given twice/,
    ],
    [
      'two pax headers',
      tarball(pax([['path', 'b']]), pax([['path', 'c']]), file('a')),
      'SOURCE_TARBALL_INVALID',
      /more than once/,
    ],
    [
      'a pax and a GNU name',
      tarball(pax([['path', 'b']]), rawEntry({ type: 'L', body: 'c\0' }), file('a')),
      'SOURCE_TARBALL_INVALID',
      /more than once/,
    ],
    [
      'a global header between',
      tarball(pax([['path', 'b']]), pax([['comment', 'c']], 'g'), file('a')),
      'SOURCE_TARBALL_INVALID',
      /more than once/,
    ],
    ['one name for all', tarball(pax([['path', 'b']], 'g'), file('a')), 'SOURCE_TARBALL_INVALID', /one name/],
    ['one size for all', tarball(pax([['size', '0']], 'g'), file('a')), 'SOURCE_TARBALL_INVALID', /one name/],
    ['a pax header with no entry', tarball(pax([['path', 'b']])), 'SOURCE_TARBALL_INVALID', /belongs to nothing/],
    [
      'a long link before a file',
      tarball(rawEntry({ type: 'K', body: 'c\0' }), file('a')),
      'SOURCE_TARBALL_INVALID',
      /link that is none/,
    ],
    [
      'a damaged pax header',
      tarball(rawEntry({ type: 'x', body: '99 path=b\n' }), file('a')),
      'SOURCE_TARBALL_INVALID',
      /damaged/,
    ],
    [
      'a pax length of its own making',
      tarball(rawEntry({ type: 'x', body: '-1 path=b\n' }), file('a')),
      'SOURCE_TARBALL_INVALID',
      /damaged/,
    ],
    [
      'a pax record without end',
      tarball(rawEntry({ type: 'x', body: '10 path=bc' }), file('a')),
      'SOURCE_TARBALL_INVALID',
      /damaged/,
    ],
    ['a wrong sum', tarball({ name: 'a', sum: 1234 }), 'SOURCE_TARBALL_INVALID', /checksum/],
    [
      "star's trailer",
      tarball({ name: 'a', over: { at: 508, bytes: 'tar\0' } }),
      'SOURCE_TARBALL_INVALID',
      /kind of tar/,
    ],
    ['another magic', tarball({ name: 'a', magic: 'ustar\x00  ' }), 'SOURCE_TARBALL_INVALID', /kind of tar/],
    [
      'a prefix in GNU’s dialect',
      tarball({ name: 'a', magic: 'ustar  \0', prefix: 'b' }),
      'SOURCE_TARBALL_INVALID',
      /kind of tar/,
    ],
    [
      'a prefix in the old dialect',
      tarball({ name: 'a', magic: '', prefix: 'b' }),
      'SOURCE_TARBALL_INVALID',
      /kind of tar/,
    ],
    ['no end mark', gzipMember(rawEntry(file('a'))), 'SOURCE_TARBALL_INVALID', /cut off/],
    [
      'no end of the last file',
      gzipMember(rawEntry({ name: 'a', body: 'x', size: 600 })),
      'SOURCE_TARBALL_INVALID',
      /cut off/,
    ],
    ['half a header', gzipMember(twoFiles.subarray(0, 1300)), 'SOURCE_TARBALL_INVALID', /cut off/],
    ['nothing in it at all', gzipMember(Buffer.alloc(0)), 'SOURCE_TARBALL_INVALID', /cut off/],
    [
      'files after the end mark',
      gzipMember(Buffer.concat([rawTar(file('a')), rawTar(file('b'))])),
      'SOURCE_TARBALL_INVALID',
      /follows the end/,
    ],
    [
      'a file after half an end mark',
      gzipMember(Buffer.concat([rawEntry(file('a')), END.subarray(512), rawTar(file('b'))])),
      'SOURCE_TARBALL_INVALID',
      /follows the end/,
    ],
    ['text', Buffer.from('<html>not here</html>'), 'SOURCE_TARBALL_INVALID', /gzip/],
    ['a tar that is not compressed', rawTar(file('a')), 'SOURCE_TARBALL_INVALID', /gzip/],
    ['nothing', Buffer.alloc(0), 'SOURCE_TARBALL_INVALID', /gzip/],
    ['a gzip header alone', gzipMember(twoFiles).subarray(0, 10), 'SOURCE_TARBALL_INVALID', /header that is cut off/],
    ['gzip that is cut off', gzipMember(twoFiles).subarray(0, 60), 'SOURCE_TARBALL_INVALID', /damaged|cut off/],
    [
      'gzip without its last byte',
      gzipMember(twoFiles).subarray(0, -1),
      'SOURCE_TARBALL_INVALID',
      /follows|checksum|cut off/,
    ],
    [
      'two gzip members',
      Buffer.concat([gzipMember(rawEntry(file('a'))), gzipMember(rawTar(file('b')))]),
      'SOURCE_TARBALL_INVALID',
      /follows the compressed/,
    ],
    [
      'an empty gzip member behind',
      Buffer.concat([gzipMember(twoFiles), gzipMember(Buffer.alloc(0))]),
      'SOURCE_TARBALL_INVALID',
      /follows the compressed/,
    ],
    [
      'a byte behind',
      Buffer.concat([gzipMember(twoFiles), Buffer.from([0])]),
      'SOURCE_TARBALL_INVALID',
      /follows the compressed/,
    ],
    [
      'zeros behind',
      Buffer.concat([gzipMember(twoFiles), Buffer.alloc(512)]),
      'SOURCE_TARBALL_INVALID',
      /follows the compressed/,
    ],
    ['a reserved gzip flag', gzipMember(twoFiles, { flags: 0x20 }), 'SOURCE_TARBALL_INVALID', /does not exist/],
    [
      'an endless gzip name',
      gzipMember(twoFiles, { flags: 8, extra: Buffer.alloc(5000, 0x61) }),
      'SOURCE_TARBALL_INVALID',
      /too long/,
    ],
    ['a wrong gzip sum', flipped(gzipMember(twoFiles), -8), 'SOURCE_TARBALL_INVALID', /checksum/],
    ['a wrong gzip length', flipped(gzipMember(twoFiles), -4), 'SOURCE_TARBALL_INVALID', /checksum/],
  ])('%s', async (_, packed, code, message) => {
    for (const given of [packed, join(home, writeFile(packed))]) {
      const error = await refusal(given);
      expect(error.message).toMatch(message);
      expect(error.message).toMatch(/^Bucket a\/b: /);
      expect(error.code).toBe(code);
    }
  });

  it('accepts the gzip fields that gzip itself writes', async () => {
    const extra = Buffer.concat([Buffer.from([3, 0, 1, 2, 3]), Buffer.from('name\0comment\0'), Buffer.from([9, 9])]);
    expect((await unpack(gzipMember(twoFiles, { flags: 2 | 4 | 8 | 16, extra }))).files).toBe(2);
  });

  it.each<[string, Buffer, RegExp]>([
    ['more files', tarball(...Array.from({ length: 101 }, (_, at) => file(`f${at}`))), /more than 100 files/],
    ['100,000 entries', manyEntries(100_000), /more than 100 files/],
    ['more folders', tarball(...Array.from({ length: 101 }, (_, at) => folder(`f${at}`))), /more than 100 folders/],
    [
      'more folders that are only meant',
      tarball(...Array.from({ length: 3 }, (_, at) => file(`${at}${'/d'.repeat(45)}`))),
      /more than 100 folders/,
    ],
    ['more links', tarball(...Array.from({ length: 201 }, (_, at) => link(`f${at}`, 'x'))), /more than 100 entries/],
    [
      'more headers',
      tarball(...Array.from({ length: 201 }, () => pax([['comment', 'c']], 'g')), file('a')),
      /more than 100 entries/,
    ],
    ['a larger file', tarball({ name: 'a', body: Buffer.alloc(64 * 1024 + 1) }), /"a" is larger than 65536 bytes/],
    ['a header that only says so', tarball({ name: 'a', size: '77777777777\0' }), /"a" is larger/],
    [
      'more bytes',
      tarball(...Array.from({ length: 17 }, (_, at) => ({ name: `f${at}`, body: Buffer.alloc(64 * 1024) }))),
      /more than 1048576 bytes/,
    ],
    [
      'more zeros at the end',
      gzipMember(Buffer.concat([rawTar(file('a')), Buffer.alloc(1024 * 1024)])),
      /more than 1048576 bytes/,
    ],
    ['a deeper path', tarball(pax([['path', `${'d/'.repeat(64)}f`]]), file('a')), /deeper than 64/],
    ['a longer name', tarball(pax([['path', 'n'.repeat(256)]]), file('a')), /longer than 255 bytes/],
    [
      'a longer path',
      tarball(pax([['path', `${`${'n'.repeat(200)}/`.repeat(6)}f`]]), file('a')),
      /longer than 1024 bytes/,
    ],
  ])('%s than there may be', async (_, packed, message) => {
    const error = await refusal(packed);
    expect([error.code, error.message]).toEqual(['SOURCE_TOO_LARGE', expect.stringMatching(message)]);
  });

  it('a header of a megabyte', async () => {
    const packed = tarball(rawEntry({ type: 'x', body: Buffer.alloc(1024 * 1024) }), file('a'));
    expect((await refusal(packed)).message).toMatch(/extended header is larger/);
  });

  it('a bomb, by its ratio, before its size counts', async () => {
    const packed = tarball(file('small'), { name: 'deploy/bomb', body: Buffer.alloc(64 * 1024 * 1024) }, file('last'));
    const wide = { files: 10, bytes: 1024 ** 3, fileBytes: 1024 ** 3 };
    expect((await refusal(packed, { limits: wide })).message).toMatch(
      /more than 200 times its size while "deploy\/bomb" is unpacked$/,
    );
  });

  it('what takes too long', async () => {
    const controller = new AbortController();
    controller.abort();
    const error = await refusal(tarball(file('a')), { signal: controller.signal });
    expect(error.code).toBe('ARTIFACT_TIMEOUT');
  });

  it('what is aborted in the middle', async () => {
    const controller = new AbortController();
    const body = Buffer.from(Array.from({ length: 8_000_000 }, (_, at) => (at * 7919 + (at >> 8)) % 251));
    const packed = tarball({ name: 'a', body });
    setImmediate(() => controller.abort());
    const wide = { files: 10, bytes: 1024 ** 3, fileBytes: 1024 ** 3 };
    expect((await refusal(packed, { signal: controller.signal, limits: wide })).code).toBe('ARTIFACT_TIMEOUT');
  });

  it('a folder that is there already, which stays as it is', async () => {
    const there = mkdtempSync(join(home, 'there-'));
    writeFileSync(join(there, 'mine'), 'mine');
    const request = {
      packed: tarball(file('a')),
      folder: there,
      subject: 's',
      limits,
      signal: AbortSignal.timeout(9999),
    };
    await expect(unpackTarball(request)).rejects.toThrow(/could not be unpacked|same here/);
    expect(readdirSync(there)).toEqual(['mine']);
  });

  it('an archive behind a link', async () => {
    symlinkSync(writeFile(tarball(file('a'))), join(home, 'linked'));
    expect((await refusal(join(home, 'linked'))).code).toBe('WORKSPACE_FAILED');
  });

  it('leaves no file open, whatever it refuses', async () => {
    const handles = () => readdirSync('/proc/self/fd').length;
    const names = [
      tarball(file('a'), file('a')),
      gzipMember(rawEntry({ name: 'a', body: 'x', size: 600 })),
      tarball({ name: 'a', body: Buffer.alloc(300_000, 'a') }, file('a')),
    ].map((packed) => join(home, writeFile(packed)));
    const before = handles();
    for (let at = 0; at < 60; at++) await refusal(names[at % names.length] as string);
    expect(handles()).toBeLessThanOrEqual(before + 1);
  });

  it('names of any bytes never leave the folder, and errors are always errors of ours', async () => {
    const step = fc.constantFrom('a', 'b', '..', '.', '', '/', '\\', 'A', '\0', '...', 'ä', '\u0001', '../');
    const entry = fc.record({
      name: fc.array(step, { maxLength: 5 }).map((steps) => steps.join('/').slice(0, 99)),
      type: fc.constantFrom('0', '\0', '5', '2', '1', 'x', 'L', 'g', 'K', 'S'),
      body: fc.constantFrom('', 'x', '12 path=../b\n', '../c\0'),
      linkname: fc.constantFrom('', '/etc', '..'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { maxLength: 6 }), async (entries) => {
        runs += 1;
        const inside = join(home, `fuzz-${runs}`);
        mkdirSync(inside);
        const to = join(inside, 'folder');
        const request = {
          packed: tarball(...entries),
          folder: to,
          subject: 's',
          limits,
          signal: AbortSignal.timeout(9999),
        };
        const error = await unpackTarball(request).then(
          () => undefined,
          (thrown: unknown) => thrown as Error,
        );
        expect(readdirSync(inside)).toEqual(error === undefined ? ['folder'] : []);
        if (error === undefined)
          for (const name of tree(to)) expect(lstatSync(join(to, name)).isSymbolicLink()).toBe(false);
        else expect(error.name).toBe('GateError');
      }),
      { numRuns: fuzzRuns(300) },
    );
  });

  it('damaged bytes anywhere give the same files or an error of ours', async () => {
    const whole = tarball(folder('d'), file('d/a', 'hello'), pax([['path', 'd/long']]), file('b', 'c'.repeat(700)));
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const packed = Buffer.from(whole);
        packed[at] = (packed[at] as number) ^ flip;
        const done = await unpack(packed).catch((error: unknown) => error as Error);
        if (done instanceof Error) expect(done.name).toBe('GateError');
        else expect(tree(done.folder)).toEqual(['d', 'd/a', 'd/long']);
      }),
      { numRuns: fuzzRuns(300) },
    );
  });
});

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  const index = copy.length + at;
  copy[index] = (copy[index] as number) ^ 1;
  return copy;
}

function manyEntries(count: number): Buffer {
  const one = (at: number) => rawEntry({ name: `f${at}`, body: '' });
  return gzipMember(Buffer.concat([...Array.from({ length: count }, (_, at) => one(at)), END]));
}

it('reads what tar-stream packs', async () => {
  const packing = pack();
  packing.entry({ name: `${'long/'.repeat(30)}ü.yaml` }, 'kind: A');
  packing.entry({ name: 'dir', type: 'directory' });
  packing.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of packing) chunks.push(chunk as Buffer);
  expect((await unpack(gzipSync(Buffer.concat(chunks)))).top).toEqual(['dir', 'long']);
});
