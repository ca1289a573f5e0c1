import { describe, expect, it } from 'vitest';
import type { PushedImage } from '../../../support/registry.ts';
import { putBundle, putLayers } from '../../../support/registry-objects.ts';
import { signedAt, signStatement, simplePayload, statement } from '../../../support/sigstore/mock.ts';
import { tool } from '../../../support/tools/resolve.ts';
import { byKey, email, expectAllowed, expectDenied, issuer, keyless, openBench, policy } from './bench.ts';

const bench = openBench();

describe('rule 34: two policies in Rego are judged each alone', () => {
  const rego = (condition: string) => ({
    type: 'rego',
    data: `package sigstore\nimport rego.v1\ndefault isCompliant := false\nisCompliant if ${condition}\n`,
  });

  it('what satisfies the lax one only is refused', async () => {
    const image = await bench.newImage();
    const type = 'https://example.com/review/v1';
    await putBundle(
      image,
      bench.sigstore.bundle(statement(image.digest, type, { approved: false }), { signer: bench.key, log: 'none' }),
    );
    const gate = { rego: { path: await tool('opa') } };
    const asked = (condition: string, name: string) =>
      policy(
        [byKey(bench.key, { attestations: [{ name: 'review', predicateType: type, policy: rego(condition) }] })],
        {},
        ['**'],
        name,
      );
    const lax = asked('input.predicate.approved == false', 'lax');
    const strict = asked('input.predicate.approved == true', 'strict');
    expectAllowed(await bench.judge({ runs: image, trust: lax, gate }), image);
    const run = await bench.judge({ runs: image, trust: { 'lax.yaml': lax, 'strict.yaml': strict }, gate });
    expectDenied(run, 'IMAGE_CONTENT_REFUSED', 'strict');
  });
});

describe('rule 35: a signature of something else that looks like one is none', () => {
  it('a payload of another type', async () => {
    const image = await bench.newImage();
    const payload = Buffer.from(
      simplePayload(image.digest).toString().replace('cosign container image signature', 'release notes'),
    );
    await putLayers(image, [bench.sigstore.legacySignature(payload, { signer: bench.key, log: 'none' })]);
    expectDenied(await bench.judge({ runs: image, trust: bench.keyed() }), 'IMAGE_NOT_A_SIGNATURE');
  });

  it('a signature of a blob, as a bundle', async () => {
    const image = await bench.newImage();
    await putBundle(image, bench.sigstore.blobBundle(simplePayload(image.digest), { signer: bench.key, log: 'none' }));
    const run = await bench.judge({ runs: image, trust: bench.keyed() });
    expect(run.exitCode, run.stderr).toBe(1);
    expect(run.stdout).toBe('');
  });
});

describe('rule 36: an attestation is no signature', () => {
  it.each(['https://slsa.dev/provenance/v1', 'https://spdx.dev/Document', 'https://sigstore.dev/cosign/sign/v2', ''])(
    'of type %j',
    async (type) => {
      const image = await bench.newImage();
      await putBundle(image, bench.sigstore.bundle(statement(image.digest, type), { signer: bench.key, log: 'none' }));
      const run = await bench.judge({ runs: image, trust: bench.keyed() });
      expect(run.exitCode, run.stderr).toBe(1);
      expect(run.stdout).toBe('');
    },
  );
});

describe('rule 37: an identity is a pair, and a certificate has one name', () => {
  const pairs = () =>
    policy([
      {
        keyless: {
          trustRootRef: 'corp',
          identities: [
            { issuer, subject: email },
            { issuer: 'https://ci.example', subject: 'robot@example.com' },
          ],
        },
        ctlog: { trustRootRef: 'corp' },
      },
    ]);
  it.each<[string, string, string, boolean]>([
    ['the first pair', issuer, email, true],
    ['the second pair', 'https://ci.example', 'robot@example.com', true],
    ['issuer of the first, subject of the second', issuer, 'robot@example.com', false],
    ['issuer of the second, subject of the first', 'https://ci.example', email, false],
  ])('%s', async (_, from, subject, allowed) => {
    const image = await bench.newImage();
    const signer = await bench.sigstore.certificate({ issuer: from, names: [{ email: subject }] });
    await putBundle(image, bench.sigstore.bundle(signStatement(image.digest), { signer }));
    const run = await bench.judge({ runs: image, trust: pairs(), root: bench.root() });
    if (allowed) expectAllowed(run, image);
    else expectDenied(run, 'IMAGE_SIGNATURE_OTHER_IDENTITY');
  });

  it.each([
    ['two names', [{ email }, { email: 'other@example.com' }]],
    ['two names of two kinds', [{ uri: 'https://other.example' }, { email }]],
    ['no name', []],
    ['a name of another kind', [{ dns: 'dev.example.com' }]],
  ])('%s', async (_, names) => {
    const image = await bench.newImage();
    const signer = await bench.sigstore.certificate({ names });
    await putBundle(image, bench.sigstore.bundle(signStatement(image.digest), { signer }));
    const run = await bench.judge({ runs: image, trust: keyless(), root: bench.root() });
    expect(run.exitCode, run.stderr).toBe(1);
    expect(run.stdout).toBe('');
  });

  it('a certificate for another use', async () => {
    const image = await bench.newImage();
    const signer = await bench.sigstore.certificate({ usages: ['1.3.6.1.5.5.7.3.1'] });
    await putBundle(image, bench.sigstore.bundle(signStatement(image.digest), { signer }));
    const run = await bench.judge({ runs: image, trust: keyless(), root: bench.root() });
    expectDenied(run, 'IMAGE_SIGNATURE_UNTRUSTED');
  });
});

describe('rule 38: of several scans the newest speaks, and of statements about vulnerabilities those of this image', () => {
  const vuln = 'https://cosign.sigstore.dev/attestation/vuln/v1';
  const day = 24 * 3_600_000;
  const on = (days: number) => new Date(signedAt.getTime() + days * day);
  const finding = {
    VulnerabilityID: 'CVE-2024-3094',
    PkgName: 'xz',
    InstalledVersion: '5.6.0',
    FixedVersion: '5.6.2',
    Severity: 'CRITICAL',
    PkgIdentifier: { PURL: 'pkg:deb/debian/xz@5.6.0' },
  };
  const scan = (image: PushedImage, found: readonly object[], days: number) => {
    const time = on(days).toISOString();
    const results = [{ Target: 'app', Class: 'os-pkgs', Type: 'debian', Vulnerabilities: found }];
    const result = {
      SchemaVersion: 2,
      CreatedAt: time,
      ArtifactName: 'app',
      ArtifactType: 'container_image',
      Results: results,
    };
    const scanner = { uri: 'pkg:github/aquasecurity/trivy', version: '0.60.0', result };
    return statement(image.digest, vuln, { scanner, metadata: { scanStartedOn: time, scanFinishedOn: time } });
  };
  const vex = (image: PushedImage, product: string) =>
    statement(image.digest, 'https://openvex.dev/ns/v0.2.0', {
      '@context': 'https://openvex.dev/ns/v0.2.0',
      '@id': 'https://vex.example/1',
      author: 'security',
      timestamp: on(0).toISOString(),
      version: 1,
      statements: [
        {
          vulnerability: { name: 'CVE-2024-3094' },
          products: [{ '@id': product }],
          status: 'not_affected',
          justification: 'vulnerable_code_not_present',
        },
      ],
    });
  const logged = { ctlog: { trustRootRef: 'corp' } };
  const attest = (image: PushedImage, what: object, days: number, signer = bench.key) =>
    putBundle(image, bench.sigstore.bundle(what, { signer, at: on(days) }));
  const asked = (more: object = {}) => ({
    root: bench.root(),
    images: {
      predicates: [
        {
          policy: 'rule',
          attestation: 'scan',
          vulnerabilities: { format: 'trivy', maxSeverity: 'high', maxAgeDays: 36500, ...more },
        },
      ],
    },
  });
  const wanted = (...more: object[]) =>
    policy([byKey(bench.key, { ...logged, attestations: [{ name: 'scan', predicateType: vuln }, ...more] })]);

  it.each<[string, readonly (readonly [clean: boolean, day: number])[], boolean]>([
    ['a clean one', [[true, 0]], true],
    ['a failing one', [[false, 0]], false],
    [
      'a failing one after a clean one',
      [
        [true, 0],
        [false, 1],
      ],
      false,
    ],
    [
      'the clean one listed last',
      [
        [false, 1],
        [true, 0],
      ],
      false,
    ],
    [
      'a clean one after a failing one',
      [
        [false, 0],
        [true, 1],
      ],
      true,
    ],
  ])('%s', async (_, scans, allowed) => {
    const image = await bench.newImage();
    for (const [clean, days] of scans) await attest(image, scan(image, clean ? [] : [finding], days), days);
    const run = await bench.judge({ runs: image, trust: wanted(), ...asked() });
    if (allowed) expectAllowed(run, image);
    else expectDenied(run, 'IMAGE_PREDICATE_REFUSED', 'CVE-2024-3094');
  });

  it.each<[string, (image: PushedImage) => string, boolean, boolean]>([
    ['of this image by an accepted signer', ({ digest }) => `pkg:oci/app@${digest.replace(':', '%3A')}`, true, true],
    ['of another image', () => `pkg:oci/app@sha256%3A${'b'.repeat(64)}`, true, false],
    ['by a stranger', ({ digest }) => `pkg:oci/app@${digest.replace(':', '%3A')}`, false, false],
  ])('VEX %s', async (_, product, ours, allowed) => {
    const image = await bench.newImage();
    await attest(image, scan(image, [finding], 0), 0);
    await attest(image, vex(image, product(image)), 0, ours ? bench.key : bench.strangerKey);
    const trust = wanted({ name: 'vex', predicateType: 'https://openvex.dev/ns/v0.2.0' });
    const run = await bench.judge({ runs: image, trust, ...asked({ vex: 'vex' }) });
    if (allowed) expectAllowed(run, image);
    else expect(run.exitCode, run.stderr).toBe(1);
  });
});
