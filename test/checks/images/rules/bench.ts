/**
 * What the tests of the rules are made of: a real registry, objects that honest tools would not push, a Sigstore that signs
 * what it is told, and the command as a user runs it.
 */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect } from 'vitest';
import { CODES, type Code } from '../../../../src/core/errors.ts';
import { type CliRun, createSandbox, gateText } from '../../../support/cli.ts';
import { type PushedImage, pushImage, type RunningRegistry, startRegistry } from '../../../support/registry.ts';
import { podOf, verifyingGate } from '../../../support/signed-application.ts';
import {
  type Bundle,
  type KeyPair,
  keyPair,
  type Layer,
  type MockSigstore,
  openMockSigstore,
  pemOf,
  spkiOf,
} from '../../../support/sigstore/mock.ts';

export const ociManifest = 'application/vnd.oci.image.manifest.v1+json';
const emptyConfig = { mediaType: 'application/vnd.oci.empty.v1+json', bytes: Buffer.from('{}') };
export const issuer = 'https://issuer.example';
export const email = 'dev@example.com';

export interface Bench {
  readonly registry: RunningRegistry;
  readonly sigstore: MockSigstore;
  readonly stranger: MockSigstore;
  readonly key: KeyPair;
  readonly strangerKey: KeyPair;
}

/** Opened before the tests of a file, and gone after them. */
export function openBench(): Bench {
  const bench = { key: keyPair(), strangerKey: keyPair() } as { -readonly [Part in keyof Bench]: Bench[Part] };
  beforeAll(async () => {
    bench.registry = await startRegistry();
    bench.sigstore = await openMockSigstore();
    bench.stranger = await openMockSigstore();
  });
  afterAll(async () => await bench.registry?.stop());
  return bench;
}

let pushed = 0;

/** A new image in a repository of its own. */
export async function newImage(bench: Bench, name = 'image', tag = 'v1'): Promise<PushedImage> {
  const repository = `team/${name}-${pushed++}`;
  return await pushImage(bench.registry.host, repository, tag);
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

const digestOf = (bytes: Uint8Array | string): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

export async function putBlob(image: PushedImage, bytes: Uint8Array, mediaType: string): Promise<Descriptor> {
  const base = `http://${image.host}/v2/${image.repository}/blobs/uploads/`;
  const digest = digestOf(bytes);
  const begun = await fetch(base, { method: 'POST' });
  const at = new URL(begun.headers.get('location') ?? '', base);
  at.searchParams.set('digest', digest);
  const put = await fetch(at, { method: 'PUT', body: new Uint8Array(bytes) });
  expect(put.status).toBe(201);
  return { mediaType, digest, size: bytes.length };
}

/** Puts a manifest under a tag, or under its digest. */
export async function putManifest(image: PushedImage, body: object | string, tag?: string): Promise<Descriptor> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const digest = digestOf(text);
  const url = `http://${image.host}/v2/${image.repository}/manifests/${tag ?? digest}`;
  const put = await fetch(url, { method: 'PUT', headers: { 'content-type': ociManifest }, body: text });
  expect(put.status).toBe(201);
  return { mediaType: ociManifest, digest, size: Buffer.byteLength(text) };
}

/** Puts layers under the `.sig` or `.att` tag of an image. */
export async function putLayers(
  image: PushedImage,
  layers: readonly Layer[],
  suffix: 'sig' | 'att' = 'sig',
): Promise<void> {
  const described: Descriptor[] = [];
  for (const { payload, mediaType, annotations } of layers) {
    described.push({ ...(await putBlob(image, payload, mediaType)), annotations });
  }
  const config = await putBlob(image, Buffer.from('{"rootfs":{}}'), 'application/vnd.oci.image.config.v1+json');
  const manifest = { schemaVersion: 2, mediaType: ociManifest, config, layers: described };
  await putManifest(image, manifest, `${image.digest.replace(':', '-')}.${suffix}`);
}

/** Puts a bundle as a referrer of the image; `more` replaces fields of its manifest. */
export async function putBundle(
  image: PushedImage,
  bundle: Bundle | string | Uint8Array,
  more: object = {},
): Promise<void> {
  const bytes =
    bundle instanceof Uint8Array ? bundle : Buffer.from(typeof bundle === 'string' ? bundle : JSON.stringify(bundle));
  await putReferrer(image, bytes, 'application/vnd.dev.sigstore.bundle.v0.3+json', more);
}

/** Puts bytes as a referrer of the image, of that artifact and layer type. */
export async function putReferrer(
  image: PushedImage,
  bytes: Uint8Array,
  type: string,
  more: object = {},
): Promise<void> {
  const config = await putBlob(image, emptyConfig.bytes, emptyConfig.mediaType);
  const layer = await putBlob(image, bytes, type);
  const size = (await (await fetch(manifestUrl(image), { headers: { accept: ociManifest } })).arrayBuffer()).byteLength;
  const subject = { mediaType: ociManifest, digest: image.digest, size };
  await putManifest(image, {
    schemaVersion: 2,
    mediaType: ociManifest,
    artifactType: type,
    config,
    layers: [layer],
    subject,
    ...more,
  });
}

export function manifestUrl(image: PushedImage, reference: string = image.digest): string {
  return `http://${image.host}/v2/${image.repository}/manifests/${reference}`;
}

/** A ClusterImagePolicy. */
export function policy(
  authorities: readonly object[],
  more: object = {},
  globs: readonly string[] = ['**'],
  name = 'rule',
): string {
  return JSON.stringify({
    apiVersion: 'policy.sigstore.dev/v1beta1',
    kind: 'ClusterImagePolicy',
    metadata: { name },
    spec: { images: globs.map((glob) => ({ glob })), authorities, ...more },
  });
}

export function publicPem(keys: KeyPair): string {
  return pemOf(spkiOf(keys.publicKey), 'PUBLIC KEY');
}

export function byKey(keys: KeyPair, more: object = {}): object {
  return { name: 'key', key: { data: publicPem(keys) }, ...more };
}

/** An authority of keyless signatures in the root `corp`: its certificates, its logs. */
export function byIdentity(
  identity: object = { issuer, subject: email },
  more: object = {},
  keyless: object = {},
): object {
  return {
    name: 'keyless',
    keyless: { trustRootRef: 'corp', identities: [identity], ...keyless },
    ctlog: { trustRootRef: 'corp' },
    ...more,
  };
}

export interface Application {
  /** Rendered objects, or an image that a pod runs. */
  readonly runs: PushedImage | string | Readonly<Record<string, string>>;
  /** Files of the trust folder; one text is one policy. */
  readonly trust: string | Readonly<Record<string, string>>;
  /** The trusted root called `corp`. */
  readonly root?: object;
  /** Parts of the Gate's spec. */
  readonly gate?: object;
  readonly images?: object;
  /** Plain-HTTP registries besides that of the bench. */
  readonly hosts?: readonly string[];
  /** Further files of the platform. */
  readonly platform?: Readonly<Record<string, string>>;
}

export interface Verdict extends CliRun {
  readonly codes: readonly Code[];
}

/** Runs `syncgate render`: what it allows stands on stdout. */
export async function judge(bench: Bench, application: Application): Promise<Verdict> {
  const { runs, trust, root, hosts = [] } = application;
  const files =
    typeof runs === 'string' ? { 'pod.yaml': podOf(runs) } : isPushed(runs) ? { 'pod.yaml': podOf(runs.tagged) } : runs;
  using sandbox = createSandbox(prefixed('app/', files));
  const roots = root === undefined ? {} : { trustRoots: { files: { corp: 'roots/corp.json' } } };
  const images = { trust: [{ path: 'trust' }], unmatched: 'deny', pin: true, ...roots, ...application.images };
  const policies = typeof trust === 'string' ? { 'policy.yaml': trust } : trust;
  sandbox.write({
    'platform/gate.yaml': gateText(verifyingGate([bench.registry.host, ...hosts], { images, ...application.gate })),
    ...prefixed('platform/trust/', policies),
    ...prefixed('platform/', application.platform ?? {}),
    ...(root === undefined ? {} : { 'platform/roots/corp.json': JSON.stringify(root) }),
  });
  const run = await sandbox.judge('render');
  const codes = [...run.stderr.matchAll(/^(?:denied|unevaluated|error|usage|deny) ([A-Z_]+)/gm)].map(
    ([, code]) => code as Code,
  );
  return { ...run, codes };
}

function isPushed(runs: Exclude<Application['runs'], string>): runs is PushedImage {
  return 'pinned' in runs && 'digest' in runs && 'tagged' in runs;
}

function prefixed(prefix: string, files: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([name, text]) => [`${prefix}${name}`, text]));
}

/** Allowed, and what is emitted is pinned to the digest that was verified. */
export function expectAllowed(run: Verdict, image: PushedImage): void {
  expect(run.exitCode, run.stderr).toBe(0);
  expect(run.stdout).toContain(`@${image.digest}`);
}

/** Withheld: nothing on stdout, the exit code of the code, and the reason in words. */
export function expectDenied(run: Verdict, code: Code | readonly Code[], ...says: readonly (string | RegExp)[]): void {
  expect(run.codes, run.stderr).toEqual(typeof code === 'string' ? [code] : code);
  const answers = run.codes.map((each) => CODES[each].answer);
  const exit = answers.includes('denied') ? 1 : answers.includes('unevaluated') ? 2 : 3;
  expect(run.exitCode, run.stderr).toBe(exit);
  expect(run.stdout).toBe('');
  for (const text of says) expect(run.stderr).toMatch(text);
}
