/** Objects that honest tools would not push, put into a registry as whoever may push to it can. */
import { createHash } from 'node:crypto';
import type { PushedImage } from './registry.ts';
import type { Bundle, Layer } from './sigstore/mock.ts';

export const ociManifest = 'application/vnd.oci.image.manifest.v1+json';
const emptyConfig = { mediaType: 'application/vnd.oci.empty.v1+json', bytes: Buffer.from('{}') };

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

const digestOf = (bytes: Uint8Array | string): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** Where something is pushed. */
type Place = Pick<PushedImage, 'host' | 'repository'>;

export async function putBlob(image: Place, bytes: Uint8Array, mediaType: string): Promise<Descriptor> {
  const base = `http://${image.host}/v2/${image.repository}/blobs/uploads/`;
  const digest = digestOf(bytes);
  const begun = await fetch(base, { method: 'POST' });
  const at = new URL(begun.headers.get('location') ?? '', base);
  at.searchParams.set('digest', digest);
  const put = await fetch(at, { method: 'PUT', body: new Uint8Array(bytes) });
  if (put.status !== 201) throw new Error(`the registry answered ${put.status}`);
  return { mediaType, digest, size: bytes.length };
}

/** Puts a manifest under a tag, or under its digest. */
export async function putManifest(image: Place, body: object | string, tag?: string): Promise<Descriptor> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const digest = digestOf(text);
  const url = `http://${image.host}/v2/${image.repository}/manifests/${tag ?? digest}`;
  const put = await fetch(url, { method: 'PUT', headers: { 'content-type': ociManifest }, body: text });
  if (put.status !== 201) throw new Error(`the registry answered ${put.status}`);
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
