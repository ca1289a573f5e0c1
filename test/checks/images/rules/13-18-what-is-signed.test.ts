import { describe, expect, it } from 'vitest';
import type { Code } from '../../../../src/core/errors.ts';
import { failing, only, startHostileRegistry } from '../../../support/hostile-registry.ts';
import { putBundle, putLayers, putReferrer } from '../../../support/registry-objects.ts';
import { type Bundle, inTotoType, keyPair, signStatement, statement } from '../../../support/sigstore/mock.ts';
import { byKey, email, expectAllowed, expectDenied, issuer, keyless, openBench, policy } from './bench.ts';

const bench = openBench();

describe('rule 13: every field of an identity is enforced [CVE-2025-29778, CVE-2026-48815]', () => {
  it.each<[string, object, boolean]>([
    ['both exact', { issuer, subject: email }, true],
    ['another subject', { issuer, subject: 'other@example.com' }, false],
    ['another issuer', { issuer: 'https://other.example', subject: email }, false],
    ['a subject that only begins so', { issuer, subject: 'dev@example' }, false],
    [
      'anchored expressions',
      { issuerRegExp: '^https://issuer\\.example$', subjectRegExp: '^dev@example\\.com$' },
      true,
    ],
    ['an expression for another subject', { issuer, subjectRegExp: '^ops@' }, false],
    ['an expression for another issuer', { issuerRegExp: '^https://other', subject: email }, false],
  ])('%s', async (_, identity, allowed) => {
    const signer = await bench.sigstore.certificate();
    const { run, image } = await bench.verdictOn(
      ({ digest }) => bench.sigstore.bundle(signStatement(digest), { signer }),
      keyless(identity),
    );
    if (allowed) expectAllowed(run, image);
    else expectDenied(run, 'IMAGE_SIGNATURE_OTHER_IDENTITY');
  });

  it.each<[string, object, Code]>([
    ['a field that is not known', { issuer, subject: email, workflow: 'release' }, 'IMAGE_POLICY_INVALID'],
    ['no issuer', { subject: email }, 'IMAGE_POLICY_INVALID'],
    ['no subject', { issuer }, 'IMAGE_POLICY_INVALID'],
    ['both spellings', { issuer, issuerRegExp: '.*', subject: email }, 'IMAGE_POLICY_INVALID'],
    ['an expression that cannot be read', { issuer, subjectRegExp: '(' }, 'IMAGE_POLICY_INVALID'],
  ])('a policy with %s is not loaded', async (_, identity, code) => {
    const run = await bench.judge({ runs: await bench.newImage(), trust: keyless(identity), root: bench.root() });
    expectDenied(run, code);
  });

  it('an expression that is not anchored is warned about', async () => {
    const signer = await bench.sigstore.certificate({ names: [{ email: 'dev@example.com.evil.example' }] });
    const trust = keyless({ issuer, subjectRegExp: 'dev@example.com' });
    const { run, image } = await bench.verdictOn(
      ({ digest }) => bench.sigstore.bundle(signStatement(digest), { signer }),
      trust,
    );
    expectAllowed(run, image);
    expect(run.stderr).toMatch(/IMAGE_POLICY_HAZARD.*anchor/);
  });
});

describe('rule 14: the type of an attestation is what was signed [CVE-2022-35929, CVE-2022-35930, CVE-2026-39395]', () => {
  const provenance = 'https://slsa.dev/provenance/v1';
  const asked = () => policy([byKey(bench.key, { attestations: [{ name: 'provenance', predicateType: provenance }] })]);

  it('one of the type, in either format', async () => {
    const [one, two] = [await bench.newImage(), await bench.newImage()];
    await putBundle(one, bench.sigstore.bundle(statement(one.digest, provenance), { signer: bench.key, log: 'none' }));
    await putLayers(
      two,
      [bench.sigstore.legacyAttestation(statement(two.digest, provenance), { signer: bench.key, log: 'none' })],
      'att',
    );
    for (const image of [one, two]) expectAllowed(await bench.judge({ runs: image, trust: asked() }), image);
  });

  it.each<[string, (digest: string) => object]>([
    ['another type', (digest) => statement(digest, 'https://spdx.dev/Document')],
    ['a type that only begins so', (digest) => statement(digest, `${provenance}/x`)],
    ['a type in other case', (digest) => statement(digest, provenance.toUpperCase())],
    ['a signature', (digest) => signStatement(digest)],
    ['no type', (digest) => ({ ...statement(digest, provenance), predicateType: undefined })],
  ])('%s, though the annotations of the registry say otherwise', async (_, statementFor) => {
    const image = await bench.newImage();
    const annotations = { 'dev.sigstore.bundle.predicateType': provenance, predicateType: provenance };
    await putBundle(image, bench.sigstore.bundle(statementFor(image.digest), { signer: bench.key, log: 'none' }), {
      annotations,
    });
    const layer = bench.sigstore.legacyAttestation(statementFor(image.digest), { signer: bench.key, log: 'none' });
    await putLayers(image, [{ ...layer, annotations: { ...layer.annotations, predicateType: provenance } }], 'att');
    const run = await bench.judge({ runs: image, trust: asked() });
    expect(run.exitCode, run.stderr).toBe(1);
    expect(run.stderr).toMatch(/IMAGE_ATTESTATION_MISSING|IMAGE_SIGNATURE_INVALID/);
    expect(run.stdout).toBe('');
  });

  it('an attestation about another image, and none at all', async () => {
    const [image, other] = [await bench.newImage(), await bench.newImage()];
    expectDenied(await bench.judge({ runs: image, trust: asked() }), 'IMAGE_ATTESTATION_MISSING');
    await putBundle(
      image,
      bench.sigstore.bundle(statement(other.digest, provenance), { signer: bench.key, log: 'none' }),
    );
    const run = await bench.judge({ runs: image, trust: asked() });
    expect(run.exitCode, run.stderr).toBe(1);
  });
});

describe('rule 15: what is found is not what is verified', () => {
  it('a bare envelope that refers to the image and is signed by nobody', async () => {
    const image = await bench.newImage();
    const payload = Buffer.from(JSON.stringify(signStatement(image.digest))).toString('base64');
    for (const signatures of [[], [{ sig: '' }], [{ sig: 'AAAA' }]]) {
      await putReferrer(
        image,
        Buffer.from(JSON.stringify({ payloadType: inTotoType, payload, signatures })),
        'application/vnd.in-toto+json',
      );
    }
    const run = await bench.judge({ runs: image, trust: policy([byKey(bench.key)]) });
    expect(run.exitCode, run.stderr).toBe(1);
    expect(run.stdout).toBe('');
  });
});

describe('rule 16: whatever goes wrong denies', () => {
  it.each<[string, RegExp]>([
    ['the tag', /\/manifests\/v1$/],
    ['the list of what refers to the image', /\/referrers\//],
    ['the .sig tag', /\.sig$/],
    ['a blob', /\/blobs\//],
  ])('an error of the registry at %s', async (_, pattern) => {
    const image = await bench.newImage();
    await putBundle(
      image,
      bench.sigstore.bundle(signStatement(image.digest), { signer: bench.strangerKey, log: 'none' }),
    );
    await using hostile = await startHostileRegistry({ upstream: bench.registry.host });
    hostile.behave(only(pattern, failing));
    const runs = `${hostile.host}/${image.repository}:v1`;
    const run = await bench.judge({ runs, trust: policy([byKey(bench.key)]), hosts: [hostile.host] });
    expect(run.exitCode, run.stderr).not.toBe(0);
    expect(run.stdout).toBe('');
  });

  it.each([
    '',
    '{',
    'null',
    '[]',
    '"x"',
    '{"mediaType":7}',
    `{"mediaType":"application/vnd.dev.sigstore.bundle.v9+json"}`,
  ])('a bundle that is %j', async (text) => {
    const { run } = await bench.verdictOn(() => text, policy([byKey(bench.key)]));
    expectDenied(run, 'IMAGE_SIGNATURE_INVALID');
  });
});

describe('rule 17: of an envelope only what was signed is read', () => {
  const good = (digest: string) => bench.sigstore.bundle(signStatement(digest), { signer: bench.key, log: 'none' });
  const envelope = (bundle: Bundle) => bundle.dsseEnvelope as NonNullable<Bundle['dsseEnvelope']>;
  it.each<[string, (digest: string) => Bundle | string]>([
    [
      'another payload under the signature',
      (digest) => {
        const bundle = good(`sha256:${'b'.repeat(64)}`);
        envelope(bundle).payload = Buffer.from(JSON.stringify(signStatement(digest))).toString('base64');
        return bundle;
      },
    ],
    [
      'another type under the signature',
      (digest) => {
        const bundle = good(digest);
        envelope(bundle).payloadType = 'text/plain';
        return bundle;
      },
    ],
    [
      'a type that is no statement, signed as such',
      (digest) =>
        bench.sigstore.bundle(signStatement(digest), { signer: bench.key, log: 'none', payloadType: 'text/plain' }),
    ],
    [
      'two signatures',
      (digest) => {
        const bundle = good(digest);
        envelope(bundle).signatures.unshift({ sig: 'AAAA' });
        return bundle;
      },
    ],
    ['no signature', (digest) => ({ ...good(digest), dsseEnvelope: { ...envelope(good(digest)), signatures: [] } })],
    [
      'base64 that readers read differently',
      (digest) => {
        const bundle = good(digest);
        const [only] = envelope(bundle).signatures;
        if (only !== undefined) only.sig = `${only.sig.slice(0, 4)}\n ${only.sig.slice(4)}`;
        return bundle;
      },
    ],
    [
      'a key that stands there twice',
      (digest) => JSON.stringify(good(digest)).replace('"payload":', '"payload":"e30=","payload":'),
    ],
    [
      'a key that stands twice in the statement',
      (digest) => {
        const text = JSON.stringify(signStatement(digest)).replace(
          '"predicateType":',
          '"predicateType":"https://x.example","predicateType":',
        );
        return bench.sigstore.bundle(Buffer.from(text), { signer: bench.key, log: 'none' });
      },
    ],
  ])('%s', async (_, bundleFor) => {
    const { run } = await bench.verdictOn(({ digest }) => bundleFor(digest), policy([byKey(bench.key)]));
    expect(run.exitCode, run.stderr).toBe(1);
    expect(run.stdout).toBe('');
  });
});

describe('rule 18: the policy chooses the hash, and digests are of SHA-256', () => {
  it.each<[string, (digest: string) => object]>([
    ['sha512', (digest) => signStatement(digest, { subject: [{ digest: { sha512: digest.slice(7).repeat(2) } }] })],
    ['sha1', (digest) => signStatement(digest, { subject: [{ digest: { sha1: digest.slice(7, 47) } }] })],
    ['upper case', (digest) => signStatement(digest, { subject: [{ digest: { SHA256: digest.slice(7) } }] })],
    [
      'the digest in upper case',
      (digest) => signStatement(digest, { subject: [{ digest: { sha256: digest.slice(7).toUpperCase() } }] }),
    ],
  ])('a subject by %s alone', async (_, statementFor) => {
    const { run } = await bench.verdictOn(
      ({ digest }) => bench.sigstore.bundle(statementFor(digest), { signer: bench.key, log: 'none' }),
      policy([byKey(bench.key)]),
    );
    expect(run.exitCode, run.stderr).toBe(1);
  });

  it('an image by another digest', async () => {
    const { host } = bench.registry;
    for (const digest of [`sha512:${'a'.repeat(128)}`, `md5:${'a'.repeat(32)}`, `sha256:${'A'.repeat(64)}`]) {
      const run = await bench.judge({ runs: `${host}/team/app@${digest}`, trust: policy([byKey(bench.key)]) });
      expect(run.exitCode, run.stderr).toBe(1);
    }
  });

  it('a signature by the trusted key over a hash that neither policy nor key names', async () => {
    const p384 = keyPair('p384');
    const trust = policy([byKey(p384)]);
    for (const [hash, allowed] of [
      ['sha256', true],
      ['sha384', true],
      ['sha512', false],
    ] as const) {
      const { run, image } = await bench.verdictOn(
        ({ digest }) => bench.sigstore.bundle(signStatement(digest), { signer: p384, hash, log: 'none' }),
        trust,
      );
      if (allowed) expectAllowed(run, image);
      else expectDenied(run, 'IMAGE_SIGNATURE_INVALID', 'step 4');
    }
  });
});
