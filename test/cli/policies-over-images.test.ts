/** Policies over objects that ask whether images are signed, besides those of the Gate that verify every image. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSandbox, gateText, type Sandbox } from '../support/cli.ts';
import { type Cosign, openCosign, type SigningKey } from '../support/cosign.ts';
import { expectRefusal } from '../support/refusal.ts';
import { type PushedImage, pushImage, type RunningRegistry, startRegistry } from '../support/registry.ts';
import { podOf, policyOf, verifyingGate } from '../support/signed-application.ts';

let registry: RunningRegistry;
let cosign: Cosign;
let release: SigningKey;
let audit: SigningKey;
let audited: PushedImage;
let released: PushedImage;

beforeAll(async () => {
  registry = await startRegistry();
  cosign = openCosign();
  [release, audit] = [await cosign.key(), await cosign.key()];
  [audited, released] = [
    await pushImage(registry.host, 'team/audited', 'v1', 'audited'),
    await pushImage(registry.host, 'team/released', 'v1', 'released'),
  ];
  for (const image of [audited, released]) await cosign.sign(image.pinned, release, { cosign: 3, format: 'legacy' });
  await cosign.sign(audited.pinned, audit, { cosign: 3, format: 'legacy' });
});

afterAll(async () => {
  cosign[Symbol.dispose]();
  await registry.stop();
});

const noLog = { insecureIgnoreTlog: true, insecureIgnoreSCT: true };

function imagePolicy(cosignPart: object): string {
  return JSON.stringify({
    apiVersion: 'policies.kyverno.io/v1',
    kind: 'ImageValidatingPolicy',
    metadata: { name: 'audited' },
    spec: {
      matchConstraints: {
        resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], operations: ['CREATE'] }],
      },
      attestors: [{ name: 'audit', cosign: cosignPart }],
      validations: [
        {
          expression: 'images.containers.all(i, verifyImageSignatures(i, [attestors.audit]) > 0)',
          message: 'not audited',
        },
      ],
    },
  });
}

function clusterPolicy(publicKeys: string): string {
  const keys = { publicKeys, rekor: { ignoreTlog: true }, ctlog: { ignoreSCT: true } };
  return JSON.stringify({
    apiVersion: 'kyverno.io/v1',
    kind: 'ClusterPolicy',
    metadata: { name: 'audited' },
    spec: {
      rules: [
        {
          name: 'by-auditors',
          match: { any: [{ resources: { kinds: ['Pod'] } }] },
          verifyImages: [{ imageReferences: ['*'], failureAction: 'Enforce', attestors: [{ entries: [{ keys }] }] }],
        },
      ],
    },
  });
}

function sandboxWith(image: string, policy: string, more: object = {}): Sandbox {
  const sandbox = createSandbox({ 'app/pod.yaml': podOf(image) });
  const gate = verifyingGate([registry.host], { policies: [{ path: 'policies' }], ...more });
  sandbox.write({
    'platform/gate.yaml': gateText(gate),
    'platform/trust/release.yaml': policyOf(release.publicPem),
    'platform/policies/images.json': policy,
  });
  return sandbox;
}

describe.each([
  ['an ImageValidatingPolicy', () => imagePolicy({ key: { data: audit.publicPem }, ctlog: noLog }), 'not audited'],
  ['a rule of verifyImages', () => clusterPolicy(audit.publicPem), 'failed to verify image'],
])('%s', (_, policy, message) => {
  it('lets out what its attestors signed too', async () => {
    using sandbox = sandboxWith(audited.tagged, policy());
    const run = await sandbox.judge('render');
    expect(run, run.stderr).toMatchObject({ exitCode: 0, leftFiles: [], leftProcesses: [] });
    expect(JSON.parse(run.stdout).spec.containers[0].image).toBe(`${audited.tagged}@${audited.digest}`);
  });

  it('withholds what they did not', async () => {
    using sandbox = sandboxWith(released.tagged, policy());
    const run = await sandbox.judge('render');
    expectRefusal('render', run, sandbox, { codes: ['POLICY_DENIED'], says: [message, 'Pod', 'audited'] });
  });

  it('is refused where the Gate verifies no images', async () => {
    using sandbox = sandboxWith(released.pinned, policy(), { images: 'unchecked' });
    const run = await sandbox.judge('render');
    expectRefusal('render', run, sandbox, { codes: ['POLICY_UNSUPPORTED'], says: ['policies/images.json'] });
  });
});

it('refuses an attestor that it cannot verify by, with its line', async () => {
  using sandbox = sandboxWith(released.tagged, imagePolicy({ key: { kms: 'awskms://alias/release' } }));
  const run = await sandbox.judge('render');
  expectRefusal('render', run, sandbox, {
    codes: ['IMAGE_POLICY_UNSUPPORTED'],
    says: ['policies/images.json:1', 'key service'],
  });
});
