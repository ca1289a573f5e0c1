import { describe, expect, it } from 'vitest';
import type { PushedImage } from '../../../support/registry.ts';
import { putLayers } from '../../../support/registry-objects.ts';
import {
  type Bundle,
  type Certified,
  signedAt,
  signStatement,
  type TrustedRootParts,
} from '../../../support/sigstore/mock.ts';
import { byKey, expectAllowed, expectDenied, keyless, openBench, policy, stamped } from './bench.ts';

const bench = openBench();
const later = (minutes: number) => new Date(signedAt.getTime() + minutes * 60_000);

describe('rule 10: a certificate counts at a time that somebody vouches for [CVE-2026-24122, GHSA-wqqc-jjcq-vfxm]', () => {
  it('a certificate that is long expired counts at the time of its log entry, its whole chain with it', async () => {
    for (const by of ['root', 'intermediate'] as const) {
      const signer = await bench.sigstore.certificate({ by });
      const { run, image } = await bench.verdictOn(({ digest }) =>
        bench.sigstore.bundle(signStatement(digest), { signer }),
      );
      expectAllowed(run, image);
    }
  });

  it.each<[string, (signer: Certified, digest: string) => Promise<Bundle> | Bundle]>([
    [
      'a signature after the certificate had ended',
      (signer, digest) => bench.sigstore.bundle(signStatement(digest), { signer, at: later(60) }),
    ],
    [
      'a signature before it began',
      (signer, digest) => bench.sigstore.bundle(signStatement(digest), { signer, at: later(-60) }),
    ],
    [
      'an intermediate that had expired by then',
      async (_, digest) =>
        bench.sigstore.bundle(signStatement(digest), {
          signer: await bench.sigstore.certificate({ by: 'expired-intermediate' }),
        }),
    ],
    [
      'the time that a log of the second version writes',
      (signer, digest) => timeWritten(bench.sigstore.bundle(signStatement(digest), { signer, log: 'v2' })),
    ],
    [
      'a time without the promise that vouches for it',
      (signer, digest) => bench.sigstore.bundle(signStatement(digest), { signer, append: { promise: false } }),
    ],
    [
      'a time that was changed after the promise',
      (signer, digest) => timeWritten(bench.sigstore.bundle(signStatement(digest), { signer, at: later(60) })),
    ],
  ])('%s', async (_, bundleFor) => {
    const signer = await bench.sigstore.certificate();
    const { run } = await bench.verdictOn(({ digest }) => bundleFor(signer, digest));
    expectDenied(run, 'IMAGE_SIGNATURE_UNTRUSTED');
  });

  it.each<[string, TrustedRootParts]>([
    ['the log', { rekor: { validFor: { start: '2020-01-01T00:00:00Z', end: '2025-01-01T00:00:00Z' } } }],
    [
      'the certificate authority',
      { fulcio: { validFor: { start: '2020-01-01T00:00:00Z', end: '2025-01-01T00:00:00Z' } } },
    ],
    ['the certificate log', { ctlog: { validFor: { start: '2020-01-01T00:00:00Z', end: '2025-01-01T00:00:00Z' } } }],
  ])('a key that was no longer in use: of %s', async (_, parts) => {
    const signer = await bench.sigstore.certificate();
    const { run } = await bench.verdictOn(
      ({ digest }) => bench.sigstore.bundle(signStatement(digest), { signer }),
      keyless(),
      parts,
    );
    expectDenied(run, 'IMAGE_SIGNATURE_UNTRUSTED');
  });

  it.each<[string, boolean, (image: PushedImage, signer: Certified) => Bundle]>([
    [
      'a timestamp',
      true,
      ({ digest }, signer) => bench.sigstore.bundle(signStatement(digest), { signer, log: 'none', timestamp: true }),
    ],
    ['none', false, ({ digest }, signer) => bench.sigstore.bundle(signStatement(digest), { signer })],
    [
      'one after the end',
      false,
      ({ digest }, signer) =>
        bench.sigstore.bundle(signStatement(digest), { signer, log: 'none', timestamp: { at: later(60) } }),
    ],
    [
      'one whose time was changed',
      false,
      ({ digest }, signer) =>
        bench.sigstore.bundle(signStatement(digest), {
          signer,
          log: 'none',
          timestamp: { at: later(60), forgedTime: later(1) },
        }),
    ],
    [
      'one of something else',
      false,
      ({ digest }, signer) =>
        bench.sigstore.bundle(signStatement(digest), { signer, log: 'none', timestamp: { data: Buffer.from('x') } }),
    ],
    [
      "a stranger's",
      false,
      ({ digest }, signer) =>
        bench.sigstore.bundle(signStatement(digest), {
          signer,
          log: 'none',
          timestamp: { signer: bench.stranger.tsa },
        }),
    ],
  ])('where a timestamp is asked for: %s', async (_, allowed, bundleFor) => {
    const signer = await bench.sigstore.certificate();
    const { run, image } = await bench.verdictOn((each) => bundleFor(each, signer), stamped());
    if (allowed) expectAllowed(run, image);
    else expectDenied(run, 'IMAGE_SIGNATURE_UNTRUSTED');
  });

  it('a timestamp by a certificate for another use', async () => {
    const tsa = bench.sigstore.timestamper({ usages: ['1.3.6.1.5.5.7.3.1'] });
    const signer = await bench.sigstore.certificate();
    const bundleFor = ({ digest }: PushedImage) =>
      bench.sigstore.bundle(signStatement(digest), { signer, log: 'none', timestamp: { signer: tsa } });
    expectDenied(
      (await bench.verdictOn(bundleFor, stamped(), { tsa: { leaf: tsa } })).run,
      'IMAGE_SIGNATURE_UNTRUSTED',
    );
  });
});

/** Writes the time at which the certificate counted into the entry. */
function timeWritten(bundle: Bundle): Bundle {
  for (const entry of bundle.verificationMaterial.tlogEntries) entry.integratedTime = String(later(1).getTime() / 1000);
  return bundle;
}

describe('rule 11: a log entry is of this signature, this digest and this key [CVE-2022-23649, CVE-2022-36056, CVE-2026-22703, GHSA-whqx-f9j3-ch6m, GHSA-9vcr-p3rj-q5q6]', () => {
  const kinds = ['dsse', 'intoto-0.0.2', 'hashedrekord'] as const;
  it.each(kinds)('an entry of kind %s that tells the truth', async (entry) => {
    const signer = await bench.sigstore.certificate();
    const { run, image } = await bench.verdictOn(({ digest }) =>
      bench.sigstore.bundle(signStatement(digest), { signer, entry }),
    );
    expectAllowed(run, image);
  });

  it.each(
    kinds.flatMap((entry) => (['verifier', 'signature', 'payload'] as const).map((lie) => [entry, lie] as const)),
  )('an entry of kind %s with another %s', async (entry, lie) => {
    const signer = await bench.sigstore.certificate();
    const other = await bench.sigstore.certificate();
    const told = { verifier: other, signature: Buffer.alloc(70, 1), payload: Buffer.from('{}') };
    const { run } = await bench.verdictOn(({ digest }) =>
      bench.sigstore.bundle(signStatement(digest), { signer, entry, told: { [lie]: told[lie] } }),
    );
    expectDenied(run, 'IMAGE_SIGNATURE_UNTRUSTED');
  });

  it.each(['verifier', 'signature', 'payload'] as const)('an entry of the second log with another %s', async (lie) => {
    const signer = await bench.sigstore.certificate();
    const told = {
      verifier: await bench.sigstore.certificate(),
      signature: Buffer.alloc(70, 1),
      payload: Buffer.from('{}'),
    };
    const make =
      (lied: object) =>
      ({ digest }: PushedImage) =>
        bench.sigstore.bundle(signStatement(digest), { signer, log: 'v2', timestamp: true, told: lied });
    const trust = keyless(undefined, { rfc3161timestamp: { trustRootRef: 'corp' } });
    const honest = await bench.verdictOn(make({}), trust);
    expectAllowed(honest.run, honest.image);
    expectDenied((await bench.verdictOn(make({ [lie]: told[lie] }), trust)).run, 'IMAGE_SIGNATURE_UNTRUSTED');
  });

  it('an entry that somebody else had logged for a key that the platform trusts', async () => {
    const trust = policy([byKey(bench.key, { ctlog: { trustRootRef: 'corp' } })]);
    const bundleFor =
      (told: object) =>
      ({ digest }: PushedImage) =>
        bench.sigstore.bundle(signStatement(digest), { signer: bench.key, told });
    const honest = await bench.verdictOn(bundleFor({}), trust);
    expectAllowed(honest.run, honest.image);
    expectDenied(
      (await bench.verdictOn(bundleFor({ verifier: bench.strangerKey }), trust)).run,
      'IMAGE_SIGNATURE_UNTRUSTED',
    );
  });

  it.each<[string, (image: PushedImage, signer: Certified) => Bundle]>([
    [
      "a stranger's log",
      ({ digest }, signer) => bench.sigstore.bundle(signStatement(digest), { signer, log: bench.stranger.rekor }),
    ],
    [
      'no log',
      ({ digest }, signer) => bench.sigstore.bundle(signStatement(digest), { signer, log: 'none', timestamp: true }),
    ],
  ])('%s', async (_, bundleFor) => {
    const signer = await bench.sigstore.certificate();
    expectDenied((await bench.verdictOn((image) => bundleFor(image, signer))).run, 'IMAGE_SIGNATURE_UNTRUSTED');
  });

  it('a legacy signature whose entry is of another one', async () => {
    const signer = await bench.sigstore.certificate();
    for (const told of [
      {},
      { payload: Buffer.from('{}') },
      { signature: Buffer.alloc(70, 1) },
      { verifier: bench.key },
    ]) {
      const image = await bench.newImage();
      await putLayers(image, [bench.sigstore.legacySignature(image.digest, { signer, told })]);
      const run = await bench.judge({ runs: image, trust: keyless(), root: bench.root() });
      if (Object.keys(told).length === 0) expectAllowed(run, image);
      else expectDenied(run, 'IMAGE_SIGNATURE_UNTRUSTED');
    }
  });
});

describe('rule 12: a key is no certificate, and a certificate no key [GHSA-fx35-mq7g-6g98]', () => {
  it('a bare key where an identity is asked for, in either format', async () => {
    const { image, run } = await bench.verdictOn(({ digest }) =>
      bench.sigstore.bundle(signStatement(digest), { signer: bench.key }),
    );
    expectDenied(run, 'IMAGE_SIGNATURE_INVALID', 'step 2');
    const legacy = bench.sigstore.legacySignature(image.digest, { signer: bench.key });
    for (const certificate of ['', `-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n`]) {
      const other = await bench.newImage();
      const layer = bench.sigstore.legacySignature(other.digest, { signer: bench.key });
      const annotations = {
        ...layer.annotations,
        ...(certificate === '' ? {} : { 'dev.sigstore.cosign/certificate': certificate }),
      };
      await putLayers(other, [{ ...layer, annotations }]);
      const verdict = await bench.judge({ runs: other, trust: keyless(), root: bench.root() });
      expect(verdict.exitCode, verdict.stderr).toBe(1);
    }
    expect(legacy.annotations).not.toHaveProperty('dev.sigstore.cosign/certificate');
  });

  it('a certificate of the trusted key where the bare key is asked for', async () => {
    const signer = await bench.sigstore.certificate({ key: bench.key });
    const trust = policy([byKey(bench.key)]);
    const { run } = await bench.verdictOn(
      ({ digest }) => bench.sigstore.bundle(signStatement(digest), { signer }),
      trust,
    );
    expectDenied(run, 'IMAGE_SIGNATURE_INVALID', 'step 2');
  });

  it('a self-signed certificate with the right identity', async () => {
    const own = await bench.stranger.certificate();
    const { run } = await bench.verdictOn(({ digest }) =>
      bench.sigstore.bundle(signStatement(digest), { signer: own }),
    );
    expectDenied(run, 'IMAGE_SIGNATURE_UNTRUSTED');
  });
});
