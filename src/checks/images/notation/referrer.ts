import type { JsonObject } from '../../../core/json.ts';
import { isObject } from '../../../core/json.ts';
import { Malformed } from '../verify/json.ts';
import { coseMediaType, jwsMediaType, maxEnvelopeBytes } from './model.ts';

export const notationArtifactType = 'application/vnd.cncf.notary.signature';

/** A Notation signature as it was collected. Nothing in it is verified; `verifyNotation` takes its bytes. */
export interface NotationObject {
  readonly format: 'notation';
  /** `application/jose+json` or `application/cose`. */
  readonly mediaType: string;
  readonly envelope: Uint8Array;
  /** Where it was found, for people. */
  readonly source: string;
}

/** The one layer of a signature manifest. */
export interface NotationLayer {
  readonly mediaType: string;
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
}

/**
 * Which layer of a manifest to fetch; undefined for a manifest that is no Notation signature. `manifest` is the parsed
 * body of a referrer whose `subject` the caller has compared with the image. What a list of referrers says of types is
 * unsigned and may be missing, so the manifest itself is asked. Throws Malformed for one that is not as
 * signature-specification.md has it, before anything is fetched for it (CVE-2023-33957, CVE-2023-33958).
 */
export function notationLayer(manifest: JsonObject): NotationLayer | undefined {
  const config = manifest['config'];
  const configType = isObject(config) ? config['mediaType'] : undefined;
  if (manifest['artifactType'] !== notationArtifactType && configType !== notationArtifactType) return undefined;
  const layers = manifest['layers'];
  if (!Array.isArray(layers) || layers.length !== 1)
    throw new Malformed('a Notation signature has exactly one layer, and it has not');
  const layer: unknown = layers[0];
  if (!isObject(layer)) throw new Malformed('its layer is not a descriptor');
  const { mediaType, digest, size } = layer;
  if (mediaType !== jwsMediaType && mediaType !== coseMediaType)
    throw new Malformed('its layer is neither JWS nor COSE');
  if (typeof digest !== 'string' || typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    throw new Malformed('its layer is not a descriptor');
  }
  if (size > maxEnvelopeBytes)
    throw new Malformed(`it has ${size} bytes, and a Notation signature of more than ${maxEnvelopeBytes} is not read`);
  return { mediaType, digest, size };
}

/**
 * A Notation signature out of its manifest and the bytes of the layer that `notationLayer` named; undefined for a
 * manifest that is none. Throws Malformed. To be called as
 *
 *     const layer = notationLayer(manifest);
 *     if (layer !== undefined) objects.push(fromNotationReferrer(manifest, await blobOf(layer), source));
 */
export function fromNotationReferrer(
  manifest: JsonObject,
  layerBytes: Uint8Array,
  source: string,
): NotationObject | undefined {
  const layer = notationLayer(manifest);
  if (layer === undefined) return undefined;
  if (layerBytes.length !== layer.size) throw new Malformed('its layer has another size than its manifest says');
  return { format: 'notation', mediaType: layer.mediaType, envelope: layerBytes, source };
}
