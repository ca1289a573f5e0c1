import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { gzipBomb, only, startHostileRegistry } from '../../../support/hostile-registry.ts';
import { copyToLayout } from '../../../support/layout.ts';
import { putBundle, putLayers, putReferrer } from '../../../support/registry-objects.ts';
import { podOf } from '../../../support/signed-application.ts';
import { simplePayload } from '../../../support/sigstore/mock.ts';
import { expectAllowed, expectDenied, openBench } from './bench.ts';

const bench = openBench();

describe('rule 39: an object that brings others is denied unless the platform allows its kind', () => {
  it.each<[string, string, object]>([
    ['argoproj.io/v1alpha1', 'Application', { spec: { source: { repoURL: 'https://git.example/x' } } }],
    ['helm.toolkit.fluxcd.io/v2', 'HelmRelease', { spec: {} }],
    ['kustomize.toolkit.fluxcd.io/v1', 'Kustomization', { spec: {} }],
    ['admissionregistration.k8s.io/v1beta1', 'MutatingAdmissionPolicy', { spec: {} }],
    ['config.openshift.io/v1', 'ImageDigestMirrorSet', { spec: {} }],
    ['work.open-cluster-management.io/v1', 'ManifestWork', { spec: {} }],
    ['kubernetes.crossplane.io/v1alpha2', 'Object', { spec: {} }],
  ])('%s %s', async (apiVersion, kind, more) => {
    const text = JSON.stringify({ apiVersion, kind, metadata: { name: 'other' }, ...more });
    const run = await bench.judge({ runs: { 'app.yaml': text }, trust: bench.keyed() });
    expectDenied(run, 'IMAGE_DELIVERED_ELSEWHERE');
  });
});

describe('rule 40: an object that says it is being deleted is judged like any other', () => {
  it('deletionTimestamp', async () => {
    const image = await bench.newImage();
    const pod = podOf(image.tagged).replace(
      '  name: web\n',
      '  name: web\n  deletionTimestamp: "2026-01-01T00:00:00Z"\n  deletionGracePeriodSeconds: 0\n',
    );
    const run = await bench.judge({ runs: { 'pod.yaml': pod }, trust: bench.keyed() });
    expect(run.exitCode, run.stderr).not.toBe(0);
    expect(run.stdout).toBe('');
  });
});

describe('rule 41: bombs and paths in what is transported', () => {
  it('a small body that unpacks to a large one', async () => {
    const image = await bench.signedImage();
    await using bombing = await startHostileRegistry({ upstream: bench.registry.host });
    bombing.behave(only(/\/(?:blobs|manifests)\/sha256:/, gzipBomb));
    const run = await bench.judge({
      runs: `${bombing.host}/${image.repository}:v1`,
      trust: bench.keyed(),
      hosts: [bombing.host],
    });
    expect(run.exitCode, run.stderr).not.toBe(0);
    expect(run.stdout).toBe('');
  });

  it.each<[string, (folder: string) => void]>([
    [
      'a digest with a path in it',
      (folder) => {
        const descriptor = {
          mediaType: 'application/vnd.oci.image.manifest.v1+json',
          digest: 'sha256:../../../../secret',
          size: 3,
        };
        const annotations = { 'org.opencontainers.image.ref.name': 'v1' };
        writeFileSync(
          join(folder, 'index.json'),
          JSON.stringify({ schemaVersion: 2, manifests: [{ ...descriptor, annotations }] }),
        );
      },
    ],
    [
      'a blob that is a link',
      (folder) => {
        rmSync(join(folder, 'blobs/sha256'), { recursive: true });
        symlinkSync('/etc', join(folder, 'blobs/sha256'));
      },
    ],
  ])('in a layout: %s', async (_, tamper) => {
    const image = await bench.signedImage();
    const root = mkdtempSync(join(tmpdir(), 'syncgate-rule-layout-'));
    try {
      const folder = join(root, image.repository);
      mkdirSync(folder, { recursive: true });
      await copyToLayout({ registryHost: image.host, repository: image.repository, tag: 'v1', folder });
      const gate = { registries: [{ host: 'registry.example', layout: root }] };
      const runs = `registry.example/${image.repository}:v1`;
      expectAllowed(await bench.judge({ runs, trust: bench.keyed(), gate }), image);
      tamper(folder);
      const run = await bench.judge({ runs, trust: bench.keyed(), gate });
      expect(run.exitCode, run.stderr).not.toBe(0);
      expect(run.stdout).toBe('');
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  });
});

describe('rule 42: over a cap the image is denied, by name, count and cap; each kind has a budget of its own', () => {
  it('legacy signatures', async () => {
    const image = await bench.newImage();
    const layers = Array.from({ length: 12 }, (_, i) =>
      bench.sigstore.legacySignature(simplePayload(image.digest, `n${i}`), { signer: bench.key, log: 'none' }),
    );
    await putLayers(image, layers);
    const run = await bench.judge({ runs: image, trust: bench.keyed(), images: { limits: { signatures: 10 } } });
    expectDenied(run, 'IMAGE_TOO_MANY_SIGNATURES', '12', '10');
  });

  it('referrers', async () => {
    const image = await bench.newImage();
    for (let i = 0; i < 12; i++) await putReferrer(image, Buffer.from(`junk ${i}`), 'application/vnd.example.junk');
    const run = await bench.judge({ runs: image, trust: bench.keyed(), images: { limits: { referrers: 10 } } });
    expect(run.exitCode, run.stderr).toBe(1);
    expect(run.stderr).toMatch(/TOO_MANY.*10/);
  });

  it('neither starves the other: both full to the brim, and the good one among them', async () => {
    const image = await bench.newImage();
    const layers = Array.from({ length: 10 }, (_, i) =>
      bench.sigstore.legacySignature(simplePayload(image.digest, `n${i}`), { signer: bench.strangerKey, log: 'none' }),
    );
    await putLayers(image, layers);
    for (let i = 0; i < 9; i++) await putReferrer(image, Buffer.from(`junk ${i}`), 'application/vnd.example.junk');
    await putBundle(image, bench.sign(image));
    const run = await bench.judge({
      runs: image,
      trust: bench.keyed(),
      images: { limits: { signatures: 10, referrers: 10 } },
    });
    expectAllowed(run, image);
  });
});
