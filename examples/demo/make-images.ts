/**
 * Makes what the demo ships: `images/`, a registry that is a folder, and `trust/`, the policy that names the key. The
 * images are tiny; their signatures are what the real cosign 3 (bundle) and cosign 2 (`.sig`) wrote. The private key
 * lives in a temporary folder and is thrown away, so every run of this makes another key.
 *
 * Run it as `npm exec -- node examples/demo/make-images.ts`. It needs crane, a registry and both cosigns, which are
 * built by Go if they are not there.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { crane, startRegistry, tarOf } from '../../test/support/registry.ts';
import { tool } from '../../test/support/tools/resolve.ts';

const run = promisify(execFile);
const here = import.meta.dirname;
/** The host that the demo's manifests write. */
const demoHost = 'registry.example';

interface DemoImage {
  readonly repository: string;
  readonly tag: string;
  readonly platforms: readonly string[];
  /** cosign 3 writes a bundle that refers to the image, cosign 2 a tag `sha256-<hex>.sig`. */
  readonly signedBy: 'cosign' | 'cosign2' | undefined;
}

const images: readonly DemoImage[] = [
  { repository: 'shop/web', tag: '1.4.2', platforms: ['linux/amd64', 'linux/arm64'], signedBy: 'cosign' },
  { repository: 'shop/api', tag: '2.7.0', platforms: ['linux/amd64'], signedBy: 'cosign' },
  { repository: 'shop/api', tag: '2.8.0', platforms: ['linux/amd64'], signedBy: undefined },
  { repository: 'shop/migrate', tag: '2.7.0', platforms: ['linux/amd64'], signedBy: 'cosign2' },
  { repository: 'shop/report', tag: '1.1.0', platforms: ['linux/amd64'], signedBy: 'cosign' },
];

const scratch = mkdtempSync(join(tmpdir(), 'demo-images-'));
try {
  await using registry = await startRegistry();
  await cosign('cosign', ['generate-key-pair']);
  for (const image of images) {
    const digest = await push(registry.host, image);
    if (image.signedBy !== undefined) await sign(registry.host, image, image.signedBy, digest);
    process.stdout.write(`${image.repository}:${image.tag}@${digest} ${image.signedBy ?? 'unsigned'}\n`);
  }
  rmSync(join(here, 'images'), { recursive: true, force: true });
  for (const repository of new Set(images.map((image) => image.repository))) {
    await copyRepository(registry.host, repository, join(here, 'images', repository));
  }
  mkdirSync(join(here, 'trust'), { recursive: true });
  writeFileSync(join(here, 'trust/shop-release.yaml'), trustPolicy(readFileSync(join(scratch, 'cosign.pub'), 'utf8')));
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

/** Pushes an image, or an index of one image a platform, and answers its digest. */
async function push(host: string, image: DemoImage): Promise<string> {
  const tagged = `${host}/${image.repository}:${image.tag}`;
  const byPlatform: string[] = [];
  for (const platform of image.platforms) {
    const layer = join(scratch, 'layer.tar');
    writeFileSync(layer, tarOf('app', `${image.repository} ${image.tag} for ${platform}\n`));
    const bare = (await crane('append', '--oci-empty-base', '-f', layer, '-t', tagged)).trim();
    const [entrypoint, title] = ['--entrypoint=/app', `--label=org.opencontainers.image.title=${image.repository}`];
    byPlatform.push((await crane('mutate', bare, '--set-platform', platform, entrypoint, title, '-t', tagged)).trim());
  }
  const [only = ''] = byPlatform;
  const pushed =
    byPlatform.length === 1
      ? only
      : await crane('index', 'append', ...byPlatform.flatMap((each) => ['-m', each]), '-t', tagged);
  return pushed.trim().slice(-71);
}

async function sign(host: string, image: DemoImage, program: 'cosign' | 'cosign2', digest: string): Promise<void> {
  const bundle = program === 'cosign';
  await cosign(program, [
    'sign',
    '--yes',
    '--key=cosign.key',
    '--tlog-upload=false',
    `--new-bundle-format=${bundle}`,
    '--use-signing-config=false',
    '--allow-http-registry',
    '--allow-insecure-registry',
    // A `.sig` names the repository, and this one's home is not the registry that it was made in.
    ...(bundle ? [] : [`--sign-container-identity=${demoHost}/${image.repository}`]),
    `${host}/${image.repository}@${digest}`,
  ]);
}

async function cosign(program: 'cosign' | 'cosign2', args: readonly string[]): Promise<void> {
  const env = { HOME: scratch, DOCKER_CONFIG: scratch, COSIGN_PASSWORD: '' };
  await run(await tool(program), [...args], { cwd: scratch, env, timeout: 60_000 });
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Copies every tag of a repository, and all that refers to it, into one OCI image layout. */
async function copyRepository(host: string, repository: string, folder: string): Promise<void> {
  const base = `http://${host}/v2/${repository}`;
  const blobs = join(folder, 'blobs/sha256');
  mkdirSync(blobs, { recursive: true });

  const get = async (path: string) => {
    const answer = await fetch(`${base}/${path}`, { headers: { accept: '*/*' }, signal: AbortSignal.timeout(10_000) });
    if (!answer.ok) throw new Error(`${base}/${path} answered ${answer.status}`);
    const body = Buffer.from(await answer.arrayBuffer());
    return { body, mediaType: answer.headers.get('content-type') ?? '' };
  };
  const keep = (body: Buffer) => {
    const hex = createHash('sha256').update(body).digest('hex');
    writeFileSync(join(blobs, hex), body);
    return `sha256:${hex}`;
  };
  const copyManifest = async (reference: string): Promise<Descriptor> => {
    const { body, mediaType } = await get(`manifests/${reference}`);
    const manifest = JSON.parse(body.toString('utf8')) as {
      config?: Descriptor;
      layers?: Descriptor[];
      manifests?: Descriptor[];
    };
    for (const child of manifest.manifests ?? []) await copyManifest(child.digest);
    const parts = manifest.config === undefined ? [] : [manifest.config, ...(manifest.layers ?? [])];
    for (const part of parts) keep((await get(`blobs/${part.digest}`)).body);
    return { mediaType, digest: keep(body), size: body.length };
  };

  const { tags } = JSON.parse((await get('tags/list')).body.toString('utf8')) as { tags: string[] };
  const entries: Descriptor[] = [];
  for (const tag of tags.sort()) {
    const manifest = await copyManifest(tag);
    entries.push({ ...manifest, annotations: { 'org.opencontainers.image.ref.name': tag } });
    const listed = JSON.parse((await get(`referrers/${manifest.digest}`)).body.toString('utf8')) as {
      manifests: Descriptor[];
    };
    for (const referrer of listed.manifests) entries.push({ ...(await copyManifest(referrer.digest)) });
  }
  writeFileSync(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}\n');
  const index = { schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests: entries };
  writeFileSync(join(folder, 'index.json'), `${JSON.stringify(index, undefined, 2)}\n`);
}

function trustPolicy(publicKey: string): string {
  const key = publicKey.trim().replaceAll(/^/gm, '          ');
  return `# Who may sign the shop's images: whoever holds the private half of this key.
# This is sigstore's own format; the policy-controller reads the same file.
apiVersion: policy.sigstore.dev/v1beta1
kind: ClusterImagePolicy
metadata:
  name: shop-release
spec:
  images:
    - glob: ${demoHost}/shop/**
  authorities:
    - name: release-key
      ctlog: {} # no log need have seen the signature
      key:
        hashAlgorithm: sha256
        data: |
${key}
`;
}
