import { describe, expect, it } from 'vitest';
import { slow, startHostileRegistry } from '../../../support/hostile-registry.ts';
import type { PushedImage } from '../../../support/registry.ts';
import { putBundle, putLayers, putManifest, putReferrer } from '../../../support/registry-objects.ts';
import { type Layer, signStatement, simplePayload } from '../../../support/sigstore/mock.ts';
import { expectAllowed, expectDenied, openBench, publicPem } from './bench.ts';

const bench = openBench();

describe('rule 25: everything that is read is bounded [CVE-2023-46737, CVE-2024-29902, CVE-2024-29903, CVE-2023-33957, CVE-2023-33958, CVE-2024-45395]', () => {
  it('a manifest of many megabytes', async () => {
    const image = await bench.newImage();
    const text = JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: {},
      layers: [],
      annotations: { x: 'x'.repeat(5 * 1024 * 1024) },
    });
    await putManifest(image, text, `${image.digest.replace(':', '-')}.sig`);
    expectDenied(await bench.judge({ runs: image, trust: bench.keyed() }), 'REGISTRY_TOO_LARGE');
  });

  it('a bundle over the limit', async () => {
    const image = await bench.newImage();
    await putBundle(image, ' '.repeat(2 * 1024 * 1024));
    const run = await bench.judge({
      runs: image,
      trust: bench.keyed(),
      images: { limits: { signatureBytes: 1024 * 1024 } },
    });
    expect(run.exitCode, run.stderr).toBe(1);
    expect(run.stderr).toMatch(/REGISTRY_TOO_LARGE|IMAGE_SIGNATURE_INVALID|IMAGE_TOO_MANY_SIGNATURES/);
  });

  it('values nested without end', async () => {
    const image = await bench.newImage();
    await putBundle(image, `${'['.repeat(200_000)}${']'.repeat(200_000)}`);
    expectDenied(await bench.judge({ runs: image, trust: bench.keyed() }), 'IMAGE_SIGNATURE_INVALID');
  });

  it('certificates without end', async () => {
    const image = await bench.newImage();
    const signer = await bench.sigstore.certificate();
    const chain = Array.from({ length: 200 }, () => bench.sigstore.root);
    const mediaType = 'application/vnd.dev.sigstore.bundle+json;version=0.1';
    await putBundle(image, bench.sigstore.bundle(signStatement(image.digest), { signer, chain, mediaType }));
    const run = await bench.judge({ runs: image, trust: bench.keyed() });
    expect(run.exitCode, run.stderr).toBe(1);
  });

  it('a registry that never answers', async () => {
    const image = await bench.signedImage();
    await using silent = await startHostileRegistry({ upstream: bench.registry.host, behaviour: slow });
    const runs = `${silent.host}/${image.repository}:v1`;
    const run = await bench.judge({ runs, trust: bench.keyed(), hosts: [silent.host], flags: ['--timeout', '3'] });
    expect(run.exitCode, run.stderr).toBe(2);
    expect(run.stdout).toBe('');
  });
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
    const image = await bench.newImage();
    await putLayers(image, [
      ...Array.from({ length: 90 }, (_, i) => junk(image, i)),
      bench.sigstore.legacySignature(image.digest, { signer: bench.key, log: 'none' }),
    ]);
    for (let i = 0; i < 40; i++) {
      await putReferrer(image, Buffer.from(`junk ${i}`), 'application/vnd.example.junk');
    }
    expectAllowed(await bench.judge({ runs: image, trust: bench.keyed() }), image);
  });
});

describe('rule 27: annotations count where they are signed', () => {
  const stage = (type: string) =>
    JSON.stringify({
      apiVersion: 'kyverno.io/v1',
      kind: 'ClusterPolicy',
      metadata: { name: 'rule' },
      spec: {
        rules: [
          {
            name: 'signed',
            match: { any: [{ resources: { kinds: ['Pod'] } }] },
            verifyImages: [
              {
                type,
                imageReferences: ['*'],
                failureAction: 'Enforce',
                attestors: [
                  {
                    entries: [
                      {
                        keys: { publicKeys: publicPem(bench.key), rekor: { ignoreTlog: true } },
                        annotations: { stage: 'prod' },
                      },
                    ],
                  },
                ],
              },
            ],
          },
        ],
      },
    });
  it.each<[string, 'Cosign' | 'SigstoreBundle', boolean, (image: PushedImage) => Promise<void>]>([
    [
      'signed in a payload',
      'Cosign',
      true,
      (image) =>
        putLayers(image, [
          bench.sigstore.legacySignature(simplePayload(image.digest, 'app', { stage: 'prod' }), {
            signer: bench.key,
            log: 'none',
            timestamp: true,
          }),
        ]),
    ],
    [
      'signed in a statement',
      'SigstoreBundle',
      true,
      async (image) => {
        const subject = [{ digest: { sha256: image.digest.slice(7) }, annotations: { stage: 'prod' } }];
        await putBundle(
          image,
          bench.sigstore.bundle(signStatement(image.digest, { subject }), {
            signer: bench.key,
            log: 'none',
            timestamp: true,
          }),
        );
      },
    ],
    [
      'of another value',
      'Cosign',
      false,
      (image) =>
        putLayers(image, [
          bench.sigstore.legacySignature(simplePayload(image.digest, 'app', { stage: 'test' }), {
            signer: bench.key,
            log: 'none',
            timestamp: true,
          }),
        ]),
    ],
    [
      'on the layer alone',
      'Cosign',
      false,
      async (image) => {
        const layer = bench.sigstore.legacySignature(image.digest, { signer: bench.key, log: 'none', timestamp: true });
        await putLayers(image, [{ ...layer, annotations: { ...layer.annotations, stage: 'prod' } }]);
      },
    ],
    [
      'on the manifest alone',
      'SigstoreBundle',
      false,
      (image) =>
        putBundle(
          image,
          bench.sigstore.bundle(signStatement(image.digest), { signer: bench.key, log: 'none', timestamp: true }),
          { annotations: { stage: 'prod' } },
        ),
    ],
  ])('one %s', async (_, type, allowed, put) => {
    const image = await bench.newImage();
    await put(image);
    // Kyverno asks bundles for a timestamp of the public-good instance, whose place ours takes.
    const images = { trustRoots: { files: { 'public-good': 'roots/corp.json' } } };
    const run = await bench.judge({ runs: image, trust: stage(type), root: bench.root(), images });
    if (allowed) expectAllowed(run, image);
    else expectDenied(run, 'IMAGE_SIGNATURE_OTHER_CLAIM');
  });

  it('those of a referrer are nobody’s word', async () => {
    const image = await bench.newImage();
    const annotations = {
      'dev.sigstore.bundle.predicateType': 'https://sigstore.dev/cosign/sign/v1',
      'dev.cosignproject.cosign/signature': 'AAAA',
    };
    await putReferrer(image, Buffer.from('{}'), 'application/vnd.dev.sigstore.bundle.v0.3+json', { annotations });
    expectDenied(await bench.judge({ runs: image, trust: bench.keyed() }), 'IMAGE_SIGNATURE_INVALID');
  });
});
