import { describe, expect, it } from 'vitest';
import { startDistribution } from '../../../support/distribution.ts';
import {
  downHost,
  firstTimes,
  only,
  realmAt,
  redirectTo,
  slow,
  startHostileRegistry,
  tooManyRequests,
  unauthorized,
} from '../../../support/hostile-registry.ts';
import type { PushedImage } from '../../../support/registry.ts';
import { podOf } from '../../../support/signed-application.ts';
import { type Layer, signStatement, simplePayload } from '../../../support/sigstore/mock.ts';
import {
  byKey,
  expectAllowed,
  expectDenied,
  judge,
  newImage,
  openBench,
  policy,
  putBundle,
  putLayers,
  putReferrer,
} from './bench.ts';

const bench = openBench();
const keyed = () => policy([byKey(bench.key)]);
const sign = (image: PushedImage) =>
  bench.sigstore.bundle(signStatement(image.digest), { signer: bench.key, log: 'none' });

async function signedImage(name?: string): Promise<PushedImage> {
  const image = await newImage(bench, name);
  await putBundle(image, sign(image));
  return image;
}

describe('rule 19: what cannot be asked is not allowed, and nothing is remembered by a tag [GHSA-2r43-6962-xcw5]', () => {
  it('a registry that is down', async () => {
    const image = await signedImage();
    const host = await downHost();
    const run = await judge(bench, {
      runs: `${host}/${image.repository}@${image.digest}`,
      trust: keyed(),
      hosts: [host],
    });
    expectDenied(run, 'REGISTRY_UNREACHABLE');
  });

  it('a tag that moves between two runs means the new image in the second', async () => {
    const good = await signedImage();
    const cache = { registryCache: { folder: 'cache' } };
    expectAllowed(await judge(bench, { runs: good, trust: keyed(), gate: cache }), good);
    const { pushImage } = await import('../../../support/registry.ts');
    await pushImage(good.host, good.repository, good.tag, 'evil');
    expectDenied(await judge(bench, { runs: good, trust: keyed(), gate: cache }), 'IMAGE_UNSIGNED');
  });
});

describe('rule 20: registries are asked seldom, and their limits are kept', () => {
  it('one image in many pods is asked for once, and its tag by HEAD', async () => {
    const image = await signedImage();
    await using counting = await startHostileRegistry({ upstream: bench.registry.host });
    const reference = `${counting.host}/${image.repository}:v1`;
    const files = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`${i}.yaml`, podOf(reference, `web-${i}`)]));
    const run = await judge(bench, { runs: files, trust: keyed(), hosts: [counting.host] });
    expectAllowed(run, image);
    const tags = counting.seen.filter(({ url }) => url.endsWith('/manifests/v1'));
    expect(tags.map(({ method }) => method)).toEqual(['HEAD']);
    const asked = counting.seen.map(({ method, url }) => `${method} ${url}`);
    expect(new Set(asked).size, asked.join('\n')).toBe(asked.length);
    expect(asked.length).toBeLessThanOrEqual(9);
  });

  it('too many requests are waited out, and not for ever', async () => {
    const image = await signedImage();
    await using limiting = await startHostileRegistry({ upstream: bench.registry.host });
    const reference = `${limiting.host}/${image.repository}:v1`;
    limiting.behave(firstTimes(1, tooManyRequests('1')));
    expectAllowed(await judge(bench, { runs: reference, trust: keyed(), hosts: [limiting.host] }), image);
    limiting.behave(tooManyRequests('100000'));
    expectDenied(
      await judge(bench, { runs: reference, trust: keyed(), hosts: [limiting.host] }),
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
    const image = await signedImage();
    await using asking = await startHostileRegistry({ upstream: bench.registry.host });
    asking.behave((request, response, count) =>
      request.headers['authorization'] === undefined ? unauthorized(request, response, count) : false,
    );
    const config = { auths: { [entryFor(asking.host)]: { auth } } };
    const run = await judge(bench, {
      runs: `${asking.host}/${image.repository}:v1`,
      trust: keyed(),
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
    const image = await signedImage();
    await using thief = await startHostileRegistry();
    await using asking = await startHostileRegistry({ behaviour: realmAt(`http://${thief.host}/token`) });
    const config = { auths: { [asking.host]: { auth: Buffer.from('puller:s3cret').toString('base64') } } };
    const run = await judge(bench, {
      runs: `${asking.host}/${image.repository}:v1`,
      trust: keyed(),
      hosts: [asking.host],
      gate: { registryCredentials: { dockerConfig: 'docker/config.json' } },
      platform: { 'docker/config.json': JSON.stringify(config) },
    });
    expectDenied(run, 'REGISTRY_REALM_REFUSED');
    expect(thief.seen).toEqual([]);
  });

  it('a redirect to another host is followed without them', async () => {
    const image = await signedImage();
    await using storage = await startHostileRegistry({ upstream: bench.registry.host });
    await using asking = await startHostileRegistry({ upstream: bench.registry.host });
    asking.behave((request, response, count) => {
      if (request.headers['authorization'] === undefined) return unauthorized(request, response, count);
      return only(/\/blobs\//, redirectTo(`http://${storage.host}`))(request, response, count);
    });
    const config = { auths: { [asking.host]: { auth: Buffer.from('puller:s3cret').toString('base64') } } };
    const run = await judge(bench, {
      runs: `${asking.host}/${image.repository}:v1`,
      trust: keyed(),
      hosts: [asking.host, storage.host],
      gate: { registryCredentials: { dockerConfig: 'docker/config.json' } },
      platform: { 'docker/config.json': JSON.stringify(config) },
    });
    expectAllowed(run, image);
    expect(storage.seen.length).toBeGreaterThan(0);
    for (const { headers } of storage.seen) expect(headers['authorization']).toBeUndefined();
  });

  it('urls in a descriptor lead nowhere', async () => {
    const image = await newImage(bench);
    await using elsewhere = await startHostileRegistry();
    const layers = [
      {
        mediaType: 'application/vnd.dev.cosign.simplesigning.v1+json',
        digest: `sha256:${'a'.repeat(64)}`,
        size: 3,
        urls: [`http://${elsewhere.host}/payload`],
      },
    ];
    const { putManifest, putBlob } = await import('./bench.ts');
    const config = await putBlob(image, Buffer.from('{}'), 'application/vnd.oci.image.config.v1+json');
    await putManifest(
      image,
      { schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json', config, layers },
      `${image.digest.replace(':', '-')}.sig`,
    );
    const run = await judge(bench, { runs: image, trust: keyed(), hosts: [elsewhere.host] });
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
    const run = await judge(bench, { runs: reference, trust: keyed() });
    expect(run.exitCode, run.stderr).not.toBe(0);
    expect(run.stderr).toMatch(/REGISTRY_ADDRESS_REFUSED|IMAGE_REFERENCE_INVALID|REGISTRY_UNREACHABLE/);
    expect(run.stdout).toBe('');
  });

  it('nor does a redirect', async () => {
    const image = await signedImage();
    await using inside = await startHostileRegistry({ upstream: bench.registry.host });
    await using leading = await startHostileRegistry({ upstream: bench.registry.host });
    leading.behave(only(/\/manifests\/v1$/, redirectTo(`http://${inside.host}`)));
    const run = await judge(bench, {
      runs: `${leading.host}/${image.repository}:v1`,
      trust: keyed(),
      hosts: [leading.host],
    });
    expect(run.exitCode, run.stderr).toBe(1);
    expect(run.stderr).toMatch(/REGISTRY_(?:ADDRESS|REDIRECT)_REFUSED/);
    expect(inside.seen).toEqual([]);
  });
});

describe('rule 24: HTTP without TLS is spoken where the platform says so, and nowhere else', () => {
  it('not even on this machine', async () => {
    const image = await signedImage();
    await using plain = await startHostileRegistry({ upstream: bench.registry.host });
    for (const entry of [[], [{ host: plain.host }]]) {
      const gate = { registries: entry };
      const run = await judge(bench, { runs: `${plain.host}/${image.repository}:v1`, trust: keyed(), gate });
      expect(run.exitCode, run.stderr).not.toBe(0);
      expect(plain.seen).toEqual([]);
    }
  });

  it('a certificate of nobody known is no TLS', async () => {
    const { makeCertificates } = await import('../../../support/certificates.ts');
    const { server } = makeCertificates();
    await using secure = await startDistribution({ tls: server });
    const gate = { registries: [{ host: secure.host }] };
    const run = await judge(bench, { runs: `${secure.host}/team/app:v1`, trust: keyed(), gate });
    expectDenied(run, 'REGISTRY_TLS');
  });
});

describe('rule 25: everything that is read is bounded [CVE-2023-46737, CVE-2024-29902, CVE-2024-29903, CVE-2023-33957, CVE-2023-33958, CVE-2024-45395]', () => {
  it('a manifest of many megabytes', async () => {
    const image = await newImage(bench);
    const { putManifest } = await import('./bench.ts');
    const text = JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: {},
      layers: [],
      annotations: { x: 'x'.repeat(5 * 1024 * 1024) },
    });
    await putManifest(image, text, `${image.digest.replace(':', '-')}.sig`);
    expectDenied(await judge(bench, { runs: image, trust: keyed() }), 'REGISTRY_TOO_LARGE');
  });

  it('a bundle over the limit', async () => {
    const image = await newImage(bench);
    await putBundle(image, ' '.repeat(2 * 1024 * 1024));
    const run = await judge(bench, {
      runs: image,
      trust: keyed(),
      images: { limits: { signatureBytes: 1024 * 1024 } },
    });
    expect(run.exitCode, run.stderr).toBe(1);
    expect(run.stderr).toMatch(/REGISTRY_TOO_LARGE|IMAGE_SIGNATURE_INVALID|IMAGE_TOO_MANY_SIGNATURES/);
  });

  it('values nested without end', async () => {
    const image = await newImage(bench);
    await putBundle(image, `${'['.repeat(200_000)}${']'.repeat(200_000)}`);
    expectDenied(await judge(bench, { runs: image, trust: keyed() }), 'IMAGE_SIGNATURE_INVALID');
  });

  it('certificates without end', async () => {
    const image = await newImage(bench);
    const signer = await bench.sigstore.certificate();
    const chain = Array.from({ length: 200 }, () => bench.sigstore.root);
    const mediaType = 'application/vnd.dev.sigstore.bundle+json;version=0.1';
    await putBundle(image, bench.sigstore.bundle(signStatement(image.digest), { signer, chain, mediaType }));
    const run = await judge(bench, { runs: image, trust: keyed() });
    expect(run.exitCode, run.stderr).toBe(1);
  });

  it('a registry that never answers', async () => {
    const image = await signedImage();
    await using silent = await startHostileRegistry({ upstream: bench.registry.host, behaviour: slow });
    const run = await judge(bench, {
      runs: `${silent.host}/${image.repository}:v1`,
      trust: keyed(),
      hosts: [silent.host],
      gate: { limits: {} },
      images: {},
    }).catch(() => undefined);
    expect(run?.exitCode, run?.stderr).not.toBe(0);
    expect(run?.stdout).toBe('');
  }, 120_000);
});

describe('rule 26: a flood of bad signatures does not hide a good one', () => {
  const junk = (image: PushedImage, i: number): Layer => {
    const layer = bench.sigstore.legacySignature(simplePayload(image.digest, `flood ${i}`), {
      signer: bench.strangerKey,
      log: 'none',
    });
    return layer;
  };
  it('below the caps', async () => {
    const image = await newImage(bench);
    await putLayers(image, [
      ...Array.from({ length: 90 }, (_, i) => junk(image, i)),
      bench.sigstore.legacySignature(image.digest, { signer: bench.key, log: 'none' }),
    ]);
    for (let i = 0; i < 40; i++) {
      await putReferrer(image, Buffer.from(`junk ${i}`), 'application/vnd.example.junk');
    }
    expectAllowed(await judge(bench, { runs: image, trust: keyed() }), image);
  });
});

describe('rule 27: annotations count where they are signed', () => {
  it('those of a manifest are nobody’s word', async () => {
    const image = await newImage(bench);
    const annotations = {
      'dev.sigstore.bundle.predicateType': 'https://sigstore.dev/cosign/sign/v1',
      stage: 'prod',
      'dev.cosignproject.cosign/signature': 'AAAA',
    };
    await putReferrer(image, Buffer.from('{}'), 'application/vnd.dev.sigstore.bundle.v0.3+json', { annotations });
    expectDenied(await judge(bench, { runs: image, trust: keyed() }), 'IMAGE_SIGNATURE_INVALID');
  });
});
