import { describe, expect, it } from 'vitest';
import { makeCertificates } from '../../../support/certificates.ts';
import { startDistribution } from '../../../support/distribution.ts';
import {
  downHost,
  firstTimes,
  only,
  realmAt,
  redirectTo,
  startHostileRegistry,
  tooManyRequests,
  unauthorized,
} from '../../../support/hostile-registry.ts';
import { pushImage } from '../../../support/registry.ts';
import { putBlob, putManifest } from '../../../support/registry-objects.ts';
import { podOf } from '../../../support/signed-application.ts';
import { expectAllowed, expectDenied, openBench } from './bench.ts';

const bench = openBench();

describe('rule 19: what cannot be asked is not allowed, and nothing is remembered by a tag [GHSA-2r43-6962-xcw5]', () => {
  it('a registry that is down', async () => {
    const image = await bench.signedImage();
    const host = await downHost();
    const run = await bench.judge({
      runs: `${host}/${image.repository}@${image.digest}`,
      trust: bench.keyed(),
      hosts: [host],
    });
    expectDenied(run, 'REGISTRY_UNREACHABLE');
  });

  it('a tag that moves between two runs means the new image in the second', async () => {
    const good = await bench.signedImage();
    const cache = { registryCache: { folder: 'cache' } };
    expectAllowed(await bench.judge({ runs: good, trust: bench.keyed(), gate: cache }), good);
    await pushImage(good.host, good.repository, good.tag, 'evil');
    expectDenied(await bench.judge({ runs: good, trust: bench.keyed(), gate: cache }), 'IMAGE_UNSIGNED');
  });
});

describe('rule 20: registries are asked seldom, and their limits are kept', () => {
  it('one image in many pods is asked for once, and its tag by HEAD', async () => {
    const image = await bench.signedImage();
    await using counting = await startHostileRegistry({ upstream: bench.registry.host });
    const reference = `${counting.host}/${image.repository}:v1`;
    const files = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`${i}.yaml`, podOf(reference, `web-${i}`)]));
    const run = await bench.judge({ runs: files, trust: bench.keyed(), hosts: [counting.host] });
    expectAllowed(run, image);
    const tags = counting.seen.filter(({ url }) => url.endsWith('/manifests/v1'));
    expect(tags.map(({ method }) => method)).toEqual(['HEAD']);
    const asked = counting.seen.map(({ method, url }) => `${method} ${url}`);
    expect(new Set(asked).size, asked.join('\n')).toBe(asked.length);
    expect(asked.length).toBeLessThanOrEqual(9);
  });

  it('too many requests are waited out, and not for ever', async () => {
    const image = await bench.signedImage();
    await using limiting = await startHostileRegistry({ upstream: bench.registry.host });
    const reference = `${limiting.host}/${image.repository}:v1`;
    limiting.behave(firstTimes(1, tooManyRequests('1')));
    expectAllowed(await bench.judge({ runs: reference, trust: bench.keyed(), hosts: [limiting.host] }), image);
    limiting.behave(tooManyRequests('100000'));
    expectDenied(
      await bench.judge({ runs: reference, trust: bench.keyed(), hosts: [limiting.host] }),
      'REGISTRY_RATE_LIMITED',
    );
    expect(limiting.seen.length).toBeLessThan(20);
  });
});

describe('rule 21: credentials go to the host they are for [CVE-2025-27403, CVE-2024-35192, GO-2026-6225]', () => {
  const auth = Buffer.from('puller:s3cret').toString('base64');
  it.each<[string, (host: string) => string, boolean]>([
    ['that host', (host) => host, true],
    ['another port', (host) => `${host.split(':')[0]}:1`, false],
    ['the host without its port', (host) => host.split(':')[0] as string, false],
    ['a longer name', (host) => `${host}.evil.example`, false],
    ['a name in front', (host) => `evil.${host}`, false],
    ['a wildcard', (host) => `*${host.slice(3)}`, false],
    ['a path below it', (host) => `${host}/other`, false],
  ])('an entry for %s', async (_, entryFor, shown) => {
    const image = await bench.signedImage();
    await using asking = await startHostileRegistry({ upstream: bench.registry.host });
    asking.behave((request, response, count) =>
      request.headers['authorization'] === undefined ? unauthorized(request, response, count) : false,
    );
    const config = { auths: { [entryFor(asking.host)]: { auth } } };
    const run = await bench.judge({
      runs: `${asking.host}/${image.repository}:v1`,
      trust: bench.keyed(),
      hosts: [asking.host],
      gate: { registryCredentials: { dockerConfig: 'docker/config.json' } },
      platform: { 'docker/config.json': JSON.stringify(config) },
    });
    const seen = asking.seen.some(({ headers }) => headers['authorization'] !== undefined);
    expect(seen, run.stderr).toBe(shown);
    if (shown) expectAllowed(run, image);
    else expectDenied(run, 'REGISTRY_UNAUTHORIZED');
  });
});

describe('rule 22: a sign-in is at the registry, and a redirect gets nothing [CVE-2026-33540, GHSA-qvqc-4c52-x6qp]', () => {
  it('a realm on another site is refused, and no credentials are sent there', async () => {
    const image = await bench.signedImage();
    await using thief = await startHostileRegistry();
    await using asking = await startHostileRegistry({ behaviour: realmAt(`http://${thief.host}/token`) });
    const config = { auths: { [asking.host]: { auth: Buffer.from('puller:s3cret').toString('base64') } } };
    const run = await bench.judge({
      runs: `${asking.host}/${image.repository}:v1`,
      trust: bench.keyed(),
      hosts: [asking.host],
      gate: { registryCredentials: { dockerConfig: 'docker/config.json' } },
      platform: { 'docker/config.json': JSON.stringify(config) },
    });
    expectDenied(run, 'REGISTRY_REALM_REFUSED');
    expect(thief.seen).toEqual([]);
  });

  it('a redirect to another host is followed without them', async () => {
    const image = await bench.signedImage();
    await using storage = await startHostileRegistry({ upstream: bench.registry.host });
    await using asking = await startHostileRegistry({ upstream: bench.registry.host });
    asking.behave((request, response, count) => {
      if (request.headers['authorization'] === undefined) return unauthorized(request, response, count);
      return only(/\/blobs\//, redirectTo(`http://${storage.host}`))(request, response, count);
    });
    const config = { auths: { [asking.host]: { auth: Buffer.from('puller:s3cret').toString('base64') } } };
    const run = await bench.judge({
      runs: `${asking.host}/${image.repository}:v1`,
      trust: bench.keyed(),
      hosts: [asking.host, storage.host],
      gate: { registryCredentials: { dockerConfig: 'docker/config.json' } },
      platform: { 'docker/config.json': JSON.stringify(config) },
    });
    expectAllowed(run, image);
    expect(storage.seen.length).toBeGreaterThan(0);
    for (const { headers } of storage.seen) expect(headers['authorization']).toBeUndefined();
  });

  it('urls in a descriptor lead nowhere', async () => {
    const image = await bench.newImage();
    await using elsewhere = await startHostileRegistry();
    const layers = [
      {
        mediaType: 'application/vnd.dev.cosign.simplesigning.v1+json',
        digest: `sha256:${'a'.repeat(64)}`,
        size: 3,
        urls: [`http://${elsewhere.host}/payload`],
      },
    ];
    const config = await putBlob(image, Buffer.from('{}'), 'application/vnd.oci.image.config.v1+json');
    await putManifest(
      image,
      { schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json', config, layers },
      `${image.digest.replace(':', '-')}.sig`,
    );
    const run = await bench.judge({ runs: image, trust: bench.keyed(), hosts: [elsewhere.host] });
    expect(run.exitCode, run.stderr).toBe(1);
    expect(elsewhere.seen).toEqual([]);
  });
});

describe('rule 23: an image leads nowhere inside [CVE-2026-4789]', () => {
  it.each([
    '169.254.169.254/latest/meta-data:v1',
    '[fd00:ec2::254]/latest/meta-data:v1',
    'localhost:1/team/app:v1',
    '127.0.0.1:1/team/app:v1',
    '10.0.0.1/team/app:v1',
    '192.168.0.1:5000/team/app:v1',
    '2130706433:80/team/app:v1',
    '0x7f000001:80/team/app:v1',
  ])('%s', async (reference) => {
    const run = await bench.judge({ runs: reference, trust: bench.keyed() });
    expect(run.exitCode, run.stderr).not.toBe(0);
    expect(run.stderr).toMatch(/REGISTRY_ADDRESS_REFUSED|IMAGE_REFERENCE_INVALID|REGISTRY_UNREACHABLE/);
    expect(run.stdout).toBe('');
  });

  it('nor does a redirect', async () => {
    const image = await bench.signedImage();
    await using inside = await startHostileRegistry({ upstream: bench.registry.host });
    await using leading = await startHostileRegistry({ upstream: bench.registry.host });
    leading.behave(only(/\/manifests\/v1$/, redirectTo(`http://${inside.host}`)));
    const run = await bench.judge({
      runs: `${leading.host}/${image.repository}:v1`,
      trust: bench.keyed(),
      hosts: [leading.host],
    });
    expect(run.exitCode, run.stderr).toBe(1);
    expect(run.stderr).toMatch(/REGISTRY_(?:ADDRESS|REDIRECT)_REFUSED/);
    expect(inside.seen).toEqual([]);
  });
});

describe('rule 24: HTTP without TLS is spoken where the platform says so, and nowhere else', () => {
  it('not even on this machine', async () => {
    const image = await bench.signedImage();
    await using plain = await startHostileRegistry({ upstream: bench.registry.host });
    for (const entry of [[], [{ host: plain.host }]]) {
      const gate = { registries: entry };
      const run = await bench.judge({ runs: `${plain.host}/${image.repository}:v1`, trust: bench.keyed(), gate });
      expect(run.exitCode, run.stderr).not.toBe(0);
      expect(plain.seen).toEqual([]);
    }
  });

  it('a certificate of nobody known is no TLS', async () => {
    const { server } = makeCertificates();
    await using secure = await startDistribution({ tls: server });
    const gate = { registries: [{ host: secure.host }] };
    const run = await bench.judge({ runs: `${secure.host}/team/app:v1`, trust: bench.keyed(), gate });
    expectDenied(run, 'REGISTRY_TLS');
  });
});
