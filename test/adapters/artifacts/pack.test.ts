import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { extract } from 'tar-stream';
import { describe, expect, it } from 'vitest';
import { packArtifact } from '../../../src/adapters/artifacts/pack.ts';
import { unpackTarball } from '../../../src/source/tarball.ts';

const files = [
  { name: 'manifests.yaml', bytes: Buffer.from('kind: ConfigMap\n'.repeat(1000)) },
  { name: 'kustomization.yaml', bytes: Buffer.from('resources: [manifests.yaml]\n') },
];

describe('a packed artifact', () => {
  it('is the same bytes for the same files, in whatever order they come', async () => {
    const [one, other] = await Promise.all([packArtifact(files), packArtifact([...files].reverse())]);
    expect(one.bytes.equals(other.bytes)).toBe(true);
    expect(one.digest).toBe(`sha256:${one.hex}`);
    expect(one.hex).toMatch(/^[0-9a-f]{64}$/);
  });

  it('holds the tar that it has always held', async () => {
    const { createHash } = process.getBuiltinModule('node:crypto');
    const tar = gunzipSync((await packArtifact(files)).bytes);
    expect(createHash('sha256').update(tar).digest('hex')).toMatchInlineSnapshot(
      `"9587a578a5b104a93975ad4a633c1ea9f71468b3893995914e92cbaf8b62b913"`,
    );
  });

  it('says nothing of the time, the system and the effort in its frame', async () => {
    expect((await packArtifact(files)).bytes.subarray(0, 10).toString('hex')).toBe('1f8b08000000000000ff');
  });

  it.each([
    ['a byte of content', [{ name: 'a', bytes: Buffer.from('a') }], [{ name: 'a', bytes: Buffer.from('b') }]],
    ['a name', [{ name: 'a', bytes: Buffer.from('a') }], [{ name: 'b', bytes: Buffer.from('a') }]],
    ['where one file ends', [{ name: 'a', bytes: Buffer.from('a') }], [{ name: 'a', bytes: Buffer.from('a\0') }]],
  ])('is another for %s', async (_, one, other) => {
    expect((await packArtifact(one)).hex).not.toBe((await packArtifact(other)).hex);
  });

  it.each(['', '.', '..', '../a', 'a/b', '/a', 'a\0', '.hidden', '-rf', 'a'.repeat(101), 'ä'])(
    'refuses the name %j',
    async (name) => {
      await expect(packArtifact([{ name, bytes: Buffer.alloc(1) }])).rejects.toThrow(/no name of a packed file/);
    },
  );

  it('refuses a name twice', async () => {
    const twice = [files[0], files[1], files[0]].filter((file) => file !== undefined);
    await expect(packArtifact(twice)).rejects.toThrow(/no name of a packed file/);
  });

  it('is read by tar, by tar-stream and by the gate itself', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pack-test-'));
    try {
      const { bytes } = await packArtifact([...files, { name: 'empty', bytes: Buffer.alloc(0) }]);
      writeFileSync(join(folder, 'a.tar.gz'), bytes);
      execFileSync('tar', ['-xzf', 'a.tar.gz'], { cwd: folder });
      for (const { name, bytes: expected } of files)
        expect(readFileSync(join(folder, name)).equals(expected)).toBe(true);
      expect(statSync(join(folder, 'manifests.yaml')).mode & 0o777).toBe(0o600);
      expect(statSync(join(folder, 'manifests.yaml')).mtimeMs).toBe(0);
      const listed = execFileSync('tar', ['--numeric-owner', '-tvzf', 'a.tar.gz'], { cwd: folder, encoding: 'utf8' });
      expect(listed).toMatch(/^-rw------- 0\/0 +0 1970-01-01 00:00 empty\n/);

      const names: string[] = [];
      const reader = extract();
      reader.on('entry', (header, stream, next) => {
        names.push(header.name);
        stream.on('end', next).resume();
      });
      await new Promise<void>((done, fail) => reader.on('finish', done).on('error', fail).end(gunzipSync(bytes)));
      expect(names).toEqual(['empty', 'kustomization.yaml', 'manifests.yaml']);

      const limits = { files: 10, bytes: 1e6, fileBytes: 1e6 };
      const request = {
        packed: bytes,
        folder: join(folder, 'own'),
        subject: 's',
        limits,
        signal: AbortSignal.timeout(9999),
      };
      expect((await unpackTarball(request)).top).toEqual(names);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
