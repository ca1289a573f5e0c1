/** How many requests it takes to verify one image that is signed by a key. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Cosign, openCosign, type SigningKey } from '../support/cosign.ts';
import { type HostileRegistry, startHostileRegistry } from '../support/hostile-registry.ts';
import { type PushedImage, pushImage, type RunningRegistry, startRegistry } from '../support/registry.ts';
import { podOf, signedSandbox } from '../support/signed-application.ts';

let registry: RunningRegistry;
let front: HostileRegistry;
let cosign: Cosign;
let key: SigningKey;
const images: Record<string, PushedImage> = {};

beforeAll(async () => {
  registry = await startRegistry();
  front = await startHostileRegistry({ upstream: registry.host });
  cosign = openCosign();
  key = await cosign.key();
  for (const format of ['legacy', 'bundle'] as const) {
    const image = await pushImage(registry.host, `team/${format}`, 'v1');
    await cosign.sign(image.pinned, key, { cosign: 3, format });
    images[format] = image;
  }
});
afterAll(async () => {
  cosign?.[Symbol.dispose]();
  await front?.stop();
  await registry?.stop();
});

const kinds = () =>
  front.seen
    .map(({ method, url }) => `${method} ${url.replace(/^\/v2\/team\/\w+\//, '').replaceAll(/[0-9a-f]{64}/g, '…')}`)
    .sort();

// Both families are asked about: one never hides the other.
it.each([
  ['legacy', ['GET blobs/sha256:…', 'GET manifests/sha256-….sig', 'GET referrers/sha256:…']],
  ['bundle', ['GET blobs/sha256:…', 'GET manifests/sha256-….sig', 'GET manifests/sha256:…', 'GET referrers/sha256:…']],
])('an image that is signed as %s only', async (format, expected) => {
  const image = images[format] as PushedImage;
  const reference = `${front.host}/team/${format}`;
  using sandbox = signedSandbox(`${reference}@${image.digest}`, key.publicPem, [front.host]);
  front.behave();
  expect(await sandbox.judge('check')).toMatchObject({ exitCode: 0 });
  expect(kinds()).toEqual(expected);
  // A tag costs one more, however often it stands there.
  const pods = [1, 2, 3].map((number) => podOf(`${reference}:v1`, `web-${number}`)).join('---\n');
  sandbox.write({ 'repo/app/pod.yaml': pods });
  front.behave();
  expect(await sandbox.judge('check')).toMatchObject({ exitCode: 0 });
  expect(kinds()).toEqual([...expected, 'HEAD manifests/v1'].sort());
});

it('with a cache on disk, what has a digest is not asked for again', async () => {
  const image = images['bundle'] as PushedImage;
  using sandbox = signedSandbox(`${front.host}/team/bundle@${image.digest}`, key.publicPem, [front.host], {
    registryCache: { folder: 'cache' },
  });
  expect(await sandbox.judge('check')).toMatchObject({ exitCode: 0 });
  front.behave();
  expect(await sandbox.judge('check')).toMatchObject({ exitCode: 0 });
  expect(kinds()).toEqual(['GET manifests/sha256-….sig', 'GET referrers/sha256:…']);
});
