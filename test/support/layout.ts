/** Copies an image with everything that was signed about it out of a registry into an OCI image layout. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Digest, parseDigest } from '../../src/core/image.ts';

interface LayoutDescriptor {
  mediaType: string;
  digest: string;
  size: number;
  artifactType?: string;
  annotations?: Record<string, string>;
}

interface ManifestBody {
  mediaType?: string;
  manifests?: LayoutDescriptor[];
  config?: LayoutDescriptor;
  layers?: LayoutDescriptor[];
}

const refName = 'org.opencontainers.image.ref.name';
const accept = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

export interface CopyRequest {
  /** Host of a plain-HTTP registry. */
  readonly registryHost: string;
  readonly repository: string;
  readonly tag: string;
  /** Folder of the layout, `<mirror>/<repository>`; it is made, or added to. */
  readonly folder: string;
}

/**
 * Copies the tag, its platforms, their `.sig` and `.att` tags and their referrers (of the referrers API and of the
 * fallback tag alike, which become plain entries). Answers the digest of the tag.
 */
export async function copyToLayout({ registryHost, repository, tag, folder }: CopyRequest): Promise<Digest> {
  const layout = openLayout(folder);
  const url = (rest: string) => `http://${registryHost}/v2/${repository}/${rest}`;

  const get = async (rest: string): Promise<Response | undefined> => {
    const response = await fetch(url(rest), { headers: { accept } });
    if (response.status === 404) return undefined;
    if (!response.ok) throw new Error(`${url(rest)} answered ${response.status}`);
    return response;
  };
  const copyBlob = async (digest: string) => {
    const response = await get(`blobs/${digest}`);
    if (response === undefined) throw new Error(`${repository} has no blob ${digest}`);
    layout.write(Buffer.from(await response.arrayBuffer()));
  };
  /** Copies a manifest with all that it holds. */
  const copyManifest = async (reference: string): Promise<(LayoutDescriptor & { body: ManifestBody }) | undefined> => {
    const response = await get(`manifests/${reference}`);
    if (response === undefined) return undefined;
    const bytes = Buffer.from(await response.arrayBuffer());
    const body = JSON.parse(bytes.toString('utf8')) as ManifestBody;
    for (const blob of [...(body.config === undefined ? [] : [body.config]), ...(body.layers ?? [])]) {
      await copyBlob(blob.digest);
    }
    for (const child of body.manifests ?? []) await copyManifest(child.digest);
    const mediaType = response.headers.get('content-type') ?? body.mediaType ?? '';
    return { mediaType, digest: layout.write(bytes), size: bytes.length, body };
  };
  const copySignatures = async (digest: string) => {
    const prefix = digest.replace(':', '-');
    for (const signatureTag of [`${prefix}.sig`, `${prefix}.att`]) {
      const copied = await copyManifest(signatureTag);
      if (copied !== undefined) layout.list(copied, signatureTag);
    }
    const listing = (await get(`referrers/${digest}`)) ?? (await get(`manifests/${prefix}`));
    for (const referrer of ((await listing?.json()) as ManifestBody | undefined)?.manifests ?? []) {
      const copied = await copyManifest(referrer.digest);
      if (copied !== undefined) layout.list(copied, undefined);
    }
  };

  const image = await copyManifest(tag);
  if (image === undefined) throw new Error(`${registryHost}/${repository}:${tag} does not exist`);
  layout.list(image, tag);
  for (const digest of [image.digest, ...(image.body.manifests ?? []).map((child) => child.digest)]) {
    await copySignatures(digest);
  }
  layout.close();
  return parseDigest(image.digest);
}

/** A layout that is written to; existing entries stay. */
export function openLayout(folder: string) {
  const blobs = join(folder, 'blobs', 'sha256');
  const indexFile = join(folder, 'index.json');
  mkdirSync(blobs, { recursive: true });
  const entries: LayoutDescriptor[] = existsSync(indexFile)
    ? JSON.parse(readFileSync(indexFile, 'utf8')).manifests
    : [];
  return {
    /** Stores bytes under their digest, and answers it. */
    write(bytes: Uint8Array): string {
      const hex = createHash('sha256').update(bytes).digest('hex');
      writeFileSync(join(blobs, hex), bytes);
      return `sha256:${hex}`;
    },
    /** Names a manifest in index.json, by a tag or by its digest alone. */
    list({ mediaType, digest, size }: LayoutDescriptor, tag: string | undefined): void {
      const known = entries.findIndex((entry) => entry.digest === digest && entry.annotations?.[refName] === tag);
      if (known >= 0) entries.splice(known, 1);
      entries.push({ mediaType, digest, size, ...(tag === undefined ? {} : { annotations: { [refName]: tag } }) });
    },
    /** Writes index.json and the marker. */
    close(): void {
      const mediaType = 'application/vnd.oci.image.index.v1+json';
      writeFileSync(indexFile, `${JSON.stringify({ schemaVersion: 2, mediaType, manifests: entries }, null, 2)}\n`);
      writeFileSync(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}\n');
    },
  };
}
