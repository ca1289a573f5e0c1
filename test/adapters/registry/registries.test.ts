import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RegistriesSettings } from '../../../src/adapters/registry/settings.ts';
import type { GateError } from '../../../src/core/errors.ts';
import { type HostileRegistry, startHostileRegistry } from '../../support/hostile-registry.ts';
import { type PushedImage, pushImage, type RunningRegistry, startRegistry } from '../../support/registry.ts';
import { never, open } from './support.ts';

describe('settings that cannot be meant', () => {
  it.each<[string, RegistriesSettings, RegExp]>([
    ['no host', [{ host: 'not a host' }], /"not a host" is not a host/],
    ['a name without dot or port, which is a path of Docker Hub', [{ host: 'registry' }], /is not a host/],
    ['a URL', [{ host: 'https://ghcr.io' }], /is not a host/],
    ['a host with a path', [{ host: 'ghcr.io/team' }], /is not a host/],
    ['one host twice', [{ host: 'ghcr.io' }, { host: 'GHCR.io:443' }], /lists ghcr\.io twice/],
    [
      'Docker Hub under two names',
      [{ host: 'docker.io' }, { host: 'registry-1.docker.io' }],
      /index\.docker\.io twice/,
    ],
    [
      'a mirror of a mirror',
      [
        { host: 'a.example', mirror: 'b.example' },
        { host: 'b.example', mirror: 'c.example' },
      ],
      /has a mirror itself/,
    ],
    ['a mirror that is itself', [{ host: 'a.example', mirror: 'a.example' }], /has a mirror itself/],
    [
      'a mirror that is a folder',
      [
        { host: 'a.example', mirror: 'b.example' },
        { host: 'b.example', layout: 'x' },
      ],
      /is a layout/,
    ],
  ])('%s', (_, settings, message) => {
    let thrown: unknown;
    try {
      open(settings);
    } catch (error) {
      thrown = error;
    }
    expect((thrown as GateError).code).toBe('REGISTRY_SETTINGS_INVALID');
    expect((thrown as GateError).message).toMatch(message);
  });
});

describe('where a repository is asked for', () => {
  let registry: RunningRegistry;
  let front: HostileRegistry;
  let image: PushedImage;
  beforeAll(async () => {
    registry = await startRegistry();
    image = await pushImage(registry.host, 'hub/library/nginx', 'v1');
    front = await startHostileRegistry({ upstream: registry.host });
  });
  afterAll(async () => {
    await front?.stop();
    await registry?.stop();
  });

  it.each([
    ['under its prefix', (host: string) => `${host}/hub`, 'library/nginx'],
    ['with a slash at its end', (host: string) => `${host}/hub/`, 'library/nginx'],
    ['without a prefix', (host: string) => host, 'hub/library/nginx'],
  ])('a mirror is asked instead, %s', async (_, mirror, path) => {
    front.behave();
    const registries = open([
      { host: 'docker.io', mirror: mirror(front.host) },
      { host: front.host, plainHttp: true },
    ]);
    const found = await registries.forRun().resolveTag({ registry: 'index.docker.io', path }, 'v1', never);
    expect(found?.digest).toBe(image.digest);
    expect(front.seen.map(({ url }) => url)).toEqual(['/v2/hub/library/nginx/manifests/v1']);
    registries.close();
  });

  it('Docker Hub answers at a host of its own', async () => {
    const asked: string[] = [];
    const lookup = async (name: string) => {
      asked.push(name);
      return [{ address: '127.0.0.1', family: 4 as const }];
    };
    const run = open([], { ports: { lookup } }).forRun();
    await run.resolveTag({ registry: 'index.docker.io', path: 'library/nginx' }, 'v1', never).catch(() => {});
    expect(asked).toEqual(['registry-1.docker.io']);
  });

  it('a new run asks anew', async () => {
    front.behave();
    const registries = open([{ host: front.host, plainHttp: true }]);
    const repository = { registry: front.host, path: 'hub/library/nginx' };
    await registries.forRun().resolveTag(repository, 'v1', never);
    await registries.forRun().resolveTag(repository, 'v1', never);
    expect(front.seen).toHaveLength(2);
    registries.close();
  });
});
