import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDiskCache } from '../../../src/adapters/registry/disk-cache.ts';
import { defaultLimits } from '../../../src/adapters/registry/limits.ts';
import { digestOf } from '../../../src/adapters/registry/manifest-body.ts';
import type { VerifiedBytes } from '../../../src/core/ports.ts';
import { startHostileRegistry } from '../../support/hostile-registry.ts';
import { pushImage, startRegistry } from '../../support/registry.ts';
import { expectCode, folderForTest, never, open } from './support.ts';

let test: ReturnType<typeof folderForTest>;
let folder: string;
beforeEach(() => {
  test = folderForTest();
  folder = join(test.path, 'cache');
});
afterEach(() => test.remove());

const cache = (maxBytes = 1024 * 1024, at = folder) =>
  createDiskCache({ folder: 'cache', maxBytes }, at, defaultLimits, Date);
const blob = (text: string): VerifiedBytes => {
  const bytes = Buffer.from(text);
  return { digest: digestOf(bytes), mediaType: 'application/octet-stream', bytes };
};
const ociManifest = 'application/vnd.oci.image.manifest.v1+json';
const dockerManifest = 'application/vnd.docker.distribution.manifest.v2+json';
const manifest = (mediaType: string): VerifiedBytes => ({
  ...blob('{"schemaVersion":2,"config":{},"layers":[]}'),
  mediaType,
});
const file = () => join(folder, readdirSync(folder)[0] ?? '');

describe('a body on disk', () => {
  it('is read back by another process, for its repository alone', async () => {
    const body = blob('signed');
    await cache().write('blob', 'ghcr.io/team/app', body);
    expect(await cache().read('blob', 'ghcr.io/team/app', body.digest, 100)).toEqual(body);
    expect(await cache().read('blob', 'ghcr.io/team/other', body.digest, 100)).toBeUndefined();
    expect(await cache().read('manifest', 'ghcr.io/team/app', body.digest, 100)).toBeUndefined();
  });

  it.each([ociManifest, dockerManifest])('keeps the media type that its registry gave it (%s)', async (mediaType) => {
    const body = manifest(mediaType);
    await cache().write('manifest', 'r', body);
    expect(await cache().read('manifest', 'r', body.digest, 100)).toEqual(body);
  });

  it.each<[string, (path: string) => void]>([
    ['other bytes', (path) => writeFileSync(path, 'forged')],
    ['fewer bytes', (path) => writeFileSync(path, readFileSync(path).subarray(1))],
    ['nothing', (path) => writeFileSync(path, '')],
  ])('is not believed where there are %s, and goes', async (_, change) => {
    const body = blob('signed');
    await cache().write('blob', 'r', body);
    const path = file();
    change(path);
    expect(await cache().read('blob', 'r', body.digest, 100)).toBeUndefined();
    expect(existsSync(path)).toBe(false);
  });

  it('is not believed under another media type than its bytes allow', async () => {
    const index = '{"schemaVersion":2,"manifests":[]}';
    const body = { ...blob(index), mediaType: 'application/vnd.oci.image.index.v1+json' };
    await cache().write('manifest', 'r', body);
    renameSync(file(), file().replace(/manifest-\d$/, 'manifest-1'));
    expect(await cache().read('manifest', 'r', body.digest, 100)).toBeUndefined();
  });

  it('is not read through a link, nor beyond its bound', async () => {
    const body = blob('signed');
    await cache().write('blob', 'r', body);
    expect(await cache().read('blob', 'r', body.digest, 3)).toBeUndefined();
    const path = file();
    renameSync(path, join(test.path, 'elsewhere'));
    symlinkSync(join(test.path, 'elsewhere'), path);
    expect(await cache().read('blob', 'r', body.digest, 100)).toBeUndefined();
  });

  it('is for the owner alone', async () => {
    await cache().write('blob', 'r', blob('signed'));
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
  });
});

describe('the folder', () => {
  it('stays within its bound; what was used longest ago goes', async () => {
    const bodies = Array.from({ length: 12 }, (_, i) => blob(String(i).padEnd(100_000, ' ')));
    const filled = cache();
    for (const [i, body] of bodies.entries()) {
      await filled.write('blob', 'r', body);
      const name = readdirSync(folder).find((each) => each.startsWith(body.digest.slice(7)));
      if (name !== undefined) utimesSync(join(folder, name), i, i);
      // The first one is used again and again.
      await filled.read('blob', 'r', (bodies[0] as VerifiedBytes).digest, 200_000);
    }
    const sizes = readdirSync(folder).map((name) => statSync(join(folder, name)).size);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(1024 * 1024);
    expect(await filled.read('blob', 'r', (bodies[0] as VerifiedBytes).digest, 200_000)).toBeDefined();
    expect(await filled.read('blob', 'r', (bodies[1] as VerifiedBytes).digest, 200_000)).toBeUndefined();
    expect(await filled.read('blob', 'r', (bodies[11] as VerifiedBytes).digest, 200_000)).toBeDefined();
  });

  it('is shared: many write and read the same at once, and nobody sees half of a file', async () => {
    const bodies = Array.from({ length: 20 }, (_, i) => blob(String(i).padEnd(50_000, 'x')));
    const processes = Array.from({ length: 4 }, () => cache());
    await Promise.all(
      processes.flatMap((each) =>
        bodies.map(async (body) => {
          await each.write('blob', 'r', body);
          expect((await each.read('blob', 'r', body.digest, 100_000))?.digest).toBe(body.digest);
        }),
      ),
    );
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('loses what a process that was killed left behind, and nothing that is not its own', async () => {
    mkdirSync(folder);
    const left = join(folder, '.123-1-456.tmp');
    writeFileSync(left, 'half');
    utimesSync(left, 1, 1);
    writeFileSync(join(folder, 'notes.txt'), 'mine');
    await cache().write('blob', 'r', blob('signed'));
    expect(existsSync(left)).toBe(false);
    expect(existsSync(join(folder, 'notes.txt'))).toBe(true);
  });

  it('that cannot be made is a mistake of the configuration', async () => {
    writeFileSync(join(test.path, 'file'), '');
    const error = await expectCode(
      cache(1024 * 1024, join(test.path, 'file/cache')).write('blob', 'r', blob('x')),
      'REGISTRY_SETTINGS_INVALID',
    );
    expect(error.message).toContain('registryCache');
    expect(error.message).not.toContain(test.path);
  });

  it('that has become unwritable costs requests and no verdict', async () => {
    const filled = cache();
    await filled.write('blob', 'r', blob('one'));
    chmodSync(folder, 0o500);
    renameSync(folder, `${folder}-gone`);
    await filled.write('blob', 'r', blob('two'));
    chmodSync(`${folder}-gone`, 0o700);
  });
});

it('saves requests for whatever has a digest, and for nothing else', async () => {
  await using upstream = await startRegistry();
  const image = await pushImage(upstream.host, 'team/app', 'v1');
  await using front = await startHostileRegistry({ upstream: upstream.host });
  const where = { registry: front.host, path: 'team/app' };
  const read = async () => {
    const settings = { cache: { folder, maxBytes: 1024 * 1024 } };
    const registries = open([{ host: front.host, plainHttp: true }], { settings });
    const run = registries.forRun();
    await run.resolveTag(where, 'v1', never);
    await run.referrers(where, image.digest, never);
    expect(await run.manifest(where, `${image.digest.replace(':', '-')}.sig`, never)).toBeUndefined();
    const found = await run.manifest(where, image.digest, never);
    const config = JSON.parse(Buffer.from(found?.bytes ?? '').toString()).config.digest;
    expect(await run.blob(where, config, 4096, never)).toBeDefined();
    registries.close();
  };
  await read();
  expect(front.seen).toHaveLength(5);
  front.behave();
  await read();
  expect(front.seen.map(({ url }) => url).filter((url) => !/referrers|\.sig$|v1$/.test(url))).toEqual([]);
  expect(front.seen).toHaveLength(3);
});
