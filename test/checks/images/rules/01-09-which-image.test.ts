import { beforeAll, describe, expect, it } from 'vitest';
import { only, startHostileRegistry, wrongDigest } from '../../../support/hostile-registry.ts';
import { pushImage, pushIndex } from '../../../support/registry.ts';
import { manifestUrl, ociManifest, putBundle, putLayers } from '../../../support/registry-objects.ts';
import { signStatement, simplePayload, statement } from '../../../support/sigstore/mock.ts';
import { byKey, expectAllowed, expectDenied, keyless, openBench, policy, publicPem } from './bench.ts';

const bench = openBench();

describe('rule 1: a tag is resolved once, and the digest that was verified is what is emitted [CVE-2022-47633, CVE-2023-47630]', () => {
  it('a registry that answers the second time with another image', async () => {
    const good = await bench.newImage();
    const evil = await pushImage(bench.registry.host, good.repository, 'evil', 'evil');
    await putBundle(good, bench.sign(good));
    await using hostile = await startHostileRegistry({ upstream: bench.registry.host });
    let asked = 0;
    hostile.behave(
      only(/\/manifests\/v1$/, (_, response) => {
        const digest = asked++ === 0 ? good.digest : evil.digest;
        response.writeHead(200, {
          'content-type': ociManifest,
          'docker-content-digest': digest,
          'content-length': '1',
        });
        return response.end();
      }),
    );
    const run = await bench.judge({
      runs: `${hostile.host}/${good.repository}:v1`,
      trust: bench.keyed(),
      hosts: [hostile.host],
    });
    expectAllowed(run, good);
    expect(run.stdout).not.toContain(evil.digest);
    expect(asked).toBe(1);
  });

  it('a registry that names a digest of its choice for what it serves', async () => {
    const [good, evil] = [await bench.newImage(), await bench.newImage()];
    await putBundle(good, bench.sign(good));
    await using hostile = await startHostileRegistry({ upstream: bench.registry.host });
    // The signed digest is promised for the tag of the unsigned image: what is emitted is the digest that was verified, never what was served.
    hostile.behave(
      only(/\/manifests\/v1$/, (_, response) => {
        response.writeHead(200, {
          'content-type': ociManifest,
          'docker-content-digest': good.digest,
          'content-length': '1',
        });
        return response.end();
      }),
    );
    const run = await bench.judge({
      runs: `${hostile.host}/${evil.repository}:v1`,
      trust: bench.keyed(),
      hosts: [hostile.host],
    });
    expectDenied(run, 'IMAGE_UNSIGNED');
  });
});

describe('rule 2: every body is hashed [CVE-2023-33959]', () => {
  it('bodies that do not have the digest they were asked for by', async () => {
    const image = await bench.signedImage();
    await using hostile = await startHostileRegistry({ upstream: bench.registry.host });
    hostile.behave(only(/\/(?:blobs|manifests)\/sha256:/, wrongDigest(bench.registry.host)));
    const run = await bench.judge({
      runs: `${hostile.host}/${image.repository}:v1`,
      trust: bench.keyed(),
      hosts: [hostile.host],
    });
    expectDenied(run, 'REGISTRY_DIGEST_MISMATCH');
    hostile.behave();
    expectAllowed(
      await bench.judge({
        runs: `${hostile.host}/${image.repository}:v1`,
        trust: bench.keyed(),
        hosts: [hostile.host],
      }),
      image,
    );
  });
});

describe('rule 3: of a tag and a digest the digest counts', () => {
  it('whatever the tag points to', async () => {
    const good = await bench.newImage();
    const evil = await pushImage(bench.registry.host, good.repository, 'evil', 'evil');
    await putBundle(good, bench.sign(good));
    const name = `${good.host}/${good.repository}`;
    expectAllowed(await bench.judge({ runs: `${name}:evil@${good.digest}`, trust: bench.keyed() }), good);
    expectDenied(await bench.judge({ runs: `${name}:v1@${evil.digest}`, trust: bench.keyed() }), 'IMAGE_UNSIGNED');
  });
});

describe('rule 4: of a multi-platform image the index is verified', () => {
  it('a signature of one platform does not cover it', async () => {
    const amd = await bench.newImage('multi', 'amd');
    const arm = await pushImage(bench.registry.host, amd.repository, 'arm', 'arm');
    const index = await pushIndex(bench.registry.host, amd.repository, 'all', [amd, arm]);
    await putBundle(amd, bench.sign(amd));
    expectDenied(await bench.judge({ runs: index, trust: bench.keyed() }), 'IMAGE_UNSIGNED');
    await putLayers(index, [bench.sigstore.legacySignature(index.digest, { signer: bench.key, log: 'none' })]);
    expectAllowed(await bench.judge({ runs: index, trust: bench.keyed() }), index);
  });
});

describe('rule 5: every spelling of a name picks the same policies', () => {
  const refused = policy([{ name: 'none', static: { action: 'fail', message: 'not here' } }], {}, [
    'index.docker.io/library/*',
    'index.docker.io/library/nginx:*',
    'index.docker.io/library/nginx@*',
  ]);
  const digest = `sha256:${'a'.repeat(64)}`;
  let hub: object;
  beforeAll(async () => {
    await pushImage(bench.registry.host, 'library/nginx', 'latest');
    await pushImage(bench.registry.host, 'library/nginx', '1');
    const { host } = bench.registry;
    hub = {
      registries: [
        { host: 'docker.io', mirror: host },
        { host, plainHttp: true },
      ],
    };
  });
  const run = (image: string) =>
    bench.judge({ runs: image, trust: refused, images: { unmatched: 'allow' }, gate: hub });

  it.each([
    'nginx',
    'nginx:1',
    'docker.io/nginx',
    'docker.io/library/nginx:latest',
    'index.docker.io/library/nginx',
    `nginx@${digest}`,
    `docker.io/library/nginx:1@${digest}`,
  ])('%s', async (spelling) => expectDenied(await run(spelling), 'IMAGE_DENIED_BY_POLICY', 'not here'));

  it.each([
    'registry-1.docker.io/library/nginx',
    'docker.io:443/library/nginx',
    'docker.io./library/nginx',
    'DOCKER.IO/library/nginx',
    'INDEX.docker.io/library/nginx',
    'docker.io/library/NGINX',
    'docker.io//library/nginx',
    'docker.io/library/../library/nginx',
    ' nginx',
    'nginx ',
  ])('one that is not canonical never gets around them: %s', async (spelling) => {
    const verdict = await run(spelling);
    expect(verdict.exitCode, verdict.stderr).toBe(1);
    expect(verdict.stdout).toBe('');
  });
});

describe('rule 6: a mirror is asked in the place of a registry, and chooses nothing', () => {
  it('policies see the original name, and the mirror cannot put another body under a digest', async () => {
    const image = await bench.signedImage();
    const original = `registry.example/${image.repository}`;
    const trust = policy([byKey(bench.key)], {}, ['registry.example/**']);
    await using hostile = await startHostileRegistry({ upstream: bench.registry.host });
    const mirrored = (host: string) => ({
      registries: [
        { host: 'registry.example', mirror: host },
        { host: bench.registry.host, plainHttp: true },
        { host: hostile.host, plainHttp: true },
      ],
    });
    const run = await bench.judge({ runs: `${original}:v1`, trust, gate: mirrored(bench.registry.host) });
    expectAllowed(run, image);
    expect(run.stdout).toContain(`${original}:v1@${image.digest}`);
    hostile.behave(only(/\/(?:blobs|manifests)\/sha256:/, wrongDigest(bench.registry.host)));
    expectDenied(
      await bench.judge({ runs: `${original}:v1`, trust, gate: mirrored(hostile.host) }),
      'REGISTRY_DIGEST_MISMATCH',
    );
    // What nodes rewrite on their own (containerd mirrors) is out of the gate's sight: the digest it emits is what binds them.
  });
});

describe('rule 7: what is signed must name this digest', () => {
  it.each<[string, (digest: string) => object]>([
    ['another image', () => signStatement(`sha256:${'b'.repeat(64)}`)],
    ['no subject', (digest) => signStatement(digest, { subject: [] })],
    ['a subject that is null', (digest) => signStatement(digest, { subject: null })],
    ['a list of nulls', (digest) => signStatement(digest, { subject: [null] })],
    ['a subject without a digest', (digest) => signStatement(digest, { subject: [{ name: digest }] })],
    [
      'the digest in a name',
      (digest) => signStatement(digest, { subject: [{ name: digest, digest: { sha256: 'b'.repeat(64) } }] }),
    ],
    [
      'a prefix of the digest',
      (digest) => signStatement(digest, { subject: [{ digest: { sha256: digest.slice(7, 70) } }] }),
    ],
    [
      'a flood of subjects with the right one behind it',
      (digest) =>
        signStatement(digest, {
          subject: [
            ...Array.from({ length: 1100 }, (_, i) => ({ digest: { sha256: i.toString(16).padStart(64, '0') } })),
            { digest: { sha256: digest.slice(7) } },
          ],
        }),
    ],
  ])('%s', async (_, statementFor) => {
    const image = await bench.newImage();
    await putBundle(image, bench.sigstore.bundle(statementFor(image.digest), { signer: bench.key, log: 'none' }));
    const run = await bench.judge({ runs: image, trust: bench.keyed() });
    expect(run.exitCode, run.stderr).toBe(1);
    expect(run.stdout).toBe('');
  });

  it('and a legacy payload too', async () => {
    const [image, other] = [await bench.newImage(), await bench.newImage()];
    await putLayers(image, [bench.sigstore.legacySignature(other.digest, { signer: bench.key, log: 'none' })]);
    expectDenied(await bench.judge({ runs: image, trust: bench.keyed() }), 'IMAGE_SIGNATURE_OTHER_DIGEST');
  });
});

describe('rule 8: a signature is of a digest and not of a name, so it holds in every repository', () => {
  it('a limit: whoever may push can carry image and signature elsewhere', async () => {
    const image = await bench.signedImage('dev');
    const copy = await pushImage(bench.registry.host, 'team/prod-copy', 'v1', `${image.repository}:v1`);
    expect(copy.digest).toBe(image.digest);
    await putBundle(copy, bench.sign(image));
    expectAllowed(await bench.judge({ runs: copy, trust: bench.keyed() }), copy);
  });

  it('a key for each repository closes it', async () => {
    const image = await bench.signedImage('dev');
    const copy = await pushImage(bench.registry.host, 'prod/app', 'v1', `${image.repository}:v1`);
    await putBundle(copy, bench.sign(image));
    const trust = {
      'dev.yaml': policy([byKey(bench.key)], {}, [`${bench.registry.host}/team/**`]),
      'prod.yaml': policy([byKey(bench.strangerKey)], {}, [`${bench.registry.host}/prod/**`], 'prod'),
    };
    expectDenied(await bench.judge({ runs: copy, trust }), 'IMAGE_SIGNATURE_OTHER_KEY');
    expectAllowed(await bench.judge({ runs: image, trust }), image);
  });

  it('a policy.json that asks for the name in a simple signature closes it too', async () => {
    const name = (repository: string) => `${bench.registry.host}/${repository}`;
    const requirement = {
      type: 'sigstoreSigned',
      keyData: Buffer.from(publicPem(bench.key)).toString('base64'),
      signedIdentity: { type: 'matchRepository' },
    };
    const platform = { 'containers/policy.json': JSON.stringify({ default: [requirement] }) };
    const images = { trust: [{ containersPolicy: 'containers/policy.json' }] };
    const image = await bench.newImage('dev');
    const payload = simplePayload(image.digest, name(image.repository));
    const layer = bench.sigstore.legacySignature(payload, { signer: bench.key, log: 'none' });
    await putLayers(image, [layer]);
    expectAllowed(await bench.judge({ runs: image, trust: {}, images, platform }), image);
    const copy = await pushImage(bench.registry.host, 'prod/named', 'v1', `${image.repository}:v1`);
    await putLayers(copy, [layer]);
    expectDenied(await bench.judge({ runs: copy, trust: {}, images, platform }), 'IMAGE_SIGNATURE_OTHER_CLAIM');
  });
});

describe('rule 9: an old image stays signed [CVE-2024-23332]', () => {
  it('a limit: a tag that is moved back to it is allowed, and the emitted digest shows it', async () => {
    const old = await bench.signedImage();
    const newer = await pushImage(bench.registry.host, old.repository, 'v1', 'newer');
    await putBundle(newer, bench.sign(newer));
    expectAllowed(await bench.judge({ runs: newer, trust: bench.keyed() }), newer);
    const manifest = await (await fetch(manifestUrl(old), { headers: { accept: ociManifest } })).text();
    await fetch(manifestUrl(old, 'v1'), { method: 'PUT', headers: { 'content-type': ociManifest }, body: manifest });
    expectAllowed(await bench.judge({ runs: old, trust: bench.keyed() }), old);
  });

  describe('a greatest age closes it, by what logs and timestamps say', () => {
    const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000);
    const dayAndMore = minutesAgo(25 * 60);
    const images = { maxAge: [{ policy: 'rule', days: 1 }] };
    const logged = () => policy([byKey(bench.key, { ctlog: { trustRootRef: 'corp' } })]);

    async function judgedAt(at: Date, trust: string, how: object, more: object = {}) {
      const image = await bench.newImage();
      await putBundle(image, bench.sigstore.bundle(signStatement(image.digest), { signer: bench.key, at, ...how }));
      return {
        image,
        run: await bench.judge({ runs: image, trust, root: bench.root(), images, ...more }),
      };
    }

    it('of a key', async () => {
      const young = await judgedAt(minutesAgo(1), logged(), {});
      expectAllowed(young.run, young.image);
      const { run } = await judgedAt(dayAndMore, logged(), {});
      expectDenied(run, 'IMAGE_SIGNATURE_TOO_OLD', dayAndMore.toISOString().slice(0, 19), 'counts for 1 day');
      const unlimited = await judgedAt(dayAndMore, logged(), {}, { images: {} });
      expectAllowed(unlimited.run, unlimited.image);
    });

    it('of a certificate', async () => {
      for (const [at, allowed] of [
        [minutesAgo(1), true],
        [dayAndMore, false],
      ] as const) {
        const validity = { notBefore: new Date(at.getTime() - 60_000), notAfter: new Date(at.getTime() + 60_000) };
        const signer = await bench.sigstore.certificate({ validity });
        const { run, image } = await judgedAt(at, keyless(), { signer });
        if (allowed) expectAllowed(run, image);
        else expectDenied(run, 'IMAGE_SIGNATURE_TOO_OLD');
      }
    });

    it('of an attestation', async () => {
      const type = 'https://example.com/review/v1';
      const attestations = [{ name: 'review', predicateType: type }];
      const trust = policy([byKey(bench.key, { ctlog: { trustRootRef: 'corp' }, attestations })]);
      const old = await bench.newImage();
      const attest = (at: Date) =>
        putBundle(old, bench.sigstore.bundle(statement(old.digest, type, {}), { signer: bench.key, at }));
      await attest(dayAndMore);
      const application = { runs: old, trust, root: bench.root(), images };
      expectDenied(await bench.judge(application), 'IMAGE_SIGNATURE_TOO_OLD', 'attestation review');
      await attest(minutesAgo(1));
      expectAllowed(await bench.judge(application), old);
    });

    it('and without either nothing counts', async () => {
      const { run } = await judgedAt(minutesAgo(1), bench.keyed(), { log: 'none' });
      expectDenied(run, 'IMAGE_SIGNATURE_TOO_OLD', 'no log or timestamp says when it was made', 'ctlog');
    });

    it('it must be of a policy that is there', async () => {
      const lost = { images: { maxAge: [{ policy: 'rlue', days: 1 }] } };
      const { run } = await judgedAt(minutesAgo(1), logged(), {}, lost);
      expectDenied(run, 'CONFIG_INVALID', /spec\.images\.maxAge\[0\]: no policy is called rlue/);
    });
  });
});
