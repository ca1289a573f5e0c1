import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { readImageConfigs } from '../../../../src/checks/images/verify/image-config.ts';
import { type Digest, parseDigest } from '../../../../src/core/image.ts';
import type { Registry } from '../../../../src/core/ports.ts';
import { rejectionOf } from '../../../support/thrown.ts';

const zero = '0001-01-01T00:00:00Z';
const empty = { type: '', diff_ids: null };
const never = new AbortController().signal;
const repository = { registry: 'registry.example', path: 'team/app' };
const manifestType = 'application/vnd.oci.image.manifest.v1+json';
const platform = { architecture: 'amd64', os: 'linux' };
const config = {
  ...platform,
  created: '2026-01-15T12:00:00Z',
  config: { User: '1000', Healthcheck: { Test: ['NONE'] } },
  rootfs: { type: 'layers', diff_ids: [] },
};

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

  it.each<[string, object, unknown]>([
    ['an empty user', { User: '' }, {}],
    ['no user', { User: null }, {}],
    [
      'what is false, zero or empty',
      { Tty: false, Env: [], Labels: {}, Healthcheck: { Retries: 0 } },
      { Healthcheck: {} },
    ],
    [
      'what Go does not read',
      { Memory: 7, Healthcheck: { StartInterval: 4, Retries: 2 } },
      { Healthcheck: { Retries: 2 } },
    ],
    ['null in a list and in a map', { Cmd: [null], Labels: { a: null } }, { Cmd: [''], Labels: { a: '' } }],
  ])('leave out %s, as policy-controller does', async (_, given, shown) => {
    expect((await configsOf({ config: { config: given } }))['linux/amd64']).toMatchObject({ config: shown });
    expect(Object(await configsOf({ config: { config: given } }))['linux/amd64'].config).toEqual(shown);
  });

  it.each<[string, object, object]>([
    ['nothing', { created: null, rootfs: null, config: null }, { created: zero, rootfs: empty, config: {} }],
    ['a time', { created: '2026-01-15T12:00:00.1200+02:00' }, { created: '2026-01-15T12:00:00.12+02:00' }],
    ['a history', { history: [{}, null] }, { history: [{ created: zero }, { created: zero }] }],
  ])('say %s as policy-controller does', async (_, given, shown) => {
    expect((await configsOf({ config: given }))['linux/amd64']).toMatchObject(shown);
  });

  it.each<[string, object]>([
    ['a user that is a number', { config: { User: 0 } }],
    ['a command that is a string', { config: { Cmd: '/bin/sh' } }],
    ['labels in a list', { config: { Labels: ['a'] } }],
    ['a label that is a number', { config: { Labels: { a: 1 } } }],
    ['a volume that is a string', { config: { Volumes: { '/data': 'x' } } }],
    ['an interval that is not whole', { config: { Healthcheck: { Interval: 1.5 } } }],
    ['a terminal that is a string', { config: { Tty: 'yes' } }],
    ['a time that is none', { created: 'yesterday' }],
    ['a time on no clock', { created: '2026-13-41T12:00:00Z' }],
    ['layers that are no digests', { rootfs: { diff_ids: ['x'] } }],
    ['layers that are null', { rootfs: { diff_ids: [null] } }],
    ['layers that are no list', { rootfs: { diff_ids: {} } }],
    ['a config that is a list', { config: [] }],
  ])('are refused for %s, which policy-controller cannot read', async (_, given) => {
    expect((await rejectionOf(configsOf({ config: given }))).code).toBe('IMAGE_UNVERIFIABLE');
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
