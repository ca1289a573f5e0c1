import { type Digest, pinnedReference } from '../../core/image.ts';
import { type JsonPath, type JsonValue, withValueAt } from '../../core/json.ts';
import type { Manifest } from '../../core/manifest.ts';
import type { Sighting } from './sighting.ts';

/** The text of the field with the verified digest; undefined where it stays as it is. */
export function pinOf({ use, reference }: Sighting, digest: Digest): string | undefined {
  // A suspected image has a digest of its own, and its field may hold more than the image.
  if (use.suspected !== undefined) return undefined;
  const pinned = pinnedReference(reference, digest);
  const text = use.pinAs === 'digest' ? withoutTag(pinned, digest) : pinned;
  return `${use.scheme}${text}`;
}

function withoutTag(pinned: string, digest: Digest): string {
  const name = pinned.slice(0, -digest.length - 1);
  const colon = name.lastIndexOf(':');
  return `${colon > name.lastIndexOf('/') ? name.slice(0, colon) : name}@${digest}`;
}

/** A copy in which the fields at these paths hold these texts; the same manifest where there are none. */
export function pinManifest(manifest: Manifest, pins: readonly (readonly [JsonPath, string])[]): Manifest {
  if (pins.length === 0) return manifest;
  const { index, identity, origin } = manifest;
  const object = pins.reduce<JsonValue>((value, [path, text]) => withValueAt(value, path, text), manifest.object);
  return {
    index,
    identity,
    origin,
    object: object as Manifest['object'],
    written: manifest.written ?? manifest.object,
    locate: (path) => manifest.locate(path),
  };
}
