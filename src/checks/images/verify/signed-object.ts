import type { JsonValue } from '../../../core/json.ts';
import { isObject } from '../../../core/json.ts';
import { Malformed, parseStrictJson, stringAt } from './json.ts';

export { fromBundle, isBundleMediaType } from './bundle.ts';
export {
  envelopeMediaType,
  fromAttestationLayer,
  fromEnvelope,
  fromSignatureLayer,
  simpleSigningMediaType,
} from './layer.ts';
export type { SignedObject } from './material.ts';

/** The fields of a manifest that finding signatures needs. */
export interface SignatureManifest {
  readonly subject: string | undefined;
  /** What the manifest says it is; before OCI 1.1 the type of its config said so. Unsigned. */
  readonly artifactType: string | undefined;
  readonly layers: readonly SignatureLayer[];
}

export interface SignatureLayer {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations: Readonly<Record<string, JsonValue>>;
}

/** An image manifest, read as far as signatures need it. Throws Malformed; an index is malformed here. */
export function parseManifest(bytes: Uint8Array): SignatureManifest {
  const manifest = parseStrictJson(bytes);
  if (!isObject(manifest)) throw new Malformed('its manifest is not an object');
  const { layers, subject, artifactType, config } = manifest;
  const type = artifactType ?? (isObject(config) ? config['mediaType'] : undefined);
  if (!Array.isArray(layers) || Object.hasOwn(manifest, 'manifests'))
    throw new Malformed('it is not an image manifest');
  return {
    subject: isObject(subject) && typeof subject['digest'] === 'string' ? subject['digest'] : undefined,
    artifactType: typeof type === 'string' ? type : undefined,
    layers: (layers as readonly JsonValue[]).map((layer) => {
      if (!isObject(layer)) throw new Malformed('a layer of its manifest is not an object');
      const size = layer['size'];
      if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
        throw new Malformed('a layer has no valid size');
      const annotations = layer['annotations'] ?? {};
      if (!isObject(annotations)) throw new Malformed('the annotations of a layer are not an object');
      return {
        mediaType: stringAt(layer, 'mediaType', 'layer'),
        digest: stringAt(layer, 'digest', 'layer'),
        size,
        annotations,
      };
    }),
  };
}
