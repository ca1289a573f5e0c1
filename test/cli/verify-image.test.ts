import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSandbox, type Sandbox } from '../support/cli.ts';
import { type Cosign, openCosign, type SigningKey } from '../support/cosign.ts';
import { type PushedImage, pushImage, type RunningRegistry, startRegistry } from '../support/registry.ts';

/** `syncgate verify-image` as a person uses it, over images that the real cosign signed. */

let cosign: Cosign;
let registry: RunningRegistry;
let sandbox: Sandbox;
let key: SigningKey;
let other: SigningKey;
let image: PushedImage;
let unsigned: PushedImage;
let strangers: PushedImage;

beforeAll(async () => {
  cosign = openCosign();
  registry = await startRegistry();
  sandbox = createSandbox();
  [key, other] = [await cosign.key('p256'), await cosign.key('ed25519')];
  image = await pushImage(registry.host, 'team/app', 'v1');
  unsigned = await pushImage(registry.host, 'team/unsigned', 'v1');
  await cosign.sign(image.pinned, key, { cosign: 3, format: 'bundle' });
  strangers = await pushImage(registry.host, 'team/strangers', 'v1');
  await cosign.sign(strangers.pinned, key, { cosign: 3, format: 'bundle' });
  await cosign.sign(image.pinned, other, { cosign: 2, format: 'legacy' });
  await cosign.attest(image.pinned, key, {
    cosign: 3,
    format: 'bundle',
    predicateType: 'https://slsa.dev/provenance/v1',
  });
  sandbox.write({
    'platform/gate.yaml': gate('trust'),
    'platform/warn.yaml': gate('warn'),
    'platform/aged.yaml': gate('trust', { maxAge: [{ policy: 'release', days: 30 }] }),
    'platform/trust/release.yaml': policy('release', key.publicPem),
    'platform/trust/elsewhere.yaml': policy('elsewhere', other.publicPem, { images: [{ glob: 'ghcr.io/**' }] }),
    'platform/warn/release.yaml': policy('release', key.publicPem, { mode: 'warn' }),
    'key.pub': key.publicPem,
    'other.pub': other.publicPem,
  });
});

afterAll(async () => {
  sandbox[Symbol.dispose]();
  cosign[Symbol.dispose]();
  await registry.stop();
});

const policy = (name: string, pem: string, more: object = {}) =>
  JSON.stringify({
    apiVersion: 'policy.sigstore.dev/v1beta1',
    kind: 'ClusterImagePolicy',
    metadata: { name },
    spec: { images: [{ glob: '**' }], authorities: [{ key: { data: pem }, ctlog: {} }], ...more },
  });
const gate = (trust: string, more: object = {}) =>
  JSON.stringify({
    apiVersion: 'syncgate.dev/v1alpha1',
    kind: 'Gate',
    metadata: { name: 'test' },
    spec: {
      policies: [],
      images: { trust: [{ path: trust }], unmatched: 'deny', pin: true, ...more },
      registries: [{ host: registry.host, plainHttp: true }],
    },
  });

const run = (...args: string[]) => sandbox.run(['verify-image', ...args], { cwd: sandbox.path });
const withGate = ['--config', 'platform/gate.yaml'];

describe('verify-image', () => {
  it('by the policies of the Gate tells who signed, what was found and what was refused', async () => {
    const { exitCode, stdout, stderr, leftFiles, leftProcesses } = await run(image.tagged, ...withGate);
    expect(stderr).toBe('');
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`VERIFIED ${image.tagged} is ${image.digest}`);
    expect(stdout).toMatch(/ClusterImagePolicy release, authority authority-0: signed by key SHA256:[0-9a-f]{16}/);
    expect(stdout).toMatch(/found: cosign signature \(layer 0 of tag sha256-.*Sigstore bundle/);
    expect([leftFiles, leftProcesses]).toEqual([[], []]);
  });

  it('explains which policies match, and at which step each signature was refused', async () => {
    const { exitCode, stdout } = await run(unsigned.tagged, image.pinned, ...withGate, '--explain');
    expect(exitCode).toBe(1);
    expect(stdout).toContain(`REFUSED ${unsigned.tagged}`);
    expect(stdout).toContain('IMAGE_UNSIGNED');
    expect(stdout).toMatch(/policy ClusterImagePolicy release \(.*release.yaml.*\) applies: \*\* matches /);
    expect(stdout).toMatch(
      /policy ClusterImagePolicy elsewhere .* does not apply: none of its images \(ghcr.io\/\*\*\)/,
    );
  });

  it('explains why what is signed does not count where its age is limited, and what to do', async () => {
    const { exitCode, stdout } = await run(image.tagged, '--config', 'platform/aged.yaml', '--explain');
    expect(exitCode).toBe(1);
    expect(stdout).toContain('IMAGE_SIGNATURE_TOO_OLD');
    expect(stdout).toContain('no log or timestamp says when it was made');
    expect(stdout).toContain('(ctlog, rfc3161timestamp)');
    expect(stdout).toContain('step 12');
  });

  it('with a key needs no Gate but for its registries, in a thread where the work is not small', async () => {
    for (const file of ['key.pub', 'other.pub']) {
      const { exitCode, stdout } = await run(image.pinned, '--key', file, ...withGate);
      expect(stdout).toContain(`VERIFIED ${image.pinned}`);
      expect(exitCode).toBe(0);
    }
    const refused = await run(unsigned.pinned, '--key', 'key.pub', ...withGate);
    expect(refused.exitCode).toBe(1);
  });

  it('asks for attestations by type', async () => {
    const there = await run(image.pinned, '--key', 'key.pub', '--type', 'slsaprovenance1', ...withGate);
    expect(there.stdout).toMatch(/https:\/\/slsa\.dev\/provenance\/v1 attested by key SHA256:/);
    expect(there.exitCode).toBe(0);
    const missing = await run(image.pinned, '--key', 'key.pub', '--type', 'spdx', ...withGate);
    expect(missing.stdout).toContain('IMAGE_ATTESTATION_MISSING');
    expect(missing.exitCode).toBe(1);
    const strangers = await run(image.pinned, '--key', 'other.pub', '--type', 'slsaprovenance1', ...withGate);
    expect(strangers.exitCode).toBe(1);
  });

  it('prints JSON with the same in it', async () => {
    const { exitCode, stdout } = await run(image.tagged, ...withGate, '--output', 'json');
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      schema: 'syncgate.dev/verification/v1alpha1',
      images: [
        {
          reference: image.tagged,
          digest: image.digest,
          verdict: 'verified',
          signed: true,
          policies: [
            { rule: 'ClusterImagePolicy elsewhere', applies: false },
            { rule: 'ClusterImagePolicy release', applies: true, outcome: 'vouched' },
          ],
        },
      ],
    });
  });

  it('never calls an image verified of which a policy only warns', async () => {
    const { exitCode, stdout } = await run(unsigned.tagged, '--config', 'platform/warn.yaml');
    expect(stdout).toContain('NOT VERIFIED (its policies only warn)');
    expect(stdout).toContain('warning IMAGE_UNSIGNED');
    expect(exitCode).toBe(1);
  });

  it('does not call an image verified that a policy lets pass unsigned', async () => {
    const pass = { authorities: [{ static: { action: 'pass' } }] };
    sandbox.write({
      'platform/pass/pass.yaml': policy('pass', key.publicPem, pass),
      'platform/pass.yaml': gate('pass'),
    });
    const { exitCode, stdout } = await run(unsigned.tagged, '--config', 'platform/pass.yaml');
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^NOT VERIFIED \(its policies ask for no signature\) /);
    const json = await run(image.tagged, unsigned.tagged, '--config', 'platform/pass.yaml', '-o', 'json');
    expect(JSON.parse(json.stdout).images).toMatchObject([{ signed: false }, { signed: false }]);
  });

  it('calls what could not be judged so, and claims nothing about what hangs on it', async () => {
    const registries = [{ host: '127.0.0.1:1', plainHttp: true }];
    const metadata = { name: 'stopped' };
    const spec = { policies: [], images: 'unchecked', registries };
    const stopped = { apiVersion: 'syncgate.dev/v1alpha1', kind: 'Gate', metadata, spec };
    sandbox.write({ 'platform/stopped.yaml': JSON.stringify(stopped) });
    const asked = ['127.0.0.1:1/team/app:v1', '--key', 'key.pub', '--config', 'platform/stopped.yaml'];
    const { exitCode, stdout } = await run(...asked);
    expect(stdout).toMatch(/^NOT EVALUATED 127\.0\.0\.1:1\/team\/app:v1\n {2}error REGISTRY_UNREACHABLE [^\n]*\n$/);
    expect(exitCode).toBe(2);
  });

  it('tells why it refused once, and who signed instead', async () => {
    const { exitCode, stdout } = await run(strangers.pinned, '--key', 'other.pub', ...withGate);
    expect(stdout).toMatch(/it says that it is by key SHA256:[0-9a-f]{16}, which the policy does not name/);
    expect(stdout.match(/it says that it is by/g)).toHaveLength(1);
    expect(stdout).toMatch(/^ {2}found: Sigstore bundle \(referrer sha256:[0-9a-f]{12}…\)$/m);
    expect(exitCode).toBe(1);
  });

  it('warns about policies that hardly say what was meant, beside what it prints', async () => {
    const careless = { authorities: [{ key: { data: key.publicPem } }] };
    sandbox.write({
      'platform/careless/careless.yaml': policy('careless', key.publicPem, careless),
      'platform/careless.yaml': gate('careless'),
    });
    for (const output of ['text', 'json']) {
      const asked = ['--config', 'platform/careless.yaml', '--output', output];
      const { exitCode, stderr, stdout } = await run(image.pinned, ...asked);
      expect(stderr).toMatch(
        /^warning IMAGE_POLICY_HAZARD \[ClusterImagePolicy careless\] [^\n]*without ctlog[^\n]*\n$/,
      );
      expect(stdout).not.toContain('IMAGE_POLICY_HAZARD');
      expect(exitCode).toBe(0);
    }
  });

  it('says which name no policy matches', async () => {
    sandbox.write({
      'platform/elsewhere/only.yaml': policy('elsewhere', other.publicPem, { images: [{ glob: 'ghcr.io/**' }] }),
      'platform/elsewhere.yaml': gate('elsewhere'),
    });
    const { exitCode, stdout } = await run('nginx', '--config', 'platform/elsewhere.yaml');
    expect(stdout).toContain('NOT VERIFIED (no policy matches it) nginx');
    expect(stdout).toContain('no glob of a policy matches index.docker.io/library/nginx:latest');
    expect(exitCode).toBe(1);
  });

  it('says 2 for what could not be judged, and 3 for what was asked wrongly', async () => {
    expect((await run('127.0.0.1:1/team/app:v1', '--key', 'key.pub')).exitCode).not.toBe(0);
    expect((await run(`${registry.host}/team/none:v1`, '--key', 'key.pub', ...withGate)).exitCode).toBe(1);
    for (const args of [
      [],
      [image.tagged, '--certificate-identity', 'me'],
      [image.tagged, '--key', 'key.pub', '--certificate-identity', 'me'],
      [image.tagged, '--key', 'none.pub', ...withGate],
      [image.tagged, '--type', 'spdx', ...withGate],
      [image.tagged, '--config', 'platform/none.yaml'],
      ['Not An Image', ...withGate],
    ]) {
      const { exitCode, stdout } = await run(...args);
      expect([args, stdout, exitCode === 0]).toEqual([args, '', false]);
    }
  });
});
