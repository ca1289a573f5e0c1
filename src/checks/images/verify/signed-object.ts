import type { JsonValue } from '../../../core/json.ts';
import { isObject } from '../../../core/json.ts';
import { asRecord, decodeBase64, Malformed, parseStrictJson, stringAt } from './json.ts';

/**
 * What a signed object was made with, as it says itself: a bare key (and which), or a certificate. A key authority
 * takes only the first and a keyless one only the second, so that neither can be passed off as the other.
 */
type Material = { readonly kind: 'key'; readonly hint: string } | { readonly kind: 'certificate' };

/** Something found beside an image that claims to be signed. Nothing of it is verified: finding is not verifying. */
export type SignedObject =
  | {
      readonly format: 'simple-signing';
      /** Where it was found, for findings. */
      readonly source: string;
      readonly material: Material;
      /** The bytes as stored; the signature is over these, and not over anything re-serialised. */
      readonly payload: Uint8Array;
      readonly signature: Uint8Array;
    }
  | {
      readonly format: 'dsse';
      readonly source: string;
      readonly material: Material;
      readonly payloadType: string;
      readonly payload: Uint8Array;
      readonly signature: Uint8Array;
    };

export const bundleMediaType = 'application/vnd.dev.sigstore.bundle.v0.3+json';
export const simpleSigningMediaType = 'application/vnd.dev.cosign.simplesigning.v1+json';

const signatureAnnotation = 'dev.cosignproject.cosign/signature';
const certificateAnnotation = 'dev.sigstore.cosign/certificate';

/** A layer of a `.sig` manifest, with its blob, as a signed object. Throws Malformed. */
export function fromSignatureLayer(
  annotations: Readonly<Record<string, JsonValue>>,
  payload: Uint8Array,
  source: string,
): SignedObject {
  const written = annotations[signatureAnnotation];
  if (typeof written !== 'string') throw new Malformed(`its layer has no annotation ${signatureAnnotation}`);
  // Some tools wrapped the lines of this unsigned annotation; the bytes in it are what counts.
  const signature = decodeBase64(written.replaceAll(/[\r\n]/g, ''), 'its signature');
  const material: Material = Object.hasOwn(annotations, certificateAnnotation)
    ? { kind: 'certificate' }
    : { kind: 'key', hint: '' };
  return { format: 'simple-signing', source, material, payload, signature };
}

/**
 * A sigstore bundle v0.3 that holds a DSSE envelope. Throws Malformed for other versions, unknown fields, a
 * messageSignature (which signs a blob and says nothing about an image), and for more or fewer than one signature.
 */
export function fromBundle(bytes: Uint8Array, source: string): SignedObject {
  const bundle = asRecord(parseStrictJson(bytes), 'the bundle', [
    'mediaType',
    'verificationMaterial',
    'dsseEnvelope',
    'messageSignature',
  ]);
  const mediaType = stringAt(bundle, 'mediaType', 'the bundle');
  if (mediaType !== bundleMediaType)
    throw new Malformed(`it is a bundle of type ${JSON.stringify(mediaType.slice(0, 80))}`);
  if (Object.hasOwn(bundle, 'messageSignature')) {
    throw new Malformed('it signs a blob (messageSignature), which is no statement about an image');
  }
  const material = readMaterial(bundle['verificationMaterial']);
  const envelope = asRecord(bundle['dsseEnvelope'], 'the envelope', ['payload', 'payloadType', 'signatures']);
  const signatures = envelope['signatures'];
  if (!Array.isArray(signatures) || signatures.length !== 1)
    throw new Malformed('its envelope has not exactly one signature');
  const [only] = signatures as readonly JsonValue[];
  const signature = asRecord(only, 'the signature', ['sig', 'keyid']);
  return {
    format: 'dsse',
    source,
    material,
    payloadType: stringAt(envelope, 'payloadType', 'the envelope'),
    payload: decodeBase64(stringAt(envelope, 'payload', 'the envelope'), 'its payload'),
    signature: decodeBase64(stringAt(signature, 'sig', 'the signature'), 'its signature'),
  };
}

function readMaterial(value: JsonValue | undefined): Material {
  const material = asRecord(value, 'verificationMaterial', [
    'publicKey',
    'certificate',
    'x509CertificateChain',
    'tlogEntries',
    'timestampVerificationData',
  ]);
  const contents = ['publicKey', 'certificate', 'x509CertificateChain'].filter((key) => Object.hasOwn(material, key));
  if (contents.length !== 1)
    throw new Malformed('verificationMaterial holds not exactly one of publicKey and certificate');
  if (contents[0] !== 'publicKey') return { kind: 'certificate' };
  const publicKey = asRecord(material['publicKey'], 'publicKey', ['hint']);
  const hint = publicKey['hint'] ?? '';
  if (typeof hint !== 'string') throw new Malformed('publicKey.hint is not a string');
  return { kind: 'key', hint };
}

/** What DSSE signs: the pre-authentication encoding of type and payload. */
export function preAuthenticationEncoding(payloadType: string, payload: Uint8Array): Uint8Array {
  const type = Buffer.from(payloadType, 'utf8');
  return Buffer.concat([Buffer.from(`DSSEv1 ${type.length} `), type, Buffer.from(` ${payload.length} `), payload]);
}

/** The fields of a manifest that finding signatures needs. */
export interface SignatureManifest {
  readonly subject: string | undefined;
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
  const { layers, subject } = manifest as { layers?: JsonValue; subject?: JsonValue };
  if (!Array.isArray(layers) || Object.hasOwn(manifest, 'manifests'))
    throw new Malformed('it is not an image manifest');
  return {
    subject: isObject(subject) && typeof subject['digest'] === 'string' ? subject['digest'] : undefined,
    layers: layers.map((layer: JsonValue) => {
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
