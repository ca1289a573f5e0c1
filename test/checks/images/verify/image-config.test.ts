import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { readImageConfigs } from '../../../../src/checks/images/verify/image-config.ts';
import { type Digest, parseDigest } from '../../../../src/core/image.ts';
import type { Registry } from '../../../../src/core/ports.ts';
import { rejectionOf } from '../../../support/thrown.ts';

const never = new AbortController().signal;
const repository = { registry: 'registry.example', path: 'team/app' };
const manifestType = 'application/vnd.oci.image.manifest.v1+json';
const platform = { architecture: 'amd64', os: 'linux' };
const config = { ...platform, config: { User: '1000', Healthcheck: { Test: ['NONE'] } }, rootfs: { type: 'layers' } };

/** A registry of what it is given, by digest. */
function store() {
  const bodies = new Map<Digest, Buffer>();
  const get = async (_: unknown, digest: string) => {
    const bytes = bodies.get(digest as Digest);
    return bytes === undefined ? undefined : { digest: digest as Digest, mediaType: manifestType, bytes };
  };
  const registry: Registry = {
    manifest: get,
    blob: get,
    resolveTag: async () => undefined,
    referrers: async () => [],
  };
  const put = (value: object): Digest => {
    const bytes = Buffer.from(JSON.stringify(value));
    const digest = parseDigest(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);
    bodies.set(digest, bytes);
    return digest;
  };
  return { registry, put };
}

interface Changes {
  readonly config?: object;
  readonly descriptor?: object;
  readonly manifest?: object;
  readonly child?: object;
}

/** What is read of an image in an index, with fields changed in one of its parts. */
async function configsOf(changes: Changes = {}) {
  const { registry, put } = store();
  const descriptor = { digest: put({ ...config, ...changes.config }), mediaType: 'x', size: 1, ...changes.descriptor };
  const image = put({ schemaVersion: 2, mediaType: manifestType, config: descriptor, layers: [], ...changes.manifest });
  const child = { mediaType: manifestType, digest: image, size: 1, platform, ...changes.child };
  return await readImageConfigs(repository, put({ schemaVersion: 2, manifests: [child] }), registry, never);
}

describe('the configs of an image, as policies are shown them', () => {
  it('are those of its platforms', async () => {
    expect(await configsOf()).toEqual({ 'linux/amd64': config });
  });

  it('have free keys in any case', async () => {
    const labels = { Labels: { user: 'a', User: 'b', config: 'c' }, Volumes: { '/Data': {}, '/data': {} } };
    const read = await configsOf({ config: { config: labels, moby: {} }, manifest: { annotations: { Config: 'a' } } });
    expect(read).toMatchObject({ 'linux/amd64': { config: labels } });
  });

  it.each<[string, Changes]>([
    ['another user beside the one that is shown', { config: { config: { User: '1000', user: 'root' } } }],
    ['a user that is not shown at all', { config: { config: { uSER: 'root' } } }],
    ['a user with the long s, which Go reads as s', { config: { config: { User: '1000', Uſer: 'root' } } }],
    ['an entrypoint', { config: { config: { ENTRYPOINT: ['/bin/sh'] } } }],
    ['a health check', { config: { config: { Healthcheck: { Test: ['NONE'], test: ['CMD', '/bin/sh'] } } } }],
    ['another config in the config', { config: { Config: { User: 'root' } } }],
    ['another system', { config: { OS: 'windows' } }],
    ['another config of the manifest', { manifest: { Config: { digest: `sha256:${'0'.repeat(64)}` } } }],
    ['another digest of the config', { descriptor: { Digest: `sha256:${'0'.repeat(64)}` } }],
    [
      'a platform that hides as an attestation',
      { child: { platform: { os: 'unknown', architecture: 'unknown', OS: 'linux' } } },
    ],
    ['a second platform', { child: { Platform: { os: 'linux', architecture: 'arm64' } } }],
  ])('are refused for %s, in a field of another case', async (_, changes) => {
    const error = await rejectionOf(configsOf(changes));
    expect(error.code).toBe('IMAGE_UNVERIFIABLE');
    expect(error.message).toMatch(/is written in another way, which runtimes read as the same$/);
  });
});
