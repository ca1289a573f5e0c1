import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createProxyFor } from '../../../src/adapters/registry/proxy.ts';
import type { RegistryEntry } from '../../../src/adapters/registry/settings.ts';
import type { Proxies } from '../../../src/core/ports.ts';
import { makeCertificates } from '../../support/certificates.ts';
import { type HostileRegistry, redirectTo, startHostileRegistry } from '../../support/hostile-registry.ts';
import { startProxy } from '../../support/proxy.ts';
import { type PushedImage, pushImage, type RunningRegistry, startRegistry } from '../../support/registry.ts';
import { expectCode, folderForTest, never, open } from './support.ts';

const both = (none?: string): Proxies => ({ https: 'http://secure.example:1', http: 'http://plain.example:1', none });

describe('which proxy is asked', () => {
  it.each<[string, Proxies, string | undefined]>([
    ['https://ghcr.io/v2/', both(), 'secure.example:1'],
    ['http://ghcr.io/v2/', both(), 'plain.example:1'],
    ['https://ghcr.io/v2/', { https: undefined, http: 'http://plain.example:1', none: undefined }, undefined],
    ['https://ghcr.io/v2/', { https: 'proxy.example:3128', http: undefined, none: undefined }, 'proxy.example:3128'],
    ['https://ghcr.io/v2/', { https: '', http: '', none: '' }, undefined],
    // Loopback, whatever the variables say.
    ['https://localhost:5000/', both(), undefined],
    ['https://a.localhost/', both(), undefined],
    ['https://127.0.0.1:5000/', both(), undefined],
    ['https://127.8.8.8/', both(), undefined],
    ['https://[::1]:5000/', both(), undefined],
    // NO_PROXY.
    ['https://ghcr.io/', both('*'), undefined],
    ['https://ghcr.io/', both('quay.io, ghcr.io'), undefined],
    ['https://ghcr.io/', both('GHCR.IO'), undefined],
    ['https://a.ghcr.io/', both('ghcr.io'), undefined],
    ['https://notghcr.io/', both('ghcr.io'), 'secure.example:1'],
    ['https://ghcr.io/', both('.ghcr.io'), 'secure.example:1'],
    ['https://a.ghcr.io/', both('.ghcr.io'), undefined],
    ['https://a.ghcr.io/', both('*.ghcr.io'), undefined],
    ['https://ghcr.io.evil.example/', both('ghcr.io'), 'secure.example:1'],
    ['https://ghcr.io/', both('ghcr.io:443'), undefined],
    ['https://ghcr.io/', both('ghcr.io:5000'), 'secure.example:1'],
    ['https://ghcr.io:5000/', both('ghcr.io:5000'), undefined],
    ['https://10.1.2.3/', both('10.0.0.0/8'), undefined],
    ['https://11.1.2.3/', both('10.0.0.0/8'), 'secure.example:1'],
    ['https://10.1.2.3/', both('10.1.2.3'), undefined],
    ['https://[fd00::1]/', both('fd00::/8'), undefined],
    ['https://[fd00::1]/', both('[fd00::1]:443'), undefined],
    ['https://10.1.2.3/', both('10.0.0.0/99'), 'secure.example:1'],
  ])('%s with %j: %s', (url, proxies, expected) => {
    expect(createProxyFor(proxies)(new URL(url))?.host).toBe(expected);
  });

  it.each(['socks5://proxy.example:1', 'http://', 'http://[', 'ftp://proxy.example'])('%s is refused', (https) => {
    expect(() => createProxyFor({ https, http: undefined, none: undefined })).toThrow(/HTTPS_PROXY/);
  });

  it('is not repeated where it is refused: it may hold a password', () => {
    const https = 'socks5://me:s3cret@proxy.example:1';
    expect(() => createProxyFor({ https, http: undefined, none: undefined })).not.toThrow(/s3cret/);
  });
});

describe('behind a proxy', () => {
  const certificates = makeCertificates(['registry.example']);
  const folder = folderForTest();
  const ca = join(folder.path, 'ca.pem');
  let registry: RunningRegistry;
  let secure: HostileRegistry;
  let image: PushedImage;
  beforeAll(async () => {
    writeFileSync(ca, certificates.ca);
    registry = await startRegistry();
    image = await pushImage(registry.host, 'team/app', 'v1');
    secure = await startHostileRegistry({ upstream: registry.host, tls: certificates.server });
  });
  afterAll(async () => {
    await secure?.stop();
    await registry?.stop();
    folder.remove();
  });

  const named = (host: string) => `registry.example:${host.split(':')[1]}`;
  const nowhere = async () => {
    throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
  };
  const at = (address: string) => async () => [{ address, family: 4 as const }];
  const start = (entries: RegistryEntry[], proxies: Partial<Proxies>, lookup: typeof nowhere | ReturnType<typeof at>) =>
    open(entries, {
      ports: { proxies: { https: undefined, http: undefined, none: undefined, ...proxies }, lookup },
      limits: { attemptMs: 500, requestMs: 1000, attempts: 2 },
    });

  it('a registry is asked through a tunnel that ends at it, by a name that only the proxy knows', async () => {
    await using proxy = await startProxy();
    const host = named(secure.host);
    const registries = start([{ host, ca }], { https: `http://me:s3cret@${proxy.host}` }, nowhere);
    const run = registries.forRun();
    expect((await run.resolveTag({ registry: host, path: 'team/app' }, 'v1', never))?.digest).toBe(image.digest);
    await run.manifest({ registry: host, path: 'team/app' }, image.digest, never);
    // One connection for both.
    expect(proxy.asked).toEqual([
      { what: `CONNECT ${host}`, authorization: `Basic ${Buffer.from('me:s3cret').toString('base64')}` },
    ]);
    registries.close();
  });

  it('a registry without TLS is asked by its whole URL', async () => {
    await using proxy = await startProxy();
    const host = named(registry.host);
    const registries = start([{ host, plainHttp: true }], { http: `http://${proxy.host}` }, nowhere);
    await registries.forRun().resolveTag({ registry: host, path: 'team/app' }, 'v1', never);
    expect(proxy.asked.map(({ what }) => what)).toEqual([`HEAD http://${host}/v2/team/app/manifests/v1`]);
    registries.close();
  });

  it('a registry in NO_PROXY is connected to', async () => {
    await using proxy = await startProxy();
    const host = named(secure.host);
    const registries = start(
      [{ host, ca }],
      { https: `http://${proxy.host}`, none: 'registry.example' },
      at('127.0.0.1'),
    );
    const found = await registries.forRun().resolveTag({ registry: host, path: 'team/app' }, 'v1', never);
    expect(found?.digest).toBe(image.digest);
    expect(proxy.asked).toEqual([]);
    registries.close();
  });

  it('the certificate is that of the registry, or nothing is read', async () => {
    await using proxy = await startProxy();
    const host = named(secure.host);
    const registries = start([{ host }], { https: `http://${proxy.host}` }, nowhere);
    await expectCode(registries.forRun().resolveTag({ registry: host, path: 'team/app' }, 'v1', never), 'REGISTRY_TLS');
    registries.close();
  });

  it.each<[string, string, string]>([
    ['a literal private address', '10.0.0.1', '203.0.113.1'],
    ['the metadata service', '169.254.169.254', '203.0.113.1'],
    ['a name that is private here', 'internal.example', '10.0.0.1'],
    ['a name that is the metadata service here', 'metadata.example', '169.254.169.254'],
  ])('%s is not asked for', async (_, host, address) => {
    await using proxy = await startProxy();
    const registries = start([], { https: `http://${proxy.host}` }, at(address));
    await expectCode(
      registries.forRun().resolveTag({ registry: host, path: 'team/app' }, 'v1', never),
      'REGISTRY_ADDRESS_REFUSED',
    );
    expect(proxy.asked).toEqual([]);
    registries.close();
  });

  it('a listed host opens no other port of its name, and is closed by none', async () => {
    await using proxy = await startProxy();
    const host = named(secure.host);
    const registries = start([{ host, ca }], { https: `http://${proxy.host}` }, at('10.0.0.1'));
    const resolve = (registry: string) => registries.forRun().resolveTag({ registry, path: 'team/app' }, 'v1', never);
    await expectCode(resolve('registry.example'), 'REGISTRY_ADDRESS_REFUSED');
    expect((await resolve(host))?.digest).toBe(image.digest);
    await expectCode(resolve('registry.example:9'), 'REGISTRY_ADDRESS_REFUSED');
    expect(proxy.asked.map(({ what }) => what)).toEqual([`CONNECT ${host}`]);
    registries.close();
  });

  it('a redirect to a private address is not followed', async () => {
    await using proxy = await startProxy();
    secure.behave(redirectTo('https://10.0.0.1'));
    const host = named(secure.host);
    const registries = start([{ host, ca }], { https: `http://${proxy.host}` }, nowhere);
    await expectCode(
      registries.forRun().resolveTag({ registry: host, path: 'team/app' }, 'v1', never),
      'REGISTRY_ADDRESS_REFUSED',
    );
    secure.behave();
    registries.close();
  });

  it.each([403, 407, 502])('a proxy that answers %d to a tunnel denies', async (refusing) => {
    await using proxy = await startProxy({ refusing });
    const registries = start([], { https: `http://${proxy.host}` }, nowhere);
    const reading = registries.forRun().resolveTag({ registry: 'registry.example', path: 'team/app' }, 'v1', never);
    await expectCode(reading, 'REGISTRY_UNREACHABLE');
    registries.close();
  });

  it('a proxy that does not answer denies in time', async () => {
    await using proxy = await startProxy({ silent: true });
    const registries = start([], { https: `http://${proxy.host}` }, nowhere);
    const reading = registries.forRun().resolveTag({ registry: 'registry.example', path: 'team/app' }, 'v1', never);
    await expectCode(reading, 'REGISTRY_TIMEOUT');
    registries.close();
  });

  it('a proxy that is down denies', async () => {
    const registries = start([], { https: 'http://127.0.0.1:1' }, nowhere);
    const reading = registries.forRun().resolveTag({ registry: 'registry.example', path: 'team/app' }, 'v1', never);
    await expectCode(reading, 'REGISTRY_UNREACHABLE');
    registries.close();
  });
});
