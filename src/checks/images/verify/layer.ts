import type { JsonValue } from '../../../core/json.ts';
import { isObject } from '../../../core/json.ts';
import { readEnvelope } from './envelope.ts';
import { asRecord, bytesAt, countAt, decodeBase64, Malformed, parseStrictJson, stringAt } from './json.ts';
import { type LogEntry, MATERIAL_LIMITS, type Material, type SignedObject } from './material.ts';

export const simpleSigningMediaType = 'application/vnd.dev.cosign.simplesigning.v1+json';
export const envelopeMediaType = 'application/vnd.dsse.envelope.v1+json';

const signatureAnnotation = 'dev.cosignproject.cosign/signature';
const certificateAnnotation = 'dev.sigstore.cosign/certificate';
const chainAnnotation = 'dev.sigstore.cosign/chain';
const bundleAnnotation = 'dev.sigstore.cosign/bundle';
const timestampAnnotation = 'dev.sigstore.cosign/rfc3161timestamp';

type Annotations = Readonly<Record<string, JsonValue>>;

/** A layer of a `.sig` manifest (or of cosign's OCI 1.1 experiment), with its blob. Throws Malformed. */
export function fromSignatureLayer(annotations: Annotations, payload: Uint8Array, source: string): SignedObject {
  const written = annotations[signatureAnnotation];
  if (typeof written !== 'string') throw new Malformed(`its layer has no annotation ${signatureAnnotation}`);
  // Some tools wrapped the lines of this unsigned annotation; the bytes in it are what counts.
  const signature = decodeBase64(written.replaceAll(/[\r\n]/g, ''), 'its signature');
  if (signature.length > MATERIAL_LIMITS.signatureBytes)
    throw new Malformed(`its signature has ${signature.length} bytes, more than ${MATERIAL_LIMITS.signatureBytes}`);
  return { format: 'simple-signing', payload, signature, ...readAnnotations(annotations, source, '') };
}

/** A layer of a `.att` manifest, with its blob: a DSSE envelope whose certificate and proofs are annotations. Throws Malformed. */
export function fromAttestationLayer(annotations: Annotations, envelope: Uint8Array, source: string): SignedObject {
  const { payloadType, payload, signature, keyid } = readEnvelope(parseStrictJson(envelope));
  const parts = { payloadType, payload, signature, keyid, envelope };
  return { format: 'dsse', ...parts, ...readAnnotations(annotations, source, keyid) };
}

/** A DSSE envelope that stands alone, as in referrers of type `application/vnd.in-toto+json`. Throws Malformed. */
export function fromEnvelope(envelope: Uint8Array, source: string): SignedObject {
  return fromAttestationLayer({}, envelope, source);
}

function readAnnotations(annotations: Annotations, source: string, hint: string) {
  return {
    source,
    family: 'legacy' as const,
    material: readMaterial(annotations, hint),
    entries: readEntries(annotations),
    timestamps: readTimestamps(annotations),
  };
}

function readMaterial(annotations: Annotations, hint: string): Material {
  const certificate = textOf(annotations, certificateAnnotation);
  // Cosign 3 writes an empty text where nothing stands between certificate and root.
  const chain = textOf(annotations, chainAnnotation) || undefined;
  if (certificate === undefined) {
    if (chain !== undefined) throw new Malformed('it brings a chain of certificates and no certificate');
    return { kind: 'key', hint };
  }
  const [leaf, ...more] = certificatesOf(certificate, certificateAnnotation);
  if (leaf === undefined || more.length > 0) throw new Malformed(`${certificateAnnotation} holds not exactly one`);
  return { kind: 'certificate', leaf, chain: chain === undefined ? [] : certificatesOf(chain, chainAnnotation) };
}

/**
 * PEM certificates and nothing between them but blank lines. A key in the place of a certificate is refused here: where
 * it was taken for one, no identity was checked (GHSA-fx35-mq7g-6g98).
 */
function certificatesOf(pem: string, what: string): Uint8Array[] {
  if (pem.length > 2 * MATERIAL_LIMITS.chain * MATERIAL_LIMITS.certificateBytes)
    throw new Malformed(`${what} is too long`);
  const blocks = pem.split('-----END CERTIFICATE-----');
  const rest = blocks.pop() ?? '';
  if (blocks.length === 0 || rest.trim() !== '') throw new Malformed(`${what} is not PEM certificates`);
  if (blocks.length > MATERIAL_LIMITS.chain)
    throw new Malformed(`${what} holds ${blocks.length} certificates, more than ${MATERIAL_LIMITS.chain}`);
  return blocks.map((block) => {
    const begin = '-----BEGIN CERTIFICATE-----';
    const text = block.trim();
    if (!text.startsWith(begin)) throw new Malformed(`${what} is not PEM certificates`);
    const der = decodeBase64(text.slice(begin.length).replaceAll(/[ \t\r\n]/g, ''), what);
    if (der.length > MATERIAL_LIMITS.certificateBytes) throw new Malformed(`${what} holds a certificate too large`);
    return der;
  });
}

/** The entry of Rekor v1 as cosign keeps it: with the log's promise and without a proof. */
function readEntries(annotations: Annotations): readonly LogEntry[] {
  const text = textOf(annotations, bundleAnnotation);
  if (text === undefined) return [];
  const bundle = asRecord(parseStrictJson(Buffer.from(text)), bundleAnnotation, ['SignedEntryTimestamp', 'Payload']);
  const payload = asRecord(bundle['Payload'], 'Payload', ['body', 'integratedTime', 'logIndex', 'logID']);
  const logId = stringAt(payload, 'logID', 'Payload');
  if (!/^[0-9a-f]{64}$/.test(logId)) throw new Malformed('Payload.logID is not 64 hex digits');
  const body = bytesAt(payload, 'body', 'Payload', MATERIAL_LIMITS.bodyBytes);
  const entry = parseStrictJson(body);
  if (!isObject(entry)) throw new Malformed('the body of its log entry is not an object');
  return [
    {
      kind: stringAt(entry, 'kind', 'the log entry'),
      version: stringAt(entry, 'apiVersion', 'the log entry'),
      logId: Buffer.from(logId, 'hex'),
      logIndex: countAt(payload, 'logIndex', 'Payload'),
      integratedTime: countAt(payload, 'integratedTime', 'Payload'),
      promise: bytesAt(bundle, 'SignedEntryTimestamp', bundleAnnotation, MATERIAL_LIMITS.signatureBytes),
      proof: undefined,
      body,
    },
  ];
}

function readTimestamps(annotations: Annotations): readonly Uint8Array[] {
  const text = textOf(annotations, timestampAnnotation);
  if (text === undefined) return [];
  const timestamp = asRecord(parseStrictJson(Buffer.from(text)), timestampAnnotation, ['SignedRFC3161Timestamp']);
  return [bytesAt(timestamp, 'SignedRFC3161Timestamp', timestampAnnotation, MATERIAL_LIMITS.timestampBytes)];
}

function textOf(annotations: Annotations, name: string): string | undefined {
  const value = Object.hasOwn(annotations, name) ? annotations[name] : undefined;
  if (value !== undefined && typeof value !== 'string') throw new Malformed(`the annotation ${name} is not a string`);
  return value;
}
