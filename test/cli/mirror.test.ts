import {
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSandbox, gateText, type Sandbox } from '../support/cli.ts';
import { type Cosign, openCosign, type SigningKey } from '../support/cosign.ts';
import { failing, only, startHostileRegistry, wrongDigest } from '../support/hostile-registry.ts';
import {
  crane,
  type PushedImage,
  pushImage,
  pushIndex,
  type RunningRegistry,
  startRegistry,
} from '../support/registry.ts';
import { podOf, policyOf, verifyingGate } from '../support/signed-application.ts';

let cosign: Cosign;
let key: SigningKey;
beforeAll(async () => {
  cosign = openCosign();
  key = await cosign.key();
});
afterAll(() => cosign[Symbol.dispose]());

interface Signed {
  readonly registry: RunningRegistry;
  readonly legacy: PushedImage;
  readonly bundle: PushedImage;
  readonly index: PushedImage;
  readonly unsigned: PushedImage;
}

async function signed(referrers: boolean): Promise<Signed> {
  const registry = await startRegistry({ referrers });
  const legacy = await pushImage(registry.host, 'team/legacy', 'v1');
  await cosign.sign(legacy.pinned, key, { cosign: 2, format: 'legacy' });
  await cosign.attest(legacy.pinned, key, { cosign: 2, format: 'legacy', predicateType: 'https://example.com/t/v1' });
  const bundle = await pushImage(registry.host, 'team/bundle', 'v1');
  await cosign.sign(bundle.pinned, key, { cosign: 3, format: 'bundle' });
  await cosign.attest(bundle.pinned, key, { cosign: 3, format: 'bundle', predicateType: 'https://example.com/t/v1' });
  const unsigned = await pushImage(registry.host, 'team/index', 'amd64');
  const index = await pushIndex(registry.host, 'team/index', 'v1', [unsigned]);
  await cosign.sign(index.pinned, key, { cosign: 3, format: 'bundle' });
  return { registry, legacy, bundle, index, unsigned };
}

/** A sandbox whose Gate reads the host from the folder `mirror`, or over plain HTTP. */
function sandboxFor(host: string): Sandbox {
  const sandbox = createSandbox();
  sandbox.write({
    'platform/gate.yaml': gateText(verifyingGate([], { registries: [{ host, layout: `../mirror/${host}` }] })),
    'platform/network.yaml': gateText({ registries: [{ host, plainHttp: true }] }),
    'platform/trust/release.yaml': policyOf(key.publicPem),
  });
  return sandbox;
}

const mirror = (sandbox: Sandbox, ...references: readonly string[]) =>
  sandbox.run(['mirror', '--config', 'platform/network.yaml', ...references, 'mirror']);

/** Every file below the folder with its content. */
const contents = (folder: string) =>
  Object.fromEntries(
    globSync('**/*', { cwd: folder, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((path) => [path.slice(folder.length), readFileSync(path, 'latin1')]),
  );

describe.each([
  ['with the referrers API', true],
  ['without it', false],
])('a mirror of a registry %s', (_, referrers) => {
  let from: Signed;
  let sandbox: Sandbox;
  beforeAll(async () => {
    from = await signed(referrers);
    sandbox = sandboxFor(from.registry.host);
    const { legacy, bundle, index } = from;
    const run = await mirror(sandbox, legacy.tagged, bundle.pinned, index.tagged);
    expect(run, run.stderr).toMatchObject({ exitCode: 0, stderr: '', leftFiles: [] });
    expect(run.stdout).toContain(`${legacy.tagged} is ${legacy.digest}`);
    expect(run.stdout).toContain(`layout: ${sandbox.path}/mirror/${from.registry.host}`);
    await from.registry.stop();
  });
  afterAll(() => sandbox?.[Symbol.dispose]());

  it.each<['legacy' | 'bundle' | 'index', 'tagged' | 'pinned']>([
    ['legacy', 'tagged'],
    ['legacy', 'pinned'],
    ['bundle', 'pinned'],
    ['index', 'tagged'],
    ['index', 'pinned'],
  ])('verifies the image that was signed (%s, %s) with the registry gone', async (name, form) => {
    sandbox.write({ 'repo/app/pod.yaml': podOf(from[name][form]) });
    const run = await sandbox.judge('render');
    expect(run, run.stderr).toMatchObject({ exitCode: 0 });
    expect(run.stdout).toContain(from[name].digest);
  });

  it('does not have what was not copied', async () => {
    sandbox.write({ 'repo/app/pod.yaml': podOf(from.bundle.tagged) });
    const run = await sandbox.judge('render');
    expect(run).toMatchObject({ exitCode: 1, stdout: '' });
    expect(run.stderr).toContain('IMAGE_NOT_FOUND');
  });

  it('has no signature for what had none', async () => {
    sandbox.write({ 'repo/app/pod.yaml': podOf(from.unsigned.pinned) });
    const run = await sandbox.judge('render');
    expect(run).toMatchObject({ exitCode: 1, stdout: '' });
    expect(run.stderr).toContain('IMAGE_UNSIGNED');
  });

  it('holds both tags of the old format, and the new one by what refers to the image', () => {
    const listed = (name: string): { annotations?: Record<string, string>; artifactType?: string }[] =>
      JSON.parse(readFileSync(join(sandbox.path, 'mirror', from.registry.host, 'team', name, 'index.json'), 'utf8'))
        .manifests;
    const tags = listed('legacy').map(({ annotations }) => annotations?.['org.opencontainers.image.ref.name']);
    const prefix = from.legacy.digest.replace(':', '-');
    expect(tags).toEqual([`${prefix}.att`, `${prefix}.sig`, 'v1']);
    const bundles = listed('bundle').filter(({ artifactType }) => artifactType?.includes('sigstore.bundle'));
    expect(bundles).toHaveLength(2);
  });

  it('holds manifests, configurations and signatures, and no layer', () => {
    for (const name of ['legacy', 'bundle', 'index']) {
      const blobs = join(sandbox.path, 'mirror', from.registry.host, 'team', name, 'blobs/sha256');
      for (const blob of readdirSync(blobs)) {
        expect(() => JSON.parse(readFileSync(join(blobs, blob), 'utf8')), blob).not.toThrow();
      }
    }
  });
});

describe('mirroring', () => {
  let from: Signed;
  beforeAll(async () => {
    from = await signed(true);
  });
  afterAll(async () => from?.registry.stop());

  it('gives the same folder whatever the order, and also a second time', async () => {
    const { legacy, bundle, index } = from;
    using first = sandboxFor(from.registry.host);
    using second = sandboxFor(from.registry.host);
    await mirror(first, legacy.tagged, bundle.tagged, index.tagged);
    await mirror(second, index.tagged);
    await mirror(second, bundle.tagged, legacy.tagged);
    const filled = contents(join(first.path, 'mirror'));
    expect(Object.keys(filled).length).toBeGreaterThan(15);
    expect(contents(join(second.path, 'mirror'))).toEqual(filled);
    const again = await mirror(first, legacy.tagged, bundle.tagged, index.tagged);
    expect(again.stdout.match(/, 0 of them new/g)).toHaveLength(3);
    expect(contents(join(first.path, 'mirror'))).toEqual(filled);
  });

  it('copies anew only what is new, and asks for no body twice', async () => {
    await using front = await startHostileRegistry({ upstream: from.registry.host });
    using sandbox = sandboxFor(front.host);
    const image = `${front.host}/team/bundle:v1`;
    await mirror(sandbox, image);
    const bodies = () => front.seen.filter(({ url }) => /sha256:/.test(url) && !url.includes('/referrers/'));
    expect(bodies().length).toBeGreaterThan(4);
    front.behave();
    await mirror(sandbox, image);
    expect(bodies()).toEqual([]);
    await cosign.attest(from.bundle.pinned, key, {
      cosign: 3,
      format: 'bundle',
      predicateType: 'https://example.com/second/v1',
    });
    const run = await mirror(sandbox, image);
    expect(run.stdout).toMatch(/, 2 of them new/);
  });

  it('forgets a signature that is gone, and follows a tag that has moved', async () => {
    await using registry = await startRegistry();
    const old = await pushImage(registry.host, 'team/app', 'v1', 'old');
    await cosign.sign(old.pinned, key, { cosign: 3, format: 'bundle' });
    await using front = await startHostileRegistry({ upstream: registry.host });
    using sandbox = sandboxFor(front.host);
    const image = `${front.host}/team/app:v1`;
    const listed = () =>
      JSON.parse(readFileSync(join(sandbox.path, 'mirror', front.host, 'team/app/index.json'), 'utf8')).manifests;
    await mirror(sandbox, image);
    expect(listed()).toHaveLength(2);
    front.behave(
      only(/referrers/, (_, response) => {
        response.writeHead(200, { 'content-type': 'application/vnd.oci.image.index.v1+json' });
        return response.end('{"schemaVersion":2,"manifests":[]}');
      }),
    );
    await mirror(sandbox, image);
    expect(listed()).toHaveLength(1);
    const moved = await pushImage(registry.host, 'team/app', 'v1', 'new');
    await mirror(sandbox, image);
    expect(listed()).toMatchObject([{ digest: moved.digest }]);
  });

  it('leaves what was there as it was where the registry fails, and copies the others', async () => {
    await using front = await startHostileRegistry({ upstream: from.registry.host });
    using sandbox = sandboxFor(front.host);
    const [legacy, bundle] = [`${front.host}/team/legacy:v1`, `${front.host}/team/bundle:v1`];
    await mirror(sandbox, legacy);
    const before = contents(join(sandbox.path, 'mirror', front.host, 'team/legacy'));
    front.behave(only(/team\/legacy\/manifests\/sha256-/, failing));
    const run = await mirror(sandbox, legacy, bundle);
    expect(run.exitCode).toBe(2);
    expect(run.stderr).toMatch(/^REGISTRY_FAILED .*team\/legacy/);
    expect(run.stdout).toContain(`${bundle} is ${from.bundle.digest}`);
    expect(contents(join(sandbox.path, 'mirror', front.host, 'team/legacy'))).toEqual(before);
  });

  it('copies nothing that does not have its digest', async () => {
    await using front = await startHostileRegistry({ upstream: from.registry.host });
    using sandbox = sandboxFor(front.host);
    front.behave(only(/\/blobs\//, wrongDigest(from.registry.host)));
    const run = await mirror(sandbox, `${front.host}/team/bundle:v1`);
    expect(run.exitCode).toBe(1);
    expect(run.stderr).toContain('REGISTRY_DIGEST_MISMATCH');
    expect(existsSync(join(sandbox.path, 'mirror', front.host, 'team/bundle/index.json'))).toBe(false);
  });

  it('mends a blob that was changed', async () => {
    using sandbox = sandboxFor(from.registry.host);
    await mirror(sandbox, from.legacy.tagged);
    const blobs = join(sandbox.path, 'mirror', from.registry.host, 'team/legacy/blobs/sha256');
    const blob = join(blobs, from.legacy.digest.slice(7));
    const right = readFileSync(blob);
    writeFileSync(blob, 'x');
    await mirror(sandbox, from.legacy.tagged);
    expect(readFileSync(blob)).toEqual(right);
  });

  it('takes signatures from where a policy says that they are', async () => {
    const { host } = from.registry;
    const tag = `${from.legacy.digest.replace(':', '-')}.sig`;
    await crane('copy', `${host}/team/legacy:${tag}`, `${host}/team/signatures:${tag}`);
    using sandbox = sandboxFor(host);
    const run = await mirror(sandbox, '--source', `${host}/team/signatures`, from.legacy.pinned);
    expect(run, run.stderr).toMatchObject({ exitCode: 0 });
    const index = readFileSync(join(sandbox.path, 'mirror', host, 'team/signatures/index.json'), 'utf8');
    expect(JSON.parse(index).manifests).toMatchObject([{ annotations: { 'org.opencontainers.image.ref.name': tag } }]);
  });

  it('writes through no link that the folder came with', async () => {
    using sandbox = sandboxFor(from.registry.host);
    const outside = join(sandbox.path, 'outside');
    mkdirSync(outside);
    mkdirSync(join(sandbox.path, 'mirror'));
    symlinkSync(outside, join(sandbox.path, 'mirror', from.registry.host));
    const run = await mirror(sandbox, from.legacy.tagged);
    expect(run).toMatchObject({ exitCode: 2 });
    expect(run.stderr).toMatch(/^REGISTRY_LAYOUT_INVALID /);
    expect(readdirSync(outside)).toEqual([]);
  });

  it('is killed without harm', async () => {
    await using front = await startHostileRegistry({ upstream: from.registry.host });
    using sandbox = sandboxFor(front.host);
    await mirror(sandbox, `${front.host}/team/legacy:v1`);
    const before = contents(join(sandbox.path, 'mirror'));
    front.behave(only(/team\/index\/referrers/, () => true));
    const run = await sandbox.run(
      ['mirror', `${front.host}/team/index:v1`, 'mirror', '--config', 'platform/network.yaml'],
      {
        meanwhile: async (child) => {
          for (; !front.seen.some(({ url }) => url.includes('/referrers/')); )
            await new Promise((r) => setTimeout(r, 20));
          child.kill('SIGKILL');
        },
      },
    );
    expect(run.signal).toBe('SIGKILL');
    expect(contents(join(sandbox.path, 'mirror'))).toMatchObject(before);
    front.behave();
    expect(await mirror(sandbox, `${front.host}/team/index:v1`)).toMatchObject({ exitCode: 0 });
    expect(statSync(join(sandbox.path, 'mirror', front.host, 'team/index/index.json')).isFile()).toBe(true);
  });

  it.each<[string, readonly string[], string, RegExp]>([
    ['no folder', ['ghcr.io/team/app:v1'], 'USAGE', /takes one image or more, and the folder/],
    ['nothing', [], 'USAGE', /takes one image or more/],
    ['what is no image', ['Not An Image', 'mirror'], 'IMAGE_REFERENCE_INVALID', /Not An Image/],
  ])('refuses %s', async (_, args, code, says) => {
    using sandbox = createSandbox();
    const run = await sandbox.run(['mirror', ...args]);
    expect(run.exitCode).not.toBe(0);
    expect(run.stdout).toBe('');
    expect(run.stderr).toMatch(new RegExp(`^${code}`));
    expect(run.stderr).toMatch(says);
  });

  it('needs no Gate for registries that anybody may ask, and says so in JSON', async () => {
    using sandbox = createSandbox();
    const run = await sandbox.run(['mirror', `${from.registry.host}/team/legacy:v1`, 'mirror', '-o', 'json']);
    expect(run.exitCode).toBe(1);
    expect(JSON.parse(run.stdout)).toMatchObject({
      schema: 'syncgate.dev/mirror/v1alpha1',
      images: [],
      failures: [{ code: 'REGISTRY_ADDRESS_REFUSED' }],
    });
  });
});
