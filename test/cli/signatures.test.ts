import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Code } from '../../src/core/errors.ts';
import { createSandbox, gateText } from '../support/cli.ts';
import { type Cosign, openCosign, type SigningKey } from '../support/cosign.ts';
import { expectRefusal } from '../support/refusal.ts';
import { crane, type PushedImage, pushImage, type RunningRegistry, startRegistry } from '../support/registry.ts';
import { podOf, policyOf, signedSandbox, verifyingGate } from '../support/signed-application.ts';

let registry: RunningRegistry;
let cosign: Cosign;
let key: SigningKey;
let otherKey: SigningKey;

beforeAll(async () => {
  registry = await startRegistry();
  cosign = openCosign();
  key = await cosign.key();
  otherKey = await cosign.key();
});

afterAll(async () => {
  cosign[Symbol.dispose]();
  await registry.stop();
});

const commands = ['render', 'generate'] as const;
const formats = ['legacy', 'bundle'] as const;

function pushed(name: string): Promise<PushedImage> {
  return pushImage(registry.host, `team/${name}`, 'v1', `${name} ${Math.random()}`);
}

function signatureTag(image: PushedImage): string {
  return `${image.host}/${image.repository}:${image.digest.replace(':', '-')}.sig`;
}

/** Rewrites the manifest of a legacy signature, as whoever may push to the registry can. */
async function rewriteSignature(
  image: PushedImage,
  change: (manifest: LegacyManifest) => void | Promise<void>,
): Promise<void> {
  const manifest = JSON.parse(await crane('manifest', signatureTag(image))) as LegacyManifest;
  await change(manifest);
  const url = `http://${image.host}/v2/${image.repository}/manifests/${image.digest.replace(':', '-')}.sig`;
  const headers = { 'content-type': 'application/vnd.oci.image.manifest.v1+json' };
  expect((await fetch(url, { method: 'PUT', headers, body: JSON.stringify(manifest) })).status).toBe(201);
}

interface LegacyManifest {
  layers: { digest: string; size: number; annotations: Record<string, string> }[];
}

const signatureKey = 'dev.cosignproject.cosign/signature';

async function expectRefused(image: PushedImage, code: Code, publicPem = key.publicPem): Promise<void> {
  for (const command of commands) {
    using sandbox = signedSandbox(image.tagged, publicPem, [registry.host]);
    const run = await sandbox.judge(command);
    expectRefusal(command, run, sandbox, { codes: [code], says: [image.tagged, 'app/pod.yaml:8:14', 'release'] });
  }
}

describe.each(formats)('an image that is signed (%s)', (format) => {
  it('is let out, pinned to what was verified', async () => {
    const image = await pushed(`good-${format}`);
    await cosign.sign(image.pinned, key, { cosign: 3, format });
    using sandbox = signedSandbox(image.tagged, key.publicPem, [registry.host]);
    for (const command of commands) {
      const run = await sandbox.judge(command);
      expect(run, run.stderr).toMatchObject({ exitCode: 0, leftFiles: [], leftProcesses: [] });
      expect(JSON.parse(run.stdout).spec.containers[0].image).toBe(`${image.tagged}@${image.digest}`);
    }
  });

  it('by another key is refused', async () => {
    const image = await pushed(`other-key-${format}`);
    await cosign.sign(image.pinned, otherKey, { cosign: 3, format });
    await expectRefused(image, 'IMAGE_SIGNATURE_OTHER_KEY');
  });

  it('by nobody is refused', async () => expectRefused(await pushed(`unsigned-${format}`), 'IMAGE_UNSIGNED'));
});

describe('a signature', () => {
  it('whose bytes were altered is refused', async () => {
    const image = await pushed('altered');
    await cosign.sign(image.pinned, key, { cosign: 3, format: 'legacy' });
    await rewriteSignature(image, ({ layers: [layer] }) => {
      if (layer === undefined) throw new Error('no signature was written');
      const bytes = Buffer.from(layer.annotations[signatureKey] as string, 'base64');
      bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
      layer.annotations[signatureKey] = bytes.toString('base64');
    });
    await expectRefused(image, 'IMAGE_SIGNATURE_OTHER_KEY');
  });

  it('that is no signature at all is refused', async () => {
    const image = await pushed('garbage');
    await cosign.sign(image.pinned, key, { cosign: 3, format: 'legacy' });
    await rewriteSignature(image, ({ layers: [layer] }) => {
      if (layer !== undefined) layer.annotations[signatureKey] = '!!!';
    });
    await expectRefused(image, 'IMAGE_SIGNATURE_INVALID');
  });

  it('for another digest, copied beside this one, is refused', async () => {
    const [signed, unsigned] = [await pushed('copied-from'), await pushed('copied-to')];
    await cosign.sign(signed.pinned, key, { cosign: 3, format: 'legacy' });
    await crane('copy', signatureTag(signed), signatureTag(unsigned));
    await expectRefused(unsigned, 'IMAGE_SIGNATURE_OTHER_DIGEST');
  });

  it('that is an attestation of something else by the right key is refused', async () => {
    const image = await pushed('attested');
    await cosign.attest(image.pinned, key, {
      cosign: 3,
      format: 'bundle',
      predicateType: 'https://example.com/notes/v1',
    });
    await expectRefused(image, 'IMAGE_NOT_A_SIGNATURE');
  });

  it('of the old digest does not hold for what the tag points to now', async () => {
    const image = await pushed('moved');
    await cosign.sign(image.pinned, key, { cosign: 3, format: 'bundle' });
    await pushImage(registry.host, image.repository, 'v1', 'another content');
    await expectRefused(image, 'IMAGE_UNSIGNED');
  });
});

describe('of several images', () => {
  it('one that is refused withholds them all, and each that is refused is told', async () => {
    const [good, bad, worse] = [
      await pushed('several-good'),
      await pushed('several-bad'),
      await pushed('several-worse'),
    ];
    await cosign.sign(good.pinned, key, { cosign: 3, format: 'bundle' });
    await cosign.sign(worse.pinned, otherKey, { cosign: 3, format: 'bundle' });
    using sandbox = signedSandbox(good.tagged, key.publicPem, [registry.host]);
    sandbox.write({ 'repo/app/b.yaml': podOf(bad.tagged, 'b'), 'repo/app/c.yaml': podOf(worse.tagged, 'c') });
    for (const command of commands) {
      const run = await sandbox.judge(command);
      expectRefusal(command, run, sandbox, {
        codes: ['IMAGE_UNSIGNED', 'IMAGE_SIGNATURE_OTHER_KEY'],
        says: ['app/b.yaml:8:14', 'app/c.yaml:8:14'],
      });
    }
  });
});

describe('a key of the platform', () => {
  const image = 'registry.example.com/team/web:v1';

  function keySandbox(policy: string, files: Readonly<Record<string, string>> = {}) {
    const sandbox = createSandbox({ 'app/pod.yaml': podOf(image) });
    sandbox.write({ 'platform/gate.yaml': gateText(verifyingGate([])), 'platform/trust/release.yaml': policy });
    sandbox.write(Object.fromEntries(Object.entries(files).map(([name, text]) => [`platform/trust/${name}`, text])));
    return sandbox;
  }

  function policyWith(authority: object): string {
    const policy = JSON.parse(policyOf('')) as { spec: { authorities: object[] } };
    policy.spec.authorities = [{ name: 'team', ...authority }];
    return JSON.stringify(policy, undefined, 2);
  }

  const bySecret = policyWith({ key: { secretRef: { name: 'team-key' } } });
  /** The base64 of a private key, which no message may hold. */
  const inside = () => otherKey.privatePem.split('\n')[1] as string;

  it.each<[string, () => string, () => Readonly<Record<string, string>>, Code, string]>([
    ['is in a file that is not there', () => bySecret, () => ({}), 'IMAGE_KEY_INVALID', 'team-key'],
    [
      'is in a file that holds no key',
      () => bySecret,
      () => ({ 'team-key.pub': 'hello\n' }),
      'IMAGE_KEY_INVALID',
      'team-key',
    ],
    ['is in an empty file', () => bySecret, () => ({ 'team-key.pub': '' }), 'IMAGE_KEY_INVALID', 'team-key'],
    [
      'is two keys',
      () => bySecret,
      () => ({ 'team-key.pub': key.publicPem + otherKey.publicPem }),
      'IMAGE_KEY_INVALID',
      'team-key',
    ],
    [
      'is a private key by mistake',
      () => bySecret,
      () => ({ 'team-key.pub': otherKey.privatePem }),
      'IMAGE_KEY_PRIVATE',
      'team-key',
    ],
    [
      'is a private key of cosign by mistake',
      () => bySecret,
      () => ({
        'team-key.pub': `-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n${inside()}\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n`,
      }),
      'IMAGE_KEY_PRIVATE',
      'team-key',
    ],
    ['is no key in the policy itself', () => policyOf('hello'), () => ({}), 'IMAGE_KEY_INVALID', 'trust/release.yaml'],
    [
      'is a private key in the policy itself',
      () => policyOf(otherKey.privatePem),
      () => ({}),
      'IMAGE_KEY_PRIVATE',
      'trust/release.yaml',
    ],
    [
      'is kept where nothing is asked',
      () => policyWith({ key: { kms: 'awskms:///alias/a' } }),
      () => ({}),
      'IMAGE_POLICY_UNSUPPORTED',
      'kms',
    ],
    [
      'names whose certificates count, and nobody',
      () => policyWith({ keyless: { url: 'https://fulcio.sigstore.dev' } }),
      () => ({}),
      'IMAGE_POLICY_INVALID',
      'keyless',
    ],
    [
      'has a name that leaves the folder',
      () => policyWith({ key: { secretRef: { name: '../../repo/app/pod' } } }),
      () => ({}),
      'IMAGE_KEY_INVALID',
      '../../repo/app/pod',
    ],
    ['is missing', () => policyWith({}), () => ({}), 'IMAGE_POLICY_INVALID', 'authorities'],
    [
      'is spelled wrong',
      () => policyWith({ keys: { data: key.publicPem } }),
      () => ({}),
      'IMAGE_POLICY_INVALID',
      'keys',
    ],
  ])('that %s is an error of the configuration', async (_, policy, files, code, says) => {
    using sandbox = keySandbox(policy(), files());
    for (const command of commands) {
      const run = await sandbox.judge(command);
      expectRefusal(command, run, sandbox, { codes: [code], says: [says, /trust/], secrets: [inside()] });
    }
  });

  it('in the application’s own repository changes nothing', async () => {
    const mine = await pushed('self-signed');
    await cosign.sign(mine.pinned, otherKey, { cosign: 3, format: 'bundle' });
    using sandbox = signedSandbox(mine.tagged, key.publicPem, [registry.host]);
    sandbox.write({
      'repo/app/policy.yaml': policyOf(otherKey.publicPem),
      'repo/app/trust/policy.yaml': policyOf(otherKey.publicPem),
    });
    for (const command of commands) {
      const run = await sandbox.judge(command);
      expect(run, run.stderr).toMatchObject({ exitCode: 1, stdout: '' });
      expect(run.stderr).toContain('IMAGE_SIGNATURE_OTHER_KEY');
    }
  });
});
