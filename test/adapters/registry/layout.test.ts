import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Digest } from '../../../src/core/image.ts';
import { openLayout } from '../../support/layout.ts';
import { expectCode, folderForTest, never, type OpenOptions, open } from './support.ts';

const ociManifest = 'application/vnd.oci.image.manifest.v1+json';
const ociIndex = 'application/vnd.oci.image.index.v1+json';
const empty = { mediaType: 'application/vnd.oci.empty.v1+json', digest: `sha256:${'4'.repeat(64)}`, size: 2 };
const host = 'registry.example';
const repository = { registry: host, path: 'team/app' };
const refName = 'org.opencontainers.image.ref.name';

let root: ReturnType<typeof folderForTest>;
let folder: string;
let layout: ReturnType<typeof openLayout>;
beforeEach(() => {
  root = folderForTest();
  folder = join(root.path, 'team/app');
  layout = openLayout(folder);
});
afterEach(() => root.remove());

/** Stores a manifest and lists it; answers its digest. */
function add(more: object, tag?: string): Digest {
  const bytes = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: ociManifest, config: empty, layers: [], ...more }),
  );
  const digest = layout.write(bytes);
  layout.list({ mediaType: ociManifest, digest, size: bytes.length }, tag);
  layout.close();
  return digest as Digest;
}
const subject = (digest: Digest) => ({ subject: { mediaType: ociManifest, digest, size: 1 } });
const run = (options: OpenOptions = {}) => open([{ host, layout: root.path }], options).forRun();
const blobPath = (digest: Digest) => join(folder, 'blobs/sha256', digest.slice(7));
const index = (text: string) => writeFileSync(join(folder, 'index.json'), text);

describe('a layout that is not one is named', () => {
  it('without its marker', async () => {
    add({}, 'v1');
    rmSync(join(folder, 'oci-layout'));
    const error = await expectCode(run().resolveTag(repository, 'v1', never), 'REGISTRY_LAYOUT_INVALID');
    expect(error.message).toBe(
      'the layout registry.example/team/app is not an OCI image layout: its file oci-layout is absent',
    );
    await expectCode(run().manifest(repository, `sha256:${'0'.repeat(64)}`, never), 'REGISTRY_LAYOUT_INVALID');
    await expectCode(
      run().referrers(repository, `sha256:${'0'.repeat(64)}` as Digest, never),
      'REGISTRY_LAYOUT_INVALID',
    );
  });

  it.each<[string, () => void, RegExp]>([
    [
      'with a marker of another version',
      () => writeFileSync(join(folder, 'oci-layout'), '{"imageLayoutVersion":"2.0.0"}'),
      /imageLayoutVersion 1\.0\.0/,
    ],
    [
      'with a marker that is no JSON',
      () => writeFileSync(join(folder, 'oci-layout'), 'x'),
      /imageLayoutVersion 1\.0\.0/,
    ],
    ['without an index', () => rmSync(join(folder, 'index.json')), /index\.json of .* is absent/],
    ['with an index that is no JSON', () => index('{'), /is not an index/],
    ['with an index without manifests', () => index('{"schemaVersion":2}'), /is not an index/],
    [
      'with an index that is a folder',
      () => {
        rmSync(join(folder, 'index.json'));
        mkdirSync(join(folder, 'index.json'));
      },
      /is not a file/,
    ],
    [
      'with an index that is a link',
      () => {
        rmSync(join(folder, 'index.json'));
        symlinkSync('/etc/hostname', join(folder, 'index.json'));
      },
      /is link/,
    ],
    [
      'with an index that is a pipe',
      () => {
        rmSync(join(folder, 'index.json'));
        execFileSync('/usr/bin/mkfifo', [join(folder, 'index.json')]);
      },
      /is not a file/,
    ],
    [
      'with an index that is too large',
      () => truncateSync(join(folder, 'index.json'), 5 * 1024 * 1024),
      /is too large/,
    ],
    [
      'with a tag for two manifests',
      () => add({ annotations: { other: 'yes' } }, 'v1'),
      /gives the tag v1 to two manifests/,
    ],
  ])('%s', async (_, spoil, message) => {
    add({}, 'v1');
    spoil();
    const error = await expectCode(run().resolveTag(repository, 'v1', never), 'REGISTRY_LAYOUT_INVALID');
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain(root.path);
  });

  it('where the folder of all is missing', async () => {
    const registry = open([{ host, layout: '/nonexistent/mirror' }]).forRun();
    await expectCode(registry.resolveTag(repository, 'v1', never), 'REGISTRY_SETTINGS_INVALID');
  });

  it('with more entries than are read', async () => {
    const entry = { mediaType: ociManifest, digest: `sha256:${'5'.repeat(64)}`, size: 1 };
    add({}, 'v1');
    index(JSON.stringify({ schemaVersion: 2, manifests: Array.from({ length: 1001 }, () => entry) }));
    const error = await expectCode(run().resolveTag(repository, 'v1', never), 'REGISTRY_TOO_LARGE');
    expect(error.message).toMatch(/lists 1001 manifests, and at most 1000 are read/);
  });
});

describe('a layout leads nowhere else', () => {
  it.each<[string, () => void]>([
    [
      'the blobs',
      () => {
        execFileSync('mv', [join(folder, 'blobs'), join(root.path, 'elsewhere')]);
        symlinkSync(join(root.path, 'elsewhere'), join(folder, 'blobs'));
      },
    ],
    [
      'the repository',
      () => {
        execFileSync('mv', [folder, join(root.path, 'elsewhere')]);
        symlinkSync(join(root.path, 'elsewhere'), folder);
      },
    ],
    [
      'a part of its path',
      () => {
        execFileSync('mv', [join(root.path, 'team'), join(root.path, 'elsewhere')]);
        symlinkSync(join(root.path, 'elsewhere'), join(root.path, 'team'));
      },
    ],
  ])('where %s is a symbolic link', async (_, spoil) => {
    const digest = add({}, 'v1');
    spoil();
    const error = await expectCode(run().manifest(repository, digest, never), 'REGISTRY_LAYOUT_INVALID');
    expect(error.message).toMatch(/symbolic link/);
  });

  it('where a blob is a symbolic link, even to the right bytes', async () => {
    const digest = add({}, 'v1');
    execFileSync('mv', [blobPath(digest), join(root.path, 'bytes')]);
    symlinkSync(join(root.path, 'bytes'), blobPath(digest));
    await expectCode(run().manifest(repository, digest, never), 'REGISTRY_LAYOUT_INVALID');
    await expectCode(run().resolveTag(repository, 'v1', never), 'REGISTRY_LAYOUT_INVALID');
    const error = await expectCode(run().blob(repository, digest, 1000, never), 'REGISTRY_LAYOUT_INVALID');
    expect(error.message).toMatch(/is a symbolic link/);
  });

  it('where the folder of all is a link, which is the choice of the platform', async () => {
    const digest = add({}, 'v1');
    symlinkSync(root.path, join(root.path, 'mirror'));
    const registry = open([{ host, layout: join(root.path, 'mirror') }]).forRun();
    expect((await registry.resolveTag(repository, 'v1', never))?.digest).toBe(digest);
  });
});

describe('bytes of a layout', () => {
  it('are refused where they do not have their digest', async () => {
    const digest = add({}, 'v1');
    writeFileSync(blobPath(digest), '{}');
    await expectCode(run().manifest(repository, digest, never), 'REGISTRY_DIGEST_MISMATCH');
    await expectCode(run().resolveTag(repository, 'v1', never), 'REGISTRY_DIGEST_MISMATCH');
    await expectCode(run().blob(repository, digest, 1000, never), 'REGISTRY_DIGEST_MISMATCH');
  });

  it('are refused where they are too many', async () => {
    const digest = add({}, 'v1');
    truncateSync(blobPath(digest), 5 * 1024 * 1024);
    await expectCode(run().manifest(repository, digest, never), 'REGISTRY_TOO_LARGE');
    await expectCode(run().blob(repository, digest, 1000, never), 'REGISTRY_TOO_LARGE');
  });

  it.each<[string, object]>([
    ['docker schema 1', { schemaVersion: 1 }],
    ['an image and an index', { manifests: [] }],
    ['something else', { mediaType: 'application/vnd.example+json' }],
  ])('are refused where a manifest is %s', async (_, more) => {
    const digest = add(more, 'v1');
    await expectCode(run().manifest(repository, digest, never), 'REGISTRY_MANIFEST_INVALID');
  });

  it('are absent where a tag names a manifest that was not copied', async () => {
    const digest = add({}, 'v1');
    rmSync(blobPath(digest));
    expect(await run().resolveTag(repository, 'v1', never)).toBeUndefined();
    expect(await run().manifest(repository, digest, never)).toBeUndefined();
  });

  it('tell their media type by their shape where they do not name it', async () => {
    const image = add({ mediaType: undefined }, 'v1');
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [] }));
    const digest = layout.write(bytes) as Digest;
    expect((await run().manifest(repository, image, never))?.mediaType).toBe(ociManifest);
    expect((await run().manifest(repository, digest, never))?.mediaType).toBe(ociIndex);
  });
});

describe('tags of a layout', () => {
  it.each([
    ['a tag', 'v1', true],
    ['the whole reference, as crane writes it', 'registry.example/team/app:v1', true],
    ['a reference to another repository', 'registry.example/team/other:v1', false],
    ['a tag that begins alike', 'v10', false],
  ])('%s', async (_, name, found) => {
    add({}, name);
    expect((await run().resolveTag(repository, 'v1', never)) !== undefined).toBe(found);
  });

  it('may be there twice for one manifest', async () => {
    const digest = add({}, 'v1');
    const entry = { mediaType: ociManifest, digest, size: 1, annotations: { [refName]: 'v1' } };
    index(JSON.stringify({ schemaVersion: 2, manifests: [entry, entry, null, { ...entry, digest: 'sha256:x' }] }));
    expect((await run().resolveTag(repository, 'v1', never))?.digest).toBe(digest);
  });
});

describe('referrers in a layout', () => {
  it('are what the index lists with that subject, whatever else is broken', async () => {
    const image = add({}, 'v1');
    const other = add({ annotations: { x: 'y' } }, 'v2');
    const gone = add({ ...subject(image), annotations: { gone: 'yes' } });
    rmSync(blobPath(gone));
    const linked = add({ ...subject(image), annotations: { linked: 'yes' } });
    rmSync(blobPath(linked));
    symlinkSync('/etc/hostname', blobPath(linked));
    add({ subject: 'not an object' });
    add({ subject: { digest: 5 } });
    const good = add({ ...subject(image), artifactType: 'application/example' });
    const older = add({ ...subject(image), config: { ...empty, mediaType: 'application/older' } });
    const found = await run().referrers(repository, image, never);
    expect(found.map(({ digest, artifactType }) => [digest, artifactType])).toEqual([
      [good, 'application/example'],
      [older, 'application/older'],
    ]);
    expect(await run().referrers(repository, other, never)).toEqual([]);
  });

  it('are also what is damaged beyond reading: of any image it could have been one', async () => {
    const image = add({}, 'v1');
    const other = add({ annotations: { x: 'y' } }, 'v2');
    const damaged = add({ ...subject(image) });
    writeFileSync(blobPath(damaged), '{');
    for (const each of [image, other]) {
      const found = await run().referrers(repository, each, never);
      expect(found.map(({ digest }) => digest)).toEqual([damaged]);
    }
    await expectCode(run().manifest(repository, damaged, never), 'REGISTRY_DIGEST_MISMATCH');
  });

  it('are not text that is no manifest and has its digest', async () => {
    const image = add({}, 'v1');
    const digest = layout.write(Buffer.from('no JSON'));
    layout.list({ mediaType: ociManifest, digest, size: 7 }, undefined);
    layout.close();
    expect(await run().referrers(repository, image, never)).toEqual([]);
  });

  it('are found where their bytes were changed, and refused when they are read', async () => {
    const image = add({}, 'v1');
    const signature = add({ ...subject(image) });
    writeFileSync(blobPath(signature), JSON.stringify({ ...subject(image), tampered: true }));
    const [found] = await run().referrers(repository, image, never);
    expect(found?.digest).toBe(signature);
    await expectCode(run().manifest(repository, signature, never), 'REGISTRY_DIGEST_MISMATCH');
  });

  it('are also those of the fallback tag, once each', async () => {
    const image = add({}, 'v1');
    const signature = add({ ...subject(image) });
    const listed = { mediaType: ociManifest, digest: `sha256:${'6'.repeat(64)}`, size: 5 };
    const bytes = Buffer.from(
      JSON.stringify({ schemaVersion: 2, mediaType: ociIndex, manifests: [listed, { ...listed, digest: signature }] }),
    );
    layout.list({ mediaType: ociIndex, digest: layout.write(bytes), size: bytes.length }, image.replace(':', '-'));
    layout.close();
    const found = await run().referrers(repository, image, never);
    expect(found.map(({ digest }) => digest)).toEqual([signature, listed.digest]);
  });

  it('are not an image that has the fallback tag', async () => {
    const image = add({}, 'v1');
    add({ annotations: { x: 'y' } }, image.replace(':', '-'));
    expect(await run().referrers(repository, image, never)).toEqual([]);
  });

  it('are refused as a flood', async () => {
    const image = add({}, 'v1');
    for (let i = 0; i < 5; i++) add({ ...subject(image), annotations: { i: String(i) } });
    const error = await expectCode(
      run({ limits: { referrers: 4 } }).referrers(repository, image, never),
      'REGISTRY_TOO_MANY_REFERRERS',
    );
    expect(error.message).toMatch(/has 5 referrers or more, and at most 4 are read/);
  });
});
