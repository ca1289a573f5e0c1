import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Code } from '../../src/core/errors.ts';
import { publicPem } from '../checks/images/rules/bench.ts';
import { makeCertificates } from '../support/certificates.ts';
import type { CliRun } from '../support/cli.ts';
import { account, startDistribution } from '../support/distribution.ts';
import { type PushedImage, pushImage, type RunningRegistry, startRegistry } from '../support/registry.ts';
import { putBundle } from '../support/registry-objects.ts';
import { rootedSandbox } from '../support/signed-application.ts';
import { type Bundle, keyPair, openMockSigstore } from '../support/sigstore/mock.ts';
import { type PrivateSigstore, startSigstore } from '../support/sigstore/servers.ts';

/**
 * Keyless from end to end: certificates of a real Fulcio, entries of a real Rekor, timestamps of a real authority, signatures
 * of the real cosign in real registries, judged by the command.
 */

const email = 'dev@example.com';
const provenance = 'https://slsa.dev/provenance/v1';
let sigstore: PrivateSigstore;
let referrers: RunningRegistry;
let fallback: RunningRegistry;

beforeAll(async () => {
  sigstore = await startSigstore();
  referrers = await startRegistry();
  fallback = await startRegistry({ referrers: false });
});

afterAll(async () => {
  await fallback?.stop();
  await referrers?.stop();
  await sigstore?.stop();
});

interface Asked {
  readonly identities?: readonly object[];
  readonly root?: object;
  /** What is asked of the signature beyond the certificate. */
  readonly evidence?: object;
  readonly more?: object;
  readonly gate?: object;
  readonly platform?: Readonly<Record<string, string>>;
}

const both = { ctlog: { trustRootRef: 'corp' }, rfc3161timestamp: { trustRootRef: 'corp' } };

function policyOf({ identities, evidence = both, more }: Asked): string {
  const pairs = identities ?? [{ issuer: sigstore.issuer.url, subject: email }];
  // Fulcio has no certificate log here, so there is no timestamp of one to ask for.
  const keyless = { trustRootRef: 'corp', insecureIgnoreSCT: true, identities: pairs };
  return JSON.stringify({
    apiVersion: 'policy.sigstore.dev/v1beta1',
    kind: 'ClusterImagePolicy',
    metadata: { name: 'keyless' },
    spec: { images: [{ glob: '**' }], authorities: [{ name: 'team', keyless, ...evidence, ...more }] },
  });
}

async function judged(
  image: PushedImage,
  asked: Asked = {},
): Promise<{ readonly check: CliRun; readonly render: CliRun }> {
  const root = JSON.stringify(asked.root ?? sigstore.trustedRoot);
  using sandbox = rootedSandbox(image.tagged, policyOf(asked), root, [referrers.host, fallback.host], asked.gate);
  sandbox.write(
    Object.fromEntries(Object.entries(asked.platform ?? {}).map(([name, text]) => [`platform/${name}`, text])),
  );
  return { check: await sandbox.judge('check'), render: await sandbox.judge('render') };
}

async function expectAllowed(image: PushedImage, asked?: Asked): Promise<void> {
  const { check, render } = await judged(image, asked);
  expect(check.exitCode, check.stderr).toBe(0);
  expect(render.exitCode, render.stderr).toBe(0);
  expect(render.stdout).toContain(`${image.tagged}@${image.digest}`);
}

async function expectDenied(image: PushedImage, code: Code, asked?: Asked): Promise<void> {
  const { check, render } = await judged(image, asked);
  for (const run of [check, render]) {
    expect(run.exitCode, run.stderr).toBe(1);
    expect(run.stderr).toContain(code);
    expect(run.stdout).toBe('');
  }
}

let pushed = 0;
const newImage = (registry = referrers) => pushImage(registry.host, `team/keyless-${pushed++}`, 'v1');

describe('an image that was signed keyless is allowed', () => {
  it('in a registry with the referrers API and in one without', async () => {
    for (const registry of [referrers, fallback]) {
      const image = await newImage(registry);
      await expectDenied(image, 'IMAGE_UNSIGNED');
      await sigstore.sign(image.pinned, { email });
      await expectAllowed(image);
      expect(await sigstore.verify(image.pinned, { email })).toMatchObject({ accepted: true });
    }
  });

  it('in distribution, over TLS and signed in', async () => {
    const { ca, server } = makeCertificates();
    await using distribution = await startDistribution({ tls: server, auth: { kind: 'htpasswd' } });
    const auth = Buffer.from(`${account.username}:${account.password}`).toString('base64');
    const config = JSON.stringify({ auths: { [distribution.host]: { auth } } });
    const folder = mkdtempSync(join(tmpdir(), 'syncgate-test-docker-'));
    writeFileSync(join(folder, 'config.json'), config);
    try {
      const image = await pushImage(distribution.host, 'team/app', 'v1', 'app', { dockerConfig: folder });
      await sigstore.sign(image.pinned, { email, registry: { ca, ...account } });
      const gate = {
        registries: [{ host: distribution.host, ca: 'registry/ca.pem' }],
        registryCredentials: { dockerConfig: 'registry/config.json' },
      };
      const platform = { 'registry/ca.pem': ca, 'registry/config.json': config };
      await expectAllowed(image, { gate, platform });
      const other = { identities: [{ issuer: sigstore.issuer.url, subject: 'other@example.com' }] };
      await expectDenied(image, 'IMAGE_SIGNATURE_OTHER_IDENTITY', { gate, platform, ...other });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('by an expression, by the log or by the timestamp alone where that is all that is asked', async () => {
    const image = await newImage();
    await sigstore.sign(image.pinned, { email });
    const issuerRegExp = `^${sigstore.issuer.url.replaceAll('.', '\\.')}$`;
    await expectAllowed(image, { identities: [{ issuerRegExp, subjectRegExp: '^[a-z]+@example\\.com$' }] });
    await expectAllowed(image, { evidence: { rfc3161timestamp: { trustRootRef: 'corp' } } });
  });

  it('and so is one that was attested, where that is asked', async () => {
    const image = await newImage();
    const more = { attestations: [{ name: 'provenance', predicateType: provenance }] };
    await sigstore.sign(image.pinned, { email });
    await expectDenied(image, 'IMAGE_ATTESTATION_MISSING', { more });
    const runDetails = { builder: { id: 'https://builder.example' } };
    const buildDefinition = { buildType: 'https://build.example/v1', externalParameters: {} };
    await sigstore.attest(image.pinned, {
      email,
      predicateType: provenance,
      predicate: { buildDefinition, runDetails },
    });
    await expectAllowed(image, { more });
  });
});

describe('an image that was signed keyless is denied', () => {
  let image: PushedImage;
  let bundle: Bundle;
  beforeAll(async () => {
    image = await newImage();
    await sigstore.sign(image.pinned, { email });
    bundle = await bundleOf(image);
  });

  it.each<[string, () => Asked, Code]>([
    [
      'to another subject',
      () => ({ identities: [{ issuer: sigstore.issuer.url, subject: 'other@example.com' }] }),
      'IMAGE_SIGNATURE_OTHER_IDENTITY',
    ],
    [
      'to another issuer',
      () => ({ identities: [{ issuer: sigstore.issuer.otherUrl, subject: email }] }),
      'IMAGE_SIGNATURE_OTHER_IDENTITY',
    ],
    [
      'to the issuer of one pair and the subject of another',
      () => ({
        identities: [
          { issuer: sigstore.issuer.url, subject: 'other@example.com' },
          { issuer: sigstore.issuer.otherUrl, subject: email },
        ],
      }),
      'IMAGE_SIGNATURE_OTHER_IDENTITY',
    ],
    [
      'to an expression for another subject',
      () => ({ identities: [{ issuer: sigstore.issuer.url, subjectRegExp: '^ops@' }] }),
      'IMAGE_SIGNATURE_OTHER_IDENTITY',
    ],
  ])('%s', async (_, asked, code) => await expectDenied(image, code, asked()));

  it('under another trusted root', async () => {
    const stranger = (await openMockSigstore()).trustedRoot();
    await expectDenied(image, 'IMAGE_SIGNATURE_UNTRUSTED', { root: stranger });
  });

  it.each(['tlogs', 'certificateAuthorities', 'timestampAuthorities'])(
    'under the root without its %s',
    async (part) => {
      const root = { ...sigstore.trustedRoot, [part]: [] };
      const { check } = await judged(image, { root });
      expect(check.exitCode, check.stderr).not.toBe(0);
      expect(check.stdout).toBe('');
    },
  );

  it('where its certificate must carry a timestamp of a certificate log', async () => {
    const keyless = { trustRootRef: 'corp', identities: [{ issuer: sigstore.issuer.url, subject: email }] };
    await expectDenied(image, 'IMAGE_SIGNATURE_UNTRUSTED', { more: { keyless } });
  });

  it('without the timestamp that is asked for', async () => {
    const untimed = await newImage();
    const own = await resigned(untimed);
    await putBundle(untimed, {
      ...own,
      verificationMaterial: { ...own.verificationMaterial, timestampVerificationData: { rfc3161Timestamps: [] } },
    });
    await expectDenied(untimed, 'IMAGE_SIGNATURE_UNTRUSTED');
    // A log of the second version vouches for no time, so the log alone does not make up for it.
    await expectDenied(untimed, 'IMAGE_SIGNATURE_UNTRUSTED', { evidence: { ctlog: { trustRootRef: 'corp' } } });
  });

  it.each<[string, (bundle: Bundle) => void]>([
    ['its signature', ({ dsseEnvelope }) => flip(dsseEnvelope?.signatures[0] as { sig: string }, 'sig')],
    ['its payload', ({ dsseEnvelope }) => flip(dsseEnvelope as { payload: string }, 'payload')],
    [
      'its certificate',
      ({ verificationMaterial }) => flip(verificationMaterial.certificate as { rawBytes: string }, 'rawBytes'),
    ],
    [
      'its log entry',
      ({ verificationMaterial }) =>
        flip(verificationMaterial.tlogEntries[0] as { canonicalizedBody: string }, 'canonicalizedBody'),
    ],
    [
      'its proof',
      ({ verificationMaterial }) => {
        // Root and size beside the proof are nobody's word, and not read: those of the signed checkpoint count.
        const proof = verificationMaterial.tlogEntries[0]?.inclusionProof;
        if (proof !== undefined) proof.hashes[0] = flipped(proof.hashes[0] as string);
      },
    ],
    [
      'its checkpoint',
      ({ verificationMaterial }) => {
        const proof = verificationMaterial.tlogEntries[0]?.inclusionProof;
        if (proof !== undefined)
          proof.checkpoint.envelope = proof.checkpoint.envelope.replace(
            /\n(\d+)\n/,
            (_, size) => `\n${Number(size) + 1}\n`,
          );
      },
    ],
    [
      'its timestamp',
      ({ verificationMaterial }) =>
        flip(
          verificationMaterial.timestampVerificationData?.rfc3161Timestamps[0] as { signedTimestamp: string },
          'signedTimestamp',
        ),
    ],
  ])('where somebody changed %s', async (_, tamper) => {
    const target = await newImage();
    const own = await resigned(target);
    tamper(own);
    await putBundle(target, own);
    const { check, render } = await judged(target);
    for (const run of [check, render]) {
      expect(run.exitCode, run.stderr).toBe(1);
      expect(run.stdout).toBe('');
    }
  });

  it('where the signature is of another digest', async () => {
    const other = await newImage();
    await putBundle(other, bundle);
    await expectDenied(other, 'IMAGE_SIGNATURE_OTHER_DIGEST');
  });

  it('to a policy of a bare key', async () => {
    const policy = JSON.parse(policyOf({}));
    policy.spec.authorities = [{ name: 'key', key: { data: publicPem(keyPair()) } }];
    using sandbox = rootedSandbox(image.tagged, JSON.stringify(policy), undefined, [referrers.host]);
    const run = await sandbox.judge('render');
    expect(run.exitCode, run.stderr).toBe(1);
    expect(run.stdout).toBe('');
  });
});

/** A bundle of the image, signed by cosign in another registry, so that the image itself has none yet. */
async function resigned(image: PushedImage): Promise<Bundle> {
  const twin = await pushImage(fallback.host, image.repository, image.tag);
  expect(twin.digest).toBe(image.digest);
  await sigstore.sign(twin.pinned, { email });
  return await bundleOf(twin);
}

/** What cosign put beside an image: a referrer, or its fallback tag. */
async function bundleOf(image: PushedImage): Promise<Bundle> {
  const base = `http://${image.host}/v2/${image.repository}`;
  const accept = {
    headers: { accept: 'application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json' },
  };
  let listing = await fetch(`${base}/referrers/${image.digest}`);
  if (!listing.ok) listing = await fetch(`${base}/manifests/${image.digest.replace(':', '-')}`, accept);
  const { manifests } = (await listing.json()) as { manifests: { digest: string }[] };
  const manifest = (await (await fetch(`${base}/manifests/${manifests[0]?.digest}`, accept)).json()) as {
    layers: { digest: string }[];
  };
  return (await (await fetch(`${base}/blobs/${manifest.layers[0]?.digest}`)).json()) as Bundle;
}

/** Changes one bit in the middle of base64. */
function flipped(text: string): string {
  const bytes = Buffer.from(text, 'base64');
  const middle = Math.floor(bytes.length / 2);
  bytes[middle] = (bytes[middle] as number) ^ 1;
  return bytes.toString('base64');
}

function flip<Key extends string>(holder: Record<Key, string>, key: Key): void {
  holder[key] = flipped(holder[key]) as (typeof holder)[Key];
}
