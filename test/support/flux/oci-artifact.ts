/** An OCI artifact as `flux push artifact` makes it. */
import { ociManifest, putBlob, putManifest } from '../registry-objects.ts';

/** Pushes a gzipped tar to a registry on loopback; `origin` is the commit that it was made of. Answers with its digest. */
export async function pushArtifact(
  place: { readonly host: string; readonly repository: string },
  tag: string,
  content: Buffer,
  origin: string,
): Promise<string> {
  const config = await putBlob(place, Buffer.from('{}'), 'application/vnd.cncf.flux.config.v1+json');
  const layers = [await putBlob(place, content, 'application/vnd.cncf.flux.content.v1.tar+gzip')];
  const annotations = {
    'org.opencontainers.image.created': '2026-01-01T00:00:00Z',
    'org.opencontainers.image.revision': origin,
    'org.opencontainers.image.source': 'https://git.example/app.git',
  };
  const manifest = { schemaVersion: 2, mediaType: ociManifest, config, layers, annotations };
  return (await putManifest(place, manifest, tag)).digest;
}
